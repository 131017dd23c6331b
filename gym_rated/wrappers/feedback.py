"""Steps in, ratings out: what the single and the vector feedback wrapper share.

Both wrappers hand their steps over with a leading environment axis N; here they are recorded, asked
about on schedule, and the answers collected.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.checks import whole_number
from gym_rated.metrics import Truth, agreement_with_truth
from gym_rated.ratings import RatingDataset
from gym_rated.wrappers.answers import Answers
from gym_rated.wrappers.questions import Questions
from gym_rated.wrappers.recording import Recording, Step
from gym_rated.wrappers.reward_fn import RewardFn

_JUDGED_STEPS = 4_096  # most, summed over environments
_JUDGED_NUMBERS = 2**22  # of their observations, most: images are judged on fewer steps


class Feedback:
    """Record steps, ask a rater about segments of them, keep the answers.

    Args:
        recording: Keeps the steps.
        questions: Says when to ask about what.
        answers: Has the rater and its ratings.

    Attributes:
        buffer: The steps of which segments can still be cut.
    """

    def __init__(self, recording: Recording, questions: Questions, answers: Answers) -> None:
        self.recording = recording
        self.buffer = recording.buffer
        self._questions = questions
        self._answers = answers

    @property
    def ratings(self) -> RatingDataset:
        """The segments asked about so far, and their ratings."""
        return self._answers.ratings

    def begin(self, obs: Any, which: NDArray[np.bool_] | None = None) -> None:
        """Start episodes from the observations of a reset; see `SegmentBuffer.begin`."""
        self.recording.begin(obs, which)

    def encode_actions(self, actions: Any) -> NDArray[np.float32]:
        """Encode the actions of a step that is about to be taken; returns shape (N, A).

        Raises:
            ResetNeeded: Before the first reset, and after a step of which no record was made.
        """
        return self.recording.encode_actions(actions)

    def record(self, step: Step) -> None:
        """Record a step, then do what is due."""
        buffer = self.buffer
        if not buffer.steps:
            self._answers.check_reward(step.rewards)
        self.recording.add(step, buffer.record_frames and not self._questions.is_through)
        if buffer.steps >= self._questions.next_event:
            self._do_what_is_due()

    def query(self, num_segments: int) -> int:
        """Choose segments, submit them, collect what is answered; returns how many were asked."""
        num_segments = whole_number("num_segments", num_segments)
        num_asked = self._ask(num_segments)
        if num_asked is None:
            warnings.warn(
                f"a query for {num_segments} segments found none at step {self.buffer.steps}: "
                f"since the last one no stretch of {self.buffer.segment_lengths[0]} steps was "
                "recorded, nor a termination",
                stacklevel=2,
            )
        return num_asked or 0

    def _ask(self, num_segments: int) -> int | None:
        """Return how many segments were asked about; None where there was none to choose from."""
        chosen = self._questions.choose(self.buffer, num_segments)
        if chosen is None:
            return None
        self._answers.ask(chosen)
        self.buffer.mark_asked()
        self._questions.round += 1
        self.collect()
        return len(chosen)

    def collect(self) -> int:
        """Fetch answers into `ratings`; returns how many are new or revised."""
        return self._answers.collect(self._questions.round)

    def judge(self, reward_fn: RewardFn) -> Truth:
        """Compare a reward with the true one on the newest steps; see `FeedbackTwin.judge`."""
        most = max(1, min(_JUDGED_STEPS, _JUDGED_NUMBERS // self.recording.dims[0]))
        steps = self.buffer.recent(most)
        return agreement_with_truth(
            reward_fn,
            steps.obs,
            steps.actions,
            steps.true_rewards,
            steps.episodes,
            segment_length=self.buffer.segment_lengths[-1],
        )

    def _do_what_is_due(self) -> None:
        questions, steps = self._questions, self.buffer.steps
        is_due = questions.fall_due(steps)
        asks = is_due and questions.owed > 0
        if asks:
            questions.owed -= self.query(questions.owed)
        elif is_due:  # asked about after the checkpoint that was resumed; see `recover`
            self.buffer.mark_asked()
        elif questions.makes_up:  # the shortfall was warned of when it arose
            questions.owed -= self._ask(questions.owed) or 0
        if self._answers.are_awaited and not asks:
            self.collect()
        questions.plan(steps)
        self._answers.notify()

    def state_dict(self) -> dict[str, Any]:
        """Return buffer, ratings, rater and cursors, for a checkpoint. It holds true rewards."""
        questions, answers = self._questions, self._answers
        rater = answers.rater
        return {
            "buffer": self.buffer.state_dict(),
            "ratings": answers.ratings.state_dict(),
            "rater": rater.state_dict() if hasattr(rater, "state_dict") else None,
            "schedule": dict(questions.schedule),
            "rng": questions.rng.bit_generator.state,
            "cursors": [
                *(self.recording.is_ready, questions.round, answers.judged),
                *(questions.owed, answers.unseen, questions.next_event),
            ],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        questions, answers = self._questions, self._answers
        self.buffer.load_state_dict(state["buffer"])
        answers.ratings.load_state_dict(state["ratings"])
        if state["rater"] is not None:
            answers.rater.load_state_dict(state["rater"])  # type: ignore[attr-defined]  # it gave the state
        questions.schedule = dict(state["schedule"])
        questions.rng.bit_generator.state = state["rng"]
        self.recording.is_ready, questions.round, answers.judged, *rest = state["cursors"]
        questions.owed, answers.unseen, questions.next_event = rest
        if hasattr(answers.rater, "recover"):  # asked about after the checkpoint
            segments = answers.rater.recover()
            answers.ratings.add(segments)
            questions.take_back(segments)
