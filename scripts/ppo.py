"""PPO for discrete actions, trained on a reward learned from ratings.

One file in CleanRL's names and order. The numbered comments are the numbered sections of
docs/ppo.md, which says why each thing is as it is:

    python scripts/ppo.py --env-id CartPole-v1 --reward rated
    python scripts/ppo.py --env-id CartPole-v1 --reward true
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from gym_rated.assembly import arguments, session, stored
from gym_rated.assembly.devices import DeviceArgs, choose_device, use_one_thread
from gym_rated.assembly.ranges import Count, NotNegative, Positive, Share
from gym_rated.checks import check_memory

SCRIPT = Path(__file__).stem  # in the name of the run's folder, and in its config.json

# 1. Flags
# (read before torch is imported, which takes seconds: --help does without)


@dataclass
class PPOArgs:
    """Flags of PPO."""

    learning_rate: Positive = 8e-4
    """the learning rate of the optimizer"""
    num_steps: Count = 128
    """the number of steps to run in each environment per policy rollout"""
    anneal_lr: bool = True
    """toggle learning rate annealing for policy and value networks"""
    gamma: Share = 0.99
    """the discount factor gamma"""
    gae_lambda: Share = 0.95
    """the lambda for the general advantage estimation"""
    num_minibatches: Count = 8
    """the number of mini-batches"""
    update_epochs: Count = 10
    """the K epochs to update the policy"""
    norm_adv: bool = True
    """toggles advantages normalization"""
    clip_coef: Positive = 0.2
    """the surrogate clipping coefficient"""
    clip_vloss: bool = False
    """toggles whether or not to use a clipped loss for the value function"""
    ent_coef: NotNegative = 0.01
    """coefficient of the entropy"""
    vf_coef: NotNegative = 0.5
    """coefficient of the value function"""
    max_grad_norm: Positive = 0.5
    """the maximum norm for the gradient clipping"""


@dataclass
class Args(DeviceArgs, PPOArgs, arguments.RunArgs):
    """Train PPO, whose actions must be discrete, on a reward learned from ratings."""

    env_id: str = "CartPole-v1"
    total_timesteps: int = 200_000
    num_envs: int = 16

    @property
    def trained_timesteps(self) -> int:
        """Whole rollouts, at least one."""
        batch_size = self.num_envs * self.num_steps
        return batch_size * max(1, self.total_timesteps // batch_size)

    def check_agent(self) -> None:
        num_envs, num_steps = self.num_envs, self.num_steps
        check_memory(num_envs * num_steps, num_envs=num_envs, num_steps=num_steps)
        if num_envs * num_steps > self.total_timesteps:
            raise ValueError(
                "`total_timesteps` must be enough for a rollout, `num_envs` * `num_steps` = "
                f"{num_envs * num_steps}, got {self.total_timesteps}; train for longer, or take "
                "shorter rollouts"
            )


if __name__ == "__main__":
    ARGS = session.read_args(Args, SCRIPT)

import gymnasium as gym
import numpy as np
import torch
from gymnasium.wrappers.utils import RunningMeanStd
from torch import Tensor, nn, optim
from tqdm import tqdm

import gym_rated
import gym_rated.vector
from gym_rated.agents.acting import as_numpy
from gym_rated.agents.finite import check_losses
from gym_rated.agents.flat import flat_state, flatten_parameters
from gym_rated.agents.repulsion import Repulsion
from gym_rated.assembly import parallel, parts
from gym_rated.assembly.beginning import begin_run
from gym_rated.assembly.stopping import told_when
from gym_rated.checkpoint import save_state
from gym_rated.checkpoint.finite import refuse_non_finite
from gym_rated.environments.finite import FiniteSteps
from gym_rated.runs import RunWriter, products
from gym_rated.runs.names import CHECKPOINT, SPEED
from gym_rated.runs.stack import load_stack_state, stack_state
from gym_rated.segments.choices import choices_of
from gym_rated.segments.images import image_sizes, is_image

# 2. Environments


def make_envs(args: Args, run_dir: Path) -> gym.vector.VectorEnv:
    return parallel.make_envs(args, run_dir, "ppo")


class Stack:
    """The wrapped environments, with handles on the layers that training talks to.

    Each wrapper sees what those below it let through, so their order is the method: the true return
    is counted below the rating wrappers, and the agent's transforms are above them.
    """

    def __init__(self, args: Args, run_dir: Path) -> None:
        self.args = args
        envs = make_envs(args, run_dir)
        lengths = parts.choose_lengths(args, envs.spec.max_episode_steps)
        self.statistics = gym.wrappers.vector.RecordEpisodeStatistics(envs)
        envs = FiniteSteps(self.statistics, rewards=parts.uses_true_rewards(args))

        # the reward: none passes the feedback wrapper, and the learned one takes its place
        features = parts.features_of(args, envs.single_observation_space)
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
                features=features,
                **parts.recording(args),
                seed=args.seed,
            )
            envs = self.feedback
        self.reward_fn = parts.make_reward_fn(args, envs, self.learner)
        if self.reward_fn is not None:
            envs = gym_rated.vector.LearnedRewardWrapper(envs, self.reward_fn, features=features)
        self.learned = gym.wrappers.vector.RecordEpisodeStatistics(envs, stats_key="seen")

        # the agent's own transforms, the same in every arm; images are scaled by its encoder
        envs, self.normalize_observation = self.learned, None
        if not is_image(envs.single_observation_space):
            envs = gym.wrappers.vector.FlattenObservation(envs)
            envs = self.normalize_observation = gym.wrappers.vector.NormalizeObservation(envs)
        self.normalize_reward = gym.wrappers.vector.NormalizeReward(envs, gamma=args.gamma)
        self.envs = self.normalize_reward

    @property
    def has_reward(self) -> bool:
        """Whether what the agent is paid means anything: before the first fit it is 0."""
        return self.model is None or self.model.ready or self.args.explore != "noise"

    @property
    def paid(self) -> str:
        """Whether the agent is paid a bonus for new states, a reward, or both."""
        return getattr(self.reward_fn, "paid", "learned")


def as_obs(obs: np.ndarray) -> np.ndarray:
    is_pixels = obs.dtype == np.uint8  # which the encoder scales; all else is normalised
    return obs if is_pixels else np.clip(obs, -10, 10).astype(np.float32)


# 3. Networks

IMAGE_DIM = 128  # numbers that policy and value see of an image


def layer_init(layer: nn.Module, std: float = np.sqrt(2), bias_const: float = 0.0) -> nn.Linear:
    torch.nn.init.orthogonal_(layer.weight, std)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer


class Pixels(nn.Module):
    """Images (B, H, W) or (B, H, W, C) of numbers to 255 become (B, C, H, W) of numbers to 1."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:3], -1).permute(0, 3, 1, 2) / 255


