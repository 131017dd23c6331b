"""Steps in, learned rewards out: what the single and the vector learned wrapper share."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from gymnasium.error import ResetNeeded
from numpy.typing import NDArray

from gym_rated.segments.encoding import ActionEncoder
from gym_rated.wrappers.endings import Endings, Flags
from gym_rated.wrappers.reward_fn import RewardFn, predict_rewards

EncodeObs = Callable[[Any], NDArray[Any]]
"""Maps what the environment returned to N encoded observations, shape (N, D)."""


class Before(NamedTuple):
    """What the reward of a step is computed from."""

    obs: NDArray[Any]  # (N, D), those before the step
    actions: NDArray[np.float32]  # (N, A)


class Learned:
    """Remember the observations before each step, and pay for them.

    Args:
        reward_fn: What is paid.
        encode_obs: Gives the observations of the newest step or reset; they are copied.
        encode_actions: Encodes the actions of a step.
        endings: Knows which rows are resets and not paid.
    """

    def __init__(
        self,
        reward_fn: RewardFn,
        encode_obs: EncodeObs,
        encode_actions: ActionEncoder,
        endings: Endings,
    ) -> None:
        self._reward_fn = reward_fn
        self._encode_obs = encode_obs
        self._encode_actions = encode_actions
        self._endings = endings
        self._obs: NDArray[Any] | None = None  # of the newest step; None if that failed
        self._will_be_whole = False  # after the reset under way all environments were reset

    def forget(self, which: NDArray[np.bool_] | None = None) -> None:
        """Forget the newest observations, before a reset of some or all environments."""
        self._will_be_whole = which is None or bool(which.all()) or self._obs is not None
        self._obs = None

    def begin(self, obs: Any, which: NDArray[np.bool_] | None = None) -> None:
        """Remember the observations of a reset that `forget` was told of."""
        encoded = self._encode_obs(obs)
        self._obs = encoded.copy() if self._will_be_whole else None
        self._endings.begin(which)

    def prepare(self, actions: Any) -> Before:
        """Encode the actions of a step that is about to be taken.

        Raises:
            ResetNeeded: Before the first reset, and after a step that failed.
        """
        if self._obs is None:
            raise ResetNeeded("`reset` must be called before `step`, and after a step that failed")
        encoded = self._encode_actions(actions)
        before, self._obs = self._obs, None
        return Before(before, encoded)

    def pay(self, before: Before, obs: Any, done: Any) -> NDArray[Any]:
        """Return the rewards of a step, shape (N,); 0 for resets.

        Args:
            before: What `prepare` returned.
            obs: Observations that the step returned.
            done: Episode ended, shape (N,) or a bool.
        """
        next_obs = self._encode_obs(obs).copy()
        were_resets, _ = self._endings.advance(done)
        rewards = self._predict(before, were_resets)
        self._obs = next_obs
        return rewards

    def _predict(self, before: Before, were_resets: Flags) -> NDArray[Any]:
        if were_resets is False or not np.count_nonzero(were_resets):
            return predict_rewards(self._reward_fn, *before)
        rewards = np.zeros(len(before.obs))
        valid = ~np.atleast_1d(were_resets)
        if valid.any():
            paid = before.obs[valid], before.actions[valid]
            rewards[valid] = predict_rewards(self._reward_fn, *paid)
        return rewards

    def state_dict(self) -> dict[str, Any]:
        """Return what the next step needs; see `LearnedRewardWrapper.state_dict`."""
        obs = None if self._obs is None else self._obs.copy()
        state = {"obs": obs, **self._endings.state_dict()}
        if hasattr(self._reward_fn, "state_dict"):
            state["reward_fn"] = self._reward_fn.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._obs = None if state["obs"] is None else state["obs"].copy()
        self._endings.load_state_dict(state)
        if "reward_fn" in state:
            self._reward_fn.load_state_dict(state["reward_fn"])  # type: ignore[attr-defined]  # it gave the state
