"""`gym-rated export` and `import`: what raters said, out of a database and into another."""

import csv
import json
import sys
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from stores import deed, make_clip

from gym_rated import Comparison, Origin, Rating, RatingDataset, ReplayRater, Score, Segment
from gym_rated.cli import main
from gym_rated.human.segment_blob import pack_segment
from gym_rated.human.store import Job, Remark, Run, Store

RUN = Run("r1", 3, ("falls", "walks", "runs"), "How well?", env_id="Pendulum-v1", duplicate_rate=0)


def make_segment(number: int) -> Segment:
    rng = np.random.default_rng(number)
    return Segment(
        id=f"0-{number}-0",
        obs=rng.normal(size=(5, 3)).astype(np.float32),
        actions=rng.uniform(-1, 1, size=(5, 1)).astype(np.float32),
        true_rewards=np.full(5, 99.0),
        round=number // 2,
        origin=Origin(0, number, 0, 10 * number),
    )


@pytest.fixture
def db(sqlite_url):
    """Four segments: rated 2, rated 0 after a correction, skipped, and taken back."""
    with Store(sqlite_url) as store:
        store.open_run(RUN)
        recipe = {"episode_seed": 7, "first_step": 0, "length": 5, "env_index": 0, "episode": 3}
        store.add_jobs(
            "r1", [Job(s.id, pack_segment(s), recipe, 40) for s in map(make_segment, range(4))]
        )
        while taken := store.take_job("worker"):
            store.finish_job(taken, make_clip(taken.id))
        ids = [store.next_query("ann").id]
        store.record(deed(ids[0], "ann", rating=2))
        for query_id in (2, 3, 4):
            assert store.next_query("ann").id == query_id
            store.record(deed(query_id, "ann", rating=1))
        store.record(deed(2, "ann", rating=0))
        store.record(deed(3, "ann", "skip"))
        store.record(deed(4, "ann", "undo"))
    return sqlite_url


def export(db, out, *words) -> int:
    return main(["export", "--db", db, "--out", str(out), *words])


def read(path) -> list[dict]:
    if path.suffix in (".csv", ".tsv"):
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file, delimiter="," if path.suffix == ".csv" else "\t"))
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return parquet.read_table(path).to_pylist()
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_a_file_has_a_row_for_each_rating_that_stands(db, tmp_path, ending, capsys):
    out = tmp_path / "new folder" / f"ratings.{ending}"
    assert export(db, out) == 0
    assert capsys.readouterr().out == f"3 ratings of run r1: {out}\n"
    rows = read(out)
    found = [(r["segment_id"], int(r["rating"]), r["rater"], int(r["revision"])) for r in rows]
    assert found == [("0-0-0", 2, "ann", 0), ("0-1-0", 0, "ann", 1), ("0-2-0", -1, "ann", 1)]
    first = rows[0]
    assert (int(first["num_classes"]), first["env_id"], first["run_id"]) == (3, "Pendulum-v1", "r1")
    numbers = ("policy_step", "episode_seed", "first_step", "length", "episode", "shown_ms")
    assert [int(first[name]) for name in numbers] == [40, 7, 0, 5, 3, 900]
    assert first["criterion_sha256"] == RUN.criterion_hash
    assert first["clip_sha256"] == make_clip(1).sha256


def test_the_whole_log_on_demand(db, tmp_path):
    out = tmp_path / "log.jsonl"
    assert export(db, out, "--events") == 0
    rows = read(out)
    assert [r["kind"] for r in rows] == ["rate"] * 5 + ["skip", "undo"]
    assert [r["current"] for r in rows] == [True, False, False, False, True, True, True]


def test_exported_rows_can_be_replayed(db, tmp_path):
    export(db, tmp_path / "ratings.csv")
    rater = ReplayRater.from_file(tmp_path / "ratings.csv", num_classes=3)
    rater.submit([make_segment(0), make_segment(1)])
    assert [(r.segment_id, r.rating) for r in rater.collect()] == [("0-0-0", 2), ("0-1-0", 0)]


def test_segments_go_with_the_ratings_into_one_file(db, tmp_path, capsys):
    assert export(db, tmp_path / "ratings.npz") == 0
    assert "4 segments, 2 ratings" in capsys.readouterr().out
    ratings = RatingDataset.load(tmp_path / "ratings.npz")
    assert {r.segment_id: r.rating for r in ratings.ratings} == {"0-0-0": 2, "0-1-0": 0}
    np.testing.assert_array_equal(ratings.batch([0]).obs[0], make_segment(0).obs)
    assert (ratings.env_id, ratings.criterion) == ("Pendulum-v1", "How well?")


