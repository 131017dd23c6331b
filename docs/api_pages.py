"""A page for each public object: `docs/api.md` lists them, and Sphinx makes the pages.

A block ```` ```{pages} ```` of `api.md` holds the directives of autodoc. Each becomes a page of its
own in `docs/api/`, which is made by a build and not committed, and a line of the table that stands
in the block's place. `automodule` stands for each of its members.
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

DIRECTIVE = re.compile(r"^\.\. (\S+):: (\S+)\n((?:(?:   .*)?\n)*)", re.MULTILINE)
BLOCK = re.compile(r"^```\{pages\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """A public object, and the directive that describes it."""

    kind: str
    target: str
    body: str

    @property
    def title(self) -> str:
        """The name as one writes it after `from gym_rated import`."""
        return self.target.removeprefix("gym_rated.")

    @property
    def summary(self) -> str:
        """The first sentence of what is said about it, on one line."""
        written = "\n".join(line for line in self.body.splitlines() if not is_option(line)).strip()
        text = written or inspect.getdoc(found(self.target)) or ""
        paragraph = " ".join(text.partition("\n\n")[0].split())
        return re.split(r"(?<=\.) ", paragraph)[0]

    def page(self, room: str) -> str:
        """Return the text of the page, which names the room of the index that it belongs to."""
        anchor = room.lower().replace(" ", "-")
        heading = f"{self.title}\n{'=' * len(self.title)}"
        way_back = f"`API: {room} <../api.html#{anchor}>`__"
        directive = f".. {self.kind}:: {self.target}\n{self.body}"
        return "\n\n".join([":orphan:", heading, way_back, directive])


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the pages before Sphinx looks for them, and read the blocks."""
    app.connect("config-inited", lambda app, config: write_pages(Path(app.srcdir)))
    app.add_directive("pages", Pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Pages(SphinxDirective):
    """A table of the objects in a block: a link to the page of each, and its first sentence."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        lines = ["| name | what it is |", "|---|---|"]
        for entry in entries("\n".join(self.content) + "\n"):
            self.env.note_dependency(inspect.getfile(module_of(entry.target)))
            anchor = f'<span id="{entry.target}"></span>'
            summary = entry.summary.replace("|", r"\|")
            lines.append(f"| {anchor}[`{entry.title}`](api/{entry.target}.rst) | {summary} |")
        table = nodes.container()
        self.state.nested_parse(StringList(lines), self.content_offset, table)
        return table.children


def write_pages(docs: Path) -> None:
    """Write what changed, and remove the pages of objects that are no longer listed."""
    folder = docs / "api"
    folder.mkdir(exist_ok=True)
    wanted = {f"{entry.target}.rst": entry.page(room) for room, entry in listed(docs / "api.md")}
    for path in set(folder.iterdir()) - {folder / name for name in wanted}:
        path.unlink()
    for name, text in wanted.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def listed(page: Path) -> Iterator[tuple[str, Entry]]:
    """Yield the room and the entry of every object in the blocks of `api.md`."""
    for section in page.read_text(encoding="utf-8").split("\n## ")[1:]:
        for block in BLOCK.findall(section):
            for entry in entries(block):
                yield section.partition("\n")[0], entry


def entries(block: str) -> Iterator[Entry]:
    """Yield the entries of a block, with the members of a module in the place of the module."""
    for kind, target, body in DIRECTIVE.findall(block):
        if kind == "automodule":
            yield from members(target, body)
        else:
            yield Entry(kind, target, body)


def members(module: str, body: str) -> Iterator[Entry]:
    """Yield the entries of a module: those that `:members:` names, or all that are public."""
    options = [line.strip() for line in body.splitlines() if is_option(line)]
    (names,) = (o.removeprefix(":members:") for o in options if o.startswith(":members:"))
    others = "".join(f"   {o}\n" for o in options if o.startswith(":no-inherited"))
    for name in re.findall(r"\w+", names) or import_module(module).__all__:
        value = getattr(import_module(module), name)
        kind = "autoclass" if inspect.isclass(value) else "autofunction"
        yield Entry(kind, f"{module}.{name}", f"   :members:\n{others}" * inspect.isclass(value))


def is_option(line: str) -> bool:
    """Return whether a line of a directive is an option of it."""
    return re.match(r" +:[\w-]+:", line) is not None


def found(target: str) -> Any:
    """Return the object that a dotted name stands for."""
    module, _, name = target.rpartition(".")
    return getattr(import_module(module), name)


def module_of(target: str) -> Any:
    """Return the module in which an object is defined, or from which it is listed."""
    module, _, name = target.rpartition(".")
    listed_from = import_module(module)
    return inspect.getmodule(getattr(listed_from, name)) or listed_from
