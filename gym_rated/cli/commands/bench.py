"""`gym-rated bench`: run a grid of trainings that a TOML file describes, or report it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from gym_rated.assembly.ranges import Count, check_ranges
from gym_rated.bench.engine import Engine, LocalProcesses
from gym_rated.bench.grid import Grid, read_grid
from gym_rated.bench.report import write_report
from gym_rated.bench.running import run_grid
from gym_rated.choices import PictureFormat


@dataclass
class BenchArgs:
    """Run what of a grid has not been run yet; with --report, say what came of it instead."""

    grid: Annotated[Path, tyro.conf.Positional]
    """TOML file of tasks, arms, settings and seeds; a grid runs programs, so know whose it is"""
    dir: Path = Path("runs/bench")
    """folder of the runs, which several grids may share"""
    workers: Count | None = None
    """runs at a time, each in a process with one thread; by default 1, on a cluster one for each of
    its processors"""
    engine: Literal["local", "ray"] = "local"
    """where runs are run: on this machine, or on the nodes of a Ray cluster, which share --dir"""
    ray_address: str | None = None
    """with --engine ray, HOST:PORT of the cluster's head; this machine must be one of its nodes"""
    tasks: tuple[str, ...] = ()
    """tasks of the grid, all by default"""
    arms: tuple[str, ...] = ()
    """arms of the grid, all by default"""
    settings: tuple[str, ...] = ()
    """settings of the grid, all by default"""
    seeds: tuple[int, ...] = ()
    """seeds of the grid, all but those for tuning by default"""
    report: bool = False
    """write tables and pictures of the runs that there are, and run nothing"""
    out: Path | None = None
    """with --report, its folder; DIR/report-GRID by default"""
    format: tuple[PictureFormat, ...] = ()
    """with --report, further formats of each picture beside the PNG of the page: svg, pdf"""
    baseline: str | None = None
    """with --report, the arm that others are compared with; that of the grid by default"""
    compare: Path | None = None
    """with --report, a CSV file of further runs, with the columns of rows.csv"""
    rows: Path | None = None
    """the rows.csv of an earlier report, whose runs count as done where --dir has none"""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns 1 where a run failed."""
    args = tyro.cli(BenchArgs, args=list(argv), prog="gym-rated bench")
    check_ranges(args)
    grid = read_grid(args.grid).only(args.tasks, args.arms, args.settings, args.seeds)
    if args.report:
        return _report(args, grid)
    for name in ("out", "format", "baseline", "compare"):
        if getattr(args, name) not in (None, ()):
            raise ValueError(f"`{name}` must be given with `--report` only, got it without")
    return 1 if run_grid(grid, args.dir, _engine(args), rows=args.rows).failed else 0


def _engine(args: BenchArgs) -> Engine:
    if (args.engine == "ray") != (args.ray_address is not None):
        raise ValueError(
            "`ray_address` must be given with `--engine ray`, and only then, got "
            f"{args.ray_address} with `--engine {args.engine}`"
        )
    if args.ray_address is None:
        return LocalProcesses(1 if args.workers is None else args.workers)
    from gym_rated.bench.cluster import RayCluster

    return RayCluster(args.ray_address, args.dir, args.workers)


def _report(args: BenchArgs, grid: Grid) -> int:
    out = args.out or args.dir / f"report-{args.grid.stem}"
    write_report(
        grid,
        args.dir,
        out,
        baseline=args.baseline,
        compare=args.compare,
        rows=args.rows,
        formats=args.format,
    )
    print(out / "report.html")
    return 0


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone("bench")
