"""Rate clips in the browser while an agent learns from your ratings: what `make rate-demo` runs.

PPO trains on a reward learned from what you say, no faster than you rate; the page is at the link
that is printed. Beside it the same agent is trained without any reward. The end is `report.png` in
the folder of the run: what your ratings did. Ctrl-C stops, and the next call goes on from there.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import tyro

from gym_rated.imports import named_extras
from gym_rated.plots import plot_report
from gym_rated.runs import is_finished, read_metrics
from gym_rated.runs.names import CHECKPOINT, METRICS

SCRIPTS = Path(__file__).parent
STEPS = {"HalfCheetah-v5": 250_000, "CartPole-v1": 60_000, "Pendulum-v1": 100_000}
FLAGS = {"CartPole-v1": ["--offset", "worst"]}  # the end of an episode is bad: see docs/ppo.md
ASKED = {  # task -> the criterion, and what each class means
    "HalfCheetah-v5": (
        "How well does it run to the right?",
        ("backwards", "on the spot", "a little", "runs", "runs fast"),
    ),
    "CartPole-v1": (
        "How well is the pole held upright?",
        ("falls", "nearly falls", "sways", "steady", "upright and still"),
    ),
}
DEFAULT = ("How well does the agent do its task?", ("very bad", "bad", "fair", "good", "very good"))


@dataclass
class Args:
    env_id: str = "HalfCheetah-v5"
    """the id of the environment; its actions must be a Box or Discrete"""
    seed: int = 1
    """seed of both runs"""
    num_ratings: int = 100
    """clips to rate"""
    total_timesteps: int | None = None
    """steps of training; by default what the environment needs, 250,000 where that is not known"""
    extra_steps: int | None = None
    """steps to train on after the last rating; a fifth of the others by default"""
    max_lead: float = 10
    """clips that may wait for you while training goes on"""
    instructions: str | None = None
    """what you want to see, in words"""
    port: int = 0
    """port of the page; 0 takes a free one"""
    open_browser: bool = True
    """whether to open the page in a browser"""
    compare: bool = True
    """whether to train the same agent without any reward, too"""
    run_dir: Path = Path("runs/rate-demo")
    """folder of the results; a run that is not finished is continued"""


def find_script(env_id: str) -> Path:
    """Return the script for the environment's kind of actions."""
    with named_extras():
        env = gym.make(env_id)
    is_discrete = isinstance(env.action_space, gym.spaces.Discrete)
    env.close()
    return SCRIPTS / ("ppo.py" if is_discrete else "ppo_continuous_action.py")


def find_folder(args: Args) -> Path:
    """Return the folder of a run of this task that is not finished, or of a new one."""
    name, k = args.env_id.replace("/", "-"), 1
    while is_finished(args.run_dir / f"{name}-{k}" / "rated"):
        k += 1
    return args.run_dir / f"{name}-{k}"


def command_of(args: Args, folder: Path, arm: str, steps: int) -> list[str]:
    """Return the command line of one arm, which resumes where there is a checkpoint."""
    command = [sys.executable, str(find_script(args.env_id))]
    if (folder / arm / CHECKPOINT).exists():
        return [*command, "--resume", str(folder / arm)]
    extra = steps // 5 if args.extra_steps is None else args.extra_steps
    command += ["--env-id", args.env_id, "--seed", str(args.seed), "--run-dir", str(folder / arm)]
    command += ["--total-timesteps", str(steps), "--extra-steps", str(extra)]
    if arm == "none":
        return [*command, "--reward", "none"]
    instructions, names = ASKED.get(args.env_id, DEFAULT)
    command += ["--rater", "human", "--num-ratings", str(args.num_ratings)]
    command += ["--instructions", args.instructions or instructions, "--class-names", *names]
    command += ["--max-lead", str(args.max_lead), "--rater-port", str(args.port)]
    command += ["--open-browser"] if args.open_browser else []
    return command + FLAGS.get(args.env_id, [])


def train(args: Args, folder: Path) -> int:
    """Train both arms, the one without reward in the background; returns the exit code."""
    steps = args.total_timesteps or STEPS.get(args.env_id, 250_000)
    folder.mkdir(parents=True, exist_ok=True)
    environ = os.environ | {"OMP_NUM_THREADS": "1"}
    other = None
    if args.compare and not is_finished(folder / "none"):
        with (folder / "none.txt").open("wb") as log:
            command = command_of(args, folder, "none", steps)
            other = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
    try:
        code = subprocess.run(command_of(args, folder, "rated", steps), env=environ).returncode
        if other is not None and code == 0:
            other.wait()
    except KeyboardInterrupt:
        code = 130
    finally:
        if other is not None:
            other.terminate()
            other.wait()
    return code


def main(args: Args) -> int:
    folder = find_folder(args)
    print(f"{args.env_id}: rate {args.num_ratings} clips; everything is kept in {folder}")
    code = train(args, folder)
    arms = {a: folder / a for a in ("rated", "none") if (folder / a / METRICS).exists()}
    if not arms or not read_metrics(arms.get("rated", folder)):
        print("nothing was trained yet")
        return code
    report = folder / "report.png"
    plot_report(arms, report, title=f"{args.env_id}, rated by hand, seed {args.seed}")
    if is_finished(folder / "rated"):
        print(f"\nwhat your ratings did: {report}")
    else:
        print(f"\nso far: {report}; the same command goes on from here")
    return code


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Args)))
