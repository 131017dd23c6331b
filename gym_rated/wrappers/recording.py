"""Steps in: a feedback wrapper's observations and actions as vectors, in the buffer."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from gym_rated.segments import SegmentBuffer
from gym_rated.segments.encoding import ActionEncoder, Features, ObservationEncoder
from gym_rated.segments.frames import frames_of


class Spaces(NamedTuple):
    """The spaces of one environment, and how many there are of it."""

    observation: gym.Space[Any]
    action: gym.Space[Any]
    num_envs: int | None  # None where observations come without a leading axis, from a single one


def spaces_of(env: Any) -> Spaces:
    """Return the spaces of a single environment, or of those inside a vector environment."""
    if isinstance(env, VectorEnv):
        return Spaces(env.single_observation_space, env.single_action_space, env.num_envs)
    return Spaces(env.observation_space, env.action_space, None)


class Step(NamedTuple):
    """A step of N environments, or of a single one; see `SegmentBuffer.record`."""

    actions: NDArray[np.float32]  # (N, A), encoded
    rewards: Any
    terminated: Any
    done: Any
    next_obs: Any  # as the environment returned them
    begun: Any
    info: Mapping[str, Any]


class Recording:
    """Encode what happens, once, and keep it.

    Args:
        spaces: Of the environment.
        features: As in `gym_rated.wrappers.RatingFeedbackWrapper`, like the others; `buffer` is
            for its `SegmentBuffer`.
        buffer: Keyword arguments of the buffer.
    """

    def __init__(self, spaces: Spaces, features: Features | str | None, **buffer: Any) -> None:
        self.spaces = spaces
        self._encode_obs = ObservationEncoder(spaces.observation, features, spaces.num_envs)
        self._encode_actions = ActionEncoder(spaces.action, spaces.num_envs)
        self.dims = self._encode_obs.dim, self._encode_actions.dim
        dtype = self._encode_obs.dtype
        self.buffer = SegmentBuffer(spaces.num_envs or 1, *self.dims, obs_dtype=dtype, **buffer)
        self.is_ready = False  # every environment was reset, and the last step was recorded
        self._raw_actions: NDArray[Any] | None = None

    def begin(self, obs: Any, which: NDArray[np.bool_] | None = None) -> None:
        """Start episodes from the observations of a reset; see `SegmentBuffer.begin`."""
        was_ready, self.is_ready = self.is_ready, False
        self.buffer.begin(self._encode_obs(obs), which)
        self.is_ready = was_ready or which is None or bool(which.all())

    def encode_actions(self, actions: Any) -> NDArray[np.float32]:
        """Encode the actions of a step that is about to be taken; see `Feedback`."""
        if not self.is_ready:
            raise ResetNeeded("`reset` must be called before `step`, and after a step that failed")
        encoded = self._encode_actions(actions)
        if self.buffer.record_replay:  # copied, because an environment may change its argument
            is_single = self.spaces.num_envs is None
            self._raw_actions = np.array([actions] if is_single else actions)
        self.is_ready = False
        return encoded

    def add(self, step: Step, needs_frames: bool) -> None:
        """Record a step; its frames are let go where nobody will ask for them."""
        actions, rewards, terminated, done, next_obs, begun, info = step
        vectors = self._encode_obs(next_obs)
        frames: Sequence[bytes | None] | None = None
        if self.buffer.record_frames:
            frames = frames_of(info, self.spaces.num_envs is None)
        self.buffer.record(
            actions,
            rewards,
            terminated,
            done,
            vectors,
            begun,
            self._raw_actions,
            frames if needs_frames else None,
        )
        self.is_ready = True
