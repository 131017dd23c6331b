"""`gym-rated status`: how steady raters are, and how far they agree."""

from dataclasses import replace

import pytest
from stores import RUN, deed, fill

from gym_rated.agreeing import Agreeing
from gym_rated.cli import main
from gym_rated.human.store import Remark, Store


@pytest.fixture
def rated(sqlite_url):
    """Ann rates all clips by a rule, and many of them twice; bob rates five, one class higher."""
    with Store(sqlite_url, reserve_bytes=0) as store:
        fill(store, 40, replace(RUN, overlap=2, duplicate_rate=0.99))
        for rater, num, shift in (("ann", 1_000, 0), ("bob", 5, 1)):
            while num and (query := store.next_query(rater)):
                rating = (int(query.segment_id.split("-")[-1]) + shift) % 4
                store.record(deed(query, rater, rating=rating))
                num -= 1
        yield store


def test_status_says_how_steady_raters_are(rated, sqlite_url, capsys):
    num = sum(row.repeat for row in rated.agreement_rows("r1"))
    assert num >= 20
    assert main(["status", "--db", sqlite_url]) == 0
    lines = capsys.readouterr().out.splitlines()
    ann = next(k for k, line in enumerate(lines) if line.startswith("  rater ann: 40 rated"))
    assert lines[ann + 1] == (
        "    the same clip twice: 100% the same, 100% within one class, "
        f"kappa 1.00 (1.00 to 1.00, n={num})"
    )
    assert lines[ann + 2].startswith("  rater bob: 5 rated")
    assert lines[ann + 3] == "    the same clip twice: no clip rated twice"
    assert lines[ann + 4] == "  between raters: 5 clips with several raters, alpha n=5: too few"


def test_status_says_how_many_ratings_contradict_the_rest(rated, sqlite_url, capsys):
    rated.set_contradicting("r1", {"ann": 0.21})
    assert main(["status", "--db", sqlite_url]) == 0
    lines = capsys.readouterr().out.splitlines()
    ann = next(k for k, line in enumerate(lines) if line.startswith("  rater ann: 40 rated"))
    said = "    by the learned reward: about 1 in 5 ratings contradict the rest"
    assert lines[ann + 2] == said
    assert sum("contradict" in line for line in lines) == 1  # of bob nothing is known


def test_status_says_how_often_the_reward_agrees_with_a_rater(rated, sqlite_url, capsys):
    rated.set_agreeing("r1", {"ann": Agreeing(30, 60, 0.87)})
    assert main(["status", "--db", sqlite_url]) == 0
    lines = capsys.readouterr().out.splitlines()
    ann = next(k for k, line in enumerate(lines) if line.startswith("  rater ann: 40 rated"))
    said = "    the learned reward agrees with the last 30 ratings in 87% of pairs"
    assert lines[ann + 2] == said
    assert sum("agrees with" in line for line in lines) == 1  # of bob nothing is known


def test_one_rater_agrees_with_nobody(sqlite_url, capsys):
    with Store(sqlite_url, reserve_bytes=0) as store:
        (query,) = fill(store, 1)
        store.next_query("ann")
        store.record(deed(query, "ann"))
    assert main(["status", "--db", sqlite_url]) == 0
    said = capsys.readouterr().out
    assert "the same clip twice: no clip rated twice" in said
    assert "between raters" not in said


def test_clips_of_a_run_that_is_over_are_asked_about_no_longer(rated, sqlite_url, capsys):
    del rated
    with Store(sqlite_url, reserve_bytes=0) as store:
        fill(store, 3, replace(RUN, id="r2"))
        assert main(["expire", "--db", sqlite_url, "--run-id", "r2", "--before-step", "20"]) == 0
        assert "run r2: 2 clips are no longer asked about" in capsys.readouterr().out
        assert (store.pending("r2"), store.pending("r1")) == (1, 0)
    assert main(["expire", "--db", sqlite_url]) == 2
    assert "`run_id` must name one of the runs" in capsys.readouterr().err


def test_status_shows_flags_and_comments_as_text(sqlite_url, capsys):
    with Store(sqlite_url, reserve_bytes=0) as store:
        queries = fill(store, 23)
        given = [store.next_query("ann", exclude=queries[:k]).id for k in range(23)]
        assert given == queries
        for k, query in enumerate(queries):
            store.remark(
                Remark(f"remark-{k}", query, "ann", k > 0, f"so \u202e{k}" if k < 9 else "")
            )
        store.remark(Remark("taken-back", queries[22], "ann", False))
    assert main(["status", "--db", sqlite_url]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = lines.index("  flagged 21, commented on 9")
    assert lines[first + 1] == "    flagged 0-0-21 by ann"
    assert lines[first + 20] == "    flagged 0-0-2 by ann: so \ufffd2"
    assert lines[first + 21 :] == ["    and 2 earlier: gym-rated export"]