def make_encoder(space: gym.spaces.Box) -> nn.Sequential:
    """What turns images into vectors of `IMAGE_DIM` numbers; no layers where there are vectors."""
    if not is_image(space):
        return nn.Sequential()
    height, width, depth = image_sizes(space.shape)
    layers = [Pixels()]
    for channels in (16, 32, 32):  # each layer halves height and width
        layers += [layer_init(nn.Conv2d(depth, channels, 3, stride=2, padding=1)), nn.ReLU()]
        height, width, depth = (height + 1) // 2, (width + 1) // 2, channels
    layers += [nn.Flatten(), layer_init(nn.Linear(depth * height * width, IMAGE_DIM)), nn.ReLU()]
    return nn.Sequential(*layers)


class Agent(nn.Module):
    def __init__(self, envs: gym.vector.VectorEnv) -> None:
        super().__init__()
        self.encoder = make_encoder(envs.single_observation_space)  # shared by policy and value
        obs_dim = int(np.prod(envs.single_observation_space.shape))
        if len(self.encoder):
            obs_dim = IMAGE_DIM
        self.num_choices = choices_of(envs.single_action_space)[0].tolist()
        self.critic = nn.Sequential(
            layer_init(nn.Linear(obs_dim, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 1), std=1.0),
        )
        # small last weights: at first all actions are about as probable
        self.actor = nn.Sequential(
            layer_init(nn.Linear(obs_dim, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, sum(self.num_choices)), std=0.01),
        )

    def encode(self, obs: Tensor) -> Tensor:
        """What the networks below see; images become vectors in parts, which takes less memory."""
        if not len(self.encoder):
            return obs
        return torch.cat([self.encoder(images) for images in obs.split(1_024)])

    def get_value(self, x: Tensor) -> Tensor:
        return self.critic(x).squeeze(1)

    def get_logprob_and_entropy(self, x: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """How likely actions are to be drawn, shape (B,), and the mean entropy, shape ()."""
        logprob, entropy = x.new_zeros(len(x)), x.new_zeros(())
        # one distribution for each of K choices, which are independent: Discrete has one
        logits = self.actor(x).split(self.num_choices, 1)
        for one, chosen in zip(logits, action.unbind(1), strict=True):
            log_probs = one.log_softmax(1)
            logprob = logprob + log_probs.gather(1, chosen[:, None]).squeeze(1)
            entropy = entropy - (log_probs.exp() * log_probs).sum(1).mean()
        return logprob, entropy


# 4. Rollout


@dataclass
class Rollout:
    """One rollout of T steps of N environments; rows with `valid` False are resets, not steps."""

    obs: np.ndarray  # (T + 1, N, D) or images, the last what the next rollout begins with
    actions: np.ndarray  # (T, N, K) from 0
    rewards: np.ndarray  # (T, N)
    terminations: np.ndarray  # (T, N) the step ended its episode in a terminal state
    dones: np.ndarray  # (T, N) the step ended its episode, for whatever reason
    valid: np.ndarray  # (T, N)

    @classmethod
    def empty(cls, args: Args, envs: gym.vector.VectorEnv) -> "Rollout":
        shape = (args.num_steps, args.num_envs)
        space = envs.single_observation_space
        obs_dtype = np.uint8 if is_image(space) else np.float32
        num_choices = len(choices_of(envs.single_action_space)[0])
        return cls(
            np.zeros((args.num_steps + 1, args.num_envs, *space.shape), obs_dtype),
            np.zeros((*shape, num_choices), np.int64),
            np.zeros(shape, np.float32),
            *(np.zeros(shape, np.bool_) for _ in range(3)),
        )


class Batch(NamedTuple):
    """Steps of a rollout without their order in time; B steps."""

    obs: Tensor  # (B, D) or images
    actions: Tensor  # (B, K) from 0
    logprobs: Tensor  # (B,)
    advantages: Tensor  # (B,)
    returns: Tensor  # (B,)
    values: Tensor  # (B,)


class Trainer:
    """Everything that a run is made of, and that its checkpoints hold."""

    def __init__(self, args: Args, run_dir: Path) -> None:
        self.args = args
        torch.manual_seed(args.seed)
        use_one_thread()
        self.stack = Stack(args, run_dir)
        self.device = choose_device(args.device)
        self.agent = Agent(self.stack.envs).to(self.device)
        self.parameters = flatten_parameters(self.agent)  # one for the optimizer, which is faster
        self.optimizer = optim.Adam([self.parameters], args.learning_rate, eps=1e-5, fused=True)
        self.rollout = Rollout.empty(args, self.stack.envs)
        self.rng = np.random.default_rng(args.seed)
        self.first_actions = choices_of(self.stack.envs.single_action_space)[1]
        self.repulsion = Repulsion(scale=args.scale, seed=args.seed)
        self.iteration = 0
        self.global_step = 0
        self.fitted_changes = 0  # of the ratings, up to the last fit
        self.report: dict[str, Any] | None = None  # about the last fit
        self.next_obs = as_obs(self.stack.envs.reset()[0])
        self.next_done = np.zeros(args.num_envs, np.bool_)

    def collect_rollout(self, writer: RunWriter) -> None:
        """Step the environments; the policy does not change meanwhile, nor does the reward."""
        r, envs = self.rollout, self.stack.envs
        space = envs.single_action_space
        # acting in numpy: what torch computes is computed after the rollout, in one pass
        actor = as_numpy(nn.Sequential(*self.agent.encoder, *self.agent.actor))
        borders = np.cumsum(self.agent.num_choices)[:-1]
        # the largest of logits with Gumbel noise is a sample of their softmax
        shape = (*r.actions.shape[:2], sum(self.agent.num_choices))
        noise = -torch.empty(shape).exponential_().log().numpy()
        # zeros would drive the deviation towards 0, and the first learned rewards into the clip
        self.stack.normalize_reward.update_running_mean = self.stack.has_reward
        for step in range(self.args.num_steps):
            self.global_step += self.args.num_envs
            r.obs[step] = self.next_obs
            r.valid[step] = ~self.next_done  # next-step autoreset: after a done comes a reset
            scores = actor(self.next_obs) + noise[step]
            choices = [one.argmax(1) for one in np.split(scores, borders, 1)]
            r.actions[step] = np.stack(choices, 1)

            executed = self.first_actions + r.actions[step]
            executed = executed.reshape(-1, *space.shape).astype(space.dtype)
            next_obs, reward, terminations, truncations, _ = envs.step(executed)
            self.next_obs, self.next_done = as_obs(next_obs), terminations | truncations
            r.rewards[step] = reward.clip(-10, 10)
            r.terminations[step] = terminations
            r.dones[step] = self.next_done
            if self.next_done.any():
                self.log_episodes(writer, int(self.next_done.sum()))
        r.obs[-1] = self.next_obs
        # a variance that overflowed would turn all further rewards into zeros
        moments = vars(self.stack.normalize_reward.return_rms)
        refuse_non_finite(moments, "statistics of rewards", "rewards must be scaled down")

    def log_episodes(self, writer: RunWriter, count: int) -> None:
        learned = None if self.stack.feedback is None else self.stack.learned
        for row in products.episode_rows(count, self.stack.statistics, learned):
            writer.log(self.global_step, row)

    # 5. Reward model

    def fit_reward(self, writer: RunWriter) -> None:
        """Fit the reward model if ratings came in or changed since the last fit."""
        feedback = self.stack.feedback
        if feedback is None:
            return
        feedback.collect()
        if feedback.ratings.num_changes == self.fitted_changes:
            return
        self.fitted_changes = feedback.ratings.num_changes
        progress = min(1.0, self.global_step / self.args.total_timesteps)
        paid = self.stack.paid
        report = self.stack.learner.fit(feedback.ratings, progress=progress)
        if self.stack.paid != paid:  # a bonus began or ended, and is on another scale
            self.stack.normalize_reward.return_rms = RunningMeanStd(shape=())
        report = report.with_truth(feedback.judge(self.stack.model.predict))  # for the log alone
        self.report = report.as_dict()
        writer.log(self.global_step, products.fit_row(report))
        if self.args.repel_coef:
            self.repulsion.renew(feedback.ratings.batch(), self.log_prob)

    def log_prob(self, obs: Tensor, actions: Tensor) -> Tensor:
        """How likely rated actions are, shape (B,), from raw observations and encoded actions."""
        seen = self.agent.encode(self.as_seen(obs).to(self.device))
        actions = actions.to(self.device)
        logits = self.agent.actor(seen)
        log_probs = [one.log_softmax(1) for one in logits.split(self.agent.num_choices, 1)]
        if isinstance(self.stack.envs.single_action_space, gym.spaces.MultiBinary):
            actions = torch.stack([1 - actions, actions], 2).flatten(1)
        return (torch.cat(log_probs, 1) * actions).sum(1)

    def as_seen(self, obs: Tensor) -> Tensor:
        """Raw observations (B, D) as the agent sees them, as ratings are of what lies below."""
        if self.stack.normalize_observation is None:
            return obs.view(-1, *self.stack.envs.single_observation_space.shape)
        rms = self.stack.normalize_observation.obs_rms
        return torch.from_numpy(as_obs((obs.numpy() - rms.mean) / np.sqrt(rms.var + 1e-8)))

    # 6. Advantages

    def compute_values(self) -> np.ndarray:
        """Values of all observations of the rollout, shape (T + 1, N)."""
        obs = torch.from_numpy(self.rollout.obs).to(self.device)
        with torch.no_grad():
            seen = self.agent.encode(obs.flatten(0, 1))
            return self.agent.get_value(seen).view(obs.shape[:2]).cpu().numpy()

    def compute_advantages(self, values: np.ndarray) -> np.ndarray:
        """Generalised advantages, shape (T, N); time limits are bootstrapped.

        After the end of an episode the next row holds its last observation (next-step autoreset),
        so its value is there for truncated episodes.
        """
        args, r = self.args, self.rollout
        # a terminal state is worth nothing; a state at the time limit is worth its value
        deltas = r.rewards + args.gamma * values[1:] * ~r.terminations - values[:-1]
        # at both ends nothing flows back from the row after, which is of a reset
        decays = np.float32(args.gamma * args.gae_lambda) * ~r.dones
        advantages = np.zeros_like(r.rewards)
        lastgaelam = np.zeros_like(r.rewards[0])
        for t in reversed(range(args.num_steps)):
            advantages[t] = lastgaelam = deltas[t] + decays[t] * lastgaelam
        return advantages

    # 7. Policy update

    def make_batch(self) -> Batch:
        """The steps of the rollout; rows of resets teach nothing."""
        r, values = self.rollout, self.compute_values()
        advantages = self.compute_advantages(values)
        columns = [r.obs[:-1], r.actions, advantages, advantages + values[:-1], values[:-1]]
        tensors = (torch.from_numpy(column[r.valid]).to(self.device) for column in columns)
        obs, actions, *rest = tensors
        with torch.no_grad():
            seen = self.agent.encode(obs)
            logprobs, _ = self.agent.get_logprob_and_entropy(seen, actions)
        return Batch(obs, actions, logprobs, *rest)

    def update_policy(self, batch: Batch) -> dict[str, float]:
        """Learn from the steps of a rollout; returns a row of metrics."""
        args, num_steps = self.args, len(batch.obs)
        if not num_steps:
            return {}
        logratios = []
        for _ in range(args.update_epochs):
            b_inds = torch.from_numpy(self.rng.permutation(num_steps)).to(self.device)
            shuffled = [column[b_inds] for column in batch]  # once, so that each part is a view
            num_minibatches = min(args.num_minibatches, num_steps)
            parts = [column.tensor_split(num_minibatches) for column in shuffled]
            for columns in zip(*parts, strict=True):
                losses, logratio = self.update_minibatch(Batch(*columns))
                logratios.append(logratio)
        refuse_non_finite(self.agent.state_dict(), "agent")
        row = {tag: value.item() for tag, value in losses.items()}
        # http://joschu.net/blog/kl-approx.html: unbiased, never negative, of low variance
        row["losses/approx_kl"] = (logratio.expm1() - logratio).mean().item()
        is_clipped = torch.cat(logratios).expm1().abs() > args.clip_coef
        row["losses/clipfrac"] = is_clipped.float().mean().item()
        row["losses/explained_variance"] = explained_variance(batch.values, batch.returns)
        return row

    def update_minibatch(self, mb: Batch) -> tuple[dict[str, Tensor], Tensor]:
        """Take one gradient step; returns what it is logged with, and the log-ratios, (B,)."""
        args = self.args
        seen = self.agent.encode(mb.obs)
        newlogprob, entropy = self.agent.get_logprob_and_entropy(seen, mb.actions)
        logratio = newlogprob - mb.logprobs
        ratio = logratio.exp()

        advantages = mb.advantages
        if args.norm_adv:
            std, mean = torch.std_mean(advantages, correction=0)
            advantages = (advantages - mean) / (std + 1e-8)
        # the worse of both: no gain from moving the ratio beyond the clip, but always a loss
        clipped = torch.clamp(ratio, 1 - args.clip_coef, 1 + args.clip_coef)
        pg_loss = -torch.min(advantages * ratio, advantages * clipped).mean()

        v_loss = self.value_loss(self.agent.get_value(seen), mb)
        loss = pg_loss - args.ent_coef * entropy + v_loss * args.vf_coef
        if args.repel_coef:
            loss = loss + args.repel_coef * self.repulsion.loss(self.log_prob)

        losses = {
            "losses/value_loss": v_loss,
            "losses/policy_loss": pg_loss,
            "losses/entropy": entropy,
        }
        self.optimizer.zero_grad(set_to_none=False)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.parameters, args.max_grad_norm)
        check_losses(loss + norm, losses | {"losses/gradient_norm": norm})
        self.optimizer.step()
        return losses, logratio.detach()

    def value_loss(self, newvalue: Tensor, mb: Batch) -> Tensor:
        v_loss = (newvalue - mb.returns) ** 2
        if self.args.clip_vloss:
            change = (newvalue - mb.values).clamp(-self.args.clip_coef, self.args.clip_coef)
            v_clipped = mb.values + change
            v_loss = torch.max(v_loss, (v_clipped - mb.returns) ** 2)
        return 0.5 * v_loss.mean()

    # 8. Checkpoints

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the run depends on."""
        state = {
            "args": stored.args_state(self.args),
            "counters": [self.iteration, self.global_step, self.fitted_changes],
            "report": self.report,
            "next": [self.next_obs, self.next_done],
            "agent": self.agent.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": [self.rng.bit_generator.state, torch.get_rng_state()],
            "repulsion": self.repulsion.state_dict(),
            "envs": stack_state(self.stack.envs),
        }
        if self.stack.learner is not None:
            state["learner"] = self.stack.learner.state_dict()
        for name in ("next", "agent", "optimizer", "repulsion"):
            refuse_non_finite(state[name], name)
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        # first the environments, which repeat their open episodes and use random numbers for it
        load_stack_state(self.stack.envs, state["envs"])
        self.agent.load_state_dict(state["agent"])
        self.optimizer.load_state_dict(flat_state(state["optimizer"]))
        self.repulsion.load_state_dict(state["repulsion"])
        if self.stack.learner is not None:
            self.stack.learner.load_state_dict(state["learner"])
        self.iteration, self.global_step, self.fitted_changes = state["counters"]
        self.report = state.get("report")  # older checkpoints have none
        self.next_obs, self.next_done = map(np.asarray, state["next"])
        self.next_done = self.next_done.astype(np.bool_)  # older checkpoints have numbers
        self.rng.bit_generator.state = state["rng"][0]
        torch.set_rng_state(state["rng"][1])

    def policy(self) -> dict[str, Tensor]:
        """The agent, with what its observations are normalised by, or the shape of its images."""
        if self.stack.normalize_observation is None:
            shape = torch.tensor(self.stack.envs.single_observation_space.shape)
            return self.agent.state_dict() | {"image_shape": shape}
        rms = self.stack.normalize_observation.obs_rms
        moments = {"obs_mean": torch.as_tensor(rms.mean), "obs_var": torch.as_tensor(rms.var)}
        return self.agent.state_dict() | moments


def explained_variance(values: Tensor, returns: Tensor) -> float:
    """1 for values that are the returns, 0 for values that are no better than their mean."""
    variance = returns.var()
    return float("nan") if variance == 0 else float(1 - (returns - values).var() / variance)


# 9. Training loop


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
    batch_size = args.num_envs * args.num_steps
    num_iterations = max(1, args.total_timesteps // batch_size)
    last_iteration = num_iterations + args.extra_steps // batch_size
    first_step, start_time = trainer.global_step, time.monotonic()
    saved_time, sps = -float("inf"), 0.0
    pacing = session.make_pacing(args, trainer, writer)
    while trainer.iteration < last_iteration:
        # people are slow: wait for them where too many segments are unanswered
        if pacing.hold(trainer.global_step, rest=trainer.iteration >= num_iterations):
            trainer.fit_reward(writer)
        frac = 1.0 - trainer.iteration / last_iteration if args.anneal_lr else 1.0
        lrnow = frac * args.learning_rate
        trainer.optimizer.param_groups[0]["lr"] = lrnow

        had_reward = stack.has_reward
        trainer.collect_rollout(writer)
        trainer.fit_reward(writer)
        # without a reward or a bonus there is nothing to learn
        losses = {}
        if had_reward:
            losses = trainer.update_policy(trainer.make_batch())
        trainer.iteration += 1

        sps = (trainer.global_step - first_step) / (time.monotonic() - start_time)
        writer.log(trainer.global_step, losses | {"charts/learning_rate": lrnow, SPEED: sps})
        bar.update(batch_size)
        bar.set_postfix(true_return=products.score_of(stack.statistics.return_queue))
        if time.monotonic() - saved_time > args.checkpoint_every_s:
            save_state(run_dir / CHECKPOINT, writer.stamp(trainer.state_dict()))
            saved_time = time.monotonic()
    pacing.hold(trainer.global_step, rest=True)  # for the last answers
    trainer.fit_reward(writer)
    save_state(run_dir / CHECKPOINT, writer.stamp(trainer.state_dict()))
    result = session.finish_run(trainer, writer, sps)
    pacing.close()
    stack.envs.close()
    return result


if __name__ == "__main__":
    sys.exit(session.run(train, ARGS, SCRIPT))
