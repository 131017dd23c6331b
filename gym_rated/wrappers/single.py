"""The two wrappers for `gymnasium.Env`; `gym_rated.vector` has their twins for vector environments.

`RatingFeedbackWrapper` takes the true reward away and asks for ratings of segments;
`LearnedRewardWrapper` puts a learned reward in its place. The agent's own normalisers go above
both. What both kinds of wrappers share, such as their arguments, is in `twins`.
"""

from typing import Any

import gymnasium as gym
from gymnasium.utils import RecordConstructorArgs

from gym_rated.wrappers.hiding import SealedAttributes, hide_info
from gym_rated.wrappers.recording import Step
from gym_rated.wrappers.returned import of_reset, of_step
from gym_rated.wrappers.twins import FeedbackTwin, LearnedTwin

_Env = gym.Env[Any, Any]
_Wrapper = gym.Wrapper[Any, Any, Any, Any]
_StepReturn = tuple[Any, float, bool, bool, dict[str, Any]]


class RatingFeedbackWrapper(FeedbackTwin[_Env], SealedAttributes, _Wrapper, RecordConstructorArgs):
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
        capacity: Steps of which segments can still be cut, summed over environments; by default
            200,000, or four of the longest segments of each environment if that is more.
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

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment; the info is filtered."""
        obs, info = of_reset(self.env.reset(seed=seed, options=options))
        self._feedback.begin(obs)
        self._endings.begin()
        return obs, hide_info(info, self._info_allow)

    def step(self, action: Any) -> _StepReturn:
        """Step the environment; the reward is 0.0 and the info is filtered."""
        encoded = self._feedback.encode_actions(action)
        obs, reward, terminated, truncated, info = of_step(self.env.step(action))
        done = bool(terminated or truncated)
        begun = self._endings.advance(done)[1]  # an Autoreset below has reset in this step
        self._feedback.record(Step(encoded, reward, terminated, done, obs, begun, info))
        return obs, 0.0, terminated, truncated, hide_info(info, self._info_allow)


class LearnedRewardWrapper(LearnedTwin[_Env], SealedAttributes, _Wrapper, RecordConstructorArgs):
    """Put a learned reward r(s, a) in the place of the environment's.

    Hides as `RatingFeedbackWrapper` does, so that it can also stand alone.

    Args:
        env: Environment, usually wrapped in `RatingFeedbackWrapper`.
        reward_fn: Maps N encoded observations (N, D) and actions (N, A) to rewards (N,);
            or a saved reward model's folder, or `"module:attr"`.
        features: As in `RatingFeedbackWrapper`, from which it is taken where there is one below.
        info_allow: Info keys that may pass.
        attr_allow: Attributes that may be read through this wrapper.

    Raises:
        TypeError: If a space or an argument is of an unsupported kind.
        ValueError: If a wrapper that changes observations or actions lies between this and the
            feedback wrapper, or that has other `features`; at a step, if `reward_fn` returns
            another shape or a value that is not finite.

    Example:
        >>> import gymnasium as gym
        >>> from gym_rated import LearnedRewardWrapper
        >>> env = LearnedRewardWrapper(gym.make("Pendulum-v1"), lambda obs, actions: obs[:, 0])
        >>> obs, info = env.reset(seed=0)
        >>> reward = env.step(env.action_space.sample())[1]
        >>> bool(reward == obs[0])
        True
    """

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment; the info is filtered."""
        self._learned.forget()
        obs, info = of_reset(self.env.reset(seed=seed, options=options))
        self._learned.begin(obs)
        return obs, hide_info(info, self._info_allow)

    def step(self, action: Any) -> _StepReturn:
        """Step the environment; the reward is of the observation before it and the action."""
        before = self._learned.prepare(action)
        try:
            obs, _, terminated, truncated, info = of_step(self.env.step(action))
        except Exception:
            self._learned.give_back(before)
            raise
        reward = self._learned.pay(before, obs, bool(terminated or truncated)).item()
        return obs, reward, terminated, truncated, hide_info(info, self._info_allow)
