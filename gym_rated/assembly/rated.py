"""`gym_rated/Rated-v0`: an environment whose reward is learned from ratings, for any library.

A library that calls `gymnasium.make` with keyword arguments needs to know nothing of this package:

    gymnasium.make("gym_rated/Rated-v0", env_id="Pendulum-v1", rater={...}, schedule={...})

is Pendulum in both rating wrappers, with a reward model that is fitted as ratings come in. All
arguments have JSON forms, so that the spec can be written down. `gymnasium.make_vec` puts the
vector wrappers around N environments: one rater, one dataset, one model.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AsyncVectorEnv, VectorEnv
from numpy.typing import NDArray

from gym_rated import vector, wrappers
from gym_rated.raters import Rater
from gym_rated.ratings import RatingDataset
from gym_rated.segments import Segment
from gym_rated.wrappers.reward_fn import RewardFn
from gym_rated.wrappers.specs import resolve_rater, sealed

if TYPE_CHECKING:
    from gym_rated.fitting import RewardLearner


class RatedEnv(gym.Env[Any, Any]):
    """An environment, made by id, in `RatingFeedbackWrapper` and `LearnedRewardWrapper`.

    Not even `env.unwrapped` leads to the true reward: this is the innermost environment.

    Args:
        env_id: Environment to rate.
        rater: A `Rater` or its JSON form `{"type": "module:attr", ...}`.
        reward_fn: Folder of a saved reward model, `"module:attr"`, or a function. By default a
            model is fitted whenever ratings come in.
        env_kwargs: Keyword arguments of `gymnasium.make` for `env_id`.
        loss: Keyword arguments of the `MultitaskLoss` that the model is fitted with, where they
            are to be other than those of `gym_rated.fitting.OURS`.
        features: As in `RatingFeedbackWrapper`.
        render_mode: As in `gymnasium.make`.
        seed: Seed of the choice of segments, of the model and of its fits.
        feedback: More keyword arguments of `RatingFeedbackWrapper`, such as `segment_length` and
            `schedule`; without a schedule nothing is asked but by `query`.

    Raises:
        ValueError: If `loss` is given beside `reward_fn`.

    Example:
        >>> import gymnasium as gym
        >>> import gym_rated
        >>> rater = {"type": "gym_rated:SyntheticRater", "num_classes": 3}
        >>> env = gym.make(
        ...     "gym_rated/Rated-v0",
        ...     env_id="Pendulum-v1",
        ...     rater=rater,
        ...     segment_length=20,
        ...     schedule={400: 20},
        ... )
        >>> obs, info = env.reset(seed=0)
        >>> for step in range(400):
        ...     obs, reward, terminated, truncated, info = env.step(env.action_space.sample())
        ...     if truncated:
        ...         obs, info = env.reset()
        >>> len(env.unwrapped.ratings), env.unwrapped.learner.num_fits
        (20, 1)
    """

    # each mode that `env_id` may have: it is asked for its own when it is made
    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": ["human", "rgb_array", "rgb_array_list", "depth_array", "ansi", "ansi_list"]
    }

    def __init__(
        self,
        env_id: str,
        rater: Rater | Mapping[str, Any],
        reward_fn: RewardFn | str | None = None,
        *,
        env_kwargs: Mapping[str, Any] | None = None,
        loss: Mapping[str, Any] | None = None,
        features: Any = None,
        render_mode: str | None = None,
        seed: int = 0,
        **feedback: Any,
    ) -> None:
        env = gym.make(env_id, **_make_arguments(env_kwargs, render_mode))
        judge: Rater = resolve_rater(rater)
        spaces = env.observation_space, env.action_space
        self._spec: EnvSpec | None = None
        self.learner = _learner(reward_fn, spaces, judge, loss, features, seed, feedback)
        self._feedback = wrappers.RatingFeedbackWrapper(
            env, judge, features=features, seed=seed, **_fitting(self.learner), **feedback
        )
        self._env = wrappers.LearnedRewardWrapper(
            self._feedback, _reward_fn(reward_fn, self.learner)
        )
        self.observation_space = env.observation_space
        self.action_space = env.action_space
        self.metadata = self._env.metadata  # which names the rating wrappers
        self.render_mode = render_mode

    @property
    def spec(self) -> EnvSpec | None:
        """What `gymnasium.make` was asked for; a rater in it cannot be reached from there."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        if spec is not None and "rater" in spec.kwargs:
            spec = replace(spec, kwargs=spec.kwargs | {"rater": sealed(spec.kwargs["rater"])})
        self._spec = spec

    @property
    def ratings(self) -> RatingDataset:
        """The segments asked about so far, and their ratings."""
        return self._feedback.ratings

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment; the info is filtered."""
        super().reset(seed=seed)
        return self._env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step the environment; the reward is the learned one."""
        return self._env.step(action)

    def query(self, num_segments: int) -> int:
        """Ask the rater about segments; see `RatingFeedbackWrapper.query`."""
        return self._feedback.query(num_segments)

    def collect(self) -> int:
        """Fetch the rater's answers into `ratings`; see `RatingFeedbackWrapper.collect`."""
        return self._feedback.collect()

    def replay(self, segment: Segment) -> NDArray[Any]:
        """Return raw actions up to a segment's end; see `RatingFeedbackWrapper.replay`."""
        return self._feedback.replay(segment)

    def render(self) -> Any:
        """Render the environment."""
        return self._env.render()

    def close(self) -> None:
        """Close the environment."""
        self._env.close()


