"""The canvas of every figure: style, colours, legends; the one file that imports matplotlib.

Figures are drawn without pyplot, so no window opens and no state is shared. An arm has the same
colour in every figure; the colours are told apart by colour-blind people (Okabe and Ito 2008).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from gym_rated.checkpoint.files import replacing
from gym_rated.choices import PictureFormat

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure

ARM_COLORS = {
    "true": "#333333",
    "rated": "#0072B2",
    "ours": "#0072B2",  # what `rated` learns by, unless told otherwise
    "wu2025": "#009E73",
    "rbrl": "#D55E00",
    "pairs": "#56B4E9",
    "constant": "#E69F00",
    "shuffled": "#CC79A7",
}
OTHER_COLORS = ("#009E73", "#D55E00", "#56B4E9", "#8C6D31", "#882255")
_STROKES = ("-", "--", ":", "-.")
_DPI = 150
MARKERS = ("o", "s", "^", "D", "v")
_STYLE: dict[Any, Any] = {
    "font.size": 10.5,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # else its place is sought among the ticks, at each drawing
    "axes.titlepad": 30,  # the legend goes between the title and the data
    "axes.labelcolor": "#444444",
    "axes.edgecolor": "#bbbbbb",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#ececec",
    "xtick.color": "#666666",
    "ytick.color": "#666666",
    "legend.frameon": False,
    "text.parse_math": False,  # names out of a run are no formulas
    "svg.hashsalt": "gym_rated",  # else each file has names of its own inside
    "pdf.fonttype": 42,  # letters that can be searched, and edited
}


@contextmanager
def figure(
    path: str | Path, title: str, *, rows: int, columns: int, size: tuple[float, float]
) -> "Iterator[list[Axes]]":
    """Yield the axes of a new figure of this module's style, and write it afterwards.

    Raises:
        ValueError: If the name of the file ends in none of the formats.
    """
    suffix = Path(path).suffix.removeprefix(".").lower()
    if suffix not in get_args(PictureFormat):
        known = ", ".join(f".{name}" for name in get_args(PictureFormat))
        raise ValueError(f"`path` must end in one of {known}, got {path}")
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12, wspace=0.04, hspace=0.04)
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, dpi=_DPI, layout=layout)
        figure.suptitle(title, x=0.012, ha="left", fontsize=15, fontweight="bold")
        yield list(figure.subplots(rows, columns, squeeze=False).flat)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with replacing(Path(path)) as temporary:
            _write(figure, temporary, suffix)


def _write(figure: "Figure", path: Path, suffix: str) -> None:
    """Write a figure; `savefig` would draw it twice, once for a layout that drawing makes anyway.

    No format holds the time, so that the same figure is the same file.
    """
    if suffix == "png":
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        write = FigureCanvasAgg(figure).print_png
        write(path, pil_kwargs={"compress_level": 1})  # type: ignore[no-untyped-call]  # matplotlib's
    elif suffix == "svg":
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        write_svg = FigureCanvasSVG(figure).print_svg
        write_svg(path, metadata={"Date": None})  # type: ignore[no-untyped-call]  # matplotlib's
    else:
        from matplotlib.backends.backend_pdf import FigureCanvasPdf

        write_pdf = FigureCanvasPdf(figure).print_pdf
        write_pdf(path, metadata={"CreationDate": None})  # type: ignore[no-untyped-call]  # matplotlib's


def arm_colors(arms: Sequence[str]) -> dict[str, str]:
    """Return the colour of each arm; arms without a colour of their own get the next free one."""
    others, free = _without_color(arms)
    cycle = {arm: free[i % len(free)] for i, arm in enumerate(others)}
    return ARM_COLORS | cycle


def arm_strokes(arms: Sequence[str]) -> dict[str, str]:
    """Return the stroke of each arm's line: another where the colours begin anew."""
    others, free = _without_color(arms)
    strokes = {arm: _STROKES[i // len(free) % 4] for i, arm in enumerate(others)}
    own = dict.fromkeys(ARM_COLORS, "-")
    return own | strokes | ({"ours": "--"} if {"rated", "ours"} <= set(arms) else {})


def _without_color(arms: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the arms without a colour of their own, and colours for them, nobody's first."""
    taken = {ARM_COLORS[arm] for arm in arms if arm in ARM_COLORS}
    free = [color for color in OTHER_COLORS if color not in taken]
    free.sort(key=lambda color: color in ARM_COLORS.values())
    return [arm for arm in arms if arm not in ARM_COLORS], free


def class_shades(num_classes: int) -> Any:
    """Return a colour for each rating class, from the worst (dark) to the best (light)."""
    import matplotlib

    return matplotlib.colormaps["cividis"](np.linspace(0.05, 0.95, num_classes))


def add_legend(ax: "Axes", columns: int = 7) -> None:
    """Put the legend above the data."""
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=columns,
        handlelength=1.4,
        handletextpad=0.5,
        columnspacing=1.4,
        borderaxespad=0.2,
    )


def format_steps(ax: "Axes", end: float) -> None:
    """Label the axis of the steps, up to `end`, with thousands as k."""
    from matplotlib.ticker import EngFormatter

    ax.set_xlim(0, 1.01 * end)
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.set_xlabel("environment steps")


def format_powers(ax: "Axes") -> None:
    """Make the axis of values logarithmic; its labels are no formulas, as no text here is."""
    from matplotlib.ticker import LogFormatter, NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(LogFormatter())
    ax.yaxis.set_minor_formatter(NullFormatter())


def note(ax: "Axes", words: str) -> None:
    """Put small words into the lower right corner of the data."""
    ax.text(0.99, 0.02, words, ha="right", fontsize=9, color="#777777", transform=ax.transAxes)


def say(ax: "Axes", words: str) -> None:
    """Put words where data is missing, and take the axes away."""
    ax.text(0.5, 0.5, words, ha="center", va="center", color="#777777", transform=ax.transAxes)
    ax.set(xticks=[], yticks=[], xlabel="", ylabel="", facecolor="#f7f7f7")
    ax.spines[:].set_visible(False)
