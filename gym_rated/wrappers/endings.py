"""Where episodes end and begin: which rows of a step are no transitions."""

import warnings
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from gym_rated.segments.tensors import copied, like, on_host, zeros_like

Flags = bool | NDArray[np.bool_]
"""One truth for each of N environments, shape (N,), or a bool for a single environment.

Those of an environment that returns tensors may be a tensor."""


class Endings:
    """Which rows of a step are no transitions, and after which a new episode begins.

    A single environment counts as one of next-step autoreset: whatever comes after the end of an
    episode is no transition, be it the reset of an `Autoreset` wrapper below or nothing at all.

    Args:
        env: Single or vector environment.
    """

    def __init__(self, env: Any) -> None:
        self._is_single = not isinstance(env, VectorEnv)
        mode = None if self._is_single else env.metadata.get("autoreset_mode")
        if mode is None and not self._is_single:
            warnings.warn(
                f"{env} names no `autoreset_mode` in `metadata`; next-step autoreset is assumed: "
                "if that is wrong, gym_rated.vector.as_vector_env says another",
                stacklevel=3,
            )
        self._mode = AutoresetMode.NEXT_STEP if mode is None else AutoresetMode(mode)
        # whose next row is a reset
        self._pending: Flags = False if self._is_single else np.zeros(env.num_envs, np.bool_)

    def begin(self, which: NDArray[np.bool_] | None = None) -> None:
        """Forget the environments that were reset from outside; all by default."""
        if self._is_single:
            self._pending = False
        elif which is None:
            self._pending = np.zeros(len(self._pending), np.bool_)  # type: ignore[arg-type]  # a vector's
        else:
            self._pending = on_host(self._pending) & ~which

    def advance(self, done: Any) -> tuple[Flags, Flags]:
        """Take note of a step.

        Args:
            done: Episode ended, shape (N,), or a bool for a single environment.

        Returns:
            Which rows of the step were resets, and in which a new episode began, like `done`.
        """
        were_resets = self._pending
        if self._is_single:  # plain bools: arrays of one number would take a third of its time
            self._pending = done
            return were_resets, bool(were_resets and not done)
        if type(were_resets) is not type(done):  # tensors, after a reset
            were_resets = like(were_resets, done)
        waits = self._mode == AutoresetMode.NEXT_STEP
        self._pending = copied(done) if waits else zeros_like(done)
        return were_resets, done if self._mode == AutoresetMode.SAME_STEP else were_resets & ~done

    def state_dict(self) -> dict[str, Any]:
        """Return what the next step needs to know, for a checkpoint."""
        if self._is_single:
            return {"is_over": self._pending}
        return {"resets": np.array(on_host(self._pending))}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._pending = state["is_over"] if self._is_single else state["resets"].copy()


def reset_mask(options: dict[str, Any] | None) -> NDArray[np.bool_] | None:
    """Return which environments `options` asks a vector environment to reset; None is all."""
    mask = None if options is None else options.get("reset_mask")
    return None if mask is None else np.array(on_host(mask), np.bool_)
