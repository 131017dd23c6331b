"""The flags about ratings, which all scripts share, and what is made of them.

A script's `Args` inherits from `RatingArgs`; presets only set flags, which the command line may
set otherwise.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import tyro

from gym_rated.fitting import RewardLearner
from gym_rated.losses import TargetForm
from gym_rated.multitask import MultitaskLoss, SegmentValue, Task, WeightRule
from gym_rated.presets import PRESETS
from gym_rated.queries import query_schedule
from gym_rated.raters import Rater, ShuffledRater, SyntheticRater
from gym_rated.reward_model import RewardEnsemble


@dataclass
class RatingArgs:
    """Flags about the ratings and the reward model, with our defaults."""

    preset: Literal["ours", "people", "rbrl"] = "ours"
    """a named method; it sets some of the flags below, and is printed at the start"""
    rater: Literal["synthetic"] = "synthetic"
    """who rates: computed from the true reward"""
    num_ratings: int = 500
    """segments to ask about in all"""
    num_classes: int = 5
    """the number of rating classes"""
    segment_length: int = 50
    """steps of a segment; never more than half an episode"""
    regrade: bool = True
    """whether the synthetic rater rates everything again as standards rise (a person does not)"""
    mistake_rate: float = 0.0
    """probability that a synthetic rating is wrong"""
    shuffle_ratings: bool = False
    """give the ratings to the wrong segments: the control that must not learn"""
    tasks: tuple[Task, ...] = ("classification", "regression")
    """the tasks that the reward model is fitted to"""
    weights: WeightRule = "uncertainty"
    """how the tasks are weighed against each other"""
    target: TargetForm = "linear"
    """what return a rating stands for, in the regression task"""
    segment_value: SegmentValue = "sum"
    """whether ratings judge a segment's sum of rewards or its mean"""
    num_members: int = 3
    """reward networks in the ensemble"""
    hidden_sizes: tuple[int, ...] = (64, 64)
    """hidden layers of a reward network"""
    reward_learning_rate: float = 1e-3
    """the learning rate of the reward model"""
    reward_batch_size: int = 64
    """ratings in a mini-batch of the reward model"""
    first_steps: int = 200
    """gradient steps of the first fit"""
    later_steps: int = 50
    """gradient steps of each later fit"""


_Args = TypeVar("_Args", bound=RatingArgs)


def parse_args(kind: type[_Args], argv: Sequence[str] | None = None) -> _Args:
    """Read the command line; the preset's flags come first, so that other flags win over them.

    Args:
        kind: The script's dataclass of arguments.
        argv: Words of the command line; those of this process by default.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    args = tyro.cli(kind, args=words)
    return tyro.cli(kind, args=words, default=replace(kind(), **PRESETS[args.preset]))


def describe_preset(args: RatingArgs) -> str:
    """Return one line that says what the preset set, and what other flags made of it."""
    flags = {name: getattr(args, name) for name in PRESETS[args.preset]}
    return f"preset {args.preset}: " + ", ".join(f"{k}={v}" for k, v in flags.items())


def make_rater(args: RatingArgs, seed: int) -> Rater:
    """Return the rater that the flags ask for."""
    rater = SyntheticRater(
        args.num_classes, regrade=args.regrade, mistake_rate=args.mistake_rate, seed=seed
    )
    return ShuffledRater(rater, seed=seed) if args.shuffle_ratings else rater


def make_schedule(
    args: RatingArgs, total_timesteps: int, num_envs: int, segment_length: int
) -> dict[int, int]:
    """Return the query schedule: the first query waits until its segments can be cut."""
    per_env = -(-args.num_ratings // (5 * num_envs))
    start = max(2_048, per_env * segment_length * num_envs)
    return query_schedule(args.num_ratings, total_timesteps, start=start)


def make_learner(args: RatingArgs, envs: Any, segment_length: int, seed: int) -> RewardLearner:
    """Return a fresh reward model for the spaces of `envs`, with its loss and optimiser."""
    model = RewardEnsemble.for_spaces(
        envs.single_observation_space,
        envs.single_action_space,
        num_members=args.num_members,
        hidden_sizes=args.hidden_sizes,
        seed=seed,
    )
    loss = MultitaskLoss(
        args.tasks,
        num_classes=args.num_classes,
        num_members=args.num_members,
        weights=args.weights,
        target=args.target,
        segment_value=args.segment_value,
        segment_length=segment_length,
    )
    return RewardLearner(
        model,
        loss,
        learning_rate=args.reward_learning_rate,
        batch_size=args.reward_batch_size,
        first_steps=args.first_steps,
        later_steps=args.later_steps,
        seed=seed,
    )
