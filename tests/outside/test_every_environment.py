"""What the checkers of three projects say of every environment, bare and rated."""

import os
import warnings
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from rated_make import QuietRater, features_for, reward_fn
from stable_baselines3.common.env_checker import check_env as sb3_check
from tally import Tally
from torchrl.envs import GymWrapper, check_env_specs

import gym_rated

NEED_JAX = ("phys2d", "tabular")
pytestmark = pytest.mark.outside
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # CarRacing opens a window


def env_ids() -> list[str]:
    """Return the newest version of every environment that Gymnasium and dm_control bring."""
    newest: dict[str, gym.envs.registration.EnvSpec] = {}
    for spec in gym.registry.values():
        known = "gymnasium.envs." in str(spec.entry_point) or spec.namespace == "gym_rated"
        if known and spec.name != "Rated":
            name = f"{spec.namespace}/{spec.name}"
            newest[name] = max(newest.get(name, spec), spec, key=lambda s: s.version or 0)
    return sorted(spec.id for spec in newest.values() if spec.namespace not in NEED_JAX)


def rated(env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
    """Wrap an environment in both wrappers."""
    features = features_for(env.observation_space)
    env = gym_rated.RatingFeedbackWrapper(env, QuietRater(), features=features)
    return gym_rated.LearnedRewardWrapper(env, reward_fn)


def by_gymnasium(env: gym.Env[Any, Any]) -> None:
    """Let Gymnasium check an environment."""
    gymnasium_check(env, skip_render_check=True, skip_close_check=True)


def by_sb3(env: gym.Env[Any, Any]) -> None:
    """Let Stable-Baselines3 check an environment."""
    sb3_check(env, skip_render_check=True)


def by_torchrl(env: gym.Env[Any, Any]) -> None:
    """Let TorchRL check an environment."""
    check_env_specs(GymWrapper(env), seed=0)


def remarks(check: Callable[[Any], None], env: gym.Env[Any, Any]) -> list[str]:
    """Return what a checker warns of, or its error."""
    np.random.seed(0)  # noqa: NPY002  # some checkers draw from it
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            check(env)
        except Exception as error:
            return [f"{type(error).__name__}: {error}"]
    return sorted({str(warning.message) for warning in caught if "unwrapped" not in str(warning)})


# Box2D crashes where the warning of its own import is an error
@pytest.mark.filterwarnings("ignore:builtin type")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("check", [by_gymnasium, by_sb3, by_torchrl])
def test_a_checker_says_no_more_of_a_rated_environment(
    check: Callable[[Any], None], tally: Tally
) -> None:
    for env_id in env_ids():
        bare = remarks(check, gym.make(env_id, disable_env_checker=True))
        ours = remarks(check, rated(gym.make(env_id, disable_env_checker=True)))
        more = [line for line in ours if line not in bare]
        kind = f"{check.__name__.removeprefix('by_')}: checker, {len(env_ids())} environments"
        tally.record(kind, "lost" if more else "kept", f"{env_id}: {more}")
    assert not tally.lost
