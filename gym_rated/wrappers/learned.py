"""Steps in, learned rewards out: what the single and the vector learned wrapper share."""

from typing import Any, NamedTuple, Protocol

import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from gym_rated.segments.tensors import as_tensor, copied, device_of, on_host
from gym_rated.wrappers.endings import Endings, Flags
from gym_rated.wrappers.reward_fn import RewardFn, predict_rewards, predict_tensors

_ARRAY = np.ndarray


class Seen(Protocol):
    """Gives what the rewards of a step are predicted on."""

    def is_untouched(self, prepared: Any) -> bool:
        """Say whether nothing was taken of a step that failed."""

    def obs(self, obs: Any) -> NDArray[Any]:
        """Return the observations of the newest step or reset, encoded, shape (N, D)."""

    def prepare(self, actions: Any) -> Any:
        """Take the actions of a step that is about to be taken."""

    def actions(self, prepared: Any, were_resets: Flags) -> NDArray[np.float32]:
        """Return the actions of the step since `prepare`, encoded, shape (N, A)."""


class Before(NamedTuple):
    """What is known before a step."""

    obs: NDArray[Any]  # (N, D)
    prepared: Any


class Paid(NamedTuple):
    """What the rewards of a step were predicted on, and the rewards."""

    obs: NDArray[Any]  # (N, D), those before the step
    actions: NDArray[np.float32]  # (N, A)
    rewards: NDArray[Any]  # (N,)


class Learned:
    """Remember the observations before each step, and pay for them.

    Args:
        reward_fn: What is paid.
        seen: Gives what is paid for; observations are copied.
        endings: Knows which rows are resets and not paid.
        seen_on_device: Gives it as tensors where the environment returns tensors, for a reward
            function that takes them. None has them brought to the host.
    """

    _paid: tuple[NDArray[Any], NDArray[np.float32], NDArray[Any]] | None = None

    def __init__(
        self,
        reward_fn: RewardFn,
        seen: Seen,
        endings: Endings,
        seen_on_device: Seen | None = None,
    ) -> None:
        self.reward_fn = reward_fn
        self._seen = seen
        self._seen_on_host, self._seen_on_device = seen, seen_on_device
        self._endings = endings
        self._obs: NDArray[Any] | None = None  # of the newest step; None if that failed
        self._will_be_whole = False  # after the reset under way all environments were reset

    @property
    def paid(self) -> Paid | None:
        """The newest step; None before the first."""
        return None if self._paid is None else Paid(*self._paid)

    def forget(self, which: NDArray[np.bool_] | None = None) -> None:
        """Forget the newest observations, before a reset of some or all environments."""
        self._will_be_whole = which is None or bool(which.all()) or self._obs is not None
        self._obs = None

    def begin(self, obs: Any, which: NDArray[np.bool_] | None = None) -> None:
        """Remember the observations of a reset that `forget` was told of."""
        is_there = self._seen_on_device is not None and device_of(obs) is not None
        self._seen = self._seen_on_device if is_there else self._seen_on_host  # type: ignore[assignment]  # there it is one
        encoded = self._seen.obs(obs)
        self._obs = copied(encoded) if self._will_be_whole else None
        self._endings.begin(which)

    def prepare(self, actions: Any) -> Before:
        """Take the actions of a step that is about to be taken.

        Raises:
            ResetNeeded: Before the first reset, and after a step that failed.
        """
        if self._obs is None:
            raise ResetNeeded("`reset` must be called before `step`, and after a step that failed")
        prepared = self._seen.prepare(actions)
        before, self._obs = self._obs, None
        return Before(before, prepared)

    def give_back(self, before: Before) -> None:
        """Take note that a step failed; it can be tried again if none of it was taken."""
        if self._seen.is_untouched(before.prepared):
            self._obs = before.obs

    def pay(self, before: Before, obs: Any, done: Any) -> NDArray[Any]:
        """Return the rewards of a step, shape (N,); 0 for resets.

        Args:
            before: What `prepare` returned.
            obs: Observations that the step returned.
            done: Episode ended, shape (N,) or a bool.
        """
        seen: Any = self._seen.obs(obs)
        were_resets, _ = self._endings.advance(done)
        actions = self._seen.actions(before.prepared, were_resets)
        if type(seen) is _ARRAY:
            next_obs = seen.copy()
            rewards = self._predict(before.obs, actions, were_resets)
        else:
            next_obs = seen.clone()
            obs_before = as_tensor(before.obs, seen.device)  # an array, from a checkpoint
            rewards = predict_tensors(self.reward_fn, obs_before, actions, were_resets)
        self._paid = before.obs, actions, rewards
        self._obs = next_obs
        return rewards

    def _predict(
        self, obs: NDArray[Any], actions: NDArray[np.float32], were_resets: Flags
    ) -> NDArray[Any]:
        if were_resets is False or not np.count_nonzero(were_resets):
            return predict_rewards(self.reward_fn, obs, actions)
        rewards = np.zeros(len(obs))
        valid = ~np.atleast_1d(were_resets)
        if valid.any():
            rewards[valid] = predict_rewards(self.reward_fn, obs[valid], actions[valid])
        return rewards

    def state_dict(self) -> dict[str, Any]:
        """Return what the next step needs; see `LearnedRewardWrapper.state_dict`."""
        obs = None if self._obs is None else np.array(on_host(self._obs))
        state = {"obs": obs, **self._endings.state_dict()}
        if hasattr(self.reward_fn, "state_dict"):
            state["reward_fn"] = self.reward_fn.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._obs = None if state["obs"] is None else state["obs"].copy()
        self._endings.load_state_dict(state)
        if "reward_fn" in state:
            self.reward_fn.load_state_dict(state["reward_fn"])  # type: ignore[attr-defined]  # it gave the state
