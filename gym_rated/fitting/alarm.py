"""Notice a reward that does not predict the ratings that come in.

Every fit judges the reward as it was on the ratings that it has not been fitted to, before it
learns from them. Low agreement means that the ratings are noise, or that the reward does not reach
new behaviour [our inference: the limits below tell working runs from shuffled ratings].

A round of 30 or more is judged alone, and two bad ones running raise the alarm. People answer in
rounds of 4 to 10: these are pooled, over a window of the newest, and ranks are compared within one
rater and one round. Of 100 ratings in rounds of 5, random ones raise the alarm in 99 of 100 runs;
ratings that the reward predicts with a rank correlation of 0.6 do in 0.2, of 0.5 in 3, and of 0.4
in 14 of 100 [simulated: normal returns and noise, five classes].
"""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gym_rated.metrics import spearman

MIN_FRESH = 30
"""Fresh ratings from which on a round is judged alone."""
MIN_POOLED = 48
"""Fresh ratings of smaller rounds, less the number of groups that they are ranked in, to judge."""
MIN_SPEARMAN = 0.2
"""Rank correlation below which a round counts against the reward."""
ROUNDS = 2
"""Rounds running that raise the alarm."""


@dataclass(frozen=True)
class Fresh:
    """How the reward before a fit did on ratings that it had not seen.

    Attributes:
        num: Number of such ratings; where there are very many, a sample of them is judged.
        spearman: Rank correlation of predicted returns and these ratings; where there are fewer
            than `MIN_FRESH`, of them and those of the rounds before. NaN where all these are too
            few, or are equal.
        alarm: Whether it was below `MIN_SPEARMAN` in the last `ROUNDS` rounds that count, or in the
            newest small rounds together.
    """

    num: int = 0
    spearman: float = float("nan")
    alarm: bool = False


class RewardAlarm:
    """Remembers which ratings the reward was fitted to, and how it did on the newest before."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}  # in the order in which they came
        self._predicted = Moments()
        self._bad_rounds = 0
        self._pool = _Pool()

    def unknown(self, ids: Sequence[str]) -> NDArray[np.bool_]:
        """Mark the ids of ratings that the reward was not fitted to, shape (B,)."""
        return np.array([segment_id not in self._known for segment_id in ids], np.bool_)

    def know(self, ids: Iterable[str]) -> None:
        """Remember that the reward is fitted to the ratings of some segments."""
        self._known.update(dict.fromkeys(ids))

    def remember(self, returns: NDArray[Any]) -> None:
        """Remember the scale of what is predicted for the ratings that were fitted to."""
        self._predicted = Moments.of(returns)

    def look(
        self,
        ids: Sequence[str],
        returns: NDArray[Any] | None,
        ratings: NDArray[Any],
        groups: NDArray[np.int64] | None = None,
        rounds: NDArray[np.int64] | None = None,
    ) -> Fresh:
        """Judge the fresh ratings among some, and remember them.

        Args:
            ids: Segment id of each rating, B of them: those that are fresh, and any others.
            returns: Predicted return of each segment, shape (B,); None before the first fit. Their
                scale is that of the fresh ones and of what was remembered, or of all without that.
            ratings: Rating classes or scores, shape (B,).
            groups: One integer per (rater, round), shape (B,), where only ranks within a group
                mean something; see `gym_rated.metrics.spearman`.
            rounds: The same where ratings of all groups share a scale: within these, ratings of
                small rounds are compared. By default the groups, or one round a call.

        Returns:
            What was found; an alarm that begins is also a warning.
        """
        fresh = self.unknown(ids)
        self.know(ids)
        num = int(fresh.sum())
        if returns is None or not num:
            return Fresh(num, alarm=self._bad_rounds >= ROUNDS)
        if num >= MIN_FRESH:
            within = None if groups is None else groups[fresh]
            correlation, judged = spearman(returns[fresh], ratings[fresh], within), num
            weight = 1
            self._pool = _Pool()
        else:
            within = groups if rounds is None else rounds
            within = None if within is None else within[fresh]
            known = self._predicted
            new = Moments.of(returns[fresh])
            scale = known.with_others(new) if known.num else Moments.of(returns)
            self._pool.add(scale.standardised(returns[fresh]), ratings[fresh], within)
            correlation, judged = self._pool.spearman(), len(self._pool)
            weight = ROUNDS
        self._count(correlation, judged, weight)
        return Fresh(num, correlation, self._bad_rounds >= ROUNDS)

    def _count(self, correlation: float, judged: int, weight: int) -> None:
        """Count a judgement against the reward, as so many rounds, or begin to count anew."""
        if np.isnan(correlation):
            return
        before = self._bad_rounds
        self._bad_rounds = before + weight if correlation < MIN_SPEARMAN else 0
        if before < ROUNDS <= self._bad_rounds:
            warnings.warn(
                "the learned reward does not predict new ratings: rank correlation "
                f"{correlation:.2f} with the {judged} newest, where one that works has more than "
                f"{MIN_SPEARMAN}; are the ratings about what the reward model sees?",
                stacklevel=4,
            )

    def state_dict(self) -> dict[str, Any]:
        """Return what `look` remembers."""
        pool = {"rows": self._pool.rows.copy(), "looks": self._pool.looks}
        return {
            "known": list(self._known),
            "bad_rounds": self._bad_rounds,
            "pool": pool,
            "predicted": list(vars(self._predicted).values()),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned, also of versions without pool or scale."""
        self._known, self._bad_rounds = dict.fromkeys(state["known"]), state["bad_rounds"]
        self._predicted = Moments(*state.get("predicted", ()))
        pool = state.get("pool")
        self._pool = _Pool() if pool is None else _Pool(pool["rows"].copy(), pool["looks"])


