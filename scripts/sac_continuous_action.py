"""SAC for continuous actions, trained on a reward learned from ratings.

One file in CleanRL's names and order. The numbered comments are the numbered sections of
docs/sac_continuous_action.md, which says why each thing is as it is:

    python scripts/sac_continuous_action.py --env-id HalfCheetah-v5 --reward rated
    python scripts/sac_continuous_action.py --env-id HalfCheetah-v5 --reward true
"""

import math
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from gym_rated.assembly import arguments, session, stored
from gym_rated.assembly.devices import DeviceArgs, choose_device, use_one_thread
from gym_rated.assembly.ranges import Count, Positive, PositiveShare, Share, Whole
from gym_rated.checks import check_memory

SCRIPT = Path(__file__).stem  # in the name of the run's folder, and in its config.json

# 1. Flags
# (read before torch is imported, which takes seconds: --help does without)


@dataclass
class SACArgs:
    """Flags of SAC."""

    buffer_size: Count = 1_000_000
    """the replay memory buffer size, in transitions"""
    gamma: Share = 0.99
    """the discount factor gamma"""
    tau: PositiveShare = 0.005
    """target smoothing coefficient"""
    batch_size: Count = 256
    """the batch size of sample from the replay memory"""
    learning_starts: Whole = 5_000
    """timestep to start learning; until then actions are uniformly random"""
    policy_lr: Positive = 3e-4
    """the learning rate of the policy network optimizer"""
    q_lr: Positive = 1e-3
    """the learning rate of the Q networks and entropy coefficient optimizers"""
    policy_frequency: Count = 2
    """the frequency of training policy (delayed), in updates; the delay is made up for"""
    target_network_frequency: Count = 1
    """the frequency of updates for the target networks, in updates"""
    alpha: Positive = 0.2
    """entropy regularization coefficient, without autotune"""
    autotune: bool = True
    """automatic tuning of the entropy coefficient"""
    network_width: Count = 256
    """units in each of the two hidden layers of actor and Q networks"""


@dataclass
class Args(DeviceArgs, SACArgs, arguments.RunArgs):
    """Train SAC, whose actions must be a bounded Box, on a reward learned from ratings."""

    env_id: str = "HalfCheetah-v5"
    total_timesteps: int = 60_000
    num_envs: int = 1
    # SAC improves all along, so it is asked about in more and smaller rounds than PPO
    first_share: float = 0.1
    query_rounds: int = 18
    query_until: float = 0.6

    def check_agent(self) -> None:
        if self.features is not None:
            raise ValueError(
                f"`features` must be left out, got {self.features}: SAC computes rewards again "
                "from what its agent saw; scripts/ppo_continuous_action.py takes features"
            )
        width, batch_size = self.network_width, self.batch_size
        check_memory(15 * width**2, network_width=width)  # five, in Adam
        check_memory(12 * width * batch_size, batch_size=batch_size, network_width=width)
        for name in ("policy_frequency", "target_network_frequency"):
            if getattr(self, name) > self.total_timesteps:
                raise ValueError(
                    f"`{name}` must be at most `total_timesteps` = {self.total_timesteps}, which "
                    f"is as many updates as there can be, got {getattr(self, name)}"
                )
        if self.reward != "none" and self.learning_starts >= self.total_timesteps:
            raise ValueError(
                f"`learning_starts` must be below `total_timesteps` = {self.total_timesteps}, got "
                f"{self.learning_starts}: the agent would not learn at all"
            )


if __name__ == "__main__":
    ARGS = session.read_args(Args, SCRIPT)

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

import gym_rated.vector
from gym_rated.agents.adam import QuickAdam
from gym_rated.agents.finite import check_losses
from gym_rated.agents.replay_memory import ReplayMemory, Transitions
from gym_rated.agents.repulsion import Repulsion, squashed_log_prob
from gym_rated.assembly import parallel, parts
from gym_rated.assembly.beginning import begin_run
from gym_rated.assembly.stopping import told_when
from gym_rated.checkpoint import save_state
from gym_rated.checkpoint.finite import refuse_non_finite
from gym_rated.environments.finite import FiniteSteps
from gym_rated.ratings import RatingDataset
from gym_rated.runs import RunWriter, products
from gym_rated.runs.names import CHECKPOINT, SPEED
from gym_rated.runs.stack import load_stack_state, stack_state
from gym_rated.segments.encoding import ActionEncoder, ObservationEncoder

