"""The thresholds of ordinal ratings: how strict each rater was in each round, learned.

All groups share the distances between thresholds; each moves them by an offset of its own [our
inference]: a lenient rater has low ones, and standards rise from round to round.
"""

from math import log

import torch
from torch import Tensor, nn
from torch.nn import functional

from gym_rated.checks import check_above_zero, check_memory, check_num_classes, whole_number
from gym_rated.losses.groups import group_sums

LEAST_SPACING = 0.01
"""Units of the logistic noise that are between two thresholds, of a class that nobody uses too."""


def ordered_thresholds(base: Tensor, log_spacing: Tensor, offsets: Tensor) -> Tensor:
    """Build increasing thresholds from free numbers: a common spacing, moved by an offset per row.

    `theta_c = base + offset + sum_{j < c} exp(log_spacing_j)` [our inference].

    Args:
        base: Lowest threshold, shape (*batch).
        log_spacing: Logarithm of the distances between thresholds, shape (*batch, C-2).
        offsets: How harsh the group of each row is, shape (*batch, B): its offset, taken by
            `offsets[..., groups]`.

    Returns:
        Thresholds, shape (*batch, B, C-1), in reward units.
    """
    steps = functional.pad(log_spacing.exp().cumsum(-1), (1, 0))  # (*batch, C-1)
    return (base.unsqueeze(-1) + steps).unsqueeze(-2) + offsets.unsqueeze(-1)


def offset_prior(offsets: Tensor, std: float = 10.0) -> Tensor:
    """Negative log-density, without its constant, of independent N(0, std^2) offsets.

    Weak on purpose: it holds the offset of a group with one class, whose likelihood has no
    maximum. `ordinal_loss` is a mean over segments; divide this by the number of all ratings to
    weigh the two as a posterior does.

    Args:
        offsets: Offsets of the groups, shape (*batch, G), in reward units.
        std: Standard deviation, in reward units, > 0.

    Returns:
        Sum over groups of `offset^2 / (2 std^2)`, shape (*batch), in nats.

    Raises:
        ValueError: If `std` is not above 0.
    """
    check_above_zero("std", std)
    return (offsets / std).square().sum(-1) / 2


class GroupThresholds(nn.Module):
    """Learned thresholds per member and group, for `ordinal_loss`.

    Args:
        num_classes: Number of rating classes C, at least 2.
        num_members: Number of ensemble members E.
        max_groups: Groups that there is room for: group numbers are below it.
    """

    _is_known: Tensor

    def __init__(self, num_classes: int, num_members: int, max_groups: int) -> None:
        super().__init__()
        check_num_classes(num_classes)
        whole_number("num_members", num_members)
        self.max_groups = whole_number("max_groups", max_groups)
        check_memory(num_members * max_groups, num_members=num_members, max_groups=max_groups)
        lowest = -(num_classes - 2) / 2  # thresholds 1 apart, around the offset
        self.base = nn.Parameter(torch.full((num_members,), lowest))
        self.log_spacing = nn.Parameter(torch.zeros(num_members, num_classes - 2))
        self.offsets = nn.Parameter(torch.zeros(num_members, max_groups))
        self.register_buffer("_is_known", torch.zeros(max_groups, dtype=torch.bool))

    def forward(self, groups: Tensor) -> Tensor:
        """Return the thresholds of rows, shape (E, B, C-1), from their group numbers, shape (B,).

        Those of a class that is never given close in on each other: distances below
        `LEAST_SPACING` are brought back to it first, so that none gets stuck there.

        Raises:
            ValueError: If a group number is beyond the room there is.
        """
        self._check(groups)
        with torch.no_grad():
            self.log_spacing.clamp_(min=log(LEAST_SPACING))
        return ordered_thresholds(self.base, self.log_spacing, self.offsets[:, groups])

    @torch.no_grad()
    def start(self, values: Tensor, groups: Tensor) -> None:
        """Start the offset of every new group at the mean of what is predicted for it.

        Args:
            values: Predicted returns of rated rows, shape (E, B).
            groups: Their groups, shape (B,).

        Raises:
            ValueError: If a group number is beyond the room there is.
        """
        self._check(groups)
        is_new = ~self._is_known[groups]
        if not is_new.any():
            return
        new, numbers = torch.unique(groups[is_new], return_inverse=True)
        means = group_sums(values[:, is_new], numbers, len(new)) / numbers.bincount()
        self.offsets[:, new] = means.to(self.offsets.dtype)
        self._is_known[new] = True

    def prior(self) -> Tensor:
        """Return `offset_prior` of the offsets in use, shape (E,)."""
        return offset_prior(self.offsets[:, self._is_known])

    def _check(self, groups: Tensor) -> None:
        if len(groups) and int(groups.max()) >= self.max_groups:
            raise ValueError(
                f"`groups` must lie below `max_groups` = {self.max_groups} for the ordinal task, "
                f"got {int(groups.max())}; give MultitaskLoss a larger `max_groups`"
            )
