"""What goes on while a rater waits, and for about how long: for a page that never only spins.

Seconds are estimates, from how long the newest clips took to draw and how fast the run trains.
"""

from typing import Any

from gym_rated.human.store import Progress, Run, TrainerSeen
from gym_rated.human.store.records import PLANNED_STEPS, QUERY_STEPS

_LONGEST_SILENCE_S = 60.0  # a trainer of which nothing was heard for longer may be gone


def outlook(run: Run, progress: Progress, silent_s: float) -> dict[str, Any]:
    """Return what goes on in a run, as far as who waits for a clip is concerned.

    Args:
        run: The run.
        progress: How far it is.
        silent_s: Seconds since the last sign of life of its trainer.

    Returns:
        `what`: "drawing" clips, "others" have those that are left, "learning" from the ratings,
        "training" until the next question, "finishing" after the last one, "silent" if nothing is
        heard of the trainer, or "nothing". `left_s`: seconds until it is over, None if not known.
        `num`: clips that it is about. `until`: the step at which it is over.
    """
    seen = progress.trainer
    found: dict[str, Any] = {"what": "nothing", "left_s": None, "num": 0, "until": None}
    if progress.jobs_waiting:
        drawing = {"what": "drawing", "num": progress.jobs_waiting}
        return found | drawing | {"left_s": progress.clip_s}  # until the first is there
    if progress.queries_open:
        return found | {"what": "others", "num": progress.queries_open}
    if seen is None:
        return found
    if silent_s > _LONGEST_SILENCE_S:
        return found | {"what": "silent"}
    if seen.doing == "learning":
        return found | {"what": "learning"}
    return found | _training(run, progress, seen, silent_s)


def _training(run: Run, progress: Progress, seen: TrainerSeen, silent_s: float) -> dict[str, Any]:
    """Return until which step a run trains before it asks again, or ends."""
    planned = run.config.get("num_ratings")
    asks_more = not isinstance(planned, int) or progress.asked < planned
    until = _next_step(run, seen.step) if asks_more else None
    what = "training"
    if until is None and not asks_more:
        what, until = "finishing", _step(run.config.get(PLANNED_STEPS))
    if until is None or seen.steps_per_s is None:
        return {"what": what, "until": until}
    left = (until - seen.step) / seen.steps_per_s - silent_s
    return {"what": what, "until": until, "left_s": max(left, 0.0)}


def _next_step(run: Run, step: int) -> int | None:
    """Return the step at which a run asks next, as it was planned; None if not known."""
    planned = run.config.get(QUERY_STEPS)
    steps = planned if isinstance(planned, list) else []
    later = [at for at in map(_step, steps) if at is not None and at > step]
    return min(later, default=None)


def _step(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None