def test_segments_and_ratings_become_a_minari_dataset_and_come_back(db, tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    assert main(["export", "--db", db, "--minari", "pendulum/rated-v0"]) == 0
    new = str(tmp_path / "new.db")
    assert main(["import", "--db", new, "--minari", "pendulum/rated-v0"]) == 0
    assert standing(new, "imported") == {("0-0-0", "ann"): 2, ("0-1-0", "ann"): 0}


def standing(db, run_id) -> dict:
    with Store(db) as store:
        rows = store.agreement_rows(run_id)
    return {(row.segment_id, row.rater): row.rating for row in rows}


def test_a_file_with_segments_makes_a_run_and_imports_once(db, tmp_path, capsys):
    export(db, tmp_path / "ratings.npz")
    capsys.readouterr()
    words = ["import", "--db", str(tmp_path / "new.db"), "--ratings", str(tmp_path / "ratings.npz")]
    words += ["--class-names", "falls", "walks", "runs", "--run-id", "r9"]
    assert main(words) == main(words) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in printed] == [
        "2 new ratings of 2 in run r9",
        "0 new ratings of 2 in run r9",
    ]
    assert standing(tmp_path / "new.db", "r9") == {("0-0-0", "ann"): 2, ("0-1-0", "ann"): 0}
    with Store(tmp_path / "new.db") as store:
        assert store.runs()[0].class_names == ("falls", "walks", "runs")
        assert store.next_query("bob") is None  # there is no clip to show


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("words", [[], ["--events"]])
def test_rows_go_back_into_a_database_that_knows_their_segments(db, tmp_path, ending, words):
    out = tmp_path / f"ratings.{ending}"
    export(db, out, *words)
    with Store(db) as store:
        for query_id in (1, 2, 3):
            store.record(deed(query_id, "ann", "undo"))
        assert store.agreement_rows("r1") == []
    assert main(["import", "--db", db, "--ratings", str(out)]) == 0
    assert standing(db, "r1") == {("0-0-0", "ann"): 2, ("0-1-0", "ann"): 0, ("0-2-0", "ann"): -1}
    with Store(db) as store:
        rows, _ = store.answers_since("r1", None)
        assert [(r.segment_id, r.rating) for r in rows[-3:]] == [
            ("0-0-0", 2),
            ("0-1-0", 0),
            ("0-2-0", -1),
        ]
        assert store.progress("r1").rated == 2


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("words", [[], ["--events"]])
def test_a_replayed_file_says_what_an_imported_one_says(db, tmp_path, ending, words):
    out = tmp_path / f"ratings.{ending}"
    export(db, out, *words)
    rater = ReplayRater.from_file(out, num_classes=3, unrecorded="wait")
    rater.submit([make_segment(number) for number in range(4)])
    said = {(r.segment_id, r.rater): r.rating for r in rater.collect()}
    assert said == {("0-0-0", "ann"): 2, ("0-1-0", "ann"): 0, ("0-2-0", "ann"): -1}
    assert rater.pending == 1  # what was taken back has no record


