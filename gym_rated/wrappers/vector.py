"""The two wrappers for `gymnasium.vector.VectorEnv`: one rater, dataset and prediction for all.

They do what their namesakes in `gym_rated.wrappers` do, for each sub-environment. All three
autoreset modes work; under next-step autoreset the row after the end of an episode is a reset and
no transition: it is neither recorded nor rewarded.
"""

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from numpy.typing import NDArray

from gym_rated.checks import set_of_names
from gym_rated.queries import Select
from gym_rated.raters import Rater
from gym_rated.ratings import RatingDataset
from gym_rated.segments import Segment
from gym_rated.segments.encoding import (
    ActionEncoder,
    Features,
    ObservationEncoder,
    resolve_features,
)
from gym_rated.wrappers.feedback import Feedback, OnRatings
from gym_rated.wrappers.hiding import ALLOWED_ATTRIBUTES, SealedVectorAttributes, hide_info
from gym_rated.wrappers.reward_fn import RewardFn, predict_rewards, resolve_reward_fn
from gym_rated.wrappers.specs import record_arguments, resolve_rater
from gym_rated.wrappers.stacking import (
    RecordsFeedback,
    layers,
    refuse_normalizers,
    refuse_transforms_between,
)

_VectorEnv = VectorEnv[Any, Any, Any]
_Step = tuple[Any, NDArray[Any], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]


