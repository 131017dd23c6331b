"""Minari datasets of this machine (extra `minari`): opened, read and created.

Minari believes its files; here what they hold is checked before it is used. It is imported late,
and here only.
"""

import json
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import Space, spaces

from gym_rated.imports import named_extras

if TYPE_CHECKING:
    from minari import EpisodeData as EpisodeData
    from minari import MinariDataset as MinariDataset

_MOST_NUMBERS = 2**24  # in one observation or action


def load_recorded(dataset_id: str) -> "MinariDataset":
    """Open a Minari dataset of this machine.

    Raises:
        FileNotFoundError: If there is none of that name.
        ImportError: If Minari is not installed.
        ValueError: If it is damaged, or does not say what its spaces are.
    """
    with named_extras():
        import minari
        from minari.storage.datasets_root_dir import get_dataset_path
    try:
        with damage_said(dataset_id):
            _check_metadata(get_dataset_path(dataset_id) / "data" / "metadata.json")
            recorded = minari.load_dataset(dataset_id)
            if recorded.spec.total_episodes < 0 or recorded.spec.total_steps < 0:
                raise ValueError("it has less than no episode")
            return recorded
    except FileNotFoundError:
        raise FileNotFoundError(
            f"`dataset_id` must name a Minari dataset of this machine, got {dataset_id!r}; "
            "`minari download` fetches one, `minari list local` lists them"
        ) from None


@contextmanager
def damage_said(dataset_id: str) -> Iterator[None]:
    """Turn what Minari and h5py raise about a damaged dataset into one error of ours."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:  # from AssertionError and KeyError to h5py's OSError
        if "`" in str(error) or isinstance(error, ImportError):
            raise
        raise ValueError(
            f"`dataset_id` must name an undamaged Minari dataset, got {dataset_id!r}: "
            f"{type(error).__name__}: {error}; restore it from a copy, or download it again"
        ) from error


def _check_metadata(path: Path) -> None:
    """Refuse a dataset from whose spaces Minari would have to make its environment.

    What is to be made is in the dataset, with the module to import for it.
    """
    metadata = json.loads(path.read_bytes())
    for name in ("observation_space", "action_space"):
        if not isinstance(metadata.get(name), str):
            raise ValueError(f"{path} does not say the `{name}`; write the dataset anew with it")
        if _largest(json.loads(metadata[name])) > _MOST_NUMBERS:
            raise ValueError(f"`{name}` of {path} must have fewer than {_MOST_NUMBERS:,} numbers")


def _largest(space: Any) -> int:
    """Return the most numbers that a part of a space in JSON says it has."""
    if isinstance(space, list):
        return max(map(_largest, space), default=0)
    if not isinstance(space, dict):
        return 0
    sizes = [space.get("n", 0), *space.get("nvec", ()), math.prod(space.get("shape", (0,)))]
    inner = [_largest(part) for part in space.values() if isinstance(part, dict | list)]
    return max([size for size in sizes if isinstance(size, int)] + inner)


def read_episodes(recorded: "MinariDataset", indices: Iterable[int]) -> "Iterator[EpisodeData]":
    """Yield episodes of a dataset, each of as many observations, actions and rewards as it says.

    Raises:
        ValueError: If the dataset is damaged, or an episode is not one episode.
    """
    for index in indices:
        with damage_said(recorded.id):
            (episode,) = recorded.iterate_episodes([index])
            _check_episode(episode, recorded)
        yield episode


def _check_episode(episode: "EpisodeData", recorded: "MinariDataset") -> None:
    length = len(episode)
    if length < 1:
        raise ValueError(f"episode {episode.id} has no step")
    _check_shape(recorded.observation_space, episode.observations, length + 1)
    _check_shape(recorded.action_space, episode.actions, length)
    for flags in (episode.terminations, episode.truncations):
        if np.shape(flags) != (length,) or np.any(flags[:-1]):
            raise ValueError(f"episode {episode.id} of {length} steps does not end at its end")
    if np.asarray(episode.rewards).dtype.kind not in "biuf":
        raise ValueError(f"episode {episode.id} has rewards that are no numbers")


def _check_shape(space: Space[Any], values: Any, num: int) -> None:
    """Refuse values that are not `num` elements of a space; their own rooms check the numbers."""
    if isinstance(space, spaces.Dict | spaces.Tuple):
        inner = space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)
        if len(values) != len(space.spaces):
            raise ValueError(f"there are {len(values)} parts where {space} has others")
        for key, part in inner:
            _check_shape(part, values[key], num)
        return
    found = np.asarray(values)
    if space.shape is not None and (
        found.shape != (num, *space.shape) or found.dtype.kind not in "biuf"
    ):
        raise ValueError(f"{num} elements of {space} are {found.shape} of {found.dtype}")
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        counted = found - space.start
        most = space.n if isinstance(space, spaces.Discrete) else space.nvec
        if ((counted < 0) | (counted >= most)).any():
            raise ValueError(f"there are elements outside {space}")


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
