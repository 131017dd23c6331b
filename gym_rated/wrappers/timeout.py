"""A worker process that hangs is an error after a while, and one that died is named."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AsyncVectorEnv, VectorWrapper
from gymnasium.vector.async_vector_env import AsyncState

from gym_rated.checks import check_number

_VectorWrapper = VectorWrapper[Any, Any, Any, Any, Any]


class StepTimeout(_VectorWrapper, RecordConstructorArgs):
    """Stop waiting for the workers of an `AsyncVectorEnv` after a while.

    Gymnasium waits for ever: one environment that hangs, in a simulator or on a network, holds the
    whole run. It goes right around the `AsyncVectorEnv`, below all other wrappers.

    Args:
        envs: An `AsyncVectorEnv`.
        timeout_s: Longest time for one step, or one reset, of all environments, in seconds.

    Raises:
        TypeError: If `envs` is of another kind, or `timeout_s` no number.
        ValueError: If `timeout_s` is not above 0.
        TimeoutError: In `step` and `reset`, when time is up; the workers are ended then.
        RuntimeError: There, if a worker died, as one that was killed for want of memory.

    Example:
        >>> import gymnasium as gym
        >>> from gym_rated.vector import StepTimeout
        >>> envs = gym.vector.AsyncVectorEnv([lambda: gym.make("CartPole-v1")] * 2)
        >>> envs = StepTimeout(envs, timeout_s=60)
        >>> envs.reset(seed=0)[0].shape
        (2, 4)
        >>> envs.close()
    """

    def __init__(self, envs: AsyncVectorEnv, timeout_s: float = 600.0) -> None:
        RecordConstructorArgs.__init__(self, timeout_s=timeout_s)
        if not isinstance(envs, AsyncVectorEnv):
            raise TypeError(
                f"`envs` must be an AsyncVectorEnv, got {envs!r}; nothing else waits for "
                "processes, and other wrappers go above StepTimeout"
            )
        super().__init__(envs)
        self._timeout_s = check_number("timeout_s", timeout_s, low=1e-3)

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environments, within the time."""
        with self._deaths_named():
            self._workers.reset_async(seed=seed, options=options)
            return self._in_time("reset", self._workers.reset_wait)  # type: ignore[no-any-return]

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step the environments, within the time."""
        with self._deaths_named():
            self._workers.step_async(actions)
            return self._in_time("step", self._workers.step_wait)  # type: ignore[no-any-return]

    @property
    def _workers(self) -> AsyncVectorEnv:
        return self.env  # type: ignore[return-value]  # checked to be one

    @contextmanager
    def _deaths_named(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, ConnectionError) as error:
            processes = self._workers.processes
            for process in processes:
                process.join(timeout=0.1)  # it may be just about to end
            dead = {i: x.exitcode for i, x in enumerate(processes) if not x.is_alive()}
            self._workers._state = AsyncState.DEFAULT  # nothing is waited for any more
            self._workers.close(terminate=True)
            raise RuntimeError(
                f"`envs` must have all their workers, got environments {list(dead)} whose process "
                f"ended (exit codes {list(dead.values())}; -9 is what the system gives where "
                "memory runs out); take fewer environments, and go on from the last checkpoint"
            ) from error

    def _in_time(self, name: str, wait: Callable[..., Any]) -> Any:
        try:
            return wait(timeout=self._timeout_s)
        except multiprocessing.TimeoutError:
            pipes = self._workers.parent_pipes
            late = [i for i, pipe in enumerate(pipes) if pipe is not None and not pipe.poll(0)]
            self._workers.close(terminate=True)
            raise TimeoutError(
                f"`{name}` must take less than `timeout_s` = {self._timeout_s:g} s, got no answer "
                f"from environments {late}, whose workers have been ended; give StepTimeout more "
                "time if they are only slow, and go on from the last checkpoint"
            ) from None