class _Pool:
    """The newest ratings of small rounds, each with what was predicted before it was fitted to."""

    def __init__(self, rows: NDArray[np.float64] | None = None, looks: int = 0) -> None:
        self.rows = np.zeros((0, 4)) if rows is None else rows  # prediction, rating, group, look
        self.looks = looks

    def __len__(self) -> int:
        return len(self.rows)

    def add(
        self,
        predictions: NDArray[Any],
        ratings: NDArray[Any],
        groups: NDArray[np.int64] | None,
    ) -> None:
        """Add the ratings of one look; those of the oldest go where the others are enough."""
        look = np.full(len(ratings), self.looks)
        new = np.stack([predictions, ratings, look if groups is None else groups, look], 1)
        self.rows = np.concatenate([self.rows, new])
        self.looks += 1
        while _is_enough(rest := self.rows[self.rows[:, 3] > self.rows[0, 3]]):
            self.rows = rest

    def spearman(self) -> float:
        """Return the rank correlation within groups; NaN where the ratings are not enough."""
        predictions, ratings, groups, _ = self.rows.T
        return spearman(predictions, ratings, groups) if _is_enough(self.rows) else float("nan")


def _is_enough(rows: NDArray[np.float64]) -> bool:
    return len(rows) - len(np.unique(rows[:, 2])) >= MIN_POOLED


@dataclass(frozen=True)
class Moments:
    """Number, mean and mean squared deviation of predictions, to bring others to their scale."""

    num: int = 0
    mean: float = 0.0
    variance: float = 0.0

    @classmethod
    def of(cls, values: NDArray[Any]) -> Self:
        """Return those of values, shape (B,)."""
        values = np.asarray(values, np.float64)
        return cls(len(values), float(values.mean()), float(values.var())) if len(values) else cls()

    def with_others(self, other: Self) -> Self:
        """Return the moments of these values and others together."""
        num = self.num + other.num
        if not num:
            return self
        share, gap = other.num / num, other.mean - self.mean
        within = (1 - share) * self.variance + share * other.variance
        return type(self)(num, self.mean + share * gap, within + share * (1 - share) * gap**2)

    def standardised(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Bring values to this scale, whatever the fit that they come from."""
        spread = self.variance**0.5
        return np.asarray((values - self.mean) / (spread if spread > 0 else 1.0), np.float64)
