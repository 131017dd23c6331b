"""Fitting the reward model to ratings, round after round.

A `RewardLearner` keeps the optimiser and the task weights between fits; `fit` is the one call for
ratings that are all there. A fit takes few steps on purpose: under wrong ratings a long fit learns
the errors.
"""

import copy
import time
import warnings
import zlib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from gym_rated.alarm import Fresh, RewardAlarm
from gym_rated.checks import whole_number
from gym_rated.fit_report import FitReport, HeldOut
from gym_rated.losses import class_limits, class_probabilities, rescale
from gym_rated.metrics import accuracy, pair_accuracy, quadratic_weighted_kappa, spearman
from gym_rated.multitask import MultitaskLoss
from gym_rated.rated_rows import RatedRows, segment_returns
from gym_rated.ratings import RatedBatch, RatingDataset
from gym_rated.reward_model import RewardEnsemble

__all__ = ["FitReport", "HeldOut", "RewardLearner", "fit"]

_MIN_HELD_OUT = 5
_MIN_SCALE = 1e-6
_CHUNK = 64  # segments per pass where nothing is learned


def fit(
    ratings: RatingDataset,
    *,
    model: RewardEnsemble | None = None,
    loss: MultitaskLoss | None = None,
    steps: int = 200,
    learning_rate: float = 1e-3,
    batch_size: int = 64,
    seed: int = 0,
    progress_bar: bool = True,
) -> tuple[RewardEnsemble, FitReport]:
    """Fit a reward model to ratings that are all there, in one call.

    Args:
        ratings: The rated segments.
        model: The model to fit, in place; by default a new `RewardEnsemble` for the dataset.
        loss: What to fit; by default a `MultitaskLoss` for the dataset's classes.
        steps: Gradient steps.
        learning_rate: Of Adam, for the model.
        batch_size: Segments per mini-batch.
        seed: Seed of the new model and of the mini-batches.
        progress_bar: Show a progress bar.

    Returns:
        The model, and what was done; see `RewardLearner.fit`.

    Raises:
        ValueError: If the dataset does not fit model and loss.
        FloatingPointError: If the model became non-finite.
    """
    if model is None:
        model = RewardEnsemble(ratings.obs_dim, ratings.action_dim, seed=seed)
    if loss is None:
        loss = MultitaskLoss(num_classes=ratings.num_classes, num_members=model.num_members)
    learner = RewardLearner(
        model,
        loss,
        learning_rate=learning_rate,
        batch_size=batch_size,
        first_steps=steps,
        seed=seed,
        progress_bar=progress_bar,
    )
    return model, learner.fit(ratings)


