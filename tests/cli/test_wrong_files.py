"""Every command says in one true sentence what is wrong with a file, whatever it was given."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from gym_rated.cli import COMMANDS, main
from gym_rated.human.app.tokens import read_raters

FIXTURES = Path(__file__).parents[1] / "fixtures"
RATINGS = str(FIXTURES / "ratings.npz")


def missing(path: Path) -> None:
    pass


def folder(path: Path) -> None:
    path.mkdir()


def empty(path: Path) -> None:
    path.touch()


def text(path: Path) -> None:
    path.write_text("x = [\n" * 1000)


def arrays(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, x=np.zeros(3))


def objects(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, actions=np.array([[1.0], [2.0, 3.0]], object), observations=np.zeros((3, 2)))


def database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")


def picture(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)


KINDS = {
    missing: ("is not there", "got nothing there"),
    folder: ("is a folder", "got the folder", "got a folder", "without config.json", "without man"),
    empty: ("is empty",),
    text: ("is text", "TOML", "no database of ratings", "columns", "Parquet", "JSON"),
    arrays: ("is a zip", "has no array 'obs'", "has no array 'actions'", "no database", "NUL"),
    objects: ("is a zip", "has no array 'obs'", "holds objects", "no database", "NUL"),
    database: ("an SQLite database", "with other tables", "NUL"),
    picture: ("is a picture", "no database of ratings", "Parquet", "must be text in UTF-8"),
}
KINDS[arrays] += ("Parquet", "is a file of another", "UTF-8")
KINDS[objects] += ("Parquet", "UTF-8")
KINDS[database] += ("Parquet", "UTF-8")
PLACES = {  # command -> words before the file, its ending, the flag
    "status": (["--db"], ".db", "db"),
    "backup": (["--out", "copy.db", "--db"], ".db", "db"),
    "expire": (["--db"], ".db", "db"),
    "export": (["--out", "r.csv", "--db"], ".db", "db"),
    "import": (["--db", "new.db", "--ratings"], ".npz", "ratings"),
    "import into": (["--ratings", RATINGS, "--db"], ".db", "db"),
    "fit": (["--env-id", "Pendulum-v1", "--ratings"], ".npz", "ratings"),
    "fit csv": (["--episodes", "ep.npz", "--ratings"], ".csv", "ratings"),
    "fit tsv": (["--episodes", "ep.npz", "--ratings"], ".tsv", "ratings"),
    "fit jsonl": (["--episodes", "ep.npz", "--ratings"], ".jsonl", "ratings"),
    "fit parquet": (["--episodes", "ep.npz", "--ratings"], ".parquet", "ratings"),
    "fit episodes": (["--ratings", "rows.csv", "--episodes"], ".npz", "episodes"),
    "export-minari": (["--dataset", "a/b-v0", "--ratings"], ".npz", "ratings"),
    "export-minari model": (
        ["--dataset", "a/b-v0", "--ratings", RATINGS, "--reward-model"],
        "",
        "reward_model",
    ),
    "show": (["segment"], ".npz", "source"),
    "show db": (["segment"], ".db", "source"),
    "report": ([], "", "runs"),
    "film": ([], "", "runs"),
    "watch": ([], "", "run"),
    "bench": ([], ".toml", "grid"),
}
WITHOUT_FILES = {"rate-minari", "doctor", "rate"}  # rate: `test_wrong_databases`, and below
NEW = {("import into", missing), ("import into", empty)}


def test_every_command_that_reads_a_file_is_in_the_table() -> None:
    assert {name.split()[0] for name in PLACES} | WITHOUT_FILES == set(COMMANDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("place", PLACES)
def test_a_wrong_file_is_said_to_be_what_it_is(tmp_path, monkeypatch, capsys, place, kind) -> None:
    if (place, kind) in NEW:
        pytest.skip("it makes a new database")
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text("episode,rating\nwrong,1\n")
    np.savez("ep.npz", observations=np.zeros((3, 2)), actions=np.zeros((2, 1)))
    words, ending, flag = PLACES[place]
    path = tmp_path / f"wrong{ending}"
    kind(path)
    before = path.read_bytes() if path.is_file() else None
    code = main([place.split()[0], *words, str(path)])
    said = capsys.readouterr().err.strip()
    assert code == 2
    assert said.startswith(f"gym-rated {place.split()[0]}: `")
    assert f"`{flag}`" in said or f"`{path}`" in said
    assert str(path) in said
    assert any(word in said for word in KINDS[kind]), said
    for foreign in ("BadZipFile", "codec", "Errno", "`path`", "`folder`", "Error:", "unsafe"):
        assert foreign not in said
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize("kind", [missing, folder, empty, picture], ids=lambda kind: kind.__name__)
def test_a_wrong_file_of_raters_is_said_to_be_what_it_is(tmp_path, kind) -> None:
    kind(tmp_path / "raters.txt")
    with pytest.raises((ValueError, FileNotFoundError), match=r"`raters` must be a file with one"):
        read_raters(tmp_path / "raters.txt")


def test_a_table_without_its_episodes_is_told_how_to_get_them(tmp_path, capsys) -> None:
    table = tmp_path / "ratings.csv"
    table.write_text("episode,rating\na,1\n")
    assert main(["fit", "--ratings", str(table)]) == 2
    assert "`episodes` or `minari` must say what the table" in capsys.readouterr().err
    assert main(["export-minari", "--dataset", "a/b-v0", "--ratings", str(table)]) == 2
    said = capsys.readouterr().err
    assert "which is text; a table holds no observations: `gym-rated fit --episodes` takes" in said


def test_a_pickle_is_never_loaded_and_says_what_to_do(tmp_path, capsys) -> None:
    table, pickle = tmp_path / "ratings.csv", tmp_path / "buffer.pkl"
    table.write_text("episode,rating\na,1\n")
    pickle.write_bytes(b"\x80\x04cos\nsystem\n")
    assert main(["fit", "--ratings", str(table), "--episodes", str(pickle)]) == 2
    assert "may run any code, and is never loaded; write its" in capsys.readouterr().err
