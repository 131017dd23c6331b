"""Learned rewards for Stable-Baselines3's agents; they live in `gym_rated.agents.sb3`."""

from gym_rated.agents.sb3 import FitCallback, SB3VecEnv, relabel, save_episodes

__all__ = ["FitCallback", "SB3VecEnv", "relabel", "save_episodes"]
