"""Set the pictures of a state of the page beside one another, for the documentation.

    GYM_RATED_STATES=states make test-browser ARGS="-k any_state"
    python tests/browser/sheets.py states docs/_static guidelines waiting end

writes page-STATE.webp: 1440 x 900 and 390 x 844 at one height, light above dark.
"""

import sys
from pathlib import Path

from PIL import Image

_HEIGHT, _GAP = 600, 16


def sheet(folder: Path, state: str) -> Image.Image:
    """Return the four pictures of one state as one."""
    rows = []
    for scheme in ("light", "dark"):
        shots = [Image.open(folder / f"{state}-{s}-{scheme}.png") for s in ("wide", "narrow")]
        rows.append([shot.resize((shot.width * _HEIGHT // shot.height, _HEIGHT)) for shot in shots])
    widths = [shot.width for shot in rows[0]]
    whole = Image.new("RGBA", (sum(widths) + _GAP, 2 * _HEIGHT + _GAP))
    for y, (wide, narrow) in enumerate(rows):
        whole.paste(wide, (0, y * (_HEIGHT + _GAP)))
        whole.paste(narrow, (wide.width + _GAP, y * (_HEIGHT + _GAP)))
    return whole


if __name__ == "__main__":
    source, target, *states = sys.argv[1:]
    for name in states:
        sheet(Path(source), name).save(Path(target) / f"page-{name}.webp", lossless=True, method=6)
