"""Stable-Baselines3's PPO on ratings: 8 environments, one rater, one dataset, one model."""

import gymnasium as gym
import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

import gym_rated
from gym_rated.sb3 import FitCallback, SB3VecEnv


def train(env_id="Pendulum-v1", total_timesteps=100_000, num_ratings=500, num_steps=256, seed=1):
    """Train PPO; returns handles on the stack, and the last learned and true returns."""
    # The environments, reset in the step that ends an episode, as SB3 expects it.
    same_step = {"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP}
    envs = gym.make_vec(env_id, 8, "sync", vector_kwargs=same_step)
    envs = statistics = gym.wrappers.vector.RecordEpisodeStatistics(envs)

    # The true reward stops here ...
    envs = feedback = gym_rated.vector.RatingFeedbackWrapper(
        envs,
        gym_rated.SyntheticRater(num_classes=5, seed=seed),
        segment_length=10,
        schedule=gym_rated.query_schedule(num_ratings, total_timesteps, start=16 * num_steps),
        seed=seed,
    )
    # ... and the learned reward starts here.
    learner = gym_rated.learner_for_spaces(
        envs.single_observation_space,
        envs.single_action_space,
        num_classes=5,
        segment_length=10,
        loss={"scale": "shared"},  # this rater rates all again; a person does not: leave it out
        seed=seed,
    )
    envs = gym_rated.vector.LearnedRewardWrapper(envs, learner.model.predict)

    # What is SB3's own goes above: the monitor counts learned returns.
    env = VecNormalize(VecMonitor(SB3VecEnv(envs)))
    agent = PPO("MlpPolicy", env, n_steps=num_steps, batch_size=256, seed=seed, device="cpu")
    agent.learn(total_timesteps, callback=FitCallback(feedback, learner))

    learned = np.mean([episode["r"] for episode in agent.ep_info_buffer])
    true = np.mean(list(statistics.return_queue)[-50:])
    print(f"{len(feedback.ratings)} ratings, learned return {learned:.1f}, true return {true:.1f}")
    return feedback, learner.model, learned, true


if __name__ == "__main__":
    train()
