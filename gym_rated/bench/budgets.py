"""What more ratings bring: settings of a grid that differ in nothing but how many there are."""

from collections.abc import Iterable, Mapping, Sequence

from gym_rated.bench.grid import Grid
from gym_rated.bench.judging import Judged
from gym_rated.statistics import Interval

_FLAG = "--num-ratings"


def budgets_of(grid: Grid) -> list[dict[str, int]]:
    """Return setting -> its number of ratings, fewest first, for each family of settings.

    A family are two settings or more with the same flags but for `--num-ratings`, no two of which
    say the same number.
    """
    families: dict[tuple[str, ...], dict[int, str]] = {}
    for setting, flags in grid.settings.items():
        number, others = _without_number(flags)
        if number is not None:
            families.setdefault(others, {}).setdefault(number, setting)
    return [
        {family[number]: number for number in sorted(family)}
        for family in families.values()
        if len(family) > 1
    ]


def scores_by_budget(
    grid: Grid, judged: Mapping[str, Judged], budget: Mapping[str, int]
) -> dict[str, tuple[list[str], list[Interval | float]]]:
    """Return arm -> tasks, and the mean over these of its place with each number of ratings.

    Of an arm count the tasks on which it has runs with every number. Arms are left out that have no
    such task, that learn from no ratings, or that say themselves how many they get.

    Args:
        grid: The grid.
        judged: Setting -> what its runs say.
        budget: Setting -> its number of ratings, one of `budgets_of`.
    """
    found = {}
    for name, arm in grid.arms.items():
        tasks = _in_all(judged[setting].tasks_of(name) for setting in budget)
        if tasks and arm.rated and _without_number(arm.flags)[0] is None:
            found[name] = (tasks, [judged[setting].mean(name, tasks) for setting in budget])
    return found


def _without_number(flags: Sequence[str]) -> tuple[int | None, tuple[str, ...]]:
    """Return the number of ratings that flags say, the last one, and the other flags."""
    words = [part for word in flags for part in _parts(word)]
    number, others = None, []
    while words:
        word = words.pop(0)
        if word == _FLAG and words and words[0].isdecimal():
            number = int(words.pop(0))
        else:
            others.append(word)
    return number, tuple(others)


def _parts(word: str) -> list[str]:
    """Return a flag and its value of one word, `--num-ratings=50`, as two."""
    name, equals, value = word.partition("=")
    return [_FLAG, value] if equals and name.replace("_", "-") == _FLAG else [word]


def _in_all(groups: Iterable[Sequence[str]]) -> list[str]:
    """Return what is in every group, in the order of the first."""
    first, *others = groups
    return [task for task in first if all(task in group for group in others)]
