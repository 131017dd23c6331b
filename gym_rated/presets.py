"""Named methods: each only sets flags of the scripts, which the user may set otherwise."""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "ours": {
        "tasks": ("classification", "regression"),
        "regrade": True,
        "segment_value": "sum",
    },
    "people": {
        "tasks": ("pairwise",),
        "regrade": False,
        "segment_value": "mean",
    },
    "rbrl": {
        "tasks": ("classification",),
        "regrade": True,
        "segment_value": "sum",
    },
}
"""What each preset sets.

* `ours`: multi-task learning after Wu et al. 2025, for ratings that a computed rater keeps up to
  date.
* `people`: pairs within one rater and one round, for ratings that are never re-rated [our
  inference].
* `rbrl`: classification alone after White et al. 2024, in our setting.
"""
