"""A reward function: any callable from observations and actions to rewards.

The wrappers know no more of a reward model than this, so a formula, a network or a remote service
will do.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.imports import load_attribute
from gym_rated.segments.tensors import as_tensor, is_tensor, on_host

RewardFn = Callable[[NDArray[Any], NDArray[np.float32]], NDArray[Any]]
"""Maps N encoded observations (N, D) and actions (N, A) to rewards, shape (N,).

One that is marked with `gym_rated.vector.takes_tensors` takes tensors as well.
"""


def resolve_reward_fn(reward_fn: Any) -> RewardFn:
    """Return a reward function from a callable, `"module:attr"`, or a saved model's folder.

    Raises:
        TypeError: If it is none of them.
        ValueError: If it is text that names neither a folder nor an attribute, or the folder's
            model is damaged or was never fitted.
    """
    if isinstance(reward_fn, str) and Path(reward_fn).is_dir():
        reward_fn = reward_of_folder(reward_fn)
    elif isinstance(reward_fn, str) and ":" not in reward_fn:
        raise ValueError(
            f"`reward_fn` must be the folder of a saved model or 'module:attr', got {reward_fn!r}; "
            "there is no such folder"
        )
    elif isinstance(reward_fn, str):
        reward_fn = load_attribute(reward_fn)
    if not callable(reward_fn):
        raise TypeError(
            "`reward_fn` must be callable as reward_fn(obs (N, D), actions (N, A)) -> (N,), a "
            f"saved model's folder or 'module:attr', got {reward_fn!r}"
        )
    return reward_fn  # type: ignore[no-any-return]  # checked to be callable


def reward_of_folder(folder: str | Path) -> RewardFn:
    """Return the reward that a saved model gives, which nobody will fit any more.

    Raises:
        FileNotFoundError: If there is no such folder, or no model in it.
        ValueError: If the model is damaged, or was saved before its first fit.
    """
    model = load_attribute("gym_rated.reward_model.ensemble:load_reward_model")(folder)
    if not model.ready:
        raise ValueError(
            f"`reward_fn` must be a model that was fitted, got {folder}, saved before its first "
            "fit, which would pay 0.0 for ever; fit it first"
        )
    return model.predict  # type: ignore[no-any-return]  # the loader knows no class


def predict_rewards(
    reward_fn: RewardFn, obs: NDArray[Any], actions: NDArray[np.float32]
) -> NDArray[Any]:
    """Call `reward_fn` and check what it returns: N finite numbers, shape (N,).

    Returns:
        Rewards, float32 or float64; what comes as whole or smaller numbers becomes one of them.

    Raises:
        TypeError: If it returns anything but numbers.
        ValueError: If the shape differs, or a number is not finite, or not as float32, which is
            what agents make of it.
    """
    rewards = reward_fn(obs, actions)
    if type(rewards) is not np.ndarray or rewards.dtype.char not in _PAID:
        rewards = _as_floats(rewards)
    if rewards.shape != (len(obs),):
        raise ValueError(
            f"`reward_fn` must return shape ({len(obs)},) for {len(obs)} steps, got {rewards.shape}"
        )
    if not np.vdot(rewards, rewards) <= _LARGEST:  # then none is too large, and none is NaN
        _check_each(rewards)
    return rewards


def predict_tensors(reward_fn: Any, obs: Any, actions: Any, were_resets: Any) -> Any:
    """Call a `reward_fn` that takes tensors, and check what it returns; see `predict_rewards`.

    Args:
        reward_fn: The function.
        obs: Encoded observations, a tensor of shape (N, D).
        actions: Encoded actions, a tensor of shape (N, A) on the same device.
        were_resets: Which rows are no transitions, shape (N,); they get 0.

    Returns:
        Rewards, shape (N,), a tensor of floats where `obs` is.

    Raises:
        TypeError: If it returns anything but a tensor of numbers.
        ValueError: As `predict_rewards`.
    """
    with sys.modules["torch"].no_grad():
        rewards = reward_fn(obs, actions)
    if not is_tensor(rewards) or rewards.is_complex():
        kind = str(rewards.dtype) if is_tensor(rewards) else type(rewards).__name__
        raise TypeError(
            "`reward_fn` must return a tensor of numbers for tensors, as it is marked with "
            f"takes_tensors, got {kind}; take the mark away if it is for arrays"
        )
    if rewards.shape != (len(obs),):
        raise ValueError(
            f"`reward_fn` must return shape ({len(obs)},) for {len(obs)} steps, got "
            f"{tuple(rewards.shape)}"
        )
    if rewards.element_size() < 4 or not rewards.is_floating_point():
        rewards = rewards.float()
    rewards = rewards.detach().to(obs.device)
    rewards = rewards.masked_fill(as_tensor(were_resets, obs.device), 0.0)
    if not bool((rewards.abs() <= _LARGEST).all()):  # one number from the device, at every step
        _check_each(on_host(rewards))
    return rewards


_PAID = "fd"  # numpy's letters of float32 and float64
_LARGEST = float(np.finfo(np.float32).max)


def _as_floats(returned: Any) -> NDArray[Any]:
    """Return what a reward function returned as an array of float32 or float64."""
    try:
        rewards = np.asarray(returned)
        if rewards.dtype.kind == "O":  # such as decimal numbers
            rewards = rewards.astype(np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # the last is of torch
        raise TypeError(
            f"`reward_fn` must return an array of numbers, got {type(returned).__name__}, of which "
            f"none can be made: {error}"
        ) from error
    if rewards.dtype.kind not in "fiub":
        raise TypeError(
            f"`reward_fn` must return an array of numbers, got {type(returned).__name__} of type "
            f"{rewards.dtype}"
        )
    if rewards.dtype.char in _PAID:
        return rewards
    return rewards.astype(np.float32 if np.can_cast(rewards.dtype, np.float32) else np.float64)


def _check_each(rewards: NDArray[Any]) -> None:
    fits = np.abs(rewards) <= _LARGEST  # NaN is not
    if not fits.all():
        step = int(np.argmin(fits))
        raise ValueError(
            "`reward_fn` must return rewards that are finite as float32, got "
            f"{rewards[step]:g} for step {step} of {len(rewards)}; one would poison a reward "
            "normaliser for ever"
        )
