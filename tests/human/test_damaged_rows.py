"""A cell of the database that no store wrote is refused with the database's name, wherever read."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gym_rated.human import dataset_from_store
from gym_rated.human.store import Store, StoreDamaged

SOUND = Path(__file__).parents[1] / "fixtures" / "ratings.db"


def read_all(db):
    """Read whatever page, trainer, workers and commands read."""
    with Store(db) as store:
        for run in store.runs():
            store.progress(run.id)
            store.answers_since(run.id, None)
            store.events(run.id)
            store.history("ben", run.id)
            store.agreement_rows(run.id)
            store.contradicting(run.id)
        store.next_query("cleo")
        store.take_job("painter")
    return dataset_from_store(db)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("run", "num_classes", 10**9),
        ("run", "num_classes", "three"),
        ("run", "class_names", "[1"),
        ("run", "class_names", '["a", "b"]'),
        ("run", "config", '{"a": NaN}'),
        ("run", "duplicate_rate", 7.0),
        ("run", "env_id", b"\xff"),
        ("segment", "blob", 2**62),
        ("segment", "blob", b"PK"),
        ("segment", "recipe", "[[1]]"),
        ("segment", "recipe", '{"a": 1, "a": 2}'),
        ("event", "rating", 99),
        ("event", "rating", 1.5),
        ("event", "rating", "good"),
        ("event", "revision", -1),
        ("event", "rater", ""),
        ("event", "at", "noon"),
    ],
)
def test_a_cell_that_no_store_wrote_is_refused(tmp_path, table, column, value):
    db = tmp_path / "ratings.db"
    shutil.copy(SOUND, db)
    assert read_all(db).num_segments > 0
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
    with pytest.raises((StoreDamaged, ValueError), match=r"`db`|`blob`"):
        read_all(db)


def test_a_segment_under_another_name_takes_no_rating(tmp_path):
    db = tmp_path / "ratings.db"
    shutil.copy(SOUND, db)
    with closing(sqlite3.connect(db)) as connection, connection:
        (first, _), (second, _) = connection.execute("SELECT number, id FROM segment LIMIT 2")
        blobs = [
            connection.execute("SELECT blob FROM segment WHERE number = ?", (n,)).fetchone()[0]
            for n in (second, first)
        ]
        for number, blob in zip((first, second), blobs, strict=True):
            connection.execute("UPDATE segment SET blob = ? WHERE number = ?", (blob, number))
    with pytest.raises(ValueError, match="kept as"):
        dataset_from_store(db)


def test_a_clip_with_other_frames_is_not_shown(tmp_path):
    db = tmp_path / "ratings.db"
    shutil.copy(SOUND, db)
    with closing(sqlite3.connect(db)) as connection, connection:
        (sha256,) = connection.execute("SELECT sha256 FROM clip LIMIT 1").fetchone()
        connection.execute("UPDATE clip SET data = x'00' WHERE sha256 = ?", (sha256,))
    with (
        Store(db) as store,
        pytest.raises(StoreDamaged, match="not those that its digest says"),
    ):
        store.clip(sha256)
