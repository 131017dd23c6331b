"""What maintainers lean on says the same everywhere: versions, Pythons, commands."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.version import Version

import gym_rated

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()


def read_yaml(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def test_the_version_is_written_down_once_and_cited() -> None:
    version = PROJECT["project"]["version"]
    assert read_yaml("CITATION.cff")["version"] == version == gym_rated.__version__


def test_ci_runs_every_python_that_the_package_names() -> None:
    named = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["project"]["classifiers"]))
    job = read_yaml(".github/workflows/ci.yml")["jobs"]["all"]
    assert job["strategy"]["matrix"]["python"] == named == ["3.11", "3.12", "3.13"]
    (step,) = [step for step in job["steps"] if step.get("run") == ".ci/run"]
    assert "PYTHON" in step["env"]
    assert "\nPYTHON ?=" in MAKEFILE  # so that the environment's wins


def test_hooks_run_what_make_lint_runs() -> None:
    repos = read_yaml(".pre-commit-config.yaml")["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]  # nothing is fetched
    hooks = {hook["entry"].removesuffix(" --fix") for hook in repos[0]["hooks"]}
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[1]
    lint = lint.replace("$(PY)", ".venv/bin/python").replace("$(VENV)", ".venv")
    lines = [re.sub(r" --check| \.$| \$\(PAGE_CODE\)", "", line) for line in lint.split("\n\t")]
    assert {re.sub(r" \.$", "", line.strip()) for line in lines} == hooks
    assert len(hooks) == 4


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", ".readthedocs.yaml", ".ci/run"])
def test_every_make_target_that_is_named_exists(name: str) -> None:
    targets = re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.MULTILINE)
    named = re.findall(r"\bmake ([a-z-]+)", (ROOT / name).read_text())
    assert named
    assert set(named) <= set(targets)


def test_every_tool_of_the_developers_is_pinned() -> None:
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    canonical = {name.lower().replace("_", "-") for name in pinned}
    extras = PROJECT["project"]["optional-dependencies"]
    needed = [re.match(r"[\w.-]+", line)[0] for line in extras["dev"] + extras["docs"]]
    assert len(needed) > 10
    assert {name.lower().replace("_", "-") for name in needed} - canonical == {"gym-rated"}


def test_the_oldest_versions_are_floors_of_what_is_pinned() -> None:
    made = subprocess.run(
        [sys.executable, ".ci/oldest.py"], cwd=ROOT, capture_output=True, text=True
    )
    oldest = dict(line.split("==") for line in made.stdout.splitlines())
    pins = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    pinned = {name.lower().replace("_", "-"): version for name, version in pins}
    assert {"numpy", "torch", "gymnasium", "tyro", "pillow", "pytest"} <= set(oldest) <= set(pinned)
    assert oldest["pytest"] == pinned["pytest"]  # a tool
    assert all(Version(version) <= Version(pinned[name]) for name, version in oldest.items())


@pytest.mark.skipif("CI" not in os.environ, reason="by hand, packages may be missing")
def test_in_ci_no_test_is_skipped_for_want_of_a_package() -> None:
    sources = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    wanted = {name for text in sources for name in re.findall(r'importorskip\("(\w+)', text)}
    assert {"mujoco", "dm_control", "Box2D"} <= wanted
    if sys.version_info >= (3, 13):
        wanted.remove("dm_control")  # as pyproject.toml says
    assert [name for name in sorted(wanted) if find_spec(name) is None] == []


def test_the_changelog_sorts_what_is_unreleased() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    unreleased = re.split(r"^## ", text, flags=re.MULTILINE)[1]
    assert unreleased.startswith("Unreleased\n")
    assert re.findall(r"^### (\w+)", unreleased, re.MULTILINE) == ["Added", "Changed", "Fixed"]
