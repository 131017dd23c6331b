"""Fit between rollouts: what makes a Stable-Baselines3 agent learn from ratings as they come in."""

from typing import Any

from gym_rated import vector, wrappers
from gym_rated.agents.sb3.relabelling import relabel
from gym_rated.checks import whole_number
from gym_rated.fitting import RewardLearner
from gym_rated.fitting.report import FitReport
from gym_rated.imports import named_extras
from gym_rated.segments.encoding import Features
from gym_rated.wrappers.encoded import agreed_features
from gym_rated.wrappers.stacking import RatingWrapper

with named_extras():
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.running_mean_std import RunningMeanStd


class FitCallback(BaseCallback):
    """Fit the reward model when a rollout begins, so that no rollout mixes two reward functions.

    It takes the place of `on_ratings=learner.fit`, which fits in the middle of a rollout. The
    report of each fit goes to SB3's logger under `rated/`. Where the agent has a replay buffer,
    the rewards stored in it are computed anew by `relabel`, and none is stale.

    Until the model is ready the agent collects experience without learning from it: all rewards
    are 0 so far, and normalised advantages would turn them into noise. The reward statistics of a
    `VecNormalize` begin anew then.

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
        self._has_waited = False

    def _on_training_start(self) -> None:
        self._next_look = 0

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
        self.report = self.learner.fit(ratings, progress=progress)
        for name, value in self.report.as_dict().items():
            self.logger.record(f"rated/{name}", value)
        normalizer = self.model.get_vec_normalize_env()
        if self._has_waited and self.learner.model.ready and normalizer is not None:
            normalizer.ret_rms = RunningMeanStd(shape=())
            self._has_waited = False
        buffer = getattr(self.model, "replay_buffer", None)
        if buffer is not None:
            model = self.learner.model
            relabel(buffer, model.predict, env=self.feedback, features=self._features)

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        if not self.learner.model.ready:
            self._has_waited = True
            self.model.train = _learn_nothing  # type: ignore[attr-defined]  # a subclass has it

    def _on_training_end(self) -> None:
        self._let_learn()

    def _let_learn(self) -> None:
        vars(self.model).pop("train", None)


def _learn_nothing(*args: Any, **kwargs: Any) -> None:
    """Take the place of an agent's `train`, for one call."""
