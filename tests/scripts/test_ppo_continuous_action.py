"""The PPO script as its users meet it: short real runs on Pendulum."""

import math
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import ppo_continuous_action as script
import pytest
import torch
from killed_runs import rows, run_whole_and_killed
from ppo_continuous_action import Args, train
from torch.distributions.normal import Normal

from gym_rated import CallableRater, RatingDataset, Segment, SyntheticRater
from gym_rated.runs import RunWriter, read_metrics, read_result

SHORT = {
    "env_id": "Pendulum-v1",
    "total_timesteps": 6 * 512,
    "num_envs": 4,
    "num_steps": 128,
    "update_epochs": 3,
    "num_ratings": 40,
    "segment_length": (20,),
    "first_steps": 20,
    "later_steps": 5,
    "tensorboard": False,
}
QUERIED_EARLY = {512: 20, 1_500: 10, 2_500: 10}


@pytest.fixture(autouse=True)
def _query_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script.parts, "make_schedule", lambda *args: dict(QUERIED_EARLY))


def run(folder: Path, **flags: object) -> dict[str, object]:
    return train(Args(**{**SHORT, **flags, "run_dir": folder}))


@pytest.mark.parametrize("reward", ["rated", "true", "constant", "none"])
def test_every_arm_writes_a_complete_run(tmp_path: Path, reward: str) -> None:
    run(tmp_path / "run", reward=reward)
    result = read_result(tmp_path / "run")
    assert result["reward"] == reward
    assert result["global_step"] == 6 * 512
    assert -2_000 < result["score"] < 0  # the true return, whatever the agent was paid
    assert ("num_ratings" in result) == (reward == "rated")
    assert (tmp_path / "run" / "policy.safetensors").exists()
    assert (tmp_path / "run" / "reward_model").exists() == (reward == "rated")


def test_agent_is_paid_what_its_arm_says(tmp_path: Path) -> None:
    paid = {}
    for reward in ("true", "constant", "none"):
        trainer = script.Trainer(Args(**{**SHORT, "reward": reward}), tmp_path)
        _, rewards, _, _, _ = trainer.stack.learned.step(np.zeros((4, 1), np.float32))
        paid[reward] = rewards
    assert (paid["true"] < 0).all()
    assert paid["constant"].tolist() == [1.0] * 4
    assert paid["none"].tolist() == [0.0] * 4


@pytest.mark.slow
def test_same_seed_gives_the_same_run_bit_for_bit(tmp_path: Path) -> None:
    run(tmp_path / "a", seed=3)
    run(tmp_path / "b", seed=3)
    run(tmp_path / "c", seed=4)
    assert rows(tmp_path / "a") == rows(tmp_path / "b") != rows(tmp_path / "c")
    policies = [(tmp_path / name / "policy.safetensors").read_bytes() for name in "abc"]
    assert policies[0] == policies[1] != policies[2]


@pytest.mark.slow
def test_killed_run_resumes_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # a process of its own asks by the schedule of the script
    flags = SHORT | {"total_timesteps": 8 * 512}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run_whole_and_killed(script, flags, whole, killed, kill_at=4 * 512)
    assert not (killed / "result.json").exists()
    train(Args(resume=killed))
    assert rows(killed) == rows(whole)
    assert _weights(killed) == _weights(whole)
    loaded = [RatingDataset.load(f / "ratings" / "ratings.npz") for f in (killed, whole)]
    assert loaded[0].ratings == loaded[1].ratings


def test_advantages_bootstrap_a_time_limit_and_not_a_termination(tmp_path: Path) -> None:
    args = Args(**{**SHORT, "reward": "true", "num_steps": 3, "num_envs": 2})
    args = replace(args, gamma=0.5, gae_lambda=0.5)
    trainer = script.Trainer(args, tmp_path)
    r = trainer.rollout
    r.rewards[:] = 1.0
    values = np.float32([[4, 4], [8, 8], [2, 2], [6, 6]])
    # both environments end at row 0: the first by a time limit, the second in a terminal state;
    # row 1 then holds the value of the last observation
    r.dones[0], r.terminations[0] = True, [False, True]
    advantages = trainer.compute_advantages(values)
    assert advantages[0].tolist() == [1 + 0.5 * 8 - 4, 1 - 4]
    # the last row is worth 1 + 3 - 2; a quarter of that flows back to the row before
    assert advantages[1].tolist() == [1 + 0.5 * 2 - 8 + 0.25 * 2] * 2


