"""The two wrappers for `gymnasium.vector.VectorEnv`: one rater, dataset and prediction for all.

They do what their namesakes in `gym_rated.wrappers` do, for each sub-environment. All three
autoreset modes work; under next-step autoreset the row after the end of an episode is a reset and
no transition: it is neither recorded nor rewarded.
"""

from typing import Any

from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv, VectorWrapper

from gym_rated.segments.tensors import on_host, zeros_like
from gym_rated.wrappers.endings import reset_mask
from gym_rated.wrappers.hiding import SealedVectorAttributes, hide_info
from gym_rated.wrappers.recording import Step
from gym_rated.wrappers.returned import of_reset, of_vector_step, paid_like
from gym_rated.wrappers.twins import FeedbackTwin, LearnedTwin

_Envs = VectorEnv[Any, Any, Any]
_VectorWrapper = VectorWrapper[Any, Any, Any, Any, Any]
_StepReturn = tuple[Any, Any, Any, Any, dict[str, Any]]


class RatingFeedbackWrapper(
    FeedbackTwin[_Envs], SealedVectorAttributes, _VectorWrapper, RecordConstructorArgs
):
    """Hide the true rewards of N environments, and ask one rater about segments of what happens.

    Rewards become 0 (dtype kept), and infos are filtered. Arguments, attributes and errors are
    those of `gym_rated.wrappers.RatingFeedbackWrapper`; steps and `capacity` are summed over
    sub-environments.

    Example:
        >>> import gymnasium as gym
        >>> from gym_rated import SyntheticRater
        >>> from gym_rated.vector import RatingFeedbackWrapper
        >>> envs = gym.make_vec("Pendulum-v1", num_envs=2, vectorization_mode="sync")
        >>> envs = RatingFeedbackWrapper(envs, SyntheticRater(3), segment_length=20)
        >>> obs, infos = envs.reset(seed=0)
        >>> for _ in range(60):
        ...     obs, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
        >>> rewards.tolist(), envs.query(3), len(envs.ratings)
        ([0.0, 0.0], 3, 3)
    """

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environments, or those of `options["reset_mask"]`; the infos are filtered."""
        which = reset_mask(options)
        obs, infos = of_reset(self.env.reset(seed=seed, options=_copied(options)))
        self._endings.begin(which)
        self._feedback.begin(obs, which)
        return obs, hide_info(infos, self._info_allow)

    def step(self, actions: Any) -> _StepReturn:
        """Step the environments; the rewards are 0 and the infos are filtered."""
        encoded = self._feedback.encode_actions(on_host(actions))
        returned = of_vector_step(self.env.step(actions), self.num_envs)
        obs, rewards, terminated, truncated, infos = returned
        ended = on_host(terminated)
        done = ended | on_host(truncated)
        begun = self._endings.advance(done)[1]
        self._feedback.record(Step(encoded, on_host(rewards), ended, done, obs, begun, infos))
        hidden = hide_info(infos, self._info_allow)
        return obs, zeros_like(rewards), terminated, truncated, hidden


class LearnedRewardWrapper(
    LearnedTwin[_Envs], SealedVectorAttributes, _VectorWrapper, RecordConstructorArgs
):
    """Put learned rewards r(s, a) in the place of the environments', with one prediction for all N.

    Arguments and errors are those of `gym_rated.wrappers.LearnedRewardWrapper`. Rewards
    have the float type of the environments', at least float32; the reset step of next-step
    autoreset gets 0.

    Example:
        >>> import gymnasium as gym
        >>> from gym_rated.vector import LearnedRewardWrapper
        >>> envs = gym.make_vec("Pendulum-v1", num_envs=2, vectorization_mode="sync")
        >>> envs = LearnedRewardWrapper(envs, lambda obs, actions: obs[:, 0])
        >>> obs, infos = envs.reset(seed=0)
        >>> rewards = envs.step(envs.action_space.sample())[1]
        >>> bool((rewards == obs[:, 0]).all()), rewards.dtype
        (True, dtype('float64'))
    """

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environments, or those of `options["reset_mask"]`; the infos are filtered."""
        which = reset_mask(options)
        self._learned.forget(which)
        obs, infos = of_reset(self.env.reset(seed=seed, options=_copied(options)))
        self._learned.begin(obs, which)
        return obs, hide_info(infos, self._info_allow)

    def step(self, actions: Any) -> _StepReturn:
        """Step the environments; rewards are of the observations before it and the actions."""
        before = self._learned.prepare(actions)
        try:
            returned = of_vector_step(self.env.step(actions), self.num_envs)
        except Exception:
            self._learned.give_back(before)
            raise
        obs, hidden, terminated, truncated, infos = returned
        rewards = self._learned.pay(before, obs, terminated | truncated)
        rewards = paid_like(rewards, hidden)
        return obs, rewards, terminated, truncated, hide_info(infos, self._info_allow)


def _copied(options: dict[str, Any] | None) -> dict[str, Any] | None:
    """Copy `options`: SyncVectorEnv takes `reset_mask` out of the dict it is given."""
    return None if options is None else dict(options)