class RewardLearner:
    """Fits a reward model to ratings, and keeps what is worth keeping from one fit to the next.

    One Adam over all members, on the sum of their losses. `state_dict` holds all that later fits
    depend on: model, optimiser, task weights and random state.

    Args:
        model: The reward model; changed in place.
        loss: The loss, for as many members; its weights are learned too.
        learning_rate: Of Adam, for the model.
        batch_size: Segments per mini-batch.
        first_steps: Gradient steps of the first fit.
        later_steps: Gradient steps of every later fit.
        weight_learning_rate: Of Adam, for the log-variances: about how far they move in one step.
            They must cross whole units within a fit, which the model's rate would not allow [our
            inference].
        seed: Seed of the mini-batches.
        progress_bar: Show a progress bar during a fit.

    Raises:
        TypeError: If a count is no whole number.
        ValueError: If a number is out of range, or the numbers of members differ.
    """

    def __init__(
        self,
        model: RewardEnsemble,
        loss: MultitaskLoss,
        *,
        learning_rate: float = 1e-3,
        batch_size: int = 64,
        first_steps: int = 200,
        later_steps: int = 50,
        weight_learning_rate: float = 2e-2,
        seed: int = 0,
        progress_bar: bool = False,
    ) -> None:
        if model.num_members != loss.num_members:
            raise ValueError(
                "`model` and `loss` must have the same number of members, got "
                f"{model.num_members} and {loss.num_members}"
            )
        self.model = model
        self.loss = loss.to(model.obs_mean.device)
        self.batch_size = whole_number("batch_size", batch_size)
        self.first_steps = whole_number("first_steps", first_steps)
        self.later_steps = whole_number("later_steps", later_steps)
        self.progress_bar = progress_bar
        self.num_fits = 0
        self._alarm = RewardAlarm()
        self._rng = np.random.default_rng(seed)
        self._optimiser = torch.optim.Adam(
            [
                {"params": list(model.parameters()), "lr": learning_rate},
                {"params": [loss.log_variances], "lr": weight_learning_rate, "weight_decay": 0.0},
            ]
        )

    def fit(self, ratings: RatingDataset, progress: float = 0.0) -> FitReport:
        """Fit the model to all ratings there are.

        Input normaliser and output scale are found anew on all rated segments, and stay until the
        next fit. The rows with `zlib.crc32(segment id) % 10 == 0` are held out from the loss, in
        every fit the same ones.

        Args:
            ratings: The rated segments.
            progress: How far the training is, 0 to 1, for `scheduled` weights.

        Returns:
            What was done. Where the rows not held out are of fewer than two classes (or, for pairs
            alone, hold no two to compare), there is only a warning: the model stays as it was, and
            the report is not ready.

        Raises:
            ValueError: If the dataset does not fit model and loss.
            FloatingPointError: If the model became non-finite. Whatever is raised, the learner is
            then as before.
        """
        start = time.perf_counter()
        self._check(ratings)
        batch = ratings.batch()
        held_out = np.array([zlib.crc32(id.encode()) % 10 == 0 for id in batch.ids], np.bool_)
        counts = tuple(int(count) for count in ratings.class_counts())
        if not self._can_learn(batch.ratings[~held_out], batch.groups[~held_out]):
            warnings.warn(
                f"the reward model was not fitted: {len(batch.ids)} ratings, by class {counts}, "
                f"{held_out.sum()} of them held out, leave nothing to compare; "
                "ask for more, or for more varied segments",
                stacklevel=2,
            )
            done: dict[str, Any] = {}
        else:
            before = copy.deepcopy(self.state_dict())
            try:
                fresh = self._judge_fresh(batch)
                done = self._fit(batch, held_out, progress) | {"fresh": fresh}
            except BaseException:
                self.load_state_dict(before)
                raise
        duration_s = time.perf_counter() - start
        return FitReport(bool(done), len(batch.ids), counts, duration_s=duration_s, **done)

    def state_dict(self) -> dict[str, Any]:
        """Return all that later fits depend on, as nested dicts; tensors are not copied."""
        return {
            "loss_options": self.loss.options(),
            "model_options": self.model.options,
            "model": dict(self.model.state_dict()),
            "loss": dict(self.loss.state_dict()),
            "optimiser": self._optimiser.state_dict(),
            "rng": self._rng.bit_generator.state,
            "num_fits": self.num_fits,
            "alarm": self._alarm.state_dict(),
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
        self.loss.load_state_dict(state["loss"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._rng.bit_generator.state = state["rng"]
        self.num_fits = state["num_fits"]
        self._alarm.load_state_dict(state["alarm"])

    def _check(self, ratings: RatingDataset) -> None:
        theirs = (ratings.obs_dim, ratings.action_dim, ratings.num_classes)
        ours = (self.model.obs_dim, self.model.action_dim, self.loss.num_classes)
        if theirs != ours:
            raise ValueError(
                "`ratings` must have the observation length, action length and number of classes "
                f"of model and loss, got {theirs} for {ours}"
            )

    def _can_learn(self, ratings: NDArray[np.int64], groups: NDArray[np.int64]) -> bool:
        if self.loss.tasks == ("pairwise",):
            min_apart = 1 if self.loss.adjacent_weight > 0 else 2
            return any(np.ptp(ratings[groups == group]) >= min_apart for group in set(groups))
        return len(set(ratings)) > 1

    def _judge_fresh(self, batch: RatedBatch) -> Fresh:
        """Judge the reward as it stands on the ratings that it was not fitted to."""
        returns = None
        if self.num_fits:
            rows = RatedRows.of(batch, self.model)
            values = self.loss.values(segment_returns(self._rewards(rows), rows), rows.lengths)
            returns = values.mean(0).cpu().numpy()
        return self._alarm.look(batch.ids, returns, batch.ratings)

    def _fit(
        self, batch: RatedBatch, held_out: NDArray[np.bool_], progress: float
    ) -> dict[str, Any]:
        model, loss = self.model, self.loss
        existing = batch.obs[batch.mask]
        model.set_normaliser(existing.mean(0, np.float64), existing.std(0, np.float64))
        order = (self._rng.permutation(np.flatnonzero(~held_out)), np.flatnonzero(held_out))
        rows = RatedRows.of(batch, model).take(np.concatenate(order))
        train = rows.take(slice(len(order[0])))

        returns = segment_returns(self._rewards(train), train)
        loss.fix_limits(returns, train.ratings, train.lengths)
        before = self._parts(returns, train, progress)
        steps, refused = self._descend(train, progress)
        self._refuse_non_finite()

        rewards = self._rewards(rows)
        returns = segment_returns(rewards, rows)
        after = self._parts(returns[:, : len(train)], train, progress)
        std = float(rewards.mean(0)[rows.mask].std(correction=0))
        model.set_scale(std if std > _MIN_SCALE else 1.0)
        model.options = loss.options()
        self.num_fits += 1
        return {
            "steps": steps,
            "losses": {t: (before[f"loss/{t}"], after[f"loss/{t}"]) for t in loss.tasks},
            "weights": {t: after[f"weight/{t}"] for t in loss.tasks},
            "held_out": self._judge(returns, rows, len(train)),
            "refused_updates": refused,
        }

    def _descend(self, train: RatedRows, progress: float) -> tuple[int, int]:
        """Take the gradient steps of one fit; returns how many, and how many were refused."""
        steps = self.later_steps if self.num_fits else self.first_steps
        batches = islice(self._mini_batches(len(train)), steps)
        bar = tqdm(batches, "fit", steps, leave=False, disable=not self.progress_bar)
        refused = sum(not self._step(train.take(indices), progress) for indices in bar)
        if refused:
            warnings.warn(
                f"{refused} of {steps} updates of the reward model were refused, because loss or "
                "gradient was not finite; is `learning_rate` too high?",
                stacklevel=4,
            )
        return steps, refused

    def _mini_batches(self, num_rows: int) -> Iterator[NDArray[np.int64]]:
        """Yield shuffled indices for ever; the batches of a pass differ in size by at most one."""
        per_pass = -(-num_rows // self.batch_size)
        while True:
            yield from np.array_split(self._rng.permutation(num_rows), per_pass)

    def _step(self, batch: RatedRows, progress: float) -> bool:
        """Take one step unless loss or gradient is not finite; returns whether it was taken."""
        self._optimiser.zero_grad()
        returns = segment_returns(self.model.rewards(batch.inputs), batch)
        total, _ = self.loss(returns, batch.ratings, batch.lengths, batch.groups, progress)
        total.backward()
        parameters = (*self.model.parameters(), self.loss.log_variances)
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if not torch.isfinite(total.detach() + norm):
            return False
        self._optimiser.step()
        return True

    def _refuse_non_finite(self) -> None:
        tensors = (*self.model.parameters(), *self.model.buffers(), *self.loss.parameters())
        if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors):
            raise FloatingPointError(
                "the reward model became non-finite in this fit, and was restored to what it was "
                "before; is `learning_rate` too high?"
            )

    @torch.no_grad()
    def _rewards(self, rows: RatedRows) -> Tensor:
        """Return every member's reward of every step, shape (E, B, T)."""
        chunks = torch.split(rows.inputs, _CHUNK)
        return torch.cat([self.model.rewards(chunk) for chunk in chunks], 1)

    @torch.no_grad()
    def _parts(self, returns: Tensor, rows: RatedRows, progress: float) -> dict[str, float]:
        """Return losses and weights as `MultitaskLoss` does, averaged over batches of all rows."""
        sums: dict[str, float] = {}
        for start in range(0, len(rows), self.batch_size):
            which = slice(start, start + self.batch_size)
            part = rows.take(which)
            _, parts = self.loss(
                returns[:, which], part.ratings, part.lengths, part.groups, progress
            )
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(part) / len(rows)
        return sums

    def _judge(self, returns: Tensor, rows: RatedRows, num_train: int) -> HeldOut:
        """Judge the rows after the first `num_train`, which set the scale and the class limits."""
        num = len(rows) - num_train
        if num < _MIN_HELD_OUT:
            return HeldOut(num)
        loss = self.loss
        values = loss.values(returns, rows.lengths)
        fitted, unseen = values[:, :num_train], values[:, num_train:]
        limits = class_limits(fitted, rows.ratings[:num_train], loss.num_classes)
        probabilities = class_probabilities(rescale(unseen, fitted), limits, loss.sharpness)
        classes = probabilities.mean(0).argmax(-1).cpu().numpy()
        predicted = unseen.mean(0).cpu().numpy()
        ratings, groups = (x[num_train:].cpu().numpy() for x in (rows.ratings, rows.groups))
        return HeldOut(
            num=num,
            spearman=spearman(predicted, ratings),
            accuracy=accuracy(classes, ratings),
            kappa=quadratic_weighted_kappa(classes, ratings, loss.num_classes),
            pair_accuracy=pair_accuracy(predicted, ratings, groups),
        )
