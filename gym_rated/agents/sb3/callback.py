"""Fit between rollouts: what makes a Stable-Baselines3 agent learn from ratings as they come in."""

from typing import Any

from gym_rated import vector, wrappers
from gym_rated.agents.sb3.above import above, refuse_changed_rewards
from gym_rated.agents.sb3.paid import PaidRows, chunks
from gym_rated.agents.sb3.relabelling import Stored, refuse_hindsight
from gym_rated.checks import whole_number
from gym_rated.fitting import RewardLearner
from gym_rated.fitting.report import FitReport
from gym_rated.imports import named_extras
from gym_rated.segments.encoding import Features
from gym_rated.wrappers.encoded import agreed_features
from gym_rated.wrappers.stacking import PaysLearned, RatingWrapper

with named_extras():
    from stable_baselines3.common.buffers import ReplayBuffer
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.running_mean_std import RunningMeanStd


class FitCallback(BaseCallback):
    """Fit the reward model when a rollout begins, so that no rollout mixes two reward functions.

    It takes the place of `on_ratings=learner.fit`, which fits in the middle of a rollout. The
    report of each fit goes to SB3's logger under `rated/`. Where the agent has a replay buffer, the
    rewards stored in it are computed anew, and none is stale: what each was paid for is remembered
    beside the buffer, encoded as the reward model gets it, so that it does not matter what the
    agent's layers make of it before SB3 stores it. That takes D + A numbers for each transition.
    Layers that change the rewards, or take several steps at once, are refused when training starts.

    Until the model is ready the agent collects experience without learning from it: all rewards
    are 0 so far, and normalised advantages would turn them into noise. Where a bonus is paid
    meanwhile (`UntilReady`), it learns from that. The reward statistics of a `VecNormalize` begin
    anew whenever a bonus or the learned reward begins or ends.

    Args:
        feedback: The feedback wrapper, which holds the ratings.
        learner: Fits the model that the `LearnedRewardWrapper` of the same stack predicts with.
        collect_every: Steps between two looks at the rater's answers; ratings that the feedback
            wrapper collected itself are seen in any case.
        features: Those of `feedback` are taken; given, they must be the same.

    Attributes:
        report: The last fit's report; None before the first.

    Raises:
        TypeError: If an argument is of another kind.
        ValueError: If `features` are not those of `feedback`.
    """

    report: FitReport | None = None

    def __init__(
        self,
        feedback: vector.RatingFeedbackWrapper | wrappers.RatingFeedbackWrapper,
        learner: RewardLearner,
        *,
        collect_every: int = 1_000,
        features: Features | str | None = None,
    ) -> None:
        super().__init__()
        for name, value, wanted in (("feedback", feedback, "ratings"), ("learner", learner, "fit")):
            if not hasattr(value, wanted):
                raise TypeError(f"`{name}` must have `{wanted}`, got {value!r}")
        self.feedback = feedback
        self.learner = learner
        marked = [feedback] if isinstance(feedback, RatingWrapper) else []
        self._features = agreed_features(marked, features)
        self._collect_every = whole_number("collect_every", collect_every)
        self._next_look = 0
        self._fitted_changes = 0
        self._reward_fn: Any = None
        self._pays = ""
        self._paid: PaidRows | None = None

    def _on_training_start(self) -> None:
        self._next_look = 0
        self._reward_fn = _reward_fn_of(self.model.get_env())
        self._pays = self._what_is_paid()
        buffer = getattr(self.model, "replay_buffer", None)
        if buffer is not None:
            self._remember(buffer)

    def _remember(self, buffer: ReplayBuffer) -> None:
        """Begin to remember what the rewards in `buffer` are paid for."""
        refuse_hindsight(buffer)
        env = self.model.get_env()
        found = above(env, PaysLearned)
        refuse_changed_rewards(found.layers)
        if self._paid is not None and self._paid.buffer is buffer:
            self._paid.settle()
            if self._paid.covers_buffer:
                return
        self._paid = PaidRows(buffer, found.wrappers)
        if buffer.size():
            stored = Stored(buffer, env, self._features)
            for rows in chunks(buffer.size(), buffer.n_envs):
                self._paid.take_over(rows.start, *stored.rows(rows))

    def _on_rollout_start(self) -> None:
        self._let_learn()
        if self.num_timesteps >= self._next_look:
            self._next_look = self.num_timesteps + self._collect_every
            self.feedback.collect()
        ratings = self.feedback.ratings
        if ratings.num_changes == self._fitted_changes:
            return
        self._fitted_changes = ratings.num_changes
        progress = min(1.0, self.num_timesteps / self.locals["total_timesteps"])
        report = self.learner.fit(ratings, progress=progress)
        self.report = report.with_truth(self.feedback.judge(self.learner.model.predict))
        for name, value in self.report.as_dict().items():
            self.logger.record(f"rated/{name}", value)
        before, self._pays = self._pays, self._what_is_paid()
        normalizer = self.model.get_vec_normalize_env()
        if self._pays != before and normalizer is not None:
            normalizer.ret_rms = RunningMeanStd(shape=())
        if self._paid is not None:
            reward_fn = self._paid.reward_fn
            self._paid.relabel(getattr(reward_fn, "score", reward_fn))  # a bonus remembers else

    def _on_step(self) -> bool:
        if self._paid is not None:
            self._paid.note()
        return True

    def _on_rollout_end(self) -> None:
        if self._what_is_paid() == "nothing":
            self.model.train = _learn_nothing  # type: ignore[attr-defined]  # a subclass has it

    def _on_training_end(self) -> None:
        self._let_learn()
        if self._paid is not None:
            self._paid.settle()

    def _what_is_paid(self) -> str:
        """Say what the agent is paid: nothing, or what `UntilReady.paid` says."""
        usual = "learned" if self.learner.model.ready else "nothing"
        return str(getattr(self._reward_fn, "paid", usual))

    def _let_learn(self) -> None:
        vars(self.model).pop("train", None)


def _reward_fn_of(env: Any) -> Any:
    """Return what pays an agent; None where that is out of reach."""
    try:
        return above(env, PaysLearned).wrappers[0]._learned.reward_fn
    except ValueError:
        return None


def _learn_nothing(*args: Any, **kwargs: Any) -> None:
    """Take the place of an agent's `train`, for one call."""
