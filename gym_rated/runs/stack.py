"""The state of a whole stack of vector wrappers, so that a run can be resumed exactly.

Knows the wrappers that keep state between steps: Gymnasium's normalisers and episode statistics,
whatever has a `state_dict` (the rating wrappers do), and `SeededEpisodes` around the
sub-environments, which find their moment again by replay, in processes of their own too. What is in
`NewEpisodes` begins new ones. Of any other wrapper it is assumed that it keeps none.
"""

from collections import deque
from typing import Any

import numpy as np
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from gymnasium.wrappers.vector import (
    ClipAction,
    NormalizeObservation,
    NormalizeReward,
    RecordEpisodeStatistics,
)

from gym_rated.checkpoint.finite import refuse_non_finite
from gym_rated.environments.finite import FiniteSteps
from gym_rated.environments.new_episodes import NewEpisodes
from gym_rated.wrappers import stacking
from gym_rated.wrappers.timeout import StepTimeout

_STATISTICS = ("episode_returns", "episode_lengths", "prev_dones")
_PARALLEL = (SyncVectorEnv, AsyncVectorEnv)  # of one state, whichever a run goes on with
_QUEUES = ("return_queue", "length_queue", "time_queue")
_PASSING = (FiniteSteps, StepTimeout, ClipAction)  # without a state: they may come and go


def stack_state(envs: Any) -> list[dict[str, Any]]:
    """Return the state of each layer of `envs`, from the outside in, for a checkpoint.

    Args:
        envs: Stack of vector wrappers around a SyncVectorEnv or AsyncVectorEnv of environments in
            `SeededEpisodes`.

    Returns:
        One dict a layer. With rating wrappers in the stack it holds true rewards.

    Raises:
        TypeError: If the stack ends in anything else.
        FloatingPointError: If the statistics of a normaliser are not finite.
    """
    found = _layers(envs)
    _check_is_replayable(found[-1])
    return [{"layer": _name(layer), **_layer_state(layer)} for layer in found]


def load_stack_state(envs: Any, states: list[dict[str, Any]]) -> None:
    """Bring a freshly made, equal stack to the moment of `stack_state`.

    Args:
        envs: Stack made by the same code as the saved one; it is reset here.
        states: What `stack_state` returned.

    Raises:
        TypeError: If the stack ends in anything but parallel environments in `SeededEpisodes`.
        ValueError: If the stacks differ.
        RuntimeError: If an environment does not repeat its episode.
    """
    found = _layers(envs)
    _check_is_replayable(found[-1])
    names = [kind.__name__ for kind in _PASSING]
    states = [state for state in states if state["layer"] not in names]
    num_envs = 1 if isinstance(found[-1], NewEpisodes) else found[-1].num_envs
    shape = [_name(layer) for layer in found], num_envs
    saved_shape = [state["layer"] for state in states], len(states[-1]["episodes"])
    if shape != saved_shape:
        raise ValueError(
            f"`states` must come from a stack of the same layers and number of environments {shape}"
            f", got {saved_shape}"
        )
    if isinstance(found[-1], NewEpisodes):
        found[-1].load_state_dict(states[-1]["episodes"][0])
    else:
        found[-1].set_attr("saved", states[-1]["episodes"])
    envs.reset()  # replays the open episodes; what this does to the wrappers is overwritten below
    for layer, state in zip(found, states, strict=True):
        _load_layer_state(layer, state)


def _layers(envs: Any) -> list[Any]:
    """Return the layers of a stack that may have a state."""
    found = stacking.layers(envs)
    below = next((i for i, x in enumerate(found) if isinstance(x, NewEpisodes)), len(found)) + 1
    return [layer for layer in found[:below] if not isinstance(layer, _PASSING)]


def _name(layer: Any) -> str:
    return "SyncVectorEnv" if isinstance(layer, _PARALLEL) else type(layer).__name__


def _check_is_replayable(innermost: Any) -> None:
    if isinstance(innermost, NewEpisodes):
        return
    if isinstance(innermost, _PARALLEL):
        attributes = innermost.call("__dir__")  # of the outermost layer in each
        refused = [i for i, names in enumerate(attributes) if "replays_episodes" not in names]
        found = f"environment {refused[0]} without" if refused else None
    else:
        found = str(innermost)
    if found is not None:
        raise TypeError(
            "`envs` must be a stack around SyncVectorEnv or AsyncVectorEnv of environments in "
            f"SeededEpisodes, which can be played again, got {found}; put SeededEpisodes around it"
        )


def _layer_state(layer: Any) -> dict[str, Any]:
    if isinstance(layer, _PARALLEL):
        return {"episodes": list(layer.call("state_dict"))}
    if isinstance(layer, NewEpisodes):
        return {"episodes": [layer.state_dict()]}
    if isinstance(layer, NormalizeObservation):
        return _moments(layer.obs_rms, "observations") | {"updates": layer.update_running_mean}
    if isinstance(layer, NormalizeReward):
        return _moments(layer.return_rms, "rewards") | {
            "updates": layer.update_running_mean,
            "accumulated_reward": layer.accumulated_reward.copy(),
            "prev_dones": layer._prev_dones.copy(),
        }
    if isinstance(layer, RecordEpisodeStatistics):
        state: dict[str, Any] = {name: getattr(layer, name).copy() for name in _STATISTICS}
        state |= {name: np.array(getattr(layer, name), np.float64) for name in _QUEUES}
        return state | {"episode_count": int(layer.episode_count)}
    return dict(layer.state_dict()) if hasattr(layer, "state_dict") else {}


def _load_layer_state(layer: Any, state: dict[str, Any]) -> None:
    if isinstance(layer, (*_PARALLEL, NewEpisodes)):
        return
    if isinstance(layer, NormalizeObservation):
        _load_moments(layer.obs_rms, state)
        layer.update_running_mean = state["updates"]
    elif isinstance(layer, NormalizeReward):
        _load_moments(layer.return_rms, state)
        layer.update_running_mean = state["updates"]
        layer.accumulated_reward = state["accumulated_reward"].copy()
        layer._prev_dones = state["prev_dones"].copy()
    elif isinstance(layer, RecordEpisodeStatistics):
        for name in _STATISTICS:
            setattr(layer, name, state[name].copy())
        for name in _QUEUES:
            setattr(layer, name, deque(state[name], maxlen=getattr(layer, name).maxlen))
        layer.episode_count = state["episode_count"]
    elif hasattr(layer, "load_state_dict"):
        layer.load_state_dict(state)


def _moments(running: Any, of_what: str) -> dict[str, Any]:
    moments = {"mean": np.copy(running.mean), "var": np.copy(running.var), "count": running.count}
    refuse_non_finite(moments, f"statistics of {of_what}", f"{of_what} must be scaled down")
    return moments


def _load_moments(running: Any, state: dict[str, Any]) -> None:
    running.mean, running.var = np.copy(state["mean"]), np.copy(state["var"])
    running.count = state["count"]
