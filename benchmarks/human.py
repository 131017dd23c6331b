"""Does rating by hand work from end to end? A program rates in a person's place, in a browser.

    python -m benchmarks.human                 # three arms, three seeds, HalfCheetah
    python -m benchmarks.human --every-s 0     # as fast as the page lets anybody rate

A Chromium opens the link that a script prints. Clip after clip, once the page lets it, a key is
pressed by a fixed rule: running forward is good. The rule looks at the recorded observations of the
clip's segment, never at the true reward. The run waits for all answers (`--max-lead 0`), so the
result does not depend on the clock. The arms: `page` (the browser), `computed` (the rule inside
the trainer, without database, clips and page), and `none` (no ratings, and no reward).

Needs Debian's chromium and libatomic1. A cell that has a row is skipped, a run that was killed is
resumed. The rows are committed as benchmarks/results/human.json.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from playwright.sync_api import Browser, sync_playwright

from benchmarks.training import PAIRS_ONCE
from gym_rated.checkpoint.files import replace_file
from gym_rated.human.segment_blob import unpack_segment
from gym_rated.raters import CallableRater
from gym_rated.runs import is_finished, read_metrics, read_result
from gym_rated.runs.names import CHECKPOINT, DATABASE, EPISODE_LENGTH
from gym_rated.runs.provenance import provenance
from gym_rated.segments import Segment
from gym_rated.statistics import standard_error

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "ppo_continuous_action.py"
RESULTS = Path(__file__).parent / "results" / "human.json"
WORDS = {"page": "at the page", "computed": "by the same rule, computed", "none": "not at all"}
ARMS = tuple(WORDS)
SPEED = 8  # where HalfCheetah's observation has the forward speed of the torso, in m/s
LIMITS = (-0.2, 0.3, 1.0, 2.0)  # m/s between the five classes
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
NAMES = ("backwards", "on the spot", "a little", "runs", "runs fast")
INSTRUCTIONS = "How well does it run to the right?"


@dataclass
class Args:
    """Which cells to run, how long, and where."""

    arms: tuple[str, ...] = ARMS
    """who rates: page, computed, none"""
    seeds: tuple[int, ...] = (101, 102, 103)
    """seeds of the runs"""
    env_id: str = "HalfCheetah-v5"
    """the environment; the rule is for HalfCheetah"""
    total_timesteps: int = 250_000
    """steps of each run"""
    num_ratings: int = 500
    """segments to rate"""
    every_s: float = 2.0
    """seconds between two ratings at the page, at least"""
    run_dir: Path = Path("runs/human")
    """folder of the runs"""
    out: Path = RESULTS
    """file of the rows"""
    inside: Path | None = None
    """train the arm `computed` in this process, in this folder; used by the benchmark itself"""


def forward_is_good(segment: Segment) -> int:
    """The rule: 0 for running backwards to 4 for running fast, by the mean forward speed."""
    return int(np.digitize(segment.obs[:, SPEED].mean(), LIMITS))


class Visitor:
    """A rater who is a program, at the page, in a browser.

    Args:
        browser: The browser.
        link: The link that signs in.
        db: Database of the run, to see the segment of a clip.
        rule: Segment -> rating.
    """

    def __init__(
        self, browser: Browser, link: str, db: Path, rule: Callable[[Segment], int]
    ) -> None:
        self.page = browser.new_page(viewport={"width": 1000, "height": 900})
        self.page.goto(link)
        self.db, self.rule, self.rated = db, rule, 0

    def rate_one(self) -> bool:
        """Rate the clip that is shown; returns False if none is, or it was too short a while."""
        clip = self.page.get_by_test_id("clip")
        if clip.get_attribute("data-armed") != "true":
            return False
        rating = self.rule(self._segment(int(clip.get_attribute("data-query") or "")))
        self.page.keyboard.press(str(rating + 1))
        self.rated += 1
        return True

    def wait(self, seconds: float) -> None:
        """Let the page go on."""
        self.page.wait_for_timeout(1_000 * seconds)

    def _segment(self, query_id: int) -> Segment:
        sql = "SELECT blob FROM segment JOIN query ON query.segment = number WHERE query.id = ?"
        with closing(sqlite3.connect(f"file:{self.db}?mode=ro", uri=True, timeout=10)) as database:
            return unpack_segment(database.execute(sql, (query_id,)).fetchone()[0])


def flags_of(args: Args, arm: str, seed: int, folder: Path) -> list[str]:
    """Return the command line of one run, without its rater."""
    if (folder / CHECKPOINT).exists():
        return ["--resume", str(folder)]
    flags = ["--env-id", args.env_id, "--seed", str(seed), "--run-dir", str(folder)]
    flags += ["--total-timesteps", str(args.total_timesteps), "--no-tensorboard"]
    if arm == "none":
        return [*flags, "--reward", "none"]
    flags += ["--num-ratings", str(args.num_ratings), *PAIRS_ONCE]
    if arm == "page":
        flags += ["--rater", "human", "--max-lead", "0", "--instructions", INSTRUCTIONS]
        flags += ["--class-names", *NAMES]
    return flags


def run_with_visitor(args: Args, command: list[str], folder: Path) -> float:
    """Run a script, and rate what it asks, until it ends; returns the ratings a minute."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environ())
    assert process.stdout is not None
    try:
        link = next(m[1] for line in process.stdout if (m := re.search(r"(http://\S+)", line)))
        threading.Thread(target=process.stdout.read, daemon=True).start()
        with sync_playwright() as driver:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = driver.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
            visitor = Visitor(browser, link, folder / DATABASE, forward_is_good)
            begin = last = time.monotonic()
            while process.poll() is None:
                visitor.wait(0.05)
                if time.monotonic() - last >= args.every_s and visitor.rate_one():
                    last = time.monotonic()
            browser.close()
    finally:
        process.terminate()
        process.wait()
    if process.returncode != 0:
        raise RuntimeError(f"the run in {folder} ended with code {process.returncode}")
    return 60 * visitor.rated / (last - begin)


