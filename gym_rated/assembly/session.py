"""How a script's run begins, is recorded, and keeps in step with people."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from gym_rated.assembly.arguments import RunArgs, args_from_state, describe_preset
from gym_rated.checkpoint import load_state, save_state
from gym_rated.checkpoint.restoring import check_finite, restoring
from gym_rated.environments.rendering import ensure_rendering, prepare_capture
from gym_rated.human import Pacing
from gym_rated.imports import check_imports_nothing, names_of_modules
from gym_rated.ratings import RatingDataset
from gym_rated.runs import RunWriter
from gym_rated.runs.names import CHECKPOINT
from gym_rated.runs.products import Fit, result_row, save_products

_Args = TypeVar("_Args", bound=RunArgs)


class Rewarded(Protocol):
    """A reward model: it tells what it makes of segments, and can be saved."""

    @property
    def ready(self) -> bool:
        """Whether it has been fitted."""
        ...

    def predict(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[Any]:
        """Return the rewards of N steps, shape (N,)."""
        ...

    def save(self, folder: Path, /) -> None:
        """Write it."""
        ...


class Feedback(Protocol):
    """A feedback wrapper, as far as its ratings go."""

    @property
    def ratings(self) -> RatingDataset:
        """Segments and ratings so far."""
        ...


class Stack(Protocol):
    """The wrapped environments of a script; without ratings the last three are None."""

    @property
    def statistics(self) -> Any:
        """The wrapper that counts true returns."""
        ...

    @property
    def learned(self) -> Any:
        """The wrapper that counts learned returns."""
        ...

    @property
    def rater(self) -> Any:
        """Who rates."""
        ...

    @property
    def feedback(self) -> Feedback | None:
        """The feedback wrapper."""
        ...

    @property
    def model(self) -> Rewarded | None:
        """The reward model."""
        ...


class Trainer(Protocol):
    """What trains in a script, as far as its run is concerned."""

    @property
    def args(self) -> RunArgs:
        """Its arguments."""
        ...

    @property
    def global_step(self) -> int:
        """Environment steps so far, summed over environments."""
        ...

    @property
    def report(self) -> Fit | None:
        """The report about the last fit of the reward model."""
        ...

    @property
    def stack(self) -> Stack:
        """Its environments."""
        ...

    def state_dict(self) -> Mapping[str, Any]:
        """Return all that its checkpoint holds."""
        ...

    def load_state_dict(self, state: Any, /) -> None:
        """Go on from what `state_dict` returned."""
        ...

    def policy(self) -> Mapping[str, Any]:
        """Return the agent's tensors by name, for policy.safetensors."""
        ...


def begin_run(args: _Args, script: str) -> tuple[_Args, Path, Mapping[str, Any] | None]:
    """Find out what a script is to train, and say so.

    Args:
        args: The flags. With `resume`, those of the run that it names count instead.
        script: Name of the script, for the folder.

    Returns:
        The flags, the run's folder, and the checkpoint to go on from; None for a new run.

    Raises:
        FileNotFoundError: If the run to resume has no checkpoint.
        ImportError: If a package for videos is missing.
        CannotRender: If no frame can be drawn, with what to install.
    """
    state: Mapping[str, Any] | None = None
    if args.resume is None:
        name = f"{args.env_id}__{script}__{args.reward}__{args.seed}"
        run_dir = args.run_dir or Path("runs") / name.replace("/", "-")
    else:
        run_dir = args.resume
        state = load_state(run_dir / CHECKPOINT)
        args = _restored_args(args, state, run_dir / CHECKPOINT)
    if args.reward == "rated":
        print(describe_preset(args))
    _prepare_rendering(args)
    return args, run_dir, state


def _restored_args(typed: _Args, state: Mapping[str, Any], checkpoint: Path) -> _Args:
    """Return the flags of a checkpoint, which name no module but those that `typed` names too."""
    with restoring("resume", checkpoint):
        args = args_from_state(type(typed), state["args"])
    for name, flag in (("env_id", "--env-id"), ("env_kwargs", "--env-kwargs")):
        check_imports_nothing(
            name,
            getattr(args, name),
            checkpoint,
            f"if you trust it, resume with {flag} as in the run's beginning",
            typed=names_of_modules(getattr(typed, name)),
        )
    return args


