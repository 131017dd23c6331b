"""How a script's run is recorded, keeps in step with people, and ends."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from tqdm import tqdm

from gym_rated.agreeing import Agreeing
from gym_rated.assembly.arguments import RunArgs, parse_args
from gym_rated.assembly.beginning import Start, check_new_folder
from gym_rated.assembly.outcome import learning_problem
from gym_rated.assembly.stored import args_state
from gym_rated.assembly.trainers import Stack, Trainer
from gym_rated.assembly.wording import as_flags
from gym_rated.checkpoint import save_state
from gym_rated.checkpoint.finite import check_tensors
from gym_rated.checkpoint.restoring import restoring
from gym_rated.edge import is_for_the_user
from gym_rated.human import Pacing
from gym_rated.runs import RunWriter, read_metrics
from gym_rated.runs.names import AGREEING, CHECKPOINT, CONTRADICTING, METRICS, SPEED
from gym_rated.runs.products import result_row, save_products

if TYPE_CHECKING:
    from gym_rated.ratings.predictions import RatingPredictions

_Args = TypeVar("_Args", bound=RunArgs)
_REFUSED = (ValueError, TypeError, FileExistsError, ImportError)  # what the user can put right


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
        check_tensors(state)
        trainer.load_state_dict(state)


def open_writer(start: Start[Any], trainer: Trainer) -> RunWriter:
    """Return what writes the run, a context manager.

    Args:
        start: How the run begins.
        trainer: What trains; with the state of `start`, if that has one.
    """
    state = start.state
    if start.is_extended and state is not None:  # before the result is taken back
        save_state(start.run_dir / CHECKPOINT, {**state, "args": args_state(start.args)})
    writer = RunWriter(
        start.run_dir,
        asdict(start.args),
        script=start.script,
        tensorboard=start.args.tensorboard,
        track=start.args.track,
        track_project=start.args.track_project,
        resume=state is not None,
        resume_step=None if state is None else trainer.global_step,
        stamp=None if state is None else state.get("stamp"),
        is_held=True,
    )
    for name, place in writer.tracked.items():
        print(f"{name} tracks it: {place}")
    return writer


def progress_bar(args: RunArgs, first_step: int) -> "tqdm[Any]":
    """Return a bar of environment steps, a context manager; it is only shown on a terminal."""
    steps = args.total_timesteps + args.extra_steps
    return tqdm(total=steps, initial=first_step, unit="step", disable=None)


def make_pacing(args: RunArgs, trainer: Trainer, writer: RunWriter) -> Pacing:
    """Return what keeps a script's `trainer` in step with the people who rate.

    A checkpoint is written before anybody is asked, so that a run killed at once can be resumed.

    Args:
        args: The flags.
        trainer: What is saved, and whose environments people are asked about.
        writer: What writes the run.
    """
    stack, run_dir = trainer.stack, writer.folder

    def save() -> None:
        save_state(run_dir / CHECKPOINT, writer.stamp(trainer.state_dict()))

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
        contradicting=lambda: contradicting_in(trainer.report),
        agreeing=lambda: agreeing_in(trainer.report),
        doubtful=lambda: {} if stack.learner is None else stack.learner.doubtful(),
    )


def contradicting_in(report: Mapping[str, Any] | None) -> dict[str, float]:
    """Return rater -> share of ratings that contradict the rest, out of the report about a fit.

    Args:
        report: Numbers by name, as `FitReport.as_dict` returns them; None before the first fit.
    """
    found = {} if report is None else dict(report)
    return {
        name.removeprefix(CONTRADICTING): share
        for name, share in found.items()
        if name.startswith(CONTRADICTING)
    }


def agreeing_in(report: Mapping[str, Any] | None) -> dict[str, Agreeing]:
    """Return rater -> how often the reward agrees, out of the report about a fit.

    Args:
        report: Numbers by name, as `FitReport.as_dict` returns them; None before the first fit.
    """
    found = {} if report is None else dict(report)
    share = f"{AGREEING}share/"
    raters = [name.removeprefix(share) for name in found if name.startswith(share)]
    return {
        who: Agreeing(
            int(found[f"{AGREEING}num/{who}"]),
            int(found[f"{AGREEING}pairs/{who}"]),
            found[share + who],
        )
        for who in raters
    }


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


def finish_run(trainer: Trainer, writer: RunWriter, steps_per_second: float) -> dict[str, Any]:
    """Save what a run has made, and close it with its result, which is returned.

    Of a rated run the result says whether anything was `learned`, and if not, the `problem`.

    Args:
        trainer: What was trained.
        writer: What writes the run.
        steps_per_second: Speed of the run; 0 where it was resumed at its end.
    """
    args, stack, run_dir = trainer.args, trainer.stack, writer.folder
    ratings = None if stack.feedback is None else stack.feedback.ratings
    if args.save_model:
        predictions = _predictions(stack)
        save_products(run_dir, trainer.policy(), stack.model, ratings, predictions)
    metrics = read_metrics(run_dir) if (run_dir / METRICS).exists() else {}
    if not steps_per_second and SPEED in metrics:
        steps_per_second = float(metrics[SPEED][1][-1])
    result = result_row(
        args, trainer.global_step, steps_per_second, stack.statistics, ratings, trainer.report
    )
    if ratings is not None:
        problem = learning_problem(ratings, metrics)
        result |= {"learned": problem is None} | ({} if problem is None else {"problem": problem})
    writer.write_result(result)
    return result


def _predictions(stack: Stack) -> "RatingPredictions | None":
    """Return what a report shows of a fitted reward model; None where nothing was fitted."""
    from gym_rated.fitting.predictions import predict_ratings  # these import torch, flags do not
    from gym_rated.reward_model import RewardEnsemble

    if stack.feedback is None or not stack.feedback.ratings.ratings:
        return None
    if not isinstance(stack.model, RewardEnsemble) or not stack.model.ready:
        return None
    return predict_ratings(stack.model, stack.feedback.ratings)


def main(train: Callable[[_Args], dict[str, Any]], kind: type[_Args], script: str) -> int:
    """Do what a script does on the command line.

    Args:
        train: Trains by its arguments, and returns the result.
        kind: The script's dataclass of arguments.
        script: Name of the script, for errors.

    Returns:
        The exit code: 0; 1 if the run failed; 2 if its flags were refused; 3 if it ended, and
        nothing was learned from ratings; 130 if it was interrupted.
    """
    try:
        args = read_args(kind, script)
    except SystemExit as ended:
        return int(ended.code or 0)
    return run(train, args, script)


def read_args(kind: type[_Args], script: str) -> _Args:
    """Read the command line of a script, or end its process: after --help, or what is refused.

    A script calls this above its import of torch, which takes seconds, and `run` at its end; `main`
    is both in one.

    Args:
        kind: The script's dataclass of arguments.
        script: Name of the script, for errors.

    Raises:
        SystemExit: With code 0 after --help, and 2 where a flag is refused.
    """
    try:
        args = parse_args(kind)
        if args.resume is None:
            check_new_folder(args, script)
    except Exception as error:
        _say_refused(error, kind, script)
        sys.exit(2)
    return args


def run(train: Callable[[_Args], dict[str, Any]], args: _Args, script: str) -> int:
    """Train by arguments that `read_args` returned; else as `main`."""
    try:
        result = train(args)
    except KeyboardInterrupt:
        said = f"{script}.py: interrupted; --resume goes on from the last checkpoint"
        print(said, file=sys.stderr)
        return 130
    except Exception as error:
        _say_refused(error, type(args), script)
        return 2 if isinstance(error, _REFUSED) else 1
    print(result)
    if result.get("learned", True):
        return 0
    print(f"{script}.py: {result['problem']}", file=sys.stderr)
    return 3


def _say_refused(error: Exception, kind: type[RunArgs], script: str) -> None:
    """Say in the words of the command line what was wrong; raise bugs."""
    if not is_for_the_user(error):
        raise error
    names = [field.name for field in fields(kind)]
    said = "\n".join([str(error), *getattr(error, "__notes__", ())])
    print(f"{script}.py: {as_flags(said, names)}", file=sys.stderr)
