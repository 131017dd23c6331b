"""What a fit of the reward model did, as numbers for a log and as text for people."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from gym_rated.agreeing import Agreeing
from gym_rated.agreeing import in_words as said
from gym_rated.contradictions import in_words
from gym_rated.fitting.alarm import Fresh
from gym_rated.metrics import Truth
from gym_rated.ratings import RatingDataset

_NAN = float("nan")


@dataclass(frozen=True)
class HeldOut:
    """How a fitted model does on ratings it was not fitted to; NaN for fewer than 5 of them.

    Attributes:
        num: Number of held-out ratings and scores that this was measured on: all of them, see
            `gym_rated.fitting.split.is_held_out`, or those in the sample of `num_measured`.
        spearman: Rank correlation of predicted returns and ratings (or scores, of segments that
            have no rating); within each (rater, round) where only these share a scale.
        accuracy: Fraction of segments whose predicted class is their rating.
        kappa: Quadratic weighted kappa of predicted classes and ratings.
        pair_accuracy: Fraction of differently rated pairs of one (rater, round) in the right order.
        num_comparisons: Number of held-out comparisons, those of a held-out segment, likewise.
        comparisons_in_order: Fraction of them in the right order.
    """

    num: int = 0
    spearman: float = _NAN
    accuracy: float = _NAN
    kappa: float = _NAN
    pair_accuracy: float = _NAN
    num_comparisons: int = 0
    comparisons_in_order: float = _NAN


@dataclass(frozen=True)
class FitReport:
    """What a fit did.

    Attributes:
        ready: False if there was nothing to learn from, or no update was finite, and the model was
            left as it was.
        num_ratings: Number of ratings and scores, held-out ones included.
        class_counts: Ratings of each class, C of them.
        steps: Gradient steps tried.
        losses: By task, its loss before and after the fit, mean over members and those of the
            answers fitted to that were measured. A task to which no answer says anything is
            missing.
        weights: By task, the factor in front of its loss at the end, mean over members.
        held_out: Quality on the held-out ratings.
        fresh: How the reward before the fit did on the ratings that were new to it.
        trust: How far an agent may rely on the reward, 0 to 1, see `gym_rated.fitting.trust`.
        refused_updates: Steps not taken, because loss or gradient was not finite.
        duration_s: Seconds it took.
        num_comparisons: Number of comparisons, held-out ones included.
        num_measured: Segments that losses, held-out figures, normaliser, scale and offset are of:
            all that something was said of, up to `gym_rated.fitting.sample.MOST_SEGMENTS`; a fixed
            sample of so many where there are more.
        truth: How the reward after the fit agrees with the true one on what the agent does now.
            A fit does not know that: it is put in by `with_truth`, for the log.
        contradicting: By rater, the share of their ratings that contradict the rest, see
            `gym_rated.contradictions`; raters of whom nothing can be said yet are missing.
        agreeing: By rater, how often the reward before the fit agrees with the newest ratings, see
            `gym_rated.agreeing`; raters with too few pairs are missing.
    """

    ready: bool
    num_ratings: int
    class_counts: tuple[int, ...]
    steps: int = 0
    losses: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    held_out: HeldOut = HeldOut()
    fresh: Fresh = field(default_factory=Fresh)
    trust: float = _NAN
    refused_updates: int = 0
    duration_s: float = 0.0
    num_comparisons: int = 0
    num_measured: int = 0
    truth: Truth = field(default_factory=Truth)
    contradicting: Mapping[str, float] = field(default_factory=dict)
    agreeing: Mapping[str, Agreeing] = field(default_factory=dict)

    def with_truth(self, truth: Truth) -> Self:
        """Return the report with what `RatingFeedbackWrapper.judge` said after the fit."""
        return replace(self, truth=truth)

    def as_dict(self) -> dict[str, float]:
        """Return all numbers under flat names such as `loss/regression/end`, for a log.

        Of `truth` only what is known.
        """
        flat: dict[str, float] = {
            "ready": float(self.ready),
            "num_ratings": self.num_ratings,
            "num_comparisons": self.num_comparisons,
            "steps": self.steps,
            "refused_updates": self.refused_updates,
            "duration_s": self.duration_s,
        }
        flat |= {f"class_count/{i}": count for i, count in enumerate(self.class_counts)}
        for task, (start, end) in self.losses.items():
            flat |= {f"loss/{task}/start": start, f"loss/{task}/end": end}
        flat |= {f"weight/{task}": weight for task, weight in self.weights.items()}
        flat |= {f"held_out/{name}": value for name, value in vars(self.held_out).items()}
        flat |= {"fresh/num": self.fresh.num, "fresh/spearman": self.fresh.spearman}
        flat |= {f"truth/{name}": value for name, value in self.truth.as_dict().items()}
        flat |= {"alarm": float(self.fresh.alarm), "trust": self.trust}
        flat |= {f"contradicting/{who}": share for who, share in self.contradicting.items()}
        for who, found in self.agreeing.items():
            flat |= {f"agreeing/{name}/{who}": value for name, value in vars(found).items()}
        return flat

    def __str__(self) -> str:
        """Return the report in two to four lines for people, and one of each rater judged."""
        counts = "/".join(map(str, self.class_counts))
        head = f"{self.num_ratings} ratings ({counts} by class, worst first)"
        head += f", {self.num_comparisons} comparisons" if self.num_comparisons else ""
        if not self.ready:
            why = f", {self.refused_updates} of {self.steps} updates refused" if self.steps else ""
            return f"{head}: not ready, the reward model was left as it was{why}"
        losses = "; ".join(
            f"{task} {start:.3g} -> {end:.3g} (weight {self.weights[task]:.3g})"
            for task, (start, end) in self.losses.items()
        )
        refused = f", {self.refused_updates} refused" if self.refused_updates else ""
        held = self.held_out
        compared = f", comparisons {held.comparisons_in_order:.2f}" if held.num_comparisons else ""
        return (
            f"{head}, {self.steps} steps{refused} in {self.duration_s:.2f} s\n"
            f"loss: {losses}\n"
            f"{held.num} held out: Spearman {held.spearman:.2f}, accuracy {held.accuracy:.2f}, "
            f"kappa {held.kappa:.2f}, pairs in order {held.pair_accuracy:.2f}"
            f"{compared}{_said_of_truth(self.truth)}"
            + "".join(f"\n{who}: {in_words(share)}" for who, share in self.contradicting.items())
            + "".join(f"\n{who}: the reward {said(found)}" for who, found in self.agreeing.items())
        )


def _said_of_truth(truth: Truth) -> str:
    """Return the line about the true reward, or nothing where it is not known."""
    if not truth.as_dict():
        return ""
    return (
        f"\ntrue reward, last {truth.num_steps} steps: advantages {truth.advantage:.2f}, "
        f"steps {truth.step:.2f}, segments {truth.spearman:.2f} (Spearman)"
    )


def facts_of(ratings: RatingDataset, report: FitReport) -> dict[str, Any]:
    """Return what a model was learned from, for its card: raters as a count, NaN as None."""
    held_out = {f"held_out/{name}": value for name, value in vars(report.held_out).items()}
    return {
        "env_id": ratings.env_id,
        "num_ratings": report.num_ratings,
        "num_comparisons": report.num_comparisons,
        "num_raters": len(ratings.raters),
        "num_segments": ratings.num_segments,
        **{n: None if math.isnan(value) else float(value) for n, value in held_out.items()},
    }
