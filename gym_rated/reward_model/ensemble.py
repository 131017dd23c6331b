"""What reward models of E members share, whatever their networks: scale, returns, saving.

A member is one network r(s, a) in (-1, 1); a pass runs all of them. Inputs are raw observations:
their normaliser belongs to the model, so that a stored segment means the same at every fit.
"""

import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gym_rated.checkpoint import load_state, replace_file, save_state
from gym_rated.checkpoint.finite import refuse_non_finite
from gym_rated.checkpoint.restoring import restoring
from gym_rated.checks import check_number, whole_number
from gym_rated.imports import load_attribute
from gym_rated.reward_model.card import CARD, card_of, checked_facts
from gym_rated.segments import Segment

NEGATIVE_SLOPE = 0.01
MIN_STD = 1e-3
_CHUNK = 256  # segments per pass
_CLASS_OF = {
    "gym_rated reward model 2": "gym_rated.reward_model:RewardEnsemble",
    "gym_rated reward model for images 1": "gym_rated.reward_model.images:ConvRewardEnsemble",
}


class Ensemble(nn.Module):
    """E reward networks r(s, a), all but the networks themselves.

    A subclass brings `forward`, `predict`, `set_normaliser`, `sizes`, and the name of its format.

    Args:
        obs_dim: Length D of an encoded observation.
        action_dim: Length A of an encoded action.
        num_members: Number of networks E.
        seed: Seed of the initial weights; torch's global generator is not used.
        num_inputs: Length of the normaliser of observations.

    Attributes:
        options: What gives a fitted reward its meaning (tasks, targets, segment value): written by
            the learner, saved with the model.
        learned_from: Facts of the last fit as names with numbers or texts, for the model's card;
            likewise.
    """

    FORMAT: ClassVar[str]
    obs_mean: Tensor
    obs_std: Tensor
    _scale: Tensor
    _offset: Tensor
    _ready: Tensor

    def __init__(
        self, obs_dim: int, action_dim: int, num_members: int, seed: int, num_inputs: int
    ) -> None:
        super().__init__()
        self.obs_dim = whole_number("obs_dim", obs_dim)
        self.action_dim = whole_number("action_dim", action_dim)
        self.num_members = whole_number("num_members", num_members)
        self.seed = whole_number("seed", seed, None)
        self.options: dict[str, Any] = {}
        self.learned_from: dict[str, Any] = {}
        self.register_buffer("obs_mean", torch.zeros(num_inputs))
        self.register_buffer("obs_std", torch.ones(num_inputs))
        self.register_buffer("_scale", torch.ones(()))
        self.register_buffer("_offset", torch.zeros(()))
        self.register_buffer("_ready", torch.tensor(False))

    @property
    @abstractmethod
    def sizes(self) -> dict[str, Any]:
        """The arguments of the class, as JSON."""

    @property
    def ready(self) -> bool:
        """True once a fit has succeeded; until then `predict` returns zeros."""
        return bool(self._ready)

    @property
    def scale(self) -> float:
        """What `predict` divides by: the standard deviation of the mean reward at the last fit."""
        return float(self._scale)

    @property
    def offset(self) -> float:
        """What `predict` subtracts first, in units of the networks: where zero reward lies."""
        return float(self._offset)

    def returns(self, segments: Sequence[Segment]) -> NDArray[np.float32]:
        """Return every member's return of each segment.

        Args:
            segments: B segments.

        Returns:
            Sum of reward over the segment's steps, shape (E, B), in the units of `predict`.
        """
        out = np.zeros((self.num_members, len(segments)), np.float32)
        device = self.obs_mean.device
        for start in range(0, len(segments), _CHUNK):
            chunk = segments[start : start + _CHUNK]
            obs = torch.from_numpy(np.concatenate([s.obs for s in chunk])).to(device)
            actions = torch.from_numpy(np.concatenate([s.actions for s in chunk])).to(device)
            with torch.inference_mode():
                rewards = (self(obs, actions) - self._offset) / self._scale  # (E, sum of T)
            starts = np.cumsum([0, *(len(s) for s in chunk[:-1])])
            out[:, start : start + _CHUNK] = np.add.reduceat(
                rewards.cpu().float().numpy(), starts, axis=1
            )
        return out

    @torch.no_grad()
    def _predict_tensors(self, obs: Tensor, actions: Tensor) -> Tensor:
        """Return what `predict` does, where `obs` is; nothing of it goes through the host."""
        device = self.obs_mean.device
        mean = self(obs.to(device), actions.to(device)).mean(0)
        rewards = (mean - self._offset) / self._scale
        return torch.where(self._ready, rewards, 0.0).float().to(obs.device)

    def disagreement(self, segments: Sequence[Segment]) -> NDArray[np.float32]:
        """Return how far the members' returns of each segment are apart.

        Args:
            segments: B segments.

        Returns:
            Standard deviation over members of the segment's sum of reward, shape (B,), in the units
            of `predict`.
        """
        spread: NDArray[np.float32] = self.returns(segments).std(axis=0)
        return spread

    @torch.no_grad()
    def set_scale(self, scale: float, offset: float = 0.0) -> None:
        """Set what `predict` divides by and subtracts; from now on the model is ready.

        Raises:
            TypeError: If one of them is no number.
            ValueError: If `scale` is not above 0, or one of them is not finite.
        """
        check_number("offset", offset)
        if not check_number("scale", scale) > 0:
            raise ValueError(f"`scale` must be above 0, got {scale}")
        self._scale.fill_(scale)
        self._offset.fill_(offset)
        self._ready.fill_(True)

    def save(self, folder: str | PathLike[str]) -> None:
        """Write the model to a folder, atomically: safetensors, JSON and their SHA-256.

        A card for people, README.md, is written beside it, with metadata as model hubs read it.

        Raises:
            FloatingPointError: If a number of the model is not finite; nothing is written then.
        """
        tensors = dict(self.state_dict())
        refuse_non_finite(tensors, "reward model")
        state = {"format": self.FORMAT, "sizes": self.sizes, "options": self.options}
        facts = checked_facts(self.learned_from)
        save_state(Path(folder), {**state, "learned_from": facts, "tensors": tensors})
        card = card_of(self.obs_dim, self.action_dim, self.options, facts)
        replace_file(Path(folder) / CARD, card.encode())

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> Self:
        """Read a model that `save` wrote; on the CPU.

        A model that was saved before its first fit is loaded with a warning.

        Raises:
            FileNotFoundError: If the folder or one of its files is missing.
            ValueError: If it is damaged, holds something else, or has a number that is not finite;
                it is never loaded in part.
        """
        state = load_state(Path(folder))
        found = state.get("format")
        if not isinstance(found, str) or found != cls.FORMAT:
            raise _other_content(repr(cls.FORMAT), found, folder)
        with restoring("folder", folder):
            model = cls._of(state)
        if not model.ready:
            warnings.warn(
                f"{folder} holds a reward model that was saved before its first fit: it pays 0.0 "
                "until it is fitted",
                stacklevel=2,
            )
        return model

    @classmethod
    def _of(cls, state: Mapping[str, Any]) -> Self:
        """Return the model of a state whose tensors are those of its sizes, and make sense."""
        sizes, options, tensors = state["sizes"], state["options"], state["tensors"]
        if not isinstance(options, dict):
            raise TypeError(f"its options are a {type(options).__name__}")
        with torch.device("meta"):  # sizes alone: those of a file may ask for any memory
            expected = cls(**sizes).state_dict()
        for name in {*expected, *tensors}:
            wanted, found = _described(expected.get(name)), _described(tensors.get(name))
            if wanted != found:
                raise ValueError(f"{name} is {found}, where its sizes say {wanted}")
        _check_sense(tensors)
        model = cls(**sizes)
        model.options = options
        model.learned_from = checked_facts(state.get("learned_from", {}))  # older ones had none
        model.load_state_dict(tensors)
        return model

    def _check_shapes(self, obs: tuple[int, ...], actions: tuple[int, ...]) -> None:
        if obs[-1:] != (self.obs_dim,) or actions[-1:] != (self.action_dim,):
            raise ValueError(
                f"`obs` must end in {self.obs_dim} and `actions` in {self.action_dim} numbers, "
                f"got shapes {tuple(obs)} and {tuple(actions)}"
            )
        if obs[:-1] != actions[:-1]:
            raise ValueError(
                "`obs` and `actions` must have the same batch shape, got shapes "
                f"{tuple(obs)} and {tuple(actions)}"
            )


