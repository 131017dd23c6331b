from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from envs import DotEnv
from gymnasium import spaces
from gymnasium.vector import SyncVectorEnv
from torch.nn import functional

from gym_rated import (
    ConvRewardEnsemble,
    MultitaskLoss,
    RewardEnsemble,
    RewardLearner,
    SyntheticRater,
)
from gym_rated import vector as rated_vector
from gym_rated.metrics import spearman
from gym_rated.reward_model.ensemble import load_reward_model
from gym_rated.segments import Origin, Segment
from gym_rated.wrappers.reward_fn import resolve_reward_fn

SHAPE = (5, 6, 2)


def made(**options: Any) -> ConvRewardEnsemble:
    """A small model that is ready, with a normaliser, a scale and an offset that matter."""
    model = ConvRewardEnsemble(
        SHAPE, 3, **{"num_members": 2, "channels": (3, 4), "hidden_size": 7, "seed": 1} | options
    )
    rng = np.random.default_rng(0)
    model.set_normaliser(rng.uniform(50, 150, 60), rng.uniform(10, 70, 60))
    model.set_scale(0.4, offset=0.1)
    return model


def seen(num: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    obs = rng.integers(0, 256, (num, 60), dtype=np.uint8)
    return obs, rng.normal(size=(num, 3)).astype(np.float32)


def test_members_are_networks_of_their_own() -> None:
    model = made()
    obs, actions = seen(4)
    images = torch.from_numpy(obs).reshape(4, *SHAPE)
    x = ((images - model.obs_mean) / model.obs_std).permute(0, 3, 1, 2)
    got = model(torch.from_numpy(obs), torch.from_numpy(actions))
    assert got.shape == (2, 4)
    for member in range(2):
        maps = x
        for filters, bias, width in zip(
            model.filters, model.filter_biases, model.channels, strict=True
        ):
            own = slice(member * width, (member + 1) * width)
            maps = functional.leaky_relu(functional.conv2d(maps, filters[own], bias[own], 2, 1))
        # 5 x 6 halved twice, rounding up: 2 x 2
        inputs = torch.cat((maps.reshape(4, 4 * 2 * 2), torch.from_numpy(actions)), 1)
        hidden = functional.leaky_relu(inputs @ model.weights[0][member] + model.biases[0][member])
        expected = (hidden @ model.weights[1][member] + model.biases[1][member]).tanh()
        torch.testing.assert_close(got[member], expected[:, 0])


def test_batches_of_any_shape_are_one_batch() -> None:
    model = made()
    obs, actions = (torch.from_numpy(array) for array in seen(6))
    flat = model(obs, actions)
    shaped = model(obs.reshape(2, 3, 60), actions.reshape(2, 3, 3))
    torch.testing.assert_close(shaped, flat.reshape(2, 2, 3))
    torch.testing.assert_close(model(obs.float(), actions), flat)


def test_predict_is_the_scaled_mean_of_forward() -> None:
    model = made()
    obs, actions = seen(1_030)  # more than one pass
    with torch.no_grad():
        rewards = model(torch.from_numpy(obs), torch.from_numpy(actions)).mean(0)
    expected = (rewards.numpy() - 0.1) / 0.4
    np.testing.assert_allclose(model.predict(obs, actions), expected, rtol=1e-4, atol=1e-5)
    assert ConvRewardEnsemble(SHAPE, 3).predict(obs, actions).tolist() == [0.0] * 1_030


def test_the_normaliser_is_one_for_each_channel() -> None:
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (500, *SHAPE)).astype(np.float64) * [1.0, 0.25]
    flat = images.reshape(500, -1)
    model = ConvRewardEnsemble(SHAPE, 3)
    model.set_normaliser(flat.mean(0), flat.std(0))
    np.testing.assert_allclose(model.obs_mean, images.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(model.obs_std, images.std((0, 1, 2)), rtol=1e-5)
    model.set_normaliser(np.full(60, 7.0), np.zeros(60))  # a blank screen
    assert model.obs_std.tolist() == [1.0, 1.0]


def test_returns_are_sums_over_segments() -> None:
    model = made()
    obs, actions = seen(5)
    parts = [slice(0, 2), slice(2, 5)]
    segments = [
        Segment(str(i), obs[p], actions[p], np.zeros(len(obs[p])), 0, Origin(0, 0, 0, 0))
        for i, p in enumerate(parts)
    ]
    rewards = model.predict(obs, actions)
    expected = [rewards[part].sum() for part in parts]
    np.testing.assert_allclose(model.returns(segments).mean(0), expected, rtol=1e-4, atol=1e-5)
    spread = model.returns(segments).std(0)
    np.testing.assert_allclose(model.disagreement(segments), spread)


def test_a_saved_model_predicts_the_same(tmp_path: Any) -> None:
    model = made()
    model.options = {"tasks": ["regression"]}
    model.save(tmp_path / "model")
    obs, actions = seen(9)
    loaded = ConvRewardEnsemble.load(tmp_path / "model")
    assert loaded.options == model.options
    for predict in (
        loaded.predict,
        load_reward_model(tmp_path / "model").predict,
        resolve_reward_fn(str(tmp_path / "model")),
    ):
        np.testing.assert_array_equal(predict(obs, actions), model.predict(obs, actions))


def test_models_are_not_taken_for_one_another(tmp_path: Any) -> None:
    made().save(tmp_path / "images")
    RewardEnsemble(3, 1).save(tmp_path / "vectors")
    with pytest.raises(
        ValueError, match=r"a reward model \('gym_rated reward model 2'\), got 'gym"
    ):
        RewardEnsemble.load(tmp_path / "images")
    with pytest.raises(ValueError, match=r"got 'gym_rated reward model 2' in"):
        ConvRewardEnsemble.load(tmp_path / "vectors")
    with pytest.warns(UserWarning, match="saved before its first fit: it pays 0.0"):
        assert isinstance(load_reward_model(tmp_path / "vectors"), RewardEnsemble)


def test_other_content_is_no_reward_model(tmp_path: Any) -> None:
    from gym_rated.checkpoint import save_state

    save_state(tmp_path, {"format": "a cake"})
    with pytest.raises(ValueError, match=r"must hold a reward model .* or .*, got 'a cake'"):
        load_reward_model(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (((8,), 2), ValueError, r"`image_shape` must be \(H, W\) or \(H, W, C\), got \(8,\)"),
        (((8, 0), 2), ValueError, "`image_shape` must be at least 1, got 0"),
        (((8, 8), 0), ValueError, "`action_dim` must be at least 1, got 0"),
    ],
)
def test_bad_sizes_are_refused(arguments: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        ConvRewardEnsemble(*arguments)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"channels": ()}, "`channels` must hold at least one layer"),
        ({"channels": (4, 0)}, "`channels` must be at least 1, got 0"),
        ({"hidden_size": 0}, "`hidden_size` must be at least 1, got 0"),
        ({"num_members": 0}, "`num_members` must be at least 1, got 0"),
    ],
)
def test_bad_options_are_refused(options: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        ConvRewardEnsemble(SHAPE, 2, **options)


def test_spaces_give_the_sizes() -> None:
    image = spaces.Box(0, 255, (8, 9), np.uint8)
    model = ConvRewardEnsemble.for_spaces(image, spaces.Discrete(4), num_members=2)
    assert (model.image_shape, model.obs_dim, model.action_dim) == ((8, 9), 72, 4)
    with pytest.raises(TypeError, match="must be an image"):
        ConvRewardEnsemble.for_spaces(spaces.Box(-1, 1, (72,)), spaces.Discrete(4))


def watched(num_steps: int, rater: Any, seed: int) -> Any:
    """Four dots moved at random, rated by what they get."""
    envs = SyncVectorEnv([DotEnv] * 4)
    envs = rated_vector.RatingFeedbackWrapper(
        envs, rater, segment_length=8, features="pixels", seed=seed
    )
    envs.action_space.seed(seed)
    envs.reset(seed=seed)
    for _ in range(num_steps):
        envs.step(envs.action_space.sample())
    return envs


class Keep(SyntheticRater):
    """Keeps what it is shown, to be judged against the truth."""

    def submit(self, segments: Any) -> None:
        self.shown = list(segments)
        super().submit(segments)


@pytest.mark.slow
def test_a_reward_seen_in_pixels_orders_held_out_segments() -> None:
    torch.set_num_threads(1)
    envs = watched(800, SyntheticRater(4), seed=0)
    envs.query(150)
    model = ConvRewardEnsemble.for_spaces(
        envs.single_observation_space, envs.single_action_space, num_members=2, channels=(8, 16)
    )
    loss = MultitaskLoss(num_classes=4, num_members=2, segment_length=8)
    RewardLearner(model, loss, first_steps=100).fit(envs.ratings)

    rater = Keep(4)
    watched(800, rater, seed=1).query(200)
    truth = [segment.true_rewards.sum() for segment in rater.shown]
    predicted = model.returns(rater.shown).mean(0)
    found = spearman(predicted, np.array(truth))
    print(f"Spearman correlation of {len(truth)} held-out segments: {found:.3f}")
    assert found >= 0.7

    env: gym.Env = DotEnv()  # and the wrapper pays more at the right than at the left
    obs = np.array([env.picture(column).ravel() for column in (0, 11)])
    left, right = model.predict(obs, np.zeros((2, 3), np.float32))
    assert right > left
