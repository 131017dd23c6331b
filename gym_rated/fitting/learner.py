"""Fitting the reward model to ratings, round after round.

A `RewardLearner` keeps the optimiser and the task weights between fits. A fit takes few steps on
purpose: under wrong ratings a long fit learns the errors.
"""

import copy
import time
import warnings
from collections.abc import Mapping
from itertools import islice
from typing import Any, Generic, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm
from typing_extensions import TypeVar

from gym_rated.checks import check_choice, check_number, whole_number
from gym_rated.choices import Offset, Precision
from gym_rated.fitting.fresh import FreshRatings
from gym_rated.fitting.gradient_steps import GradientSteps, loss_of
from gym_rated.fitting.judging import judge_held_out, train_accuracy
from gym_rated.fitting.report import FitReport, HeldOut, facts_of
from gym_rated.fitting.rows import RatedRows, RewardModel
from gym_rated.fitting.sample import Sample, SampledSegments
from gym_rated.fitting.split import FitSplit
from gym_rated.fitting.trust import Trust
from gym_rated.fitting.unseen import UnseenSteps
from gym_rated.losses import Loss, MultitaskLoss
from gym_rated.ratings import RatingDataset
from gym_rated.ratings.batch import RatedTable
from gym_rated.reward_model import RewardEnsemble
from gym_rated.reward_model.card import checked_facts
from gym_rated.reward_model.ensemble import Ensemble

__all__ = ["FitReport", "HeldOut", "Offset", "RewardLearner"]

_MIN_SCALE = 1e-6

ModelT = TypeVar("ModelT", bound=RewardModel, default=RewardEnsemble)
LossT = TypeVar("LossT", bound=Loss, default=MultitaskLoss)


