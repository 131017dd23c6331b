"""A reward model that was changed and sealed anew is refused, and one never fitted says so."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gym_rated import RewardEnsemble
from gym_rated.checkpoint import load_state, save_state
from gym_rated.reward_model import load_reward_model
from gym_rated.wrappers.reward_fn import resolve_reward_fn

FIXTURES = Path(__file__).parents[1] / "fixtures"


def tensor(name, value):
    def change(state):
        state["tensors"][name] = state["tensors"][name].clone()
        state["tensors"][name].reshape(-1)[0] = value

    return change


def tensors(**more):
    return lambda state: state["tensors"].update(more)


CHANGES = {
    "a weight that is NaN": tensor("biases.0", torch.nan),
    "an infinite mean": tensor("obs_mean", torch.inf),
    "a deviation of 0": tensor("obs_std", 0.0),
    "a scale below 0": tensor("_scale", -1.0),
    "a scale that is NaN": tensor("_scale", torch.nan),
    "another shape": lambda s: s["tensors"].update({"biases.0": torch.ones(3)}),
    "another dtype": lambda s: s["tensors"].update({"biases.0": s["tensors"]["biases.0"].double()}),
    "a tensor too few": lambda s: s["tensors"].pop("biases.0"),
    "a tensor too many": tensors(more=torch.ones(1)),
    "an array for a tensor": lambda s: s["tensors"].update({"biases.0": np.ones(3)}),
    "a billion members": lambda s: s["sizes"].update(num_members=10**9),
    "members as text": lambda s: s["sizes"].update(num_members="2"),
    "an unknown size": lambda s: s["sizes"].update(colour=1),
    "no sizes": lambda s: s.pop("sizes"),
    "options that are a list": lambda s: s.update(options=[]),
}


@pytest.mark.parametrize("model", ["vectors_model", "images_model"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_model_that_cannot_predict_is_not_loaded(tmp_path, model, change):
    state = load_state(FIXTURES / model)
    change(state)
    save_state(tmp_path, state)
    with pytest.raises(ValueError, match="`folder` must hold"):
        load_reward_model(tmp_path)


def test_a_model_that_was_never_fitted_is_not_paid(tmp_path):
    RewardEnsemble(3, 1).save(tmp_path)
    with (
        pytest.warns(UserWarning, match="saved before its first fit"),
        pytest.raises(ValueError, match=r"must be a model that was fitted.*pay 0\.0 for ever"),
    ):
        resolve_reward_fn(str(tmp_path))
    with pytest.warns(UserWarning, match="pays 0.0 until it is fitted"):
        assert not RewardEnsemble.load(tmp_path).ready
