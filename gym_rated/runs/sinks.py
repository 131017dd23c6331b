"""The one place where it is chosen what takes the rows of a run beside `metrics.jsonl`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from gym_rated.checks import check_choice
from gym_rated.choices import TrackerName
from gym_rated.imports import check_installed
from gym_rated.runs.events import EventFile
from gym_rated.runs.mirror import Mirror
from gym_rated.runs.rows import Sink
from gym_rated.runs.tracked import TrackedRun, Tracker


def check_trackers(track: Sequence[str]) -> None:
    """Refuse trackers that there are none of, or whose package is not installed.

    Nothing is imported.

    Args:
        track: Names of trackers.

    Raises:
        ValueError: If one is no name of a tracker, or there twice.
        ImportError: If its package is missing, with the extra that brings it.
    """
    for name in track:
        check_choice("track", name, get_args(TrackerName))
        if list(track).count(name) > 1:
            raise ValueError(f"`track` must name each tracker once, got {name} more than once")
        check_installed(name)


def choose_sinks(
    folder: Path,
    start: Mapping[str, Any],
    *,
    is_new: bool,
    tensorboard: bool,
    track: Sequence[TrackerName] = (),
    project: str | None = None,
) -> list[Sink]:
    """Return what takes the rows of a run, not opened yet; of its folder nothing is written.

    Args:
        folder: The run's folder.
        start: What `config.json` says of it.
        is_new: Whether the run begins.
        tensorboard: Whether TensorBoard's files do.
        track: Trackers that do.
        project: Their project.

    Raises:
        ImportError: If a package is missing.
        ValueError: If `track` is wrong, or one of them cannot begin a new run.
    """
    check_trackers(track)
    mirrors: list[Sink] = []
    try:
        for name in track:
            run = TrackedRun.of(folder, project, start)
            mirrors.append(Mirror(name, make_tracker(name), run, is_new=is_new))
    except BaseException as error:
        for mirror in mirrors:
            mirror.close(error)
        raise
    return [*mirrors, EventFile(folder, start["args"])] if tensorboard else mirrors


def make_tracker(name: TrackerName) -> Tracker:
    """Return the client of a tracker, whose package is imported when it begins."""
    if name == "wandb":
        from gym_rated.runs.wandb_tracker import WandbTracker

        return WandbTracker()
    from gym_rated.runs.mlflow_tracker import MlflowTracker

    return MlflowTracker()
