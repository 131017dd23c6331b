"""Policies read from a file act as they did in training."""

from types import SimpleNamespace

import numpy as np
import ppo
import ppo_continuous_action
import pytest
import sac_continuous_action
import safetensors.numpy
import torch
from gymnasium import spaces
from safetensors.torch import save_file

from gym_rated.agents.policy import Policy

FIRST = [0, 5, -1, 0]
BOX = spaces.Box(-2.0, 2.0, (2,), np.float32)
MOMENTS = {
    "obs_mean": torch.tensor([0.5, 0.0, -1.0], dtype=torch.float64),
    "obs_var": torch.tensor([4.0, 1.0, 0.25], dtype=torch.float64),
}
OBS = np.array([1.5, 0.5, -1.5])
NORMALISED = torch.tensor([[0.5, 0.5, -1.0]])


def envs(action_space):
    space = spaces.Box(-np.inf, np.inf, (3,))
    return SimpleNamespace(single_observation_space=space, single_action_space=action_space)


def saved(tmp_path, agent, moments=MOMENTS):
    with torch.no_grad():
        for parameter in agent.parameters():  # last layers begin at zero: everything shall count
            parameter += 0.3 * torch.randn_like(parameter)
    save_file(agent.state_dict() | moments, tmp_path / "policy.safetensors")
    return Policy.load(tmp_path)


def test_a_gaussian_policy_takes_its_mean_or_draws_around_it(tmp_path):
    torch.manual_seed(0)
    agent = ppo_continuous_action.Agent(envs(BOX))
    policy = saved(tmp_path, agent)
    mean = agent.actor_mean(NORMALISED).detach().numpy()[0]
    assert policy.kind == "gaussian"
    assert policy.act(OBS, BOX) == pytest.approx(mean.clip(-2, 2), abs=1e-5)
    wide = spaces.Box(-100, 100, (2,), np.float32)
    rng = np.random.default_rng(0)
    draws = np.array([policy.act(OBS, wide, rng) for _ in range(4_000)])
    std = agent.actor_logstd.exp().detach().numpy()[0]
    assert draws.mean(0) == pytest.approx(mean, abs=0.1)
    assert draws.std(0) == pytest.approx(std, rel=0.05)


def test_far_observations_are_clipped_as_in_training(tmp_path):
    torch.manual_seed(1)
    agent = ppo_continuous_action.Agent(envs(BOX))
    policy = saved(tmp_path, agent)
    mean = agent.actor_mean(torch.tensor([[10.0, 0.0, 0.0]])).detach().numpy()[0]
    far = np.array([1e6, 0.0, -1.0])
    assert policy.act(far, BOX) == pytest.approx(mean.clip(-2, 2), abs=1e-5)


def test_a_categorical_policy_takes_the_likeliest_or_draws(tmp_path):
    torch.manual_seed(2)
    space = spaces.Discrete(3, start=5)
    agent = ppo.Agent(envs(space))
    policy = saved(tmp_path, agent)
    probabilities = agent.actor(NORMALISED).softmax(-1).detach().numpy()[0]
    assert policy.act(OBS, space) == 5 + probabilities.argmax()
    rng = np.random.default_rng(0)
    draws = [policy.act(OBS, space, rng) - 5 for _ in range(4_000)]
    assert np.bincount(draws, minlength=3) / 4_000 == pytest.approx(probabilities, abs=0.03)


@pytest.mark.parametrize(
    ("space", "sizes", "first"),
    [
        (
            spaces.MultiDiscrete([[2, 3], [4, 2]], start=[[0, 5], [-1, 0]]),
            [2, 3, 4, 2],
            [0, 5, -1, 0],
        ),
        (spaces.MultiBinary(3), [2, 2, 2], [0, 0, 0]),
    ],
)
def test_a_policy_of_several_choices_takes_the_likeliest_of_each(tmp_path, space, sizes, first):
    torch.manual_seed(4)
    agent = ppo.Agent(envs(space))
    policy = saved(tmp_path, agent)
    parts = agent.actor(NORMALISED)[0].split(sizes)
    wanted = [start + int(part.argmax()) for part, start in zip(parts, first, strict=True)]
    action = policy.act(OBS, space)
    assert space.contains(action)
    assert action.ravel().tolist() == wanted
    rng = np.random.default_rng(0)
    draws = [int(policy.act(OBS, space, rng).flat[-1]) - first[-1] for _ in range(2_000)]
    chance = parts[-1].softmax(-1).detach().numpy()
    assert np.bincount(draws, minlength=2) / 2_000 == pytest.approx(chance, abs=0.04)


def test_a_squashed_policy_sees_raw_observations_and_stays_in_bounds(tmp_path):
    torch.manual_seed(3)
    space = spaces.Box(np.float32([-1, 0]), np.float32([3, 1]))
    agent = torch.nn.ModuleDict({"actor": sac_continuous_action.Actor(3, space, 16)})
    policy = saved(tmp_path, agent, moments={})
    actor = agent["actor"]
    mean, log_std = actor(torch.tensor(OBS[None], dtype=torch.float32))
    wanted = (torch.tanh(mean) * actor.action_scale + actor.action_bias).detach().numpy()[0]
    assert policy.kind == "squashed"
    assert policy.act(OBS, space) == pytest.approx(wanted, abs=1e-5)
    rng = np.random.default_rng(0)
    draws = np.array([policy.act(OBS, space, rng) for _ in range(4_000)])
    assert all(space.contains(draw) for draw in draws)
    unsquashed = np.arctanh((draws - [1, 0.5]) / [2, 0.5])
    assert np.isfinite(unsquashed).all()
    assert unsquashed.std(0) == pytest.approx(log_std.exp().detach().numpy()[0], rel=0.05)


