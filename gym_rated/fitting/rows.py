"""Rated segments as tensors, as the fit of a reward model goes through them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gym_rated.ratings import RatedBatch


class RewardModel(Protocol):
    """What a reward model must have to be fitted; `RewardEnsemble` is one, any `nn.Module` may be.

    Calling it with raw observations, shape (*batch, D), and encoded actions, shape (*batch, A),
    returns every member's unscaled reward, shape (E, *batch).
    """

    num_members: int
    obs_dim: int
    action_dim: int
    options: dict[str, Any]

    @property
    def ready(self) -> bool:
        """True once a fit has succeeded."""
        ...

    def __call__(self, obs: Tensor, actions: Tensor, /) -> Tensor:
        """Return every member's reward."""
        ...

    def predict(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return the scaled mean reward over members, shape (N,)."""
        ...

    def set_normaliser(self, mean: NDArray[Any], std: NDArray[Any]) -> None:
        """Set mean and deviation of the observations, each of shape (D,)."""
        ...

    def set_scale(self, scale: float, offset: float = 0.0) -> None:
        """Set what `predict` divides by and subtracts, and become ready."""
        ...

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """As of `nn.Module`."""
        ...

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """As of `nn.Module`."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """As of `nn.Module`."""
        ...

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> Any:
        """As of `nn.Module`."""
        ...


@dataclass(frozen=True, eq=False)
class RatedRows:
    """A `RatedBatch` as tensors on one device; the observations are raw, of any type."""

    obs: Tensor  # (B, T, D)
    actions: Tensor  # (B, T, A)
    mask: Tensor  # (B, T)
    ratings: Tensor  # (B,), -1 for none
    lengths: Tensor  # (B,)
    groups: Tensor  # (B,)
    scores: Tensor  # (B,), NaN for none
    comparisons: Tensor  # (K, 2) row numbers: better, worse

    @classmethod
    def of(cls, batch: RatedBatch, device: torch.device) -> Self:
        """Build the rows of a batch."""
        arrays = {field.name: getattr(batch, field.name, None) for field in fields(cls)}
        arrays["lengths"] = batch.mask.sum(1)
        return cls(**{k: torch.from_numpy(v).to(device) for k, v in arrays.items()})

    def __len__(self) -> int:
        """Return the number of rows B."""
        return len(self.ratings)

    def take(self, which: NDArray[np.int64], pairs: NDArray[np.int64] | None = None) -> Self:
        """Return some rows, and behind them what is compared.

        Args:
            which: Row numbers; with their ratings and scores, without their comparisons.
            pairs: Row numbers (better, worse), shape (K, 2): each becomes two rows without rating
                and score, and a comparison of the two.
        """
        pairs = np.zeros((0, 2), np.int64) if pairs is None else pairs
        device = self.ratings.device
        index = torch.from_numpy(np.concatenate([which, pairs.T.ravel()])).to(device)
        columns = {name: t[index] for name, t in vars(self).items() if name != "comparisons"}
        columns["ratings"][len(which) :] = -1
        columns["scores"][len(which) :] = torch.nan
        better = torch.arange(len(pairs), device=device) + len(which)
        return replace(self, **columns, comparisons=torch.stack([better, better + len(pairs)], 1))


def segment_returns(rewards: Tensor, mask: Tensor) -> Tensor:
    """Sum the rewards, shape (E, B, T), of the steps that exist; returns shape (E, B)."""
    return (rewards * mask).sum(-1)


def mean_and_std(
    batch: RatedBatch, rows_at_once: int = 64
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation, shape (D,) each, of the observations that exist.

    In double precision, and without a second copy of all observations.
    """
    starts = range(0, len(batch.mask), rows_at_once)
    parts = [slice(start, start + rows_at_once) for start in starts]
    num_steps = batch.mask.sum()
    mean = sum(batch.obs[p][batch.mask[p]].sum(0, np.float64) for p in parts) / num_steps
    squares = sum(np.square(batch.obs[p][batch.mask[p]] - mean).sum(0) for p in parts)
    return np.asarray(mean), np.sqrt(squares / num_steps)
