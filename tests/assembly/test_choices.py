"""Every name that one may choose is written once: flags, checks and tables know the same."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from gym_rated import exploration
from gym_rated.assembly.arguments import RunArgs
from gym_rated.assembly.groups import Reward
from gym_rated.assembly.presets import PRESETS, Preset
from gym_rated.exploration import BonusName
from gym_rated.fitting import Method
from gym_rated.losses import TASKS, MultitaskLoss, Task, TaskName
from gym_rated.queries import STRATEGIES, named
from gym_rated.raters import SyntheticRater


@pytest.mark.parametrize(
    ("names", "table"),
    [
        (Preset, PRESETS),
        (TaskName, TASKS),
        (BonusName, exploration._MAKERS),
        (named.Strategy, named._BY_THE_MODEL | named._WITHOUT_MODEL),
    ],
)
def test_every_name_has_its_place_in_the_table(names: Any, table: Any) -> None:
    assert set(get_args(names)) == set(table)


def test_flags_take_the_names_that_are_known() -> None:
    flags = get_type_hints(RunArgs)
    assert get_args(flags["select"]) == STRATEGIES
    assert set(get_args(BonusName)) == set(get_args(flags["explore"])) - {"noise"}
    assert set(get_args(BonusName)) < set(get_args(Reward))
    method = get_type_hints(Method, localns={"Task": Task})
    for name in ("scale", "weights", "target", "limits", "segment_value", "offset"):
        assert flags[name] == method[name], name


@pytest.mark.parametrize("flag", ["scale", "weights", "target", "segment_value", "limits"])
def test_a_loss_takes_what_its_flag_takes_and_nothing_else(flag: str) -> None:
    choices = get_args(get_type_hints(RunArgs)[flag])
    for choice in choices:
        MultitaskLoss(num_classes=3, **{"scale": "shared", flag: choice})
    with pytest.raises(ValueError, match=f"must be one of {', '.join(choices)}, got 'other'"):
        MultitaskLoss(num_classes=3, **{"scale": "shared", flag: "other"})


@pytest.mark.parametrize("flag", ["answers", "relative_to"])
def test_a_rater_takes_what_its_flag_takes_and_nothing_else(flag: str) -> None:
    choices = get_args(get_type_hints(RunArgs)[flag])
    for choice in choices:
        SyntheticRater(3, regrade=False, **{flag: choice})
    with pytest.raises(ValueError, match=f"must be one of {', '.join(choices)}, got 'other'"):
        SyntheticRater(3, regrade=False, **{flag: "other"})


def test_the_page_of_the_api_lists_the_names_there_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\.\. py:data:: ([\w.]+)\.(\w+)\n\n((?:   .+\n)+)", page, re.MULTILINE)
    found = {(m, n): re.findall(r'"([\w-]+)"', text) for m, n, text in listed}
    choices = {key: get_args(getattr(import_module(key[0]), key[1])) for key in found}
    known = {key: args for key, args in choices.items() if args and isinstance(args[0], str)}
    assert len(known) >= 9
    for key, args in known.items():
        assert sorted(found[key]) == sorted(args), key
