"""The episodes in a replay buffer, as files that are read without pickle."""

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from gym_rated.imports import named_extras
from gym_rated.recorded.episode import Episode
from gym_rated.recorded.files import write_episode

with named_extras():
    from stable_baselines3.common.buffers import ReplayBuffer


def save_episodes(replay_buffer: ReplayBuffer, folder: str | Path) -> int:
    """Write every whole episode of a replay buffer to a file of its own, such as 0001.npz.

    Observations are as they are stored: those of the environment, unless a wrapper of SB3 changed
    them (frames stacked, images turned). Box actions, which SB3 stores scaled to [-1, 1], are
    written as the environment got them. Rewards are not written.

    Args:
        replay_buffer: `agent.replay_buffer` of SAC, TD3, DDPG or DQN. The ring may have lost the
            beginning of its oldest episode; that one and those that still run are left out.
        folder: Where to, made if missing.

    Returns:
        How many episodes were written.

    Raises:
        FileExistsError: If there are .npz files in the folder.
        TypeError: If it is no replay buffer.
        ValueError: If it holds no whole episode.
    """
    if not isinstance(replay_buffer, ReplayBuffer):
        raise TypeError(
            "`replay_buffer` must be the ReplayBuffer of an off-policy agent, got "
            f"{type(replay_buffer).__name__}"
        )
    folder = Path(folder)
    if folder.is_dir() and any(folder.glob("*.npz")):
        raise FileExistsError(f"`folder` must hold no .npz files, got {folder} with some")
    found = [
        rows
        for env_index in range(replay_buffer.n_envs)
        for rows in _whole_episodes(replay_buffer, env_index)
    ]
    if not found:
        raise ValueError("`replay_buffer` must hold a whole episode, got none; train for longer")
    folder.mkdir(parents=True, exist_ok=True)
    for number, (env_index, rows) in enumerate(found, start=1):
        write_episode(folder / f"{number:04}.npz", _episode(replay_buffer, env_index, rows))
    return len(found)


def _whole_episodes(buffer: ReplayBuffer, env_index: int) -> list[tuple[int, NDArray[np.int64]]]:
    """Return the rows of each episode of one environment, from old to new."""
    size = buffer.size()
    rows = (np.arange(size) + (buffer.pos if buffer.full else 0)) % buffer.buffer_size
    ends = np.flatnonzero(buffer.dones[rows, env_index]) + 1
    starts = np.concatenate([[0], ends])[: len(ends)].astype(np.int64)
    if buffer.full:  # who knows where the oldest began
        starts, ends = starts[1:], ends[1:]
    return [(env_index, rows[start:end]) for start, end in zip(starts, ends, strict=True)]


def _episode(buffer: ReplayBuffer, env_index: int, rows: NDArray[np.int64]) -> Episode:
    stored: Any = buffer.observations
    space = buffer.action_space
    actions = buffer.actions[rows, env_index].reshape(len(rows), *(space.shape or ()))
    if isinstance(space, spaces.Box):
        actions = space.low + 0.5 * (actions + 1.0) * (space.high - space.low)
    if isinstance(stored, dict):
        obs: Any = {name: part[rows, env_index] for name, part in stored.items()}
    else:
        obs = stored[rows, env_index].reshape(len(rows), *(buffer.observation_space.shape or ()))
    return Episode(obs, actions)
