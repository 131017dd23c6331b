"""A rater computed from the true reward, for experiments without people.

What decides an experiment is the rater's scale, more than the loss: fixed boundaries taken from a
trained agent put almost every early segment into the worst class, and nothing is learned. The
default therefore rates by rank among everything seen so far. Rating everything again as standards
rise (`regrade=True`) is a luxury that only a computed rater has; `regrade=False` is how a person
rates.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gym_rated.checks import check_num_classes, check_number
from gym_rated.choices import Answers, Reference
from gym_rated.raters.bias import Bias
from gym_rated.raters.comparing import probability_better, ring
from gym_rated.raters.kinds import COMPARISON, RATING, SCORE, Kinds
from gym_rated.raters.memory import Memory
from gym_rated.raters.noise import Mistakes, Skips, Slip, Temperature
from gym_rated.raters.scale import (
    Scale,
    checked_boundaries,
    classes_of,
    perceived_return,
)
from gym_rated.ratings.answer import SKIPPED, Answer, Comparison
from gym_rated.segments import Segment

_TEMPERATURE, _SLIP, _SKIP, _KIND, _ORDER = range(5)  # what each random number of a segment is for


class SyntheticRater:
    """Rate segments by their true return.

    Without `boundaries` the rating is the quantile of the return among those seen: a segment with
    mid-rank F in [0, 1] (share of returns below it, plus half of those equal to it) gets class
    floor(C * F). Equal returns get equal ratings, and the mid-rank keeps them in a middle class
    instead of the best or the worst [our inference].

    Everything else is off by default. In the order of their effect: `myopia` on the return;
    `central_tendency`, `leniency` and `drift` on the position C * F in class widths; `undecided`;
    `temperature` on the position; `slip_rate`, then `mistake_rate` and `fatigue` on the class;
    `score_noise` on the score; `skip_rate`. A segment keeps its luck and its place in time when it
    is regraded. `label_distribution` gives the exact probabilities.

    Args:
        num_classes: Number of rating classes C, at least 2.
        boundaries: Fixed, increasing cut points of the true return, shape (C - 1,), in reward
            units: class i holds returns in [boundaries[i - 1], boundaries[i]). None rates by
            quantiles.
        regrade: Rate everything again at every query, and hand out changed ratings as revisions.
            False never touches a rating once given, as a person.
        relative_to: What the scale refers to without `boundaries`. "everything": the rank among
            everything seen so far. "round": the rank in the round being rated, which nothing can
            regrade. "range": C classes of equal width from the lowest to the highest return seen so
            far, a scale that grows with the policy's quality.
        answers: "ratings"; "scores" in [0, 1], where C * score lies in the class that the rating
            would be; "comparisons", of each new segment with another of its query; "mixed", one of
            the three for each segment; or "both", a rating and a score of each segment, from one
            position but with errors of their own: slips and mistakes are of the class alone.
        shares: Of "mixed", the shares of segments that get a rating, a score and a comparison,
            shape (3,); equal by default.
        mistake_rate: Probability that a rating is wrong, in [0, 1]: then uniform over the other C
            - 1 classes. A segment stays mistaken by the same number of classes when it is
            regraded. A comparison is reversed.
        fatigue: By how much the probability of a mistake grows in 100 ratings given, at least 0,
            up to answers that are uniformly random.
        slip_rate: Probability of an adjacent class, in [0, 1]: half to either side; all of it to
            the only neighbour of the first and the last class.
        score_noise: Of Boltzmann noise on scores alone, at least 0: what a score in the middle of a
            long scale is off in the mean, in units of the scale from 0 to 1. From 10 or so on,
            scores are uniform whatever the segment.
        temperature: Of Boltzmann noise in class widths, at least 0, so that the noise does not
            depend on the scale of the reward. Of comparisons, that of Bradley and Terry.
        myopia: How much less each earlier step counts, in [0, 1): B-Pref's discount is 1 - myopia.
        skip_rate: Probability that a segment is skipped, in [0, 1].
        undecided: Segments this close to a boundary between two classes, in class widths, are
            skipped, in [0, 0.5]; of "both", the score is still given. Of comparisons, positions
            this close are a tie.
        leniency: Classes by which everything is rated better; negative is harsh.
        central_tendency: Share of the way to the middle of the scale by which ratings move, in
            [0, 1].
        drift: Classes by which leniency grows in 100 ratings given; negative grows harsher.
        name: Name of the rater, stored with each rating.
        seed: Seed of all chance.

    Raises:
        TypeError: If `num_classes` is not an int, or an option is no number.
        ValueError: If a value is out of range or options contradict each other.
    """

    pending = 0
    reads_true_rewards = True

    def __init__(
        self,
        num_classes: int = 5,
        *,
        boundaries: ArrayLike | None = None,
        regrade: bool = True,
        relative_to: Reference = "everything",
        answers: Answers = "ratings",
        shares: Sequence[float] | None = None,
        mistake_rate: float = 0.0,
        fatigue: float = 0.0,
        slip_rate: float = 0.0,
        score_noise: float = 0.0,
        temperature: float = 0.0,
        myopia: float = 0.0,
        skip_rate: float = 0.0,
        undecided: float = 0.0,
        leniency: float = 0.0,
        central_tendency: float = 0.0,
        drift: float = 0.0,
        name: str = "synthetic",
        seed: int = 0,
    ) -> None:
        self.num_classes = check_num_classes(num_classes)
        cuts = None if boundaries is None else checked_boundaries(boundaries, num_classes)
        self.scale = Scale(self.num_classes, cuts, relative_to)
        if relative_to == "round" and regrade:
            raise ValueError(
                "`relative_to='round'` rates each round on a scale of its own; it needs "
                f"`regrade=False`, got regrade={regrade}"
            )
        self.regrade = regrade
        self.kinds = Kinds(answers, shares)
        self.mistakes = Mistakes(mistake_rate, fatigue)
        self.slip = Slip(slip_rate)
        self.score_noise = Temperature(check_number("score_noise", score_noise, 0))
        self.temperature = Temperature(temperature)
        self.skips = Skips(skip_rate, undecided)
        self.bias = Bias(leniency, drift, central_tendency)
        if not 0 <= check_number("myopia", myopia) < 1:
            raise ValueError(f"`myopia` must lie in [0, 1), got {myopia}")
        self.myopia = myopia
        if answers == "scores":
            self.kinds.check_effects(undecided=undecided)
        if answers in ("ratings", "comparisons"):
            self.kinds.check_effects(score_noise=score_noise)
        if answers == "comparisons":
            self.kinds.check_effects(
                slip_rate=slip_rate,
                leniency=leniency,
                central_tendency=central_tendency,
                drift=drift,
            )
        self.name = name
        self._rng = np.random.default_rng(seed)  # of mistakes
        self._luck_rng = np.random.default_rng([seed, 1])  # of everything else
        self._score_seed = [int(seed), 2]  # of the noise on scores, for all rows each time
        self._memory = Memory(num_draws=5)

    def submit(self, segments: Sequence[Segment]) -> None:
        """Rate segments, and others again where `regrade` says so.

        Raises:
            ValueError: If a true reward is not finite or an id was submitted before; then nothing
                changes.
        """
        new, first = self._checked_returns(segments), len(self._memory)
        draws = self._luck_rng.random((len(new), 5))
        self._memory.add(new, self._draw_mistakes(first, self.kinds(draws[:, _KIND])), draws)
        self._rate(0 if self.regrade else first, first)
        self._compare(first)

    def collect(self) -> list[Answer]:
        """Return new and changed answers since the last call."""
        answers, self._memory.answers = self._memory.answers, []
        return answers

    def label_distribution(self, quantile: ArrayLike, num_rated: int = 0) -> NDArray[np.float64]:
        """Return the probability of each rating, exactly; `score_noise` is no part of it.

        Args:
            quantile: True position of a segment on the scale, 0 (worst) to 1 (best), any shape: F,
                or (c + 1/2) / C for the middle of class c.
            num_rated: Ratings given before; only `drift` and `fatigue` ask.

        Returns:
            Probabilities, shape (*shape of quantile, C). They sum to 1 minus the probability of a
            skip.

        Raises:
            ValueError: If a quantile lies outside [0, 1].
        """
        unit = np.asarray(quantile, np.float64)
        if not ((unit >= 0) & (unit <= 1)).all():
            raise ValueError(f"`quantile` must lie in [0, 1], got {unit}")
        seen = self.bias(self.num_classes * unit, num_rated, self.num_classes)
        labels = self.temperature.label_distribution(seen, self.num_classes)
        labels = labels @ self.slip.transitions(self.num_classes)
        labels = labels @ self.mistakes.transitions(self.num_classes, num_rated)
        answered = ~self.skips.between(seen, self.num_classes) * (1 - self.skips.skip_rate)
        return np.asarray(labels * answered[..., None], np.float64)

    def _rate(self, start: int, first: int) -> None:
        """Rate or score the segments from row `start` on; the round began at row `first`."""
        memory, num_classes = self._memory, self.num_classes
        rows, draws = np.arange(start, len(memory)), memory.draws[start:]
        seen = self.bias(self.scale(memory.returns, start, first), rows, num_classes)
        position = self.temperature(seen, draws[:, _TEMPERATURE], num_classes)
        clean = classes_of(position, num_classes)
        slipped = self.slip(clean, draws[:, _SLIP], num_classes)
        classes = (slipped + memory.off[start:]) % num_classes
        kinds = self.kinds(draws[:, _KIND])
        is_both = self.kinds.answers == "both"
        # alone, a score is off by as many classes as a rating would be, and keeps its place in them
        moved = position if is_both else position + classes - clean
        scores = self._noisy(np.clip(moved / num_classes, 0, 1), start)
        values = np.where(kinds == SCORE, scores, classes)
        values[(kinds == RATING) & self.skips.between(seen, num_classes)] = SKIPPED
        is_skipped = draws[:, _SKIP] < self.skips.skip_rate
        values[is_skipped] = SKIPPED
        if is_both:
            beside = np.where(is_skipped, np.nan, scores)
            memory.answer(rows, values, kinds == SCORE, self.name, beside)
            return
        here = kinds != COMPARISON
        memory.answer(rows[here], values[here], kinds[here] == SCORE, self.name)

    def _noisy(self, scores: NDArray[np.float64], start: int) -> NDArray[np.float64]:
        """Return the scores of the segments from row `start` on with their noise."""
        if self.score_noise.temperature == 0:
            return scores
        luck = np.random.default_rng(self._score_seed).random(len(self._memory))
        return self.score_noise(scores, luck[start:], num_classes=1)  # a scale of length 1

    def _compare(self, first: int) -> None:
        """Compare segments of the round, which began at row `first`; ties are skipped."""
        memory, draws = self._memory, self._memory.draws[first:]
        returns, other = memory.returns[first:], ring(draws[:, _ORDER])
        positions = self.scale(memory.returns, first, first)
        differences = positions - positions[other]
        is_asked = (self.kinds(draws[:, _KIND]) == COMPARISON) & (returns != returns[other])
        is_asked &= np.abs(differences) >= self.skips.undecided
        is_asked &= draws[:, _SKIP] >= self.skips.skip_rate
        if self.temperature.temperature == 0:
            differences = returns - returns[other]  # which boundaries may not tell apart
        chance = probability_better(differences, self.temperature.temperature)
        is_better = (draws[:, _TEMPERATURE] < chance) ^ (memory.off[first:] != 0)
        ids, asked = list(memory.rows)[first:], set()
        for i, j in zip(np.flatnonzero(is_asked).tolist(), other[is_asked].tolist(), strict=True):
            if (j, i) not in asked:  # of two segments, each would be compared with the other
                asked.add((i, j))
                better, worse = (i, j) if is_better[i] else (j, i)
                memory.answers.append(Comparison(ids[better], ids[worse], self.name))

    def _draw_mistakes(self, first: int, kinds: NDArray[np.int64]) -> list[int]:
        """Return by how many classes each segment from row `first` on is mistaken, or 0."""
        num_answers = np.where(kinds == COMPARISON, 2, self.num_classes)
        rates = self.mistakes.rates(first + np.arange(len(kinds)), num_answers)
        return [
            int(self._rng.integers(1, self.num_classes)) if self._rng.random() < rate else 0
            for rate in rates.tolist()
        ]

    def _checked_returns(self, segments: Sequence[Segment]) -> dict[str, float]:
        returns: dict[str, float] = {}
        for segment in segments:
            if segment.id in self._memory.rows or segment.id in returns:
                raise ValueError(
                    f"`segments` must be new to the rater, got {segment.id!r} twice; "
                    "give each environment a rater of its own"
                )
            returns[segment.id] = perceived_return(segment.true_rewards, self.myopia)
            if not isfinite(returns[segment.id]):
                raise ValueError(
                    "`true_rewards` must be finite for a synthetic rater, got a return of "
                    f"{returns[segment.id]} in segment {segment.id!r}; an environment without a "
                    "reward needs a CallableRater or a person"
                )
        return returns

    def state_dict(self) -> dict[str, Any]:
        """Return the rater's memory, for a checkpoint. It holds true returns."""
        return {
            "memory": self._memory.state_dict(),
            "rng": self._rng.bit_generator.state,
            "luck_rng": self._luck_rng.bit_generator.state,
            "score_seed": list(self._score_seed),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._memory.load_state_dict(state["memory"])
        self._rng.bit_generator.state = state["rng"]
        self._luck_rng.bit_generator.state = state["luck_rng"]
        self._score_seed = list(state.get("score_seed", self._score_seed))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return self: a rater is shared, never copied."""
        return self