def test_what_an_import_replaces_is_counted(db, tmp_path, capsys):
    text = "segment_id,rating,rater\n0-0-0,1,ann\n0-1-0,0,ann\n0-3-0,1,ann\n"
    (tmp_path / "r.csv").write_text(text)  # ann said 2, 0, and nothing that stands
    assert main(["import", "--db", db, "--ratings", str(tmp_path / "r.csv")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"2 new ratings of 3 in run r1: {db}",
        "1 of them in the place of what the rater had said here",
    ]
    assert import_npz(db, tmp_path, make_ratings(Rating("0-0-0", 2, "ann"))) == 0
    assert "1 of them in the place of" in capsys.readouterr().out


def test_ratings_of_another_rater_are_kept_beside(db, tmp_path):
    (tmp_path / "bob.csv").write_text("\ufeffsegment_id,rating,rater\n0-0-0,1,bob\n0-3-0,2,bob\n")
    assert main(["import", "--db", db, "--ratings", str(tmp_path / "bob.csv")]) == 0
    found = standing(db, "r1")
    assert (found["0-0-0", "ann"], found["0-0-0", "bob"], found["0-3-0", "bob"]) == (2, 1, 2)


HEAD = "segment_id,rating,rater\n0-1-0,2,eve\n"
BAD_ROWS = [
    (HEAD + "0-0-0,3,bob\n", "line 3: `rating` must be 0 to 2 or SKIPPED (-1), got 3"),
    (HEAD + "0-0-0,1.5,bob\n", "line 3: `rating` must be a whole number, got '1.5'"),
    (HEAD + "0-0-0,1,\n", "line 3: `rater` must say who answered, got nothing"),
    (HEAD + "0-0-0,1,\tbob\n", "line 3: `rater` must be a name, printable, of at most 100 char"),
    (HEAD + "0-0-0,1\n", "line 3: it has fewer cells than there are columns, 2 and not 3"),
    (HEAD + "5-5-5,1,bob\n", "line 3: `segment_id` must be a segment of run 'r1', got '5-5-5'"),
    (
        "segment_id,rating,rater,score\n0-1-0,2,eve,\n0-0-0,,bob,.5\n",
        "line 3: `ratings` must hold ratings, all that a database keeps, got Score(",
    ),
    (
        "segment_id,rating,rater,run_id\n0-1-0,2,eve,r1\n0-0-0,1,bob,r2\n",
        "line 3: `run_id` must be that of the others, 'r1', got 'r2'",
    ),
    (
        "segment_id,rating,rater,env_id\n0-1-0,2,eve,\n0-0-0,1,bob,Ant-v5\n",
        "line 3: `env_id` must be that of the others, 'Pendulum-v1', got 'Ant-v5'",
    ),
    (
        "segment_id,rating,rater,num_classes\n0-1-0,2,eve,3\n0-0-0,1,bob,5\n",
        "line 3: `num_classes` must be that of the others, 3, got 5",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD_ROWS)
def test_a_row_that_is_no_rating_is_shown_and_the_others_are_taken(
    db, tmp_path, capsys, text, message
):
    path, before = tmp_path / "bad.csv", standing(db, "r1")
    path.write_text(text)
    assert main(["import", "--db", db, "--ratings", str(path), "--all-or-nothing"]) == 2
    assert message in capsys.readouterr().err
    assert standing(db, "r1") == before
    assert main(["import", "--db", db, "--ratings", str(path)]) == 1
    printed = capsys.readouterr()
    assert printed.out == f"1 new ratings of 1 in run r1: {db}\n"
    assert f"1 rows of {path} were not taken:\n  {message}" in printed.err
    assert standing(db, "r1") == before | {("0-1-0", "eve"): 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "which is empty; name another file"),
        ("segment_id,rating,rater\n", "with no row"),
        ("segment_id,rating,rater\n,,\n", "with 1 empty rows"),
        ("segment_id,rating,rater,current\n0-0-0,1,bob,FALSE\n", "with 1 replaced later"),
        ("segment_id,rating,rater\n0-0-0,9,bob\n0-1-0,x,bob\n", "got 2 that are none in"),
        ("segment_id,rater\n0-0-0,bob\n", "`ratings` must have the columns segment_id and rating"),
        ("segment_id,rating\n0-0-0,1\n", "and rater, got"),
    ],
)
def test_an_import_of_nothing_fails(db, tmp_path, capsys, text, message):
    before = standing(db, "r1")
    (tmp_path / "r.csv").write_text(text)
    assert main(["import", "--db", db, "--ratings", str(tmp_path / "r.csv")]) == 2
    assert message in capsys.readouterr().err
    assert standing(db, "r1") == before


