"""What a single wrapper and its vector twin share: their arguments, and what they hand on.

`single` and `vector` say what `reset` and `step` do with it; `Feedback` and `Learned` are the
cores that do the work.
"""

import multiprocessing
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from gym_rated.checks import set_of_names
from gym_rated.metrics import Truth
from gym_rated.queries import Select
from gym_rated.raters import Rater
from gym_rated.ratings import RatingDataset
from gym_rated.segments import Segment
from gym_rated.segments.encoding import Features, resolve_features
from gym_rated.wrappers.answers import Answers, OnRatings
from gym_rated.wrappers.encoded import agreed_features, seen_on_device, what_is_seen
from gym_rated.wrappers.endings import Endings
from gym_rated.wrappers.feedback import Feedback
from gym_rated.wrappers.hiding import ALLOWED_ATTRIBUTES
from gym_rated.wrappers.learned import Learned
from gym_rated.wrappers.questions import Questions
from gym_rated.wrappers.recording import Recording, spaces_of
from gym_rated.wrappers.reward_fn import RewardFn, resolve_reward_fn
from gym_rated.wrappers.specs import record_arguments, resolve_rater
from gym_rated.wrappers.stacking import (
    PaysLearned,
    RecordsFeedback,
    check_kind,
    feedback_below,
    find_env_id,
    refuse_learned_below,
    refuse_normalizers,
    refuse_rating_wrappers,
    refuse_transforms_between,
)

EnvT = TypeVar("EnvT")


class FeedbackTwin(RecordsFeedback, Generic[EnvT]):
    """Mixin of the feedback wrappers; `gym_rated.wrappers.RatingFeedbackWrapper` documents it."""

    _own: frozenset[str]

    def __init__(
        self,
        env: EnvT,
        rater: Rater | Mapping[str, Any],
        *,
        segment_length: int | Sequence[int] = 10,
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
        capacity: int | None = None,
        seed: int = 0,
    ) -> None:
        record_arguments(self, locals())
        check_kind(self, env)
        super().__init__(env)  # type: ignore[call-arg]  # gym.Wrapper's or VectorWrapper's
        refuse_rating_wrappers(env)
        refuse_normalizers(env)
        self._mark()
        _warn_in_a_worker()
        judge: Rater = resolve_rater(rater)
        self.features = resolve_features(features)
        recording = Recording(
            spaces_of(env),
            self.features,
            segment_length=segment_length,
            capacity=capacity,
            record_replay=record_replay,
            record_frames=record_frames,
        )
        ratings = RatingDataset(
            *recording.dims,
            judge.num_classes,
            env_id=find_env_id(env),
            criterion=getattr(judge, "criterion", None),
        )
        answers = Answers(judge, ratings, on_ratings, min_new)
        questions = Questions(schedule, select, collect_every, seed, answers.are_awaited)
        self._feedback = Feedback(recording, questions, answers)
        self._endings = Endings(env)
        self._info_allow = set_of_names("info_allow", info_allow)
        self._visible = ALLOWED_ATTRIBUTES | self._own | set_of_names("attr_allow", attr_allow)

    @property
    def ratings(self) -> RatingDataset:
        """The segments asked about so far, and their ratings."""
        return self._feedback.ratings

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

    def judge(self, reward_fn: RewardFn) -> Truth:
        """Say how a learned reward agrees with the true one on what the agent did last.

        Measured on up to 4,096 of the newest steps, of images on fewer. True rewards stay here:
        what comes out is a few numbers for a log, NaN where there is no true reward, or it is
        constant. They are no business of the agent, nor of what fits the reward: wrappers above do
        not hand this on.

        Args:
            reward_fn: What is judged, such as `model.predict`. It is called with these steps, so it
                should be no bonus that remembers what it has seen.

        Raises:
            TypeError: If `reward_fn` is not callable.
            ValueError: If it returns another shape than (N,).
        """
        return self._feedback.judge(resolve_reward_fn(reward_fn))

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
        return {"feedback": self._feedback.state_dict(), **self._endings.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned; environments are to be restored separately."""
        self._feedback.load_state_dict(state["feedback"])
        self._endings.load_state_dict(state)


class LearnedTwin(PaysLearned, Generic[EnvT]):
    """Mixin of the learned wrappers; `gym_rated.wrappers.LearnedRewardWrapper` documents it."""

    _own: frozenset[str]

    def __init__(
        self,
        env: EnvT,
        reward_fn: RewardFn | str,
        *,
        features: Features | str | None = None,
        info_allow: Collection[str] = (),
        attr_allow: Collection[str] = (),
    ) -> None:
        record_arguments(self, locals())
        check_kind(self, env)
        super().__init__(env)  # type: ignore[call-arg]  # gym.Wrapper's or VectorWrapper's
        refuse_learned_below(env)
        refuse_transforms_between(env)
        self._mark()
        function = resolve_reward_fn(reward_fn)
        below = feedback_below(env)
        self.features = agreed_features(below, features)
        spaces = spaces_of(env)
        seen = what_is_seen(env, spaces, self.features)
        there = None
        if getattr(function, "takes_tensors", False):
            there = seen_on_device(seen, spaces, self.features)
        self._learned = Learned(function, seen, Endings(env), there)
        self._info_allow = set_of_names("info_allow", info_allow)
        handed_on = self._own if below else frozenset()
        self._visible = ALLOWED_ATTRIBUTES | handed_on | set_of_names("attr_allow", attr_allow)

    def state_dict(self) -> dict[str, Any]:
        """Return what the next step needs, for a checkpoint.

        Of the reward function it holds what its own `state_dict` returns, if it has one: a bonus
        for new states remembers those it has seen.
        """
        return self._learned.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned; environments are to be restored separately."""
        self._learned.load_state_dict(state)


def _warn_in_a_worker() -> None:
    if multiprocessing.current_process().name.startswith("Worker<"):
        warnings.warn(
            "RatingFeedbackWrapper inside AsyncVectorEnv keeps its ratings in the worker; put "
            "gym_rated.vector.RatingFeedbackWrapper around AsyncVectorEnv instead",
            stacklevel=3,
        )
