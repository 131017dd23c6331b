from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from benchmarks import many_envs
from benchmarks.many_envs import ARMS, KINDS, Pendulums, rows


def test_every_kind_and_size_has_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_envs, "_CHUNK_S", 0.0)
    found = rows(sizes=(2, 3), turns=2)
    assert [(row["kind"], row["num_envs"]) for row in found] == [
        (kind, n) for kind in KINDS for n in (2, 3)
    ]
    for row in found:
        for arm in ARMS:
            assert 0 <= row[arm]["low"] <= row[arm]["median"] <= row[arm]["high"]


@pytest.mark.parametrize("library", [np, torch])
def test_the_batched_pendulums_move_as_gymnasiums(library: Any) -> None:
    envs, one = Pendulums(3, library), gym.make("Pendulum-v1").unwrapped
    envs.reset()
    one.reset()
    one.state = np.array([start[1] for start in envs._starts], np.float64)  # type: ignore[attr-defined]
    for torque in (0.5, -1.0, 2.0):
        actions = np.full((3, 1), torque, np.float32)
        obs, rewards, *_ = envs.step(torch.as_tensor(actions) if library is torch else actions)
        expected, reward, *_ = one.step(np.array([torque], np.float32))
        np.testing.assert_allclose(np.asarray(obs)[1], expected, rtol=1e-4, atol=1e-5)
        assert float(rewards[1]) == pytest.approx(reward, rel=1e-4)


def test_an_episode_ends_after_its_limit_and_another_begins_in_the_same_step() -> None:
    envs = Pendulums(1)
    first = envs.reset()[0]
    for step in range(200):
        obs, _, _, truncated, _ = envs.step(np.zeros((1, 1), np.float32))
        assert truncated.item() == (step == 199)
    np.testing.assert_allclose(obs, first, atol=1e-6)
