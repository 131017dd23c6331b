"""Learned rewards for Stable-Baselines3: the only folder that imports stable_baselines3."""

from gym_rated.agents.sb3.callback import FitCallback
from gym_rated.agents.sb3.episodes import save_episodes
from gym_rated.agents.sb3.relabelling import relabel
from gym_rated.agents.sb3.vec_env import SB3VecEnv

__all__ = ["FitCallback", "SB3VecEnv", "relabel", "save_episodes"]
