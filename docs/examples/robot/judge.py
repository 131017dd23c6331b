"""How near a trained arm comes to its point."""

import sys

import gymnasium as gym
import numpy as np

from gym_rated.agents.policy import Policy


def distance(policy=None):
    """Return how far the hand is from the point after 100 steps, the mean of 20 episodes."""
    env, found = gym.wrappers.FlattenObservation(gym.make("arm:Arm-v0")), []
    for seed in range(20):
        obs, done = env.reset(seed=seed)[0], False
        env.action_space.seed(seed)
        while not done:
            action = env.action_space.sample()
            if policy is not None:
                action = policy.act(obs, env.action_space)
            obs, _, terminated, truncated, _ = env.step(action)
            done = terminated or truncated
        found.append(np.linalg.norm(obs[4:6]))
    return np.mean(found)


policy = Policy.load(sys.argv[1])
print(f"from the point: {distance():.2f} at random, {distance(policy):.2f} as learned")