class RatingFeedbackWrapper(
    SealedVectorAttributes,
    VectorWrapper[Any, Any, Any, Any, Any],
    RecordConstructorArgs,
    RecordsFeedback,
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

    def __init__(
        self,
        env: _VectorEnv,
        rater: Rater | Mapping[str, Any],
        *,
        segment_length: int | Sequence[int] = 50,
        schedule: Mapping[int, int] | None = None,
        select: Select | None = None,
        on_ratings: OnRatings | None = None,
        collect_every: int = 1_000,
        min_new: int = 10,
        features: Features | str | None = None,
        info_allow: Collection[str] = (),
        attr_allow: Collection[str] = (),
        record_replay: bool = False,
        record_frames: bool = False,
        capacity: int = 200_000,
        seed: int = 0,
    ) -> None:
        options: dict[str, Any] = {
            "segment_length": segment_length,
            "schedule": schedule,
            "select": select,
            "on_ratings": on_ratings,
            "collect_every": collect_every,
            "min_new": min_new,
            "record_replay": record_replay,
            "record_frames": record_frames,
            "capacity": capacity,
            "seed": seed,
        }
        hiding = {"info_allow": info_allow, "attr_allow": attr_allow}
        record_arguments(self, rater=rater, features=features, **hiding, **options)
        VectorWrapper.__init__(self, env)
        refuse_normalizers(env)
        self._feedback = Feedback(
            env.single_observation_space,
            env.single_action_space,
            env.num_envs,
            resolve_rater(rater),
            features=resolve_features(features),
            env_id=_find_env_id(env),
            **options,
        )
        self._autoreset = _Autoreset(env)
        self._info_allow = set_of_names("info_allow", info_allow)
        self._visible = ALLOWED_ATTRIBUTES | set_of_names("attr_allow", attr_allow)

    @property
    def ratings(self) -> RatingDataset:
        """The segments asked about so far, and their ratings."""
        return self._feedback.ratings

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environments, or those of `options["reset_mask"]`; the infos are filtered."""
        which = _reset_mask(options)
        obs, infos = self.env.reset(seed=seed, options=_copied(options))
        self._autoreset.begin(which)
        self._feedback.begin(obs, which)
        return obs, hide_info(infos, self._info_allow)

    def step(self, actions: Any) -> _Step:
        """Step the environments; the rewards are 0 and the infos are filtered."""
        encoded = self._feedback.encode_actions(actions)
        obs, rewards, terminated, truncated, infos = self.env.step(actions)
        done = terminated | truncated
        begun = self._autoreset.advance(done)[1]
        self._feedback.record(encoded, rewards, terminated, done, obs, begun, infos)
        hidden = hide_info(infos, self._info_allow)
        return obs, np.zeros_like(rewards), terminated, truncated, hidden

    def query(self, num_segments: int) -> int:
        """Ask the rater about segments; see `gym_rated.wrappers.RatingFeedbackWrapper.query`."""
        return self._feedback.query(num_segments)

    def collect(self) -> int:
        """Fetch the rater's answers into `ratings`; returns how many changed. Never blocks."""
        return self._feedback.collect()

    def replay(self, segment: Segment) -> NDArray[Any]:
        """Return the raw actions up to a segment's last step; see the single wrapper's `replay`."""
        return self._feedback.buffer.replay(segment)

    def state_dict(self) -> dict[str, Any]:
        """Return buffer, ratings and rater, for a checkpoint. It holds true rewards."""
        return {"feedback": self._feedback.state_dict(), "resets": self._autoreset.pending.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned; the environments are to be restored separately."""
        self._feedback.load_state_dict(state["feedback"])
        self._autoreset.pending = state["resets"].copy()


class LearnedRewardWrapper(
    SealedVectorAttributes, VectorWrapper[Any, Any, Any, Any, Any], RecordConstructorArgs
):
    """Put learned rewards r(s, a) in the place of the environments', with one prediction for all N.

    Arguments and errors are those of `gym_rated.wrappers.LearnedRewardWrapper`. The dtype of the
    rewards is kept; the reset step of next-step autoreset gets 0.

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

    def __init__(
        self,
        env: _VectorEnv,
        reward_fn: RewardFn | str,
        *,
        features: Features | str | None = None,
        info_allow: Collection[str] = (),
        attr_allow: Collection[str] = (),
    ) -> None:
        record_arguments(
            self,
            reward_fn=reward_fn,
            features=features,
            info_allow=info_allow,
            attr_allow=attr_allow,
        )
        VectorWrapper.__init__(self, env)
        refuse_transforms_between(env)
        self._reward_fn = resolve_reward_fn(reward_fn)
        space = env.single_observation_space
        self._encode_obs = ObservationEncoder(space, resolve_features(features), env.num_envs)
        self._encode_actions = ActionEncoder(env.single_action_space, env.num_envs)
        self._obs: NDArray[Any] | None = None
        self._autoreset = _Autoreset(env)
        self._info_allow = set_of_names("info_allow", info_allow)
        self._visible = ALLOWED_ATTRIBUTES | set_of_names("attr_allow", attr_allow)

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environments, or those of `options["reset_mask"]`; the infos are filtered."""
        which = _reset_mask(options)
        is_ready = which is None or which.all() or self._obs is not None
        self._obs = None
        obs, infos = self.env.reset(seed=seed, options=_copied(options))
        encoded = self._encode_obs(obs)
        self._obs = encoded.copy() if is_ready else None
        self._autoreset.begin(which)
        return obs, hide_info(infos, self._info_allow)

    def step(self, actions: Any) -> _Step:
        """Step the environments; rewards are of the observations before it and the actions."""
        if self._obs is None:
            raise ResetNeeded("`reset` must be called before `step`, and after a step that failed")
        encoded = self._encode_actions(actions)
        before, self._obs = self._obs, None
        obs, hidden, terminated, truncated, infos = self.env.step(actions)
        next_obs = self._encode_obs(obs).copy()
        is_reset_step, _ = self._autoreset.advance(terminated | truncated)
        rewards = self._predict(before, encoded, ~is_reset_step).astype(hidden.dtype)
        self._obs = next_obs
        return obs, rewards, terminated, truncated, hide_info(infos, self._info_allow)

    def _predict(
        self, obs: NDArray[Any], actions: NDArray[np.float32], valid: NDArray[np.bool_]
    ) -> NDArray[Any]:
        if valid.all():
            return predict_rewards(self._reward_fn, obs, actions)
        rewards = np.zeros(len(obs))
        if valid.any():
            rewards[valid] = predict_rewards(self._reward_fn, obs[valid], actions[valid])
        return rewards

    def state_dict(self) -> dict[str, Any]:
        """Return what the next step needs, for a checkpoint.

        Of the reward function it holds what its own `state_dict` returns, if it has one: a bonus
        for new states remembers those it has seen.
        """
        obs = None if self._obs is None else self._obs.copy()
        state = {"obs": obs, "resets": self._autoreset.pending.copy()}
        if hasattr(self._reward_fn, "state_dict"):
            state["reward_fn"] = self._reward_fn.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._obs = None if state["obs"] is None else state["obs"].copy()
        self._autoreset.pending = state["resets"].copy()
        if "reward_fn" in state:
            self._reward_fn.load_state_dict(state["reward_fn"])  # type: ignore[attr-defined]  # it gave the state


class _Autoreset:
    """Which rows of a step are no transitions, and after which a new episode begins."""

    def __init__(self, env: _VectorEnv) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode is None:
            warnings.warn(
                f"{env} names no `autoreset_mode` in `metadata`; next-step autoreset is assumed",
                stacklevel=3,
            )
        self._mode = AutoresetMode.NEXT_STEP if mode is None else AutoresetMode(mode)
        self.pending = np.zeros(env.num_envs, np.bool_)  # whose next row is a reset

    def begin(self, which: NDArray[np.bool_] | None) -> None:
        """Forget the environments that were reset from outside."""
        self.pending = self.pending & ~which if which is not None else np.zeros_like(self.pending)

    def advance(self, done: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which rows of the step just taken were resets, and which were reset in it."""
        were_resets = self.pending
        nowhere = np.zeros_like(done)
        self.pending = done.copy() if self._mode == AutoresetMode.NEXT_STEP else nowhere
        return were_resets, done if self._mode == AutoresetMode.SAME_STEP else were_resets


def _find_env_id(env: _VectorEnv) -> str | None:
    """Return the id of the environments; a vector env made of functions names it only inside."""
    innermost = layers(env)[-1]
    specs = (env.spec, *(sub.spec for sub in getattr(innermost, "envs", ())[:1]))
    return next((spec.id for spec in specs if spec is not None), None)


def _reset_mask(options: dict[str, Any] | None) -> NDArray[np.bool_] | None:
    mask = None if options is None else options.get("reset_mask")
    return None if mask is None else np.array(mask, np.bool_)


def _copied(options: dict[str, Any] | None) -> dict[str, Any] | None:
    """Copy `options`: SyncVectorEnv takes `reset_mask` out of the dict it is given."""
    return None if options is None else dict(options)
