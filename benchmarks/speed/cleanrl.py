"""CleanRL's scripts as they are, out of a checkout of it, under the Gymnasium of today.

They were written for Gymnasium 0.29. Put in front of them is only what has another name or form
since: see `_as_before`. Their files are neither changed nor copied.
"""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
from torch.utils import tensorboard

from benchmarks.speed.worker import Pause

SPEED = "charts/SPS"  # logged last, by PPO after each update and by SAC every 100 steps


def script(pause: Pause, source: str, name: str, flags: list[str], chunk: int) -> None:
    """Run a script of CleanRL.

    Args:
        pause: Called whenever the run logs its speed.
        source: Folder of the checkout.
        name: Of the script.
        flags: Its command line.
        chunk: Steps from one log of the speed to the next.
    """
    _as_before()

    class PausingWriter(tensorboard.SummaryWriter):  # type: ignore[misc]
        def add_scalar(self, tag: str, *args: Any, **kwargs: Any) -> None:
            super().add_scalar(tag, *args, **kwargs)
            if tag == SPEED:
                pause(chunk)

    tensorboard.SummaryWriter = PausingWriter
    sys.path.insert(0, source)
    sys.argv = [name, *flags, "--no-cuda", "--total-timesteps", str(10**9)]
    runpy.run_path(str(Path(source) / "cleanrl" / f"{name}.py"), run_name="__main__")


def _as_before() -> None:
    """Give back to Gymnasium what CleanRL's scripts use and Gymnasium 1.0 changed.

    * `SyncVectorEnv` resets in the step that ends an episode; its infos are a list of dicts under
      `final_info`, and the last observation is `final_observation`.
    * `TransformObservation` needs no observation space.
    """
    transform = gym.wrappers.TransformObservation

    def transform_observation(env: gym.Env, func: Callable[[Any], Any]) -> gym.Env:
        return transform(env, func, env.observation_space)

    gym.wrappers.TransformObservation = transform_observation
    gym.vector.SyncVectorEnv = SameStepVectorEnv


class SameStepVectorEnv(gym.vector.SyncVectorEnv):
    """Environments that reset as those of Gymnasium 0.29 did."""

    def __init__(self, env_fns: Any) -> None:
        super().__init__(env_fns, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP)

    def step(self, actions: Any) -> Any:
        """Step, with the infos of old where an episode ended."""
        obs, rewards, terminations, truncations, infos = super().step(actions)
        if "final_info" in infos:
            infos["final_observation"] = infos.pop("final_obs")
            infos["final_info"] = final_infos(infos["final_info"], infos["_final_info"])
        return obs, rewards, terminations, truncations, infos


def final_infos(batched: dict[str, Any], ended: Any) -> list[dict[str, Any] | None]:
    """Return one dict for each environment that ended an episode, and None for the others."""

    def of(i: int, values: Any) -> Any:
        if isinstance(values, dict):
            return {key: of(i, value) for key, value in values.items() if key[0] != "_"}
        return values[i]

    return [of(i, batched) if is_over else None for i, is_over in enumerate(ended)]
