"""The SAC script as its users meet it: short real runs on Pendulum."""

import math
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import sac_continuous_action as script
import torch
from killed_runs import rows, run_whole_and_killed
from sac_continuous_action import Args, train

from gym_rated import RatingDataset, RewardEnsemble
from gym_rated.agents.replay_memory import Transitions
from gym_rated.runs import RunWriter, read_metrics, read_result

SHORT = {
    "env_id": "Pendulum-v1",
    "total_timesteps": 600,
    "num_envs": 2,
    "num_ratings": 30,
    "segment_length": (10,),
    "first_steps": 20,
    "later_steps": 5,
    "learning_starts": 200,
    "batch_size": 16,
    "network_width": 16,
    "tensorboard": False,
}
QUERIED_EARLY = {300: 20, 400: 10}


@pytest.fixture(autouse=True)
def _query_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script.parts, "make_schedule", lambda *args: dict(QUERIED_EARLY))


def run(folder: Path, **flags: object) -> dict[str, object]:
    return train(Args(**{**SHORT, **flags, "run_dir": folder}))


def make_trainer(folder: Path, **flags: object) -> script.Trainer:
    return script.Trainer(Args(**{**SHORT, **flags}), folder)


@pytest.mark.long
@pytest.mark.parametrize("reward", ["rated", "true", "constant", "none", "knn-entropy", "rnd"])
def test_every_arm_writes_a_complete_run(tmp_path: Path, reward: str) -> None:
    run(tmp_path / "run", reward=reward)
    result = read_result(tmp_path / "run")
    assert result["reward"] == reward
    assert result["global_step"] == 600
    assert -2_000 < result["score"] < 0  # the true return, whatever the agent was paid
    assert ("num_ratings" in result) == (reward == "rated")
    assert (tmp_path / "run" / "policy.safetensors").exists()
    assert (tmp_path / "run" / "reward_model").exists() == (reward == "rated")


def test_batch_is_paid_what_its_arm_says(tmp_path: Path) -> None:
    paid = {}
    with RunWriter(tmp_path / "run", {}, tensorboard=False) as writer:
        for reward in ("true", "constant", "none"):
            trainer = make_trainer(tmp_path, reward=reward)
            trainer.step(writer)
            paid[reward] = trainer.memory.sample(9, trainer.rng).rewards
    assert (paid["true"] < 0).all()
    assert paid["constant"].tolist() == [1.0] * 9
    assert paid["none"].tolist() == [0.0] * 9