LOG_STD_MIN, LOG_STD_MAX = -5, 2
LOG_STD_BIAS, LOG_STD_SCALE = (LOG_STD_MAX + LOG_STD_MIN) / 2, (LOG_STD_MAX - LOG_STD_MIN) / 2
LOGGED_EVERY = 100  # steps of all environments

# 2. Environments


def make_envs(args: Args, run_dir: Path) -> gym.vector.VectorEnv:
    return parallel.make_envs(args, run_dir, "sac_continuous_action")


class Stack:
    """The wrapped environments, with handles on the layers that training talks to.

    Each wrapper sees what those below it let through, so their order is the method: the true return
    is counted below the rating wrappers. SAC has no transforms of its own above them.
    """

    def __init__(
        self, args: Args, run_dir: Path, on_ratings: Callable[[RatingDataset], None]
    ) -> None:
        self.args = args
        envs = make_envs(args, run_dir)
        lengths = parts.choose_lengths(args, envs.spec.max_episode_steps)
        self.statistics = gym.wrappers.vector.RecordEpisodeStatistics(envs)
        envs = FiniteSteps(self.statistics, rewards=parts.uses_true_rewards(args))

        # the reward: none passes the feedback wrapper, and the learned one takes its place
        self.rater = None
        self.learner = None
        self.model = None
        self.feedback = None
        if args.reward == "rated":
            device = choose_device(args.device)
            self.learner = parts.make_learner(args, envs, lengths, args.seed, device)
            self.model = self.learner.model
            self.rater = parts.make_rater(args, args.seed, run_dir, lengths)
            self.feedback = gym_rated.vector.RatingFeedbackWrapper(
                envs,
                self.rater,
                segment_length=lengths,
                schedule=parts.make_schedule(args, args.total_timesteps, args.num_envs, lengths),
                select=parts.make_selection(args, self.model),
                on_ratings=on_ratings,
                **parts.recording(args),
                seed=args.seed,
            )
            envs = self.feedback
        self.reward_fn = parts.make_reward_fn(args, envs, self.learner)
        if self.reward_fn is not None:
            envs = gym_rated.vector.LearnedRewardWrapper(envs, self.reward_fn)
        self.learned = gym.wrappers.vector.RecordEpisodeStatistics(envs, stats_key="seen")
        self.envs = self.learned

    @property
    def has_reward(self) -> bool:
        """Whether what the agent is paid means anything: before the first fit it is 0."""
        return self.model is None or self.model.ready or self.args.explore != "noise"


# 3. Networks


class SoftQNetworks(nn.Module):
    """Both Q networks in one batched pass per layer; columns are samples, which trains faster."""

    def __init__(self, obs_dim: int, action_dim: int, width: int) -> None:
        super().__init__()
        sizes = [obs_dim + action_dim, width, width, 1]
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for fan_in, fan_out in pairwise(sizes):
            bound = fan_in**-0.5  # as torch.nn.Linear begins
            self.weights.append(torch.empty(2, fan_out, fan_in).uniform_(-bound, bound))
            self.biases.append(torch.empty(2, fan_out, 1).uniform_(-bound, bound))

    def forward(self, x: Tensor, a: Tensor) -> Tensor:
        (w1, w2, w3), (b1, b2, b3) = self.weights, self.biases
        h = torch.cat([x, a], 1).T.expand(2, -1, -1)  # (2, D + A, B), a view
        h = torch.baddbmm(b1, w1, h).relu_()
        h = torch.baddbmm(b2, w2, h).relu_()
        return torch.baddbmm(b3, w3, h)[:, 0]  # (2, B)


