"""Raters, schedules, learners and rewards, made as a script's flags say.

Every function takes the flags (`gym_rated.arguments.RatingArgs`) and returns one public object of
the package; scripts put them together.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gym_rated.arguments import RatingArgs, RunArgs
from gym_rated.encoding import obs_dim
from gym_rated.exploration import UntilReady, make_bonus
from gym_rated.fitting import RewardLearner
from gym_rated.multitask import MultitaskLoss
from gym_rated.queries import Select, make_select, query_schedule
from gym_rated.raters import Rater, ShuffledRater, SyntheticRater
from gym_rated.reward_fn import RewardFn, resolve_reward_fn
from gym_rated.reward_model import RewardEnsemble


def make_rater(args: RatingArgs, seed: int) -> Rater:
    """Return the rater that the flags ask for."""
    rater = SyntheticRater(
        args.num_classes,
        answers=args.answers,
        regrade=args.regrade,
        relative_to=args.relative_to,
        mistake_rate=args.mistake_rate,
        slip_rate=args.slip_rate,
        skip_rate=args.skip_rate,
        seed=seed,
    )
    return ShuffledRater(rater, seed=seed) if args.shuffle_ratings else rater


def choose_lengths(args: RatingArgs, max_episode_steps: int | None) -> tuple[int, ...]:
    """Return the lengths of segments, in steps: none is more than half an episode."""
    longest = max(args.segment_length) if max_episode_steps is None else max_episode_steps // 2
    return tuple(dict.fromkeys(max(1, min(n, longest)) for n in args.segment_length))


def make_schedule(
    args: RatingArgs, total_timesteps: int, num_envs: int, segment_lengths: Sequence[int]
) -> dict[int, int]:
    """Return the query schedule: the first query waits until its segments can be cut."""
    per_env = -(-args.num_ratings // (5 * num_envs))
    start = max(2_048, per_env * max(segment_lengths) * num_envs)
    return query_schedule(args.num_ratings, total_timesteps, start=start)


def make_learner(
    args: RatingArgs, envs: Any, segment_lengths: Sequence[int], seed: int
) -> RewardLearner:
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
        scale=args.scale,
        weights=args.weights,
        target=args.target,
        limits=args.limits,
        segment_value=args.segment_value,
        segment_length=max(segment_lengths),
        trim=args.trim,
    )
    return RewardLearner(
        model,
        loss,
        learning_rate=args.reward_learning_rate,
        batch_size=args.reward_batch_size,
        first_steps=args.first_steps,
        later_steps=args.later_steps,
        max_passes=args.max_passes,
        stop_at_accuracy=args.stop_at_accuracy,
        offset=args.offset,
        seed=seed,
    )


def make_selection(args: RatingArgs, model: RewardEnsemble) -> Select:
    """Return the query strategy that the flags ask for."""
    return make_select(args.select, model, args.num_classes)


def make_reward_fn(
    args: RunArgs, envs: Any, model: RewardEnsemble | None = None
) -> RewardFn | None:
    """Return what the agent is paid, with the `model` of a rated arm; None is the true reward."""
    if args.reward == "true":
        return None
    if model is not None and args.explore == "noise":
        return model.predict
    dim = obs_dim(envs.single_observation_space)
    if model is not None:
        return UntilReady(model, make_bonus(args.explore, dim, args.seed))
    if args.reward == "model":
        return resolve_reward_fn(str(args.reward_model))
    if args.reward in ("constant", "none"):
        value = 1.0 if args.reward == "constant" else 0.0
        return lambda obs, actions: np.full(len(obs), value)
    return make_bonus(args.reward, dim, args.seed)
