"""PPO for discrete actions, trained on a reward learned from ratings.

One file in CleanRL's names and order (docs/ppo.md explains every metric and detail):

    python scripts/ppo.py --env-id CartPole-v1 --reward rated
    python scripts/ppo.py --env-id CartPole-v1 --reward true
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn, optim
from torch.distributions.categorical import Categorical
from tqdm import tqdm

import gym_rated
import gym_rated.vector
from gym_rated.agents.repulsion import Repulsion
from gym_rated.assembly import arguments, parts
from gym_rated.checkpoint import load_state, save_state
from gym_rated.imports import named_extras
from gym_rated.runs import RunWriter
from gym_rated.runs.stack import load_stack_state, stack_state


@dataclass
class Args(arguments.RunArgs):
    env_id: str = "CartPole-v1"
    """the id of the environment; its actions must be Discrete"""
    total_timesteps: int = 200_000
    """total timesteps of the experiment, summed over environments"""
    num_envs: int = 16
    """the number of parallel game environments"""

    learning_rate: float = 8e-4
    """the learning rate of the optimizer"""
    num_steps: int = 128
    """the number of steps to run in each environment per policy rollout"""
    anneal_lr: bool = True
    """toggle learning rate annealing for policy and value networks"""
    gamma: float = 0.99
    """the discount factor gamma"""
    gae_lambda: float = 0.95
    """the lambda for the general advantage estimation"""
    num_minibatches: int = 8
    """the number of mini-batches"""
    update_epochs: int = 10
    """the K epochs to update the policy"""
    norm_adv: bool = True
    """toggles advantages normalization"""
    clip_coef: float = 0.2
    """the surrogate clipping coefficient"""
    clip_vloss: bool = False
    """toggles whether or not to use a clipped loss for the value function"""
    ent_coef: float = 0.01
    """coefficient of the entropy"""
    vf_coef: float = 0.5
    """coefficient of the value function"""
    max_grad_norm: float = 0.5
    """the maximum norm for the gradient clipping"""


def make_env(args: Args, index: int, run_dir: Path) -> Any:
    def thunk() -> gym.Env:
        film = args.capture_video and index == 0
        render_mode = "rgb_array" if film or args.captures_clips else None
        env = gym.make(args.env_id, render_mode=render_mode, **args.env_kwargs)
        if film:
            env = gym.wrappers.RecordVideo(env, str(run_dir / "videos"), lambda k: k % 50 == 0)
        return parts.make_episodes(args, env, index)

    return thunk


class Stack:
    """The wrapped environments, with handles on the layers that training talks to."""

    def __init__(self, args: Args, run_dir: Path) -> None:
        self.args = args
        thunks = [make_env(args, i, run_dir) for i in range(args.num_envs)]
        with named_extras():
            envs = gym.vector.SyncVectorEnv(thunks)
        if not isinstance(envs.single_action_space, gym.spaces.Discrete):
            raise TypeError(
                f"`env_id` must have discrete actions, got {envs.single_action_space} in "
                f"{args.env_id}; scripts for other actions have other names"
            )
        lengths = parts.choose_lengths(args, envs.envs[0].spec.max_episode_steps)
        self.statistics = envs = gym.wrappers.vector.RecordEpisodeStatistics(envs)
        self.feedback = self.model = self.learner = self.rater = None
        if args.reward == "rated":
            self.learner = parts.make_learner(args, envs, lengths, args.seed)
            self.model = self.learner.model
            self.rater = parts.make_rater(args, args.seed, run_dir)
            self.feedback = envs = gym_rated.vector.RatingFeedbackWrapper(
                envs,
                self.rater,
                segment_length=lengths,
                schedule=parts.make_schedule(args, args.total_timesteps, args.num_envs, lengths),
                select=parts.make_selection(args, self.model),
                **parts.recording(args),
                seed=args.seed,
            )
        self.reward_fn = parts.make_reward_fn(args, envs, self.model)
        if self.reward_fn is not None:
            envs = gym_rated.vector.LearnedRewardWrapper(envs, self.reward_fn)
        # from here on the agent's own transforms, the same in every arm
        self.learned = envs = gym.wrappers.vector.RecordEpisodeStatistics(envs, stats_key="seen")
        envs = gym.wrappers.vector.FlattenObservation(envs)
        self.normalize_observation = envs = gym.wrappers.vector.NormalizeObservation(envs)
        self.normalize_reward = envs = gym.wrappers.vector.NormalizeReward(envs, gamma=args.gamma)
        self.envs = envs

    @property
    def has_reward(self) -> bool:
        return self.model is None or self.model.ready or self.args.explore != "noise"


def layer_init(layer: nn.Linear, std: float = np.sqrt(2), bias_const: float = 0.0) -> nn.Linear:
    torch.nn.init.orthogonal_(layer.weight, std)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer


class Agent(nn.Module):
    def __init__(self, envs: gym.vector.VectorEnv) -> None:
        super().__init__()
        obs_dim = int(np.prod(envs.single_observation_space.shape))
        self.critic = nn.Sequential(
            layer_init(nn.Linear(obs_dim, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 1), std=1.0),
        )
        self.actor = nn.Sequential(
            layer_init(nn.Linear(obs_dim, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, 64)),
            nn.Tanh(),
            layer_init(nn.Linear(64, int(envs.single_action_space.n)), std=0.01),
        )

    def get_value(self, x: Tensor) -> Tensor:
        return self.critic(x)

    def get_action_and_value(
        self, x: Tensor, action: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        probs = Categorical(logits=self.actor(x), validate_args=False)
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action), probs.entropy(), self.critic(x)


@dataclass
class Rollout:
    """One rollout of T steps of N environments; rows with `valid` False are resets, not steps."""

    obs: Tensor  # (T, N, D)
    actions: Tensor  # (T, N)
    logprobs: Tensor  # (T, N)
    rewards: Tensor  # (T, N)
    values: Tensor  # (T, N)
    terminations: Tensor  # (T, N) the step ended its episode in a terminal state
    dones: Tensor  # (T, N) the step ended its episode, for whatever reason
    valid: Tensor  # (T, N)

    @classmethod
    def empty(cls, args: Args, envs: gym.vector.VectorEnv) -> "Rollout":
        shape = (args.num_steps, args.num_envs)
        obs = torch.zeros(shape + envs.single_observation_space.shape)
        return cls(obs, *(torch.zeros(shape) for _ in range(7)))


def as_obs(obs: np.ndarray) -> Tensor:
    return torch.as_tensor(np.clip(obs, -10, 10), dtype=torch.float32)


class Trainer:
    """Everything that a run is made of, and that its checkpoints hold."""

    def __init__(self, args: Args, run_dir: Path) -> None:
        self.args = args
        torch.manual_seed(args.seed)
        torch.set_num_threads(1)
        self.stack = Stack(args, run_dir)
        self.agent = Agent(self.stack.envs)
        self.first_action = int(self.stack.envs.single_action_space.start)
        self.optimizer = optim.Adam(self.agent.parameters(), lr=args.learning_rate, eps=1e-5)
        self.rollout = Rollout.empty(args, self.stack.envs)
        self.rng = np.random.default_rng(args.seed)
        self.repulsion = Repulsion(scale=args.scale, seed=args.seed)
        self.iteration = 0
        self.global_step = 0
        self.fitted_changes = 0
        self.report = None
        self.next_obs = as_obs(self.stack.envs.reset()[0])
        self.next_done = torch.zeros(args.num_envs)

    def collect_rollout(self, writer: RunWriter) -> None:
        """Step the environments; the policy does not change meanwhile, nor does the reward."""
        args, r, envs = self.args, self.rollout, self.stack.envs
        self.stack.normalize_reward.update_running_mean = self.stack.has_reward
        for step in range(args.num_steps):
            self.global_step += args.num_envs
            r.obs[step] = self.next_obs
            r.valid[step] = 1 - self.next_done  # next-step autoreset: after a done comes a reset
            with torch.no_grad():
                action, logprob, _, value = self.agent.get_action_and_value(self.next_obs)
            r.actions[step], r.logprobs[step], r.values[step] = action, logprob, value.flatten()

            next_obs, reward, terminations, truncations, _ = envs.step(
                action.numpy() + self.first_action
            )
            next_done = terminations | truncations
            r.rewards[step] = torch.as_tensor(np.clip(reward, -10, 10))
            r.terminations[step] = torch.as_tensor(terminations)
            r.dones[step] = torch.as_tensor(next_done)
            self.next_obs, self.next_done = as_obs(next_obs), r.dones[step].clone()
            if next_done.any():
                self.log_episodes(writer, int(next_done.sum()))

    def log_episodes(self, writer: RunWriter, count: int) -> None:
        statistics, learned = self.stack.statistics, self.stack.learned
        for k in range(-count, 0):
            row = {"charts/episodic_return": statistics.return_queue[k]}
            row["charts/episodic_length"] = statistics.length_queue[k]
            if self.stack.feedback is not None:
                row["charts/learned_return"] = learned.return_queue[k]
            writer.log(self.global_step, row)

    def fit_reward(self, writer: RunWriter) -> None:
        """Fit the reward model if ratings came in or changed since the last fit."""
        feedback = self.stack.feedback
        if feedback is None:
            return
        feedback.collect()
        if feedback.ratings.num_changes == self.fitted_changes:
            return
        self.fitted_changes = feedback.ratings.num_changes
        self.report = report = self.stack.learner.fit(
            feedback.ratings, progress=min(1.0, self.global_step / self.args.total_timesteps)
        )
        writer.log(self.global_step, {f"rated/{k}": v for k, v in report.as_dict().items()})
        if self.args.repel_coef:
            self.repulsion.renew(feedback.ratings.batch(), self.log_prob)

    def log_prob(self, obs: Tensor, actions: Tensor) -> Tensor:
        """How likely rated actions are, shape (B,), from raw observations and one-hot actions."""
        rms = self.stack.normalize_observation.obs_rms
        logits = self.agent.actor(as_obs((obs.numpy() - rms.mean) / np.sqrt(rms.var + 1e-8)))
        return (logits.log_softmax(1) * actions).sum(1)

    def compute_advantages(self) -> tuple[Tensor, Tensor]:
        """Generalised advantages and returns, shapes (T, N); time limits are bootstrapped.

        After the end of an episode the next row holds its last observation (next-step autoreset),
        so its value is there for truncated episodes.
        """
        args, r = self.args, self.rollout
        with torch.no_grad():
            next_value = self.agent.get_value(self.next_obs).flatten()
        advantages = torch.zeros_like(r.rewards)
        lastgaelam = torch.zeros(args.num_envs)
        for t in reversed(range(args.num_steps)):
            delta = r.rewards[t] + args.gamma * next_value * (1 - r.terminations[t]) - r.values[t]
            lastgaelam = delta + args.gamma * args.gae_lambda * (1 - r.dones[t]) * lastgaelam
            advantages[t] = lastgaelam
            next_value = r.values[t]
        return advantages, advantages + r.values

    def update_policy(self, advantages: Tensor, returns: Tensor) -> dict[str, float]:
        args, r = self.args, self.rollout
        b_inds = r.valid.flatten().nonzero().flatten().numpy()
        b_obs, b_actions = r.obs.flatten(0, 1), r.actions.flatten(0, 1)
        b_logprobs, b_values = r.logprobs.flatten(), r.values.flatten()
        b_advantages, b_returns = advantages.flatten(), returns.flatten()
        clipfracs = []
        for _ in range(args.update_epochs):
            self.rng.shuffle(b_inds)
            for mb_inds in np.array_split(b_inds, args.num_minibatches):
                _, newlogprob, entropy, newvalue = self.agent.get_action_and_value(
                    b_obs[mb_inds], b_actions[mb_inds]
                )
                logratio = newlogprob - b_logprobs[mb_inds]
                ratio = logratio.exp()
                with torch.no_grad():
                    approx_kl = ((ratio - 1) - logratio).mean()
                    clipfracs.append(((ratio - 1.0).abs() > args.clip_coef).float().mean().item())

                mb_advantages = b_advantages[mb_inds]
                if args.norm_adv:
                    std = mb_advantages.std(unbiased=False)
                    mb_advantages = (mb_advantages - mb_advantages.mean()) / (std + 1e-8)
                clipped = torch.clamp(ratio, 1 - args.clip_coef, 1 + args.clip_coef)
                pg_loss = torch.max(-mb_advantages * ratio, -mb_advantages * clipped).mean()

                newvalue = newvalue.view(-1)
                v_loss = (newvalue - b_returns[mb_inds]) ** 2
                if args.clip_vloss:
                    change = (newvalue - b_values[mb_inds]).clamp(-args.clip_coef, args.clip_coef)
                    v_clipped = b_values[mb_inds] + change
                    v_loss = torch.max(v_loss, (v_clipped - b_returns[mb_inds]) ** 2)
                v_loss = 0.5 * v_loss.mean()

                entropy_loss = entropy.mean()
                loss = pg_loss - args.ent_coef * entropy_loss + v_loss * args.vf_coef
                if args.repel_coef:
                    loss = loss + args.repel_coef * self.repulsion.loss(self.log_prob)
                self.optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.agent.parameters(), args.max_grad_norm)
                self.optimizer.step()
        return {
            "losses/value_loss": v_loss.item(),
            "losses/policy_loss": pg_loss.item(),
            "losses/entropy": entropy_loss.item(),
            "losses/approx_kl": approx_kl.item(),
            "losses/clipfrac": float(np.mean(clipfracs)),
            "losses/explained_variance": explained_variance(b_values, b_returns),
        }

    def state_dict(self) -> dict[str, Any]:
        state = {
            "args": {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self.args).items()},
            "counters": [self.iteration, self.global_step, self.fitted_changes],
            "next": [self.next_obs, self.next_done],
            "agent": self.agent.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": [self.rng.bit_generator.state, torch.get_rng_state()],
            "repulsion": self.repulsion.state_dict(),
            "envs": stack_state(self.stack.envs),
        }
        if self.stack.learner is not None:
            state["learner"] = self.stack.learner.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        load_stack_state(self.stack.envs, state["envs"])
        self.agent.load_state_dict(state["agent"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.repulsion.load_state_dict(state["repulsion"])
        if self.stack.learner is not None:
            self.stack.learner.load_state_dict(state["learner"])
        self.iteration, self.global_step, self.fitted_changes = state["counters"]
        self.next_obs, self.next_done = state["next"]
        self.rng.bit_generator.state = state["rng"][0]
        torch.set_rng_state(state["rng"][1])

    def save_products(self, run_dir: Path) -> None:
        rms = self.stack.normalize_observation.obs_rms
        moments = {"obs_mean": torch.as_tensor(rms.mean), "obs_var": torch.as_tensor(rms.var)}
        save_file(self.agent.state_dict() | moments, run_dir / "policy.safetensors")
        if self.stack.model is not None:
            self.stack.model.save(run_dir / "reward_model")
            (run_dir / "ratings").mkdir(exist_ok=True)
            self.stack.feedback.ratings.save(run_dir / "ratings" / "ratings.npz")

    @property
    def score(self) -> float | None:
        """Mean true return of the last 50 episodes; None before the first has ended."""
        returns = list(self.stack.statistics.return_queue)[-50:]
        return float(np.mean(returns)) if returns else None

    def result(self, sps: float) -> dict[str, Any]:
        """The run in one row."""
        row = {name: getattr(self.args, name) for name in ("env_id", "reward", "seed")}
        row |= {"global_step": self.global_step, "score": self.score, "steps_per_second": sps}
        if self.stack.feedback is not None:
            row["num_ratings"] = len(self.stack.feedback.ratings)
            row |= {} if self.report is None else {"fit": self.report.as_dict()}
        return row


def explained_variance(values: Tensor, returns: Tensor) -> float:
    variance = returns.var()
    return float("nan") if variance == 0 else float(1 - (returns - values).var() / variance)


def train(args: Args) -> dict[str, Any]:
    """Train one agent; returns what is written to result.json."""
    state = None if args.resume is None else load_state(args.resume / "checkpoint")
    run_dir = args.resume or args.run_dir
    if state is not None:
        args = Args(**state["args"])
    name = f"{args.env_id}__ppo__{args.reward}__{args.seed}"
    run_dir = run_dir or Path("runs") / name.replace("/", "-")
    parts.prepare_rendering(args, args.env_id)
    trainer = Trainer(args, run_dir)
    if state is not None:
        trainer.load_state_dict(state)
    if args.reward == "rated":
        print(arguments.describe_preset(args))
    resume = {"resume": state is not None, "resume_step": state and trainer.global_step}
    writer = RunWriter(run_dir, asdict(args), tensorboard=args.tensorboard, **resume)
    steps = args.total_timesteps + args.extra_steps
    bar = tqdm(total=steps, initial=trainer.global_step, unit="step", disable=None)
    with writer, bar:
        return run(trainer, writer, bar, run_dir)


def run(trainer: Trainer, writer: RunWriter, bar: tqdm, run_dir: Path) -> dict[str, Any]:
    args, first_step = trainer.args, trainer.global_step
    start_time, saved_time = time.monotonic(), -float("inf")
    batch_size, sps = args.num_envs * args.num_steps, 0.0
    num_iterations = max(1, args.total_timesteps // batch_size)
    last_iteration = num_iterations + args.extra_steps // batch_size
    pacing = parts.make_pacing(args, trainer, run_dir)
    while trainer.iteration < last_iteration:
        if pacing.hold(trainer.global_step, rest=trainer.iteration >= num_iterations):
            trainer.fit_reward(writer)
        frac = 1.0 - trainer.iteration / last_iteration if args.anneal_lr else 1.0
        trainer.optimizer.param_groups[0]["lr"] = lrnow = frac * args.learning_rate
        had_reward = trainer.stack.has_reward
        trainer.collect_rollout(writer)
        trainer.fit_reward(writer)
        # without a reward there is nothing to learn: before the first fit the policy only explores
        losses = trainer.update_policy(*trainer.compute_advantages()) if had_reward else {}
        trainer.iteration += 1
        sps = (trainer.global_step - first_step) / (time.monotonic() - start_time)
        losses |= {"charts/learning_rate": lrnow, "charts/SPS": sps}
        writer.log(trainer.global_step, losses)
        bar.update(batch_size)
        bar.set_postfix(true_return=trainer.score)
        if time.monotonic() - saved_time > args.checkpoint_every_s:
            save_state(run_dir / "checkpoint", trainer.state_dict())
            saved_time = time.monotonic()
    trainer.fit_reward(writer)
    save_state(run_dir / "checkpoint", trainer.state_dict())
    if args.save_model:
        trainer.save_products(run_dir)
    result = trainer.result(sps)
    writer.write_result(result)
    pacing.close()
    trainer.stack.envs.close()
    return result


if __name__ == "__main__":
    print(train(arguments.parse_args(Args)))
