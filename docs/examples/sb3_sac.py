"""Stable-Baselines3's SAC on ratings, from one environment; no stored reward is stale."""

import gymnasium as gym
import numpy as np
from stable_baselines3 import SAC

import gym_rated
from gym_rated.sb3 import FitCallback


def train(env_id="Pendulum-v1", total_timesteps=10_000, num_ratings=100, start=1_000, seed=1):
    """Train SAC; returns handles on what it is made of, and the last true returns."""
    env = statistics = gym.wrappers.RecordEpisodeStatistics(gym.make(env_id))
    env = feedback = gym_rated.RatingFeedbackWrapper(
        env,
        gym_rated.SyntheticRater(num_classes=5, seed=seed),
        segment_length=10,
        schedule=gym_rated.query_schedule(num_ratings, total_timesteps, start=start),
        seed=seed,
    )
    learner = gym_rated.learner_for_spaces(
        env.observation_space,
        env.action_space,
        num_classes=5,
        segment_length=10,
        loss={"scale": "shared"},  # this rater rates all again; a person does not: leave it out
        seed=seed,
    )
    env = gym_rated.LearnedRewardWrapper(env, learner.model.predict)

    agent = SAC("MlpPolicy", env, learning_starts=start, seed=seed, device="cpu")
    # Fits when ratings are in, and computes the rewards in the replay buffer anew.
    agent.learn(total_timesteps, callback=FitCallback(feedback, learner))

    true = np.mean(list(statistics.return_queue)[-10:])
    print(f"{len(feedback.ratings)} ratings, true return {true:.1f}")
    return feedback, learner.model, agent, true


if __name__ == "__main__":
    train()
