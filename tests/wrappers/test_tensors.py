"""Vector environments that return tensors: what goes in as tensors comes out as tensors."""

from collections import Counter
from copy import deepcopy
from importlib.util import find_spec
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from envs import MODES, KeepingRater, scripted_vector
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from torch.overrides import TorchFunctionMode

from gym_rated import ConvRewardEnsemble, RewardEnsemble
from gym_rated import vector as rated_vector
from gym_rated.environments.finite import FiniteSteps

SCRIPTS = [[(3, "terminated"), (5, "truncated")], [(4, "truncated"), (1, "both")]]


class Tensors(VectorWrapper):
    """Returns tensors of a few types, and takes actions as tensors only."""

    def __init__(self, env: Any, reward_type: torch.dtype = torch.float64) -> None:
        super().__init__(env)
        self.reward_type = reward_type

    def reset(self, **kwargs: Any) -> Any:
        if mask := (kwargs.get("options") or {}).get("reset_mask") is not None:
            kwargs["options"] = {"reset_mask": np.asarray(kwargs["options"]["reset_mask"])}
        assert mask in (True, False)
        obs, info = self.env.reset(**kwargs)
        return tensors(obs), info

    def step(self, actions: Any) -> Any:
        assert isinstance(actions, torch.Tensor)
        obs, rewards, terminated, truncated, info = self.env.step(actions.numpy())
        rewards = torch.tensor(rewards).to(self.reward_type)
        return tensors(obs), rewards, torch.tensor(terminated), torch.tensor(truncated), info


def tensors(obs: Any) -> Any:
    if isinstance(obs, dict):
        return {key: tensors(part) for key, part in obs.items()}
    return torch.tensor(obs)


class Steady(VectorEnv):
    """Returns the same tensors at every step, unless told otherwise."""

    def __init__(self, obs_space: gym.Space, action_space: gym.Space, num_envs: int = 2) -> None:
        self.num_envs = num_envs
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.single_observation_space, self.single_action_space = obs_space, action_space
        self.observation_space = batch_space(obs_space, num_envs)
        self.action_space = batch_space(action_space, num_envs)
        self.observation_space.seed(0)
        self.obs = tensors(self.observation_space.sample())
        self.result = torch.zeros(num_envs), *(torch.zeros(num_envs, dtype=bool),) * 2

    def reset(self, **kwargs: Any) -> Any:
        return self.obs, {}

    def step(self, actions: Any) -> Any:
        return self.obs, *self.result, {}


class Counted(TorchFunctionMode):
    """Counts what brings numbers of tensors to the host."""

    NAMES = ("cpu", "numpy", "tolist", "__array__")

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in self.NAMES:
            self.calls[name] += 1
        return func(*args, **(kwargs or {}))


def model_for(envs: Any, kind: Any = RewardEnsemble) -> Any:
    model = kind.for_spaces(envs.single_observation_space, envs.single_action_space, seed=3)
    model.set_scale(0.5, offset=0.1)
    return model


