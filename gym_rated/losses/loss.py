"""What `RewardLearner` needs of a loss: `MultitaskLoss` has it, and so may a loss of your own."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from gym_rated.choices import Scale


class Loss(Protocol):
    """A loss on the predicted returns of all members; best an `nn.Module` and a subclass of this.

    `class MyLoss(nn.Module, Loss)` brings `forward`, `can_learn`, `options` and the first three
    attributes, and inherits the rest.

    Attributes:
        num_classes: Number of rating classes C.
        num_members: Number of ensemble members E.
        scale: Whether the answers of one `group` (rater, round) share a scale, or all answers do
            (`shared`); held-out answers are judged by it, too.
        rng: Source of its draws, kept in checkpoints; None where nothing is drawn.
        rounds_of: Number of the rater, and round, of each number in `groups`, shape (G, 2), written
            likewise; None where groups are the rounds of one rater, in order.
        num_ratings: How many ratings the fit learns from, written by the learner before
            `begin_fit`, which sees a sample of them; None outside of a fit.
    """

    num_classes: int
    num_members: int
    scale: Scale
    rng: np.random.Generator | None = None
    num_ratings: int | None = None
    rounds_of: Tensor | None = None

    def forward(
        self,
        returns: Tensor,
        ratings: Tensor,
        lengths: Tensor,
        groups: Tensor | None = None,
        progress: float = 0.0,
        *,
        scores: Tensor | None = None,
        comparisons: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total of a mini-batch and its parts.

        Args:
            returns: Predicted sums of reward, shape (E, B).
            ratings: Rating classes, shape (B,), int64 in 0..C-1, or -1 for none.
            lengths: Number of steps of each segment, shape (B,).
            groups: One integer from 0 per (rater, round), shape (B,).
            progress: How far the training is, 0 to 1.
            scores: Scores in 0..1, shape (B,), or NaN for none.
            comparisons: Row numbers (better, worse), shape (K, 2).

        Returns:
            What to descend on, shape (): a sum over members, so that each learns as if alone. And
            for the log, without gradient: `loss/NAME`, and, if weights are learned, `weight/NAME`.
            No part means that the batch says nothing, and no step is taken.
        """
        ...

    def can_learn(
        self,
        ratings: Tensor,
        groups: Tensor | None = None,
        *,
        scores: Tensor | None = None,
        comparisons: Tensor | None = None,
    ) -> bool:
        """Return whether a dataset's answers say that one segment is better than another."""
        ...

    def options(self) -> dict[str, Any]:
        """Return the choices that give a fitted reward its meaning, as JSON keeps them.

        They are stored with the model, and compared when a checkpoint is loaded. Where there are
        `segment_value`, `segment_length`, `scale` and `sharpness`, they mean what they mean in
        `MultitaskLoss`, to those who judge the model later.
        """
        ...

    def values(self, returns: Tensor, lengths: Tensor) -> Tensor:
        """Turn predicted sums, shape (*batch, B), into what a rating judges."""
        return returns

    def begin_fit(
        self, returns: Tensor, ratings: Tensor, lengths: Tensor, groups: Tensor | None = None
    ) -> None:
        """Look at the answers that a fit learns from, or some of many, before its first step."""
        return None

    def end_fit(
        self,
        returns: Tensor,
        ratings: Tensor,
        lengths: Tensor,
        groups: Tensor | None = None,
        *,
        scores: Tensor | None = None,
        comparisons: Tensor | None = None,
    ) -> None:
        """Look at how the fitted model does on the answers held out; arguments as `forward`."""
        return None

    def parameter_groups(self) -> Sequence[tuple[Iterable[nn.Parameter], float]]:
        """Return what is learned beside the model, each with its share of the weights' rate."""
        return [(own, 1.0)] if (own := list(self.parameters())) else []

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """As of `nn.Module`."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """As of `nn.Module`."""
        ...

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> Any:
        """As of `nn.Module`."""
        ...

    def to(self, device: torch.device, /) -> Any:
        """As of `nn.Module`."""
        ...
