"""`gym-rated film`: videos of the policy that a run trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import gymnasium as gym
import numpy as np
import tyro

from gym_rated.agents.policy import Policy
from gym_rated.assembly.wording import named_as
from gym_rated.environments.making import make_env
from gym_rated.environments.rendering import ensure_rendering
from gym_rated.imports import check_imports_nothing, names_of_modules
from gym_rated.runs.names import CONFIG
from gym_rated.runs.reading import read_config


@dataclass
class FilmArgs:
    """Film the policy of a finished run (needs the extra `video`, and rendering)."""

    run: Annotated[Path, tyro.conf.Positional]
    """folder of the run"""
    env_id: str | None = None
    """id of the environment; that of the run by default"""
    out: Path | None = None
    """folder of the videos; RUN/videos/policy by default"""
    episodes: int = 3
    """how many episodes to film"""
    seed: int = 0
    """seed of the environment and of the actions"""
    deterministic: bool = False
    """whether to take the most probable action, instead of drawing it as in training"""


def main(argv: Sequence[str]) -> None:
    """Run the command."""
    args = tyro.cli(FilmArgs, args=list(argv), prog="gym-rated film")
    returns = film(args)
    lengths = ", ".join(f"{value:.1f}" for value in returns)
    print(f"{len(returns)} episodes with true returns {lengths}: {_folder(args)}")


def film(args: FilmArgs) -> list[float]:
    """Film episodes; returns the true return of each.

    Raises:
        FileNotFoundError: If the folder holds no run, or no policy yet.
        ImportError: If a package of the extra `video` is missing.
        RuntimeError: If the environment cannot be rendered here.
        ValueError: If the policy is of an unknown kind, or does not fit the environment; or if the
            run names an environment whose module would have to be imported.
    """
    env_id, env_kwargs = _environment_of(args)
    policy = Policy.load(args.run)
    ensure_rendering(env_id)
    env = make_env(env_id, env_kwargs, render_mode="rgb_array")
    env = gym.wrappers.RecordVideo(env, str(_folder(args)), episode_trigger=lambda _: True)
    rng = None if args.deterministic else np.random.default_rng(args.seed)
    try:
        return [play(env, policy, args.seed + i, rng) for i in range(args.episodes)]
    finally:
        env.close()  # type: ignore[no-untyped-call]  # RecordVideo leaves it untyped


def play(
    env: "gym.Env[object, object]", policy: Policy, seed: int, rng: np.random.Generator | None
) -> float:
    """Play one episode; returns its true return."""
    obs, total, done = env.reset(seed=seed)[0], 0.0, False
    while not done:
        vector = np.asarray(gym.spaces.flatten(env.observation_space, obs))
        obs, reward, terminated, truncated, _ = env.step(policy.act(vector, env.action_space, rng))
        total += float(reward)
        done = terminated or truncated
    return total


def _environment_of(args: FilmArgs) -> tuple[str, dict[str, Any]]:
    """Return id and arguments of a run's environment, which a file alone must not import."""
    with named_as(folder="run"):
        flags = read_config(args.run)["args"]
    env_id = args.env_id or flags.get("env_id")
    if env_id is None:
        raise ValueError(
            f"`env_id` must be given, because {args.run / CONFIG} names no environment, got None"
        )
    env_kwargs = flags.get("env_kwargs") or {}
    typed = names_of_modules(args.env_id)
    for name, value in (("env_id", env_id), ("env_kwargs", env_kwargs)):
        remedy = f"if you trust it, pass --env-id {env_id}"
        check_imports_nothing(name, value, args.run / CONFIG, remedy, typed=typed)
    return str(env_id), dict(env_kwargs)


def _folder(args: FilmArgs) -> Path:
    return args.out or args.run / "videos" / "policy"


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone("film")
