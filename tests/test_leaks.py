"""Nothing leaks: above the rating wrappers there is no true reward and no info of the environment.

`env.unwrapped` and `env.env` are plain Python and cannot be sealed inside one process.
"""

import contextlib
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import MODES, KeepingRater, ScriptedEnv
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from leaks import Secrets, Spy, leaks_of_file, leaks_of_single, leaks_of_vector

from gym_rated import ratings
from gym_rated.wrappers import hiding, single, vector

with warnings.catch_warnings(), contextlib.suppress(ImportError):
    warnings.simplefilter("ignore")  # its import crashes where SWIG's DeprecationWarning is raised
    import Box2D  # noqa: F401

pytestmark = pytest.mark.filterwarnings("ignore:round", "ignore:a query for", "ignore:.*out of da")

FAMILIES = ("classic_control", "toy_text", "mujoco", "box2d")
STACKS = ("feedback", "learned", "both")


def family(spec: Any) -> str:
    return str(spec.entry_point).removeprefix("gymnasium.envs.").split(".")[0].split(":")[0]


ENV_IDS = sorted(
    env_id
    for env_id, spec in gym.registry.items()
    if family(spec) in FAMILIES and (family(spec) != "mujoco" or env_id.endswith("-v5"))
)


def reward_fn(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return np.tanh(obs).sum(1) * 0.5 + actions.sum(1)


def shrink(obs: np.ndarray) -> np.ndarray:
    """Features of an image."""
    return np.asarray(obs, np.float32)[::32, ::32].ravel() / 255


def wrap(env: Any, stack: str, **options: Any) -> Any:
    """Put a feedback wrapper, a learned one or both around a single or a vector environment."""
    module: Any = vector if isinstance(env, gym.vector.VectorEnv) else single
    if stack in ("feedback", "both"):
        env = module.RatingFeedbackWrapper(
            env, KeepingRater(), segment_length=2, schedule={6: 3}, **options
        )
    if stack in ("learned", "both"):
        env = module.LearnedRewardWrapper(env, reward_fn, **options)
    return env


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_no_environment_leaks(env_id: str) -> None:
    secrets = Secrets()
    try:
        made = [Spy(gym.make(env_id, max_episode_steps=4), secrets) for _ in range(2)]
    except gym.error.DependencyNotInstalled as error:
        pytest.skip(str(error))
    is_image = len(made[0].observation_space.shape or ()) == 3
    options = {"features": shrink} if is_image else {}
    num_steps = 6 if is_image else 12
    for stack in STACKS:
        statistics = gym.wrappers.RecordEpisodeStatistics(made[0])
        assert leaks_of_single(wrap(statistics, stack, **options), secrets, num_steps) == []
        for mode in MODES:
            bare = SyncVectorEnv([lambda i=i: made[i] for i in range(2)], autoreset_mode=mode)
            bare = gym.wrappers.vector.RecordEpisodeStatistics(bare)
            envs = wrap(bare, stack, **options)
            assert leaks_of_vector(envs, secrets, num_steps) == []
    assert len(secrets.numbers - secrets.shown) > 100
    for env in made:
        env.close()


def toy(secrets: Secrets, index: int = 0) -> Spy:
    return Spy(ScriptedEnv([(3, "terminated"), (4, "truncated")], index), secrets)


def toy_leaks(stack: str, mode: AutoresetMode | None) -> list[str]:
    """Leaks of a toy environment: single where `mode` is None."""
    secrets = Secrets()
    if mode is None:
        return leaks_of_single(wrap(toy(secrets), stack), secrets)
    bare = SyncVectorEnv([lambda i=i: toy(secrets, i) for i in range(2)], autoreset_mode=mode)
    return leaks_of_vector(wrap(bare, stack), secrets)


everywhere = pytest.mark.parametrize("mode", [None, *MODES])
every_stack = pytest.mark.parametrize("stack", STACKS)


@everywhere
@every_stack
def test_the_toy_environment_does_not_leak(stack: str, mode: Any) -> None:
    assert toy_leaks(stack, mode) == []


def test_saved_ratings_do_not_leak(tmp_path: Path) -> None:
    secrets = Secrets()
    env = wrap(toy(secrets), "feedback")
    assert leaks_of_single(env, secrets) == []
    env.ratings.save(tmp_path / "ratings.npz")
    assert len(env.ratings) == 3
    assert leaks_of_file(tmp_path / "ratings.npz", secrets) == []


# -- the detector works: each defence, taken out, sets it off --


@everywhere
@every_stack
def test_without_hidden_infos_the_detector_fires(
    monkeypatch: pytest.MonkeyPatch, stack: str, mode: Any
) -> None:
    for module in (single, vector):
        monkeypatch.setattr(module, "hide_info", lambda info, allow=(): info)
    found = toy_leaks(stack, mode)
    assert any(leak.startswith("reset info['secret']") for leak in found)
    assert any(leak.startswith("step info['planted']") for leak in found)


@every_stack
def test_with_final_info_passed_whole_the_detector_fires(
    monkeypatch: pytest.MonkeyPatch, stack: str
) -> None:
    def shallow(info: Any, allow: Any = ()) -> Any:
        return hiding.hide_info(info, {*allow, "final_info"})

    monkeypatch.setattr(vector, "hide_info", shallow)
    found = toy_leaks(stack, AutoresetMode.SAME_STEP)
    assert found
    assert all(leak.startswith("step info['final_info']") for leak in found)


@everywhere
@every_stack
def test_with_the_true_reward_passed_on_the_detector_fires(
    monkeypatch: pytest.MonkeyPatch, stack: str, mode: Any
) -> None:
    module: Any = single if mode is None else vector
    for kind in (module.RatingFeedbackWrapper, module.LearnedRewardWrapper):

        def step(self: Any, actions: Any, step: Any = kind.step) -> Any:
            obs, _, *rest = step(self, actions)
            if mode is None:
                return obs, self.get_spy().last_reward, *rest
            return obs, np.array([env.last_reward for env in self.unwrapped.envs]), *rest

        monkeypatch.setattr(kind, "step", step)
        monkeypatch.setattr(kind, "get_spy", find_spy, raising=False)
    found = toy_leaks(stack, mode)
    assert found
    assert all(leak.startswith("step[0]") for leak in found)


def find_spy(env: Any) -> Spy:
    while not isinstance(env, Spy):
        env = env.env
    return env


@every_stack
def test_with_unsealed_attributes_the_detector_fires(
    monkeypatch: pytest.MonkeyPatch, stack: str
) -> None:
    monkeypatch.delattr(hiding.SealedAttributes, "get_wrapper_attr")
    assert any("get_wrapper_attr last_reward" in leak for leak in toy_leaks(stack, None))
    monkeypatch.delattr(hiding.SealedAttributes, "has_wrapper_attr")
    assert any("has_wrapper_attr last_reward" in leak for leak in toy_leaks(stack, None))


@every_stack
@pytest.mark.parametrize("mode", MODES)
def test_with_unsealed_calls_the_detector_fires(
    monkeypatch: pytest.MonkeyPatch, stack: str, mode: Any
) -> None:
    monkeypatch.setattr(hiding, "_refuse_sealed", lambda wrapper, name, visible: None)
    found = toy_leaks(stack, mode)
    for access in ("call", "get_attr"):
        assert any(leak.startswith(f"{access} last_reward") for leak in found)


def test_with_true_rewards_in_the_dataset_the_detector_fires(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add, meta = ratings.RatingDataset.add, ratings.RatingDataset._meta

    def keep(self: Any, segments: Any) -> None:
        self.true = [s.true_rewards.tolist() for s in segments]
        add(self, segments)

    monkeypatch.setattr(ratings.RatingDataset, "add", keep)
    monkeypatch.setattr(
        ratings.RatingDataset, "_meta", lambda self: meta(self) | {"true": self.true}
    )
    secrets = Secrets()
    env = wrap(toy(secrets), "feedback")
    assert any(leak.startswith("ratings.true") for leak in leaks_of_single(env, secrets))
    env.ratings.save(tmp_path / "ratings.npz")
    assert leaks_of_file(tmp_path / "ratings.npz", secrets)


def test_the_detector_finds_a_secret_anywhere() -> None:
    secrets = Secrets()
    number = secrets.plant(1.0)

    class Slotted:
        __slots__ = ("inside",)

        def __init__(self) -> None:
            self.inside = [number]

    for place in (
        number,
        np.float32(number),
        np.array([0, number], np.float32),
        {"a": ({"b": [number]},)},
        {number: 1},
        np.array([None, {"x": number}], dtype=object),
        f"the reward was {number}",
        Slotted(),
    ):
        assert list(secrets.found_in(place)), place
    assert not list(secrets.found_in([0.0, 1.0, "700000", None, number + 1]))
    secrets.show(np.array([number]))
    assert not list(secrets.found_in(number))
