"""A page of headings, text, tables and pictures, written as Markdown and as one HTML file.

The HTML file needs nothing else, neither files nor a network: pictures are inside it.
"""

import base64
import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gym_rated.checkpoint.files import replace_file


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the page's own."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table of plain text; every row has as many cells as there are columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Filtered:
    """A long table, of which a reader of the HTML file picks rows; Markdown has none of it.

    Attributes:
        title: Its heading.
        table: The table.
        by: So many of its first columns are picked by, each from the values that are there.
    """

    title: str
    table: Table
    by: int


@dataclass(frozen=True)
class Picture:
    """A PNG file beside the page, and what is to be seen on it."""

    name: str
    alt: str


Block = Heading | Text | Table | Filtered | Picture

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ddd; }
img { max-width: 100%; } .table, .picture { overflow-x: auto; }
@media (max-width: 40rem) { img { max-width: none; width: 45rem; } }
table { border-collapse: collapse; } th, td { padding: .25rem .75rem; text-align: left; }
th { border-bottom: 2px solid #888; } td { border-bottom: 1px solid #ddd; }
select { font: inherit; margin: 0 1rem .5rem .25rem; }
"""
_SCRIPT = """
for (const part of document.querySelectorAll(".filtered")) {
  const picks = [...part.querySelectorAll("select")];
  const rows = [...part.querySelectorAll("tbody tr")];
  const show = () => {
    const shown = rows.filter(row => {
      row.hidden = picks.some((pick, i) => pick.value && row.cells[i].textContent !== pick.value);
      return !row.hidden;
    });
    part.querySelector("output").textContent = `${shown.length} of ${rows.length} rows`;
  };
  part.addEventListener("change", show);
  show();
}
"""


def write_page(folder: Path, name: str, title: str, blocks: Iterable[Block]) -> None:
    """Write `name`.md and `name`.html into `folder`, where the pictures are already.

    Raises:
        FileNotFoundError: If a picture is missing.
    """
    page = [Heading(title, 1), *blocks]
    is_filtered = any(isinstance(block, Filtered) for block in page)
    script = f"<script>{_SCRIPT}</script>\n" if is_filtered else ""
    written = [block for block in page if not isinstance(block, Filtered)]
    markdown = "\n\n".join(_markdown(block) for block in written) + "\n"
    body = "\n".join(_html(block, folder) for block in page)
    document = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n{script}</body>\n</html>\n"
    )
    replace_file(folder / f"{name}.md", markdown.encode())
    replace_file(folder / f"{name}.html", document.encode())


def _markdown(block: Heading | Text | Table | Picture) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {plain(block.text)}"
    if isinstance(block, Text):
        return plain(block.text)
    if isinstance(block, Picture):
        return f"![{plain(block.alt)}]({block.name})"
    rule = ["---"] * len(block.columns)
    rows = [[plain(cell).replace("|", r"\|") for cell in row] for row in block.rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [list(block.columns), rule, *rows])


def plain(text: str) -> str:
    """Return text such that Markdown makes neither a tag, a link nor a picture of it."""
    return " ".join(re.sub(r"[\\`<&\[\]]", r"\\\g<0>", text).splitlines())


def _html(block: Block, folder: Path) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{html.escape(block.text)}</h{block.level}>"
    if isinstance(block, Text):
        return f"<p>{html.escape(block.text)}</p>"
    if isinstance(block, Picture):
        data = base64.b64encode((folder / block.name).read_bytes()).decode()
        image = f'<img alt="{html.escape(block.alt)}" src="data:image/png;base64,{data}">'
        return f'<div class="picture">{image}</div>'
    if isinstance(block, Filtered):
        picks = "\n".join(_picked_by(block.table, column) for column in range(block.by))
        inside = f"{picks}\n<output></output>\n{_table(block.table)}"
        return f'<h2>{html.escape(block.title)}</h2>\n<div class="filtered">\n{inside}\n</div>'
    return _table(block)


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>\n"
        for row in table.rows
    )
    head = f"<thead><tr>{head}</tr></thead>"
    return f'<div class="table"><table>\n{head}\n<tbody>\n{rows}</tbody></table></div>'


def _picked_by(table: Table, column: int) -> str:
    """Return a list of the values of a column, of which a reader picks one or all."""
    values = dict.fromkeys(row[column] for row in table.rows)
    options = "".join(f"<option>{html.escape(value)}</option>" for value in values if value)
    name = html.escape(table.columns[column])
    return f'<label>{name} <select><option value="">all</option>{options}</select></label>'
