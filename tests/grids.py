"""Grids to test with, and a script of a few milliseconds that writes the run format."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gym_rated.bench import Grid, read_grid
from gym_rated.bench.rows import ROW, Row, write_row
from gym_rated.bench.unit import Unit, folder_of, units_of

TRAININGS = """
[grid]
seeds = [1, 2]
[tasks.pole]
env_id = "CartPole-v1"
script = "ppo"
flags = ["--total-timesteps", "4096", "--num-envs", "4", "--checkpoint-every-s", "0"]
random = 22.0
[arms.true]
flags = ["--reward", "true"]
[arms.ours]
flags = ["--num-ratings", "40", "--no-tensorboard", "--offset", "worst"]
"""
"""Two arms of real PPO on CartPole with two seeds: four trainings of 4,096 steps."""

TINY = '''
"""Logs `--level` plus the seed as the return of four episodes; can wait, fail, and be resumed."""

import argparse, os, sys, time
from pathlib import Path

from gym_rated.checkpoint import load_state, save_state
from gym_rated.runs import RunWriter

parser = argparse.ArgumentParser()
parser.add_argument("--env-id")
parser.add_argument("--seed", type=int)
parser.add_argument("--level", type=float, default=0.0)
parser.add_argument("--wait-for", type=Path, help="file without which the run does not go on")
parser.add_argument("--checkpoints", action="store_true")
parser.add_argument("--fails", action="store_true")
parser.add_argument("--run-dir", type=Path)
parser.add_argument("--resume", type=Path)
args = parser.parse_args()
folder = args.resume or args.run_dir
state = load_state(folder / "checkpoint") if args.resume else {"step": 0}
resumed = {"resume": True, "resume_step": state["step"]} if args.resume else {}
config = {"env_id": args.env_id, "seed": args.seed}
with RunWriter(folder, config, script="tiny", tensorboard=False, **resumed) as run:
    for step in range(state["step"] + 1, 5):
        run.log(step, {"charts/episodic_return": args.level + args.seed})
        if args.checkpoints:
            save_state(folder / "checkpoint", {"step": step})
        print(f"step {step} of seed {args.seed} in process {os.getpid()}", flush=True)
        while step == 2 and args.wait_for and not args.wait_for.exists():
            time.sleep(0.01)
        if args.fails:
            sys.exit("the simulator is out of fuel")
    run.write_result({"score": args.level + args.seed, "global_step": 4})
'''
"""Source of the script."""

SMALL = """
[grid]
seeds = [1, 2]
[tasks.walk]
env_id = "CartPole-v1"
script = "tiny.py"
random = 0.0
[arms.true]
flags = ["--level", "10"]
[arms.ours]
flags = ["--level", "5"]
"""
"""One task, two arms, two seeds."""


def make_grid(folder: Path, text: str = SMALL, **replaced: str) -> Grid:
    """Write a grid and the tiny script beside it, and read it; `replaced` are words of the text."""
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    folder.mkdir(exist_ok=True)
    (folder / "tiny.py").write_text(TINY)
    (folder / "small.toml").write_text(text)
    return read_grid(folder / "small.toml")


def write_rows(grid: Grid, folder: Path, scores: dict[tuple[Any, ...], float]) -> None:
    """Write a row for each (task, arm, setting, seed) of a grid that has a score."""
    for unit in units_of(grid):
        cell = (unit.task, unit.arm, unit.setting, unit.seed)
        if cell in scores:
            folder_of(unit, folder).mkdir(parents=True)
            curve = tuple([scores[cell]] * 25)
            row = Row(scores[cell], 100, curve=curve, gym_rated="0.1.0", commit="abc")
            write_row(folder_of(unit, folder) / ROW, unit, row)


def unit_of(grid: Grid, name: str) -> Unit:
    """Return the unit that is named so on a terminal."""
    return next(unit for unit in units_of(grid) if str(unit) == name)


def start_driver(grid: Grid, folder: Path, *words: str) -> "subprocess.Popen[str]":
    """Run a grid by the command line, in a process of its own."""
    command = [sys.executable, "-m", "gym_rated", "bench", str(grid.path), "--dir", str(folder)]
    return subprocess.Popen(
        [*command, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def wait_until(is_so: Callable[[], bool], timeout_s: float = 120) -> None:
    """Wait for what a process does."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def process_of(grid: Grid, folder: Path) -> int:
    """Return the process that writes, or wrote last, the first run of a grid."""
    owner = folder_of(units_of(grid)[0], folder) / "run" / "run.lock.json"
    return int(json.loads(owner.read_text())["pid"])


def is_alive(pid: int) -> bool:
    """Return whether a process still runs; one that nobody has asked about its end does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
