"""The parallel environments of a script, in its own process or each in another."""

from pathlib import Path
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

from gym_rated.assembly.arguments import RunArgs
from gym_rated.assembly.parts import make_env
from gym_rated.assembly.spaces import check_spaces
from gym_rated.environments.new_episodes import NewEpisodes
from gym_rated.environments.vectors import as_vector_env
from gym_rated.imports import named_extras
from gym_rated.wrappers.timeout import StepTimeout

_Envs = gym.vector.VectorEnv[Any, Any, Any]


def make_envs(args: RunArgs, run_dir: Path, script: str) -> _Envs:
    """Return the environments of a run, as `--vectorization` says, with the `spec` of one of them.

    The episodes of `sync` and `async` are the same: each environment seeds them by itself.

    Args:
        args: The flags.
        run_dir: Folder of the run, for videos.
        script: Name of the script, which must be able to train on them.

    Raises:
        ImportError: If a package that the environment needs is missing.
        TypeError: If the script cannot train on such spaces, or not with these flags.
        ValueError: If there is no such environment.
    """
    if args.vectorization == "envpool":
        envs = _make_pool(args)
        check_spaces(envs, args, script)
        return envs
    thunks = [make_env(args, i, run_dir) for i in range(args.num_envs)]
    specs = []

    def first() -> gym.Env[Any, Any]:
        env = thunks[0]()
        specs.append(env.spec)
        return env

    with named_extras():
        kind = AsyncVectorEnv if args.vectorization == "async" else SyncVectorEnv
        envs = kind([first, *thunks[1:]])
    envs.spec = specs[0]
    try:
        check_spaces(envs, args, script)
    except (TypeError, ValueError):
        envs.close()  # its processes
        raise
    return StepTimeout(envs) if isinstance(envs, AsyncVectorEnv) else envs


def _make_pool(args: RunArgs) -> _Envs:
    """Return environments of EnvPool's, which are others than Gymnasium's of the same id."""
    with named_extras():
        import envpool
    if args.env_id not in envpool.list_all_envs():
        raise ValueError(
            f"`env_id` must be one of EnvPool's with --vectorization envpool, got {args.env_id}; "
            "envpool.list_all_envs() names them, and sync and async take all of Gymnasium's"
        )
    try:
        pool = envpool.make(
            args.env_id,
            env_type="gymnasium",
            num_envs=args.num_envs,
            seed=args.seed,
            **args.env_kwargs,
        )
    except TypeError as error:
        raise TypeError(
            f"`env_kwargs` must be what EnvPool takes, got {args.env_kwargs}: {error}"
        ) from error
    envs = NewEpisodes(as_vector_env(pool))
    envs.unwrapped.spec = EnvSpec(args.env_id, max_episode_steps=pool.config["max_episode_steps"])
    return envs
