"""Recorded episodes: Minari datasets (extra `minari`), and segments of them to rate.

What is cut follows the rules of `gym_rated.segments`. Minari is imported late, and here only.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import Space
from numpy.typing import NDArray

from gym_rated.checks import whole_number
from gym_rated.imports import named_extras
from gym_rated.raters import Rater
from gym_rated.ratings import RatingDataset
from gym_rated.segments import Segment, SegmentBuffer
from gym_rated.segments.encoding import (
    Features,
    ObservationEncoder,
    action_dim,
    encode_actions,
    obs_dim,
)

if TYPE_CHECKING:
    from minari import EpisodeData as EpisodeData
    from minari import MinariDataset as MinariDataset


def load_recorded(dataset_id: str) -> "MinariDataset":
    """Open a Minari dataset of this machine.

    Raises:
        FileNotFoundError: If there is none of that name.
        ImportError: If Minari is not installed.
    """
    try:
        with named_extras():
            import minari

            return minari.load_dataset(dataset_id)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"`dataset_id` must name a Minari dataset of this machine, got {dataset_id!r}; "
            "`minari download` fetches one, `minari list local` lists them"
        ) from None


def create_recorded(
    dataset_id: str,
    episodes: Sequence[Mapping[str, Any]],
    env_id: str | None,
    observation_space: Space[Any],
    action_space: Space[Any],
) -> "MinariDataset":
    """Create a Minari dataset on this machine.

    Args:
        dataset_id: Its name, which must be new.
        episodes: Fields of Minari's `EpisodeBuffer`, one mapping an episode.
        env_id: The environment, if it is known.
        observation_space: Space of one observation.
        action_space: Space of one action.

    Raises:
        ImportError: If Minari is not installed.
        ValueError: If the name is taken or malformed.
    """
    try:
        with warnings.catch_warnings(), named_extras():
            import minari
            from minari.data_collector import EpisodeBuffer

            warnings.filterwarnings("ignore", category=UserWarning, module="minari")
            return minari.create_dataset_from_buffers(
                dataset_id,
                [EpisodeBuffer(**episode) for episode in episodes],
                env=env_id,
                observation_space=observation_space,
                action_space=action_space,
                algorithm_name="gym_rated",
                description="segments rated by people or programs; no true reward",
                jpeg_encoding=False,
            )
    except ValueError as error:
        if dataset_id not in str(error):
            raise
        raise ValueError(
            f"`dataset_id` must be a new name such as cheetah/rated-v0, got {dataset_id!r}: {error}"
        ) from error


def rate_recorded(
    recorded: "MinariDataset",
    rater: Rater,
    num_ratings: int,
    *,
    segment_length: int | Sequence[int] = 50,
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
    env_spec = recorded.spec.env_spec
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
    segment_length: int | Sequence[int] = 50,
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
        (episode,) = recorded.iterate_episodes([index])
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
    name = f"{recorded.spec.dataset_id}:{episode}-{segment.origin.first_step}"
    return replace(segment, id=name, origin=replace(segment.origin, episode=episode, policy_step=0))
