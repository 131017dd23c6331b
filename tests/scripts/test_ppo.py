"""The PPO script for discrete actions as its users meet it: short real runs."""

from pathlib import Path

import gymnasium as gym
import numpy as np
import ppo as script
import pytest
import torch
from killed_runs import rows, run_whole_and_killed
from ppo import Args, train
from spaces import ENV_ID

from gym_rated import RatingDataset
from gym_rated.runs import read_metrics, read_result

# ten steps of a pole that stands are as good as any other ten
pytestmark = pytest.mark.filterwarnings("ignore:round .* has fewer than two rating classes")

SHORT = {
    "env_id": "CartPole-v1",
    "total_timesteps": 8 * 512,
    "num_envs": 4,
    "num_steps": 128,
    "update_epochs": 3,
    "num_ratings": 60,
    "segment_length": (10,),
    "first_steps": 20,
    "later_steps": 5,
    "tensorboard": False,
}


def run(folder: Path, **flags: object) -> dict[str, object]:
    return train(Args(**{**SHORT, **flags, "run_dir": folder}))


@pytest.mark.parametrize("reward", ["rated", "true", "knn-entropy"])
def test_every_arm_writes_a_complete_run(tmp_path: Path, reward: str) -> None:
    run(tmp_path / "run", reward=reward)
    result = read_result(tmp_path / "run")
    assert result["reward"] == reward
    assert 8 < result["score"] < 500  # the true return: steps for which the pole stood
    assert ("num_ratings" in result) == (reward == "rated")
    assert (tmp_path / "run" / "policy.safetensors").exists()


def test_ratings_are_of_the_actions_that_were_taken(tmp_path: Path) -> None:
    run(tmp_path / "run")
    batch = RatingDataset.load(tmp_path / "run" / "ratings" / "ratings.npz").batch()
    taken = batch.actions[batch.mask]
    assert taken.shape[1] == 2
    assert (taken.sum(1) == 1).all()  # one-hot
    assert 0.2 < taken[:, 0].mean() < 0.8


def test_of_a_reward_that_is_the_same_at_each_step_no_agreement_is_logged(tmp_path: Path) -> None:
    run(tmp_path / "run")
    tags = set(read_metrics(tmp_path / "run"))
    assert "rated/held_out/spearman" in tags
    assert not [tag for tag in tags if "truth" in tag]


@pytest.mark.slow
def test_killed_run_resumes_as_if_it_had_not_been(tmp_path: Path) -> None:
    flags = SHORT | {"total_timesteps": 8 * 512, "explore": "knn-entropy"}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run_whole_and_killed(script, flags, whole, killed, kill_at=4 * 512)
    train(Args(resume=killed))
    assert rows(killed) == rows(whole)
    policies = [(folder / "policy.safetensors").read_bytes() for folder in (killed, whole)]
    assert policies[0] == policies[1]


def test_exploring_policy_learns_before_the_first_fit(tmp_path: Path) -> None:
    first_update = {}
    for explore in ("noise", "knn-entropy"):
        run(tmp_path / explore, explore=explore)
        metrics = read_metrics(tmp_path / explore)
        first_update[explore] = metrics["losses/policy_loss"][0][0]
    first_fit = metrics["rated/num_ratings"][0][0]
    assert first_update["knn-entropy"] == 512 < first_fit < first_update["noise"]


def test_saved_model_pays_another_run(tmp_path: Path) -> None:
    run(tmp_path / "first")
    folder = tmp_path / "first" / "reward_model"
    args = Args(**{**SHORT, "reward": "model", "reward_model": folder})
    trainer = script.Trainer(args, tmp_path)
    obs = trainer.stack.statistics.env.envs[0].unwrapped.state
    _, rewards, _, _, _ = trainer.stack.learned.step(np.zeros(4, np.int64))
    from gym_rated import RewardEnsemble

    action = np.array([[1.0, 0.0]], np.float32)
    expected = RewardEnsemble.load(folder).predict(np.array([obs], np.float32), action)
    assert rewards[0] == pytest.approx(expected[0], abs=1e-6)
    assert rewards[0] != 0


def test_discrete_observations_are_flattened_for_the_agent(tmp_path: Path) -> None:
    trainer = script.Trainer(Args(**{**SHORT, "env_id": "FrozenLake-v1"}), tmp_path)
    assert trainer.next_obs.shape == (4, 16)


def test_actions_may_begin_anywhere(tmp_path: Path) -> None:
    class FromThree(gym.ActionWrapper):
        def __init__(self, env: gym.Env) -> None:
            super().__init__(env)
            self.action_space = gym.spaces.Discrete(2, start=3)

        def action(self, action: int) -> int:
            return int(action) - 3

    def entry(**kwargs: object) -> gym.Env:
        return FromThree(gym.make("CartPole-v1").unwrapped)

    gym.register("tests/FromThree-v0", entry_point=entry, max_episode_steps=500)
    try:
        run(tmp_path / "run", env_id="tests/FromThree-v0", reward="true", total_timesteps=512)
    finally:
        gym.registry.pop("tests/FromThree-v0")
    assert read_result(tmp_path / "run")["score"] > 8


@pytest.mark.parametrize(
    ("actions", "encoded", "chosen"),
    [
        ("multi_discrete", [[0, 1, 0, 0, 1]], [1, 4]),  # choices 1 and 2 of 2 and 3
        ("multi_binary", [[1, 0, 1]], [1, 2, 5]),  # of three pairs the second, first and second
    ],
)
def test_choices_are_pushed_from_by_their_probabilities(
    tmp_path: Path, actions: str, encoded: list[list[int]], chosen: list[int]
) -> None:
    spaces = {"env_id": ENV_ID, "env_kwargs": {"actions": actions}, "reward": "true"}
    trainer = script.Trainer(Args(**{**SHORT, **spaces}), tmp_path)
    logits = torch.linspace(-1, 1, sum(trainer.agent.num_choices))
    with torch.no_grad():
        trainer.agent.actor[-1].weight.zero_()
        trainer.agent.actor[-1].bias.copy_(logits)
    sizes = trainer.agent.num_choices
    each = torch.cat([part.log_softmax(0) for part in logits.split(sizes)])
    found = trainer.log_prob(torch.zeros(1, 3), torch.tensor(encoded, dtype=torch.float32))
    assert found.tolist() == pytest.approx([float(each[chosen].sum())])


def test_continuous_actions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"must have discrete actions \(.*\), got Box"):
        run(tmp_path / "run", env_id="Pendulum-v1")
    assert not (tmp_path / "run").exists()
