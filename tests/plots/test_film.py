"""Films side by side in one picture."""

import numpy as np
import pytest
from PIL import Image

from gym_rated.plots.film import save_film

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def frames(*colors, size=(20, 40)):
    return [np.full((*size, 3), color, np.uint8) for color in colors]


def test_each_film_has_its_place_and_a_shorter_one_stands_still(tmp_path):
    path = tmp_path / "film.webp"
    panels = [("a", frames(RED)), ("b", frames(RED, GREEN, BLUE))]
    save_film(panels, path, fps=10, height=40)
    with Image.open(path) as film:
        assert film.n_frames == 3
        assert film.size == (2 * 80 + 4, 40 + 26)  # both twice as large, a gap, and the titles
        film.seek(2)
        last = np.asarray(film.convert("RGB")).astype(int)
    assert abs(last[50, 40] - RED).max() < 30
    assert abs(last[50, 130] - BLUE).max() < 30
    assert last[:26, :80].min() < 150  # the title


@pytest.mark.parametrize(
    ("panels", "name", "said"),
    [
        ([("a", frames(RED))], "film.gif", "`path` must end in .webp"),
        ([], "film.webp", "`panels` must have a frame each"),
        ([("a", [])], "film.webp", "`panels` must have a frame each"),
    ],
)
def test_what_makes_no_film_is_refused_and_nothing_is_written(tmp_path, panels, name, said):
    with pytest.raises(ValueError, match=said):
        save_film(panels, tmp_path / name, fps=10, height=40)
    assert not list(tmp_path.iterdir())
