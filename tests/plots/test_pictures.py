"""Pictures of a page are written in further formats beside it, and the page stays one file."""

import re
import xml.etree.ElementTree as ET
from functools import partial
from pathlib import Path

import pytest

from gym_rated.cli import main
from gym_rated.plots import plot_curves
from gym_rated.plots.pictures import Pictures
from gym_rated.runs import RunWriter

CURVE = {"true": [([100, 200], [1.0, 2.0])]}
STARTS = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF-"}


@pytest.mark.parametrize("suffix", STARTS)
def test_a_figure_is_of_the_format_that_its_name_says_and_the_same_each_time(
    tmp_path: Path, suffix: str
) -> None:
    paths = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for path in paths:
        plot_curves(CURVE, path, title="Walk")
    first, second = (path.read_bytes() for path in paths)
    assert first.startswith(STARTS[suffix])
    assert first == second


def test_an_svg_is_as_wide_as_the_figure_and_needs_no_other_file(tmp_path: Path) -> None:
    plot_curves(CURVE, tmp_path / "a.svg", title="Walk")
    root = ET.parse(tmp_path / "a.svg").getroot()
    assert root.get("width") == "612pt"  # 8.5 inches of 72
    links = [value for node in root.iter() for name, value in node.items() if "href" in name]
    assert all(link.startswith("#") for link in links)


def test_a_name_of_another_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`path` must end in one of .png, .svg, .pdf, got .*jpg"):
        plot_curves(CURVE, tmp_path / "new" / "a.jpg", title="Walk")
    assert list(tmp_path.iterdir()) == []


def test_the_picture_of_a_page_is_its_png(tmp_path: Path) -> None:
    draw = partial(plot_curves, CURVE, title="Walk")
    shown = Pictures(tmp_path, ("pdf", "png")).draw("walk", "a line", draw)
    assert (shown.name, shown.alt) == ("walk.png", "a line")
    assert {path.name for path in tmp_path.iterdir()} == {"walk.png", "walk.pdf"}


def test_a_report_is_written_in_further_formats_and_stays_one_file(tmp_path: Path) -> None:
    with RunWriter(tmp_path / "run", {"env_id": "Walk-v0"}, tensorboard=False) as run:
        run.log(100, {"charts/episodic_return": 1.0})
    out = tmp_path / "out"
    words = ["report", str(tmp_path / "run"), "--out", str(out), "--format", "svg", "pdf"]
    assert main(words) == 0
    names = {"Walk-v0-curves", "Walk-v0-training"}
    for suffix in STARTS:
        assert {path.stem for path in out.glob(f"*.{suffix}")} == names
    page = (out / "report.html").read_text()
    sources = re.findall(r'src="([^"]{5,22})', page)
    assert sources == ["data:image/png;base64,"] * 2
    assert "Walk-v0-curves.png" in (out / "report.md").read_text()


def test_a_format_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["report", "run", "--format", "jpg"])
    assert "invalid choice 'jpg' for argument '--format'" in capsys.readouterr().err