def load_reward_model(folder: str | PathLike[str]) -> Any:
    """Read a reward model of whatever class from the folder that its `save` wrote; on the CPU.

    Raises:
        FileNotFoundError: If the folder or one of its files is missing.
        ValueError: If it is damaged, or holds something else.
    """
    found = load_state(Path(folder)).get("format")
    if not isinstance(found, str) or found not in _CLASS_OF:
        raise _other_content(" or ".join(map(repr, _CLASS_OF)), found, folder)
    return load_attribute(_CLASS_OF[found]).load(folder)


def check_moments(mean: NDArray[Any], std: NDArray[Any]) -> None:
    """Refuse moments of observations that are not finite with a ValueError."""
    for name, numbers in (("mean", mean), ("std", std)):
        with np.errstate(over="ignore"):  # said below, in our own words
            numbers = np.asarray(numbers, np.float32)
        if not np.isfinite(numbers).all():
            bad = numbers[~np.isfinite(numbers)][0]
            raise ValueError(f"`{name}` must hold finite numbers in float32, got {bad}")


def _described(tensor: Tensor | None) -> str:
    return "missing" if tensor is None else f"{tuple(tensor.shape)} of {tensor.dtype}"


def _check_sense(tensors: Mapping[str, Tensor]) -> None:
    """Refuse numbers with which no reward can be computed."""
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{name} has a number that is not finite")
    for name in ("obs_std", "_scale"):
        if not (tensors[name] > 0).all():
            raise ValueError(f"{name} has a number that is not above 0")


def uniform(shape: tuple[int, ...], fan_in: int, rng: torch.Generator) -> nn.Parameter:
    """Draw what `torch.nn.Linear` starts from: uniform within 1 / sqrt(fan_in).

    Drawn on the CPU, so that a seed means the same weights on every device; then they are where
    torch makes tensors by default.
    """
    bound, home = fan_in**-0.5, torch.get_default_device()
    numbers = torch.empty(shape, device=home if home.type == "meta" else "cpu")
    return nn.Parameter(numbers.uniform_(-bound, bound, generator=rng).to(home))


def _other_content(wanted: str, found: object, folder: str | PathLike[str]) -> ValueError:
    return ValueError(
        f"`folder` must hold a reward model ({wanted}), got {found!r} in {folder}; check the path"
    )
