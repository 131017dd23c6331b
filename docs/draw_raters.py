"""Draw the gallery of raters: docs/_static/raters.png and raters_training.png.

    python docs/draw_raters.py

The first figure is exact: it shows `SyntheticRater.label_distribution`. The second rates the
segments of a made-up training, whose returns rise with every round.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from gym_rated import SKIPPED, Origin, Segment, SeveralRaters, SyntheticRater
from gym_rated.plots.canvas import class_shades, figure

NUM_CLASSES = 5
ROUNDS, PER_ROUND, STEPS = 10, 40, 50
QUANTILES = (np.arange(1000) + 0.5) / 1000
STATIC = Path(__file__).parent / "_static"

NOISES: dict[str, tuple[dict[str, float], int]] = {  # title -> options, ratings given before
    "no noise": ({}, 0),
    "mistake_rate=0.3": ({"mistake_rate": 0.3}, 0),
    "slip_rate=0.3": ({"slip_rate": 0.3}, 0),
    "temperature=0.5": ({"temperature": 0.5}, 0),
    "skip_rate=0.2": ({"skip_rate": 0.2}, 0),
    "undecided=0.15": ({"undecided": 0.15}, 0),
    "leniency=1": ({"leniency": 1}, 0),
    "leniency=-1": ({"leniency": -1}, 0),
    "central_tendency=0.5": ({"central_tendency": 0.5}, 0),
    "drift=-0.5, after 200 ratings": ({"drift": -0.5}, 200),
    "fatigue=0.1, after 400 ratings": ({"fatigue": 0.1}, 400),
    "leniency=0.5, slip_rate=0.2,\ntemperature=0.3, undecided=0.1": (
        {"leniency": 0.5, "slip_rate": 0.2, "temperature": 0.3, "undecided": 0.1},
        0,
    ),
}

ONCE: dict[str, Any] = {"regrade": False}
RATERS: dict[str, Any] = {
    "rated again in every round": {},
    "by rank among everything seen": ONCE,
    "by rank in the round": ONCE | {"relative_to": "round"},
    "by range of everything seen": ONCE | {"relative_to": "range"},
    "boundaries of the trained agent": ONCE | {"boundaries": [80, 90, 100, 110]},
    "myopia=0.1, rated again": {"myopia": 0.1},
    "slip_rate=0.3": ONCE | {"slip_rate": 0.3},
    "temperature=0.5": ONCE | {"temperature": 0.5},
    "undecided=0.15 (crosses: skipped)": ONCE | {"undecided": 0.15},
    "drift=-0.5": ONCE | {"drift": -0.5},
    "fatigue=0.15": ONCE | {"fatigue": 0.15},
    "leniency=1 (dots), -1 (triangles)": ONCE | {"leniency": 1},
}


def training() -> list[list[Segment]]:
    """Return rounds of segments whose returns rise as those of an agent that learns."""
    rng = np.random.default_rng(0)
    steps = np.zeros((STEPS, 1), np.float32)
    rounds = []
    for k in range(ROUNDS):
        skill = 100 * (1 - np.exp(-4 * k / ROUNDS))
        rounds.append(
            [
                Segment(f"{k}-{i}", steps, steps, reward, k, Origin(0, k, i * STEPS, 0))
                for i, reward in enumerate(rewards(skill, rng))
            ]
        )
    return rounds


def rewards(skill: float, rng: np.random.Generator) -> np.ndarray:
    """Return true rewards of a round, shape (segments, steps): good and bad times follow skill."""
    level = skill + 15 * rng.standard_normal((PER_ROUND, 1))
    trend = 12 * rng.standard_normal((PER_ROUND, 1)) * np.linspace(-1, 1, STEPS)
    return (level + 3 * trend) / STEPS


def draw_distributions(path: Path) -> None:
    """Draw the share of each rating against the true quantile, one panel a noise."""
    shades = class_shades(NUM_CLASSES)
    size = (14, 9.6)
    title = "How likely each rating is, given the true quantile of a segment"
    with figure(path, title, rows=3, columns=4, size=size) as axes:
        for ax, (name, (options, num_rated)) in zip(axes, NOISES.items(), strict=True):
            rater = SyntheticRater(NUM_CLASSES, **options)
            labels = rater.label_distribution(QUANTILES, num_rated)
            ax.stackplot(QUANTILES, labels.T, colors=shades, linewidth=0)
            for rating in range(NUM_CLASSES):
                label_area(ax, labels, rating)
            ax.set_title(name, fontsize=11, pad=6)
            ax.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
            ax.grid(False)
        for ax in axes[8:]:
            ax.set_xlabel("true quantile")
        for ax in axes[::4]:
            ax.set_ylabel("probability")


def label_area(ax: Any, labels: np.ndarray, rating: int) -> None:
    """Write a class into its area, where that is tallest."""
    height = labels[:, rating]
    if height.max() < 0.12:
        return
    best = np.flatnonzero(height > height.max() - 0.02)
    at = np.clip(best[len(best) // 2], 40, 959)  # not over the frame
    middle = labels[at, :rating].sum() + height[at] / 2
    color = "white" if rating < 3 else "#222222"
    ax.text(QUANTILES[at], middle, rating, ha="center", va="center", color=color, fontsize=10)


def draw_training(path: Path) -> None:
    """Draw every rating of a training, one panel a rater: time, true return, and the class."""
    size = (14, 10.6)
    title = "Ten rounds of 40 ratings while returns rise: 0 (dark) to 4 (light)"
    with figure(path, title, rows=3, columns=4, size=size) as axes:
        for ax, (name, options) in zip(axes, RATERS.items(), strict=True):
            rater: Any = SyntheticRater(NUM_CLASSES, name="lenient", **options)
            if "triangles" in name:
                harsh = SyntheticRater(NUM_CLASSES, name="harsh", **options | {"leniency": -1})
                rater = SeveralRaters([rater, harsh])
            scatter(ax, rater)
            ax.set_title(name, fontsize=11, pad=6)
            ax.set(xticks=[0, 200, 400], xlim=(-5, 405))
        for ax in axes[8:]:
            ax.set_xlabel("ratings given")
        for ax in axes[::4]:
            ax.set_ylabel("true return")


def scatter(ax: Any, rater: Any) -> None:
    """Rate the training and draw the ratings that stand at its end."""
    ratings: dict[str, Any] = {}
    returns: dict[str, float] = {}
    for segments in training():
        returns |= {segment.id: float(segment.true_rewards.sum()) for segment in segments}
        rater.submit(segments)
        ratings |= {answer.segment_id: answer for answer in rater.collect()}
    given = [ratings[segment_id] for segment_id in returns]
    classes = np.array([answer.rating for answer in given])
    markers = np.array(["^" if answer.rater == "harsh" else "o" for answer in given])
    times, heights = np.arange(len(given)), np.array(list(returns.values()))
    for marker in ("o", "^"):
        rows = (markers == marker) & (classes != SKIPPED)
        colors = class_shades(NUM_CLASSES)[classes[rows]]
        ax.scatter(times[rows], heights[rows], c=colors, marker=marker, s=15)
    rows = classes == SKIPPED
    ax.scatter(times[rows], heights[rows], c="#bbbbbb", marker="x", s=15, linewidths=1)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else STATIC
    draw_distributions(folder / "raters.png")
    draw_training(folder / "raters_training.png")
