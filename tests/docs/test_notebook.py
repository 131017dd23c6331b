"""The notebook of docs/examples is run in a kernel of its own, and learns what its text says."""

import json
import re
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "docs" / "examples" / "an_agent_from_ratings.ipynb"


@pytest.mark.notebook
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Jupyter, about itself
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_notebook_trains_an_agent_from_ratings(tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(PATH, as_version=4)
    where = {"metadata": {"path": str(tmp_path)}}  # it leaves nothing behind
    NotebookClient(notebook, timeout=1_200, resources=where).execute()
    assert not list(tmp_path.iterdir())
    text = "".join(said(cell) for cell in notebook.cells)
    assert "\n120 ratings\n" in text
    ends = re.search(r"first five episodes (\S+), of the last (\S+)", text)
    first, last = map(float, ends.groups())
    assert first < -800
    assert last > -500
    committed = json.loads(PATH.read_text(encoding="utf-8"))
    assert list(map(kinds, notebook.cells)) == list(map(kinds, committed["cells"]))


def test_the_notebook_is_kept_with_what_it_shows() -> None:
    notebook = json.loads(PATH.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert sum(kinds(cell).count("image/png") for cell in code) == 4
    assert "120 ratings" in "".join(map(said, code))
    assert not re.search(r"/(home|root|tmp|work)/", json.dumps(notebook))
    assert PATH.stat().st_size < 300_000
    text = "".join("".join(cell["source"]) for cell in notebook["cells"])
    pages = re.findall(r"\]\((\S+?)\)", text)
    assert len(pages) >= 4
    for page in pages:
        assert (PATH.parent / page).exists(), page


def said(cell: dict) -> str:
    """Return what a cell printed."""
    streams = [out for out in cell.get("outputs", ()) if out.get("name") == "stdout"]
    return "\n".join("".join(out["text"]) for out in streams)


def kinds(cell: dict) -> list[str]:
    """Return what a cell shows: text that it printed, pictures."""
    outputs = [out for out in cell.get("outputs", ()) if out.get("name") != "stderr"]
    shown = [sorted(out.get("data", [out["output_type"]])) for out in outputs]
    return [kind for some in shown for kind in some]