def of_arrays(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    assert type(obs) is np.ndarray
    assert type(actions) is np.ndarray
    return 10 * obs[:, 1] + obs[:, 2] + actions.sum(1)


def stack(envs: Any, reward_fn: Any) -> tuple[Any, Any]:
    feedback = rated_vector.RatingFeedbackWrapper(envs, KeepingRater(), segment_length=2)
    return feedback, rated_vector.LearnedRewardWrapper(feedback, reward_fn)


@pytest.mark.parametrize("is_model", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_tensors_are_rewarded_and_rated_as_arrays_are(mode: Any, is_model: bool) -> None:
    bare = scripted_vector(SCRIPTS, mode)
    reward_fn = model_for(bare).predict if is_model else of_arrays
    feedback, envs = stack(bare, reward_fn)
    feedback_of_tensors, on_tensors = stack(Tensors(scripted_vector(SCRIPTS, mode)), reward_fn)
    np.testing.assert_array_equal(on_tensors.reset()[0], envs.reset()[0])
    rng = np.random.default_rng(0)
    for _ in range(30):
        actions = 2 * rng.normal(size=(2, 2)).astype(np.float32)  # some are clipped
        expected = envs.step(actions)
        got = on_tensors.step(torch.tensor(actions))
        assert all(isinstance(x, torch.Tensor) for x in got[:4])
        assert got[1].dtype == torch.float64
        assert got[2].dtype == got[3].dtype == torch.bool
        for x, y in zip(got[:4], expected[:4], strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)
        done = expected[2] | expected[3]
        if mode == AutoresetMode.DISABLED and done.any():
            envs.reset(options={"reset_mask": done.copy()})
            on_tensors.reset(options={"reset_mask": torch.tensor(done)})
    assert feedback.query(50) == feedback_of_tensors.query(50) > 10
    rated = feedback.ratings.segments(), feedback_of_tensors.ratings.segments()
    for x, y in zip(*rated, strict=True):
        np.testing.assert_equal(vars(x), vars(y))


def test_a_learned_reward_of_tensors_stays_where_they_are() -> None:
    box = spaces.Box(-1, 1, (3,), np.float32)
    envs = Steady(box, box)
    envs = rated_vector.LearnedRewardWrapper(envs, model_for(envs).predict)
    envs.reset()
    with Counted() as counted:
        rewards = envs.step(torch.zeros(2, 3))[1]
    assert isinstance(rewards, torch.Tensor)
    assert not rewards.requires_grad
    assert counted.calls == {}


def test_what_is_rated_is_copied_to_the_host_once() -> None:
    box = spaces.Box(-1, 1, (3,), np.float32)
    envs = Steady(box, box)
    _, envs = stack(envs, model_for(envs).predict)
    envs.reset()
    with Counted() as counted:
        envs.step(torch.zeros(2, 3))
    # actions, rewards, terminated, truncated, observations
    assert counted.calls == {"cpu": 5, "numpy": 5}


SPACES: dict[str, gym.Space] = {
    "float64": spaces.Box(-9, 9, (2, 2), np.float64),
    "uint8": spaces.Box(0, 255, (3,), np.uint8),
    "discrete": spaces.Discrete(3, start=-1),
    "multi-discrete": spaces.MultiDiscrete([2, 3], start=[1, -1]),
    "binary": spaces.MultiBinary(3),
}


@pytest.mark.parametrize("action_space", ["float64", "discrete", "multi-discrete", "binary"])
@pytest.mark.parametrize("obs_space", [*SPACES, "dict"])
def test_tensors_become_the_same_vectors_as_arrays(obs_space: str, action_space: str) -> None:
    seen: list[Any] = []

    def looks(obs: Any, actions: Any) -> Any:
        seen.append((obs, actions))
        return obs[:, 0] * 0

    parts: Any = {name: SPACES[name] for name in ("discrete", "float64", "binary")}
    space = spaces.Dict(parts) if obs_space == "dict" else SPACES[obs_space]
    for reward_fn in (looks, rated_vector.takes_tensors(lambda o, a: looks(o, a))):
        envs = rated_vector.LearnedRewardWrapper(Steady(space, SPACES[action_space]), reward_fn)
        envs.reset()
        envs.action_space.seed(1)
        envs.step(torch.tensor(envs.action_space.sample()))
    (obs, actions), (obs_there, actions_there) = seen
    assert type(obs) is type(actions) is np.ndarray
    assert obs_there.dtype == actions_there.dtype == torch.float32
    np.testing.assert_array_equal(obs_there, obs)
    np.testing.assert_array_equal(actions_there, actions)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("takes", [True, False])
def test_numbers_that_are_not_finite_are_refused(takes: bool, bad: float) -> None:
    box = spaces.Box(-1, 1, (3,), np.float32)

    def pays(obs: Any, actions: Any) -> Any:
        return obs[:, 0]

    steady = Steady(box, box)
    envs = rated_vector.LearnedRewardWrapper(
        steady, rated_vector.takes_tensors(pays) if takes else pays
    )
    envs.reset()
    with pytest.raises(ValueError, match="`actions` must be finite"):
        envs.step(torch.full((2, 3), bad))
    envs.reset()
    steady.obs = steady.obs.clone()
    steady.obs[1, 2] = bad
    with pytest.raises(ValueError, match=r"`obs` must be finite.* \(environment 1\)"):
        envs.step(torch.zeros(2, 3))


def test_a_discrete_number_out_of_range_is_refused() -> None:
    envs = Steady(spaces.Discrete(3), spaces.Discrete(2))
    envs = rated_vector.LearnedRewardWrapper(envs, model_for(envs).predict)
    envs.reset()
    with pytest.raises(ValueError, match="`actions` must lie in Discrete"):
        envs.step(torch.tensor([0, 2]))


@pytest.mark.parametrize(
    ("returned", "error", "text"),
    [
        (torch.zeros(3), ValueError, r"must return shape \(2,\) for 2 steps, got \(3,\)"),
        (np.zeros(2), TypeError, "must return a tensor of numbers for tensors"),
        (torch.tensor([0, np.nan]), ValueError, "must return rewards that are finite"),
    ],
)
def test_what_a_function_of_tensors_returns_is_checked(
    returned: Any, error: Any, text: str
) -> None:
    box = spaces.Box(-1, 1, (3,), np.float32)
    reward_fn = rated_vector.takes_tensors(lambda obs, actions: returned)
    envs = rated_vector.LearnedRewardWrapper(Steady(box, box), reward_fn)
    envs.reset()
    with pytest.raises(error, match=text):
        envs.step(torch.zeros(2, 3))


@pytest.mark.parametrize(
    ("given", "paid"),
    [
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.int64, torch.float32),
    ],
)
@pytest.mark.parametrize("takes", [True, False])
def test_rewards_keep_their_type_and_learned_ones_are_float(
    given: Any, paid: Any, takes: bool
) -> None:
    envs = Tensors(scripted_vector(SCRIPTS), given)
    feedback, learned = stack(envs, model_for(envs).predict if takes else of_arrays)
    learned.reset()
    rewards = learned.step(torch.ones(2, 2))[1]
    assert rewards.dtype == paid
    assert rewards.any()
    feedback.reset()
    hidden = feedback.step(torch.ones(2, 2))[1]
    assert hidden.dtype == given
    assert not hidden.any()


def test_flags_and_rewards_in_columns_or_as_whole_numbers_are_taken() -> None:
    box = spaces.Box(-1, 1, (3,), np.float32)
    steady = Steady(box, box)
    steady.result = torch.ones(2, 1), torch.tensor([0, 1]), torch.zeros(2, 1, dtype=torch.bool)
    envs = rated_vector.RatingFeedbackWrapper(steady, KeepingRater())
    envs.reset()
    _, rewards, terminated, truncated, _ = envs.step(torch.zeros(2, 3))
    assert rewards.tolist() == [0.0, 0.0]
    assert terminated.tolist() == [False, True]
    assert truncated.tolist() == [False, False]


def test_a_reset_row_is_paid_nothing_whatever_the_function_says() -> None:
    envs: Any = Tensors(scripted_vector([[(2, "terminated")]]))
    ones = rated_vector.takes_tensors(lambda obs, actions: torch.ones(len(obs)))
    envs = rated_vector.LearnedRewardWrapper(envs, ones)
    envs.reset()
    rewards = [envs.step(torch.zeros(1, 2))[1].item() for _ in range(6)]
    assert rewards == [1.0, 1.0, 0.0, 1.0, 1.0, 0.0]  # every third step is the reset


@pytest.mark.skipif(find_spec("array_api_compat") is None, reason="NumpyToTorch needs it")
def test_a_wrapper_of_gymnasium_that_makes_tensors_is_served() -> None:
    from gymnasium.wrappers.vector import NumpyToTorch

    envs: Any = NumpyToTorch(gym.make_vec("Pendulum-v1", num_envs=3, vectorization_mode="sync"))
    _, envs = stack(envs, model_for(envs).predict)
    obs = envs.reset(seed=0)[0]
    for _ in range(5):
        obs, rewards, *_ = envs.step(torch.zeros(3, 1))
    assert isinstance(obs, torch.Tensor)
    assert isinstance(rewards, torch.Tensor)
    assert rewards.unique().numel() == 3


def test_an_environment_may_use_its_tensors_again() -> None:
    box = spaces.Box(-1, 1, (1,), np.float32)
    steady = Steady(box, box)
    steady.obs = torch.tensor([[0.25], [0.5]])
    state = rated_vector.takes_tensors(lambda obs, actions: obs[:, 0])
    feedback, envs = stack(steady, state)
    envs.reset()
    actions = torch.zeros(2, 1)
    steady.step = lambda _: (steady.obs.fill_(1.0), *steady.result, {})  # type: ignore[assignment]
    assert envs.step(actions)[1].tolist() == [0.25, 0.5]  # of before the step
    assert envs.step(actions)[1].tolist() == [1.0, 1.0]
    feedback.query(2)
    first = sorted(segment.obs[0, 0].item() for segment in feedback.ratings.segments())
    assert first == [0.25, 0.5]


def test_features_get_arrays() -> None:
    kinds = set()

    def features(obs: Any) -> Any:
        kinds.add(type(obs))
        return obs[:2]

    envs: Any = Tensors(scripted_vector(SCRIPTS))
    feedback = rated_vector.RatingFeedbackWrapper(envs, KeepingRater(), features=features)
    envs = rated_vector.LearnedRewardWrapper(feedback, RewardEnsemble(2, 2).predict)
    envs.reset()
    assert isinstance(envs.step(torch.zeros(2, 2))[1], torch.Tensor)
    assert kinds == {np.ndarray}


def test_images_are_rewarded_where_they_are() -> None:
    envs = Steady(spaces.Box(0, 255, (12, 12, 3), np.uint8), spaces.Discrete(2))
    model = model_for(envs, ConvRewardEnsemble)
    envs = rated_vector.LearnedRewardWrapper(envs, model.predict, features="pixels")
    envs.reset()
    with Counted() as counted:
        rewards = envs.step(torch.tensor([0, 1]))[1]
    assert counted.calls == {}
    pixels, actions = envs.env.obs.numpy().reshape(2, -1), np.eye(2, dtype=np.float32)
    np.testing.assert_allclose(rewards, model.predict(pixels, actions), rtol=1e-5)


def test_a_model_without_a_fit_pays_tensors_of_zeros() -> None:
    rewards = RewardEnsemble(2, 1).predict(torch.ones(4, 2), torch.ones(4, 1))  # type: ignore[arg-type]
    assert isinstance(rewards, torch.Tensor)
    assert rewards.tolist() == [0.0] * 4


def test_a_subclass_that_predicts_in_its_own_way_gets_arrays() -> None:
    class Doubled(RewardEnsemble):
        def predict(self, obs: Any, actions: Any) -> Any:
            return 2 * super().predict(obs, actions)

    envs: Any = Tensors(scripted_vector(SCRIPTS))
    model = model_for(envs, Doubled)
    rewards = []
    for reward_fn in (model.predict, super(Doubled, model).predict):
        learned = rated_vector.LearnedRewardWrapper(Tensors(scripted_vector(SCRIPTS)), reward_fn)
        learned.reset()
        rewards.append(learned.step(torch.ones(2, 2))[1])
    torch.testing.assert_close(rewards[0], 2 * rewards[1])


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_a_saved_state_goes_on_with_tensors(mode: Any) -> None:
    def made() -> Any:
        envs = Tensors(scripted_vector(SCRIPTS, mode))
        return stack(envs, model_for(envs).predict)[1]

    envs, again = made(), made()
    for each in (envs, again):
        each.reset()
        for _ in range(3):  # then the next row of the first is a reset
            expected = each.step(torch.ones(2, 2))
    again.load_state_dict(envs.state_dict())
    assert type(envs.state_dict()["obs"]) is np.ndarray
    for _ in range(3):
        expected, got = envs.step(torch.ones(2, 2)), again.step(torch.ones(2, 2))
        torch.testing.assert_close(got[1], expected[1], rtol=0, atol=0)


def test_a_copy_goes_on_with_tensors() -> None:
    envs = rated_vector.LearnedRewardWrapper(
        Steady(spaces.Discrete(3, start=1), spaces.Discrete(2)),
        rated_vector.takes_tensors(lambda obs, actions: obs[:, 1] + 2 * actions[:, 0]),
    )
    envs.env.obs = torch.tensor([2, 3])
    for each in (envs, deepcopy(envs)):
        each.reset()
        assert each.step(torch.tensor([0, 1]))[1].tolist() == [3.0, 0.0]


@pytest.mark.parametrize("bad", [np.nan, 1e30])
def test_finite_steps_look_at_tensors_too(bad: float) -> None:
    box = spaces.Box(-np.inf, np.inf, (3,), np.float32)
    steady = Steady(box, box)
    steady.obs = torch.ones(2, 3)
    envs = FiniteSteps(steady)
    envs.reset()
    envs.step(torch.zeros(2, 3))
    steady.obs[1, 2] = bad
    with pytest.raises(ValueError, match=r"`obs` must be finite.* at index \[2\] of environment 1"):
        envs.step(torch.zeros(2, 3))
    steady.obs, steady.result = torch.ones(2, 3), (torch.tensor([0, bad]), *steady.result[1:])
    with pytest.raises(ValueError, match=r"`reward` must be finite.* from environment 1"):
        envs.step(torch.zeros(2, 3))
