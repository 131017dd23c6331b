"""A state that was given or taken is nobody else's: what goes on writes into arrays of its own."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from envs import MODES, KeepingRater, ScriptedEnv, scripted_vector, step_vector
from gymnasium.vector import AutoresetMode

from gym_rated import LearnedRewardWrapper, RatingFeedbackWrapper, vector


def reward_fn(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return obs @ np.arange(1.0, 1.0 + obs.shape[1])


def stack(mode: AutoresetMode | None) -> Any:
    """A learned over a feedback wrapper; a single environment without a mode."""
    if mode is None:
        env: Any = ScriptedEnv([(2, "terminated"), (3, "truncated")])
        env = RatingFeedbackWrapper(env, KeepingRater(), segment_length=2, record_replay=True)
        return LearnedRewardWrapper(env, reward_fn)
    envs: Any = scripted_vector([[(2, "terminated")], [(3, "truncated")]], mode)
    envs = vector.RatingFeedbackWrapper(envs, KeepingRater(), segment_length=2, record_replay=True)
    return vector.LearnedRewardWrapper(envs, reward_fn)


def go(env: Any, mode: AutoresetMode | None, steps: int) -> None:
    for _ in range(steps):
        if mode is not None:
            step_vector(env, np.full((2, 2), 0.5, np.float32))
        elif any(env.step(np.full(2, 0.5))[2:4]):
            env.reset()


def arrays_in(state: Any) -> Iterator[np.ndarray]:
    if isinstance(state, dict):
        state = list(state.values())
    if isinstance(state, list | tuple):
        for item in state:
            yield from arrays_in(item)
    elif isinstance(state, np.ndarray):
        yield state


def frozen(state: Any) -> list[bytes]:
    return [array.tobytes() for array in arrays_in(state)]


def spoil(state: Any) -> None:
    for array in arrays_in(state):
        if array.dtype.kind in "biuf" and array.flags.writeable:
            array[...] = array ^ True if array.dtype == bool else 1 - array


@pytest.mark.parametrize("mode", [None, *MODES])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_a_state_that_was_given_does_not_change_with_what_goes_on(mode, steps):
    env = stack(mode)
    env.reset()
    go(env, mode, steps)
    states = [layer.state_dict() for layer in (env, env.env)]
    before = frozen(states)
    go(env, mode, 7)
    assert frozen(states) == before
    assert before
    now = frozen([layer.state_dict() for layer in (env, env.env)])
    spoil([layer.state_dict() for layer in (env, env.env)])
    assert frozen([layer.state_dict() for layer in (env, env.env)]) == now


@pytest.mark.parametrize("mode", [None, *MODES])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_a_state_that_was_taken_is_neither_written_nor_listened_to(mode, steps):
    """Two resume from one state; then it is spoilt, and both still agree with a third."""
    source = stack(mode)
    source.reset()
    go(source, mode, steps)
    states = [layer.state_dict() for layer in (source, source.env)]
    before = frozen(states)
    resumed = []
    for _ in range(2):
        env = stack(mode)
        env.reset()
        for layer, state in zip((env, env.env), states, strict=True):
            layer.load_state_dict(state)
        resumed.append(env)
    first, second = resumed
    kept = frozen([layer.state_dict() for layer in (second, second.env)])
    assert kept == before
    go(first, mode, 5)
    assert frozen(states) == before  # what went on did not write into it
    assert frozen([layer.state_dict() for layer in (second, second.env)]) == kept
    spoil(states)
    assert frozen([layer.state_dict() for layer in (second, second.env)]) == kept


def test_a_reset_of_some_environments_ends_only_their_wait():
    """Under next-step autoreset the first waits for its reset row; the other one is reset."""
    envs = stack(AutoresetMode.NEXT_STEP)
    envs.reset()
    go(envs, AutoresetMode.NEXT_STEP, 2)  # the first environment ended at its second step
    assert envs._learned._endings.state_dict()["resets"].tolist() == [True, False]
    state = envs._learned._endings.state_dict()
    envs._learned._endings.begin(np.array([False, True]))
    assert envs._learned._endings.state_dict()["resets"].tolist() == [True, False]
    envs._learned._endings.begin(np.array([True, False]))
    assert envs._learned._endings.state_dict()["resets"].tolist() == [False, False]
    assert state["resets"].tolist() == [True, False]
