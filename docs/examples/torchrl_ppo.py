"""TorchRL's PPO on ratings: a vector environment, a collector, a fit between its batches."""

import gymnasium as gym
import numpy as np
import torch
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.collectors import Collector
from torchrl.envs import GymWrapper
from torchrl.modules import NormalParamExtractor, ProbabilisticActor, TanhNormal, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

import gym_rated
import gym_rated.vector


def train(total_steps=100_000, batch_steps=2_048, num_ratings=500, num_envs=8, seed=1):
    """Train PPO; returns handles on the stack, the last batch, and the last true returns."""
    torch.manual_seed(seed)
    same_step = {"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP}  # or DISABLED
    envs = gym.make_vec("Pendulum-v1", num_envs, "sync", vector_kwargs=same_step)
    envs = statistics = gym.wrappers.vector.RecordEpisodeStatistics(envs)
    envs = feedback = gym_rated.vector.RatingFeedbackWrapper(
        envs,
        gym_rated.SyntheticRater(num_classes=5, seed=seed),
        segment_length=10,
        schedule=gym_rated.query_schedule(num_ratings, total_steps, start=2 * batch_steps),
        seed=seed,
    )
    learner = gym_rated.learner_for_spaces(
        envs.single_observation_space,
        envs.single_action_space,
        num_classes=5,
        segment_length=10,
        loss={"scale": "shared"},  # this rater rates all again; a person does not: leave it out
        seed=seed,
    )
    envs = gym_rated.vector.LearnedRewardWrapper(envs, learner.model.predict)

    env = GymWrapper(envs)  # TorchRL's own transforms go around it
    body = nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 2), NormalParamExtractor())
    actor = ProbabilisticActor(
        TensorDictModule(body, in_keys=["observation"], out_keys=["loc", "scale"]),
        in_keys=["loc", "scale"],
        distribution_class=TanhNormal,
        distribution_kwargs={"low": -2.0, "high": 2.0},
        return_log_prob=True,
    )
    critic = ValueOperator(nn.Sequential(nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 1)))
    advantage = GAE(gamma=0.95, lmbda=0.95, value_network=critic, average_gae=True)
    ppo = ClipPPOLoss(actor, critic)
    optimizer = torch.optim.Adam(ppo.parameters(), lr=1e-3)

    fitted = 0
    collector = Collector(
        env,
        actor,
        frames_per_batch=batch_steps,
        total_frames=total_steps,
        auto_register_policy_transforms=True,
    )
    for batch in collector:
        for _ in range(10):
            advantage(batch)
            rows = batch.reshape(-1)
            for part in rows[torch.randperm(len(rows))].split(256):
                losses = ppo(part)
                optimizer.zero_grad()
                sum(value for name, value in losses.items() if name.startswith("loss_")).backward()
                nn.utils.clip_grad_norm_(ppo.parameters(), 0.5)
                optimizer.step()
        # The collector waits meanwhile: no batch mixes two reward functions.
        feedback.collect()
        if feedback.ratings.num_changes > fitted:
            fitted = feedback.ratings.num_changes
            learner.fit(feedback.ratings)
    collector.shutdown()

    true = np.mean(list(statistics.return_queue)[-50:])
    print(f"{len(feedback.ratings)} ratings, true return {true:.1f}")
    return feedback, learner.model, batch, true


if __name__ == "__main__":
    train()
