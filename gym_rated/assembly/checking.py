"""Whether the flags of a run go together: what is refused before any work, and what is warned of.

The range of each flag by itself is in `ranges`.
"""

import warnings
from pathlib import Path

from gym_rated.assembly.devices import check_device
from gym_rated.assembly.groups import Judge
from gym_rated.assembly.ranges import check_ranges
from gym_rated.assembly.run_args import RunArgs
from gym_rated.checkpoint.state import MANIFEST
from gym_rated.choices import Reference, TaskName

_NEEDED: dict[str, tuple[TaskName, ...]] = {
    "scores": ("score",),
    "both": ("score",),
    "comparisons": ("comparison", "pairwise"),
}
"""The tasks of which one must be there to learn from some kinds of answers."""


def check_args(args: RunArgs) -> None:
    """Refuse flags that are out of range, or contradict each other.

    Raises:
        TypeError: If something is no number that must be one.
        ValueError: If a flag is out of range, or with others makes a run that cannot do its job.
    """
    check_ranges(args)
    args.check_agent()
    check_together(args)
    if args.reward_model is not None and not (Path(args.reward_model) / MANIFEST).is_file():
        raise ValueError(
            f"`reward_model` must be the folder of a saved model, got {args.reward_model}, where "
            "there is none; `gym-rated fit` makes one, and so does every rated run"
        )
    check_device(args)
    if args.reward == "rated":
        _check_rated(args)
        _warn_of_other_ratings(args)


def check_together(args: RunArgs) -> None:
    """Refuse flags that contradict each other, in a run that was begun as well."""
    if (args.reward == "model") != (args.reward_model is not None):
        raise ValueError(
            "`reward_model` must be given with `--reward model` and only then, got "
            f"{args.reward_model} with --reward {args.reward}"
        )
    needed = _NEEDED.get(args.answers)
    if needed is not None and not set(needed) & set(args.tasks):
        raise ValueError(
            f"`tasks` must include {' or '.join(map(repr, needed))} with `--answers "
            f"{args.answers}`, got {args.tasks}"
        )
    if args.rater == "human":
        _check_human(args)
    if args.vectorization == "envpool":
        _check_envpool(args)


def _check_rated(args: RunArgs) -> None:
    """Refuse what leaves nothing to compare: a reward cannot be learned from it."""
    if args.num_ratings < 2:
        raise ValueError(
            f"`num_ratings` must be at least 2 to be compared, got {args.num_ratings}; ask for "
            "more, or train on another `reward`"
        )
    if args.skip_rate == 1 and args.rater == "synthetic":
        raise ValueError(
            "`skip_rate` must be below 1, got 1: a rater who can never tell teaches nothing"
        )
    if args.answers == "ratings" and not set(args.tasks) - {"score", "comparison"}:
        raise ValueError(
            f"`tasks` must include one that learns from ratings with `--answers ratings`, got "
            f"{args.tasks}; add ordinal, or let the rater give other `answers`"
        )


def _warn_of_other_ratings(args: RunArgs) -> None:
    """Warn where a rater that is computed gives other ratings than the task quantile reads."""
    if (
        "quantile" in args.tasks
        and args.rater == "synthetic"
        and not is_ranked(args.rater, args.relative_to, regrade=args.regrade)
    ):
        warnings.warn(
            "`tasks` has quantile, which reads a rating as a place among all that its rater had "
            f"seen by then, got --relative-to {args.relative_to} and regrade={args.regrade}; other "
            "ratings can make a reward that is badly wrong with it: take --tasks ordinal",
            stacklevel=3,
        )


def _check_human(args: RunArgs) -> None:
    if args.answers != "ratings":
        raise ValueError(f"`answers` must be ratings with `--rater human`, got {args.answers}")
    for name in ("mistake_rate", "slip_rate", "score_noise", "skip_rate", "shuffle_ratings"):
        if value := getattr(args, name):
            raise ValueError(
                f"`{name}` is of the synthetic rater, got {value} with `--rater human`"
            )
    for name in ("rater_name", "instructions"):
        if not getattr(args, name).strip():
            raise ValueError(f"`{name}` must be a word or more, got {getattr(args, name)!r}")
    names = {name.strip() for name in args.class_names}
    if args.class_names and ("" in names or len(names) < len(args.class_names)):
        raise ValueError(f"`class_names` must differ, and say something, got {args.class_names}")
    if args.class_names and len(names) != args.num_classes:
        raise ValueError(
            f"`class_names` must name each of the {args.num_classes} classes (`num_classes`), got "
            f"{args.class_names}"
        )


def _check_envpool(args: RunArgs) -> None:
    """Refuse what needs pictures of single environments, or episodes that are played again."""
    if args.capture_video or (args.rater == "human" and args.reward == "rated"):
        asked = "--capture-video" if args.capture_video else "--rater human"
        raise ValueError(
            f"`vectorization` must be sync or async with {asked}, got envpool: its episodes can "
            "neither be filmed nor played again"
        )


def is_ranked(rater: Judge, relative_to: Reference, *, regrade: bool) -> bool:
    """Return whether ratings are known to be places among all that their rater had seen by then."""
    return rater == "synthetic" and relative_to == "everything" and not regrade
