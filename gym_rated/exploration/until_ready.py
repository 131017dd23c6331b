"""Explore first, then do what was rated well: one reward function out of two."""

from collections.abc import Callable
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gym_rated.exploration.bonus import Bonus

Paid = Literal["bonus", "both", "learned"]


class _Model(Protocol):
    @property
    def ready(self) -> bool: ...

    def predict(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[np.float32]: ...


class UntilReady:
    """Pays an exploration bonus until the reward model is ready, and its reward afterwards.

    In the place of `model.predict`, which pays zeros until then. The two rewards are on scales of
    their own; an agent that normalises its rewards should start that statistic anew when `paid`
    changes.

    A reward can be ready and still be noise, where nearly all that was rated so far is alike. With
    `trust`, `reward + (1 - trust) * bonus` is paid once the model is ready [our inference]; both
    have a spread of about 1.

    Args:
        model: The reward model: its `ready` and `predict` are used.
        bonus: What to pay before.
        trust: Returns how far the reward can be relied on, 0 to 1, such as `RewardLearner.trust`;
            None relies on it.

    Example:
        >>> import numpy as np
        >>> from gym_rated import RewardEnsemble
        >>> from gym_rated.exploration import KnnEntropy, UntilReady
        >>> model = RewardEnsemble(obs_dim=2, action_dim=1)
        >>> reward_fn = UntilReady(model, KnnEntropy(obs_dim=2))
        >>> visited, nothing = np.zeros((8, 2), np.float32), np.zeros((8, 1), np.float32)
        >>> for _ in range(2):
        ...     _ = reward_fn(visited, nothing)
        >>> near, far = reward_fn.score(np.array([[0, 0], [9, 9]]), nothing[:2])
        >>> bool(near < far)
        True
        >>> model.set_scale(1.0)  # what a fit does
        >>> bool((reward_fn(visited, nothing) == model.predict(visited, nothing)).all())
        True
    """

    def __init__(
        self, model: _Model, bonus: Bonus, trust: Callable[[], float] | None = None
    ) -> None:
        self.model = model
        self.bonus = bonus
        self.trust = trust

    @property
    def ready(self) -> bool:
        """True once the learned reward is paid."""
        return self.model.ready

    @property
    def paid(self) -> Paid:
        """What is paid now: only the bonus, only the learned reward, or both."""
        share = self._bonus_share()
        return "learned" if share == 0 else "both" if self.ready else "bonus"

    def __call__(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return the reward of N steps, shape (N,); a bonus remembers them."""
        return self._pay(self.bonus, obs, actions)

    def score(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[np.float32]:
        """Return the same and remember nothing: for steps sampled from a replay buffer."""
        return self._pay(self.bonus.score, obs, actions)

    def _pay(
        self, bonus: Callable[..., NDArray[np.float32]], obs: NDArray[Any], actions: NDArray[Any]
    ) -> NDArray[np.float32]:
        share = self._bonus_share()
        if not share:
            return self.model.predict(obs, actions)
        explored = np.float32(share) * bonus(obs, actions)
        return explored + self.model.predict(obs, actions) if self.ready else explored

    def _bonus_share(self) -> float:
        if not self.ready:
            return 1.0
        return 0.0 if self.trust is None else 1 - self.trust()

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the bonus, for a checkpoint; the model has its own."""
        return self.bonus.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.bonus.load_state_dict(state)
