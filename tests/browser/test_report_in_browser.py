"""The report of a grid in a real browser: a reader picks runs, and the page needs no server."""

from functools import partial

import pytest

from gym_rated.page import Filtered, Table, write_page
from gym_rated.plots import plot_curves
from gym_rated.plots.pictures import Pictures

pytestmark = pytest.mark.browser


def test_a_reader_picks_rows_by_several_columns(tmp_path, browser):
    rows = [[task, arm, seed] for task in ("a", "b") for arm in ("x", "y") for seed in "123"]
    table = Table(["task", "arm", "seed"], rows)
    write_page(tmp_path, "report", "Grid", [Filtered("All runs", table, by=2)])
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    shown = page.locator("tbody tr:visible")
    assert shown.count() == 12
    page.get_by_label("task").select_option("b")
    assert page.locator("output").text_content() == "6 of 12 rows"
    page.get_by_label("arm").select_option("y")
    assert [row.split() for row in shown.all_inner_texts()] == [["b", "y", seed] for seed in "123"]
    page.get_by_label("task").select_option("all")
    assert shown.count() == 6
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


@pytest.mark.parametrize(("width", "shown"), [(1440, 992), (390, 720)])
def test_a_picture_can_be_read_on_a_screen_of_any_width(tmp_path, browser, width, shown):
    draw = partial(plot_curves, {"true": [([1, 2], [3, 4])]}, title="Walk")
    write_page(tmp_path, "report", "Runs", [Pictures(tmp_path).draw("walk", "a line", draw)])
    context = browser.new_context(viewport={"width": width, "height": 844})
    page = context.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    # as wide as 62rem of text, or as 45rem on a phone, where it is pushed to and fro
    assert round(page.locator("img").bounding_box()["width"]) == shown
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
