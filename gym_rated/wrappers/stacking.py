"""Which wrappers may lie below and between the rating wrappers, and where these are."""

from typing import Any, TypeVar

import gymnasium as gym
from gymnasium import wrappers
from gymnasium.vector import (
    AsyncVectorEnv,
    VectorActionWrapper,
    VectorEnv,
    VectorObservationWrapper,
    VectorRewardWrapper,
    VectorWrapper,
)

from gym_rated.environments.vectors import attribute_of, is_like_vector_env
from gym_rated.segments.encoding import Features
from gym_rated.wrappers.feedback import Feedback
from gym_rated.wrappers.learned import Learned
from gym_rated.wrappers.trying import CannotTry, changed_by, everything_in, remembers_episodes

MARK = "gym_rated"
"""Key of the metadata under which an environment names its rating wrappers, the innermost first."""

_Kind = TypeVar("_Kind")
_NORMALIZERS = (
    wrappers.NormalizeObservation,
    wrappers.NormalizeReward,
    wrappers.vector.NormalizeObservation,
    wrappers.vector.NormalizeReward,
)
# of Gymnasium's wrappers, those that hand on observations, actions and steps as they are
_HARMLESS = (
    wrappers.Autoreset,
    wrappers.ClipReward,
    wrappers.HumanRendering,
    wrappers.NormalizeReward,
    wrappers.OrderEnforcing,
    wrappers.PassiveEnvChecker,
    wrappers.RecordEpisodeStatistics,
    wrappers.RecordVideo,
    wrappers.RenderCollection,
    wrappers.TimeLimit,
    wrappers.TransformReward,
    wrappers.vector.ClipReward,
    wrappers.vector.HumanRendering,
    wrappers.vector.NormalizeReward,
    wrappers.vector.RecordEpisodeStatistics,
    wrappers.vector.RecordVideo,
    wrappers.vector.TransformReward,
    wrappers.vector.VectorizeTransformReward,
)
_REWARDS = (
    gym.RewardWrapper,
    wrappers.NormalizeReward,
    VectorRewardWrapper,
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
    """Raise ValueError if something at, below or inside `env` normalises by running statistics.

    Of Gymnasium's wrappers that is known; those of others are tried.
    """
    for layer in everything_in(env):
        if isinstance(layer, _NORMALIZERS) or _drifts(layer) or _normalises_in_workers(layer):
            raise ValueError(
                "`env` must not be normalised below RatingFeedbackWrapper, got "
                f"{type(layer).__name__}: stored segments would go stale as its statistics drift; "
                "put it above the rating wrappers"
            )


def _normalises_in_workers(layer: Any) -> bool:
    """Say whether a process of its own has the running statistics that normalisers name so."""
    return isinstance(layer, AsyncVectorEnv) and any(
        any(layer.call("has_wrapper_attr", name)) for name in ("obs_rms", "return_rms", "ret_rms")
    )


def _drifts(layer: Any) -> bool:
    is_wrapper = isinstance(layer, gym.Wrapper | VectorWrapper)
    if not is_wrapper or type(layer).__module__.split(".")[0] in ("gymnasium", "gym_rated"):
        return False
    try:
        return remembers_episodes(layer)
    except CannotTry:  # it is a part of the task, and most are harmless
        return False


class RatingWrapper:
    """Marks the rating wrappers: those that record feedback, and those that pay for it.

    Attributes:
        features: What makes a vector of an observation; None where it is flattened.
    """

    features: Features | str | None
    metadata: dict[str, Any]

    def _mark(self) -> None:
        """Say in the metadata what this is: they come through vector environments and processes."""
        below = self.metadata.get(MARK, ())
        self.metadata = self.metadata | {MARK: (*below, type(self).__name__)}


class RecordsFeedback(RatingWrapper):
    """Marks a wrapper that records what a reward model is fitted to: the feedback wrappers."""

    _feedback: Feedback


class PaysLearned(RatingWrapper):
    """Marks a wrapper that pays what a reward function says: the learned wrappers."""

    _learned: Learned


def check_kind(wrapper: Any, env: Any) -> None:
    """Raise TypeError if `env` is not of the kind that `wrapper` goes around."""
    is_vector = isinstance(wrapper, VectorWrapper)
    is_like_vector = isinstance(env, VectorEnv) or is_like_vector_env(env)
    if is_like_vector and not isinstance(env, VectorEnv):
        wanted = "gymnasium.vector.VectorEnv" if is_vector else "single environment"
        raise TypeError(
            f"`env` must be a {wanted} for this {type(wrapper).__name__}, got {env!r}, which steps "
            f"{attribute_of(env, 'num_envs')} at once by another class; the wrappers of "
            "gym_rated.vector go around gym_rated.vector.as_vector_env(env)"
        )
    if is_like_vector != is_vector or not isinstance(env, VectorEnv if is_vector else gym.Env):
        wanted, other = "gymnasium.Env", "gym_rated.vector"
        if is_vector:
            wanted, other = "gymnasium.vector.VectorEnv", "gym_rated"
        raise TypeError(
            f"`env` must be a {wanted} for this {type(wrapper).__name__}, got {env!r}; the one in "
            f"`{other}` is for the other kind, and environments of another library go around a "
            "Gymnasium environment that has its rating wrappers already"
        )


def rating_wrappers_in(env: Any) -> list[str]:
    """Return the names of all rating wrappers at, below or inside `env`, also of other processes.

    Those that an environment holds in an attribute count, and so do those of each worker.
    """
    names = []
    for part in everything_in(env):
        metadata = part.get_attr("metadata") if isinstance(part, AsyncVectorEnv) else ()
        for each in (part.metadata, *metadata):
            names += each.get(MARK, ())
        names += [type(part).__name__] if isinstance(part, RatingWrapper) else []
    return names


def refuse_rating_wrappers(env: Any) -> None:
    """Raise ValueError if there are rating wrappers where a feedback wrapper is to record."""
    found = rating_wrappers_in(env)
    if found:
        raise ValueError(
            f"`env` must hold no rating wrapper where RatingFeedbackWrapper goes, got {found[0]}: "
            "the true reward does not come through it, only 0 or a learned one; put one "
            "RatingFeedbackWrapper around the environment itself, and one LearnedRewardWrapper "
            "around that"
        )


def refuse_learned_below(env: Any) -> None:
    """Raise ValueError if there is a learned wrapper where another one is to pay."""
    if "LearnedRewardWrapper" in rating_wrappers_in(env):
        raise ValueError(
            "`env` must hold no LearnedRewardWrapper where another one goes: what it pays would "
            "never be seen; keep one of the two"
        )


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
    """Raise ValueError if something changes between `env` and a feedback wrapper.

    Feedback wrappers of the sub-environments inside a vector environment count as well.
    """
    for layer in _between(env):
        reason = _reason_against(layer)
        if reason:
            raise ValueError(
                "`env` must not transform observations or actions between LearnedRewardWrapper and "
                f"RatingFeedbackWrapper, got {type(layer).__name__}: {reason}, and the model was "
                "fitted to what the feedback wrapper saw; put it above LearnedRewardWrapper"
            )


def untried_between(env: Any) -> list[str]:
    """Return the names of the wrappers between `env` and feedback wrappers that cannot be tried."""
    return sorted({type(layer).__name__ for layer in _between(env) if not _can_try(layer)})


def _can_try(layer: Any) -> bool:
    try:
        changes_of(layer)
    except CannotTry:
        return False
    return True


def _between(env: Any) -> list[Any]:
    """Return the layers between `env` and a feedback wrapper, in sub-environments as well."""
    found = layers(env)
    between = []
    for sub_env in ([], *(layers(sub) for sub in getattr(found[-1], "envs", ()))):
        stack = [*found[:-1], *sub_env]
        depth = next((i for i, layer in enumerate(stack) if isinstance(layer, RecordsFeedback)), 0)
        between += [layer for layer in stack[:depth] if layer not in between]
    return between


def _reason_against(layer: Any) -> str | None:
    """Say what speaks against a wrapper between the two; None if nothing is known to."""
    changes_spaces = (
        layer.observation_space != layer.env.observation_space
        or layer.action_space != layer.env.action_space
    )
    if changes_spaces or isinstance(layer, _TRANSFORMS):
        return "it changes observations or actions"
    try:
        changed = changes_of(layer) - {"rewards"}  # which are 0, and learned above
    except CannotTry:  # it is watched instead, at every step
        return None
    return f"it changes {', '.join(sorted(changed))}" if changed else None


def changes_of(layer: Any) -> frozenset[str]:
    """Return what a wrapper changes: known of Gymnasium's harmless ones, of others as tried.

    Raises:
        CannotTry: If it cannot be found out.
    """
    if type(layer) in _HARMLESS:
        return frozenset({"rewards"} if isinstance(layer, _REWARDS) else ())
    return changed_by(layer)


def find_env_id(env: Any) -> str | None:
    """Return the id of the environment; a vector env made of functions names it only inside."""
    inside = getattr(layers(env)[-1], "envs", ())[:1] if isinstance(env, VectorEnv) else ()
    specs = (env.spec, *(sub_env.spec for sub_env in inside))
    ids = (getattr(spec, "id", None) for spec in specs)  # EnvPool's specs are of its own
    return next((env_id for env_id in ids if env_id is not None), None)


def layers(env: Any) -> list[Any]:
    """Return `env` and the environments it wraps, from the outside in, the innermost included."""
    found = [env]
    while isinstance(found[-1], gym.Wrapper | VectorWrapper):
        found.append(found[-1].env)
    return found
