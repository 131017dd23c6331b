"""Whole agents at work: our scripts, with all that a run does, and Stable-Baselines3's.

A chunk of PPO is a rollout and its update, one of SAC `SAC_CHUNK` steps and their updates. Our runs
are those of the scripts: with ratings, fits, checkpoints, metrics and TensorBoard's files.
"""

import time
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.speed.stages import StageSampler
from benchmarks.speed.worker import Pause

SAC_CHUNK = 100  # steps


def script(
    pause: Pause, name: str, flags: list[str], learning: bool = False, stages: bool = False
) -> None:
    """Run a script of ours again and again, with another seed each time.

    Args:
        pause: Called whenever a run logs its speed.
        name: Of the script.
        flags: Its command line, but for seed and folder.
        learning: Whether only what comes after the first update of a run counts.
        stages: Whether to sample where the time goes.
    """
    from gym_rated.assembly.arguments import parse_args
    from gym_rated.runs import RunWriter
    from gym_rated.runs.names import SPEED

    module = import_module(name)
    _stop_clock(module)
    sampler = StageSampler() if stages else None
    log, last_step, counts = RunWriter.log, 0, not learning

    def log_and_pause(writer: RunWriter, step: int, values: Any) -> None:
        nonlocal last_step, counts
        log(writer, step, values)
        if SPEED in values:
            if counts:
                pause(step - last_step, counts=sampler.take() if sampler else {})
            counts = counts or any(tag.startswith("losses/") for tag in values)
            last_step = step

    RunWriter.log = log_and_pause  # type: ignore[method-assign]
    for seed in count(101):
        last_step, counts = 0, not learning
        words = [*flags, "--seed", str(seed), "--run-dir", str(Path(f"run-{seed}").absolute())]
        module.train(parse_args(module.Args, words))


def _stop_clock(module: ModuleType) -> None:
    """Let the script's clock stand still while others work, as it decides about checkpoints."""
    clock = ModuleType("time")
    vars(clock).update(vars(time))
    clock.monotonic = time.process_time  # type: ignore[attr-defined]
    module.time = clock  # type: ignore[attr-defined]


def sb3_ppo(pause: Pause, env_id: str, num_envs: int, normalize: bool, **options: Any) -> None:
    """Train PPO of Stable-Baselines3, `options` as its own.

    Args:
        pause: Called before each rollout.
        env_id: Task.
        num_envs: Environments, in one process.
        normalize: Whether observations and rewards are normalised, as our script and CleanRL's do.
        options: Of its class.
    """
    import gymnasium as gym
    from stable_baselines3 import PPO
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    envs: Any = DummyVecEnv([lambda: Monitor(gym.make(env_id))] * num_envs)
    envs = VecNormalize(envs) if normalize else envs
    agent = PPO("MlpPolicy", envs, device="cpu", seed=101, tensorboard_log=".", **options)
    agent.learn(10**9, callback=_pausing(pause, every=agent.n_steps * num_envs))


def sb3_sac(pause: Pause, env_id: str, **options: Any) -> None:
    """Train SAC of Stable-Baselines3, `options` as its own."""
    import gymnasium as gym
    from stable_baselines3 import SAC

    env = gym.make(env_id)
    agent = SAC("MlpPolicy", env, device="cpu", seed=101, tensorboard_log=".", **options)
    agent.learn(10**9, callback=_pausing(pause, every=SAC_CHUNK, start=agent.learning_starts))


def _pausing(pause: Pause, every: int, start: int = 0) -> Any:
    """Return a callback that pauses before a rollout, `every` steps after `start`."""
    from stable_baselines3.common.callbacks import BaseCallback

    class Pausing(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_start(self) -> None:
            if self.num_timesteps > start and (self.num_timesteps - start) % every == 0:
                pause(every)

    return Pausing()
