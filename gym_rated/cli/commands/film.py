"""`gym-rated film`: videos of the policy that a run trained."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import gymnasium as gym
import numpy as np
import tyro
from numpy.typing import NDArray

from gym_rated.agents.policy import Policy
from gym_rated.assembly.rollout import Env, choose_action, environment_of, images_of
from gym_rated.assembly.wording import named_as
from gym_rated.assembly.words import EnvKwargs
from gym_rated.checks import check_number, whole_number
from gym_rated.environments.camera import follow_agent
from gym_rated.environments.images import with_images
from gym_rated.environments.making import make_env
from gym_rated.environments.rendering import choose_backend, ensure_rendering
from gym_rated.human.clips.drawing import draw, draw_small, fps_of
from gym_rated.runs import is_finished, read_result

_MOST_FPS = 25.0  # of a picture that is sent over the network
_MOST_SECONDS = 60.0  # frames are held in memory
_DRAWN = 360  # pixels of a frame as it is drawn, longer side
_RANDOM = "random actions"


@dataclass
class FilmArgs:
    """Film the policies of finished runs (needs rendering; videos need the extra `video`)."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """folders of the runs"""
    env_id: str | None = None
    """id of the environment; that of each run by default"""
    env_kwargs: EnvKwargs = field(default_factory=dict)
    """arguments of the environment, as names and values: `action_repeat 2`; by default those of
    each run"""
    out: Path | None = None
    """folder of the videos of one run; RUN/videos/policy by default"""
    episodes: int = 3
    """how many episodes to film"""
    side_by_side: Path | None = None
    """instead of videos, an animated picture (.webp) of random actions and all runs side by side"""
    seconds: float = 6.0
    """how long that picture is, in seconds of the environment, 60 at most"""
    height: int = 240
    """how high its films are, in pixels, 360 at most"""
    seed: int = 0
    """seed of the environment and of the actions"""
    deterministic: bool = False
    """whether to take the most probable action, instead of drawing it as in training"""


def main(argv: Sequence[str]) -> None:
    """Run the command."""
    args = tyro.cli(FilmArgs, args=list(argv), prog="gym-rated film")
    _check(args)
    if args.side_by_side is not None:
        film_side_by_side(args, args.side_by_side)
        print(args.side_by_side)
        return
    for run in args.runs:
        returns = film(args, run)
        lengths = ", ".join(f"{value:.1f}" for value in returns)
        print(f"{len(returns)} episodes with true returns {lengths}: {_folder(args, run)}")


def _check(args: FilmArgs) -> None:
    """Refuse what cannot be filmed before anything is played."""
    if not args.runs:
        raise ValueError("`runs` must name at least one run, got none")
    if args.out is not None and len(args.runs) > 1:
        raise ValueError(
            f"`out` must be left out for several runs, got {args.out}; each gets RUN/videos/policy"
        )
    if args.side_by_side is not None and args.side_by_side.suffix != ".webp":
        raise ValueError(f"`side_by_side` must end in .webp, got {args.side_by_side}")
    check_number("seconds", args.seconds, 0.1, _MOST_SECONDS)
    whole_number("episodes", args.episodes)
    whole_number("height", args.height, 16, _DRAWN)


def film(args: FilmArgs, run: Path) -> list[float]:
    """Film episodes of a run; returns the true return of each.

    Raises:
        FileNotFoundError: If the folder holds no run, or no policy yet.
        ImportError: If a package of the extra `video` is missing.
        RuntimeError: If the environment cannot be rendered here.
        ValueError: If the policy is of an unknown kind, or does not fit the environment; or if the
            run names an environment whose module would have to be imported.
    """
    env_id, env_kwargs = _environment_of(args, run)
    policy = Policy.load(run)
    ensure_rendering(env_id)
    env = make_env(env_id, env_kwargs, render_mode="rgb_array")
    follow_agent(env)
    env = gym.wrappers.RecordVideo(env, str(_folder(args, run)), episode_trigger=lambda _: True)
    env = with_images(env, **images_of(run))
    rng = None if args.deterministic else np.random.default_rng(args.seed)
    try:
        return [play(env, policy, args.seed + i, rng) for i in range(args.episodes)]
    finally:
        env.close()


def film_side_by_side(args: FilmArgs, path: Path) -> None:
    """Make one animated picture of random actions and of each run, from the same first state.

    Raises:
        FileNotFoundError: If a folder holds no run, or no policy yet.
        RuntimeError: If an environment cannot be rendered here.
        ValueError: As `film`.
    """
    from gym_rated.plots.film import save_film

    environments = [_environment_of(args, run) for run in args.runs]
    policies = [Policy.load(run) for run in args.runs]
    if any(environment != environments[0] for environment in environments):
        found = ", ".join(dict.fromkeys(env_id for env_id, _ in environments))
        raise ValueError(f"`runs` must be of one environment for `side_by_side`, got {found}")
    choose_backend(*environments[0], otherwise="Training needs no rendering.")
    env = make_env(*environments[0], render_mode="rgb_array")
    env_id = environments[0][0]
    try:
        draw_small(env, env_id, _DRAWN, "nice")
        steps_a_second = fps_of(env)
        every = max(1, round(steps_a_second / _MOST_FPS))
        steps = max(1, round(args.seconds * steps_a_second))
        seen = [env, *(with_images(env, **images_of(run)) for run in args.runs)]
        films = [
            list(islice(_pictures(each, env_id, policy, args), 0, steps, every))
            for each, policy in zip(seen, (None, *policies), strict=True)
        ]
    finally:
        env.close()
    titles = [_RANDOM, *map(_title, args.runs)]
    save_film(
        list(zip(titles, films, strict=True)), path, fps=steps_a_second / every, height=args.height
    )


def _title(run: Path) -> str:
    """Return the name of a run, with its score where it is finished."""
    score = read_result(run)["score"] if is_finished(run) else None
    name = Path(os.path.abspath(run)).name  # of a link, its own
    return name if score is None else f"{name}: true return {score:.0f}"


def _pictures(
    env: Env, env_id: str, policy: Policy | None, args: FilmArgs
) -> Iterator[NDArray[np.uint8]]:
    """Yield what is seen, episode after episode; the first is seeded."""
    rng = None if args.deterministic else np.random.default_rng(args.seed)
    env.action_space.seed(args.seed)
    obs, done = env.reset(seed=args.seed)[0], False
    while True:
        yield draw(env, env_id, _DRAWN)
        obs, _, done = _step(env, policy, obs, rng)
        if done:
            obs = env.reset()[0]


def play(env: Env, policy: Policy, seed: int, rng: np.random.Generator | None) -> float:
    """Play one episode; returns its true return."""
    obs, total, done = env.reset(seed=seed)[0], 0.0, False
    while not done:
        obs, reward, done = _step(env, policy, obs, rng)
        total += reward
    return total


def _step(
    env: Env, policy: Policy | None, obs: Any, rng: np.random.Generator | None
) -> tuple[Any, float, bool]:
    """Take one step; returns the observation, the true reward and whether the episode is over."""
    action = choose_action(env, policy, obs, rng)
    obs, reward, terminated, truncated, _ = env.step(action)
    return obs, float(reward), terminated or truncated


def _environment_of(args: FilmArgs, run: Path) -> tuple[str, dict[str, Any]]:
    with named_as(folder="runs"):
        return environment_of(run, args.env_id, args.env_kwargs)


def _folder(args: FilmArgs, run: Path) -> Path:
    return args.out or run / "videos" / "policy"


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone("film")
