"""Statistics of rows within groups: the ratings of one (rater, round), which share a scale."""

import torch
from torch import Tensor


def number_groups(groups: Tensor) -> tuple[Tensor, int]:
    """Number the groups from 0 without gaps; returns each row's number, and how many there are."""
    names, numbers = torch.unique(groups, return_inverse=True)
    return numbers, len(names)


def group_sums(values: Tensor, numbers: Tensor, num_groups: int) -> Tensor:
    """Sum `values` over the rows of each group, (*batch, B) -> (*batch, G)."""
    sums = values.new_zeros(*values.shape[:-1], num_groups)
    return sums.index_add(-1, numbers, values)


def group_range(values: Tensor, numbers: Tensor, num_groups: int) -> tuple[Tensor, Tensor]:
    """Find each group's smallest and largest value, (*batch, B) -> twice (*batch, G)."""
    index = numbers.expand(values.shape)
    # torch splits the gradient with the start value where the two are equal, so it is infinite.
    start = values.new_full((*values.shape[:-1], num_groups), torch.inf)
    low = start.scatter_reduce(-1, index, values, "amin")
    return low, (-start).scatter_reduce(-1, index, values, "amax")


def centred(values: Tensor, numbers: Tensor, num_groups: int) -> Tensor:
    """Subtract from every value the mean of its group, (*batch, B) -> (*batch, B)."""
    means = group_sums(values, numbers, num_groups) / numbers.bincount(minlength=num_groups)
    return values - means[..., numbers]


def with_company(groups: Tensor) -> Tensor:
    """Mark the rows whose group holds another row, (B,) -> (B,) bool."""
    numbers, num_groups = number_groups(groups)
    return numbers.bincount(minlength=num_groups)[numbers] > 1


def with_contrast(ratings: Tensor, groups: Tensor) -> Tensor:
    """Mark the rows whose group holds more than one class, (B,) -> (B,) bool.

    A group of one class compares nothing with anything: within it there is no better and no worse.
    """
    numbers, num_groups = number_groups(groups)
    low, high = group_range(ratings.double(), numbers, num_groups)
    return (high > low)[numbers]


def as_one(rows: Tensor) -> Tensor:
    """Put all rows into one group, shape (B,)."""
    return torch.zeros(rows.shape[-1:], dtype=torch.int64, device=rows.device)


def differ(
    answers: Tensor, given: Tensor, groups: Tensor | None, least: float | None = None
) -> bool:
    """Return whether two answers of one group differ by `least`.

    Args:
        answers: Ratings or scores, shape (B,).
        given: Which rows have one, shape (B,) bool.
        groups: One integer per (rater, round), shape (B,); None is one group.
        least: By how much. Without it, any difference will do, and in a single group any answer,
            because it says where the return is.
    """
    answers = answers[given].to(torch.float32)
    if groups is None:
        return len(answers) > 0 and (least is None or bool(answers.max() - answers.min() >= least))
    numbers, num_groups = number_groups(groups[given])
    start = answers.new_zeros(num_groups)
    low = start.scatter_reduce(0, numbers, answers, "amin", include_self=False)
    high = start.scatter_reduce(0, numbers, answers, "amax", include_self=False)
    return bool((high - low >= (1e-6 if least is None else least)).any())


def seen_before(groups: Tensor, rounds_of: Tensor) -> Tensor:
    """Return which rows the rater of each row had seen, shape (B, B); see `quantile_loss`.

    Args:
        groups: One integer for each (rater, round), shape (B,).
        rounds_of: Number of the rater, and round, of each of these integers, shape (G, 2).
    """
    rater, round_ = rounds_of[groups].T
    seen: Tensor = (rater == rater[:, None]) & (round_ <= round_[:, None])
    return seen
