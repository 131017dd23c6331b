"""`gym-rated backup`: a copy that is whole, whoever writes meanwhile."""

import os
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from stores import RUN, answers, deed, fill, make_job

from gym_rated.cli import main
from gym_rated.human.store import Store, StoreDamaged, StoreFull, StoreReadOnly, backup


@pytest.fixture
def rated(sqlite_url):
    """A store with five clips, of which three are rated."""
    with Store(sqlite_url) as store:
        fill(store, 5)
        for rating in (0, 1, 2):
            store.record(deed(store.next_query("ann"), "ann", rating=rating))
        yield store


@pytest.fixture
def out(sqlite_url):
    return Path(sqlite_url).parent / "copies" / "monday.db"


def test_the_command_copies_a_database_that_is_in_use_and_says_what_is_in_it(rated, out, capsys):
    assert main(["backup", "--db", str(rated.place.file), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert (
        said
        == f"{out}: 1 runs, 5 segments, 5 clips, 3 events of raters; read again and found whole\n"
    )
    assert [path.name for path in out.parent.iterdir()] == ["monday.db"]  # no log beside it
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    rated.record(deed(rated.next_query("ann"), "ann", rating=3))  # the other one goes on
    with Store(out) as copy:
        assert answers(copy) == {(f"0-0-{k}", "ann"): k for k in range(3)}
        copy.record(deed(copy.next_query("bob"), "bob", rating=1))  # and so does the copy


def test_a_copy_taken_while_people_rate_and_a_run_trains_is_one_state(rated, out):
    is_over, written, errors = threading.Event(), [3], []

    def work():
        try:
            for number in range(10, 1000):
                if is_over.is_set():
                    return
                rated.add_jobs(RUN.id, [make_job(number)])
                rated.seen_trainer(RUN.id, number)
                rated.record(deed(1, "ann", rating=number % 4))  # corrections
                written.append(written[-1] + 1)
        except Exception as error:
            errors.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for k in range(5):
            before = written[-1]
            counts = rated.back_up(out.with_name(f"{k}.db"))
            assert before <= counts["event"] <= written[-1] + 1
            assert abs((counts["segment"] - 5) - (counts["event"] - 3)) <= 1
            with closing(sqlite3.connect(out.with_name(f"{k}.db"))) as copy:
                assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                assert copy.execute("SELECT count(*) FROM event").fetchone() == (counts["event"],)
    finally:
        is_over.set()
        worker.join()
    assert not errors


def as_file(path: Path) -> None:
    path.write_text("mine")


def as_link_to_nothing(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


@pytest.mark.parametrize("make", [as_file, Path.mkdir, as_link_to_nothing])
def test_what_is_there_is_never_replaced(rated, out, capsys, make):
    out.parent.mkdir()
    make(out)
    before = sorted(out.parent.iterdir()), out.lstat()
    assert main(["backup", "--db", str(rated.place.file), "--out", str(out)]) == 2
    assert "`out` must be a new file, got" in capsys.readouterr().err
    assert (sorted(out.parent.iterdir()), out.lstat()) == before


def test_the_database_itself_is_not_replaced_by_its_copy(rated, capsys):
    file = str(rated.place.file)
    assert main(["backup", "--db", file, "--out", file]) == 2
    assert "`out` must be a new file" in capsys.readouterr().err
    assert len(rated.events(RUN.id)) == 3


def test_a_name_that_another_takes_meanwhile_stays_theirs(rated, out, monkeypatch):
    sync = backup.sync

    def take(path):
        if path.parent == out.parent:
            out.write_text("theirs")
        sync(path)

    monkeypatch.setattr(backup, "sync", take)
    with pytest.raises(FileExistsError, match="`out` must be a new file"):
        rated.back_up(out)
    assert [(path.name, path.read_text()) for path in out.parent.iterdir()] == [
        ("monday.db", "theirs")
    ]


def test_a_copy_that_is_not_whole_gets_no_name(rated, out, monkeypatch):
    monkeypatch.setattr(backup, "_count", lambda connection: {"event": 4})
    with pytest.raises(
        StoreDamaged, match=r"`out` .* was not written: the copy is not whole \(ok;"
    ):
        rated.back_up(out)
    assert list(out.parent.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(rated, out):
    as_file(out.parent)
    with pytest.raises(StoreReadOnly, match=r"`out` .* cannot be made: .*; name another"):
        rated.back_up(out)


def test_a_full_disk_leaves_no_half_of_a_copy(rated, out, monkeypatch):
    connect = sqlite3.connect

    def small(path, **kwargs):
        copy = connect(path, **kwargs)
        copy.execute("PRAGMA max_page_count = 2")
        return copy

    monkeypatch.setattr(backup.sqlite3, "connect", small)
    with pytest.raises(StoreFull, match="is full"):
        rated.back_up(out)
    assert list(out.parent.iterdir()) == []


def test_a_database_on_a_server_is_copied_by_its_own_program(postgres_url, out, capsys):
    Store(postgres_url).close()
    assert main(["backup", "--db", postgres_url, "--out", str(out)]) == 2
    assert "pg_dump" in capsys.readouterr().err
    assert not os.path.exists(out)
