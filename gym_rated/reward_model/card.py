"""The card of a saved reward model: README.md beside it, as model hubs show one.

It says what the model was learned from, how to load it, and what not to expect. It is for people:
loading a model never reads it. Texts that come from data are escaped.
"""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from gym_rated.page import plain

CARD = "README.md"

_TAGS = ("reinforcement-learning", "reward-model", "ratings", "gymnasium")
_PACKAGES = ("gym_rated", "gymnasium", "numpy", "torch")
_WORDS = {
    "num_ratings": "ratings and scores",
    "num_comparisons": "comparisons",
    "num_raters": "raters",
    "num_segments": "segments",
    "held_out/num": "held out of learning",
    "held_out/spearman": "rank correlation with held-out ratings",
    "held_out/accuracy": "held-out ratings in their predicted class",
    "held_out/pair_accuracy": "held-out pairs in the right order",
    "held_out/comparisons_in_order": "held-out comparisons in the right order",
}


def card_of(
    obs_dim: int,
    action_dim: int,
    options: Mapping[str, Any],
    learned_from: Mapping[str, Any],
) -> str:
    """Return the card of a model as Markdown with its metadata in front.

    Args:
        obs_dim: Length D of an encoded observation.
        action_dim: Length A of an encoded action.
        options: The model's options: tasks and what gives its reward a meaning.
        learned_from: The facts of its last fit, see `checked_facts`.
    """
    env_id = learned_from.get("env_id")
    tags = [*_TAGS, *([str(env_id)] if env_id else [])]
    front = [
        "library_name: gym_rated",
        "pipeline_tag: reinforcement-learning",
        "tags:",
        *(f"- {json.dumps(tag)}" for tag in tags),
    ]
    where = f" of {plain(str(env_id))}" if env_id else ""
    rows = [(text, _number(learned_from[k])) for k, text in _WORDS.items() if k in learned_from]
    rows += [(str(name), str(value)) for name, value in options.items()]
    rows += [(f"version of {name}", found) for name, found in _versions().items()]
    table = [f"| {_cell(name)} | {_cell(value)} |" for name, value in rows]
    return "\n".join(
        [
            *("---", *front, "---", ""),
            f"# Reward model{where}",
            "",
            "An ensemble r(s, a), learned by gym_rated from what raters said of short segments of "
            "behaviour. It holds no name of a rater and no rated step.",
            "",
            *("| | |", "|---|---|", *table, ""),
            *("## Load it", "", "```python", "from gym_rated import load_reward_model", ""),
            'model = load_reward_model("this-folder")',
            f"rewards = model.predict(obs, actions)  # (N, {obs_dim}), (N, {action_dim}) -> (N,)",
            *("```", ""),
            '`LearnedRewardWrapper(env, "this-folder")` pays any agent with it. Nothing in this '
            "folder is a pickle, and every file is checked against its SHA-256.",
            *("", "## Limits", ""),
            "* It knows what was rated. Of states and actions that no rated segment came near it "
            "says little, and an agent that is paid by it will find them.",
            "* Its unit and its zero mean nothing by themselves: compare rewards, not their size.",
            "* Held-out figures are of segments of the same origin as those learned from.",
            "* Observations and actions must be those of the environment that was rated, encoded "
            "by gym_rated's wrappers.",
            "",
        ]
    )


def checked_facts(facts: Any) -> dict[str, Any]:
    """Return what a model says it was learned from, if it is plain names with plain values.

    Raises:
        TypeError: If it is anything else.
    """
    is_plain = isinstance(facts, dict) and all(
        isinstance(name, str) and isinstance(value, str | int | float | None)
        for name, value in facts.items()
    )
    if not is_plain:
        raise TypeError("`learned_from` must be names with numbers and texts, got others")
    return dict(facts)


def _cell(text: str) -> str:
    return plain(text).replace("|", r"\|")


def _number(value: Any) -> str:
    if value is None:
        return "too few to say"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
