"""Weights between several losses on one reward, learned together with it.

The homoscedastic uncertainty of Kendall, Gal and Cipolla (CVPR 2018) [our inference: Wu et al. 2025
publish no formula for their "learnable weights"]. With `explained`, a task whose answers have
nothing to do with the reward loses all of its weight [our inference].
"""

from collections.abc import Collection, Mapping, Sequence
from math import isnan, pi
from typing import get_args

import torch
from torch import Tensor, nn

from gym_rated.checks import check_choice
from gym_rated.choices import WeightRule

MAX_LOG_VARIANCE = 4.0
_NUM_COSINES = 3


class TaskWeights(nn.Module):
    """One log-variance s per task and member; `L = sum_i w_i L_i + 1/2 sum_i s_i`.

    The weight is `w_i = 1/2 e^{-s_i}` for squared errors and `e^{-s_i}` for likelihoods. The s stay
    within +-4: `combine` brings them back inside first, so that none gets stuck beyond.

    Args:
        tasks: Names of the tasks.
        num_members: Number of ensemble members E.
        rule: `uncertainty` learns s; `explained` does, and takes a share of each task, see `judge`;
            `scheduled` learns `s(t) = a + sum_j b_j cos(j pi t)`, j =
            1..3, of the progress t of the training; `fixed` adds the losses up as they are.
        squared: Names of the tasks whose loss is a squared error: a Gaussian's likelihood has a
            half in front of it.

    Raises:
        ValueError: If the rule is unknown.
    """

    shares: Tensor
    turn: Tensor
    favourite: Tensor

    def __init__(
        self,
        tasks: Sequence[str],
        num_members: int,
        rule: WeightRule,
        squared: Collection[str] = (),
    ) -> None:
        super().__init__()
        check_choice("weights", rule, get_args(WeightRule))
        self.tasks = tuple(tasks)
        self.rule = rule
        self.squared = frozenset(squared)
        shape = (len(self.tasks), num_members, 1 + (_NUM_COSINES if rule == "scheduled" else 0))
        self.log_variances = nn.Parameter(torch.zeros(shape), requires_grad=rule != "fixed")
        if rule == "explained":
            self.register_buffer("shares", torch.ones(len(self.tasks)))
            self.register_buffer("turn", torch.tensor(0))  # fits since any task agreed
            self.register_buffer("favourite", torch.tensor(0))  # which agreed best then

    def combine(
        self, losses: Mapping[str, Tensor], progress: float = 0.0
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Weigh losses of shape (E,), by task; a task without a loss is left alone.

        Args:
            losses: By task, its mean loss of each member.
            progress: How far the training is, 0 to 1.

        Returns:
            The total, shape (), and for the log `loss/TASK` and `weight/TASK`, without gradient.

        Raises:
            ValueError: If the progress is out of range.
        """
        log_variances = self._log_variances(progress)
        total = log_variances.new_zeros(())
        parts = {}
        for task, s in zip(self.tasks, log_variances, strict=True):
            if task not in losses:
                continue
            half = 0.5 if task in self.squared and self.rule != "fixed" else 1.0
            weight = half * torch.exp(-s)  # (E,)
            term = (weight * losses[task] + 0.5 * s).sum()
            if self.rule == "explained":
                share = self.shares[self.tasks.index(task)]
                weight, term = share * weight, share * term
            total = total + term
            parts[f"loss/{task}"] = losses[task].detach().mean()
            parts[f"weight/{task}"] = weight.detach().mean()
        return total, parts

    def judge(self, margins: Mapping[str, float]) -> None:
        """Set the share of each task in the next fit by how far this one agrees with its answers.

        A task counts fully whose margin m is at least half of the largest, and as `(2 m / max)^2`
        below. Where no margin is above 0, what is learned from all together agrees with none: then
        the task that agreed best the last time is learned alone for two fits, then the next one, so
        that answers that are noise cannot keep the reward from those that are not.

        Args:
            margins: By task, its `Agreement.margin`. One that is NaN, too few answers, leaves the
                share as it is.
        """
        known = {self.tasks.index(t): m for t, m in margins.items() if not isnan(m)}
        if not known:
            return
        best = max(known.values())
        if best > 0:
            self.turn.zero_()
            self.favourite.fill_(max(known, key=lambda k: known[k]))
        else:
            order = sorted(known, key=lambda k: (k - int(self.favourite)) % len(self.tasks))
            alone = order[int(self.turn) // 2 % len(order)]
            self.turn += 1
            best, known = 1.0, {k: float(k == alone) for k in known}
        for k, margin in known.items():
            self.shares[k] = min(1.0, 2 * margin / best) ** 2

    def _log_variances(self, progress: float) -> Tensor:
        """Return s, shape (tasks, E), after bringing it inside its bounds."""
        if not 0 <= progress <= 1:
            raise ValueError(f"`progress` must lie in 0..1, got {progress}")
        num = self.log_variances.shape[-1]
        ours = self.log_variances
        steps = torch.arange(num, dtype=ours.dtype, device=ours.device)
        cosines = torch.cos(steps * (pi * progress))  # the first is 1: the offset a
        with torch.no_grad():
            s = self.log_variances @ cosines
            inside = s.clamp(-MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)
            self.log_variances[..., 0] += inside - s
        return self.log_variances @ cosines
