"""The programs of docs/examples run, in small."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gym_rated.bench import LocalProcesses, read_grid, run_grid
from gym_rated.bench.table import entries_of
from gym_rated.runs import read_result

FOLDER = Path(__file__).parents[2] / "docs" / "examples"
PAGES = [FOLDER.parent / name for name in ("agents.md", "benchmark.md")]
pytestmark = pytest.mark.filterwarnings(
    "ignore:Creating .* inherits from WeightUpdaterBase is deprecated",  # TorchRL of itself
    "ignore:a query for",  # rounds lie close together in so short a run
    "ignore:round",
)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_every_example_is_shown_and_tested(path):
    shown = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert f"literalinclude}} examples/{path.name}" in shown
    assert f'load("{path.stem}")' in Path(__file__).read_text(encoding="utf-8")


def test_the_list_for_newcomers_has_every_program():
    listed = (FOLDER / "README.md").read_text(encoding="utf-8")
    for path in (*FOLDER.rglob("*.py"), *FOLDER.glob("*.ipynb")):
        assert f"({path.relative_to(FOLDER)})" in listed, path
    for page in ("README.md", "docs/index.md"):
        text = (FOLDER.parents[1] / page).read_text(encoding="utf-8")
        assert "examples/README.md" in text, page


@pytest.mark.long
def test_sb3_ppo_is_paid_by_ratings():
    example = load("sb3_ppo")
    feedback, model, learned, true = example.train(
        total_timesteps=4_096, num_ratings=40, num_steps=64
    )
    assert len(feedback.ratings) == 40
    assert model.ready
    assert -2_000 < true < -500  # Pendulum, hardly trained
    assert abs(learned) < 1_000


@pytest.mark.long
def test_sb3_sac_stores_the_rewards_of_today():
    example = load("sb3_sac")
    feedback, model, agent, true = example.train(total_timesteps=600, num_ratings=12, start=300)
    assert len(feedback.ratings) >= 4
    assert agent.ep_info_buffer[-1]["r"] != 0  # SB3's own monitor counts learned returns
    assert -2_000 < true < -100
    obs, actions = agent.replay_buffer.observations, agent.replay_buffer.actions
    expected = model.predict(obs[:600, 0], 2.0 * actions[:600, 0])
    np.testing.assert_allclose(agent.replay_buffer.rewards[:600, 0], expected, atol=1e-5)


def test_a_loop_of_ones_own_is_paid_by_ratings():
    feedback, model, true = load("custom_loop").train(num_rollouts=6, num_ratings=30)
    assert len(feedback.ratings) == 30
    assert model.ready
    assert 8 <= true <= 500


@pytest.mark.long
def test_torchrl_is_paid_by_ratings():
    feedback, model, batch, true = load("torchrl_ppo").train(
        total_steps=4_096, batch_steps=512, num_ratings=40
    )
    assert len(feedback.ratings) == 40
    assert model.ready
    assert -2_000 < true < -500
    rewards = batch["next", "reward"].numpy()
    assert rewards.std() > 0.1
    assert rewards.max() > 0  # as Pendulum's true rewards never are


def test_hill_climbing_is_an_arm_of_a_grid(tmp_path):
    example = load("hill_climbing")
    result = example.train(example.Args(tmp_path / "run", total_timesteps=3_000))
    assert read_result(tmp_path / "run")["score"] == result["score"]
    assert 30 < result["score"] <= 500  # a random policy falls after some twenty steps
    grid = tmp_path / "own.toml"
    grid.write_text(
        "[grid]\nseeds = [1, 2]\n[tasks.pole]\nenv_id = 'CartPole-v1'\nscript = 'ppo'\n"
        "flags = ['--total-timesteps', '3000']\nrandom = 22.0\n"
        f"[arms.mine]\nscript = '{FOLDER / 'hill_climbing.py'}'\n"
    )
    tally = run_grid(read_grid(grid), tmp_path / "runs", LocalProcesses())
    assert (tally.done, tally.failed) == (2, [])
    entries, _ = entries_of(read_grid(grid), tmp_path / "runs")
    assert entries[0].score == result["score"]  # the same seed in another process
