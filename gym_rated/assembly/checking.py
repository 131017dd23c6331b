"""Whether the flags of a run go together: what is refused before any work, and what is warned of.

The range of each flag by itself is in `ranges`.
"""

import warnings
from pathlib import Path
from typing import Any

from gym_rated.assembly.devices import check_device
from gym_rated.assembly.groups import Judge
from gym_rated.assembly.ranges import check_ranges
from gym_rated.assembly.run_args import RunArgs
from gym_rated.assembly.wording import flag
from gym_rated.checkpoint.state import MANIFEST
from gym_rated.checks import check_class_texts
from gym_rated.choices import Reference, TaskName
from gym_rated.runs.sinks import check_trackers
from gym_rated.segments.encoding import PIXELS

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
        ImportError: If the package of a tracker is missing.
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
    check_trackers(args.track)
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
    _check_features(args)
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


def _check_features(args: RunArgs) -> None:
    """Refuse what names no features, and what does not go with those that are computed."""
    if args.features in (None, PIXELS):
        return
    module, _, function = str(args.features).partition(":")
    if not module or not function or ":" in function:
        raise ValueError(
            f"`features` must be pixels, or a function of yours as module:function, got "
            f"{args.features!r}"
        )
    if args.repel_coef and args.reward == "rated":
        raise ValueError(
            f"`repel_coef` must be 0 with --features {args.features}, got {args.repel_coef}: the "
            "policy sees other numbers than those that ratings keep; take --features pixels of "
            "images, or no features of vectors"
        )


def _image_flags(args: RunArgs) -> dict[str, Any]:
    """Return the flags that change images, where they are given."""
    given = {"image_size": args.image_size, "gray": args.gray, "frame_stack": args.frame_stack}
    usual = {"image_size": None, "gray": False, "frame_stack": 1}
    return {name: value for name, value in given.items() if value != usual[name]}


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
    if args.class_texts:
        check_class_texts(args.class_texts, args.num_classes)
    _check_replay(args)


def _check_replay(args: RunArgs) -> None:
    """Refuse flags under which a segment that is played again does not show what was recorded."""
    changed = _image_flags(args)
    if args.features not in (None, PIXELS):
        changed["features"] = args.features
    if args.clips == "replay" and args.reward == "rated" and changed:
        name, value = next(iter(changed.items()))
        raise ValueError(
            f"`clips` must be capture with {flag(name)}{'' if value is True else f' {value}'}, got "
            "replay, which compares what it plays with what was recorded, and knows the "
            "environment by its id alone; add --clips capture, or register the environment with a "
            "wrapper that does the same"
        )


def _check_envpool(args: RunArgs) -> None:
    """Refuse what needs pictures of single environments, or episodes that are played again."""
    if args.capture_video or (args.rater == "human" and args.reward == "rated"):
        asked = "--capture-video" if args.capture_video else "--rater human"
        raise ValueError(
            f"`vectorization` must be sync or async with {asked}, got envpool: its episodes can "
            "neither be filmed nor played again"
        )
    for name, value in _image_flags(args).items():
        raise ValueError(
            f"`{name}` must be left out with --vectorization envpool, got {value}: its "
            "environments take no wrappers; EnvPool has arguments of its own, for `env_kwargs`"
        )


def is_ranked(rater: Judge, relative_to: Reference, *, regrade: bool) -> bool:
    """Return whether ratings are known to be places among all that their rater had seen by then."""
    return rater == "synthetic" and relative_to == "everything" and not regrade
