"""A page as Markdown and as an HTML file that needs nothing else."""

import re

import pytest

from gym_rated.page import Filtered, Heading, Picture, Table, Text, write_page


def test_a_page_is_written_twice(tmp_path):
    (tmp_path / "a.png").write_bytes(b"picture")
    blocks = [Heading("Part"), Text("Words."), Picture("a.png", "a picture"), Table(["n"], [["1"]])]
    write_page(tmp_path, "report", "Title", blocks)
    assert (tmp_path / "report.md").read_text() == (
        "# Title\n\n## Part\n\nWords.\n\n![a picture](a.png)\n\n| n |\n| --- |\n| 1 |\n"
    )
    page = (tmp_path / "report.html").read_text()
    assert "<title>Title</title>" in page
    assert "<h2>Part</h2>" in page
    assert '<img alt="a picture" src="data:image/png;base64,cGljdHVyZQ==">' in page
    assert '<th scope="col">n</th>' in page
    assert "<td>1</td>" in page


def test_the_html_file_loads_nothing_and_runs_nothing(tmp_path):
    (tmp_path / "a.png").write_bytes(b"picture")
    write_page(tmp_path, "report", "T", [Picture("a.png", "x"), Text("<script>alert(1)</script>")])
    page = (tmp_path / "report.html").read_text()
    assert not re.search(r"<(script|link|iframe)|https?://", page)
    assert "&lt;script&gt;" in page


def test_bars_in_a_cell_stay_in_their_cell(tmp_path):
    write_page(tmp_path, "report", "T", [Table(["a"], [["x|y"]])])
    assert r"| x\|y |" in (tmp_path / "report.md").read_text()


def test_a_missing_picture_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_page(tmp_path, "report", "T", [Picture("a.png", "x")])


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "![x](http://a)", "[x](javascript:a)", "a\n# b", "`<b>`"]
)
def test_markdown_makes_nothing_of_a_name(tmp_path, text):
    (tmp_path / "a.png").write_bytes(b"picture")
    write_page(
        tmp_path, "report", text, [Text(text), Picture("a.png", text), Table(["n"], [[text]])]
    )
    page = (tmp_path / "report.md").read_text().replace("![", "", 1 + text.startswith("![!"))
    assert not re.search(r"(?<!\\)[<`]|(?<!\\)\[x", page)
    assert "\n# b" not in page


def test_a_filtered_table_is_in_the_html_file_alone(tmp_path):
    table = Table(["arm", "score"], [["<ours>", "1"], ["true", "2"], ["<ours>", "3"], ["", "4"]])
    write_page(tmp_path, "report", "Title", [Text("Words."), Filtered("All & more", table, by=1)])
    assert (tmp_path / "report.md").read_text() == "# Title\n\nWords.\n"
    page = (tmp_path / "report.html").read_text()
    assert "<h2>All &amp; more</h2>" in page
    options = '<option value="">all</option><option>&lt;ours&gt;</option><option>true</option>'
    assert f"<label>arm <select>{options}</select></label>" in page
    assert page.count("<select>") == page.count("<script>") == 1
    assert page.count("<tr>") == 5
    assert "//" not in page.replace("</", "")  # nothing is loaded
