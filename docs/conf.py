"""Configuration of the documentation: Sphinx, Furo, MyST, and nothing from the network."""

import re
import sys
from html import escape
from importlib.metadata import version as version_of
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).parent))  # for api_pages

project = "gym_rated"
author = "The gym_rated authors"
copyright = "The gym_rated authors, MIT License"
release = version = version_of("gym_rated")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "api_pages"]
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
default_role = "code"  # single backticks in docstrings are code
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"gym_rated {version}"
html_static_path = ["_static"]
html_css_files = ["math.css"]
html_math_renderer = "mathml"  # MathJax would be fetched from the network
html_copy_source = False

logger = logging.getLogger(__name__)


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.connect("autodoc-process-docstring", mend_docstring)
    app.connect("object-description-transform", shorten_types, priority=400)  # before autodoc's


def mend_docstring(app, what, name, obj, options, lines: list[str]) -> None:
    """Keep shapes such as (*batch, B) from being emphasis, and a property's colon from a type."""
    types = [line for line in lines if line.startswith(":type:")]
    if what == "property" and types:
        lines.remove(types[0])
        lines[0] = f"{types[0].removeprefix(':type:').strip()}: {lines[0]}"
    for i, line in enumerate(lines):
        parts = short(line).split("`")
        parts[::2] = [re.sub(r"([(,] ?)\*", r"\1\\*", part) for part in parts[::2]]
        lines[i] = "`".join(parts)


def shorten_types(app, domain: str, objtype: str, content) -> None:
    """Shorten the types that autodoc is about to merge into descriptions."""
    document = getattr(app.env, "current_document", None)
    for types in getattr(document, "autodoc_annotations", {}).values():
        types.update({name: short(text) for name, text in types.items()})


def short(text: str) -> str:
    """Write types as people do: numpy's aliases in the place of what they stand for."""
    text = re.sub(r"~?_Buffer \| .*?_NestedSequence\[complex \| bytes \| str\]", "ArrayLike", text)
    ndarray = r"~?numpy\.ndarray\[.*?dtype\[~?(?:numpy\.|typing\.)?(\w+)\]\]"
    text = re.sub(ndarray, r"NDArray[\1]", text)
    return re.sub(r"(:vartype \w+: )(?:\w+\.)+", r"\1", text)


def visit_inline(self, node: nodes.math) -> None:
    self.body.append(mathml(node, as_block=False))
    raise nodes.SkipNode


def visit_block(self, node: nodes.math_block) -> None:
    number = node.get("number")
    self.body.append(self.starttag(node, "div", CLASS="math"))
    if number:
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(mathml(node, as_block=True) + "</div>\n")
    raise nodes.SkipNode


def mathml(node: nodes.Element, as_block: bool) -> str:
    """Convert the node's TeX with docutils' own converter; what it cannot read is a warning."""
    tex = node.astext()
    if as_block and (r"\\" in tex or "&" in tex) and r"\begin" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    try:
        return tex2mathml(tex, as_block=as_block)
    except (MathError, AttributeError) as error:
        logger.warning("TeX that MathML cannot show: %s (%s)", tex, error, location=node)
        return f"<code>{escape(tex)}</code>"
