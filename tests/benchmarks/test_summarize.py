"""The tables of the docs say what the result files say."""

import json
from pathlib import Path

import pytest

from benchmarks import summarize


def test_places_that_no_test_noticed_are_listed_as_they_were_and_became(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    survivor = {"path": "a.py", "line": 7, "before": "x = a | b", "after": "x = (a & b)"}
    found = {"command": "python tests/mutants.py", "places": 900, "tried": 60, "noticed": 59}
    (tmp_path / "trust").mkdir()
    path = tmp_path / "trust" / "mutants.json"
    path.write_text(json.dumps(found | {"survivors": [survivor]}))
    monkeypatch.setattr(summarize, "RESULTS", tmp_path)
    table = summarize.mutants_table()
    assert "| 60 of 900 places | 59 | 1 |" in table
    assert r"| `a.py:7` | `` x = a \| b `` | `` x = (a & b) `` |" in table
    path.write_text(json.dumps(found | {"noticed": 60, "survivors": []}))
    assert "before" not in summarize.mutants_table()
