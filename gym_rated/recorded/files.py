"""Recorded episodes by name: `.npz` files, one episode a file and without pickle, or Minari's.

A file has the arrays `observations` and `actions` (or `observations/NAME` for each part of a Dict
space). Arrays that say where an episode ends must say that it ends at its end; others are not read.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.checkpoint.archive import pack_arrays, unpack_arrays
from gym_rated.checkpoint.files import read_file, replace_file
from gym_rated.checkpoint.kinds import what_is_at
from gym_rated.recorded.datasets import read_episodes
from gym_rated.recorded.episode import Episode

if TYPE_CHECKING:
    from gym_rated.recorded.datasets import MinariDataset

ENDS = ("terminated", "truncated", "terminations", "truncations", "dones", "done")
"""Names of arrays that say at each step whether the episode ended there."""

_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")
_PART = "observations/"


class EpisodeFiles(Mapping[str, Episode]):
    """Recorded episodes by name, each read when it is asked for.

    An episode is called as its file, without the ending; where files lie in several folders, with
    as much of the path as tells them apart.

    Args:
        paths: Files, folders of files, or patterns such as "ep*.npz".

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a file is of another kind.
    """

    def __init__(self, paths: str | Path | Iterable[str | Path]) -> None:
        many = [paths] if isinstance(paths, str | Path) else list(paths)
        files = list(dict.fromkeys(file for path in many for file in _files_of(str(path))))
        if not files:
            raise ValueError("`episodes` must name at least one file, got none")
        top = os.path.commonpath([file.parent.absolute() for file in files])
        self._files = {
            file.absolute().relative_to(top).with_suffix("").as_posix(): file for file in files
        }

    def __getitem__(self, name: str) -> Episode:
        """Read an episode."""
        return read_episode(self._files[name])

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._files)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._files)


class MinariEpisodes(Mapping[str, Episode]):
    """The episodes of a Minari dataset, called by their numbers, each read when it is asked for.

    Attributes:
        spaces: Of one observation and of one action.
        env_id: The environment that was recorded, if the dataset says so.
    """

    def __init__(self, recorded: "MinariDataset") -> None:
        self._recorded = recorded
        self.spaces = recorded.observation_space, recorded.action_space
        self.env_id = None if recorded.env_spec is None else recorded.env_spec.id

    def __getitem__(self, name: str) -> Episode:
        """Read an episode."""
        (episode,) = read_episodes(self._recorded, [int(name)])
        return Episode(episode.observations, np.asarray(episode.actions))

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return (str(index) for index in self._recorded.episode_indices)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._recorded.episode_indices)


def read_episode(path: str | Path) -> Episode:
    """Read one episode.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, holds no episode, or several.
    """
    path = Path(path)
    rule = "`episodes` must be .npz files with the arrays observations and actions of one episode"
    data = read_file(path)
    if (found := what_is_at(path)) != "which is a zip archive":
        raise ValueError(f"{rule} each, got {path}, {found}")
    try:
        arrays = unpack_arrays(data, ("actions",), wanted=_is_read)
        episode = Episode(_observations(arrays), arrays["actions"])
        _check_one(arrays, len(episode))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{rule} each, got {path}: {error}") from error
    return episode


def write_episode(path: str | Path, episode: Episode) -> None:
    """Write an episode as `read_episode` reads it, atomically."""
    obs = episode.observations
    named = (
        {f"{_PART}{name}": part for name, part in obs.items()}
        if isinstance(obs, Mapping)
        else {"observations": obs}
    )
    replace_file(Path(path), pack_arrays({**named, "actions": episode.actions}))


def _files_of(path: str) -> list[Path]:
    """Return the files that a path or pattern stands for."""
    if Path(path).is_dir():
        found = sorted(Path(path).glob("*.npz"))
        if not found:
            raise FileNotFoundError(
                f"`episodes` must be .npz files, got {path}, which is a folder with none"
            )
        return found
    found = [Path(path)] if Path(path).exists() else [Path(each) for each in sorted(glob(path))]
    if not found:
        raise FileNotFoundError(f"`episodes` must be .npz files, got {path}, which is not there")
    for file in found:
        if file.suffix.lower() in _PICKLES:
            raise ValueError(
                f"`episodes` must be .npz files, got {file}: a pickle may run any code, and is "
                "never loaded; write its episodes with gym_rated.sb3.save_episodes, or "
                "numpy.savez, in the program that made it"
            )
        if file.suffix.lower() != ".npz":
            raise ValueError(
                f"`episodes` must be .npz files, got {file}, {what_is_at(file)}; write them with "
                "numpy.savez"
            )
    return found


def _is_read(name: str) -> bool:
    return name == "observations" or name.startswith(_PART) or name in ENDS


def _observations(arrays: Mapping[str, NDArray[Any]]) -> Any:
    parts = {name.removeprefix(_PART): a for name, a in arrays.items() if name.startswith(_PART)}
    whole = arrays.get("observations")
    if (whole is None) == (not parts):
        raise ValueError(
            "it has no array 'observations'" if whole is None else "it has observations twice"
        )
    return whole if parts == {} else _nested(parts)


def _nested(parts: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Return the parts of Dict spaces within each other, named by paths."""
    found: dict[str, Any] = {}
    for name, array in parts.items():
        *folders, last = name.split("/")
        inner = found
        for folder in folders:
            inner = inner.setdefault(folder, {})
        inner[last] = array
    return found


def _check_one(arrays: Mapping[str, NDArray[Any]], steps: int) -> None:
    for name in ENDS:
        if name not in arrays or not arrays[name].ndim:
            continue
        ends = np.ravel(arrays[name]).astype(bool)
        if len(ends) != steps:
            raise ValueError(f"`{name}` must be one of each of {steps} steps, got {len(ends)}")
        if ends[:-1].any():
            raise ValueError(
                f"`{name}` says that an episode ends at step {int(ends.argmax())} of {steps}; "
                "write each episode to a file of its own"
            )
