"""What new ratings say of a reward before it is fitted to them, and what the reward says of them.

Each rating is predicted once while it is new. By these predictions there is an alarm where they do
not go together with the ratings, the agent's trust in the reward, and the share of each rater's
ratings that contradict the rest.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gym_rated.agreeing import Agreeing
from gym_rated.fitting.alarm import Fresh, RewardAlarm
from gym_rated.fitting.judging import answers_of
from gym_rated.fitting.pairs import FreshPairs
from gym_rated.fitting.placing import PlacedRatings
from gym_rated.fitting.rows import RatedRows
from gym_rated.fitting.sample import MOST_SEGMENTS
from gym_rated.fitting.trust import Trust
from gym_rated.losses import Loss
from gym_rated.ratings.batch import RatedTable


class FreshRatings:
    """Judges a reward by new ratings, and these by it.

    Attributes:
        trust: How far an agent may rely on the reward.
    """

    def __init__(self) -> None:
        self.trust = Trust()
        self._alarm = RewardAlarm()
        self._placed = PlacedRatings()
        self._pairs = FreshPairs()

    def look(
        self,
        rows: RatedRows,
        table: RatedTable,
        loss: Loss,
        predict: Callable[[RatedRows], NDArray[Any]] | None,
    ) -> Fresh:
        """Judge the reward as it stands on the ratings that it was not fitted to, and these by it.

        Predicted are at most `MOST_SEGMENTS` of them, and as many others for them to stand among.

        Args:
            rows: All rows that were answered.
            table: What was said of them.
            loss: Says which answers share a scale.
            predict: Returns what of the predicted returns of some rows counts, shape (B,); None
                before the first fit.
        """
        answers, given = answers_of(table.ratings, table.scores, loss.num_classes)
        answered = np.flatnonzero(given)
        ids = [table.ids[row] for row in answered.tolist()]
        is_fresh = self._alarm.unknown(ids)
        judged, others = (
            np.sort(np.random.default_rng(0).permutation(answered[some])[:MOST_SEGMENTS])
            for some in (is_fresh, ~is_fresh)
        )
        rounds, returns = table.groups[judged], None
        if predict is not None and len(judged):
            which = np.concatenate([judged, others])
            values = predict(rows.take(which))
            returns = values[: len(judged)]
            self._place(rows, table, which, values, num_fresh=len(judged))
            self.trust.look(returns, answers[judged], rounds)
        groups = rounds if loss.scale == "group" else None
        judged_ids = [table.ids[row] for row in judged.tolist()]
        found = self._alarm.look(judged_ids, returns, answers[judged], groups, rounds)
        self._alarm.know(ids)
        return replace(found, num=int(is_fresh.sum()))

    def remember(self, values: NDArray[Any]) -> None:
        """Remember the scale of what is predicted of the rows that were fitted to, shape (B,)."""
        self._alarm.remember(values)

    def contradicting(self, num_classes: int) -> dict[str, float]:
        """Return the share of each rater's ratings that contradict the rest, where one can tell."""
        return self._placed.shares(num_classes)

    def doubtful(self, num_classes: int) -> dict[str, list[str]]:
        """Return which ratings of a rater contradict the rest most; see `PlacedRatings`."""
        return self._placed.doubtful(num_classes)

    def agreeing(self) -> dict[str, Agreeing]:
        """Return how often the reward agreed with each rater's newest ratings, while new."""
        return self._pairs.agreeing()

    def state_dict(self) -> dict[str, Any]:
        """Return what `look` and `remember` remember."""
        return {
            "alarm": self._alarm.state_dict(),
            "trust": self.trust.state_dict(),
            "placed": self._placed.state_dict(),
            "pairs": self._pairs.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned, also of versions without trust, places or pairs."""
        self._alarm.load_state_dict(state["alarm"])
        if "trust" in state:
            self.trust.load_state_dict(state["trust"])
        self._placed = PlacedRatings()
        if "placed" in state:
            self._placed.load_state_dict(state["placed"])
        self._pairs = FreshPairs()
        if "pairs" in state:
            self._pairs.load_state_dict(state["pairs"])

    def _place(
        self,
        rows: RatedRows,
        table: RatedTable,
        which: NDArray[np.int64],
        values: NDArray[Any],
        num_fresh: int,
    ) -> None:
        """Place the first of some rows, those that are fresh, among all of these, by their values.

        Rows with a score and no rating are left out.
        """
        is_rated = table.ratings[which] >= 0
        fresh = (np.arange(len(which)) < num_fresh)[is_rated]
        rated, ratings = which[is_rated], rows.dataset
        names, numbers = ratings.raters, ratings.rounds_of[table.groups[rated], 0]
        raters = [names[number] for number in numbers.tolist()]
        found, said = values[is_rated], table.ratings[rated]
        ids = [table.ids[row] for row in rated.tolist()]
        self._placed.look(raters, found, said, fresh, ids)
        new = np.flatnonzero(fresh)
        fresh_raters = [raters[k] for k in new.tolist()]
        self._pairs.look(fresh_raters, found[new], said[new], table.groups[rated][new])
