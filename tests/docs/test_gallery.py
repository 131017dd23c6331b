"""The gallery leaves out no task of its grid."""

import re
from pathlib import Path

from PIL import Image

from gym_rated.bench import read_grid

ROOT = Path(__file__).parents[2]


def test_the_gallery_has_a_film_of_every_task_of_the_grid() -> None:
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    shown = re.findall(r"\]\(_static/gallery/([\w-]+)\.webp\)", page)
    assert sorted(shown) == sorted(read_grid(ROOT / "benchmarks" / "ten_tasks.toml").tasks)
    for task in shown:
        with Image.open(ROOT / "docs" / "_static" / "gallery" / f"{task}.webp") as film:
            assert film.n_frames >= 60, task
