"""Which wrappers may lie below and between the rating wrappers, and where these are."""

from typing import Any, TypeVar

import gymnasium as gym
from gymnasium import wrappers
from gymnasium.vector import (
    VectorActionWrapper,
    VectorEnv,
    VectorObservationWrapper,
    VectorWrapper,
)

from gym_rated.segments.encoding import Features
from gym_rated.wrappers.feedback import Feedback

_Kind = TypeVar("_Kind")
_NORMALIZERS = (
    wrappers.NormalizeObservation,
    wrappers.NormalizeReward,
    wrappers.vector.NormalizeObservation,
    wrappers.vector.NormalizeReward,
)
_TRANSFORMS = (
    gym.ObservationWrapper,
    gym.ActionWrapper,
    VectorObservationWrapper,
    VectorActionWrapper,
    wrappers.NormalizeObservation,
    wrappers.vector.NormalizeObservation,
)


def refuse_normalizers(env: Any) -> None:
    """Raise ValueError if a Gymnasium normaliser lies at, below or inside `env`."""
    found = layers(env)
    for layer in [*found, *(x for sub in getattr(found[-1], "envs", ()) for x in layers(sub))]:
        if isinstance(layer, _NORMALIZERS):
            raise ValueError(
                "`env` must not be normalised below RatingFeedbackWrapper, got "
                f"{type(layer).__name__}: stored segments would go stale as its statistics drift; "
                "put it above the rating wrappers"
            )


class RatingWrapper:
    """Marks the rating wrappers: those that record feedback, and those that pay for it.

    Attributes:
        features: What makes a vector of an observation; None where it is flattened.
    """

    features: Features | str | None


class RecordsFeedback(RatingWrapper):
    """Marks a wrapper that records what a reward model is fitted to: the feedback wrappers."""

    _feedback: Feedback


def feedback_below(env: Any) -> list[RecordsFeedback]:
    """Return the feedback wrapper at or below `env`; see `outermost`."""
    return outermost(env, RecordsFeedback)


def outermost(env: Any, kind: type[_Kind]) -> list[_Kind]:
    """Return the outermost wrapper of a kind at or below `env`.

    Of a vector environment without one, return those of its sub-environments.
    """
    found = layers(env)
    inside = [layers(sub_env) for sub_env in getattr(found[-1], "envs", ())]
    for stacks in ([found], inside):
        firsts = [next((x for x in stack if isinstance(x, kind)), None) for stack in stacks]
        if any(firsts):
            return [wrapper for wrapper in firsts if wrapper]
    return []


def refuse_transforms_between(env: Any) -> None:
    """Raise ValueError if observations or actions change between `env` and a feedback wrapper.

    Feedback wrappers of the sub-environments inside a vector environment count as well.
    """
    found = layers(env)
    for sub_env in ([], *(layers(sub) for sub in getattr(found[-1], "envs", ()))):
        _refuse_transforms_above_feedback([*found[:-1], *sub_env])


def _refuse_transforms_above_feedback(found: list[Any]) -> None:
    depth = next((i for i, layer in enumerate(found) if isinstance(layer, RecordsFeedback)), 0)
    for layer in found[:depth]:
        changes_spaces = (
            layer.observation_space != layer.env.observation_space
            or layer.action_space != layer.env.action_space
        )
        if changes_spaces or isinstance(layer, _TRANSFORMS):
            raise ValueError(
                "`env` must not transform observations or actions between LearnedRewardWrapper and "
                f"RatingFeedbackWrapper, got {type(layer).__name__}: the model was fitted to what "
                "the feedback wrapper saw; put it above LearnedRewardWrapper"
            )


def find_env_id(env: Any) -> str | None:
    """Return the id of the environment; a vector env made of functions names it only inside."""
    inside = getattr(layers(env)[-1], "envs", ())[:1] if isinstance(env, VectorEnv) else ()
    specs = (env.spec, *(sub_env.spec for sub_env in inside))
    return next((spec.id for spec in specs if spec is not None), None)


def layers(env: Any) -> list[Any]:
    """Return `env` and the environments it wraps, from the outside in, the innermost included."""
    found = [env]
    while isinstance(found[-1], gym.Wrapper | VectorWrapper):
        found.append(found[-1].env)
    return found