def test_what_does_not_count_and_is_not_read_is_said(db, tmp_path, capsys):
    text = "segment_id,rating,rater,current,my notes\n0-0-0,1,bob,0,x\n0-1-0,1,bob,1,y\n,,,,\n"
    (tmp_path / "r.csv").write_text(text)
    assert main(["import", "--db", db, "--ratings", str(tmp_path / "r.csv")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"1 new ratings of 1 in run r1: {db}",
        "not counted: 1 empty rows (line 4), 1 replaced later (line 2), unread columns 'my_notes'",
    ]


@pytest.mark.parametrize(
    ("column", "value", "word"),
    [
        ("run_id", "r2", "run"),
        ("env_id", "Ant-v5", "env"),
        ("criterion_sha256", "00ff", "criterion"),
    ],
)
def test_rows_of_another_run_are_taken_where_said(db, tmp_path, column, value, word):
    path = tmp_path / "other.csv"
    path.write_text(f"segment_id,rating,rater,{column}\n0-0-0,1,bob,{value}\n")
    words = ["import", "--db", db, "--ratings", str(path)]
    assert main(words) == 2
    assert ("0-0-0", "bob") not in standing(db, "r1")
    assert main([*words, "--accept-other", word]) == 0
    assert standing(db, "r1")["0-0-0", "bob"] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["export"], "`out` or `minari` must say where to write, and not both"),
        (
            ["export", "--out", "{folder}/x.xml"],
            "`out` must end in .csv, .tsv, .jsonl, .parquet or .npz",
        ),
        (["export", "--out", "{folder}/there.csv"], "`out` must be a new file"),
        (["export", "--out", "x.csv", "--run-id", "r2"], "`run_id` must be a run of the store"),
        (["import"], "`ratings` or `minari` must say what to read, and not both"),
        (["import", "--ratings", "{folder}/none.csv"], "`ratings` must be a ratings file"),
        (["import", "--ratings", "{folder}/x.xml"], "`ratings` must end in .csv, .tsv, .jsonl"),
    ],
)
def test_what_makes_no_sense_is_refused(db, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    for name in ("there.csv", "x.xml"):
        (tmp_path / name).write_text("\n")
    if words[-1] == "{folder}/x.xml" and words[0] == "export":
        (tmp_path / "x.xml").unlink()
    words = [word.format(folder=tmp_path) for word in words]
    assert main([words[0], "--db", db, *words[1:]]) == 2
    assert message in capsys.readouterr().err


ODD = [
    "=1+1",
    "-3",
    "+x",
    "@x",
    "1e5",
    "00123",
    "2024-01-02",
    "1-2-3",
    "1/2",
    "Mar-1",
    "'=1",
    "TRUE",
]
ODD += ["5%", "1,000", "a;=1+1", 'say "a, b"', "'t Hooft", "Zo\u00eb", "0-0-0"]


@pytest.fixture
def odd_db(tmp_path) -> str:
    """A run whose names are what programs change, each rated by a rater of the same name."""
    ratings = RatingDataset(3, 1, 3, env_id="=cmd()", criterion="How well?")
    ratings.add(replace(make_segment(i), id=name) for i, name in enumerate(ODD))
    ratings.update(Rating(name, i % 3, name) for i, name in enumerate(ODD))
    assert import_npz(tmp_path / "odd.db", tmp_path, ratings, "--run-id", "1e5") == 0
    return str(tmp_path / "odd.db")


def withdraw(db, run_id) -> None:
    with Store(db) as store:
        for row in store.agreement_rows(run_id):
            store.record(deed(None, row.rater, "undo"))
        assert store.agreement_rows(run_id) == []


def as_pandas_writes(text: str) -> str:
    """Return a CSV as pandas 3 writes what it read: an index, floats beside gaps, no quotes."""
    rows = list(csv.reader(text.lstrip("\ufeff").splitlines()))
    cells = [[*row[:8], f"{row[8]}.0" if row[8] else "", *row[9:]] for row in rows[1:]]
    lines = StringIO(newline="")
    table = [["", *rows[0]], *([number, *row] for number, row in enumerate(cells))]
    csv.writer(lines, lineterminator="\n").writerows(table)
    return lines.getvalue()


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "pandas.csv"])
def test_names_that_programs_change_come_back_as_they_were(odd_db, tmp_path, ending, capsys):
    before, out = standing(odd_db, "1e5"), tmp_path / f"r.{ending}"
    assert before == {(name, name): i % 3 for i, name in enumerate(ODD)}
    assert export(odd_db, out) == 0
    if ending == "pandas.csv":
        out.write_text(as_pandas_writes(out.read_text(encoding="utf-8-sig")), encoding="utf-8")
    withdraw(odd_db, "1e5")
    capsys.readouterr()
    assert main(["import", "--db", odd_db, "--ratings", str(out)]) == 0, capsys.readouterr()
    assert standing(odd_db, "1e5") == before


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_an_exported_table_holds_nothing_that_a_spreadsheet_runs(odd_db, tmp_path, ending):
    out = tmp_path / f"r.{ending}"
    export(odd_db, out)
    text = out.read_text(encoding="utf-8-sig")
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")  # there is an \u00eb
    for delimiter in ",;\t|":  # whatever it takes for the separator
        cells = [cell for row in csv.reader(text.splitlines(), delimiter=delimiter) for cell in row]
        assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


