"""`gym-rated report`: what one or several runs learned, in tables and pictures.

Written are report.md with its pictures, and report.html, one file that needs nothing else.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from gym_rated.agreeing import Agreeing
from gym_rated.agreeing import in_words as said
from gym_rated.assembly.wording import named_as
from gym_rated.choices import PictureFormat
from gym_rated.contradictions import in_words
from gym_rated.page import Block, Heading, Table, Text, write_page
from gym_rated.plots import plot_curves, plot_fits, plot_report, plot_reward
from gym_rated.plots.pictures import Pictures
from gym_rated.runs.folder import Run, read_run
from gym_rated.runs.names import (
    AGREEING_PREFIX,
    CONTRADICTING_PREFIX,
    HELD_OUT_SPEARMAN,
    NUM_RATINGS,
    TRUE_ADVANTAGE,
    TRUE_RETURN,
    TRUE_STEP,
)
from gym_rated.statistics import standard_error

Arms = dict[str, list[Run]]


@dataclass
class ReportArgs:
    """Compare runs: returns, ratings, the reward model from fit to fit, and within segments."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """folders of the runs, finished or not"""
    out: Path | None = None
    """folder of the report; RUN/report for one run and ./report for several by default"""
    format: tuple[PictureFormat, ...] = ()
    """further formats of each picture beside the PNG of the page: svg, pdf"""


def main(argv: Sequence[str]) -> None:
    """Run the command."""
    args = tyro.cli(ReportArgs, args=list(argv), prog="gym-rated report")
    with named_as(folder="runs"):
        runs = [read_run(folder) for folder in args.runs]
    if not runs:
        raise ValueError("`runs` must name at least one run, got none")
    out = args.out or (runs[0].folder / "report" if len(runs) == 1 else Path("report"))
    write_report(runs, Pictures(out, args.format))
    print(out / "report.html")


def write_report(runs: Sequence[Run], pictures: Pictures) -> None:
    """Write the report of at least one run beside its pictures, into a folder made if missing."""
    out = pictures.folder
    out.mkdir(parents=True, exist_ok=True)
    tasks = list(dict.fromkeys(run.env_id for run in runs))
    title = (
        f"{tasks[0]}, {_count(runs)}" if len(tasks) == 1 else f"{len(tasks)} tasks, {_count(runs)}"
    )
    blocks: list[Block] = [Heading("Runs"), _run_table(runs)]
    problems = [(run.name, (run.result or {}).get("problem")) for run in runs]
    blocks += [Text(f"{name}: {problem}.") for name, problem in problems if problem]
    blocks += [Text(f"{run.name} has {'; '.join(run.missing)}.") for run in runs if run.missing]
    blocks += _rater_table(runs)
    for task in tasks:
        blocks += _task([run for run in runs if run.env_id == task], task, pictures)
    write_page(out, "report", title, blocks)


def _task(runs: Sequence[Run], task: str, pictures: Pictures) -> Iterator[Block]:
    """Yield the part of a report about one task, drawing its pictures."""
    arms = _arms(runs)
    slug = _file_name(task)
    yield Heading(task)
    yield _arm_table(arms)
    curves = {arm: [r.metrics.get(TRUE_RETURN, ((), ())) for r in g] for arm, g in arms.items()}
    yield pictures.draw(
        f"{slug}-curves",
        "true return over training, mean and standard error by arm",
        partial(plot_curves, curves, title=f"{task}: mean over runs"),
    )
    first = {arm: group[0].metrics for arm, group in arms.items()}
    yield pictures.draw(
        f"{slug}-training",
        "true and learned return, task weights, ratings by class",
        partial(plot_report, first, title=f"{task}: the first run of each arm"),
    )
    rated = {arm: [r.metrics for r in g] for arm, g in arms.items() if _has_fits(g)}
    if rated:
        yield Heading("The learned reward", 3)
        yield pictures.draw(
            f"{slug}-fits",
            "agreement with ratings, and with the true reward, at each fit",
            partial(plot_fits, rated, title=f"{task}: the reward from fit to fit"),
        )
    for arm, group in arms.items():
        for run in group:
            if run.predictions is not None:
                title = f"{task}: the reward of {run.name}"
                yield pictures.draw(
                    f"{slug}-reward-{_file_name(arm)}",
                    f"learned returns by rating, classes, calibration ({arm})",
                    partial(plot_reward, run.predictions, title=title),
                )
                break  # one run speaks for its arm


def _file_name(text: str) -> str:
    """Return a name out of a run's folder as part of a file's name, which leads nowhere else."""
    return re.sub(r"[^\w.-]+", "-", text)


def _arms(runs: Sequence[Run]) -> Arms:
    """Group runs by what their agents were paid, and by the agent where there are several."""
    several = len({run.agent for run in runs}) > 1
    arms: Arms = {}
    for run in runs:
        arms.setdefault(f"{run.arm} {run.agent}" if several else run.arm, []).append(run)
    return arms


def _run_table(runs: Sequence[Run]) -> Table:
    columns = ["run", "task", "trained on", "seed", "steps", "score", "ratings"]
    columns += ["Spearman, held out"]
    truths = [(run.last(TRUE_ADVANTAGE), run.last(TRUE_STEP)) for run in runs]
    is_known = bool(np.isfinite(truths).any())
    columns += ["true reward, now: advantages / steps"] if is_known else []
    rows = [
        [
            *(run.name, run.env_id, run.arm, str(run.args.get("seed", "-")), str(run.last_step)),
            *(_number(run.score), _number(run.last(NUM_RATINGS))),
            _number(run.last(HELD_OUT_SPEARMAN)),
            *([" / ".join(map(_number, truth))] if is_known else []),
            _ending(run),
        ]
        for run, truth in zip(runs, truths, strict=True)
    ]
    return Table([*columns, "finished"], rows)


def _rater_table(runs: Sequence[Run]) -> Iterator[Block]:
    """Yield what the learned rewards say of the raters; nothing where they can tell of none."""
    rows = [
        [run.name, tag.removeprefix(prefix), say(run, tag)]
        for run in runs
        for prefix, say in _OPINIONS.items()
        for tag, (steps, _) in run.metrics.items()
        if tag.startswith(prefix)
        if steps[-1] == run.metrics.get(NUM_RATINGS, (steps,))[0][-1]  # the last fit could tell
    ]
    if rows:
        yield Heading("Raters")
        yield Table(["run", "rater", "by the learned reward"], rows)


def _say_agreeing(run: Run, tag: str) -> str:
    """Say how often the reward agreed with the newest ratings of the rater that a tag names."""
    num, pairs = (run.last(tag.replace("/share/", f"/{name}/", 1)) for name in ("num", "pairs"))
    if not np.isfinite([num, pairs]).all():
        return "-"
    return said(Agreeing(int(num), int(pairs), run.last(tag)))


_OPINIONS: dict[str, Callable[[Run, str], str]] = {
    f"{AGREEING_PREFIX}share/": _say_agreeing,
    CONTRADICTING_PREFIX: lambda run, tag: in_words(run.last(tag)),
}


def _ending(run: Run) -> str:
    """Return whether a run has finished, and done its job."""
    if run.result is None:
        return "no"
    return "yes" if run.result.get("learned", True) else "yes, but nothing was learned"


def _arm_table(arms: Arms) -> Table:
    rows = []
    for arm, runs in arms.items():
        scores = np.array([run.score for run in runs])
        scores = scores[np.isfinite(scores)]
        mean = float(scores.mean()) if len(scores) else float("nan")
        digits = 0 if abs(mean) >= 100 else 2
        spread = f" ± {float(standard_error(scores)):.{digits}f}" if len(scores) > 1 else ""
        rows.append([arm, str(len(scores)), _number(mean) + spread])
    return Table(["trained on", "runs", "true return of the last 50 episodes (mean ± s.e.)"], rows)


def _has_fits(runs: Sequence[Run]) -> bool:
    return any(NUM_RATINGS in run.metrics for run in runs)


def _count(runs: Sequence[Run]) -> str:
    return "1 run" if len(runs) == 1 else f"{len(runs)} runs"


def _number(value: float) -> str:
    if not np.isfinite(value):
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}"


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone("report")
