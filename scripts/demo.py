"""Train one agent four ways and show the difference: what `make demo` runs.

The arms are PPO on a reward learned from ratings, on the true reward, on a constant reward, and on
ratings given to the wrong segments; the script is the one for the environment's kind of actions.
They run in parallel on the cores there are; the result is a table, `result.json`, `report.png` and,
where the environment can be drawn, `film.webp` in the run folder. Where one of the last two arms
does as well as the ratings, the table says so.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro
from tqdm import tqdm

from gym_rated.assembly.filming import film_of
from gym_rated.assembly.spaces import script_for
from gym_rated.assembly.words import EnvKwargs, env_kwargs_words
from gym_rated.checkpoint import replace_file
from gym_rated.edge import run_command
from gym_rated.plots import plot_report
from gym_rated.runs import read_metrics, read_result
from gym_rated.runs.controls import compare_with_controls
from gym_rated.runs.names import CONFIG, METRICS

FILM = "film.webp"
FILM_SECONDS = 6.0
SUMMARY = "result.json"  # of all arms; that of each run is in its own folder
SCRIPTS = Path(__file__).parent
ARMS = {
    "rated": ["--reward", "rated"],
    "true": ["--reward", "true"],
    "shuffled": ["--reward", "rated", "--shuffle-ratings"],
    "constant": ["--reward", "constant"],
}
TOLD = {
    "rated": "learns from {num_ratings} ratings of short segments, and never sees the true reward",
    "true": "learns from the true reward, as usual",
    "shuffled": "learns from the same ratings given to the wrong segments",
    "constant": "is paid the same for everything",
}
STEPS = {
    "HalfCheetah-v5": 250_000,
    "Pendulum-v1": 100_000,
    "Reacher-v5": 150_000,
    "CartPole-v1": 100_000,
    "Acrobot-v1": 150_000,
}
FLAGS = {  # what the end of an episode means; see docs/ppo.md
    "CartPole-v1": ["--offset", "worst"],
    "Acrobot-v1": ["--offset", "best"],
}


@dataclass
class Args:
    env_id: str = "HalfCheetah-v5"
    """the id of the environment, whose actions one of the PPO scripts must take"""
    env_kwargs: EnvKwargs = field(default_factory=dict)
    """arguments of the environment, as names and values: `action_repeat 2`"""
    seed: int = 101
    """seed of all arms"""
    total_timesteps: int | None = None
    """steps of each arm; by default what the environment needs, 250,000 where that is not known"""
    num_ratings: int = 500
    """segments to ask about"""
    run_dir: Path = Path("runs/demo")
    """folder of the results; runs of an earlier demo in it are replaced"""


def start_arm(args: Args, script: str, arm: str, steps: int) -> subprocess.Popen[bytes]:
    folder = args.run_dir / arm
    if (folder / CONFIG).exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(SCRIPTS / f"{script}.py"), "--env-id", args.env_id]
    command += ["--seed", str(args.seed), *FLAGS.get(args.env_id, [])]
    command += ["--total-timesteps", str(steps), "--num-ratings", str(args.num_ratings)]
    command += ["--run-dir", str(folder), *ARMS[arm], *env_kwargs_words(args.env_kwargs)]
    with (folder / "log.txt").open("wb") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )


def last_step(folder: Path) -> int:
    """Return the last logged step of a run that may still be starting."""
    if not (folder / METRICS).exists():
        return 0
    seconds = read_metrics(folder).get("time_s")
    return int(seconds[0][-1]) if seconds is not None else 0


def run_arms(args: Args, script: str, steps: int) -> None:
    """Run all arms, as many at a time as there are cores, with one progress bar for their steps."""
    waiting, running = list(ARMS), dict[str, subprocess.Popen[bytes]]()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    done_steps = dict.fromkeys(ARMS, 0)
    with tqdm(total=steps * len(ARMS), unit="step", unit_scale=True, smoothing=0.05) as bar:
        try:
            while waiting or running:
                while waiting and len(running) < (cores or 1):
                    arm = waiting.pop(0)
                    running[arm] = start_arm(args, script, arm, steps)
                time.sleep(1)
                for arm in running:
                    done_steps[arm] = min(last_step(args.run_dir / arm), steps)
                for arm in [arm for arm, process in running.items() if process.poll() is not None]:
                    check_finished(args.run_dir / arm, running.pop(arm).returncode)
                    done_steps[arm] = steps
                    score = number(read_result(args.run_dir / arm)["score"], 1)
                    bar.write(f"{arm:10} is trained: true return {score}")
                bar.set_description(f"training {', '.join(running) or 'done'}")
                bar.update(sum(done_steps.values()) - bar.n)
        finally:
            for process in running.values():
                process.terminate()
                process.wait()


def check_finished(folder: Path, code: int) -> None:
    if code != 0:
        tail = (folder / "log.txt").read_text(errors="replace").strip().splitlines()[-15:]
        raise SystemExit(f"the {folder.name} arm failed with code {code}:\n" + "\n".join(tail))


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return the results as text, one arm a row."""
    lines = [
        f"{'arm':10}{'true return':>13}{'steps/s':>10}{'ratings':>9}{'rank corr.':>12}"
        "  task weights"
    ]
    for arm, result in results.items():
        fit = result.get("fit", {})
        weights = [
            f"{key.removeprefix('weight/')} {value:.2f}"
            for key, value in fit.items()
            if key.startswith("weight/")
        ]
        correlation = fit.get("held_out/spearman")
        lines.append(
            f"{arm:10}{number(result['score'], 1):>13}{result['steps_per_second']:10.0f}"
            f"{result.get('num_ratings', '-'):>9}{number(correlation, 2):>12}"
            f"  {', '.join(weights) or '-'}"
        )
    return "\n".join(lines)


