"""The memory of an off-policy agent: what happened is stored, what it pays is computed.

Stored are raw observations and actions, encoded as the wrappers encode them. The reward of a
transition is computed whenever it is sampled, with the reward function as it is then: after a fit
no reward in the memory is stale, and none has to be written anew. PEBBLE (Lee et al. 2021, section
4.3) relabels its buffer after every fit to the same end.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gym_rated.checkpoint.rows import RowFiles
from gym_rated.checks import all_finite, check_memory, whole_number
from gym_rated.wrappers.reward_fn import RewardFn, predict_rewards


class Transitions(NamedTuple):
    """A batch of B transitions, float32."""

    obs: NDArray[np.float32]  # (B, D)
    actions: NDArray[np.float32]  # (B, A)
    rewards: NDArray[np.float32]  # (B,)
    next_obs: NDArray[np.float32]  # (B, D); of the last step of an episode, its final observation
    terminated: NDArray[np.float32]  # (B,); 1 where nothing comes after, not at a time limit


class ReplayMemory:
    """The newest transitions of a run, sampled uniformly.

    Args:
        capacity: How many transitions are kept.
        obs_dim: Length D of an encoded observation.
        action_dim: Length A of an encoded action.
        folder: Where `state_dict` writes the transitions.
        reward_fn: What a sampled transition pays; None stores the rewards given to `add`. A bonus
            that has `score` (its value without remembering the states) is asked for that.

    Raises:
        TypeError: If a size is no whole number.
        ValueError: If a size is below 1.

    Example:
        >>> memory = ReplayMemory(100, 1, 1, "unused", lambda obs, actions: 2 * obs[:, 0])
        >>> memory.add(obs=[[3.0]], actions=[[0.5]], next_obs=[[4.0]], terminated=[False])
        >>> memory.sample(2, np.random.default_rng(0)).rewards.tolist()
        [6.0, 6.0]
    """

    def __init__(
        self,
        capacity: int,
        obs_dim: int,
        action_dim: int,
        folder: str | Path,
        reward_fn: RewardFn | None = None,
    ) -> None:
        self.capacity = whole_number("capacity", capacity)
        self._reward_fn = getattr(reward_fn, "score", reward_fn)
        obs_dim, action_dim = (
            whole_number("obs_dim", obs_dim),
            whole_number("action_dim", action_dim),
        )
        width = 2 * obs_dim + action_dim + 2
        check_memory(
            self.capacity * width, capacity=capacity, obs_dim=obs_dim, action_dim=action_dim
        )
        ends = np.cumsum([obs_dim, action_dim, obs_dim, 1])
        width = int(ends[-1]) + (reward_fn is None)
        self._columns = [slice(a, b) for a, b in zip([0, *ends], [*ends, width], strict=True)]
        self._rows = np.zeros((self.capacity, width), np.float32)
        self._files = RowFiles(folder, width, self.capacity)
        self.num_added = 0

    def __len__(self) -> int:
        """Return how many transitions are kept."""
        return min(self.num_added, self.capacity)

    def add(
        self, obs: Any, actions: Any, next_obs: Any, terminated: Any, rewards: Any = None
    ) -> None:
        """Add K transitions.

        Args:
            obs: Encoded observations before the step, shape (K, D).
            actions: Encoded actions, shape (K, A).
            next_obs: Encoded observations after the step, shape (K, D).
            terminated: Whether the step ended its episode in a terminal state, shape (K,).
            rewards: What was paid, shape (K,): given without a `reward_fn`, and only then.

        Raises:
            ValueError: If `rewards` are given or missing against that rule, or a number is not
                finite in float32; nothing is added then.
        """
        if (rewards is None) != (self._reward_fn is not None):
            raise ValueError(
                "`rewards` must be given without `reward_fn` and only then, got "
                f"{'none' if rewards is None else 'some'}"
            )
        parts = [obs, actions, next_obs, np.asarray(terminated)[:, None]]
        if rewards is not None:
            parts.append(np.asarray(rewards)[:, None])
        with np.errstate(over="ignore"):  # said below, in our own words
            rows = np.concatenate(parts, axis=1, dtype=np.float32)
        if not all_finite(rows):
            self._refuse(rows)
        if self.num_added + len(rows) - self._files.num_rows > self.capacity:
            self._write_new_rows()  # before they are overwritten
        self._rows[np.arange(self.num_added, self.num_added + len(rows)) % self.capacity] = rows
        self.num_added += len(rows)

    def sample(self, num: int, rng: np.random.Generator) -> Transitions:
        """Draw `num` transitions uniformly, with replacement, and compute what they pay now.

        Raises:
            ValueError: If the memory is empty, or the reward function fails its contract.
        """
        if not len(self):
            raise ValueError("`sample` needs at least one transition, got an empty memory")
        rows = self._rows.take(rng.integers(len(self), size=num), axis=0)
        obs, actions, next_obs, terminated, rewards = (rows[:, part] for part in self._columns)
        if self._reward_fn is None:
            paid = rewards[:, 0]
        else:
            paid = predict_rewards(self._reward_fn, obs, actions).astype(np.float32, copy=False)
        return Transitions(obs, actions, paid, next_obs, terminated[:, 0])

    def state_dict(self) -> dict[str, Any]:
        """Append what is new to the files in `folder`; returns what a checkpoint needs of them."""
        self._write_new_rows()
        return self._files.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the memory of a state, from the files in `folder`; raises as `RowFiles`."""
        rows = self._files.load_state_dict(state)
        self.num_added = self._files.num_rows
        self._rows[np.arange(self.num_added - len(rows), self.num_added) % self.capacity] = rows

    def _refuse(self, rows: NDArray[np.float32]) -> None:
        row, column = (int(i) for i in np.argwhere(~np.isfinite(rows))[0])
        names = ("obs", "actions", "next_obs", "terminated", "rewards")
        name = next(n for n, part in zip(names, self._columns, strict=True) if column < part.stop)
        raise ValueError(
            f"`{name}` must be finite in float32, got {rows[row, column]} in transition {row} of "
            f"{len(rows)}; none of them was added"
        )

    def _write_new_rows(self) -> None:
        new = np.arange(self._files.num_rows, self.num_added) % self.capacity
        self._files.append(self._rows[new])
