"""What MuJoCo warns of when it reads a model: told once, not once for each environment.

It warns from C, so that no filter of Python's warnings sees it, and leaves a MUJOCO_LOG.TXT in the
folder that one works in.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec

import gymnasium as gym

_OF_MUJOCO = ("gymnasium.envs.mujoco.", "gym_rated.environments.dm_suite:")
_told: set[str] = set()


@contextmanager
def warned_once(env_id: str) -> Iterator[None]:
    """Tell each warning of MuJoCo on stderr once a process, while an environment is made.

    Args:
        env_id: Its id; MuJoCo is imported for those that need it, and else watched if it is there.
    """
    if "mujoco" not in sys.modules and not _needs_mujoco(env_id):
        yield
        return
    mujoco = import_module("mujoco")
    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(_tell)
    try:
        yield
    finally:
        # dm_control sets a function of its own when it is imported
        if mujoco.get_mju_user_warning() is _tell:
            mujoco.set_mju_user_warning(before)


def _needs_mujoco(env_id: str) -> bool:
    spec = gym.registry.get(env_id.partition(":")[2] or env_id)
    entry = spec.entry_point if spec is not None else None
    return isinstance(entry, str) and entry.startswith(_OF_MUJOCO) and bool(find_spec("mujoco"))


def _tell(message: str) -> None:
    if message not in _told:
        _told.add(message)
        print(f"MuJoCo warns, once for all environments: {message}", file=sys.stderr)
