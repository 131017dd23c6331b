"""Rate clips in the browser while an agent learns from your ratings: what `make rate-demo` runs.

PPO trains on a reward learned from what you say, no faster than you rate; the page is at the link
that is printed. Beside it the same agent is trained on a constant reward, and on as many ratings of
the wrong segments, which a computed rater gives. The end is `report.png` in the folder of the run,
and what your ratings did beyond these two: nothing on tasks such as CartPole, where each step pays
the same. Ctrl-C stops, and the next call goes on from there.
"""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro

from gym_rated.assembly.filming import film_of
from gym_rated.assembly.spaces import script_for
from gym_rated.assembly.words import EnvKwargs, env_kwargs_words
from gym_rated.edge import run_command
from gym_rated.method import OUR_TASKS
from gym_rated.plots import plot_report
from gym_rated.runs import is_finished, read_metrics
from gym_rated.runs.controls import CONTROLS, compare_with_controls
from gym_rated.runs.names import CHECKPOINT, METRICS

SCRIPTS = Path(__file__).parent
STEPS = {"HalfCheetah-v5": 250_000, "Pendulum-v1": 100_000, "CartPole-v1": 60_000}
FEW = 20  # fewer ratings leave no two to compare in each of ten rounds
FLAGS = {"CartPole-v1": ["--offset", "worst"]}  # the end of an episode is bad: see docs/ppo.md
ASKED = {  # task -> the criterion, the names of the classes, and what tells a clip of each
    "HalfCheetah-v5": (
        "How well does it run backwards, to the left?",
        ("forwards", "on the spot", "a little", "runs backwards", "backwards and fast"),
        (
            "It gets to the right, or lies there and kicks that way.",
            "It kicks, rolls or falls, and ends where it began.",
            "It gets a body's length to the left, or less.",
            "It gets to the left all the time, slowly or with falls.",
            "It runs to the left without a break, as fast as anything in this round.",
        ),
    ),
    "Pendulum-v1": (
        "How well does it swing up and stay there?",
        ("hangs", "swings a little", "swings high", "nearly up", "stays up"),
        (
            "It hangs, and moves a little at most.",
            "It swings below the middle.",
            "It gets above the middle, and falls down again.",
            "It is nearly up, or passes the top and goes round.",
            "It is up when the clip ends, and holds still there.",
        ),
    ),
    "CartPole-v1": (
        "How well is the pole held upright?",
        ("falls", "nearly falls", "sways", "steady", "upright and still"),
        (
            "The pole has fallen before the clip is over.",
            "It leans far, and is caught late or not at all.",
            "It is held, and goes to and fro.",
            "It is held with small corrections.",
            "It stands, and the cart hardly moves.",
        ),
    ),
}
AGAINST_THE_REWARD = ("HalfCheetah-v5",)  # which pays for running forwards
DEFAULT = (
    "How well does the agent do its task?",
    ("very bad", "bad", "fair", "good", "very good"),
    (),
)


@dataclass
class Args:
    env_id: str = "HalfCheetah-v5"
    """the id of the environment, whose actions one of the PPO scripts must take"""
    env_kwargs: EnvKwargs = field(default_factory=dict)
    """arguments of the environment, as names and values: `action_repeat 2`"""
    seed: int = 1
    """seed of all runs"""
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
    """whether to train the same agent on a constant reward and on shuffled ratings, too"""
    run_dir: Path = Path("runs/rate-demo")
    """folder of the results; a run that is not finished is continued"""


def find_folder(args: Args) -> Path:
    """Return the folder of a run of this task that is not finished, or of a new one."""
    name, k = args.env_id.replace("/", "-"), 1
    while is_finished(args.run_dir / f"{name}-{k}" / "rated"):
        k += 1
    return args.run_dir / f"{name}-{k}"


