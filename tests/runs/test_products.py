"""What every script leaves in its run's folder."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from gym_rated import RatingDataset, RewardEnsemble
from gym_rated.runs.names import POLICY, RATINGS, REWARD_MODEL
from gym_rated.runs.products import episode_rows, fit_row, result_row, save_products, score_of

STATISTICS = SimpleNamespace(return_queue=[1.0, 2.0, 3.0], length_queue=[10, 20, 30])
REPORT = SimpleNamespace(as_dict=lambda: {"ready": 1.0, "weight/pairwise": 0.5})
ARGS = SimpleNamespace(env_id="Pendulum-v1", reward="rated", seed=3)


def test_the_last_episodes_are_rows_in_the_order_in_which_they_ended():
    assert list(episode_rows(2, STATISTICS)) == [
        {"charts/episodic_return": 2.0, "charts/episodic_length": 20},
        {"charts/episodic_return": 3.0, "charts/episodic_length": 30},
    ]
    learned = SimpleNamespace(return_queue=[-1.0])
    (row,) = episode_rows(1, STATISTICS, learned)
    assert row["charts/learned_return"] == -1.0


def test_a_fit_is_logged_under_rated():
    assert fit_row(REPORT) == {"rated/ready": 1.0, "rated/weight/pairwise": 0.5}


def test_a_score_is_the_mean_of_the_last_fifty_episodes():
    assert score_of([]) is None
    assert score_of([1.0, 2.0]) == 1.5
    assert score_of([-1_000.0, *range(50)]) == np.mean(range(50))


def test_a_result_holds_ratings_and_fit_only_where_there_are_some():
    row = result_row(ARGS, 640, 99.5, STATISTICS)
    assert row == {
        "env_id": "Pendulum-v1",
        "reward": "rated",
        "seed": 3,
        "global_step": 640,
        "score": 2.0,
        "steps_per_second": 99.5,
    }
    row = result_row(ARGS, 640, 99.5, STATISTICS, ratings=[], report=REPORT)
    assert (row["num_ratings"], row["fit"]) == (0, {"ready": 1.0, "weight/pairwise": 0.5})


@pytest.mark.parametrize("is_rated", [True, False])
def test_products_are_where_the_commands_look_for_them(tmp_path, is_rated):
    policy = {"actor.weight": torch.arange(6.0).reshape(2, 3)}
    model = RewardEnsemble(3, 1)
    model.set_scale(1.0)
    learned = (model, RatingDataset(3, 1, 5)) if is_rated else ()
    save_products(tmp_path, policy, *learned)
    assert torch.equal(load_file(tmp_path / POLICY)["actor.weight"], policy["actor.weight"])
    assert (tmp_path / RATINGS).is_file() == (tmp_path / REWARD_MODEL).is_dir() == is_rated
    if is_rated:
        assert RewardEnsemble.load(tmp_path / REWARD_MODEL).obs_dim == 3
        assert len(RatingDataset.load(tmp_path / RATINGS)) == 0
