"""The page of the API has every public name, and no other."""

import re
from importlib import import_module
from pathlib import Path

import pytest

import gym_rated

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
FACES = [name for name in dir(gym_rated) if hasattr(getattr(gym_rated, name), "__path__")]
FACES += ["sb3", "vector"]  # those that are one file


def documented() -> set[str]:
    """Return the names that the page's directives document, without their modules."""
    found: set[str] = set()
    directive = r"^\.\. (auto|py:)(\w+):: ([\w.]+)\n((?:   .*\n)*)"
    for _, kind, target, options in re.findall(directive, PAGE, flags=re.MULTILINE):
        if kind != "module":
            found.add(target.split(".")[-1])
            continue
        listed = re.search(r":members:(.*)", options)[1]
        found |= set(re.findall(r"\w+", listed) or import_module(target).__all__)
    return found


def test_the_faces_are_those_that_users_import_from() -> None:
    assert len(FACES) == len(set(FACES)) == 18
    assert {"wrappers", "ratings", "losses", "human", "plots"} < set(FACES)


@pytest.mark.parametrize("face", FACES)
def test_every_public_name_of_a_module_is_documented(face: str) -> None:
    names = set(getattr(gym_rated, face).__all__)
    assert names
    assert names - documented() == set()


def test_every_public_name_of_the_package_is_documented() -> None:
    assert set(gym_rated.__all__) - {"vector", "__version__"} - documented() == set()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("raters", "Answer"),
        ("reward_model", "load_reward_model"),
        ("fitting", "HeldOut"),
        ("assembly.arguments", "RunArgs"),
        ("human", "Store"),
    ],
)
def test_what_users_look_for_is_where_they_look(module: str, name: str) -> None:
    assert getattr(import_module(f"gym_rated.{module}"), name) is not None
    assert name in documented()


def test_every_name_that_is_documented_can_be_imported() -> None:
    targets = re.findall(r"^\.\. (?:auto|py:)(\w+):: ([\w.]+)", PAGE, flags=re.MULTILINE)
    assert len(targets) > 80
    for kind, target in targets:
        module, _, name = target.rpartition(".")
        found = import_module(target) if kind == "module" else import_module(module)
        assert kind == "module" or hasattr(found, name), target
