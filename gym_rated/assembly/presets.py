"""Named methods: each only sets flags of the scripts, which the user may set otherwise."""

from typing import Any, Literal

from gym_rated.choices import TaskName
from gym_rated.method import OUR_TASKS, OURS, WU_2025

Preset = Literal[
    "ours",
    "wu2025",
    "rbrl",
    "rbrl-aaai24",
    "r4",
    "pairs",
    "pebble",
    "rbrl-kl",
]


def _baseline(*tasks: TaskName, **flags: Any) -> dict[str, Any]:
    """Return the flags of a method that has tasks of its own and nothing else of `ours`."""
    usual = {
        "regrade": True,
        "scale": WU_2025.scale,
        "tasks": tasks,
        "segment_length": (50,),
        "segment_value": WU_2025.segment_value,
        "squared_actions": WU_2025.squared_actions,
        "reward_batch_size": WU_2025.batch_size,
        "weight_decay": WU_2025.weight_decay,
        "explore": "noise",
        "explore_until": "ready",
    }
    return usual | flags


PRESETS: dict[Preset, dict[str, Any]] = {
    "ours": {
        "regrade": False,
        "scale": OURS.scale,
        "tasks": OUR_TASKS,
        "segment_length": (10,),
        "segment_value": OURS.segment_value,
        "squared_actions": OURS.squared_actions,
        "reward_batch_size": OURS.batch_size,
        "weight_decay": OURS.weight_decay,
        "explore": "knn-entropy",
        "explore_until": "trusted",
    },
    "wu2025": _baseline("classification", "regression"),
    "rbrl": _baseline("classification"),
    "rbrl-aaai24": _baseline(
        "classification",
        limits="batch",
        hidden_sizes=(256, 256, 256),
        reward_learning_rate=3e-4,
        reward_batch_size=128,
        max_passes=100,
        stop_at_accuracy=0.97,
    ),
    "r4": _baseline("ranking"),
    "pairs": _baseline("pairwise"),
    "pebble": _baseline(
        "pairwise",
        answers="comparisons",
        regrade=False,
        explore="knn-entropy",
        select="disagreement",
    ),
    "rbrl-kl": _baseline("classification", repel_coef=0.1),
}
"""What each preset sets.

* `ours`: thresholds between the classes for each rater and round, with a share of mistakes, beside
  a regression on scores and a logistic one on comparisons where there are any; short segments,
  weights that shrink, and a bonus for new states until the reward predicts new ratings. Nothing is
  rated again, and whatever the rater compares with will do: a person's ratings too [our inference].
  Of a rater who is known to compare with everything seen, the scripts take the place among that
  for thresholds, see `gym_rated.assembly.arguments.parse_args`.
* `wu2025`: classification and regression with learned weights, after Wu et al. 2025 (arXiv
  2506.09183), for ratings that a computed rater keeps up to date.
* `rbrl`: classification alone after White et al. 2024 (arXiv 2307.16348), in our setting.
* `rbrl-aaai24`: the same with the network, optimiser, class limits and stopping rule of the
  authors' code.
* `r4`: soft ranks of segments of every class, Kharyal et al. 2026 (arXiv 2601.09236).
* `pairs`: Bradley-Terry on all pairs of differently rated segments.
* `pebble`: comparisons instead of ratings, chosen where the ensemble disagrees, after exploration
  by state entropy, Lee et al. 2021 (arXiv 2106.05091).
* `rbrl-kl`: `rbrl`, and a policy that is pushed away from what was rated worst, after Wu et al.
  2025 (arXiv 2501.07502); the push is bounded [our inference].
"""