def test_no_database_is_made_where_none_is(tmp_path, capsys):
    assert export(str(tmp_path / "none.db"), tmp_path / "x.csv") == 2
    assert "`db` must be a database of ratings, got" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


def make_ratings(*answers, num_classes=3, **more) -> RatingDataset:
    """Return a dataset of the segments of `db`."""
    ratings = RatingDataset(3, 1, num_classes, **more)
    ratings.add(map(make_segment, range(4)))
    ratings.update(answers)
    return ratings


def import_npz(db, tmp_path, ratings, *words) -> int:
    ratings.save(tmp_path / "r.npz")
    return main(["import", "--db", str(db), "--ratings", str(tmp_path / "r.npz"), *words])


BOB = Rating("0-0-0", 1, "bob")


@pytest.mark.parametrize(
    ("options", "message", "words"),
    [
        ({"num_classes": 5}, "`num_classes` of run 'r1' is 3, got ratings of 5 classes", None),
        (
            {"env_id": "Ant-v5"},
            "`env` of run 'r1' is 'Pendulum-v1', got ratings by 'Ant-v5'",
            "env",
        ),
        ({"criterion": "How fast?"}, "`criterion` of run 'r1' is 'How well?', got", "criterion"),
    ],
)
def test_a_dataset_of_another_run_is_refused(db, tmp_path, capsys, options, message, words):
    before, ratings = standing(db, "r1"), make_ratings(BOB, **options)
    assert import_npz(db, tmp_path, ratings) == 2
    assert message in capsys.readouterr().err
    assert standing(db, "r1") == before
    if words:
        assert import_npz(db, tmp_path, ratings, "--accept-other", words) == 0
        assert standing(db, "r1") == before | {("0-0-0", "bob"): 1}


def test_other_steps_under_a_known_id_are_refused(db, tmp_path, capsys):
    before, ratings = standing(db, "r1"), RatingDataset(3, 1, 3)
    ratings.add([replace(make_segment(7), id="0-0-0"), make_segment(1)])
    ratings.update([BOB, Rating("0-1-0", 1, "bob")])
    assert import_npz(db, tmp_path, ratings) == 2
    assert "of run 'r1', got '0-0-0' with other steps" in capsys.readouterr().err
    assert standing(db, "r1") == before


def test_scores_and_comparisons_of_a_dataset_are_not_lost_without_a_word(tmp_path, capsys):
    answers = [BOB, Score("0-1-0", 0.5, "bob"), Comparison("0-0-0", "0-1-0", "bob")]
    new = tmp_path / "new.db"
    assert import_npz(new, tmp_path, make_ratings(*answers), "--all-or-nothing") == 2
    error = capsys.readouterr().err
    assert "got 2 that are none in" in error
    assert "answer 2: `ratings` must hold ratings, all that a database keeps, got Score(" in error
    assert "answer 3: `ratings` must hold ratings, all that a database keeps, got Comp" in error
    assert not new.exists()
    assert import_npz(new, tmp_path, make_ratings(*answers)) == 1
    printed = capsys.readouterr()
    assert printed.out == f"1 new ratings of 1 in run imported: {new}\n"
    assert "2 rows of" in printed.err
    assert standing(new, "imported") == {("0-0-0", "bob"): 1}


@pytest.mark.parametrize(
    ("answers", "options", "words"),
    [
        ([], {}, []),
        ([Score("0-1-0", 0.5, "bob")], {}, []),
        ([Rating("0-0-0", 1, "bob\nby")], {}, []),
        ([BOB], {"num_classes": 11}, []),
        ([BOB], {}, ["--class-names", "good", "bad"]),
        ([BOB], {}, ["--run-id", ""]),
    ],
)
def test_a_refused_import_leaves_nothing_behind(tmp_path, capsys, answers, options, words):
    new = tmp_path / "new.db"
    assert import_npz(new, tmp_path, make_ratings(*answers, **options), *words) == 2
    assert "`" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.npz"]
    with Store(new) as store:  # nor a run, where there is a database
        store.open_run(RUN)
    words = words if "--run-id" in words else [*words, "--run-id", "r2"]
    assert import_npz(new, tmp_path, make_ratings(*answers, **options), *words) == 2
    with Store(new) as store:
        assert [run.id for run in store.runs()] == ["r1"]


