import copy
import json
import pickle
import time

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from gym_rated.checkpoint import save_state
from gym_rated.reward_model import RewardEnsemble
from gym_rated.segments import Origin, Segment


def model_of(**kwargs):
    """Return a ready model with a normaliser and a scale of its own."""
    model = RewardEnsemble(4, 2, **kwargs)
    rng = np.random.default_rng(0)
    model.set_normaliser(rng.normal(size=4), rng.uniform(0.1, 3, size=4))
    model.set_scale(0.3, offset=-0.2)
    return model


def steps(num, seed=0):
    rng = np.random.default_rng(seed)
    obs = rng.normal(size=(num, 4)).astype(np.float32)
    return obs, rng.uniform(-1, 1, (num, 2)).astype(np.float32)


def by_forward(model, obs, actions):
    rewards = model(torch.from_numpy(obs), torch.from_numpy(actions))
    return ((rewards.mean(0) - model.offset) / model.scale).detach().numpy()


def segment(num_steps, seed):
    obs, actions = steps(num_steps, seed)
    return Segment(f"s{seed}", obs, actions, np.zeros(num_steps), 0, Origin(0, seed, 0, 0))


def test_a_member_is_an_ordinary_network():
    model = model_of(num_members=2, hidden_sizes=(5, 3))
    layers = []
    for weight, bias in zip(model.weights, model.biases, strict=True):
        layer = nn.Linear(weight.shape[2], weight.shape[1])
        layer.weight.data, layer.bias.data = weight[1].data, bias[1, :, 0].data
        layers += [layer, nn.LeakyReLU(0.01)]
    network = nn.Sequential(*layers[:-1], nn.Tanh())
    obs, actions = map(torch.from_numpy, steps(7))
    inputs = torch.cat(((obs - model.obs_mean) / model.obs_std, actions), -1)
    expected = network(inputs)[:, 0]
    assert torch.allclose(model(obs, actions)[1], expected, atol=1e-6)


def test_forward_keeps_the_batch_shape_and_stays_within_one():
    rewards = model_of()(100 * torch.randn(5, 7, 4), torch.randn(5, 7, 2))
    assert rewards.shape == (3, 5, 7)
    assert (rewards.abs() <= 1).all()


def test_members_start_different_and_as_linear_layers_do():
    model = RewardEnsemble(30, 20, hidden_sizes=(64,))
    bound = 50**-0.5
    assert model.weights[0].abs().max() <= bound
    assert model.weights[0].std().item() == pytest.approx(bound / 3**0.5, rel=0.02)
    assert not torch.equal(model.weights[0][0], model.weights[0][1])


def test_the_seed_decides_and_the_global_generator_is_left_alone():
    state = torch.get_rng_state()
    first, same, other = RewardEnsemble(4, 2), RewardEnsemble(4, 2), RewardEnsemble(4, 2, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.weights[1], same.weights[1])
    assert not torch.equal(first.weights[1], other.weights[1])


@pytest.mark.parametrize("hidden_sizes", [(64, 64), (8,), (16, 8, 4)])
@pytest.mark.parametrize("num_members", [1, 3])
@pytest.mark.parametrize("num", [0, 1, 100])
def test_predict_is_the_scaled_mean_of_forward(hidden_sizes, num_members, num):
    model = model_of(hidden_sizes=hidden_sizes, num_members=num_members)
    obs, actions = steps(num)
    predicted = model.predict(obs, actions)
    assert predicted.dtype == np.float32
    assert predicted.shape == (num,)
    assert np.allclose(predicted, by_forward(model, obs, actions), atol=1e-5)


