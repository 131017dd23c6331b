"""What the ratings did, for the end of a run: its first clip beside its last, and a curve.

The curve is of one reward, the latest, over all clips that a rater has rated: what it makes of what
the agent did early and late. The true reward is not known here.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from gym_rated.human.store import SKIPPED, AgreementRow

MOST_POINTS = 60
"""Points of a curve; more clips are averaged, neighbours in time together."""


def story(mine: Sequence[AgreementRow], learned: Mapping[str, float]) -> dict[str, Any] | None:
    """Return what a page shows at the end to one rater.

    Args:
        mine: Standing answers of the rater.
        learned: Segment id -> return of the learned reward, the same for all.

    Returns:
        `first` and `last`, the rated clips of the earliest and the latest policy, and `curve`, of
        [step, learned reward a step]; None where there are no two clips to compare.
    """
    rated = [row for row in mine if row.rating != SKIPPED and not row.repeat]
    shown = sorted((row for row in rated if row.clip_sha256), key=lambda row: row.step)
    if len(shown) < 2:
        return None
    ends = {"first": _shown(shown[0]), "last": _shown(shown[-1])}
    return ends | {"curve": curve(rated, learned)}


def curve(rated: Sequence[AgreementRow], learned: Mapping[str, float]) -> list[list[float]]:
    """Return [step, learned reward a step] of rated segments, at most `MOST_POINTS`, by step."""
    points = sorted(
        [row.step, learned[row.segment_id] / (row.length or 1)]
        for row in rated
        if row.segment_id in learned
    )
    num = min(len(points), MOST_POINTS)
    cuts = [round(k * len(points) / num) for k in range(num + 1)] if num else []
    return [_mean(points[first:last]) for first, last in pairwise(cuts)]


def _mean(points: Sequence[Sequence[float]]) -> list[float]:
    steps, values = zip(*points, strict=True)
    return [round(sum(steps) / len(steps)), sum(values) / len(values)]


def _shown(row: AgreementRow) -> dict[str, Any]:
    return {"clip": row.clip_sha256, "rating": row.rating, "step": row.step}
