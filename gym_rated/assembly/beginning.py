"""How a script's run begins: anew, or where an earlier process left it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from gym_rated.assembly.arguments import (
    RunArgs,
    check_names,
    check_unchanged,
    describe_preset,
    differing,
)
from gym_rated.assembly.checking import check_args
from gym_rated.assembly.devices import check_device
from gym_rated.assembly.stored import args_from_state, args_of_run
from gym_rated.assembly.wording import named_as
from gym_rated.checkpoint import load_state
from gym_rated.checkpoint.restoring import restoring
from gym_rated.environments.rendering import ensure_rendering, prepare_capture
from gym_rated.runs import is_finished, read_result
from gym_rated.runs.lock import hold_folder
from gym_rated.runs.names import CHECKPOINT
from gym_rated.runs.reading import check_format, read_config
from gym_rated.runs.sinks import check_trackers
from gym_rated.runs.unborn import is_unborn, set_aside
from gym_rated.runs.writer import check_folder

_Args = TypeVar("_Args", bound=RunArgs)


@dataclass(frozen=True)
class Start(Generic[_Args]):
    """How a run of a script begins.

    Attributes:
        args: The flags that count.
        run_dir: The run's folder.
        script: Name of the script.
        state: The checkpoint to go on from; None for a run from the beginning.
        result: The result of a run that is finished: there is nothing to train.
    """

    args: _Args
    run_dir: Path
    script: str
    state: Mapping[str, Any] | None = None
    result: dict[str, Any] | None = None

    @property
    def is_extended(self) -> bool:
        """Whether the run goes on for longer than its checkpoint says."""
        return self.state is not None and (
            self.args.total_timesteps > self.state["args"]["total_timesteps"]
        )


@contextmanager
def begin_run(args: _Args, script: str) -> Iterator[Start[_Args]]:
    """Find out what a script is to train, say so, and hold the run's folder meanwhile.

    Args:
        args: The flags. With `resume`, those of the run that it names count instead; more
            `total_timesteps` extend it, and its `device` may be another.
        script: Name of the script, for the folder.

    Yields:
        How the run begins.

    Raises:
        FileNotFoundError: If there is no run to resume.
        FileExistsError: If the folder of a new run holds one.
        ValueError: If flags do not go together, or the run to resume is damaged, of another script
            or of a newer format.
        RuntimeError: If another process writes to the folder.
        OSError: If the folder cannot be written to.
        ImportError: If a package for videos, or of a tracker, is missing.
        CannotRender: If no frame can be drawn, with what to install.
    """
    if args.resume is None:
        check_args(args)
        run_dir = check_new_folder(args, script)  # before anything is written there
        with hold_folder(run_dir):
            _check_is_free(run_dir, script)
            if is_unborn(run_dir, script):
                print(f"{run_dir} was begun before, and has no checkpoint: {set_aside(run_dir)}")
            yield _ready(Start(args, run_dir, script))
        return
    run_dir = Path(args.resume).expanduser()
    with named_as(folder="resume"):
        run_args, given = args_of_run(type(args), run_dir), _given(args)
        _check_script(read_config(run_dir).get("script"), script)
        check_unchanged(args, run_args, given)
        _check_extension(args, run_args, given)
        result = _result_of(run_dir, args, run_args, given)
    if result is not None:
        yield Start(run_args, run_dir, script, result=result)
        return
    with hold_folder(run_dir):
        result = _result_of(run_dir, args, run_args, given)  # it may have ended a moment ago
        if result is not None:
            yield Start(run_args, run_dir, script, result=result)
        else:
            yield _ready(_resumed(args, run_args, given, run_dir, script))


def check_new_folder(args: RunArgs, script: str) -> Path:
    """Return the folder of a run from the beginning.

    Raises:
        FileExistsError: If it holds a run.
        NotADirectoryError: If it is a file.
        ValueError: If there can be no such folder.
    """
    name = f"{args.env_id}__{script}__{args.reward}__{args.seed}"
    run_dir = Path(args.run_dir or Path("runs") / name.replace("/", "-")).expanduser()
    try:
        if run_dir.exists() and not run_dir.is_dir():
            raise NotADirectoryError(f"`run_dir` must be a folder, got the file {run_dir}")
        _check_is_free(run_dir, script)
    except OSError as error:
        if error.strerror is None:  # in our own words
            raise
        raise ValueError(
            f"`run_dir` must be a folder that there can be, got {run_dir}: {error.strerror}"
        ) from error
    return run_dir


def _check_is_free(run_dir: Path, script: str) -> None:
    """Refuse a folder that holds a run, unless that was killed before it had made anything."""
    with named_as(folder="run_dir"):
        if not is_unborn(run_dir, script):
            check_folder(run_dir, resume=False)


def _given(args: RunArgs) -> frozenset[str]:
    given = args.given
    return differing(args, type(args)()) - {"resume"} if given is None else given


def _check_script(found: Any, script: str) -> None:
    if found not in (None, script):
        raise ValueError(
            f"`resume` must be a run of {script}, got one of {found}; resume it by that script"
        )


def _check_extension(args: RunArgs, run_args: RunArgs, given: frozenset[str]) -> None:
    asked, has = args.total_timesteps, run_args.total_timesteps
    if "total_timesteps" in given and asked < has:
        raise ValueError(
            f"`total_timesteps` must be at least those of the run to resume, {has}, got {asked}: a "
            "run can be extended, not shortened"
        )


def _result_of(
    run_dir: Path, args: RunArgs, run_args: RunArgs, given: frozenset[str]
) -> dict[str, Any] | None:
    """Return the result of a run that is finished, and is not to be extended, and say so."""
    is_longer = "total_timesteps" in given and args.total_timesteps > run_args.total_timesteps
    if not is_finished(run_dir) or is_longer:
        return None
    result = read_result(run_dir)
    steps = run_args.total_timesteps
    print(f"{run_dir} is finished, nothing is changed; --total-timesteps above {steps} extends it")
    return {name: value for name, value in result.items() if name != "sha256"}


def _resumed(
    args: _Args, run_args: _Args, given: frozenset[str], run_dir: Path, script: str
) -> Start[_Args]:
    """Return how a run goes on that is not finished, or is to be extended."""
    state: Mapping[str, Any] | None = None
    if is_unborn(run_dir, script):
        print(f"{run_dir} has no checkpoint yet, and begins anew: {set_aside(run_dir)}")
    else:
        with named_as(folder="resume"):
            state = load_state(run_dir / CHECKPOINT)
            _check_stamp(state, script, run_dir)
        with restoring("resume", run_dir / CHECKPOINT):
            run_args = args_from_state(type(args), state["args"])
        check_names(args, run_args, run_dir / CHECKPOINT)
    if "total_timesteps" in given and args.total_timesteps > run_args.total_timesteps:
        print(_extension(run_dir, run_args, args.total_timesteps))
        run_args = replace(run_args, total_timesteps=args.total_timesteps)
    if "device" in given:  # the machine may be another one
        run_args = replace(run_args, **{"device": vars(args)["device"]})
    check_device(run_args)
    check_trackers(run_args.track)
    return Start(replace(run_args, resume=None), run_dir, script, state)


def _check_stamp(state: Mapping[str, Any], script: str, run_dir: Path) -> None:
    """Refuse the checkpoint of another program; those of format 1 have no stamp."""
    stamp = state.get("stamp", {})
    check_format(stamp.get("format", 1), stamp.get("gym_rated"), run_dir / CHECKPOINT)
    _check_script(stamp.get("script"), script)
    if not isinstance(state.get("args"), Mapping):
        raise ValueError(f"`resume` must be a run of a script, got {run_dir} of something else")


def _extension(run_dir: Path, run_args: RunArgs, steps: int) -> str:
    """Return what a longer run changes, and what not."""
    said = f"{run_dir} is extended from {run_args.total_timesteps} to {steps} timesteps"
    if getattr(run_args, "anneal_lr", False):
        said += ", and its learning rate falls to 0 at the new end"
    if run_args.reward == "rated":
        said += f"; it asks for no more than the {run_args.num_ratings} ratings that were planned"
    return said


def _ready(start: Start[_Args]) -> Start[_Args]:
    """Say by what preset is learned, and prepare OpenGL."""
    if start.args.reward == "rated":
        print(describe_preset(start.args))
    _prepare_rendering(start.args)
    return start


def _prepare_rendering(args: RunArgs) -> None:
    """Choose OpenGL before anything is drawn in this process, as videos and captured clips are."""
    if args.capture_video:
        ensure_rendering(args.env_id)
    elif args.captures_clips:
        prepare_capture(args.env_id)