def train_inside(args: Args, folder: Path) -> None:
    """Train with the rule inside the trainer; the seed is the last part of the folder's name."""
    sys.path.insert(0, str(SCRIPT.parent))
    import ppo_continuous_action as script

    seed = int(folder.name.split("-")[-1])
    rater = CallableRater(forward_is_good, num_classes=len(NAMES))
    script.parts.make_rater = lambda *_: rater
    script.train(script.arguments.parse_args(script.Args, flags_of(args, "computed", seed, folder)))


def run_cell(args: Args, arm: str, seed: int) -> dict[str, Any]:
    """Train one agent; returns its row."""
    folder = args.run_dir.absolute() / f"{arm}-{seed}"
    row: dict[str, Any] = {"arm": arm, "seed": seed, "env_id": args.env_id}
    if not is_finished(folder):
        command = [sys.executable, str(SCRIPT), *flags_of(args, arm, seed, folder)]
        if arm == "page":
            row["ratings_per_minute"] = round(run_with_visitor(args, command, folder), 1)
        elif arm == "computed":
            command = [sys.executable, "-m", "benchmarks.human", "--inside", str(folder)]
            command += ["--total-timesteps", str(args.total_timesteps)]
            command += ["--num-ratings", str(args.num_ratings)]
        if arm != "page":
            subprocess.run(command, check=True, env=_environ(), cwd=ROOT, stdout=subprocess.DEVNULL)
    result = read_result(folder)
    row |= {"steps": result["global_step"]}
    row |= {name: result[name] for name in ("score", "num_ratings", "fit") if name in result}
    lengths = read_metrics(folder).get(EPISODE_LENGTH, ((), ()))[1]
    return row | {"episodes": len(lengths)}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the true return by who rated, and the lift of the ratings given at the page."""
    lines = [
        "| rated | seeds | true return (mean ± s.e.) | ratings a minute |",
        "|---|---|---|---|",
    ]
    of_arm = {arm: [row for row in rows if row["arm"] == arm] for arm in ARMS}
    scores = {arm: np.array([row["score"] for row in of_arm[arm]]) for arm in ARMS}
    for arm in (arm for arm in ARMS if len(scores[arm]) > 1):
        speeds = [row["ratings_per_minute"] for row in of_arm[arm] if "ratings_per_minute" in row]
        cells = [WORDS[arm], f"{len(scores[arm])}"]
        cells.append(f"{scores[arm].mean():.0f} ± {float(standard_error(scores[arm])):.0f}")
        cells.append(f"{np.mean(speeds):.0f}" if speeds else "")
        lines.append("| " + " | ".join(cells) + " |")
    page, none = scores["page"], scores["none"]
    if min(len(page), len(none)) > 1:
        lift, error = page.mean() - none.mean(), np.hypot(*map(standard_error, (page, none)))
        lines.append(f"\nLift: {lift:.0f} ± {error:.0f}, {lift / error:.0f} standard errors.")
    by_seed = [{row["seed"]: row["score"] for row in of_arm[arm]} for arm in ("page", "computed")]
    same = sum(by_seed[0].get(seed) == score for seed, score in by_seed[1].items())
    lines.append(f"{same} of {len(by_seed[1])} runs equal the computed ones to the last digit.")
    return "\n".join(lines)


def main(args: Args) -> None:
    """Run what has no row yet, and write the rows after each run."""
    if args.inside is not None:
        train_inside(args, args.inside)
        return
    found = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    rows = {(row["arm"], row["seed"]): row for row in found}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for seed in args.seeds:
        for arm in args.arms:
            if (arm, seed) not in rows:
                rows[arm, seed] = run_cell(args, arm, seed)
                content = {"made_on": provenance(), "rows": [rows[cell] for cell in sorted(rows)]}
                replace_file(args.out, (json.dumps(content, indent=1) + "\n").encode())
                print(f"{arm} {seed}: {rows[arm, seed]['score']}", flush=True)
    print(table(list(rows.values())))


def _environ() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


if __name__ == "__main__":
    main(tyro.cli(Args))
