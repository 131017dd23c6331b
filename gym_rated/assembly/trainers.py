"""What a script's trainer must have for its run to be recorded: asked for by what it can do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from gym_rated.assembly.arguments import RunArgs
from gym_rated.ratings import RatingDataset


class Rewarded(Protocol):
    """A reward model: it tells what it makes of segments, and can be saved."""

    @property
    def ready(self) -> bool:
        """Whether it has been fitted."""
        ...

    def predict(self, obs: NDArray[Any], actions: NDArray[Any]) -> NDArray[Any]:
        """Return the rewards of N steps, shape (N,)."""
        ...

    def save(self, folder: Path, /) -> None:
        """Write it."""
        ...


class Feedback(Protocol):
    """A feedback wrapper, as far as its ratings go."""

    @property
    def ratings(self) -> RatingDataset:
        """Segments and ratings so far."""
        ...


class Stack(Protocol):
    """The wrapped environments of a script; without ratings the last three are None."""

    @property
    def statistics(self) -> Any:
        """The wrapper that counts true returns."""
        ...

    @property
    def learned(self) -> Any:
        """The wrapper that counts learned returns."""
        ...

    @property
    def rater(self) -> Any:
        """Who rates."""
        ...

    @property
    def feedback(self) -> Feedback | None:
        """The feedback wrapper."""
        ...

    @property
    def model(self) -> Rewarded | None:
        """The reward model."""
        ...

    @property
    def learner(self) -> Any:
        """What fits it."""
        ...


class Trainer(Protocol):
    """What trains in a script, as far as its run is concerned."""

    @property
    def args(self) -> RunArgs:
        """Its arguments."""
        ...

    @property
    def global_step(self) -> int:
        """Environment steps so far, summed over environments."""
        ...

    @property
    def report(self) -> Mapping[str, Any] | None:
        """What is reported about the last fit of the reward model, by name."""
        ...

    @property
    def stack(self) -> Stack:
        """Its environments."""
        ...

    def state_dict(self) -> Mapping[str, Any]:
        """Return all that its checkpoint holds."""
        ...

    def load_state_dict(self, state: Any, /) -> None:
        """Go on from what `state_dict` returned."""
        ...

    def policy(self) -> Mapping[str, Any]:
        """Return the agent's tensors by name, for policy.safetensors."""
        ...
