"""How often a learned reward agrees with a rater, said so that anybody understands it."""

from dataclasses import dataclass

ENOUGH_PAIRS = 20
"""Pairs of ratings below which no share is said."""


@dataclass(frozen=True)
class Agreeing:
    """How a reward did on a rater's newest ratings, before it learned from them.

    Attributes:
        num: Ratings, the newest of the rater.
        pairs: Pairs of them that were rated differently in one round.
        share: Share of these pairs that the reward puts in the same order; a half is chance.
    """

    num: int
    pairs: int
    share: float


def in_words(found: Agreeing) -> str:
    """Say how often they agree."""
    return f"agrees with the last {found.num} ratings in {found.share:.0%} of pairs"
