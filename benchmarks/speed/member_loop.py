"""The peer of a fit: White et al. 2024 in plain PyTorch, one member after the other.

Written from the paper's equations for Q and L, as most code on ensembles is: each member has its
own network and optimiser, and nothing is shared, checked, judged or logged.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.speed.fits import (
    ACTION_DIM,
    AUTHORS,
    NUM_CLASSES,
    OBS_DIM,
    WU_2025,
    Method,
    rated_segments,
)
from benchmarks.speed.worker import Pause, serve

SHARPNESS = 30.0
CHUNK = 20


def by_size(pause: Pause) -> None:
    """Fit 500 ratings with the sizes of the authors or of our defaults, by request."""
    torch.set_num_threads(1)
    methods = {"authors": AUTHORS, "defaults": WU_2025}
    serve(pause, lambda request: PlainFit(methods[request]).run)


class PlainFit:
    """A loop over members, in each gradient step, on mini-batches of 500 ratings."""

    def __init__(self, method: Method) -> None:
        self._batch_size = method.batch_size
        batch = rated_segments(500).batch()
        inputs = np.concatenate((batch.obs, batch.actions), -1)
        self._inputs, self._ratings = torch.from_numpy(inputs), torch.from_numpy(batch.ratings)
        self._members = [network(method) for _ in range(method.num_members)]
        rate = method.learning_rate
        self._optimisers = [torch.optim.Adam(m.parameters(), rate) for m in self._members]
        self._rng = np.random.default_rng(0)

    def run(self) -> int:
        """Take some gradient steps of all members; each counts once."""
        for _ in range(CHUNK):
            rows = self._rng.choice(len(self._inputs), self._batch_size, replace=False)
            inputs, ratings = self._inputs[rows], self._ratings[rows]
            for member, optimiser in zip(self._members, self._optimisers, strict=True):
                returns = member(inputs).sum((1, 2))
                optimiser.zero_grad()
                rating_loss(returns, ratings).backward()
                optimiser.step()
        return CHUNK


def network(method: Method) -> nn.Module:
    """Return one member: hidden layers with LeakyReLU, one output through tanh."""
    layers: list[nn.Module] = []
    width = OBS_DIM + ACTION_DIM
    for size in method.hidden_sizes:
        layers += [nn.Linear(width, size), nn.LeakyReLU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, 1), nn.Tanh())


def rating_loss(returns: Tensor, ratings: Tensor) -> Tensor:
    """Return the cross-entropy of the classes, Q_i = -k (p - b_i)(p - b_(i+1)).

    Below the limit of a class are as many of the returns as of the ratings, as in their code.
    """
    rescaled = (returns - returns.min()) / (returns.max() - returns.min())
    lower = torch.bincount(ratings, minlength=NUM_CLASSES).cumsum(0)[:-1]
    ordered = functional.pad(rescaled.detach().sort().values, (1, 0))
    below = functional.pad(ordered[lower], (1, 0))
    above = functional.pad(ordered[lower], (0, 1), value=1.0)
    logits = -SHARPNESS * (rescaled[:, None] - below) * (rescaled[:, None] - above)
    return functional.cross_entropy(logits, ratings)
