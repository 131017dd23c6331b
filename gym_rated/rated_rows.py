"""Rated segments as tensors, as the fit of a reward model goes through them."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gym_rated.ratings import RatedBatch
from gym_rated.reward_model import RewardEnsemble


@dataclass(frozen=True, eq=False)
class RatedRows:
    """Rated segments as tensors on the model's device, with normalised inputs."""

    inputs: Tensor  # (B, T, D + A)
    mask: Tensor  # (B, T)
    ratings: Tensor  # (B,)
    lengths: Tensor  # (B,)
    groups: Tensor  # (B,)

    @classmethod
    def of(cls, batch: RatedBatch, model: RewardEnsemble) -> Self:
        """Build the rows of a batch for the model's device and normaliser."""

        def tensor(array: NDArray[Any]) -> Tensor:
            return torch.from_numpy(array).to(model.obs_mean.device)

        return cls(
            inputs=model.inputs(tensor(batch.obs), tensor(batch.actions)),
            mask=tensor(batch.mask),
            ratings=tensor(batch.ratings),
            lengths=tensor(batch.mask.sum(1)),
            groups=tensor(batch.groups),
        )

    def __len__(self) -> int:
        """Return the number of rows B."""
        return len(self.ratings)

    def take(self, which: NDArray[np.int64] | slice) -> Self:
        """Return the rows at indices, or of a slice."""
        if isinstance(which, slice):
            return type(self)(*(tensor[which] for tensor in vars(self).values()))
        indices = torch.from_numpy(which).to(self.ratings.device)
        return type(self)(*(tensor[indices] for tensor in vars(self).values()))


def segment_returns(rewards: Tensor, rows: RatedRows) -> Tensor:
    """Sum the rewards, shape (E, B, T), of the steps that exist; returns shape (E, B)."""
    return (rewards * rows.mask).sum(-1)
