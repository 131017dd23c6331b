"""Measure the cases that have no result yet, and write benchmarks/results/speed.json."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import tyro
from tqdm import tqdm

from benchmarks.speed.cases import Sources, all_cases
from benchmarks.speed.interleaved import Case, measure
from gym_rated.checkpoint.files import replace_file
from gym_rated.runs.provenance import provenance

RESULTS = Path(__file__).parents[1] / "results"
LEAST_TURNS = 5


@dataclass
class Args:
    """What to measure. A case that this commit has a result of, on this processor, is skipped."""

    only: tuple[str, ...] = ()
    """cases; all by default"""
    cleanrl_src: Path | None = None
    """a checkout of CleanRL, whose scripts are timed beside ours; also CLEANRL_SRC"""
    before: Path | None = None
    """an earlier checkout of this repository, which is timed beside this one; also BEFORE"""
    again: bool = False
    """measure what has a result as well"""
    turns: int | None = None
    """turns of every case, at least 5; else each case has its own number"""
    out: Path = RESULTS / "speed.json"
    """file of the results"""


def main(args: Args) -> None:
    """Measure case by case, and write the results after each."""
    sources = find_sources(args)
    content = json.loads(args.out.read_text()) if args.out.exists() else {}
    results = content.get("cases", {})
    made_on = made_with(sources)
    cases = [
        case
        for case in chosen(args, sources)
        if args.again or not is_known(case, results.get(case.name), made_on)
    ]
    total = sum(case.weight_s for case in cases)
    with tqdm(total=total, bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}") as bar:
        for case in cases:
            bar.set_postfix_str(case.name)
            start, busy = time.monotonic(), round(os.getloadavg()[0], 1)
            found = measure(case, partial(bar.update, case.weight_s / case.turns))
            wall_s = round(time.monotonic() - start)
            results[case.name] = {"made_on": made_on, "wall_s": wall_s, "load": busy, **found}
            args.out.parent.mkdir(parents=True, exist_ok=True)
            replace_file(args.out, (json.dumps({"cases": results}, indent=1) + "\n").encode())
            tqdm.write(say(case.name, results[case.name]))


def find_sources(args: Args) -> Sources:
    """Return where other code lies, by flags or the environment; say what is left out."""
    cleanrl = args.cleanrl_src or folder_of("CLEANRL_SRC")
    if cleanrl is None:
        print("CleanRL is left out: CLEANRL_SRC=folder names a checkout of it")
    elif not (cleanrl / "cleanrl" / "ppo_continuous_action.py").is_file():
        raise FileNotFoundError(
            f"`CLEANRL_SRC` must be a checkout of CleanRL, got {cleanrl} without "
            "cleanrl/ppo_continuous_action.py; name the folder that holds cleanrl/"
        )
    before = args.before or folder_of("BEFORE")
    if before is None:
        print("No earlier state is timed: BEFORE=folder names a checkout of one")
    elif not (before / "gym_rated" / "__init__.py").is_file():
        raise FileNotFoundError(
            f"`BEFORE` must be a checkout of this repository, got {before} without gym_rated/"
        )
    if not (has_sb3 := find_spec("stable_baselines3") is not None):
        print("Stable-Baselines3 is left out: pip install 'gym_rated[sb3]'")
    return Sources(cleanrl and cleanrl.resolve(), before and before.resolve(), has_sb3)


def folder_of(variable: str) -> Path | None:
    """Return the folder that an environment variable names, if it is set."""
    return Path(os.environ[variable]) if os.environ.get(variable) else None


def chosen(args: Args, sources: Sources) -> list[Case]:
    """Return the cases that the flags ask for."""
    cases = {case.name: case for case in all_cases(sources)}
    if unknown := sorted(set(args.only) - set(cases)):
        raise ValueError(f"`only` must be among {', '.join(cases)}, got {', '.join(unknown)}")
    if args.turns is not None and args.turns < LEAST_TURNS:
        raise ValueError(f"`turns` must be at least {LEAST_TURNS}, got {args.turns}")
    found = [cases[name] for name in args.only or cases]
    return [replace(case, turns=args.turns or case.turns) for case in found]


def is_known(case: Case, result: dict[str, Any] | None, made_on: dict[str, Any]) -> bool:
    """Return whether there is a result of the same code on the same processor, of all contenders.

    The results are committed, so that while they are written the commit has changes.
    """
    if result is None or not {c.name for c in case.contenders} <= set(result["microseconds"]):
        return False
    return made_by(result["made_on"]) == made_by(made_on)


def made_with(sources: Sources) -> dict[str, Any]:
    """Return what the results will say about the code and the machine that made them."""
    script = sources.cleanrl and sources.cleanrl / "cleanrl" / "ppo_continuous_action.py"
    peers = {
        "stable_baselines3": version("stable_baselines3") if sources.has_sb3 else None,
        "cleanrl_ppo_sha256": script and sha256(script.read_bytes()).hexdigest(),
    }
    before = sources.before and commit_of(sources.before)
    return {"ours": provenance(), "before": before, "peers": peers}


def made_by(made_on: dict[str, Any]) -> list[Any]:
    """Return what must agree between two results for the second to be the first again."""
    ours = made_on["ours"]
    commit = (ours["commit"] or "").removesuffix("-dirty")
    return [commit, ours["versions"], ours["cpu"], made_on["before"], made_on["peers"]]


def commit_of(checkout: Path) -> str:
    """Return the commit of an earlier checkout, or its name where it is not under git."""
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else checkout.name


def say(name: str, result: dict[str, Any]) -> str:
    """Return a result as lines for a terminal."""
    lines = [f"{name}: µs of CPU time per {result['unit']}, median (quartiles)"]
    for contender, row in result["microseconds"].items():
        lines.append(f"  {contender:32} {row['median']:>10} ({row['low']} to {row['high']})")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Args)))