def test_a_run_that_is_there_is_not_described_anew(db, tmp_path, capsys):
    assert import_npz(db, tmp_path, make_ratings(BOB), "--instructions", "How fast?") == 2
    assert "`instructions` of run 'r1' is 'How well?', got 'How fast?'" in capsys.readouterr().err
    (tmp_path / "r.csv").write_text("segment_id,rating,rater\n0-0-0,1,bob\n")
    words = ["import", "--db", db, "--ratings", str(tmp_path / "r.csv")]
    assert main([*words, "--class-names", "a", "b", "c"]) == 2
    assert "`class_names` of run 'r1' is ('falls', 'walks', 'runs')" in capsys.readouterr().err
    assert ("0-0-0", "bob") not in standing(db, "r1")


def test_without_pyarrow_the_extra_is_named(db, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert export(db, tmp_path / "ratings.parquet") == 2
    assert "pip install 'gym_rated[parquet]'" in capsys.readouterr().err


REMARKS = [(1, True, "=1+1"), (2, False, "NA"), (3, True, ""), (4, True, "taken back")]


def remark_on(db) -> None:
    with Store(db) as store:
        for query_id, flagged, comment in REMARKS:
            store.remark(Remark(f"remark-{query_id}", query_id, "ann", flagged, comment))


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_flags_and_comments_go_out_and_come_back(db, tmp_path, ending, capsys):
    remark_on(db)
    out = tmp_path / f"ratings.{ending}"
    assert export(db, out) == 0
    left = "clips with a flag or a comment and no such row: 1 (gym-rated status has them)"
    assert capsys.readouterr().out.splitlines()[1] == left
    export(db, tmp_path / "ratings.npz")
    words = ["import", "--db", str(tmp_path / "new.db"), "--run-id", "r1"]
    assert main([*words, "--ratings", str(tmp_path / "ratings.npz")]) == 0
    other = ["--accept-other", "criterion"]  # the file with segments has no names of classes
    for _ in range(2):
        assert main([*words, "--ratings", str(out), *other]) == 0
    with Store(tmp_path / "new.db") as store:
        rows = store.remarks("r1")
        assert store.progress("r1").rated == 2
    found = [(row.segment_id, row.rater, row.flagged, row.comment) for row in rows]
    assert found == [
        ("0-0-0", "ann", True, "=1+1"),
        ("0-1-0", "ann", False, "NA"),
        ("0-2-0", "ann", True, ""),
    ]


def test_an_import_takes_neither_flag_nor_comment_away(db, tmp_path):
    remark_on(db)
    (tmp_path / "r.csv").write_text("segment_id,rating,rater,flag,comment\n0-0-0,2,ann,no,\n")
    assert main(["import", "--db", db, "--ratings", str(tmp_path / "r.csv")]) == 0
    with Store(db) as store:
        first = store.remarks("r1")[0]
        assert (first.flagged, first.comment) == (True, "=1+1")


def test_a_comment_that_is_no_line_is_refused_with_its_row(db, tmp_path, capsys):
    text = 'segment_id,rating,rater,flag,comment\n0-0-0,2,ann,maybe,"two\nlines"\n'
    (tmp_path / "r.csv").write_text(text)
    assert main(["import", "--db", db, "--ratings", str(tmp_path / "r.csv")]) == 2
    said = capsys.readouterr().err
    assert "`flag` must be true or false, got 'maybe'" in said
    assert "`comment` must be one line of at most 300 characters" in said


def test_what_was_said_at_a_second_showing_counts_for_the_segment(db, tmp_path):
    with Store(db) as store, store._db.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO query (run_id, segment, clip_sha256, repeat_of, repeat_for, answers, "
            "expired, created_at) SELECT run_id, segment, clip_sha256, id, 'ann', 0, 0, 0 "
            "FROM query WHERE id = 1"
        )
        connection.exec_driver_sql("INSERT INTO lease VALUES (5, 'ann', 0, 9)")
    with Store(db) as store:
        store.remark(Remark("first-time", 1, "ann", True, "black"))
        store.remark(Remark("second-time", 5, "ann", False, "and short"))
    export(db, tmp_path / "ratings.jsonl")
    first = read(tmp_path / "ratings.jsonl")[0]
    assert (first["segment_id"], first["flag"], first["comment"]) == ("0-0-0", True, "and short")