class Actor(nn.Module):
    def __init__(self, obs_dim: int, space: gym.spaces.Box, width: int) -> None:
        super().__init__()
        low, high = torch.tensor(np.stack([space.low, space.high])).float().reshape(2, -1)
        self.fc1 = nn.Linear(obs_dim, width)
        self.fc2 = nn.Linear(width, width)
        self.fc_mean = nn.Linear(width, len(low))
        self.fc_logstd = nn.Linear(width, len(low))
        self.register_buffer("action_scale", (high - low) / 2.0)
        self.register_buffer("action_bias", (high + low) / 2.0)
        # what the density of an action has in it whatever the network says
        log_norm = self.action_scale.log() + math.log(4) + 0.5 * math.log(2 * math.pi)
        self.register_buffer("log_norm", log_norm.sum(), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.fc1(x).relu_()
        x = self.fc2(x).relu_()
        log_std = torch.tanh(self.fc_logstd(x)) * LOG_STD_SCALE + LOG_STD_BIAS
        return self.fc_mean(x), log_std

    def get_action(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Sample actions; returns them, (B, A), and the logarithm of their density, (B,)."""
        mean, log_std = self(x)
        noise = torch.randn(mean.shape).to(mean.device)  # the same numbers on every device
        x_t = torch.addcmul(mean, log_std.exp(), noise)  # a sample through which gradients flow
        # log(1 - tanh(x)^2) = 2 (log 2 - x - softplus(-2 x)) does not lose its digits
        log_prob = (2 * (x_t + F.softplus(-2 * x_t)) - log_std).sum(1)
        log_prob = log_prob - 0.5 * noise.square().sum(1) - self.log_norm
        return torch.addcmul(self.action_bias, torch.tanh(x_t), self.action_scale), log_prob

    def act(self, obs: np.ndarray) -> np.ndarray:
        """Sample actions as `get_action` does, in numpy: for few rows torch takes longer."""
        layers = (self.fc1, self.fc2, self.fc_mean, self.fc_logstd)
        (w1, b1), (w2, b2), (w3, b3), (w4, b4) = (
            (layer.weight.detach().cpu().numpy().T, layer.bias.detach().cpu().numpy())
            for layer in layers
        )
        scale, bias = self.action_scale.cpu().numpy(), self.action_bias.cpu().numpy()
        with np.errstate(over="ignore", invalid="ignore"):  # the next update refuses it
            x = np.maximum(obs @ w1 + b1, 0)
            x = np.maximum(x @ w2 + b2, 0)
            std = np.exp(np.tanh(x @ w4 + b4) * LOG_STD_SCALE + LOG_STD_BIAS)
            x_t = x @ w3 + b3 + std * torch.randn(std.shape).numpy()
            return np.tanh(x_t) * scale + bias


# 4. Updates


class Agent(nn.Module):
    def __init__(self, dims: tuple[int, int], space: gym.spaces.Box, args: Args) -> None:
        super().__init__()
        self.args = args
        self.device = choose_device(args.device)
        self.dims = dims  # of observations and actions
        self.actor = Actor(dims[0], space, args.network_width)
        self.log_alpha = nn.Parameter(torch.tensor(0.0 if args.autotune else math.log(args.alpha)))
        self.to(self.device)
        self.actor_parameters = list(self.actor.parameters())
        self.target_entropy = -float(dims[1])
        self.actor_optimizer = QuickAdam(self.actor_parameters, lr=args.policy_lr)
        self.a_optimizer = QuickAdam([self.log_alpha], lr=args.q_lr)
        self.reset_critics()
        self.repulsion = Repulsion(scale=args.scale, seed=args.seed)
        self.num_updates = 0
        self.last: dict[str, Tensor] = {}  # what the last updates are logged with

    def reset_critics(self) -> None:
        """Begin with fresh Q networks; PEBBLE's code does so where exploration ends."""
        self.qf = SoftQNetworks(*self.dims, self.args.network_width).to(self.device)
        self.qf_target = deepcopy(self.qf)
        self.qf_parameters = list(self.qf.parameters())
        self.target_parameters = list(self.qf_target.parameters())
        self.q_optimizer = QuickAdam(self.qf_parameters, lr=self.args.q_lr)

    def update(self, sampled: Transitions) -> None:
        """Learn from one batch, as the memory samples it."""
        data = Transitions(*(torch.from_numpy(column).to(self.device) for column in sampled))
        self.update_critics(data)
        if self.num_updates % self.args.policy_frequency == 0:
            for _ in range(self.args.policy_frequency):  # makes up for the delay
                self.update_actor(data.obs)
        if self.num_updates % self.args.target_network_frequency == 0:
            self.update_targets()
        self.num_updates += 1

    def update_critics(self, data: Transitions) -> None:
        with torch.no_grad():
            next_actions, next_log_pi = self.actor.get_action(data.next_obs)
            # the smaller of both values, as each overestimates where it errs; then the entropy
            qf_next = self.qf_target(data.next_obs, next_actions).amin(0)
            qf_next = qf_next - self.log_alpha.exp() * next_log_pi
            # a terminal state is worth nothing; a state at the time limit is worth its value
            next_q_value = data.rewards + (1 - data.terminated) * self.args.gamma * qf_next
        qf_values = self.qf(data.obs, data.actions)  # (2, B)
        qf_losses = (qf_values - next_q_value).square().mean(1)  # (2,)
        total = qf_losses.sum()
        check_losses(total, {"losses/qf1_loss": qf_losses[0], "losses/qf2_loss": qf_losses[1]})
        self.q_optimizer.descend(torch.autograd.grad(total, self.qf_parameters))

        means, losses = qf_values.detach().mean(1), qf_losses.detach()
        self.last["losses/qf1_values"] = means[0]
        self.last["losses/qf2_values"] = means[1]
        self.last["losses/qf1_loss"] = losses[0]
        self.last["losses/qf2_loss"] = losses[1]
        self.last["losses/qf_loss"] = losses.mean()

    def update_actor(self, obs: Tensor) -> None:
        pi, log_pi = self.actor.get_action(obs)
        alpha = self.log_alpha.detach().exp()
        actor_loss = (alpha * log_pi - self.qf(obs, pi).amin(0)).mean()
        if self.args.repel_coef:
            actor_loss = actor_loss + self.args.repel_coef * self.repulsion.loss(self.log_prob)
        alpha_loss = -alpha * (log_pi.detach().mean() + self.target_entropy)
        losses = {"losses/actor_loss": actor_loss, "losses/alpha_loss": alpha_loss}
        check_losses(actor_loss.detach() + alpha_loss, losses | {"losses/alpha": alpha})
        # through the Q networks, but not into their weights
        grads = torch.autograd.grad(actor_loss, self.actor_parameters)
        self.actor_optimizer.descend(grads)

        if self.args.autotune:
            self.a_optimizer.descend([alpha_loss])  # in log alpha it is its own derivative
        self.last["losses/actor_loss"] = actor_loss.detach()
        self.last["losses/alpha"] = alpha
        self.last["losses/alpha_loss"] = alpha_loss

    def update_targets(self) -> None:
        with torch.no_grad():
            torch._foreach_lerp_(self.target_parameters, self.qf_parameters, self.args.tau)

    def log_prob(self, obs: Tensor, actions: Tensor) -> Tensor:
        """How likely actions are, up to a constant, as `Repulsion` takes it; shape (B,)."""
        obs, actions = obs.to(self.device), actions.to(self.device)
        mean, log_std = self.actor(obs)
        bias, scale = self.actor.action_bias, self.actor.action_scale
        std = log_std.exp().detach()
        return squashed_log_prob(mean, std, actions, bias - scale, bias + scale)


# 5. Steps


class Trainer:
    """Everything that a run is made of, and that its checkpoints hold."""

    def __init__(self, args: Args, run_dir: Path) -> None:
        self.args = args
        torch.manual_seed(args.seed)
        use_one_thread()
        self.stack = Stack(args, run_dir, self.fit_reward)
        envs = self.stack.envs
        self.action_space = envs.single_action_space
        self.encode_obs = ObservationEncoder(envs.single_observation_space, None, args.num_envs)
        self.encode_actions = ActionEncoder(self.action_space, args.num_envs)
        dims = (self.encode_obs.dim, self.encode_actions.dim)
        self.agent = Agent(dims, self.action_space, args)
        # with a reward function the memory holds no rewards: they are computed when it is sampled
        size = min(args.buffer_size, args.total_timesteps + args.extra_steps + args.num_envs)
        self.memory = ReplayMemory(size, *dims, run_dir / "replay_memory", self.stack.reward_fn)
        self.rng = np.random.default_rng(args.seed)
        self.global_step = 0
        self.fitted_changes = 0  # of the ratings, up to the last fit
        self.report: dict[str, Any] | None = None  # about the last fit
        self.unlogged: list[dict[str, Any]] = []
        self.next_obs = self.encode_obs(envs.reset()[0]).copy()
        self.next_done = np.zeros(args.num_envs, np.bool_)

    @property
    def is_learning(self) -> bool:
        """Whether there is a reward to learn from; before, the agent acts at random."""
        return self.global_step >= self.args.learning_starts and self.stack.has_reward

    def choose_actions(self) -> np.ndarray:
        """Actions of all environments, shape (N, A), within the bounds of their space."""
        space = self.action_space
        shape = (self.args.num_envs, *space.shape)
        if not self.is_learning:
            return self.encode_actions(self.rng.uniform(space.low, space.high, shape))
        return self.encode_actions(self.agent.actor.act(self.next_obs).reshape(shape))

    def step(self, writer: RunWriter) -> None:
        """Step the environments, and remember what happened."""
        obs, actions = self.next_obs, self.choose_actions()
        self.global_step += self.args.num_envs
        space = self.action_space
        executed = actions.reshape(-1, *space.shape).astype(space.dtype)
        next_obs, rewards, terminations, truncations, _ = self.stack.envs.step(executed)
        self.next_obs = self.encode_obs(next_obs).copy()
        valid = ~self.next_done  # next-step autoreset: after a done comes a reset, not a step
        columns = [obs, actions, self.next_obs, terminations]
        if self.stack.reward_fn is None:
            columns.append(rewards)
        self.memory.add(*(column[valid] for column in columns))
        self.next_done = terminations | truncations
        if self.next_done.any():
            self.log_episodes(writer, int(self.next_done.sum()))
        self.log_fits(writer)

    def log_fits(self, writer: RunWriter) -> None:
        while self.unlogged:
            writer.log(self.global_step, self.unlogged.pop())

    def update(self) -> None:
        """One update of the agent for each environment that was stepped."""
        for _ in range(self.args.num_envs):
            self.agent.update(self.memory.sample(self.args.batch_size, self.rng))

    def log_episodes(self, writer: RunWriter, count: int) -> None:
        learned = None if self.stack.feedback is None else self.stack.learned
        for row in products.episode_rows(count, self.stack.statistics, learned):
            writer.log(self.global_step, row)

    # 6. Reward model

    def take_ratings(self) -> None:
        """Fit the reward model to what has come in, however little it is."""
        if self.stack.feedback is not None:
            self.stack.feedback.collect()
            self.fit_reward(self.stack.feedback.ratings)

    def fit_reward(self, ratings: RatingDataset) -> None:
        """Fit the reward model; the feedback wrapper calls this when enough ratings are new."""
        if ratings.num_changes == self.fitted_changes:
            return
        self.fitted_changes = ratings.num_changes
        had_reward = self.stack.model.ready
        progress = min(1.0, self.global_step / self.args.total_timesteps)
        report = self.stack.learner.fit(ratings, progress=progress)
        truth = self.stack.feedback.judge(self.stack.model.predict)
        report = report.with_truth(truth)  # for the log alone
        self.report = report.as_dict()
        if self.stack.model.ready and not had_reward:
            self.agent.reset_critics()  # they may have learned the value of a bonus
        if self.args.repel_coef:
            self.agent.repulsion.renew(ratings.batch(), self.agent.log_prob)
        self.unlogged.append(products.fit_row(report))  # within a step there is no writer

    # 7. Checkpoints

    def parts(self) -> dict[str, Any]:
        """What has a state of its own, beside the environments."""
        agent = self.agent
        parts = {
            "q_optimizer": agent.q_optimizer,
            "actor_optimizer": agent.actor_optimizer,
            "a_optimizer": agent.a_optimizer,
            "repulsion": agent.repulsion,
            "agent": agent,
            "memory": self.memory,
        }
        if self.stack.learner is not None:
            parts["learner"] = self.stack.learner
        return parts

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the run depends on."""
        parts = {name: part.state_dict() for name, part in self.parts().items()}
        refuse_non_finite(parts, "state")
        return {
            "args": stored.args_state(self.args),
            "counters": [self.global_step, self.agent.num_updates, self.fitted_changes],
            "report": self.report,
            "next": [self.next_obs, self.next_done],
            "last": self.agent.last,
            "rng": [self.rng.bit_generator.state, torch.get_rng_state()],
            "envs": stack_state(self.stack.envs),
            "parts": parts,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        # first the environments, which repeat their open episodes and use random numbers for it
        load_stack_state(self.stack.envs, state["envs"])
        for name, part in self.parts().items():
            part.load_state_dict(state["parts"][name])
        self.global_step, self.agent.num_updates, self.fitted_changes = state["counters"]
        self.report = state.get("report")  # older checkpoints have none
        self.next_obs, self.next_done = state["next"]
        self.agent.last = state["last"]
        self.rng.bit_generator.state = state["rng"][0]
        torch.set_rng_state(state["rng"][1])

    def policy(self) -> dict[str, Tensor]:
        return self.agent.state_dict()


# 8. Training loop


def train(args: Args) -> dict[str, Any]:
    """Train one agent; returns its result, as the run's folder has it."""
    with begin_run(args, SCRIPT) as start:
        if start.result is not None:
            return start.result  # the run is finished
        trainer = Trainer(start.args, start.run_dir)
        if start.state is not None:
            session.restore(trainer, start.state, start.run_dir)
        bar = session.progress_bar(start.args, trainer.global_step)
        writer = session.open_writer(start, trainer)
        with writer, bar, told_when(trainer, start.run_dir):
            return run(trainer, writer, bar)


def run(trainer: Trainer, writer: RunWriter, bar: tqdm) -> dict[str, Any]:
    args, stack, run_dir = trainer.args, trainer.stack, writer.folder
    first_step, start_time = trainer.global_step, time.monotonic()
    save_time, sps = -float("inf"), 0.0
    pacing = session.make_pacing(args, trainer, writer)
    while trainer.global_step < args.total_timesteps + args.extra_steps:
        # people are slow: wait for them where too many segments are unanswered
        if pacing.hold(trainer.global_step, rest=trainer.global_step >= args.total_timesteps):
            trainer.take_ratings()
        trainer.step(writer)
        if trainer.is_learning:
            trainer.update()

        if trainer.global_step // args.num_envs % LOGGED_EVERY == 0:
            refuse_non_finite(trainer.agent.state_dict(), "agent")
            sps = (trainer.global_step - first_step) / (time.monotonic() - start_time)
            writer.log(trainer.global_step, trainer.agent.last | {SPEED: sps})
            bar.update(LOGGED_EVERY * args.num_envs)
            bar.set_postfix(true_return=products.score_of(stack.statistics.return_queue))
        if time.monotonic() > save_time:
            begin = time.monotonic()
            save_state(run_dir / CHECKPOINT, writer.stamp(trainer.state_dict()))
            end = time.monotonic()
            # the memory makes checkpoints slow: they take at most a twentieth of the time
            save_time = end + max(args.checkpoint_every_s, 20 * (end - begin))
    pacing.hold(trainer.global_step, rest=True)  # for the last answers
    trainer.take_ratings()
    trainer.log_fits(writer)
    save_state(run_dir / CHECKPOINT, writer.stamp(trainer.state_dict()))
    result = session.finish_run(trainer, writer, sps)
    pacing.close()
    stack.envs.close()
    return result


if __name__ == "__main__":
    sys.exit(session.run(train, ARGS, SCRIPT))
