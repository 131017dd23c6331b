"""Commands about a database of ratings say in one sentence what is wrong with another file."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gym_rated.cli import main
from gym_rated.human.store import Run, Store

COMMANDS = {
    "rate": [],
    "status": [],
    "backup": ["--out", "copy.db"],
    "expire": [],
    "export": ["--out", "ratings.csv"],
}


def missing(path: Path) -> None:
    pass


def empty(path: Path) -> None:
    path.touch()


def text(path: Path) -> None:
    path.write_text("segment_id,rating\n" * 1000)


def short_text(path: Path) -> None:
    path.write_text("x")


def nearly_a_page(path: Path) -> None:
    path.write_bytes(b"x" * 511)


def noise(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 100)


def other(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")


def newer(path: Path) -> None:
    with Store(path) as store, store._db.write() as connection:
        connection.exec_driver_sql("PRAGMA user_version = 99")


def cut(path: Path) -> None:
    with Store(path) as store:
        for k in range(50):
            store.open_run(Run(f"r{k}", 2, ("bad", "good"), "How well? " * 100))
    with path.open("r+b") as file:
        file.truncate(6000)


FILES = {
    missing: "which is not",
    empty: "which is empty",
    text: "is no database of ratings, or a damaged one",
    short_text: "is no database of ratings: it has 1 bytes",
    nearly_a_page: "is no database of ratings: it has 511 bytes",
    noise: "is no database of ratings, or a damaged one",
    Path.mkdir: "must be a file, got the folder",
    other: "with other tables; name another file",
    newer: "has tables of version 99",
    cut: "is no database of ratings, or a damaged one",
}
MAKES_A_NEW_ONE = [("rate", missing), ("rate", empty)]


@pytest.mark.parametrize("make", FILES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_file_is_one_sentence_and_is_left_as_it_was(
    tmp_path, monkeypatch, capsys, command, make
):
    if (command, make) in MAKES_A_NEW_ONE:
        pytest.skip("it serves a new database")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "ratings.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    assert main([command, "--db", str(path), *COMMANDS[command]]) == 2
    said = capsys.readouterr()
    assert FILES[make] in said.err
    assert said.err.startswith(f"gym-rated {command}: `db` ")
    assert len(said.err.strip().splitlines()) == 1
    assert (path.read_bytes() if path.is_file() else None) == before
    assert {entry.name for entry in tmp_path.iterdir()} <= {"ratings.db"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_server_that_is_not_there_is_one_sentence(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    url = f"postgresql://ann:secret@/ratings?host={tmp_path}"
    assert main([command, "--db", url, *COMMANDS[command]]) == 2
    said = capsys.readouterr().err
    assert "does not answer; start the database server" in said
    assert "secret" not in said