def _prepare_rendering(args: RunArgs) -> None:
    """Choose OpenGL before anything is drawn in this process, as videos and captured clips are."""
    if args.capture_video:
        ensure_rendering(args.env_id)
    elif args.captures_clips:
        prepare_capture(args.env_id)


def restore(trainer: Trainer, state: Mapping[str, Any], run_dir: Path) -> None:
    """Bring a trainer to the moment of its checkpoint.

    Args:
        trainer: What trains, as it was made by the flags of the checkpoint.
        state: What `begin_run` returned.
        run_dir: Folder of the run.

    Raises:
        FileNotFoundError: If a file beside the checkpoint is missing.
        ValueError: If the state does not fit the trainer, or holds a tensor with a number that is
            not finite.
        RuntimeError: If an environment does not repeat its episode.
    """
    with restoring("resume", run_dir / CHECKPOINT):
        check_finite(state)
        trainer.load_state_dict(state)


def open_writer(args: RunArgs, run_dir: Path, script: str, resume_step: int | None) -> RunWriter:
    """Return what writes the run, a context manager.

    Args:
        args: The flags.
        run_dir: The run's folder.
        script: Name of the script.
        resume_step: Step of the checkpoint that the run goes on from; None for a new run.
    """
    return RunWriter(
        run_dir,
        asdict(args),
        script=script,
        tensorboard=args.tensorboard,
        resume=resume_step is not None,
        resume_step=resume_step,
    )


def progress_bar(args: RunArgs, first_step: int) -> "tqdm[Any]":
    """Return a bar of environment steps, a context manager; it is only shown on a terminal."""
    steps = args.total_timesteps + args.extra_steps
    return tqdm(total=steps, initial=first_step, unit="step", disable=None)


def make_pacing(args: RunArgs, trainer: Trainer, run_dir: Path) -> Pacing:
    """Return what keeps a script's `trainer` in step with the people who rate.

    A checkpoint is written before anybody is asked, so that a run killed at once can be resumed.

    Args:
        args: The flags.
        trainer: What is saved, and whose environments people are asked about.
        run_dir: Folder of the run.
    """
    stack = trainer.stack

    def save() -> None:
        save_state(run_dir / CHECKPOINT, trainer.state_dict())

    if args.rater == "human" and stack.rater is not None and not (run_dir / CHECKPOINT).exists():
        save()
    return Pacing(
        stack.rater,
        save,
        max_lead=args.max_lead,
        timeout_s=args.rater_timeout_s,
        run_dir=run_dir,
        learned=stack.learned,
        judge=None if stack.feedback is None else lambda: learned_returns(stack),
    )


def learned_returns(stack: Stack, num: int = 200) -> dict[str, float]:
    """Return what a stack's reward model makes of the segments that were rated last.

    Args:
        stack: The environments of a script.
        num: How many of them at most.

    Returns:
        Id of the segment -> return of the learned reward; empty before the first fit.
    """
    if stack.feedback is None or stack.model is None or not stack.model.ready:
        return {}
    ratings = stack.feedback.ratings
    if not len(ratings):
        return {}
    batch = ratings.batch(range(max(0, len(ratings) - num), len(ratings)))
    rewards = np.zeros(batch.mask.shape)
    rewards[batch.mask] = stack.model.predict(batch.obs[batch.mask], batch.actions[batch.mask])
    return dict(zip(batch.ids, rewards.sum(1).tolist(), strict=True))


def finish_run(
    trainer: Trainer, writer: RunWriter, run_dir: Path, steps_per_second: float
) -> dict[str, Any]:
    """Save what a run has made, and close it with its result, which is returned.

    Args:
        trainer: What was trained.
        writer: What writes the run.
        run_dir: The run's folder.
        steps_per_second: Speed of the run.
    """
    args, stack = trainer.args, trainer.stack
    ratings = None if stack.feedback is None else stack.feedback.ratings
    if args.save_model:
        save_products(run_dir, trainer.policy(), stack.model, ratings)
    result = result_row(
        args, trainer.global_step, steps_per_second, stack.statistics, ratings, trainer.report
    )
    writer.write_result(result)
    return result