@pytest.mark.parametrize("shape", [(9, 12), (8, 8, 1), (7, 5, 6)])
def test_a_policy_of_images_acts_as_in_training(tmp_path, shape):
    torch.manual_seed(5)
    seen = spaces.Box(0, 255, shape, np.uint8)
    agents = {
        ppo.Agent: spaces.Discrete(4),
        ppo_continuous_action.Agent: spaces.Box(-9, 9, (2,), np.float32),
    }
    for kind, space in agents.items():
        agent = kind(SimpleNamespace(single_observation_space=seen, single_action_space=space))
        policy = saved(tmp_path, agent, {"image_shape": torch.tensor(shape)})
        assert policy.obs_dim == np.prod(shape)
        image = seen.sample()
        features = agent.encode(torch.from_numpy(image[None]))
        assert features.shape == (1, 128)
        if kind is ppo.Agent:
            wanted = agent.actor(features).argmax().item()
        else:
            wanted = agent.actor_mean(features).detach().numpy()[0]
        assert policy.act(image.ravel(), space) == pytest.approx(wanted, abs=1e-4)


def test_a_policy_whose_images_do_not_fit_its_layers_is_not_loaded(tmp_path):
    space = spaces.Box(0, 255, (8, 8, 3), np.uint8)
    envs = SimpleNamespace(single_observation_space=space, single_action_space=spaces.Discrete(2))
    tensors = ppo.Agent(envs).state_dict()
    wrong = [
        {"image_shape": torch.tensor([8, 8, 1])},
        {"image_shape": torch.tensor([16, 8, 3])},
        {"image_shape": torch.tensor([8, 0, 3])},
        {"image_shape": torch.tensor([8.0, 8, 3])},
        {"image_shape": torch.tensor([[8, 8, 3]])},
        {},
        {"image_shape": torch.tensor([8, 8, 3]), "encoder.1.bias": torch.zeros(3)},
        {"image_shape": torch.tensor([8, 8, 3]), "encoder.8.weight": torch.zeros(64, 32)},
    ]
    for change in wrong:
        save_file(tensors | change, tmp_path / "policy.safetensors")
        with pytest.raises(ValueError, match="`path` must hold what was saved there"):
            Policy.load(tmp_path)
    save_file(tensors | {"image_shape": torch.tensor([8, 8, 3])}, tmp_path / "policy.safetensors")
    with pytest.raises(ValueError, match=r"`obs` must have shape \(192,\), got \(64,\)"):
        Policy.load(tmp_path).act(np.zeros(64), spaces.Discrete(2))


def test_what_is_no_policy_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"must hold the policy\.safetensors of a finished"):
        Policy.load(tmp_path)
    file = tmp_path / "policy.safetensors"
    file.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="must be an undamaged policy"):
        Policy.load(file)
    save_file({"conv.weight": torch.zeros(1, 1, 2, 2)}, file)
    with pytest.raises(ValueError, match=r"policy of linear layers, .* got one of conv\.weight"):
        Policy.load(file)


def test_a_policy_refuses_another_environment(tmp_path):
    policy = saved(tmp_path, ppo_continuous_action.Agent(envs(BOX)))
    with pytest.raises(ValueError, match=r"`obs` must have shape \(3,\), got \(4,\)"):
        policy.act(np.zeros(4), BOX)
    with pytest.raises(ValueError, match="must fit a gaussian policy"):
        policy.act(OBS, spaces.Discrete(2))
    with pytest.raises(ValueError, match="must fit a gaussian policy"):
        policy.act(OBS, spaces.MultiBinary(2))
    with pytest.raises(ValueError, match="must be a Box or discrete"):
        policy.act(OBS, spaces.Tuple([BOX]))


def resealed(tmp_path, **changes):
    """Write a small policy of PPO, with some of its tensors replaced, or left out where None."""
    tensors = {f"actor.{i}.weight": np.eye(2, dtype=np.float32) for i in (0, 2)}
    tensors |= {f"actor.{i}.bias": np.zeros(2, np.float32) for i in (0, 2)}
    tensors |= {"obs_mean": np.zeros(2, np.float32), "obs_var": np.ones(2, np.float32)}
    tensors |= {name.replace("_of_", "."): value for name, value in changes.items()}
    kept = {name: value for name, value in tensors.items() if value is not None}
    path = tmp_path / "policy.safetensors"
    path.write_bytes(safetensors.numpy.save(kept))
    return path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("obs_var", np.array([1, np.inf], np.float32)),
        ("obs_var", np.array([1, -1], np.float32)),
        ("obs_var", None),
        ("obs_mean", np.zeros(3, np.float32)),
        ("actor.0.bias", np.array([np.nan, 0], np.float32)),
        ("actor.0.bias", np.zeros(2, np.int64)),
        ("actor.2.weight", np.zeros((2, 3), np.float32)),
        ("actor.2.weight", None),
        ("actor.2.bias", np.zeros((2, 1), np.float32)),
        ("actor.x.bias", np.zeros(2, np.float32)),
    ],
)
def test_a_policy_that_cannot_act_is_not_loaded(tmp_path, name, value):
    assert Policy.load(resealed(tmp_path)).act(np.ones(2), spaces.Discrete(2)) in (0, 1)
    with pytest.raises(ValueError, match="`path` must hold what was saved there"):
        Policy.load(resealed(tmp_path, **{name: value}))
