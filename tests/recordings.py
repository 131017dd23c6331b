"""Minari datasets of random episodes, for tests: in a temporary folder, without a network."""

import warnings

import gymnasium as gym
import minari
import numpy as np
from minari.data_collector import EpisodeBuffer


def record(env_id, num_episodes=3, dataset_id="test/recorded-v0", max_steps=10_000):
    """Record random episodes of an environment."""
    env = gym.make(env_id)
    env.action_space.seed(0)
    buffers = []
    for seed in range(num_episodes):
        obs, actions, rewards, terminations, truncations = [env.reset(seed=seed)[0]], [], [], [], []
        done = False
        while not done and len(actions) < max_steps:
            actions.append(env.action_space.sample())
            step = env.step(actions[-1])
            obs.append(step[0])
            rewards.append(float(step[1]))
            terminations.append(step[2])
            truncations.append(step[3])
            done = step[2] or step[3]
        buffers.append(
            EpisodeBuffer(
                observations=np.array(obs),
                actions=np.array(actions),
                rewards=rewards,
                terminations=terminations,
                truncations=truncations,
            )
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return minari.create_dataset_from_buffers(dataset_id, buffers, env=env_id)
