"""The page of the raters names every option, and its figures can be drawn again."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gym_rated import SyntheticRater

DOCS = Path(__file__).parents[2] / "docs"


def test_every_option_of_the_synthetic_rater_is_explained() -> None:
    page = (DOCS / "raters.md").read_text(encoding="utf-8")
    section = page[page.index("## The synthetic rater") : page.index("### Gallery")]
    explained = set(re.findall(r"`(\w+)(?:=\w+)?`", section))
    assert set(inspect.signature(SyntheticRater).parameters) - {"num_classes"} <= explained


@pytest.mark.long
def test_the_gallery_can_be_drawn(tmp_path: Path) -> None:
    script = [sys.executable, DOCS / "draw_raters.py", tmp_path]
    subprocess.run(script, check=True, capture_output=True)
    for name in ("raters.png", "raters_training.png"):
        drawn, committed = (folder / name for folder in (tmp_path, DOCS / "_static"))
        assert drawn.read_bytes()[:8] == committed.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        sizes = [np.frombuffer(p.read_bytes()[16:24], ">u4").tolist() for p in (drawn, committed)]
        assert sizes[0] == sizes[1]
