"""The films of docs/gallery.md: the agents of one seed of a grid that was run, task by task.

python -m benchmarks.gallery benchmarks/ten_tasks.toml --dir runs/bench --seed 201
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import tyro

from gym_rated.bench import read_grid
from gym_rated.bench.unit import units_of
from gym_rated.cli.commands.film import FilmArgs, film_side_by_side


@dataclass
class Args:
    """Film each task's agents beside random actions."""

    grid: tyro.conf.Positional[Path]
    """file of the grid"""
    dir: Path = Path("runs/bench")
    """folder in which it was run"""
    seed: int = 201
    """seed of the runs"""
    setting: str = "headline"
    """setting of the runs"""
    arms: tuple[str, ...] = ("ours", "true")
    """whose agents"""
    out: Path = Path("docs/_static/gallery")
    """folder of the films, TASK.webp"""
    seconds: float = 3.0
    """how long each is, from the beginning of an episode"""
    height: int = 150
    """how high each is, in pixels"""


def main(args: Args) -> None:
    """Write a film of each task."""
    grid = read_grid(args.grid).only(arms=args.arms, settings=[args.setting], seeds=[args.seed])
    with tempfile.TemporaryDirectory() as folder:
        for task in grid.tasks:
            keys = {unit.arm: unit.key for unit in units_of(grid.only(tasks=[task]))}
            links = tuple(Path(folder, task, arm) for arm in args.arms)  # titled by their names
            Path(folder, task).mkdir()
            for link in links:
                link.symlink_to((args.dir / keys[link.name] / "run").resolve())
            film = FilmArgs(links, seconds=args.seconds, height=args.height)
            film_side_by_side(film, args.out / f"{task}.webp")
            print(args.out / f"{task}.webp", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Args))
