"""Rated segments as tensors, as the fit of a reward model goes through them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gym_rated.ratings import RatingDataset


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

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """As of `nn.Module`; those with "bias" in their name are not shrunk by `weight_decay`."""
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
    """The answers of a `RatedTable` as tensors on one device, B rows."""

    dataset: RatingDataset  # where the steps stay until they are asked for
    segments: NDArray[np.int64]  # (B,), the number of each row's segment there
    ratings: Tensor  # (B,), -1 for none
    lengths: Tensor  # (B,)
    groups: Tensor  # (B,)
    scores: Tensor  # (B,), NaN for none
    comparisons: Tensor  # (K, 2) row numbers: better, worse

    @classmethod
    def of(cls, ratings: RatingDataset, device: torch.device) -> Self:
        """Build the rows of a dataset."""
        table = ratings.table()
        columns = (
            torch.from_numpy(column).to(device)
            for column in (
                *(table.ratings, table.lengths, table.groups),
                *(table.scores, table.comparisons),
            )
        )
        return cls(ratings, table.segments, *columns)

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
        rows = np.concatenate([which, pairs.T.ravel()])
        index = torch.from_numpy(rows).to(device)
        ratings, scores = self.ratings[index], self.scores[index]
        ratings[len(which) :] = -1
        scores[len(which) :] = torch.nan
        better = torch.arange(len(pairs), device=device) + len(which)
        return replace(
            self,
            segments=self.segments[rows],
            ratings=ratings,
            lengths=self.lengths[index],
            groups=self.groups[index],
            scores=scores,
            comparisons=torch.stack([better, better + len(pairs)], 1),
        )

    def steps(self) -> "PackedSteps":
        """Return the steps of each row's segment."""
        return PackedSteps.of(self.dataset, self.segments, self.ratings.device)


@dataclass(frozen=True, eq=False)
class PackedSteps:
    """Steps of B segments one behind the other, N in all, as tensors on one device.

    Nothing is padded, so that a network computes for no step that does not exist.
    """

    obs: Tensor  # (N, D), raw, of any type
    actions: Tensor  # (N, A)
    lengths: NDArray[np.int64]  # (B,)

    @classmethod
    def of(cls, ratings: RatingDataset, numbers: NDArray[np.int64], device: torch.device) -> Self:
        """Pack the steps of some segments of a dataset, by their numbers."""
        obs, actions = ratings.steps(numbers.tolist())
        lengths = ratings.lengths(numbers)
        return cls(torch.from_numpy(obs).to(device), torch.from_numpy(actions).to(device), lengths)


def segment_returns(rewards: Tensor, lengths: NDArray[np.int64]) -> Tensor:
    """Sum the rewards of packed steps, shape (E, N), over each segment; returns shape (E, B)."""
    longest = int(lengths.max(initial=0))
    exists = np.arange(longest) < lengths[:, None]  # (B, T)
    if not exists.all():
        places = torch.from_numpy(np.flatnonzero(exists)).to(rewards.device)
        rewards = rewards.new_zeros(len(rewards), exists.size).index_copy(1, places, rewards)
    return rewards.reshape(len(rewards), *exists.shape).sum(-1)
