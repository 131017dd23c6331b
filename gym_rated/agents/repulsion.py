"""Push the policy away from what was rated worst: a bounded term of the policy's loss.

RbRL-KL (Wu et al., arXiv 2501.07502; first named RbRL2.0) adds to the policy's loss a penalty on
the similarity, by KL divergence, between the policy and rated experience, most for the lowest
class. Minus a KL divergence has no lower bound: left alone it pushes for ever. The form here is
ours [our inference]. For a segment of the lowest class, with actions a_t drawn from a behaviour b,

    g = mean_t log pi(a_t | s_t) - log pi_0(a_t | s_t)      (an estimate of KL(b|pi_0) - KL(b|pi))
    loss = max(0, margin + g)

where pi_0 is the policy of the moment at which the segment was first seen to be of the lowest
class. So the distance KL(b|pi) grows by `margin` nats a step, and then the term is exactly 0.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gym_rated.checks import check_above_zero, whole_number
from gym_rated.choices import Scale
from gym_rated.ratings import RatedBatch

LogProb = Callable[[Tensor, Tensor], Tensor]
"""Maps raw observations (K, D) and encoded actions (K, A) to log-probabilities (K,)."""

_MOST = 4.0  # margins that one step can count for: a few steps cannot buy the rest of a segment
_SQUASHED = 0.999  # share of the range from which on a squashed action is as good as the bound


def repulsion_loss(
    log_probs: Tensor, reference: Tensor, segments: Tensor, margin: float = 1.0
) -> Tensor:
    """Return how much less likely the policy has yet to become to do what was rated worst.

    Equations at the top of the module.

    Args:
        log_probs: Log-probability of each action by the policy, shape (K,).
        reference: The same by the frozen policy, shape (K,).
        segments: Number of the segment of each step, 0 to the largest without a gap, shape (K,).
        margin: Bound of the push, in nats a step, above 0.

    Returns:
        Mean over segments, shape (), in nats; at the start it is `margin`, at the bound 0.

    Raises:
        ValueError: If shapes differ or `margin` is not above 0.
    """
    _check_margin(margin)
    if not log_probs.shape == reference.shape == segments.shape or log_probs.ndim != 1:
        raise ValueError(
            "`log_probs`, `reference` and `segments` must have one shape (K,), got shapes "
            f"{tuple(log_probs.shape)}, {tuple(reference.shape)} and {tuple(segments.shape)}"
        )
    if not len(log_probs):
        return log_probs.sum()
    growth = (log_probs - reference.detach()).clamp(min=-_MOST * margin)
    counts = torch.bincount(segments)
    mean = growth.new_zeros(len(counts)).index_add(0, segments, growth) / counts
    return (margin + mean).clamp(min=0).mean()


def clipped_log_prob(
    mean: Tensor, std: Tensor, actions: Tensor, low: Tensor | float, high: Tensor | float
) -> Tensor:
    """Log-probability of actions that a Gaussian policy drew and the wrapper clipped.

    An action at a bound stands for all that lies beyond: its log-probability is that of the tail.
    With the density at the bound instead, a policy that aims beyond it would be pushed further out,
    which changes nothing that it does. (Fujita and Maeda 2018 derive the policy gradient from the
    same distribution.)

    Args:
        mean: Mean of the policy, shape (K, A).
        std: Its standard deviation, of a shape that fits. Detach it, so that the policy is pushed
            in what it aims at and not in how much it explores.
        actions: Clipped actions, shape (K, A).
        low: Lower bound of each action, of a shape that fits; may be -inf.
        high: Upper bound of each action; may be inf.

    Returns:
        Sum over the numbers of an action, shape (K,).
    """
    below, above = actions <= low, actions >= high
    bound = torch.where(below, 1.0, -1.0) * (actions - mean) / std  # the tail beyond the action
    tail = torch.special.log_ndtr(torch.where(below | above, bound, 0.0))
    inside = -0.5 * ((actions - mean) / std).square() - std.log() - 0.5 * math.log(2 * math.pi)
    return torch.where(below | above, tail, inside).sum(-1)


def squashed_log_prob(
    mean: Tensor, std: Tensor, actions: Tensor, low: Tensor | float, high: Tensor | float
) -> Tensor:
    """Log-probability of the actions of a policy that squashes a Gaussian through tanh (SAC).

    Without the Jacobian of the squashing, which is the same for both policies of `repulsion_loss`.

    Args:
        mean: Mean before squashing, shape (K, A).
        std: Standard deviation before squashing; detach it, as for `clipped_log_prob`.
        actions: Squashed actions, from `low` to `high`, shape (K, A).
        low: Lower bound of each action.
        high: Upper bound of each action.

    Returns:
        Sum over the numbers of an action, shape (K,).
    """
    unit = (2 * actions - (high + low)) / (high - low)
    limit = float(np.arctanh(_SQUASHED))
    before = torch.atanh(unit.clamp(-_SQUASHED, _SQUASHED)).clamp(-limit, limit)
    return clipped_log_prob(mean, std, before, -limit * (1 - 1e-6), limit * (1 - 1e-6))


def lowest_rows(batch: RatedBatch, scale: Scale = "group") -> NDArray[np.int64]:
    """Return the rows whose rating is the lowest among those that it can be compared with.

    Args:
        batch: Rated segments.
        scale: "group": the ratings of one rater and one round; "shared": all of them.

    Returns:
        Row numbers, shape (K,). A group in which all ratings are equal has no worst; rows without
        a rating are none.
    """
    groups = batch.groups if scale == "group" else np.zeros_like(batch.groups)
    is_lowest = np.zeros(len(groups), np.bool_)
    for group in np.unique(groups):
        rated = (groups == group) & (batch.ratings >= 0)
        classes = batch.ratings[rated]
        if len(classes) and classes.min() < classes.max():
            is_lowest |= rated & (batch.ratings == classes.min())
    return np.flatnonzero(is_lowest)


@dataclass(frozen=True, eq=False)
class _Worst:
    """A segment of the lowest class, and what the policy made of it when it was found."""

    obs: NDArray[Any]  # (T, D)
    actions: NDArray[np.float32]  # (T, A)
    reference: NDArray[np.float32]  # (T,)


class Repulsion:
    """The segments rated worst, and the term that pushes a policy away from them.

    A segment keeps its frozen log-probabilities for as long as it is among the worst, so that the
    whole push is bounded however often ratings come in. The policy is any function `log_prob` of
    raw observations (K, D) and encoded actions (K, A), float32 tensors on the CPU, to
    log-probabilities (K,).

    Args:
        margin: Bound of the push, in nats a step, above 0.
        scale: Which ratings can be compared, as for `lowest_rows`.
        seed: Seed of the mini-batches.

    Raises:
        ValueError: If `margin` is not above 0.

    Example:
        In a training loop, after a fit and in every mini-batch::

            repulsion.renew(feedback.ratings.batch(), log_prob)
            loss = loss + repel_coef * repulsion.loss(log_prob)
    """

    def __init__(
        self,
        *,
        margin: float = 1.0,
        scale: Scale = "group",
        seed: int = 0,
    ) -> None:
        self.margin = _check_margin(margin)
        self.scale = scale
        self._rng = np.random.default_rng(whole_number("seed", seed, 0))
        self._worst: dict[str, _Worst] = {}

    def __len__(self) -> int:
        """Return the number of segments that the policy is pushed away from."""
        return len(self._worst)

    def renew(self, batch: RatedBatch, log_prob: LogProb) -> None:
        """Take over which segments are rated worst; for new ones, freeze the policy as it is.

        Raises:
            FloatingPointError: If a log-probability is not finite; the segments stay as they were.
        """
        rows = {batch.ids[i]: int(i) for i in lowest_rows(batch, self.scale)}
        self._worst = {
            name: self._worst.get(name) or _found(batch, row, log_prob)
            for name, row in rows.items()
        }

    def loss(self, log_prob: LogProb, num_segments: int = 8) -> Tensor:
        """Return `repulsion_loss` of some segments, drawn without repetition; 0 without any."""
        num_segments = min(whole_number("num_segments", num_segments), len(self))
        if not num_segments:
            return torch.zeros(())
        everything = list(self._worst.values())
        chosen = [everything[i] for i in self._rng.permutation(len(everything))[:num_segments]]
        log_probs = log_prob(*_steps(chosen))
        reference = torch.from_numpy(np.concatenate([worst.reference for worst in chosen]))
        numbers = np.repeat(np.arange(len(chosen)), [len(worst.actions) for worst in chosen])
        device = log_probs.device
        return repulsion_loss(
            log_probs, reference.to(device), torch.from_numpy(numbers).to(device), self.margin
        )

    def state_dict(self) -> dict[str, Any]:
        """Return segments, frozen log-probabilities and random state, for a checkpoint."""
        worst = {name: [w.obs, w.actions, w.reference] for name, w in self._worst.items()}
        return {"worst": worst, "rng": self._rng.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._worst = {name: _Worst(*arrays) for name, arrays in state["worst"].items()}
        self._rng.bit_generator.state = state["rng"]


def _found(batch: RatedBatch, row: int, log_prob: LogProb) -> _Worst:
    exists = batch.mask[row]
    obs, actions = batch.obs[row][exists], batch.actions[row][exists]
    worst = _Worst(obs, actions, np.zeros(len(actions), np.float32))
    with torch.no_grad():
        worst.reference[:] = log_prob(*_steps([worst])).cpu().numpy()
    if not np.isfinite(worst.reference).all():
        bad = worst.reference[~np.isfinite(worst.reference)][0]
        raise FloatingPointError(
            f"`log_prob` must return finite log-probabilities, got {bad} in segment "
            f"{batch.ids[row]!r}; has the policy diverged?"
        )
    return worst


def _steps(segments: Iterable[_Worst]) -> tuple[Tensor, Tensor]:
    obs = np.concatenate([segment.obs for segment in segments], dtype=np.float32)
    actions = np.concatenate([segment.actions for segment in segments])
    return torch.from_numpy(obs), torch.from_numpy(actions)


def _check_margin(margin: float) -> float:
    return check_above_zero("margin", margin)