def test_predict_follows_every_change_of_the_model():
    model, (obs, actions) = model_of(), steps(9)

    def check():
        assert np.allclose(model.predict(obs, actions), by_forward(model, obs, actions), atol=1e-5)

    check()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    model(torch.from_numpy(obs), torch.from_numpy(actions)).sum().backward()
    optimiser.step()
    check()
    with torch.no_grad():
        model.biases[2].add_(0.5)
    check()
    model.set_normaliser(np.ones(4), np.full(4, 2.0))
    check()
    model.set_scale(7.0)
    check()
    model.load_state_dict(model_of(seed=5).state_dict())
    check()
    model.load_state_dict(model_of(seed=6).state_dict(), assign=True)
    check()
    model.to(torch.float64).to(torch.float32)  # replaces the buffers
    model.set_normaliser(np.zeros(4), np.full(4, 0.5))
    check()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_predicts_the_same_and_then_goes_its_own_way(copied):
    model, (obs, actions) = model_of(), steps(5)
    expected = model.predict(obs, actions)
    twin = copied(model)
    assert np.array_equal(twin.predict(obs, actions), expected)
    twin.set_scale(0.6, offset=-0.2)
    assert np.allclose(twin.predict(obs, actions), expected / 2)
    assert np.array_equal(model.predict(obs, actions), expected)
    for num_changes in range(1, 20):  # whatever the copy remembers of the original's age
        twin = copied(model)
        for _ in range(num_changes):
            twin.set_normaliser(np.full(4, num_changes), np.ones(4))
        assert np.allclose(twin.predict(obs, actions), by_forward(twin, obs, actions), atol=1e-5)


def test_a_model_that_was_never_fitted_gives_no_reward():
    # D9: never the reward of a random network.
    model = RewardEnsemble(4, 2)
    assert not model.ready
    assert model.predict(*steps(3)).tolist() == [0, 0, 0]
    assert not np.allclose(by_forward(model, *steps(3)), 0)


def test_a_dimension_that_never_moved_cannot_drown_the_others():
    model = RewardEnsemble(4, 2)
    model.set_normaliser(np.array([5.0, 0, 0, 0]), np.array([0.0, 1e-9, 1.0, 2.0]))
    assert model.obs_std.tolist() == [1, 1, 1, 2]
    model.set_scale(1.0)
    obs, actions = steps(3)
    obs[:, 0] = 5.0
    before = model.predict(obs, actions)
    obs[:, 0] = 5.001
    assert np.allclose(model.predict(obs, actions), before, atol=1e-2)


def test_large_offsets_of_observations_cost_no_precision():
    model = RewardEnsemble(4, 2)
    model.set_normaliser(np.full(4, 1e4), np.ones(4))
    model.set_scale(1.0)
    obs, actions = steps(20)
    assert np.allclose(
        model.predict(obs + 1e4, actions), by_forward(model, obs + 1e4, actions), atol=1e-5
    )


def test_returns_are_the_members_sums_over_each_segment():
    model = model_of()
    segments = [segment(1 + k % 7, k) for k in range(300)]
    found = model.returns(segments)
    assert (found.shape, found.dtype) == ((3, 300), np.float32)
    for k in (0, 6, 255, 256, 299):
        obs, actions = torch.from_numpy(segments[k].obs), torch.from_numpy(segments[k].actions)
        expected = (model(obs, actions) + 0.2).sum(1).detach().numpy() / 0.3
        assert np.allclose(found[:, k], expected, rtol=1e-4, atol=1e-6)
        mean = model.predict(segments[k].obs, segments[k].actions).sum()
        assert found[:, k].mean() == pytest.approx(mean, rel=1e-4, abs=1e-5)
    assert model.returns([]).shape == (3, 0)


def test_disagreement_is_the_spread_of_the_members_returns():
    model = model_of()
    segments = [segment(5, 1), segment(1, 2), segment(8, 3)]
    returns = [
        model(torch.from_numpy(s.obs), torch.from_numpy(s.actions)).sum(1).detach().numpy()
        for s in segments
    ]
    expected = [np.std(r) / 0.3 for r in returns]
    assert np.allclose(model.disagreement(segments), expected, rtol=1e-4)
    assert model.disagreement([]).shape == (0,)
    assert np.allclose(model_of(num_members=1).disagreement(segments), 0)


def test_the_model_computes_where_its_parameters_are():
    # D12: the authors' file puts everything on a device named at import.
    model = model_of().to("meta")
    rewards = model(torch.zeros(5, 4, device="meta"), torch.zeros(5, 2, device="meta"))
    assert rewards.device.type == "meta"


