"""State with a number that is not finite is refused by whoever knows that it has none."""

from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium.wrappers.utils import RunningMeanStd

from gym_rated import RewardEnsemble
from gym_rated.checkpoint.finite import refuse_non_finite
from gym_rated.reward_model import ensemble
from gym_rated.runs import products, stack


@pytest.mark.parametrize(
    ("bad", "place"),
    [
        ({"a": [0.0, {"b": float("nan")}]}, r"`state\.a\.1\.b` must be finite, got nan;"),
        ({"a": torch.tensor([[0.0, torch.inf]])}, r"`state\.a` .* got inf at index \[0, 1\]"),
        ({1: (np.float32(-np.inf),)}, r"`state\.1\.0` must be finite, got -inf"),
        ({"a": np.array([1, np.nan], np.float16)}, r"got nan at index \[1\]"),
        ({"a": torch.tensor(torch.nan, dtype=torch.bfloat16)}, "got nan"),
    ],
)
def test_error_names_the_place(bad, place):
    with pytest.raises(FloatingPointError, match=place):
        refuse_non_finite(bad, "state")


def test_all_else_passes():
    finite = {"a": 1.0, "b": np.arange(3), "c": torch.ones(2), "d": "nan", "e": None, "f": [True]}
    refuse_non_finite(finite, "state")


def test_policy_that_is_not_finite_does_not_replace_one_that_was_saved(tmp_path: Path):
    products.save_products(tmp_path, {"weight": torch.ones(2)})
    saved = (tmp_path / "policy.safetensors").read_bytes()
    with pytest.raises(FloatingPointError, match=r"`policy\.obs_var` must be finite, got inf"):
        products.save_products(tmp_path, {"weight": torch.ones(2), "obs_var": np.array(np.inf)})
    assert (tmp_path / "policy.safetensors").read_bytes() == saved


@pytest.mark.filterwarnings("ignore:.*fitted")
def test_reward_model_that_is_not_finite_does_not_replace_one_that_was_saved(tmp_path: Path):
    model = RewardEnsemble(2, 1)
    model.save(tmp_path / "model")
    with torch.no_grad():
        model.weights[0][0, 0, 0] = torch.nan
    with pytest.raises(FloatingPointError, match=r"`reward model\.weights\.0` .* got nan"):
        model.save(tmp_path / "model")
    found = ensemble.load_reward_model(tmp_path / "model")
    assert all(bool(tensor.isfinite().all()) for tensor in found.state_dict().values())


@pytest.mark.parametrize("name", ["mean", "var"])
def test_statistics_of_a_normaliser_must_be_finite(name):
    running = RunningMeanStd(shape=(2,))
    setattr(running, name, np.array([0, np.inf]))
    with pytest.raises(FloatingPointError, match=rf"`statistics of rewards\.{name}` .* got inf"):
        stack._moments(running, "rewards")


@pytest.mark.parametrize(
    "numbers", [{"mean": [np.nan, 0]}, {"std": [1, np.inf]}, {"std": [1, 1e39]}]
)
def test_reward_model_takes_finite_moments_only(numbers):
    model = RewardEnsemble(2, 1)
    moments = {"mean": np.zeros(2), "std": np.ones(2)} | {
        k: np.array(v) for k, v in numbers.items()
    }
    with pytest.raises(ValueError, match="must hold finite numbers"):
        model.set_normaliser(**moments)
    assert model.obs_std.tolist() == [1, 1]


@pytest.mark.parametrize("numbers", [(0.0,), (np.inf,), (np.nan,), (1.0, np.nan), (1.0, -np.inf)])
def test_reward_model_takes_a_finite_scale_only(numbers):
    model = RewardEnsemble(2, 1)
    with pytest.raises(ValueError, match=r"`(scale|offset)` must be"):
        model.set_scale(*numbers)
    assert not model.ready
