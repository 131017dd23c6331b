"""Every number that a flag takes has its range, and is named where it is out of it."""

from dataclasses import dataclass, fields, replace
from math import inf, nan
from typing import Any, get_type_hints

import pytest

from gym_rated.assembly.arguments import RunArgs
from gym_rated.assembly.checking import check_args
from gym_rated.assembly.ranges import Count, PositiveShare, Range, check_ranges


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("num_envs", 0, "`num_envs` must be at least 1, got 0"),
        ("num_envs", 2.0, "`num_envs` must be an int, got 2.0"),
        ("num_envs", True, "`num_envs` must be an int, got True"),
        ("seed", -1, "`seed` must be at least 0, got -1"),
        ("segment_length", (5, 0), "`segment_length` must be at least 1, got 0"),
        ("hidden_sizes", (0,), "`hidden_sizes` must be at least 1, got 0"),
        ("max_passes", 0, "`max_passes` must be at least 1, got 0"),
        ("stop_at_accuracy", 1.5, r"`stop_at_accuracy` must lie in \[0, 1\], got 1.5"),
        ("first_share", 0.0, r"`first_share` must lie in \(0, 1\], got 0.0"),
        ("trim", 1.0, r"`trim` must lie in \[0, 1\), got 1.0"),
        ("reward_learning_rate", inf, "`reward_learning_rate` must be finite, got inf"),
        ("reward_learning_rate", 0, "`reward_learning_rate` must be above 0, got 0"),
        ("max_lead", nan, "`max_lead` must be finite, got nan"),
        ("rater_port", 70_000, r"`rater_port` must lie in \[0, 65535\], got 70000"),
        ("num_envs", 10**13, r"`num_envs` must lie in \[1, 100000\], got 10000000000000"),
        ("repel_coef", 1e300, "`repel_coef` must fit into float32, up to 3.4e38, got 1e.300"),
        ("reward_learning_rate", 1e39, "`reward_learning_rate` must fit into float32, up to"),
        ("mistake_rate", "much", "`mistake_rate` must be a number, got 'much'"),
    ],
)
def test_a_number_out_of_its_range_is_named(name: str, value: Any, said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=said):
        check_args(replace(RunArgs(), **{name: value}))


@pytest.mark.parametrize("name", ["max_lead", "rater_timeout_s", "checkpoint_every_s"])
def test_no_limit_is_a_limit(name: str) -> None:
    check_args(replace(RunArgs(), **{name: inf}))


def test_every_number_among_the_flags_has_a_range() -> None:
    hints = get_type_hints(RunArgs, include_extras=True)
    numbers = [f.name for f in fields(RunArgs) if isinstance(f.default, int | float | tuple)]
    numbers = [n for n in numbers if not isinstance(getattr(RunArgs(), n), bool)]
    for of_words in ("tasks", "class_names", "class_texts", "track"):
        numbers.remove(of_words)
    assert len(numbers) > 20
    assert [name for name in numbers if "Range(" not in repr(hints[name])] == []


@dataclass
class Own(RunArgs):
    num_envs: int = 4  # another default, and no word of the range


def test_another_default_keeps_the_range() -> None:
    with pytest.raises(ValueError, match="`num_envs` must be at least 1, got 0"):
        check_ranges(Own(num_envs=0))


def test_ranges_are_what_their_names_say() -> None:
    assert Count.__metadata__ == (Range(1, is_whole=True),)
    for value in (0.1, 1.0):
        PositiveShare.__metadata__[0].check("share", value)
