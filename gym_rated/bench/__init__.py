"""Grids of trainings: described in a TOML file, run as far as they have not been, and reported.

A grid (`grid`) is a list of units (`unit`), each one run of a script in a process of its own
(`engine`), of which a row is kept (`rows`). What is done is not run again (`running`). Rows become
a table (`table`), numbers with their intervals (`judging`), and a page (`report`).
"""

from gym_rated.bench.engine import Ended, Engine, Job, LocalProcesses
from gym_rated.bench.grid import Grid, read_grid
from gym_rated.bench.report import write_report
from gym_rated.bench.running import Tally, run_grid

__all__ = [
    "Ended",
    "Engine",
    "Grid",
    "Job",
    "LocalProcesses",
    "Tally",
    "read_grid",
    "run_grid",
    "write_report",
]