@pytest.mark.long
def test_same_seed_gives_the_same_run_bit_for_bit(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        run(tmp_path / name, seed=seed)
    assert rows(tmp_path / "a") == rows(tmp_path / "b") != rows(tmp_path / "c")
    policies = [(tmp_path / name / "policy.safetensors").read_bytes() for name in "abc"]
    assert policies[0] == policies[1] != policies[2]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:round .* has fewer than two rating classes")  # they are small
def test_killed_run_resumes_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # a process of its own asks by the schedule of the script
    flags = SHORT | {"total_timesteps": 3_301, "num_envs": 1, "num_ratings": 60}
    flags |= {"buffer_size": 700, "learning_starts": 2_600, "query_until": 0.9}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run_whole_and_killed(script, flags, whole, killed, kill_at=2_900)
    assert not (killed / "result.json").exists()
    train(Args(resume=killed))
    assert rows(killed) == rows(whole)
    policies = [(folder / "policy.safetensors").read_bytes() for folder in (killed, whole)]
    assert policies[0] == policies[1]


def test_memory_holds_every_step_and_no_reset(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, reward="true")
    with RunWriter(tmp_path / "run", {}, tensorboard=False) as writer:
        for _ in range(250):
            trainer.step(writer)
    assert trainer.memory.num_added == 2 * 249  # Pendulum ends after 200 steps
    batch = trainer.memory.sample(2_000, trainer.rng)
    turned = np.arctan2(batch.next_obs[:, 1], batch.next_obs[:, 0])
    turned = turned - np.arctan2(batch.obs[:, 1], batch.obs[:, 0])
    turned = (turned + np.pi) % (2 * np.pi) - np.pi
    expected = (0.05 * batch.next_obs[:, 2] + np.pi) % (2 * np.pi) - np.pi
    np.testing.assert_allclose(turned, expected, atol=1e-4)  # the last step of an episode, too


class _Ends(gym.Wrapper):
    """Ends every episode after 10 steps: in a terminal state, or by a time limit."""

    def __init__(self, env: gym.Env, terminal: bool) -> None:
        super().__init__(env)
        self.terminal = terminal

    def reset(self, **kwargs: object) -> tuple[object, dict[str, object]]:
        self.steps = 0
        return self.env.reset(**kwargs)

    def step(self, action: object) -> tuple[object, float, bool, bool, dict[str, object]]:
        obs, reward, _, _, info = self.env.step(action)
        self.steps += 1
        is_last = self.steps == 10
        return obs, reward, is_last and self.terminal, is_last and not self.terminal, info


@pytest.fixture
def ending() -> Iterator[None]:
    for name, terminal in (("Terminal-v0", True), ("Limited-v0", False)):
        gym.register(
            f"tests/{name}",
            entry_point=lambda terminal=terminal, **_: _Ends(
                gym.make("Pendulum-v1").unwrapped, terminal
            ),
            max_episode_steps=50,
        )
    yield
    for name in ("Terminal-v0", "Limited-v0"):
        gym.registry.pop(f"tests/{name}")


@pytest.mark.usefixtures("ending")
@pytest.mark.parametrize(("env_id", "share"), [("tests/Terminal-v0", 0.1), ("tests/Limited-v0", 0)])
def test_only_termination_counts_as_an_end(tmp_path: Path, env_id: str, share: float) -> None:
    trainer = make_trainer(tmp_path, reward="true", env_id=env_id)
    with RunWriter(tmp_path / "run", {}, tensorboard=False) as writer:
        for _ in range(109):  # ten episodes of ten steps, and the nine resets between them
            trainer.step(writer)
    assert trainer.memory.num_added == 2 * 100
    ends = trainer.memory.sample(5_000, trainer.rng).terminated.mean()
    assert ends == pytest.approx(share, abs=0.03)


def make_agent(**flags: object) -> script.Agent:
    torch.manual_seed(0)
    space = gym.spaces.Box(np.float32([-1, -4]), np.float32([3, 4]))
    return script.Agent((3, 2), space, Args(**{**SHORT, **flags}))


def test_critics_learn_the_soft_value_up_to_a_termination() -> None:
    agent = make_agent(gamma=0.5, autotune=False, alpha=0.2)
    agent.qf_target.forward = lambda x, a: torch.tensor([[7.0, 7.0], [6.0, 9.0]])
    agent.actor.get_action = lambda x: (torch.zeros(2, 2), torch.tensor([-5.0, 5.0]))
    outputs = torch.zeros(2, 2, requires_grad=True)
    agent.qf.forward = lambda x, a: outputs * 1.0
    agent.qf_parameters, found = [outputs], []
    agent.q_optimizer.descend = found.extend
    rewards, terminated = torch.tensor([1.0, 1.0]), torch.tensor([0.0, 1.0])
    nothing = torch.zeros(2, 3)
    agent.update_critics(Transitions(nothing, nothing[:, :2], rewards, nothing, terminated))
    first = 1 + 0.5 * (6 + 0.2 * 5)  # the smaller of both, and the entropy's share
    assert agent.last["losses/qf1_loss"].item() == pytest.approx((first**2 + 1) / 2)
    assert agent.last["losses/qf_loss"].item() == pytest.approx((first**2 + 1) / 2)
    expected = [-first, -1.0]  # d/dq of the mean of two squares
    assert found[0].tolist() == [pytest.approx(expected)] * 2


def transitions(num: int = 32, seed: int = 0) -> Transitions:
    rng = np.random.default_rng(seed)
    columns = [rng.normal(size=(num, *shape)) for shape in ((3,), (2,), (), (3,))]
    columns.append(rng.random(num) < 0.2)
    return Transitions(*(column.astype(np.float32) for column in columns))


def textbook_gradients(agent: script.Agent, data: Transitions) -> list[list[torch.Tensor]]:
    """Gradients of critics, policy and log alpha for one batch, by the formulas, term by term."""

    def value(qf: script.SoftQNetworks, k: int, x: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        h = torch.cat([x, a], 1)
        for i, (weight, bias) in enumerate(zip(qf.weights, qf.biases, strict=True)):
            h = torch.nn.functional.linear(h, weight[k], bias[k, :, 0])
            h = h.relu() if i < 2 else h
        return h[:, 0]

    def sample(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_std = agent.actor(x)
        noise = torch.randn_like(mean)
        u = mean + log_std.exp() * noise
        log_prob = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
        scale, bias = agent.actor.action_scale, agent.actor.action_bias
        log_prob = log_prob - scale.log() - 2 * (math.log(2) - u - torch.log1p(torch.exp(-2 * u)))
        return torch.tanh(u) * scale + bias, log_prob.sum(1)

    obs, actions, rewards, next_obs, terminated = map(torch.from_numpy, data)
    alpha = agent.log_alpha.detach().exp()
    with torch.no_grad():
        a, log_prob = sample(next_obs)
        worst = torch.minimum(*(value(agent.qf_target, k, next_obs, a) for k in range(2)))
        target = rewards + agent.args.gamma * (1 - terminated) * (worst - alpha * log_prob)
    errors = [(value(agent.qf, k, obs, actions) - target).square().mean() for k in range(2)]
    of_critics = torch.autograd.grad(sum(errors), list(agent.qf.parameters()))
    a, log_prob = sample(obs)
    worst = torch.minimum(*(value(agent.qf, k, obs, a) for k in range(2)))
    of_policy = torch.autograd.grad(
        (alpha * log_prob - worst).mean(), list(agent.actor.parameters())
    )
    of_alpha = -alpha * (log_prob.detach().mean() - 2)  # two dimensions of actions
    return [list(of_critics), list(of_policy), [of_alpha]]


def test_gradients_of_an_update_are_those_of_the_textbook() -> None:
    agent = make_agent()
    with torch.no_grad():
        agent.actor.fc_mean.weight.mul_(4)  # some actions near their bounds
        agent.log_alpha.fill_(-1.0)
    data, found = transitions(), []
    torch.manual_seed(3)
    expected = textbook_gradients(agent, data)
    for optimizer in (agent.q_optimizer, agent.actor_optimizer, agent.a_optimizer):
        optimizer.descend = lambda grads: found.append(list(grads))  # and nothing moves
    torch.manual_seed(3)  # the same noise, in the same order
    agent.update_critics(Transitions(*map(torch.from_numpy, data)))
    agent.update_actor(torch.from_numpy(data.obs))
    for ours, theirs in zip(found, expected, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    assert [len(grads) for grads in found] == [6, 8, 1]


@pytest.mark.parametrize("num", [1, 3, 16])
def test_actions_are_sampled_as_in_updates(num: int) -> None:
    agent = make_agent()
    obs = np.random.default_rng(0).normal(size=(num, 3)).astype(np.float32)
    torch.manual_seed(1)
    expected = agent.actor.get_action(torch.from_numpy(obs))[0].detach()
    state = torch.get_rng_state()
    torch.manual_seed(1)
    actions = agent.actor.act(obs)
    assert actions.dtype == np.float32
    torch.testing.assert_close(torch.from_numpy(actions), expected)
    assert torch.equal(torch.get_rng_state(), state)  # the rest of the run draws the same


def test_policy_without_measure_is_refused_by_its_update_and_not_by_acting() -> None:
    agent = make_agent()
    with torch.no_grad():
        for weight in (agent.actor.fc1.weight, agent.actor.fc2.weight):
            weight.fill_(3e38)  # their sums are infinite
    agent.actor.act(np.ones((1, 3), np.float32))  # a warning would be an error here
    with pytest.raises(FloatingPointError, match="losses/"):
        agent.update(transitions())


def test_update_stays_on_the_device_of_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    # torch refuses to mix tensors of "meta", which hold no numbers, with those of the processor
    monkeypatch.setattr(script, "choose_device", lambda name: torch.device("meta"))
    monkeypatch.setattr(script, "check_losses", lambda *numbers: None)
    agent, devices = make_agent(), []
    for optimizer in (agent.q_optimizer, agent.actor_optimizer, agent.a_optimizer):
        optimizer.descend = lambda grads: devices.extend(grad.device.type for grad in grads)
    agent.update(transitions(8))
    devices += [tensor.device.type for tensor in agent.state_dict().values()]
    devices.append(agent.log_prob(torch.zeros(4, 3), torch.zeros(4, 2)).device.type)
    assert set(devices) == {"meta"}


def test_gpu_that_is_not_there_is_refused_and_auto_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="`device` must be cpu or auto where torch finds no GPU"):
        run(tmp_path / "cuda", device="cuda")
    assert not (tmp_path / "cuda").exists()
    assert make_trainer(tmp_path, device="auto").agent.device == torch.device("cpu")


def test_run_of_a_gpu_goes_on_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, done = tmp_path / "run", script.Trainer.step
    flags = {"reward": "true", "total_timesteps": 80, "learning_starts": 20}

    def stop(trainer: script.Trainer, writer: RunWriter) -> None:
        if trainer.global_step == 30:
            raise KeyboardInterrupt
        done(trainer, writer)

    with monkeypatch.context() as other_machine:
        other_machine.setattr(torch.cuda, "is_available", lambda: True)
        other_machine.setattr(script, "choose_device", lambda name: torch.device("cpu"))
        other_machine.setattr(script.Trainer, "step", stop)
        with pytest.raises(KeyboardInterrupt):
            run(folder, device="cuda", **flags)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="where torch finds no GPU, got cuda"):
        train(Args(resume=folder))
    words = ["--resume", str(folder), "--device", "cpu"]
    assert train(script.arguments.parse_args(Args, words))["global_step"] == 80


def test_both_critics_are_computed_as_two_networks_would_be() -> None:
    agent = make_agent()
    x, a = torch.randn(5, 3), torch.randn(5, 2)
    values = agent.qf(x, a)
    for k in range(2):
        h = torch.cat([x, a], 1)
        for i in range(3):
            h = h @ agent.qf.weights[i][k].T + agent.qf.biases[i][k, :, 0]
            h = h.relu() if i < 2 else h
        torch.testing.assert_close(values[k], h[:, 0])
    assert not torch.equal(values[0], values[1])


def test_density_of_actions_is_that_of_a_squashed_gaussian() -> None:
    agent = make_agent()
    actions, log_prob = agent.actor.get_action(torch.randn(50, 3))
    low, high = torch.tensor([-1.0, -4.0]), torch.tensor([3.0, 4.0])
    assert ((actions > low) & (actions < high)).all()
    torch.manual_seed(1)
    x = torch.randn(50, 3)
    torch.manual_seed(2)
    actions, log_prob = agent.actor.get_action(x)
    mean, log_std = agent.actor(x)
    base = torch.distributions.Normal(mean, log_std.exp())
    squash = torch.distributions.TransformedDistribution(
        base,
        [
            torch.distributions.TanhTransform(),
            torch.distributions.AffineTransform((low + high) / 2, (high - low) / 2),
        ],
    )
    torch.testing.assert_close(log_prob, squash.log_prob(actions).sum(1), rtol=1e-3, atol=1e-3)


def test_temperature_rises_while_the_policy_is_too_certain() -> None:
    agent = make_agent(q_lr=0.1)
    with torch.no_grad():
        agent.actor.fc_logstd.bias.fill_(-9.0)  # the smallest deviation there is
    agent.update_actor(torch.randn(16, 3))
    assert agent.log_alpha.item() == pytest.approx(0.1, rel=1e-3)  # Adam's first step
    fixed = make_agent(autotune=False, alpha=0.3)
    fixed.update_actor(torch.randn(16, 3))
    assert fixed.log_alpha.item() == pytest.approx(math.log(0.3))


def test_policy_and_targets_are_updated_at_their_own_frequency() -> None:
    agent = make_agent(policy_frequency=3, target_network_frequency=2, tau=1.0)
    counts = {"actor": 0, "followed": 0}

    def count(obs: torch.Tensor) -> None:
        counts["actor"] += 1

    agent.update_actor = count
    rng = np.random.default_rng(0)
    for _ in range(6):
        shapes = ((8, 3), (8, 2), (8,), (8, 3), (8,))
        agent.update(Transitions(*(rng.normal(size=s).astype(np.float32) for s in shapes)))
        counts["followed"] += torch.equal(agent.qf.weights[0], agent.qf_target.weights[0])
    assert counts == {"actor": 6, "followed": 3}  # 3 in a go, twice; every second update


def test_agent_acts_at_random_and_does_not_learn_before_the_first_fit(tmp_path: Path) -> None:
    run(tmp_path / "run", learning_starts=100, explore="noise")
    metrics = read_metrics(tmp_path / "run")
    first_fit = metrics["rated/num_ratings"][0][0]
    assert first_fit == 300
    assert metrics["losses/qf_loss"][0][0] == 400  # the next row of the log


def test_exploring_agent_learns_before_the_first_fit_and_forgets_its_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resets = []
    reset_critics = script.Agent.reset_critics

    def note(agent: script.Agent) -> None:
        resets.append(getattr(agent, "num_updates", 0))
        reset_critics(agent)

    monkeypatch.setattr(script.Agent, "reset_critics", note)
    run(tmp_path / "run", explore="rnd")
    metrics = read_metrics(tmp_path / "run")
    assert metrics["losses/qf_loss"][0][0] == 200
    assert resets == [0, 100]  # when it was made, and by the fit at step 300


def test_replay_is_paid_by_the_model_of_now(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    with RunWriter(tmp_path / "run", {}, tensorboard=False) as writer:
        for _ in range(310):
            trainer.step(writer)
    model = trainer.stack.model
    assert model.ready
    for scale in (1.0, 4.0):
        model.set_scale(scale)
        batch = trainer.memory.sample(32, trainer.rng)
        assert batch.rewards.tolist() == model.predict(batch.obs, batch.actions).tolist()
        assert np.abs(batch.rewards).max() > 0
    obs, actions = trainer.next_obs, trainer.choose_actions()
    paid = trainer.stack.envs.step(actions)[1]  # what the wrapper pays for this step
    trainer.memory = script.ReplayMemory(9, 3, 1, tmp_path, trainer.stack.reward_fn)
    trainer.memory.add(obs, actions, obs, [False, False])
    sampled = trainer.memory.sample(32, trainer.rng).rewards
    assert {round(float(r), 5) for r in sampled} == {round(float(r), 5) for r in paid}


def test_true_reward_is_not_stored_where_ratings_pay(tmp_path: Path) -> None:
    widths = {
        reward: make_trainer(tmp_path, reward=reward).memory._rows.shape[1]
        for reward in ("rated", "true")
    }
    assert widths == {"rated": 3 + 1 + 3 + 1, "true": 3 + 1 + 3 + 1 + 1}


def test_saved_model_pays_another_run(tmp_path: Path) -> None:
    run(tmp_path / "first")
    folder = tmp_path / "first" / "reward_model"
    trainer = make_trainer(tmp_path, reward="model", reward_model=folder)
    with RunWriter(tmp_path / "run", {}, tensorboard=False) as writer:
        trainer.step(writer)
    batch = trainer.memory.sample(4, trainer.rng)
    expected = RewardEnsemble.load(folder).predict(batch.obs, batch.actions)
    assert batch.rewards.tolist() == expected.tolist()
    assert np.abs(batch.rewards).max() > 0


def test_actions_that_are_rated_were_taken(tmp_path: Path) -> None:
    run(tmp_path / "run")
    batch = RatingDataset.load(tmp_path / "run" / "ratings" / "ratings.npz").batch()
    taken = batch.actions[batch.mask]
    assert np.abs(taken).max() <= 2  # Pendulum's bounds
    assert taken.std() > 0.5


@pytest.mark.parametrize("env_id", ["CartPole-v1", "tests/Unbounded-v0"])
def test_actions_without_bounds_are_refused(tmp_path: Path, env_id: str) -> None:
    class Unbounded(gym.ActionWrapper):
        action_space = gym.spaces.Box(-np.inf, np.inf, (1,))

    gym.register(
        "tests/Unbounded-v0",
        entry_point=lambda **_: Unbounded(gym.make("Pendulum-v1").unwrapped),
        max_episode_steps=50,
    )
    try:
        with pytest.raises(TypeError, match=r"must have continuous, bounded actions \(.*\), got"):
            run(tmp_path / "run", env_id=env_id)
    finally:
        gym.registry.pop("tests/Unbounded-v0")
    assert not (tmp_path / "run").exists()


def test_checkpoints_leave_most_of_the_time_to_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, saves = [0.0], []

    def save_slowly(folder: Path, state: object) -> None:
        saves.append(now[0])
        now[0] += 3.0

    def step(trainer: script.Trainer, writer: RunWriter) -> None:
        trainer.global_step += 1
        now[0] += 1.0

    monkeypatch.setattr(script.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(script, "save_state", save_slowly)
    monkeypatch.setattr(script.Trainer, "step", step)
    run(tmp_path / "run", reward="none", num_envs=1, learning_starts=900, total_timesteps=150)
    # 3 s every 60 s of training, although one is due every 30 s; and one at the end
    assert np.diff(saves)[:-1].min() > 20 * 3
    assert len(saves) == 1 + 150 // 61 + 1


def test_flags_of_a_resumed_run_are_its_own(tmp_path: Path) -> None:
    run(tmp_path / "run", reward="none", seed=5)
    result = train(replace(Args(), resume=tmp_path / "run"))
    assert (result["seed"], result["reward"], result["global_step"]) == (5, "none", 600)


@pytest.mark.parametrize("repel_coef", [0.0, 1.0])
def test_policy_is_pushed_away_from_what_was_rated_worst(tmp_path: Path, repel_coef: float) -> None:
    trainer = make_trainer(tmp_path, repel_coef=repel_coef, policy_lr=1e-2)
    with RunWriter(tmp_path / "run", {}, tensorboard=False) as writer:
        for _ in range(150):
            trainer.step(writer)
    repulsion, log_prob = trainer.agent.repulsion, trainer.agent.log_prob
    assert len(repulsion) == (4 if repel_coef else 0)  # a fifth of the twenty
    repulsion.renew(trainer.stack.feedback.ratings.batch(), log_prob)
    assert repulsion.loss(log_prob).item() == pytest.approx(1.0)  # the whole margin
    trainer.agent.qf.forward = lambda x, a: torch.zeros(2, len(x))  # nothing else is worth a thing
    for _ in range(100):
        trainer.agent.update_actor(torch.zeros(4, 3))
    assert (repulsion.loss(log_prob).item() < 0.3) == bool(repel_coef)


def test_page_names_every_flag_and_every_tag_of_a_run(tmp_path: Path) -> None:
    docs = Path(__file__).parents[2] / "docs"
    page = (docs / "sac_continuous_action.md").read_text() + (docs / "scripts.md").read_text()
    flags = set(re.findall(r"^\| `--([\w-]+)` \|", page, flags=re.MULTILINE))
    assert {field.name.replace("_", "-") for field in fields(Args)} <= flags
    run(tmp_path / "run")
    tags = set(read_metrics(tmp_path / "run"))
    losses = {tag for tag in tags if tag.startswith(("losses/", "charts/"))}
    assert len(losses) > 8
    assert losses <= set(re.findall(r"`(\w+/\w+)`", page))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:round .* has fewer than two")  # one was left over for the last
@pytest.mark.parametrize("reward", ["rated", "true"])
def test_pendulum_is_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reward: str) -> None:
    monkeypatch.undo()  # the schedule of the flags
    sizes = {"network_width": 128, "batch_size": 128, "first_steps": 200, "later_steps": 50}
    sizes |= {"total_timesteps": 10_000, "num_envs": 1, "learning_starts": 1_000}
    run(tmp_path / "run", reward=reward, num_ratings=200, segment_length=(25,), **sizes)
    returns = read_metrics(tmp_path / "run")["charts/episodic_return"][1]
    assert returns[:5].mean() < -800
    assert returns[-10:].mean() > -400  # seed 1 gave -165 from ratings and -154 from the truth