def number(value: float | str | None, digits: int) -> str:
    """Return a number as text, or a dash where there is none (no episode ended, no ratings)."""
    return "-" if value is None else f"{float(value):.{digits}f}"


def main(args: Args) -> None:
    steps = args.total_timesteps or STEPS.get(args.env_id, 250_000)
    script = script_for(args.env_id, args.env_kwargs)
    print(f"{args.env_id}: an agent is trained {len(ARMS)} times, {steps:,} steps each")
    for arm, told in TOLD.items():
        print(f"  {arm:10} {told.format(num_ratings=args.num_ratings)}")
    print("if ratings are enough, `rated` comes close to `true`, and the other two do not\n")
    start = time.monotonic()
    run_arms(args, script, steps)
    results = {arm: read_result(args.run_dir / arm) for arm in ARMS}
    summary = {
        "env_id": args.env_id,
        "seed": args.seed,
        "total_timesteps": steps,
        "seconds": round(time.monotonic() - start, 1),
        "arms": {
            arm: {k: v for k, v in row.items() if k != "sha256"} for arm, row in results.items()
        },
    }
    replace_file(args.run_dir / SUMMARY, (json.dumps(summary, indent=2) + "\n").encode())
    title = f"{args.env_id}, {args.num_ratings} ratings, seed {args.seed}"
    report = args.run_dir / "report.png"
    folders = {arm: args.run_dir / arm for arm in ARMS}
    plot_report(folders, report, title=title)
    print(f"\n{table(results)}\n")
    print("true return: mean of the last 50 training episodes, which only the true arm ever saw")
    print("rank corr.: Spearman of the learned return with held-out ratings\n")
    print("\n".join(compare_with_controls(folders)))
    print("one seed shows little: docs/results.md has five, with their spread")
    print(f"finished in {summary['seconds']:.0f} s")
    print(f"true and learned return over training: {report}", flush=True)
    print(film_of(folders.values(), args.run_dir / FILM, seconds=FILM_SECONDS))


if __name__ == "__main__":
    sys.exit(run_command("demo", lambda: main(tyro.cli(Args))))
