"""The page of the API has every public name, and no other, and a page is made of each."""

import importlib.util
import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import gym_rated

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "api.md").read_text(encoding="utf-8")
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


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    pytest.importorskip("sphinx")
    spec = importlib.util.spec_from_file_location("api_pages", DOCS / "api_pages.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["api_pages"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_every_public_object_has_a_page_of_its_own_and_a_line_about_it(pages) -> None:
    listed = list(pages.listed(DOCS / "api.md"))
    targets = [entry.target for _, entry in listed]
    assert len(targets) == len(set(targets)) > 200
    assert {target.split(".")[-1] for target in targets} == documented()
    rooms = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert sorted({room for room, _ in listed}) == sorted(rooms)
    for _, entry in listed:
        assert re.fullmatch(r"[^\n]{10,200}\.", entry.summary), (entry.target, entry.summary)


def test_a_title_is_what_one_imports(pages) -> None:
    for _, entry in pages.listed(DOCS / "api.md"):
        module, _, name = f"gym_rated.{entry.title}".rpartition(".")
        assert hasattr(import_module(module), name), entry.title


def test_pages_of_objects_that_are_no_longer_listed_are_removed(pages, tmp_path) -> None:
    listed = "# API\n\n## Raters\n\n```{pages}\n.. autoclass:: gym_rated.Rating\n```\n"
    (tmp_path / "api.md").write_text(listed)
    pages.write_pages(tmp_path)
    page = tmp_path / "api" / "gym_rated.Rating.rst"
    assert page.read_text().startswith(
        ":orphan:\n\nRating\n======\n\n`API: Raters <../api.html#raters>`__"
    )
    written = page.stat().st_mtime_ns
    (tmp_path / "api" / "gym_rated.Gone.rst").touch()
    pages.write_pages(tmp_path)
    assert [path.name for path in (tmp_path / "api").iterdir()] == ["gym_rated.Rating.rst"]
    assert page.stat().st_mtime_ns == written  # Sphinx reads again what is newer