def command_of(args: Args, script: str, folder: Path, arm: str, steps: int) -> list[str]:
    """Return the command line of one arm, which resumes where there is a checkpoint."""
    command = [sys.executable, str(SCRIPTS / f"{script}.py")]
    if (folder / arm / CHECKPOINT).exists():
        return [*command, "--resume", str(folder / arm)]
    extra = steps // 5 if args.extra_steps is None else args.extra_steps
    command += ["--env-id", args.env_id, "--seed", str(args.seed), "--run-dir", str(folder / arm)]
    command += ["--total-timesteps", str(steps), "--extra-steps", str(extra)]
    command += env_kwargs_words(args.env_kwargs)
    if arm == "constant":
        return [*command, "--reward", "constant"]
    command += ["--num-ratings", str(args.num_ratings), *FLAGS.get(args.env_id, [])]
    command += ["--query-rounds", "1"] if args.num_ratings < FEW else []
    if arm == "shuffled":  # learned from as ratings of people are
        return [*command, "--tasks", *OUR_TASKS, "--shuffle-ratings"]
    asked = ASKED.get(args.env_id, DEFAULT)
    instructions, names, texts = (args.instructions, *DEFAULT[1:]) if args.instructions else asked
    command += ["--rater", "human", "--instructions", instructions, "--class-names", *names]
    command += ["--class-texts", *texts] if texts else []
    command += ["--max-lead", str(args.max_lead), "--rater-port", str(args.port)]
    return [*command, "--open-browser"] if args.open_browser else command


def start_controls(args: Args, script: str, folder: Path, steps: int) -> dict[str, Any]:
    """Train the arms that no rating of yours can help, in the background."""
    running = {}
    for arm in CONTROLS if args.compare else ():
        if not is_finished(folder / arm):
            with (folder / f"{arm}.txt").open("wb") as log:
                command = command_of(args, script, folder, arm, steps)
                running[arm] = subprocess.Popen(command, stdout=log, stderr=log, env=one_thread())
                step_back(running[arm].pid)
    return running


def step_back(pid: int) -> None:
    """Leave the processor to the run that is rated, where the system knows how."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, pid, 10)


def one_thread() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


def train(args: Args, folder: Path) -> int:
    """Train all arms, yours in the foreground; returns its exit code."""
    steps = args.total_timesteps or STEPS.get(args.env_id, 250_000)
    script = script_for(args.env_id, args.env_kwargs)
    folder.mkdir(parents=True, exist_ok=True)
    controls = start_controls(args, script, folder, steps)
    try:
        command = command_of(args, script, folder, "rated", steps)
        code = subprocess.run(command, env=one_thread()).returncode
        for arm, process in controls.items() if code == 0 else ():
            print(f"waiting for the run on {CONTROLS[arm]}")
            if process.wait():
                print(f"it failed; {folder / arm}.txt says why")
    except KeyboardInterrupt:
        code = 130
    finally:
        for process in controls.values():
            process.terminate()
            process.wait()
    return code


def main(args: Args) -> int:
    folder = find_folder(args)
    print(f"{args.env_id}: rate {args.num_ratings} clips; everything is kept in {folder}")
    code = train(args, folder)
    arms = {a: folder / a for a in ("rated", *CONTROLS) if (folder / a / METRICS).exists()}
    if not arms or not read_metrics(arms.get("rated", folder)):
        print("nothing was trained yet")
        return code
    report = folder / "report.png"
    beside = " and ".join(CONTROLS[arm] for arm in CONTROLS if arm in arms)
    title = f"{args.env_id} rated by hand{', beside ' if beside else ''}{beside}, seed {args.seed}"
    plot_report(arms, report, title=title)
    wants_more = bool(args.instructions) or args.env_id not in AGAINST_THE_REWARD
    verdicts = compare_with_controls(arms, wants_more=wants_more)
    print("\n" + "\n".join([*verdicts, f"curves: {report}"]))
    if code != 0:
        print("that is so far; the same command goes on from here")
        return code
    print(film_of(filter(is_finished, arms.values()), folder / "film.webp"))
    return code


if __name__ == "__main__":
    sys.exit(run_command("rate-demo", lambda: main(tyro.cli(Args))))