def _reference_gradients(trainer: script.Trainer, mb: script.Batch) -> list[torch.Tensor]:
    """The gradients of a mini-batch by torch's own distributions."""
    args, agent = trainer.args, deepcopy(trainer.agent)
    for parameter in agent.parameters():
        parameter.grad = None
    probs = Normal(agent.actor_mean(mb.obs), agent.actor_logstd.exp())
    ratio = (probs.log_prob(mb.actions).sum(1) - mb.logprobs).exp()
    advantages = (mb.advantages - mb.advantages.mean()) / mb.advantages.std(unbiased=False)
    clipped = ratio.clamp(1 - args.clip_coef, 1 + args.clip_coef)
    policy = torch.max(-advantages * ratio, -advantages * clipped).mean()
    value = 0.5 * (agent.critic(mb.obs).flatten() - mb.returns).square().mean()
    entropy = probs.entropy().sum(1).mean()
    (policy - args.ent_coef * entropy + args.vf_coef * value).backward()
    return [parameter.grad for parameter in agent.parameters()]


def test_an_update_follows_the_gradient_of_the_plain_losses(tmp_path: Path) -> None:
    args = Args(**{**SHORT, "reward": "true", "ent_coef": 0.01, "max_grad_norm": 1e9})
    trainer = script.Trainer(args, tmp_path)
    with RunWriter(tmp_path / "run", {}, tensorboard=False) as writer:
        trainer.collect_rollout(writer)
    batch = trainer.make_batch()
    trainer.update_policy(batch)  # so that ratios differ from 1
    mb = script.Batch(*(column[:100] for column in batch))
    expected = _reference_gradients(trainer, mb)
    trainer.update_minibatch(mb)
    for parameter, gradient in zip(trainer.agent.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-5, atol=1e-6)


def test_actions_are_drawn_as_likely_as_the_policy_says(tmp_path: Path) -> None:
    trainer = script.Trainer(Args(**{**SHORT, "reward": "true", "num_steps": 200}), tmp_path)
    with torch.no_grad():
        trainer.agent.actor_mean[-1].bias[:] = 3.0  # beyond the bound of 2: clipped when executed
        trainer.agent.actor_logstd[:] = np.log(0.5)
    with RunWriter(tmp_path / "run", {}, tensorboard=False) as writer:
        trainer.collect_rollout(writer)
    actions = trainer.rollout.actions
    assert actions.mean() == pytest.approx(3.0, abs=0.1)
    assert actions.std() == pytest.approx(0.5, rel=0.1)
    executed = trainer.stack.envs.unwrapped.envs[0].unwrapped.last_u
    assert -2.0 <= executed <= 2.0


def test_rows_of_a_reset_do_not_train_the_policy(tmp_path: Path) -> None:
    trainer = script.Trainer(Args(**{**SHORT, "reward": "true", "num_steps": 250}), tmp_path)
    with RunWriter(tmp_path / "run", {}, tensorboard=False) as writer:
        trainer.collect_rollout(writer)
    valid = trainer.rollout.valid
    assert valid.sum(0).tolist() == [249] * 4  # Pendulum ends after 200 steps
    assert not valid[200].any()
    assert len(trainer.make_batch().obs) == 249 * 4


def test_policy_waits_for_the_first_fit(tmp_path: Path) -> None:
    run(tmp_path / "run", explore="noise")
    metrics = read_metrics(tmp_path / "run")
    first_fit = metrics["rated/num_ratings"][0][0]
    assert first_fit == 512
    assert metrics["losses/policy_loss"][0][0] == first_fit + 512


