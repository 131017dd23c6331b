"""Raters, schedules, learners and rewards, made as a script's flags say.

Every function takes the flags (`gym_rated.assembly.arguments.RatingArgs`) and returns one public
object of the package; scripts put them together.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gym_rated import fitting
from gym_rated.assembly.arguments import RatingArgs, RunArgs
from gym_rated.checkpoint import save_state
from gym_rated.environments.rendering import ensure_rendering, prepare_capture
from gym_rated.environments.seeded import SeededEpisodes
from gym_rated.exploration import UntilReady, make_bonus
from gym_rated.fitting import Method, RewardLearner
from gym_rated.human import Pacing
from gym_rated.queries import Select, make_select, query_schedule
from gym_rated.raters import Rater, ShuffledRater, SyntheticRater
from gym_rated.reward_model import RewardEnsemble
from gym_rated.segments.encoding import action_dim, obs_dim
from gym_rated.wrappers.reward_fn import RewardFn, resolve_reward_fn


def make_rater(args: RatingArgs, seed: int, run_dir: Path | None = None) -> Rater:
    """Return the rater that the flags ask for.

    Args:
        args: The flags; those of a script where people are to rate.
        seed: Seed of the rater, and of the environments.
        run_dir: Folder of the run, in which the database of a person's ratings is.

    Raises:
        ImportError: If a package of the extra `human` is missing.
        ValueError: If there is no run that people could rate.
    """
    if args.rater == "human":
        return _make_human_rater(args, seed, run_dir)
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


def _make_human_rater(args: RatingArgs, seed: int, run_dir: Path | None) -> Rater:
    from gym_rated.human import Asking, HumanRater, Page  # the extra may be missing

    if not isinstance(args, RunArgs) or run_dir is None:
        raise ValueError("`rater` must be synthetic here, got human; people rate runs of a script")
    env_id: str = args.env_id  # type: ignore[attr-defined]  # every script's Args has it
    asking = Asking(
        overlap=args.overlap,
        num_ratings=args.num_ratings,
        together=args.max_lead == 0,
        new=not (run_dir / "checkpoint").exists(),
    )
    page = Page(
        port=args.rater_port,
        name=args.rater_name,
        open_browser=args.open_browser,
        size=args.clip_size,
        quality=args.clip_quality,
    )
    return HumanRater(
        args.rater_db or run_dir / "ratings.db",
        env_id=env_id,
        seed=seed,
        env_kwargs=args.env_kwargs,
        num_classes=args.num_classes,
        class_names=args.class_names or None,
        instructions=args.instructions,
        run_id=run_dir.name if args.rater_db else f"{env_id}__{seed}",
        asking=asking,
        page=page if args.serve else None,
    )


def make_episodes(args: RunArgs, env: Any, index: int) -> SeededEpisodes:
    """Return a sub-environment that can be played again, or is filmed as it happens."""
    if not args.captures_clips:
        return SeededEpisodes(env, args.seed, index)
    from gym_rated.human import CapturedEpisodes

    lengths = choose_lengths(args, env.spec.max_episode_steps)
    return CapturedEpisodes(
        env,
        args.seed,
        index,
        segment_length=max(lengths),
        share=_filmed_share(args, lengths),
        size=args.clip_size,
        quality=args.clip_quality,
    )


def _filmed_share(args: RatingArgs, lengths: Sequence[int]) -> float:
    """Return the share of steps to film: thrice what is asked about, and at least a quarter."""
    if not isinstance(args, RunArgs) or not args.captures_clips:
        return 1.0
    total: int = args.total_timesteps  # type: ignore[attr-defined]  # every script's Args has it
    share = 3 * args.num_ratings * max(lengths) / (args.query_until * total)
    return min(1.0, max(0.25, share))  # a query must find some, whatever was drawn since the last


def recording(args: RunArgs) -> dict[str, bool]:
    """Return what the feedback wrapper is to record for people to be shown."""
    filmed = args.captures_clips
    return {"record_replay": args.rater == "human" and not filmed, "record_frames": filmed}


def prepare_rendering(args: RunArgs, env_id: str) -> None:
    """Choose OpenGL before anything is drawn in this process, as videos and captured clips are.

    Raises:
        ImportError: If a package for videos is missing.
        CannotRender: If no frame can be drawn, with what to install.
    """
    if args.capture_video:
        ensure_rendering(env_id)
    elif args.captures_clips:
        prepare_capture(env_id)


def make_pacing(args: RunArgs, trainer: Any, run_dir: Path) -> Pacing:
    """Return what keeps a script's `trainer` in step with the people who rate.

    A checkpoint is written before anybody is asked, so that a run killed at once can be resumed.

    Args:
        args: The flags.
        trainer: Has `state_dict`, and a `stack` with `rater` and `learned`.
        run_dir: Folder of the run.
    """

    def save() -> None:
        save_state(run_dir / "checkpoint", trainer.state_dict())

    if args.rater == "human" and trainer.stack.rater and not (run_dir / "checkpoint").exists():
        save()
    return Pacing(
        trainer.stack.rater,
        save,
        max_lead=args.max_lead,
        timeout_s=args.rater_timeout_s,
        run_dir=run_dir,
        learned=trainer.stack.learned,
        judge=None if trainer.stack.feedback is None else lambda: learned_returns(trainer.stack),
    )


def learned_returns(stack: Any, num: int = 200) -> dict[str, float]:
    """Return what a stack's reward model makes of the segments that were rated last.

    Args:
        stack: Has `model`, and `feedback` with `ratings`.
        num: How many of them at most.

    Returns:
        Id of the segment -> return of the learned reward; empty before the first fit.
    """
    ratings = stack.feedback.ratings
    if not stack.model.ready or not len(ratings):
        return {}
    batch = ratings.batch(range(max(0, len(ratings) - num), len(ratings)))
    rewards = np.zeros(batch.mask.shape)
    rewards[batch.mask] = stack.model.predict(batch.obs[batch.mask], batch.actions[batch.mask])
    return dict(zip(batch.ids, rewards.sum(1).tolist(), strict=True))


def choose_lengths(args: RatingArgs, max_episode_steps: int | None) -> tuple[int, ...]:
    """Return the lengths of segments, in steps: none is more than half an episode."""
    longest = max(args.segment_length) if max_episode_steps is None else max_episode_steps // 2
    return tuple(dict.fromkeys(max(1, min(n, longest)) for n in args.segment_length))


def make_schedule(
    args: RatingArgs, total_timesteps: int, num_envs: int, segment_lengths: Sequence[int]
) -> dict[int, int]:
    """Return the query schedule: the first query waits until its segments can be cut."""
    per_env = math.ceil(args.first_share * args.num_ratings / num_envs)
    filmed = _filmed_share(args, segment_lengths)
    slack = 1.0 if filmed == 1 else 1.25  # windows are drawn at random
    start = max(2_048, math.ceil(slack * per_env * max(segment_lengths) * num_envs / filmed))
    return query_schedule(
        args.num_ratings,
        total_timesteps,
        first=args.first_share,
        rounds=args.query_rounds,
        until=args.query_until,
        start=start,
    )


def make_learner(
    args: RatingArgs, envs: Any, segment_lengths: Sequence[int], seed: int
) -> RewardLearner:
    """Return a fresh reward model for the spaces of `envs`, with its loss and optimiser."""
    return fitting.make_learner(
        obs_dim(envs.single_observation_space),
        action_dim(envs.single_action_space),
        args.num_classes,
        segment_length=max(segment_lengths),
        method=method_of(args),
        seed=seed,
    )


def method_of(args: RatingArgs) -> Method:
    """Return how the flags say to learn."""
    return Method(
        tasks=args.tasks,
        scale=args.scale,
        weights=args.weights,
        target=args.target,
        limits=args.limits,
        segment_value=args.segment_value,
        trim=args.trim,
        num_members=args.num_members,
        hidden_sizes=args.hidden_sizes,
        learning_rate=args.reward_learning_rate,
        batch_size=args.reward_batch_size,
        first_steps=args.first_steps,
        later_steps=args.later_steps,
        max_passes=args.max_passes,
        stop_at_accuracy=args.stop_at_accuracy,
        ood_coef=args.ood_coef,
        offset=args.offset,
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
