"""A script and its page tell the same story, stage by stage."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(p.stem for p in (ROOT / "scripts").glob("*.py") if "RunArgs)" in p.read_text())


@pytest.mark.parametrize("name", SCRIPTS)
def test_numbered_comments_are_the_numbered_sections_of_the_page(name: str) -> None:
    script = (ROOT / "scripts" / f"{name}.py").read_text(encoding="utf-8")
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    stages = re.findall(r"^ *# (\d+)\. (.+)$", script, flags=re.MULTILINE)
    assert stages == re.findall(r"^### (\d+)\. (.+)$", page, flags=re.MULTILINE)
    assert [int(number) for number, _ in stages] == list(range(1, len(stages) + 1))
    assert len(stages) >= 8