class _Recorder(SyntheticRater):
    """A synthetic rater that keeps the true rewards of what it rated."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, np.ndarray] = {}

    def submit(self, segments: Sequence[Segment]) -> None:
        self.seen |= {s.id: s.true_rewards for s in segments}
        super().submit(segments)


class _FromRecord(SyntheticRater):
    """The same rater, reading the true rewards from a record instead of the segments."""

    def __init__(self, seen: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.seen = seen

    def submit(self, segments: Sequence[Segment]) -> None:
        super().submit([replace(s, true_rewards=self.seen[s.id]) for s in segments])


class _Reward(gym.RewardWrapper):
    """Replaces the true reward by noise, or by none."""

    def __init__(self, env: gym.Env, kind: str) -> None:
        super().__init__(env)
        self.kind, self.rng = kind, np.random.default_rng(7)

    def reward(self, reward: float) -> float:
        return float(self.rng.normal()) if self.kind == "noise" else float("nan")


@pytest.fixture
def other_rewards() -> Iterator[None]:
    ids = {kind: f"{kind}-Pendulum-v1" for kind in ("noise", "nan")}
    for kind, env_id in ids.items():
        gym.register(
            env_id,
            entry_point=lambda kind=kind, **_: _Reward(gym.make("Pendulum-v1").unwrapped, kind),
            max_episode_steps=200,
        )
    yield
    for env_id in ids.values():
        gym.registry.pop(env_id)


def _weights(folder: Path) -> tuple[bytes, bytes]:
    model = next((folder / "reward_model").glob("*.safetensors"))
    return (folder / "policy.safetensors").read_bytes(), model.read_bytes()


@pytest.mark.usefixtures("other_rewards")
def test_true_reward_reaches_the_agent_through_the_rater_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = _Recorder()
    monkeypatch.setattr(script.parts, "make_rater", lambda *args: recorder)
    run(tmp_path / "true")
    monkeypatch.setattr(script.parts, "make_rater", lambda *args: _FromRecord(recorder.seen))
    run(tmp_path / "noise", env_id="noise-Pendulum-v1")
    assert _weights(tmp_path / "true") == _weights(tmp_path / "noise")
    assert read_result(tmp_path / "true")["score"] != read_result(tmp_path / "noise")["score"]


@pytest.mark.filterwarnings("ignore:.*The reward is a NaN value")  # Gymnasium's own check
@pytest.mark.usefixtures("other_rewards")
def test_environment_without_a_reward_trains_from_ratings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upright(segment: Segment) -> int:
        return int(segment.obs[:, 0].mean() > 0)

    monkeypatch.setattr(
        script.parts, "make_rater", lambda *args: CallableRater(upright, num_classes=2)
    )
    for env_id in ("Pendulum-v1", "nan-Pendulum-v1"):
        run(tmp_path / env_id, env_id=env_id, num_classes=2)
    assert _weights(tmp_path / "Pendulum-v1") == _weights(tmp_path / "nan-Pendulum-v1")


def test_an_action_at_a_bound_stands_for_all_that_is_clipped_to_it(tmp_path: Path) -> None:
    trainer = script.Trainer(Args(**SHORT), tmp_path)
    with torch.no_grad():
        for layer in trainer.agent.actor_mean:
            if isinstance(layer, torch.nn.Linear):
                layer.weight.zero_()  # a mean of 0 and a deviation of 1, whatever is seen
    obs = torch.zeros(3, 3)
    log_probs = trainer.log_prob(obs, torch.tensor([[2.0], [-2.0], [0.0]])).tolist()
    tail = math.log(0.5 * math.erfc(2 / math.sqrt(2)))  # of a Gaussian, beyond Pendulum's bounds
    assert log_probs == pytest.approx([tail, tail, -0.5 * math.log(2 * math.pi)], abs=1e-5)

    state = trainer.state_dict()
    assert [bound.tolist() for bound in state["bounds"]] == [[-2.0], [2.0]]
    del state["bounds"]  # a run that was begun with infinite bounds ends with them
    trainer.load_state_dict(state)
    density = -0.5 * math.log(2 * math.pi) - 2.0
    assert trainer.log_prob(obs[:1], torch.tensor([[2.0]])).item() == pytest.approx(density)


def test_discrete_actions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"must have continuous actions \(.*\), got Discrete"):
        run(tmp_path / "run", env_id="CartPole-v1")
    assert not (tmp_path / "run").exists()


def test_folder_with_a_run_is_not_overwritten(tmp_path: Path) -> None:
    run(tmp_path / "run", reward="none", total_timesteps=512)
    with pytest.raises(FileExistsError, match="resume it, or choose another"):
        run(tmp_path / "run", reward="none", total_timesteps=512)