class RewardLearner(Generic[ModelT, LossT]):
    """Fits a reward model to ratings, and keeps what is worth keeping from one fit to the next.

    One Adam over all members, on the sum of their losses. `state_dict` holds all that later fits
    depend on: model, optimiser, task weights and random state.

    Args:
        model: The reward model, a `RewardEnsemble` or another `RewardModel`; changed in place.
        loss: The loss, a `MultitaskLoss` or another `Loss`, for as many members; what it learns
            (its weights) is learned too.
        learning_rate: Of Adam, for the model.
        batch_size: Segments per mini-batch.
        first_steps: Gradient steps of the first fit.
        later_steps: Gradient steps of every later fit.
        max_passes: Most passes over the answers in a fit, whatever `first_steps` and `later_steps`
            say; None goes by these.
        stop_at_accuracy: A fit ends after the pass in which more than this fraction of the ratings
            fitted to were in their predicted class, the mean over members, as in the authors' code
            of White et al. 2024 (100 passes, 0.97); None never does.
        ood_coef: How strongly the rewards of random observations and actions are kept below those
            of rated steps, 0 for not at all: a term of R4 for ratings that are all there, Kharyal
            et al. 2026 (arXiv 2601.09236; 0.1 in their code).
        offset: Where zero reward lies after a fit: "none" leaves it where the losses put it, "best"
            at the best rated step (no step is above 0, so that the end of an episode pays), "worst"
            at the worst (no step is below 0, so that going on does). In tasks that can end, this
            decides as much as the order of segments does [our inference].
        weight_learning_rate: Of Adam, for the log-variances: about how far they move in one step.
            They must cross whole units within a fit, which the model's rate would not allow [our
            inference]. What else a loss learns moves at a share of this rate, see
            `Loss.parameter_groups`: thresholds of the ordinal task at five times it.
        weight_decay: How strongly the weights of the model shrink: in each step by `learning_rate`
            times this, apart from Adam (Loshchilov and Hutter 2019, arXiv 1711.05101); biases do
            not. With few ratings, some of them wrong, a network that may keep large weights learns
            the errors [our inference, measured].
        precision: Of what the model's layers multiply in a gradient step. "bfloat16" is faster
            for layers of 256 units where the processor has AMX or AVX512-BF16. Weights and losses
            stay float32, and all that is measured and paid is computed in float32.
        seed: Seed of the mini-batches.
        progress_bar: Show a progress bar during a fit.

    Attributes:
        num_fits: Fits done.

    Raises:
        TypeError: If a count is no whole number.
        ValueError: If a number is out of range, or the numbers of members differ.
    """

    def __init__(
        self,
        model: ModelT,
        loss: LossT,
        *,
        learning_rate: float = 1e-3,
        batch_size: int = 64,
        first_steps: int = 200,
        later_steps: int = 50,
        max_passes: int | None = None,
        stop_at_accuracy: float | None = None,
        ood_coef: float = 0.0,
        offset: Offset = "none",
        weight_learning_rate: float = 2e-2,
        weight_decay: float = 0.0,
        precision: Precision = "float32",
        seed: int = 0,
        progress_bar: bool = False,
    ) -> None:
        if model.num_members != loss.num_members:
            raise ValueError(
                "`model` and `loss` must have the same number of members, got "
                f"{model.num_members} and {loss.num_members}"
            )
        if stop_at_accuracy is not None:
            check_number("stop_at_accuracy", stop_at_accuracy, 0, 1)
        self.model = model
        self._device = next(model.parameters()).device
        loss.to(self._device)
        self.loss = loss
        self.batch_size = whole_number("batch_size", batch_size)
        self.first_steps = whole_number("first_steps", first_steps)
        self.later_steps = whole_number("later_steps", later_steps)
        self.max_passes = None if max_passes is None else whole_number("max_passes", max_passes)
        self.stop_at_accuracy = stop_at_accuracy
        check_choice("offset", offset, get_args(Offset))
        self.offset = offset
        self.gradient_steps = GradientSteps(
            model,
            loss,
            learning_rate=learning_rate,
            weight_learning_rate=weight_learning_rate,
            weight_decay=weight_decay,
            ood_coef=ood_coef,
            precision=precision,
        )
        self.progress_bar = progress_bar
        self.num_fits = 0
        self._fresh = FreshRatings()
        self._rng = np.random.default_rng(whole_number("seed", seed, 0))

    @property
    def trust(self) -> Trust:
        """How far an agent may rely on the reward, by what it said of ratings while they were new.

        `trust()` is the number, 0 to 1.
        """
        return self._fresh.trust

    def doubtful(self) -> dict[str, list[str]]:
        """Return by rater the segments whose ratings contradict the rest most, furthest off first.

        They are worth another look; of raters of whom nothing can be said there are none.
        """
        return self._fresh.doubtful(self.loss.num_classes)

    def fit(self, ratings: RatingDataset, progress: float | None = None) -> FitReport:
        """Fit the model to all answers there are.

        Input normaliser and output scale are found anew on the segments spoken of, and stay until
        the next fit. A tenth of the segments is held out from the loss, see `FitSplit`. All this
        and what is reported is measured on at most `gym_rated.fitting.sample.MOST_SEGMENTS`, so
        that a fit does not take longer the more was rated before it.

        Args:
            ratings: The rated segments.
            progress: How far the training is, 0 to 1; needed for `scheduled` weights, which depend
                on it.

        Returns:
            What was done. Where the answers not held out tell no task of the loss that one segment
            is better than another (ratings of a single class, say), or no update was finite, there
            is only a warning: the model stays as it was, and the report is not ready.

        Raises:
            ValueError: If the dataset does not fit model and loss, or if weights are `scheduled`
                and no progress is given.
            FloatingPointError: If the model became non-finite, or predicts what is not finite.
            Whatever is raised, the learner is then as before.
        """
        start = time.perf_counter()
        self._check(ratings)
        progress = self._checked_progress(progress)
        table = ratings.table()
        split = FitSplit.of(table)
        counts = tuple(int(count) for count in ratings.class_counts())
        if not self._can_learn(table, split):
            warnings.warn(_nothing_to_compare(ratings, counts, split), stacklevel=2)
            done: dict[str, Any] = {}
        else:
            before = copy.deepcopy(self.state_dict())
            try:
                rows = RatedRows.of(ratings, self._device)
                predict = self._mean_values_of if self.num_fits else None
                done = {"fresh": self._fresh.look(rows, table, self.loss, predict)}
                done["contradicting"] = self._fresh.contradicting(self.loss.num_classes)
                done["agreeing"] = self._fresh.agreeing()
                done |= self._fit(rows, split, progress)
            except BaseException:
                self.load_state_dict(before)
                raise
            if done["refused_updates"] == done["steps"]:
                self.load_state_dict(before)
                kept = ("steps", "refused_updates", "fresh", "contradicting", "agreeing")
                done = {name: done[name] for name in kept}
        report = FitReport(
            "losses" in done,
            len(ratings),
            counts,
            num_comparisons=len(table.comparisons),
            duration_s=time.perf_counter() - start,
            **done,
        )
        if report.ready and isinstance(self.model, Ensemble):
            self.model.learned_from = facts_of(ratings, report)
        return report

    def state_dict(self) -> dict[str, Any]:
        """Return all that later fits depend on, as nested dicts; tensors are not copied."""
        return {
            "loss_options": self.loss.options(),
            "model_options": self.model.options,
            "learned_from": getattr(self.model, "learned_from", {}),
            "model": dict(self.model.state_dict()),
            "loss": dict(self.loss.state_dict()),
            "loss_rng": None if self.loss.rng is None else self.loss.rng.bit_generator.state,
            "optimiser": self.gradient_steps.optimiser.state_dict(),
            "rng": self._rng.bit_generator.state,
            "num_fits": self.num_fits,
            **self._fresh.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            ValueError: If it comes from a learner with another loss.
        """
        if state["loss_options"] != self.loss.options():
            raise ValueError(
                "`state` must come from a learner with the same loss, "
                f"got {state['loss_options']} for {self.loss.options()}"
            )
        self.model.load_state_dict(state["model"])
        self.model.options = state["model_options"]
        if isinstance(self.model, Ensemble):
            self.model.learned_from = checked_facts(state.get("learned_from", {}))
        self.loss.load_state_dict(state["loss"])
        if self.loss.rng is not None:
            self.loss.rng.bit_generator.state = state["loss_rng"]
        self.gradient_steps.optimiser.load_state_dict(state["optimiser"])
        self._rng.bit_generator.state = state["rng"]
        self.num_fits = state["num_fits"]
        self._fresh.load_state_dict(state)

    def _check(self, ratings: RatingDataset) -> None:
        theirs = (ratings.obs_dim, ratings.action_dim, ratings.num_classes)
        ours = (self.model.obs_dim, self.model.action_dim, self.loss.num_classes)
        if theirs != ours:
            raise ValueError(
                "`ratings` must have the observation length, action length and number of classes "
                f"of model and loss, got {theirs} for {ours}"
            )

    def _checked_progress(self, progress: float | None) -> float:
        if progress is None and getattr(self.loss, "weights", None) == "scheduled":
            raise ValueError(
                "`progress` must be given where weights are `scheduled`, got None: they would stay "
                "as at the start; call fit(ratings, progress=steps_done / steps), also where a "
                "wrapper calls it: on_ratings=lambda ratings: learner.fit(ratings, progress=...)"
            )
        return 0.0 if progress is None else progress

    def _can_learn(self, table: RatedTable, split: FitSplit) -> bool:
        ratings, groups, scores = (
            torch.from_numpy(array[split.train])
            for array in (table.ratings, table.groups, table.scores)
        )
        pairs = torch.from_numpy(split.train_pairs)
        return self.loss.can_learn(ratings, groups, scores=scores, comparisons=pairs)

    def _fit(self, rows: RatedRows, split: FitSplit, progress: float) -> dict[str, Any]:
        model, loss = self.model, self.loss
        split = split.shuffled(self._rng)
        sample = Sample.of(rows, split)
        model.set_normaliser(*sample.segments.mean_and_std())

        returns = sample.segments.returns(self._rewards(sample.segments))
        self._begin(returns, sample, num_ratings=int((rows.ratings[split.train] >= 0).sum()))
        before = self._parts(returns, sample, progress)
        steps, refused = self._descend(rows, split, sample, progress)
        rewards = self._rewards(sample.segments)
        self._refuse_non_finite(rewards)
        returns = sample.segments.returns(rewards)
        self._end(returns, sample)
        after = self._parts(returns, sample, progress)
        self._set_scale(rewards.mean(0), sample.segments)
        self._remember(returns, sample.rows)
        model.options = loss.options()
        self.num_fits += 1
        learned = [name.removeprefix("loss/") for name in after if name.startswith("loss/")]
        return {
            "steps": steps,
            "losses": {t: (before[f"loss/{t}"], after[f"loss/{t}"]) for t in learned},
            "weights": {t: after.get(f"weight/{t}", 1.0) for t in learned},
            "held_out": judge_held_out(loss, returns, sample.rows, sample.split),
            "trust": self.trust.value,
            "refused_updates": refused,
            "num_measured": len(sample.segments),
        }

    def _begin(self, returns: Tensor, sample: Sample, num_ratings: int) -> None:
        """Let the loss look at what is fitted to."""
        train = torch.from_numpy(sample.split.train).to(self._device)
        rows = sample.rows
        self.loss.num_ratings = num_ratings
        self.loss.rounds_of = torch.from_numpy(rows.dataset.rounds_of).to(self._device)
        self.loss.begin_fit(
            returns[:, train], rows.ratings[train], rows.lengths[train], rows.groups[train]
        )

    def _end(self, returns: Tensor, sample: Sample) -> None:
        """Let the loss look at how what was fitted does on what is held out."""
        which, pairs = sample.split.held_out, sample.split.held_out_pairs
        if len(which) + len(pairs):
            rows = sample.rows.take(which, pairs)
            index = torch.from_numpy(np.concatenate([which, pairs.T.ravel()])).to(self._device)
            answers = {"scores": rows.scores, "comparisons": rows.comparisons}
            self.loss.end_fit(returns[:, index], rows.ratings, rows.lengths, rows.groups, **answers)

    def _remember(self, returns: Tensor, rows: RatedRows) -> None:
        """Keep the scale of what is predicted, for the next fit's look at what is fresh then."""
        given = ((rows.ratings >= 0) | ~rows.scores.isnan()).cpu().numpy()
        self._fresh.remember(self._mean_values(returns, rows)[given])

    def _mean_values_of(self, rows: RatedRows) -> NDArray[Any]:
        """Return what of the predicted returns of rows counts, as the model stands, shape (B,)."""
        segments = SampledSegments.of(rows)
        return self._mean_values(segments.returns(self._rewards(segments)), rows)

    def _mean_values(self, returns: Tensor, rows: RatedRows) -> NDArray[Any]:
        """Return what of the returns counts, the mean over members, shape (B,)."""
        values: NDArray[Any] = self.loss.values(returns, rows.lengths).mean(0).cpu().numpy()
        return values

    def _set_scale(self, rewards: Tensor, segments: SampledSegments) -> None:
        """Set scale and offset of the model by the rewards of all steps, in one dimension."""
        weights = torch.from_numpy(segments.step_weights()).to(rewards.device)
        mean = (weights * rewards).sum() / weights.sum()
        std = float(((weights * (rewards - mean).square()).sum() / weights.sum()).sqrt())
        offset = {"none": rewards.new_zeros(()), "best": rewards.max(), "worst": rewards.min()}
        self.model.set_scale(std if std > _MIN_SCALE else 1.0, float(offset[self.offset]))

    def _descend(
        self, rows: RatedRows, split: FitSplit, sample: Sample, progress: float
    ) -> tuple[int, int]:
        """Take the gradient steps of one fit; returns how many, and how many were refused."""
        per_pass = split.num_batches(self.batch_size)
        limit = self.later_steps if self.num_fits else self.first_steps
        limit = limit if self.max_passes is None else self.max_passes * per_pass
        batches = islice(split.batches(self.batch_size, self._rng), limit)
        unseen = UnseenSteps.of(sample.segments) if self.gradient_steps.ood_coef else None
        steps = refused = 0
        for which, pairs in tqdm(batches, "fit", limit, leave=False, disable=not self.progress_bar):
            refused += not self.gradient_steps.take(
                rows.take(which, pairs), progress, unseen, self._rng
            )
            steps += 1
            if steps % per_pass == 0 and self._is_accurate(sample):
                break
        if refused:
            warnings.warn(
                f"{refused} of {steps} updates of the reward model were refused, because loss or "
                "gradient was not finite; is `learning_rate` too high?",
                stacklevel=4,
            )
        return steps, refused

    def _is_accurate(self, sample: Sample) -> bool:
        if self.stop_at_accuracy is None:
            return False
        returns = sample.segments.returns(self._rewards(sample.segments))
        found = train_accuracy(self.loss, returns, sample.rows, sample.split)
        return found > self.stop_at_accuracy

    def _refuse_non_finite(self, rewards: Tensor) -> None:
        """Refuse a model with a number that is not finite, or that predicts one."""
        tensors = (*self.model.parameters(), *self.model.buffers(), *self.loss.parameters())
        # the deviation too, by which rewards are divided
        for tensor in (*tensors, rewards, rewards.mean(0).std(correction=0)):
            if not bool(torch.isfinite(tensor).all()):
                bad = float(tensor[~torch.isfinite(tensor)][0])
                what = f"predicts {bad}" if tensor.shape == rewards.shape else "became non-finite"
                raise FloatingPointError(
                    f"the reward model {what} in this fit, and was restored to what it was before; "
                    "is `learning_rate` too high, or an observation too large?"
                )

    @torch.no_grad()
    def _rewards(self, segments: SampledSegments) -> Tensor:
        """Return every member's reward of every step of the segments, shape (E, N)."""
        return torch.cat([self.model(part.obs, part.actions) for part in segments.chunks()], 1)

    @torch.no_grad()
    def _parts(self, returns: Tensor, sample: Sample, progress: float) -> dict[str, float]:
        """Return losses and weights as the loss does, averaged over batches of the sample."""
        sums: dict[str, float] = {}
        sizes: dict[str, int] = {}
        for which, pairs in sample.split.one_pass(self.batch_size):
            index = np.concatenate([which, pairs.T.ravel()])
            batch = sample.rows.take(which, pairs)
            _, parts = loss_of(self.loss, returns[:, torch.from_numpy(index)], batch, progress)
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(batch)
                sizes[name] = sizes.get(name, 0) + len(batch)
        return {name: total / sizes[name] for name, total in sums.items()}


def _nothing_to_compare(ratings: RatingDataset, counts: tuple[int, ...], split: FitSplit) -> str:
    compared = f", {len(ratings.comparisons)} comparisons" if ratings.comparisons else ""
    scored = f", {len(ratings.scores)} scores" if ratings.scores else ""
    num_held = len(split.held_out) + len(split.held_out_pairs)
    return (
        f"the reward model was not fitted: {len(ratings.ratings)} ratings, by class {counts}"
        f"{scored}{compared}, {num_held} of them held out, leave nothing to compare; "
        "ask for more, or for more varied segments"
    )
