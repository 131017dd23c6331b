"""How a reward model does on the segments that were rated."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gym_rated.metrics import confidence_bins, expected_calibration_error
from gym_rated.plots.canvas import ARM_COLORS, OTHER_COLORS, add_legend, class_shades, figure, say

if TYPE_CHECKING:
    from gym_rated.plots.canvas import Axes
    from gym_rated.ratings.predictions import RatingPredictions

_NUM_BINS = 10
_MIN_HELD_OUT = 5


def plot_reward(predictions: "RatingPredictions", path: str | Path, *, title: str) -> None:
    """Draw learned returns by rating, predicted classes, their calibration, and rewards by step.

    Args:
        predictions: What the reward model says of the rated segments.
        path: File to write, .png, .svg or .pdf; its folder is made if missing.
        title: Heading, such as the task and the number of ratings.
    """
    with figure(path, title, rows=2, columns=2, size=(12.5, 9)) as axes:
        returns, classes, calibration, steps = axes
        _draw_returns(returns, predictions)
        _draw_classes(classes, predictions)
        _draw_calibration(calibration, predictions)
        _draw_steps(steps, predictions)


def _draw_returns(ax: "Axes", predictions: "RatingPredictions") -> None:
    """Draw the learned return of every segment above its rating."""
    ax.set(title="Learned return by rating", xlabel="rating", ylabel="learned return of a segment")
    if not len(predictions.ratings):
        say(ax, "No ratings.")
        return
    rng = np.random.default_rng(0)  # a little to the side, so that equal ones can be told apart
    x = predictions.ratings + rng.uniform(-0.25, 0.25, len(predictions.ratings))
    groups = (
        (~predictions.held_out, "#999999", "fitted to", 0.45),
        (predictions.held_out, ARM_COLORS["rated"], "held out", 0.9),
    )
    for which, color, label, alpha in groups:
        y = predictions.returns[which]
        ax.plot(x[which], y, ".", color=color, label=f"{label} ({which.sum()})", alpha=alpha)
    ax.set_xticks(range(predictions.probabilities.shape[1]))
    add_legend(ax)


def _draw_classes(ax: "Axes", predictions: "RatingPredictions") -> None:
    """Count the predicted classes of the held-out segments of each rating."""
    ax.set(title="Predicted class of held-out segments", xlabel="rating", ylabel="predicted class")
    if predictions.held_out.sum() < _MIN_HELD_OUT:
        say(ax, f"Fewer than {_MIN_HELD_OUT} ratings were held out.")
        return
    num = predictions.probabilities.shape[1]
    counts = np.zeros((num, num), int)
    which = predictions.held_out
    np.add.at(counts, (predictions.classes[which], predictions.ratings[which]), 1)
    ax.imshow(counts, origin="lower", cmap="Blues", vmin=0, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if count > 0.6 * counts.max() else "#444444"
        if count:
            ax.text(column, row, str(count), ha="center", va="center", color=color)
    ax.set(xticks=range(num), yticks=range(num))
    ax.grid(False)


def _draw_calibration(ax: "Axes", predictions: "RatingPredictions") -> None:
    """Draw how often predictions of some confidence are right, on held-out segments."""
    ax.set(title="Calibration on held-out segments", xlabel="probability of the predicted class")
    ax.set(ylabel="share that is right")
    which = predictions.held_out
    if which.sum() < _MIN_HELD_OUT:
        say(ax, f"Fewer than {_MIN_HELD_OUT} ratings were held out.")
        return
    probabilities, ratings = predictions.probabilities[which], predictions.ratings[which]
    confidence, right = probabilities.max(1), predictions.classes[which] == ratings
    bins = confidence_bins(confidence, _NUM_BINS)
    ax.plot([0, 1], [0, 1], color="#999999", linestyle="--", linewidth=1, label="calibrated")
    for i in np.unique(bins):
        here = bins == i
        at = (confidence[here].mean(), right[here].mean())
        ax.plot(*at, "o", color=ARM_COLORS["rated"], markersize=4 + 2 * np.sqrt(here.sum()))
        ax.annotate(f"{here.sum()}", at, xytext=(10, -12), textcoords="offset points", fontsize=9)
    error = expected_calibration_error(probabilities, ratings, _NUM_BINS)
    ax.plot([], [], "o", color=ARM_COLORS["rated"], label=f"segments, error {error:.2f}")
    ax.set(xlim=(0, 1.02), ylim=(-0.04, 1.04))
    add_legend(ax)


def _draw_steps(ax: "Axes", predictions: "RatingPredictions") -> None:
    """Draw the learned reward of each step of the best, the median and the worst segment."""
    ax.set(title="Learned reward within a segment", xlabel="step", ylabel="learned reward")
    if not len(predictions.ratings):
        say(ax, "No ratings.")
        return
    order = np.lexsort((predictions.returns, predictions.ratings))
    places = {"best": -1, "median": len(order) // 2, "worst": 0}
    shades = class_shades(predictions.probabilities.shape[1])
    colors = (OTHER_COLORS[0], OTHER_COLORS[3], shades[0])
    for (name, place), color in zip(places.items(), colors, strict=True):
        i = order[place]
        label = f"{name}: rated {predictions.ratings[i]}"
        ax.plot(predictions.rewards[i], color=color, linewidth=1.8, label=label)
    ax.axhline(0, color="#bbbbbb", linewidth=1)
    add_legend(ax)
