"""The two wrappers for `gymnasium.Env`; `gym_rated.vector` has their twins for vector environments.

`RatingFeedbackWrapper` takes the true reward away and asks for ratings of segments;
`LearnedRewardWrapper` puts a learned reward in its place. The agent's own normalisers go above
both.
"""

import multiprocessing
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import gymnasium as gym
from gymnasium.error import ResetNeeded
from gymnasium.utils import RecordConstructorArgs
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
from gym_rated.wrappers.hiding import ALLOWED_ATTRIBUTES, SealedAttributes, hide_info
from gym_rated.wrappers.reward_fn import RewardFn, predict_rewards, resolve_reward_fn
from gym_rated.wrappers.specs import record_arguments, resolve_rater
from gym_rated.wrappers.stacking import (
    RecordsFeedback,
    layers,
    refuse_normalizers,
    refuse_transforms_between,
)

_OWN = frozenset({"ratings", "query", "collect", "replay"})
_Env = gym.Env[Any, Any]
_Step = tuple[Any, float, bool, bool, dict[str, Any]]


class RatingFeedbackWrapper(
    SealedAttributes, gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs, RecordsFeedback
):
    """Hide the true reward, and ask a rater about segments of what happens.

    The wrapped environment returns reward 0.0 and an info without anything that could give the
    reward away. It belongs below every normaliser, on the raw environment;
    `RecordEpisodeStatistics` goes below it.

    Args:
        env: Environment; its reward may be NaN or 0 if the rater does not need it.
        rater: A `Rater`, or its JSON form `{"type": "module:attr", ...}`.
        segment_length: Steps of a segment, at least 1; at most half an episode is wise. Several
            lengths, such as (10, 25, 50), mix: each segment has one of them at random.
        schedule: Environment step -> segments to ask about at it, see `query_schedule`. What a
            scheduled query does not find is asked for at the next one, and after the last one every
            `collect_every` steps. None leaves it to `query`.
        select: Chooses among 10 candidates for each segment asked about, by default uniformly. It
            sees them with NaN for their true rewards.
        on_ratings: Called with `ratings` when at least `min_new` are new, or all that was asked is
            answered: usually `learner.fit`. None leaves it to `collect`.
        collect_every: Steps between two looks at the rater's answers, where `on_ratings` is given,
            and between two tries to make up for what a scheduled query did not find.
        min_new: New or revised ratings that make `on_ratings` worth a call, at least 1.
        features: Maps an observation to a vector for the reward model. Images need it, or "pixels",
            which keeps them as uint8 for a `ConvRewardEnsemble`.
        info_allow: Info keys that may pass.
        attr_allow: Attributes that may be read through this wrapper.
        record_replay: Keep the raw actions of the episodes in the buffer, for `replay`.
        record_frames: Keep the frames that `gym_rated.human.CapturedEpisodes` takes below, until
            the next query and up to the last of a `schedule`, and ask only about segments that have
            one of every step.
        capacity: Steps of which segments can still be cut, summed over environments.
        seed: Seed of the choice of segments.

    Attributes:
        ratings: The segments asked about and their ratings, a `RatingDataset`.

    Raises:
        TypeError: If a space or an argument is of an unsupported kind.
        ValueError: If a value is out of range, or a normaliser lies below; at a step, if an
            observation or an action is not finite.

    Example:
        >>> import gymnasium as gym
        >>> from gym_rated import RatingFeedbackWrapper, SyntheticRater
        >>> env = RatingFeedbackWrapper(gym.make("Pendulum-v1"), SyntheticRater(3))
        >>> obs, info = env.reset(seed=0)
        >>> for _ in range(150):
        ...     obs, reward, terminated, truncated, info = env.step(env.action_space.sample())
        >>> reward, env.query(3), len(env.ratings)
        (0.0, 3, 3)
    """

    def __init__(
        self,
        env: _Env,
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
        gym.Wrapper.__init__(self, env)
        refuse_normalizers(env)
        _warn_in_a_worker()
        self._feedback = Feedback(
            env.observation_space,
            env.action_space,
            None,
            resolve_rater(rater),
            features=resolve_features(features),
            env_id=None if env.spec is None else env.spec.id,
            **options,
        )
        self._is_over = False  # the step after an episode's end is no transition
        self._info_allow = set_of_names("info_allow", info_allow)
        self._visible = ALLOWED_ATTRIBUTES | _OWN | set_of_names("attr_allow", attr_allow)

    @property
    def ratings(self) -> RatingDataset:
        """The segments asked about so far, and their ratings."""
        return self._feedback.ratings

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment; the info is filtered."""
        obs, info = self.env.reset(seed=seed, options=options)
        self._feedback.begin(obs)
        self._is_over = False
        return obs, hide_info(info, self._info_allow)

    def step(self, action: Any) -> _Step:
        """Step the environment; the reward is 0.0 and the info is filtered."""
        encoded = self._feedback.encode_actions(action)
        obs, reward, terminated, truncated, info = self.env.step(action)
        was_over, self._is_over = self._is_over, bool(terminated or truncated)
        begun = was_over and not self._is_over  # an Autoreset below has reset in this step
        self._feedback.record(encoded, reward, terminated, self._is_over, obs, begun, info)
        return obs, 0.0, terminated, truncated, hide_info(info, self._info_allow)

    def query(self, num_segments: int) -> int:
        """Ask the rater about segments of what happened since the last query.

        Args:
            num_segments: How many to ask about, at least 1.

        Returns:
            How many were submitted: fewer, with a warning at 0, where not enough steps were
            recorded.
        """
        return self._feedback.query(num_segments)

    def collect(self) -> int:
        """Fetch the rater's answers into `ratings`; returns how many changed. Never blocks."""
        return self._feedback.collect()

    def replay(self, segment: Segment) -> NDArray[Any]:
        """Return the raw actions from the first step of a segment's episode to its own last.

        They are as they were handed in: unclipped, of their own dtype. With `SeededEpisodes` below,
        they play the segment again; `segment.origin` says which episode it is from.

        Raises:
            RuntimeError: If the wrapper was made without `record_replay`.
            ValueError: If the episode is no longer in the buffer.
        """
        return self._feedback.buffer.replay(segment)

    def state_dict(self) -> dict[str, Any]:
        """Return buffer, ratings and rater, for a checkpoint. It holds true rewards."""
        return {"feedback": self._feedback.state_dict(), "is_over": self._is_over}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned; the environment is to be restored separately."""
        self._feedback.load_state_dict(state["feedback"])
        self._is_over = state["is_over"]


class LearnedRewardWrapper(
    SealedAttributes, gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs
):
    """Put a learned reward r(s, a) in the place of the environment's.

    Hides as `RatingFeedbackWrapper` does, so that it can also stand alone.

    Args:
        env: Environment, usually wrapped in `RatingFeedbackWrapper`.
        reward_fn: Maps N encoded observations (N, D) and actions (N, A) to rewards (N,);
            or a saved reward model's folder, or `"module:attr"`.
        features: As in `RatingFeedbackWrapper`; give both wrappers the same.
        info_allow: Info keys that may pass.
        attr_allow: Attributes that may be read through this wrapper.

    Raises:
        TypeError: If a space or an argument is of an unsupported kind.
        ValueError: If a wrapper that changes observations or actions lies between this and the
            feedback wrapper; at a step, if `reward_fn` returns another shape or a value that is
            not finite.

    Example:
        >>> import gymnasium as gym
        >>> from gym_rated import LearnedRewardWrapper
        >>> env = LearnedRewardWrapper(gym.make("Pendulum-v1"), lambda obs, actions: obs[:, 0])
        >>> obs, info = env.reset(seed=0)
        >>> reward = env.step(env.action_space.sample())[1]
        >>> bool(reward == obs[0])
        True
    """

    def __init__(
        self,
        env: _Env,
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
        gym.Wrapper.__init__(self, env)
        refuse_transforms_between(env)
        self._reward_fn = resolve_reward_fn(reward_fn)
        self._encode_obs = ObservationEncoder(env.observation_space, resolve_features(features))
        self._encode_actions = ActionEncoder(env.action_space)
        self._obs: NDArray[Any] | None = None
        self._is_over = False  # the step after an episode's end is no transition
        self._info_allow = set_of_names("info_allow", info_allow)
        is_rated = any(isinstance(layer, RatingFeedbackWrapper) for layer in layers(env))
        visible = ALLOWED_ATTRIBUTES | _OWN if is_rated else ALLOWED_ATTRIBUTES
        self._visible = visible | set_of_names("attr_allow", attr_allow)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment; the info is filtered."""
        self._obs = None
        obs, info = self.env.reset(seed=seed, options=options)
        self._obs, self._is_over = self._encode_obs(obs).copy(), False
        return obs, hide_info(info, self._info_allow)

    def step(self, action: Any) -> _Step:
        """Step the environment; the reward is of the observation before it and the action."""
        if self._obs is None:
            raise ResetNeeded("`reset` must be called before `step`, and after a step that failed")
        encoded = self._encode_actions(action)
        before, self._obs = self._obs, None
        obs, _, terminated, truncated, info = self.env.step(action)
        next_obs = self._encode_obs(obs).copy()
        rewards = [0.0] if self._is_over else predict_rewards(self._reward_fn, before, encoded)
        self._obs, self._is_over = next_obs, bool(terminated or truncated)
        return obs, float(rewards[0]), terminated, truncated, hide_info(info, self._info_allow)


def _warn_in_a_worker() -> None:
    if multiprocessing.current_process().name.startswith("Worker<"):
        warnings.warn(
            "RatingFeedbackWrapper inside AsyncVectorEnv keeps its ratings in the worker; put "
            "gym_rated.vector.RatingFeedbackWrapper around AsyncVectorEnv instead",
            stacklevel=3,
        )
