"""What a rater called each class in a round: the scale that the next clip of it is compared with.

Ratings are given once, and the agent changes from round to round, so that only those of one rater
and one round share a scale.
"""

from collections.abc import Sequence
from typing import Any

from gym_rated.human.store import SKIPPED, AgreementRow

NEWEST_ROUNDS = 3
"""Rounds that are told: clips in hand may be of the one before, or of the next."""


def examples(mine: Sequence[AgreementRow], num_classes: int) -> list[dict[str, Any]]:
    """Return the newest clip of each class in the newest rounds of one rater, the latest first.

    Args:
        mine: Standing answers of the rater, in the order of the log.
        num_classes: Number of classes C.

    Returns:
        Of each round its number, and `clips`, C digests; None where no clip is of the class.
    """
    rounds: dict[int, list[str | None]] = {}
    for row in mine:
        if row.round is not None and row.rating != SKIPPED and not row.repeat:
            clips = rounds.setdefault(row.round, [None] * num_classes)
            clips[row.rating] = row.clip_sha256 or clips[row.rating]
    newest = sorted(rounds, reverse=True)[:NEWEST_ROUNDS]
    return [{"round": number, "clips": rounds[number]} for number in newest]