def make_rated_vec(
    num_envs: int,
    env_id: str,
    rater: Rater | Mapping[str, Any],
    reward_fn: RewardFn | str | None = None,
    *,
    inner_mode: str = "sync",
    env_kwargs: Mapping[str, Any] | None = None,
    loss: Mapping[str, Any] | None = None,
    features: Any = None,
    render_mode: str | None = None,
    seed: int = 0,
    **feedback: Any,
) -> VectorEnv[Any, Any, Any]:
    """Make N environments in the vector wrappers, with one dataset and one reward model.

    Args:
        num_envs: Number of environments N.
        env_id: Environment to rate; arguments not named here are those of `RatedEnv`.
        rater: As in `RatedEnv`.
        reward_fn: As in `RatedEnv`.
        inner_mode: "sync", "async" or "vector_entry_point": how the N environments run.
        env_kwargs: As in `RatedEnv`.
        loss: As in `RatedEnv`.
        features: As in `RatedEnv`.
        render_mode: As in `RatedEnv`.
        seed: As in `RatedEnv`.
        feedback: As in `RatedEnv`.

    Returns:
        The stack; its `env` is the feedback wrapper, with `ratings`, `query` and `collect`.
    """
    arguments = _make_arguments(env_kwargs, render_mode)
    envs = gym.make_vec(env_id, num_envs, vectorization_mode=inner_mode, **arguments)
    if isinstance(envs, AsyncVectorEnv):
        envs = vector.StepTimeout(envs)
    judge: Rater = resolve_rater(rater)
    spaces = envs.single_observation_space, envs.single_action_space
    learner = _learner(reward_fn, spaces, judge, loss, features, seed, feedback)
    rated = vector.RatingFeedbackWrapper(
        envs, judge, features=features, seed=seed, **_fitting(learner), **feedback
    )
    return vector.LearnedRewardWrapper(rated, _reward_fn(reward_fn, learner))


def _make_arguments(
    env_kwargs: Mapping[str, Any] | None, render_mode: str | None
) -> dict[str, Any]:
    return dict(env_kwargs or {}) | ({} if render_mode is None else {"render_mode": render_mode})


def _learner(
    reward_fn: Any,
    spaces: tuple[gym.Space[Any], gym.Space[Any]],
    rater: Rater,
    loss: Mapping[str, Any] | None,
    features: Any,
    seed: int,
    feedback: Mapping[str, Any],
) -> "RewardLearner | None":
    """Return what fits a reward model of our own; None where the reward function is given."""
    if reward_fn is not None and loss is not None:
        raise ValueError(
            f"`loss` must not be given beside `reward_fn`, which is not fitted, got {dict(loss)}"
        )
    if reward_fn is not None:
        return None
    from gym_rated.fitting import learner_for_spaces

    return learner_for_spaces(
        *spaces,
        rater.num_classes,
        segment_length=feedback.get("segment_length", 10),
        features=features,
        loss=loss,
        seed=seed,
    )


def _fitting(learner: "RewardLearner | None") -> dict[str, Any]:
    return {} if learner is None else {"on_ratings": learner.fit}


def _reward_fn(reward_fn: RewardFn | str | None, learner: "RewardLearner | None") -> Any:
    return reward_fn if learner is None else learner.model.predict