def test_spaces_give_the_lengths():
    box = spaces.Box(-1, 1, (2, 3))
    model = RewardEnsemble.for_spaces(box, spaces.Discrete(4), num_members=2)
    assert (model.obs_dim, model.action_dim, model.num_members) == (6, 4, 2)


def test_a_saved_model_comes_back_the_same(tmp_path):
    model = model_of(hidden_sizes=(8, 4), num_members=2, seed=3)
    model.options = {"tasks": ["pairwise"], "segment_value": "mean", "alpha": 1.0}
    model.save(tmp_path / "model")
    loaded = RewardEnsemble.load(tmp_path / "model")
    assert loaded.options == model.options
    assert loaded.hidden_sizes == (8, 4)
    assert loaded.seed == 3
    assert loaded.ready
    assert np.array_equal(loaded.predict(*steps(6)), model.predict(*steps(6)))


def test_saving_again_replaces_the_model(tmp_path):
    model_of(seed=1).save(tmp_path)
    model_of(seed=2).save(tmp_path)
    expected = model_of(seed=2).predict(*steps(3))
    assert np.array_equal(RewardEnsemble.load(tmp_path).predict(*steps(3)), expected)


def test_a_damaged_model_is_refused(tmp_path):
    model_of().save(tmp_path)
    (tensors,) = tmp_path.glob("*.safetensors")
    data = bytearray(tensors.read_bytes())
    data[-3] ^= 1
    tensors.write_bytes(data)
    with pytest.raises(ValueError, match="must hold an undamaged checkpoint"):
        RewardEnsemble.load(tmp_path)


def test_a_folder_of_something_else_is_refused(tmp_path):
    save_state(tmp_path / "other", {"format": "a policy", "tensors": {}})
    with pytest.raises(ValueError, match=r"must hold a reward model .* got 'a policy'"):
        RewardEnsemble.load(tmp_path / "other")
    save_state(tmp_path / "array", {"format": np.zeros(2), "tensors": {}})
    with pytest.raises(ValueError, match=r"must hold a reward model .* got array"):
        RewardEnsemble.load(tmp_path / "array")
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "a web page"}))
    with pytest.raises(ValueError, match="of another program"):
        RewardEnsemble.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="must hold a complete checkpoint"):
        RewardEnsemble.load(tmp_path / "nothing")


def test_wrong_shapes_are_refused_with_their_values():
    model = model_of()
    obs, actions = steps(3)
    with pytest.raises(
        ValueError, match=r"`obs` must end in 4 .* got shapes \(3, 3\) and \(3, 2\)"
    ):
        model.predict(obs[:, :3], actions)
    with pytest.raises(ValueError, match=r"same batch shape, got shapes \(3, 4\) and \(2, 2\)"):
        model.predict(obs, actions[:2])
    with pytest.raises(ValueError, match=r"`obs` must have shape \(N, 4\), got \(4,\)"):
        model.predict(obs[0], actions[0])
    with pytest.raises(
        ValueError, match=r"`actions` in 2 numbers, got shapes \(3, 4\) and \(3, 5\)"
    ):
        model(torch.from_numpy(obs), torch.zeros(3, 5))


def test_wrong_sizes_are_refused_with_their_values():
    with pytest.raises(ValueError, match="`num_members` must be at least 1, got 0"):
        RewardEnsemble(4, 2, num_members=0)
    with pytest.raises(ValueError, match="`hidden_sizes` must hold at least one layer"):
        RewardEnsemble(4, 2, hidden_sizes=())
    with pytest.raises(TypeError, match=r"`obs_dim` must be an int, got 4\.0"):
        RewardEnsemble(4.0, 2)
    with pytest.raises(ValueError, match=r"`scale` must be above 0, got 0\.0"):
        RewardEnsemble(4, 2).set_scale(0.0)


def test_predicting_one_step_takes_microseconds():
    # About 15 us on a quiet machine; the bound only catches a return to 100 us and more.
    model, (obs, actions) = model_of(), steps(1)
    durations = []
    for _ in range(200):
        start = time.perf_counter()
        model.predict(obs, actions)
        durations.append(time.perf_counter() - start)
    assert min(durations) < 100e-6
