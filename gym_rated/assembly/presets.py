"""Named methods: each only sets flags of the scripts, which the user may set otherwise."""

from typing import Any, Literal

Preset = Literal[
    "ours",
    "people",
    "quantile",
    "wu2025",
    "rbrl",
    "rbrl-aaai24",
    "r4",
    "pairs",
    "pebble",
    "rbrl-kl",
]

_RERATED = {"regrade": True, "scale": "shared"}
_WU_2025 = _RERATED | {"tasks": ("classification", "regression")}

PRESETS: dict[Preset, dict[str, Any]] = {
    "ours": _WU_2025,
    "people": {
        "regrade": False,
        "scale": "group",
        "tasks": ("pairwise",),
        "segment_value": "mean",
    },
    "quantile": {
        "regrade": False,
        "scale": "group",
        "tasks": ("quantile",),
        "segment_value": "mean",
        "segment_length": (10,),
        "reward_batch_size": 200,
        "weight_decay": 10.0,
        "squared_actions": True,
        "explore": "knn-entropy",
        "explore_until": "trusted",
    },
    "wu2025": _WU_2025,
    "rbrl": _RERATED | {"tasks": ("classification",)},
    "rbrl-aaai24": _RERATED
    | {
        "tasks": ("classification",),
        "limits": "batch",
        "hidden_sizes": (256, 256, 256),
        "reward_learning_rate": 3e-4,
        "reward_batch_size": 128,
        "max_passes": 100,
        "stop_at_accuracy": 0.97,
    },
    "r4": _RERATED | {"tasks": ("ranking",)},
    "pairs": _RERATED | {"tasks": ("pairwise",)},
    "pebble": {
        "answers": "comparisons",
        "regrade": False,
        "tasks": ("pairwise",),
        "explore": "knn-entropy",
        "select": "disagreement",
    },
    "rbrl-kl": _RERATED | {"tasks": ("classification",), "repel_coef": 0.1},
}
"""What each preset sets.

* `ours`: multi-task learning after Wu et al. 2025 (arXiv 2506.09183), for ratings that a computed
  rater keeps up to date.
* `people`: pairs within one rater and one round, for ratings that are never re-rated [our
  inference].
* `quantile`: the place among all that a rater had seen by then, of short segments, with weights
  that shrink, and a bonus for new states until the reward predicts new ratings; for few ratings
  that are never re-rated, some of them wrong [our inference].
* `wu2025`: classification and regression with learned weights, after Wu et al. 2025 in our setting,
  whatever `ours` is in other versions.
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
