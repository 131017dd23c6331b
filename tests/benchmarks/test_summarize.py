"""The tables of the docs say what the result files say."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import choosing, summarize
from benchmarks.few_tables import mean_over_tasks, means_table, truth_table


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


def test_a_normalised_interval_is_as_wide_as_the_line_is_unsure() -> None:
    sure = {"random": [0.0, 0.0, 0.0], "true": [10.0, 10.0, 10.0], "ours": [9.0, 10.0, 11.0]}
    unsure = sure | {"true": [5.0, 10.0, 15.0]}
    narrow, wide = (mean_over_tasks({"one": task}, "ours") for task in (sure, unsure))
    assert narrow.estimate == wide.estimate == 1.0
    # the smallest and largest mean of three draws: 9 and 11 of 10; and of 5 to 15
    assert (narrow.low, narrow.high) == pytest.approx((0.9, 1.1), abs=0.04)
    assert wide.low < 0.8
    assert wide.high > 1.3
    own = mean_over_tasks({"one": unsure}, "true")
    assert own.estimate == 1.0
    assert (own.low, own.high) == pytest.approx((0.5, 1.5), abs=0.2)


def test_random_actions_that_vary_widen_the_interval_too() -> None:
    task = {"random": [-5.0, 5.0], "true": [10.0, 10.0], "ours": [5.0, 5.0]}
    found = mean_over_tasks({"one": task}, "ours")
    assert found.estimate == 0.5
    # from -5 it is 10 of 15, from 5 it is 0 of 5
    assert (found.low, found.high) == pytest.approx((0.0, 2 / 3))
    assert np.isfinite(found).all()


TASKS = {
    "few-one": {"random": [0.0, 0.0], "true": [10.0, 10.0], "mine": [5.0, 9.0], "part": [1.0]},
    "few-two": {"random": [-4.0, -4.0], "true": [-2.0, -2.0], "mine": [-4.0, -4.5]},
}


def test_a_mean_over_tasks_weighs_them_alike_and_names_the_worst() -> None:
    found = mean_over_tasks(TASKS, "mine")
    assert found.estimate == pytest.approx((0.7 - 0.125) / 2)
    assert found.low == pytest.approx((0.5 - 0.25) / 2)
    assert found.high == pytest.approx((0.9 - 0.0) / 2)
    table = means_table(TASKS, ("mine", "part"), {"mine": "ours", "part": "not everywhere"})
    assert "| ours | 0.29 (0.12 to 0.45) | -0.12 (two) | -0.25 (two) |" in table
    assert "not everywhere" not in table


def test_what_is_known_of_the_truth_stands_beside_the_score() -> None:
    fits = [{"truth/step": 0.1, "truth/advantage": 0.3}, {"truth/step": 0.5}, {}]
    rows = [
        {"suite": "few-one", "arm": "mine", "score": score, "fit": fit}
        for score, fit in zip((5.0, 9.0, 9.0), fits, strict=True)
    ]
    table = truth_table(rows, TASKS, "mine")
    assert "| one | 0.30 |  |  |  | 0.70 |" in table
    assert "| rank correlation with the score | 1.00 |" in table


def test_a_page_that_is_not_what_the_results_say_is_named_and_left(tmp_path, monkeypatch, capsys):
    page, same = tmp_path / "page.md", tmp_path / "same.md"
    old = "# Page\n<!-- begin: a -->\n| 1 |\n<!-- end: a -->\n"
    page.write_text(old)
    same.write_text(old.replace("| 1 |", "| 2 |"))
    monkeypatch.setattr(summarize, "ROOT", tmp_path)
    monkeypatch.setattr(summarize, "PAGES", (page, same))
    monkeypatch.setattr(summarize, "all_blocks", lambda: {"a": "| 2 |", "b": "| 3 |"})
    monkeypatch.setattr(summarize, "draw_all", lambda: None)
    assert summarize.main(summarize.Args(check=True)) == 1
    said = capsys.readouterr().out
    assert said == "page.md is not what the results say; run it without --check\n"
    assert page.read_text() == old
    assert summarize.main(summarize.Args()) == 0
    assert page.read_text() == same.read_text()
    assert summarize.main(summarize.Args(check=True)) == 0


def test_a_line_has_what_a_choice_brought_and_its_worst_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choice = choosing.Trained("a rule", "none", ("few-one", "few-two"), "mine")
    monkeypatch.setattr(choosing, "TRAINED", (choice,))
    rows = [{"suite": "few-one", "arm": "mine", "num_ratings": 40}]
    line = choosing.trained_table(rows, TASKS).splitlines()[2]
    # 0.7 of the line on the first task, -0.125 on the second, which is the worst
    assert line == "| a rule | none | 40 | 0.29 (0.12 to 0.45) | -0.12 (two) |"
    with pytest.raises(ValueError, match="too many values"):
        choosing.ratings_of([*rows, rows[0] | {"num_ratings": 50}], choice)


def test_every_kind_of_answer_of_the_scripts_is_in_the_table() -> None:
    flags = " ".join(choice.flags for choice in (*choosing.TRAINED, *choosing.FITTED))
    for answers in ("scores", "comparisons", "both"):
        assert f"`--answers {answers}`" in flags
