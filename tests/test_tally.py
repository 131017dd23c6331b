import json

import pytest
from tally import Tally


def test_a_tally_counts_each_kind_and_sums_them(tmp_path):
    tally = Tally("faults")
    tally.record("kill", "kept")
    tally.record("kill", "lost", "3 ratings")
    tally.record("disk full", "refused")
    assert tally.rows() == [
        {"kind": "disk full", "tried": 1, "kept": 0, "refused": 1, "lost": 0},
        {"kind": "kill", "tried": 2, "kept": 1, "refused": 0, "lost": 1},
    ]
    assert tally.lines()[-2].split() == ["sum", "3", "1", "1", "1"]
    assert tally.lines()[-1] == "lost: kill: 3 ratings"
    written = json.loads(tally.write(tmp_path).read_text())
    assert written["command"] == "make test-faults"
    assert written["rows"] == tally.rows()
    assert written["lost"] == tally.lost == ["kill: 3 ratings"]


def test_a_tally_knows_three_outcomes():
    with pytest.raises(ValueError, match="`outcome` must be one of"):
        Tally("faults").record("kill", "survived")
