"""Reward networks that see the squares of actions."""

import numpy as np
import pytest
import torch

from gym_rated import RewardEnsemble


def steps(num: int, size: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=(num, 3)).astype(np.float32),
        (size * rng.normal(size=(num, 2))).astype(np.float32),
    )


def model_of(squared_actions: bool = True) -> RewardEnsemble:
    model = RewardEnsemble(3, 2, squared_actions=squared_actions)
    model.set_normaliser(np.arange(3.0), np.full(3, 2.0))
    model.set_scale(0.5)
    return model


def test_the_squares_stand_beside_the_actions() -> None:
    obs, actions = map(torch.from_numpy, steps(5))
    model = model_of()
    seen = model.inputs(obs, actions)
    assert torch.equal(seen[:, :5], model_of(squared_actions=False).inputs(obs, actions))
    assert torch.equal(seen[:, 5:], actions**2)
    assert model.weights[0].shape[2] == 7


def test_effort_is_told_from_rest_by_the_squares_alone() -> None:
    model = model_of()
    with torch.no_grad():
        model.weights[0][:, :, :5] = 0
    obs, actions = steps(6)
    rewards = model.predict(obs, actions)
    np.testing.assert_array_equal(rewards, model.predict(obs + 1, -actions))
    assert len(np.unique(rewards)) == 6


@pytest.mark.parametrize("size", [1.0, 1e3, 1e30])
def test_a_prediction_is_the_mean_of_the_members(size: float) -> None:
    model = model_of()
    obs, actions = steps(50, size)
    with torch.no_grad():
        expected = model(torch.from_numpy(obs), torch.from_numpy(actions)).mean(0) / 0.5
    found = model.predict(obs, actions)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_a_saved_model_still_sees_them(tmp_path) -> None:
    model = model_of()
    model.save(tmp_path / "model")
    loaded = RewardEnsemble.load(tmp_path / "model")
    assert loaded.squared_actions
    np.testing.assert_array_equal(loaded.predict(*steps(9)), model.predict(*steps(9)))
