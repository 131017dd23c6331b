"""The gradient steps of a fit: what a mini-batch of answers changes in the model."""

from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from gym_rated.checks import check_choice, check_is_number, check_number
from gym_rated.choices import Precision
from gym_rated.fitting.rows import RatedRows, RewardModel, segment_returns
from gym_rated.fitting.unseen import UnseenSteps
from gym_rated.losses import Loss


class GradientSteps:
    """One Adam over all members of a model, and over what its loss learns.

    Args:
        model: As of `gym_rated.fitting.RewardLearner`, like the others.
        loss: See there.
        learning_rate: See there.
        weight_learning_rate: See there.
        weight_decay: See there.
        ood_coef: See there.
        precision: See there.

    Attributes:
        optimiser: The optimiser; its first group is the model.

    Raises:
        TypeError: If the model's parameters are not of float32 or float64.
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        model: RewardModel,
        loss: Loss,
        *,
        learning_rate: float,
        weight_learning_rate: float,
        weight_decay: float,
        ood_coef: float,
        precision: Precision,
    ) -> None:
        check_is_number("ood_coef", ood_coef)
        if not 0 <= ood_coef < float("inf"):
            raise ValueError(f"`ood_coef` must be at least 0 and finite, got {ood_coef}")
        check_number("learning_rate", learning_rate, low=0)
        check_number("weight_learning_rate", weight_learning_rate, low=0)
        if not 0 <= check_number("weight_decay", weight_decay) * learning_rate < 1:
            raise ValueError(
                "`weight_decay` must be at least 0 and below 1 / `learning_rate`, got "
                f"{weight_decay} for {learning_rate}"
            )
        check_choice("precision", precision, get_args(Precision))
        dtypes = {parameter.dtype for parameter in model.parameters()}
        if not dtypes <= {torch.float32, torch.float64}:
            raise TypeError(
                "`model` must have parameters of float32 or float64 to be fitted, got "
                f"{', '.join(map(str, dtypes))}; call its `float()` first"
            )
        self.model = model
        self.loss = loss
        self.weight_decay = weight_decay
        self.ood_coef = ood_coef
        self.precision = precision
        self._device = next(model.parameters()).device
        groups: list[dict[str, Any]] = [{"params": list(model.parameters()), "lr": learning_rate}]
        for parameters, share in loss.parameter_groups():
            groups.append({"params": list(parameters), "lr": share * weight_learning_rate})
        # one pass over all parameters, where there is a kernel for it
        fused = True if self._device.type in ("cpu", "cuda") else None
        self.optimiser = torch.optim.Adam(groups, fused=fused)

    def take(
        self,
        batch: RatedRows,
        progress: float,
        unseen: UnseenSteps | None,
        rng: np.random.Generator,
    ) -> bool:
        """Take one step unless loss or gradient is not finite; returns whether it was taken.

        Args:
            batch: The answers to learn from.
            progress: How far the training is, 0 to 1.
            unseen: Steps whose rewards are kept low, with `ood_coef`.
            rng: Source of those.
        """
        self.optimiser.zero_grad()
        steps = batch.steps()
        with torch.autocast(
            self._device.type, torch.bfloat16, enabled=self.precision == "bfloat16"
        ):
            rewards = self.model(steps.obs, steps.actions)
        rewards = rewards.float() if rewards.dtype == torch.bfloat16 else rewards
        returns = segment_returns(rewards, steps.lengths)
        total, parts = loss_of(self.loss, returns, batch, progress)
        if not parts:
            return True  # by chance a batch that compares nothing
        if unseen is not None:
            total = total + unseen.loss(self.model, rewards, self.ood_coef, rng).sum()
        total.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        parameters = (*self.model.parameters(), *self.loss.parameters())
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if not torch.isfinite(total.detach() + norm):
            return False
        self._shrink_weights()
        self.optimiser.step()
        return True

    @torch.no_grad()
    def _shrink_weights(self) -> None:
        if self.weight_decay:
            kept = 1 - self.optimiser.param_groups[0]["lr"] * self.weight_decay
            for name, parameter in self.model.named_parameters():
                if "bias" not in name:
                    parameter.mul_(kept)


def loss_of(
    loss: Loss, returns: Tensor, batch: RatedRows, progress: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss of predicted returns, shape (E, B), of a batch's rows; see `Loss.forward`."""
    answers = {"scores": batch.scores, "comparisons": batch.comparisons}
    return loss.forward(returns, batch.ratings, batch.lengths, batch.groups, progress, **answers)
