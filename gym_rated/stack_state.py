"""The state of a whole stack of vector wrappers, so that a run can be resumed exactly.

Knows the wrappers that keep state between steps: Gymnasium's normalisers and episode statistics,
the rating wrappers, and `SeededEpisodes` around the sub-environments, which find their moment
again by replay.
"""

from collections import deque
from typing import Any

import numpy as np
from gymnasium.vector import SyncVectorEnv
from gymnasium.wrappers.vector import (
    NormalizeObservation,
    NormalizeReward,
    RecordEpisodeStatistics,
)

from gym_rated import vector
from gym_rated.stacking import layers

_KEPT: tuple[tuple[type, tuple[str, ...]], ...] = (
    (NormalizeReward, ("accumulated_reward", "_prev_dones")),
    (
        RecordEpisodeStatistics,
        ("episode_count", "episode_returns", "episode_lengths", "prev_dones"),
    ),
)
_RUNNING_MEANS = ((NormalizeObservation, "obs_rms"), (NormalizeReward, "return_rms"))
_QUEUES = ("return_queue", "length_queue", "time_queue")


def stack_state(envs: Any) -> list[dict[str, Any]]:
    """Return the state of each layer of `envs`, from the outside in, for a checkpoint.

    Args:
        envs: Stack of vector wrappers around a SyncVectorEnv of environments in `SeededEpisodes`.

    Returns:
        One dict a layer. With rating wrappers in the stack it holds true rewards.
    """
    return [_layer_state(layer) for layer in layers(envs)]


def load_stack_state(envs: Any, states: list[dict[str, Any]]) -> Any:
    """Bring a freshly made, equal stack to the moment of `stack_state`.

    Args:
        envs: Stack made by the same code as the saved one; it is reset here.
        states: What `stack_state` returned.

    Raises:
        ValueError: If the stacks differ.
        RuntimeError: If an environment does not repeat its episode.
    """
    found = layers(envs)
    names = [type(layer).__name__ for layer in found]
    if names != [state["layer"] for state in states]:
        raise ValueError(
            f"`states` must come from the same stack {names}, got {[s['layer'] for s in states]}"
        )
    for sub_env, state in zip(found[-1].envs, states[-1]["episodes"], strict=True):
        sub_env.get_wrapper_attr("load_state_dict")(state)
    envs.reset()  # replays the open episodes; what this does to the wrappers is overwritten below
    for layer, state in zip(found, states, strict=True):
        _load_layer_state(layer, state)


def _layer_state(layer: Any) -> dict[str, Any]:
    state: dict[str, Any] = {"layer": type(layer).__name__}
    if isinstance(layer, SyncVectorEnv):
        return state | {"episodes": list(layer.call("state_dict"))}
    if isinstance(layer, vector.RatingFeedbackWrapper | vector.LearnedRewardWrapper):
        return state | layer.state_dict()
    for kind, attribute in _RUNNING_MEANS:
        if isinstance(layer, kind):
            rms = getattr(layer, attribute)
            state |= {"mean": rms.mean, "var": rms.var, "count": rms.count}
            state["update_running_mean"] = layer.update_running_mean
    for kind, attributes in _KEPT:
        if isinstance(layer, kind):
            state |= {name: np.copy(getattr(layer, name)) for name in attributes}
    if isinstance(layer, RecordEpisodeStatistics):
        state |= {name: np.array(getattr(layer, name), np.float64) for name in _QUEUES}
    return state


def _load_layer_state(layer: Any, state: dict[str, Any]) -> None:
    if isinstance(layer, vector.RatingFeedbackWrapper | vector.LearnedRewardWrapper):
        layer.load_state_dict(state)
    for kind, attribute in _RUNNING_MEANS:
        if isinstance(layer, kind):
            rms = getattr(layer, attribute)
            rms.mean, rms.var, rms.count = state["mean"], state["var"], state["count"]
            layer.update_running_mean = state["update_running_mean"]
    for kind, attributes in _KEPT:
        if isinstance(layer, kind):
            for name in attributes:
                setattr(layer, name, np.copy(state[name]))
    if isinstance(layer, RecordEpisodeStatistics):
        layer.episode_count = int(state["episode_count"])
        for name in _QUEUES:
            setattr(layer, name, deque(state[name], maxlen=getattr(layer, name).maxlen))
