"""Steps that nobody rated: drawn uniformly, to keep their rewards below those of rated ones.

The conservative term of R4, Kharyal, Muslimani and Taylor 2026 (arXiv 2601.09236).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from gym_rated.fitting.rows import RewardModel
from gym_rated.fitting.sample import SampledSegments
from gym_rated.losses import out_of_distribution_loss

NUM_STEPS = 1_024
"""steps drawn for each gradient step, as in the authors' code"""


@dataclass(frozen=True, eq=False)
class UnseenSteps:
    """The ranges of rated steps, to draw others from.

    Attributes:
        obs: Smallest and largest of each number of a raw observation, shape (2, D).
        actions: The same of the encoded actions, shape (2, A).
    """

    obs: Tensor
    actions: Tensor

    @classmethod
    def of(cls, segments: SampledSegments) -> Self:
        """Find the ranges of the steps of some segments."""
        ranges = [
            [torch.stack([x.amin(0), x.amax(0)]).float() for x in (part.obs, part.actions)]
            for part in segments.chunks()
        ]
        both = (torch.cat(parts) for parts in zip(*ranges, strict=True))
        return cls(*(torch.stack([x.amin(0), x.amax(0)]) for x in both))

    def draw(self, num: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw observations and actions, each number by itself: float32, (num, D) and (num, A)."""
        found = []
        for low, high in (self.obs, self.actions):
            uniform = rng.random((num, len(low)), np.float32)
            found.append(low + torch.from_numpy(uniform).to(low.device) * (high - low))
        return found[0], found[1]

    def loss(
        self, model: RewardModel, rewards: Tensor, coefficient: float, rng: np.random.Generator
    ) -> Tensor:
        """Return `out_of_distribution_loss` of each member, shape (E,).

        Args:
            model: The reward model; one whose rewards are unbounded has no minimum.
            rewards: Its rewards of rated steps, shape (E, N).
            coefficient: Weight of the term.
            rng: Source of the draws.
        """
        drawn = model(*self.draw(NUM_STEPS, rng))
        return out_of_distribution_loss(rewards, drawn, coefficient)
