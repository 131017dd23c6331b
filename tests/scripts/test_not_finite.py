"""A number that is not finite ends a run of any script, and the last good checkpoint stays."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import ppo
import ppo_continuous_action
import pytest
import sac_continuous_action
import safetensors.numpy
from envs import FaultyEnv
from killed_runs import rows

from gym_rated.checkpoint import load_state

pytestmark = pytest.mark.filterwarnings("ignore:round", "ignore:a query for")

PPO = {"num_steps": 16, "update_epochs": 1, "num_minibatches": 2}
SAC = {"learning_starts": 16, "batch_size": 8, "network_width": 8}
SCRIPTS = [
    pytest.param(ppo, PPO | {"env_id": "tests/FaultyDiscrete-v0"}, id="ppo"),
    pytest.param(ppo_continuous_action, PPO | {"env_id": "tests/FaultyBox-v0"}, id="ppo_box"),
    pytest.param(sac_continuous_action, SAC | {"env_id": "tests/FaultyBox-v0"}, id="sac"),
]
COMMON = {
    "reward": "true",
    "total_timesteps": 160,
    "num_envs": 2,
    "checkpoint_every_s": 0,
    "tensorboard": False,
}
FAULTS = {
    "inf_reward": (40, "reward", np.inf),
    "nan_reward": (40, "reward", np.nan),
    "huge_reward": (40, "reward", 1e30),
    "inf_obs": (40, "obs", -np.inf),
    "nan_obs": (40, "obs", np.nan),
    "huge_obs": (40, "obs", 1e30),
}
Errors = (FloatingPointError, ValueError)


def run(script: ModuleType, flags: dict[str, Any], folder: Path) -> None:
    script.train(script.Args(**{**COMMON, **flags}, run_dir=folder))


@pytest.fixture(scope="module")
def whole_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[ModuleType, Path]:
    """Folders of the runs, one a script, in which all numbers are finite."""
    folders = {}
    for script, flags in (param.values for param in SCRIPTS):
        folders[script] = tmp_path_factory.mktemp("whole") / "run"
        run(script, flags, folders[script])
    return folders


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("script", "flags"), SCRIPTS)
def test_run_ends_at_the_number_and_resumes_as_if_it_had_not_been(
    script: ModuleType,
    flags: dict[str, Any],
    fault: str,
    tmp_path: Path,
    whole_runs: dict[ModuleType, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, stopped = whole_runs[script], tmp_path / "stopped"
    monkeypatch.setattr(FaultyEnv, "fault", FAULTS[fault])
    with pytest.raises(Errors) as error:
        run(script, flags, stopped)
    said = "\n".join([str(error.value), *error.value.__notes__])
    assert any(name in said for name in ("obs", "reward", "losses/"))
    assert any(number in said for number in ("inf", "nan", "1e+30"))
    assert f"--resume {stopped}" in said
    assert not (stopped / "policy.safetensors").exists()
    step = load_state(stopped / "checkpoint")["counters"][
        0 if script is sac_continuous_action else 1
    ]
    assert 0 < step <= 80  # the fault is in step 40 of two environments

    monkeypatch.setattr(FaultyEnv, "fault", None)
    script.train(script.Args(resume=stopped))
    assert rows(stopped) == rows(whole)
    policies = [(folder / "policy.safetensors").read_bytes() for folder in (whole, stopped)]
    assert policies[0] == policies[1]
    tensors = safetensors.numpy.load(policies[0])
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


@pytest.mark.parametrize(("script", "flags"), SCRIPTS)
def test_learning_rate_without_measure_leaves_the_checkpoint_before_it(
    script: ModuleType, flags: dict[str, Any], tmp_path: Path
) -> None:
    rates = ["policy_lr", "q_lr"] if script is sac_continuous_action else ["learning_rate"]
    with pytest.raises(FloatingPointError, match="losses/") as error:
        run(script, flags | dict.fromkeys(rates, 1e30), tmp_path / "run")
    assert "learning rate" in str(error.value)
    if script is sac_continuous_action:  # PPO has none before its first update
        state = load_state(tmp_path / "run" / "checkpoint")
        agent = state["parts"]["agent"]
        assert all(bool(tensor.isfinite().all()) for tensor in agent.values())
