"""Segments of recorded episodes, to rate; what is cut follows the rules of `gym_rated.segments`."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.checks import whole_number
from gym_rated.raters import Rater
from gym_rated.ratings import RatingDataset
from gym_rated.recorded.datasets import read_episodes
from gym_rated.segments import Segment, SegmentBuffer
from gym_rated.segments.encoding import (
    Features,
    ObservationEncoder,
    action_dim,
    encode_actions,
    obs_dim,
)

if TYPE_CHECKING:
    from gym_rated.recorded.datasets import EpisodeData, MinariDataset


def rate_recorded(
    recorded: "MinariDataset",
    rater: Rater,
    num_ratings: int,
    *,
    segment_length: int | Sequence[int] = 10,
    features: Features | None = None,
    max_steps: int = 200_000,
    seed: int = 0,
) -> RatingDataset:
    """Ask a rater about segments of recorded episodes, all in one round.

    Args:
        recorded: The dataset.
        rater: Who rates; a synthetic one reads the recorded rewards. The answers of a slow one are
            added later, by `ratings.update(rater.collect())`.
        num_ratings: How many segments to ask about.
        segment_length: Steps of a segment, or several lengths to draw from.
        features: Maps an observation to a vector, as for the wrappers.
        max_steps: Read random episodes up to that many steps, and no more.
        seed: Of the choice of episodes and segments.

    Returns:
        The segments, and the answers that there are by now.

    Raises:
        ValueError: If no segment can be cut.
    """
    segments = cut_recorded(
        recorded,
        num_ratings,
        segment_length=segment_length,
        features=features,
        max_steps=max_steps,
        seed=seed,
    )
    env_spec = recorded.env_spec
    ratings = RatingDataset(
        obs_dim(recorded.observation_space, features),
        action_dim(recorded.action_space),
        rater.num_classes,
        env_id=None if env_spec is None else env_spec.id,
    )
    rater.submit(segments)
    ratings.add(segments)
    ratings.update(rater.collect())
    return ratings


def cut_recorded(
    recorded: "MinariDataset",
    num_segments: int,
    *,
    segment_length: int | Sequence[int] = 10,
    features: Features | None = None,
    max_steps: int = 200_000,
    seed: int = 0,
) -> list[Segment]:
    """Cut segments from recorded episodes; see `rate_recorded` for the arguments.

    As everywhere, a segment is shorter than `segment_length` only where its episode terminated.

    Returns:
        Segments in random order, of round 0; `true_rewards` are the recorded rewards. A warning
        says so where there are fewer than asked for.

    Raises:
        ValueError: If no segment can be cut.
    """
    num_segments = whole_number("num_segments", num_segments)
    rng = np.random.default_rng(seed)
    episodes = _choose(recorded, whole_number("max_steps", max_steps), rng)
    total = sum(len(episode) for episode in episodes)
    longest = int(np.max(segment_length))
    buffer = SegmentBuffer(
        1,
        obs_dim(recorded.observation_space, features),
        action_dim(recorded.action_space),
        segment_length=segment_length,
        capacity=max(total, longest),
    )
    for episode in episodes:
        _record(buffer, episode, recorded, features)
    cut = buffer.cut(num_segments, rng, round=0)
    if not cut:
        raise ValueError(
            f"`segment_length` must fit into an episode, got {segment_length} for "
            f"{len(episodes)} episodes of {total} steps, none of which terminated"
        )
    if len(cut) < num_segments:
        warnings.warn(
            f"{len(cut)} segments were cut instead of {num_segments}: {len(episodes)} episodes of "
            f"{total} steps hold no more",
            stacklevel=2,
        )
    return [_named(segment, recorded, episodes) for segment in cut]


def _choose(
    recorded: "MinariDataset", max_steps: int, rng: np.random.Generator
) -> "list[EpisodeData]":
    """Read random episodes, as many as stay within `max_steps`; at least one."""
    chosen: list[EpisodeData] = []
    for index in rng.permutation(np.asarray(recorded.episode_indices)).tolist():
        (episode,) = read_episodes(recorded, [index])
        if chosen and sum(map(len, chosen)) + len(episode) > max_steps:
            break
        chosen.append(episode)
    return chosen


def _record(
    buffer: SegmentBuffer,
    episode: "EpisodeData",
    recorded: "MinariDataset",
    features: Features | None,
) -> None:
    obs = encode_episode_obs(episode, recorded, features)
    actions = encode_actions(recorded.action_space, episode.actions)
    buffer.begin(obs[:1])
    for t in range(len(episode)):
        last = t == len(episode) - 1
        terminated = last and bool(episode.terminations[t])
        buffer.record(actions[t : t + 1], episode.rewards[t], terminated, last, obs[t + 1 : t + 2])


def encode_episode_obs(
    episode: "EpisodeData", recorded: "MinariDataset", features: Features | None = None
) -> NDArray[Any]:
    """Return the observations of an episode of T steps, shape (T + 1, D)."""
    num = len(episode) + 1
    return ObservationEncoder(recorded.observation_space, features, num)(episode.observations)


def _named(
    segment: Segment, recorded: "MinariDataset", episodes: "Sequence[EpisodeData]"
) -> Segment:
    """Name a segment by the episode of the dataset that it was cut from."""
    episode = int(episodes[segment.origin.episode].id)
    name = f"{recorded.id}:{episode}-{segment.origin.first_step}"
    return replace(segment, id=name, origin=replace(segment.origin, episode=episode, policy_step=0))
