"""Environments, raters, schedules, learners and rewards, made as a script's flags say.

Every function takes the flags, or the group of them that it needs, and returns one public object of
the package; scripts put them together. How a run begins and is recorded is in
`gym_rated.assembly.session`.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import gymnasium as gym
import numpy as np

from gym_rated.assembly.arguments import RunArgs
from gym_rated.assembly.features import features_of as features_of
from gym_rated.assembly.groups import RaterArgs, RewardModelArgs
from gym_rated.assembly.wording import named_as
from gym_rated.environments import making
from gym_rated.environments.camera import follow_agent
from gym_rated.environments.images import with_images
from gym_rated.environments.quiet import WithoutInfo
from gym_rated.environments.seeded import SeededEpisodes
from gym_rated.exploration import Bonus, UntilReady, make_bonus
from gym_rated.fitting import RewardLearner, learner_for_spaces
from gym_rated.method import Method
from gym_rated.queries import Select, make_select, query_schedule
from gym_rated.raters import Rater, ShuffledRater, SyntheticRater
from gym_rated.reward_model import RewardEnsemble
from gym_rated.runs.names import CHECKPOINT, DATABASE, VIDEOS
from gym_rated.segments.encoding import PIXELS, action_dim, obs_dim
from gym_rated.wrappers.reward_fn import RewardFn, reward_of_folder

if TYPE_CHECKING:
    import torch

_FILMED_EVERY = 50  # episodes of the first environment, with --capture-video


class Spaces(Protocol):
    """What says of which shape observations and actions are, such as a vector environment."""

    @property
    def single_observation_space(self) -> gym.Space[Any]:
        """That of one environment."""
        ...

    @property
    def single_action_space(self) -> gym.Space[Any]:
        """That of one environment."""
        ...


def make_env(args: RunArgs, index: int, run_dir: Path) -> Callable[[], gym.Env[Any, Any]]:
    """Return what makes one of the parallel environments.

    Args:
        args: The flags.
        index: Its number among them; the first is filmed with `--capture-video`.
        run_dir: Folder of the run, for videos.
    """

    def thunk() -> gym.Env[Any, Any]:
        film = args.capture_video and index == 0
        render_mode = "rgb_array" if film or args.captures_clips else None
        env = making.make_env(args.env_id, args.env_kwargs, render_mode=render_mode)
        if film:
            videos = str(run_dir / VIDEOS)
            follow_agent(env)
            env = gym.wrappers.RecordVideo(env, videos, lambda k: k % _FILMED_EVERY == 0)
        env = with_images(env, args.image_size, args.gray, args.frame_stack)
        return make_episodes(args, WithoutInfo(env), index)

    return thunk


def make_rater(
    args: RaterArgs,
    seed: int,
    run_dir: Path | None = None,
    segment_lengths: Sequence[int] | None = None,
) -> Rater:
    """Return the rater that the flags ask for.

    Args:
        args: The flags; those of a script where people are to rate.
        seed: Seed of the rater, and of the environments.
        run_dir: Folder of the run, in which the database of a person's ratings is.
        segment_lengths: Steps of the segments that people see; by default those of the flags.

    Raises:
        ImportError: If a package of the extra `human` is missing.
        ValueError: If there is no run that people could rate.
    """
    if args.rater == "human":
        with named_as(db="rater_db", port="rater_port", size="clip_size", name="rater_name"):
            lengths = args.segment_length if segment_lengths is None else segment_lengths
            return _make_human_rater(args, seed, run_dir, lengths)
    rater = SyntheticRater(
        args.num_classes,
        answers=args.answers,
        regrade=args.regrade,
        relative_to=args.relative_to,
        mistake_rate=args.mistake_rate,
        slip_rate=args.slip_rate,
        score_noise=args.score_noise,
        skip_rate=args.skip_rate,
        seed=seed,
    )
    return ShuffledRater(rater, seed=seed) if args.shuffle_ratings else rater


def _make_human_rater(
    args: RaterArgs, seed: int, run_dir: Path | None, segment_lengths: Sequence[int]
) -> Rater:
    from gym_rated.human import Asking, HumanRater, Page  # the extra may be missing

    if not isinstance(args, RunArgs) or run_dir is None:
        raise ValueError("`rater` must be synthetic here, got human; people rate runs of a script")
    asking = Asking(
        overlap=args.overlap,
        num_ratings=args.num_ratings,
        together=args.max_lead == 0,
        deferred=True,
        new=not (run_dir / CHECKPOINT).exists(),
        segment_length=segment_lengths,
        query_steps=sorted(
            make_schedule(args, args.total_timesteps, args.num_envs, segment_lengths)
        ),
        total_steps=args.total_timesteps + args.extra_steps,
        class_texts=args.class_texts,
    )
    page = Page(
        port=args.rater_port,
        name=args.rater_name,
        open_browser=args.open_browser,
        size=args.clip_size,
        quality=args.clip_quality,
    )
    return HumanRater(
        args.rater_db or run_dir / DATABASE,
        env_id=args.env_id,
        seed=seed,
        env_kwargs=args.env_kwargs,
        num_classes=args.num_classes,
        class_names=args.class_names or None,
        instructions=args.instructions,
        run_id=run_id_of(args, run_dir, seed),
        asking=asking,
        page=page if args.serve else None,
    )


def run_id_of(args: RunArgs, run_dir: Path, seed: int) -> str:
    """Return what a run is called in a database of ratings."""
    return run_dir.name if args.rater_db else f"{args.env_id}__{seed}"


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


def _filmed_share(args: RunArgs, lengths: Sequence[int]) -> float:
    """Return the share of steps to film: thrice what is asked about, and at least a quarter."""
    if not args.captures_clips:
        return 1.0
    steps = args.query_until * args.total_timesteps
    share = 3 * args.num_ratings * max(lengths) / steps
    return min(1.0, max(0.25, share))  # a query must find some, whatever was drawn since the last


def uses_true_rewards(args: RunArgs) -> bool:
    """Return whether an agent is paid by the environment; computed raters look at its rewards too.

    They refuse one that is no number themselves, and other raters need none.
    """
    return args.reward == "true"


def recording(args: RunArgs) -> dict[str, Any]:
    """Return what the feedback wrapper is to record: how many steps, and what people are shown."""
    filmed = args.captures_clips
    return {
        "capacity": args.capacity,
        "record_replay": args.rater == "human" and not filmed,
        "record_frames": filmed,
    }


def choose_lengths(args: RaterArgs, max_episode_steps: int | None) -> tuple[int, ...]:
    """Return the lengths of segments, in steps: none is more than half an episode."""
    longest = max(args.segment_length) if max_episode_steps is None else max_episode_steps // 2
    return tuple(dict.fromkeys(max(1, min(n, longest)) for n in args.segment_length))


def make_schedule(
    args: RunArgs, total_timesteps: int, num_envs: int, segment_lengths: Sequence[int]
) -> dict[int, int]:
    """Return the query schedule: the first query waits until its segments can be cut."""
    most = (args.trained_timesteps + args.extra_steps) // min(segment_lengths)
    if args.num_ratings > most:
        raise ValueError(
            f"`num_ratings` must be at most {most}, the segments of `segment_length` = "
            f"{min(segment_lengths)} that the steps of the run hold, as none overlap, got "
            f"{args.num_ratings}; train for longer (`total_timesteps`), or ask for fewer or shorter"
            " segments"
        )
    per_env = math.ceil(args.first_share * args.num_ratings / num_envs)
    filmed = _filmed_share(args, segment_lengths)
    slack = 1.0 if filmed == 1 else 1.25  # windows are drawn at random
    start = max(2_048, math.ceil(slack * per_env * max(segment_lengths) * num_envs / filmed))
    last = min(args.trained_timesteps, round(args.query_until * total_timesteps))
    if start > last:
        raise ValueError(
            f"`total_timesteps` must be enough for the first query, at step {start} (its segments, "
            "`first_share` * `num_ratings` of `segment_length`, must be there), and the last one is"
            f" to be by step {last} (`query_until`), got {total_timesteps}; train for longer, or "
            "ask earlier, or for fewer or shorter segments"
        )
    with named_as(first="first_share", rounds="query_rounds", until="query_until"):
        schedule = query_schedule(
            args.num_ratings,
            total_timesteps,
            first=args.first_share,
            rounds=args.query_rounds,
            until=args.query_until,
            start=start,
        )
    compared = "comparisons" if args.answers == "comparisons" else "`scale` group"
    in_rounds = args.scale == "group" or args.answers == "comparisons"
    if in_rounds and max(schedule.values()) < 2:
        raise ValueError(
            f"`query_rounds` must leave at least 2 of `num_ratings` = {args.num_ratings} for a "
            f"round, got {args.query_rounds}: with {compared} only segments of one round compare"
        )
    return schedule


def make_learner(
    args: RunArgs,
    envs: Spaces,
    segment_lengths: Sequence[int],
    seed: int,
    device: "str | torch.device" = "cpu",
) -> RewardLearner:
    """Return a fresh reward model for the spaces of `envs`, with its loss and optimiser.

    Args:
        args: The flags.
        envs: What it is for.
        segment_lengths: Steps of the segments.
        seed: Seed of the model and of the mini-batches.
        device: What it is fitted on.
    """
    named = {"learning_rate": "reward_learning_rate", "batch_size": "reward_batch_size"}
    with named_as(**named, hidden_size="hidden_sizes", image_shape="image_size"):
        return learner_for_spaces(
            envs.single_observation_space,
            envs.single_action_space,
            args.num_classes,
            segment_length=segment_lengths,
            features=features_of(args, envs.single_observation_space),
            method=method_of(args),
            seed=seed,
            device=device,
        )


def method_of(args: RewardModelArgs) -> Method:
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
        squared_actions=args.squared_actions,
        learning_rate=args.reward_learning_rate,
        weight_decay=args.weight_decay,
        batch_size=args.reward_batch_size,
        first_steps=args.first_steps,
        later_steps=args.later_steps,
        max_passes=args.max_passes,
        stop_at_accuracy=args.stop_at_accuracy,
        ood_coef=args.ood_coef,
        offset=args.offset,
    )


def make_selection(args: RunArgs, model: RewardEnsemble) -> Select:
    """Return the query strategy that the flags ask for."""
    return make_select(args.select, model, args.num_classes)


def make_reward_fn(
    args: RunArgs, envs: Spaces, learner: RewardLearner | None = None
) -> RewardFn | None:
    """Return what the agent is paid, with the `learner` of a rated arm; None is the true reward."""
    if args.reward == "true":
        return None
    if learner is not None and args.explore == "noise":
        return learner.model.predict
    if learner is not None:
        bonus = _make_bonus(args.explore, args, envs)
        trust = learner.trust if args.explore_until == "trusted" else None
        return UntilReady(learner.model, bonus, trust)
    if args.reward == "model":
        return _saved_reward(args, envs)
    if args.reward in ("constant", "none"):
        value = 1.0 if args.reward == "constant" else 0.0
        return lambda obs, actions: np.full(len(obs), value)
    return _make_bonus(args.reward, args, envs)


def _saved_reward(args: RunArgs, envs: Spaces) -> RewardFn:
    """Return the reward of a saved model, which must be of what `envs` show and take."""
    with named_as(folder="reward_model", reward_fn="reward_model"):
        reward_fn = reward_of_folder(str(args.reward_model))
    seen = envs.single_observation_space
    dims = obs_dim(seen, features_of(args, seen)), action_dim(envs.single_action_space)
    nothing, still = (np.zeros((1, dim), np.float32) for dim in dims)
    try:
        reward_fn(nothing, still)
    except ValueError as error:
        raise ValueError(
            f"`reward_model` must be of observations with {dims[0]} numbers and actions with "
            f"{dims[1]}, got {args.reward_model}: {error}; take the environment, the `features` "
            "and the flags of images that it was learned with"
        ) from error
    return reward_fn


def _make_bonus(name: str, args: RunArgs, envs: Spaces) -> Bonus:
    space = envs.single_observation_space
    features = features_of(args, space)
    shape = space.shape if features == PIXELS else None
    return make_bonus(name, obs_dim(space, features), args.seed, shape)
