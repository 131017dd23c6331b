"""The parallel environments of a script, in its own process or each in another."""

from pathlib import Path
from typing import Any

import gymnasium as gym
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

from gym_rated.assembly.arguments import RunArgs
from gym_rated.assembly.parts import make_env
from gym_rated.assembly.spaces import check_spaces
from gym_rated.imports import named_extras
from gym_rated.wrappers.timeout import StepTimeout

_Envs = gym.vector.VectorEnv[Any, Any, Any]


def make_envs(args: RunArgs, run_dir: Path, script: str) -> _Envs:
    """Return the environments of a run, as `--vectorization` says, with the `spec` of one of them.

    The episodes are the same either way: each environment seeds them by itself.

    Args:
        args: The flags.
        run_dir: Folder of the run, for videos.
        script: Name of the script, which must be able to train on them.

    Raises:
        ImportError: If a package that the environment needs is missing.
        TypeError: If the script cannot train on such spaces.
        ValueError: If there is no such environment.
    """
    thunks = [make_env(args, i, run_dir) for i in range(args.num_envs)]
    specs = []

    def first() -> gym.Env[Any, Any]:
        env = thunks[0]()
        specs.append(env.spec)
        return env

    with named_extras():
        kind = AsyncVectorEnv if args.vectorization == "async" else SyncVectorEnv
        envs: _Envs = kind([first, *thunks[1:]])
    envs.spec = specs[0]
    try:
        check_spaces(envs, args.env_id, script)
    except TypeError:
        envs.close()  # its processes
        raise
    return StepTimeout(envs) if isinstance(envs, AsyncVectorEnv) else envs
