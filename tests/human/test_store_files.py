"""The files of a database: moved, replaced, copied while somebody writes, and who may read them."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
from stores import RUN, deed, fill

from gym_rated.human.store import Store, StoreBehind, StoreError, StoreMoved


def rate_one(store) -> None:
    store.record(deed(store.next_query("ann"), "ann", rating=1))


def move_away(file: Path) -> None:
    file.rename(file.with_name("elsewhere.db"))


def move_folder(file: Path) -> None:
    file.parent.rename(file.parent.with_name("elsewhere"))


def replace_by_copy(file: Path) -> None:
    copy = file.with_name("copy.db")
    shutil.copy(file, copy)
    copy.replace(file)


def replace_by_other(file: Path) -> None:
    move_away(file)
    with Store(file) as other:
        fill(other, 5)


def lose_log(file: Path) -> None:
    file.with_name(f"{file.name}-wal").unlink()


TAKEN = [move_away, move_folder, Path.unlink, replace_by_copy, replace_by_other, lose_log]


@pytest.fixture
def file(sqlite_url):
    folder = Path(sqlite_url).parent / "run"
    folder.mkdir()
    return folder / "ratings.db"


@pytest.mark.parametrize("take", TAKEN, ids=lambda take: take.__name__)
def test_no_answer_is_acknowledged_into_a_file_that_nobody_finds(file, take):
    with Store(file) as store:
        fill(store, 5)
        rate_one(store)
        query = store.next_query("ann")
        take(file)
        for _ in range(2):  # it does not give in
            with pytest.raises(StoreMoved, match=r"`db` .*ratings\.db (was moved|lost its log)"):
                store.record(deed(query, "ann", rating=1))
            with pytest.raises(StoreMoved):
                store.pending(RUN.id)
        assert not file.exists() or take is not move_away  # and makes no other in its place


def test_a_file_that_was_put_back_is_written_again(file):
    with Store(file) as store:
        fill(store, 3)
        rate_one(store)
        move_away(file)
        with pytest.raises(StoreMoved):
            rate_one(store)
        file.with_name("elsewhere.db").rename(file)
        rate_one(store)
    with Store(file) as store:
        assert len(store.events(RUN.id)) == 2


def test_a_connection_to_a_stand_in_is_not_used_later(file):
    with Store(file) as store:
        fill(store, 3)
        move_away(file)
        with Store(file) as stand_in:
            fill(stand_in, 3)
            with pytest.raises(StoreMoved):
                rate_one(store)
        for old in file.parent.glob("ratings.db*"):
            old.unlink()
        file.with_name("elsewhere.db").rename(file)
        rate_one(store)
    with Store(file) as store:
        assert len(store.events(RUN.id)) == 1


def test_what_was_moved_between_look_and_end_is_taken_back(file):
    with Store(file) as store:
        fill(store, 2)
        query = store.next_query("ann")

        def write():
            with store._db.write() as connection:
                connection.exec_driver_sql("UPDATE query SET answers = 7")
                move_away(file)

        with pytest.raises(StoreMoved):
            write()
        file.with_name("elsewhere.db").rename(file)
        with store._db.read() as connection:
            counts = connection.exec_driver_sql("SELECT DISTINCT answers FROM query").scalars()
            assert list(counts) == [0]
        store.record(deed(query, "ann", rating=1))


def test_an_older_copy_is_told_from_the_database_that_was_read(file, tmp_path):
    with Store(file) as store:
        fill(store, 3)
        rate_one(store)
        shutil.copy(file, tmp_path / "older.db")
        rate_one(store)
        rows, cursor = store.answers_since(RUN.id, None)
        assert len(rows) == 2
    with Store(tmp_path / "older.db") as store:
        with pytest.raises(StoreBehind, match="lacks answers that this run has had: 2 were read"):
            store.answers_since(RUN.id, cursor)
        rate_one(store)  # has the number of the one that is lost: it must not pass for it
        assert store.answers_since(RUN.id, cursor)[0] == []


RATE_AND_WAIT = """
import sys, threading
sys.path.insert(0, {tests!r})
from stores import deed, fill
from gym_rated.human.store import Store
store = Store(sys.argv[1])
fill(store, 20)
def look():
    with Store(sys.argv[1]) as other:
        while True:
            other.agreement_rows("r1")
threading.Thread(target=look, daemon=True).start()
for _ in range(20):
    store.record(deed(store.next_query("ann"), "ann", rating=1))
    store.progress("r1")
print("rated", flush=True)
sys.stdin.read()
"""


def test_a_file_that_is_moved_without_its_log_has_every_answer(file, tmp_path):
    program = RATE_AND_WAIT.format(tests=str(Path(__file__).parent))
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline() == b"rated\n"
    finally:
        process.kill()
        process.communicate()
    assert file.with_name("ratings.db-wal").exists()  # nobody closed it
    shutil.copy(file, tmp_path / "alone.db")
    with Store(tmp_path / "alone.db") as store:
        assert len(store.events(RUN.id)) == 20


def test_a_closed_store_leaves_nothing_in_the_log_alone(file, tmp_path):
    with Store(file) as other:
        with Store(file) as store:
            fill(store, 2)
            with other._db.read() as connection:  # keeps the log from being copied
                connection.exec_driver_sql("SELECT * FROM event").all()
                rate_one(store)
        assert file.with_name("ratings.db-wal").stat().st_size == 0
        shutil.copy(file, tmp_path / "alone.db")
    with closing(sqlite3.connect(tmp_path / "alone.db")) as connection:
        assert connection.execute("SELECT count(*) FROM event").fetchone() == (1,)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o027])
def test_a_new_database_and_its_log_are_for_their_owner_only(file, umask):
    before = os.umask(umask)
    try:
        with Store(file) as store:
            fill(store, 1)
            modes = {f.name: stat.S_IMODE(f.stat().st_mode) for f in file.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["ratings.db", "ratings.db-wal", "ratings.db-shm"], 0o600)


def test_a_database_that_is_there_keeps_the_mode_that_somebody_gave_it(file):
    Store(file).close()
    file.chmod(0o660)
    with Store(file) as store:
        fill(store, 1)
        assert stat.S_IMODE(file.with_name("ratings.db-wal").stat().st_mode) == 0o660
    assert stat.S_IMODE(file.stat().st_mode) == 0o660


def descriptors() -> list[str]:
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(os.readlink(entry))
    return sorted(found)


def break_it(file: Path, how: str) -> None:
    if how == "text":
        file.write_text("segment_id,rating\n" * 100)
    elif how == "other":
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE mine (x)")
    elif how == "newer":
        with Store(file) as store, store._db.write() as connection:
            connection.exec_driver_sql("PRAGMA user_version = 99")
    elif how == "folder":
        file.mkdir()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("how", ["good", "text", "other", "newer", "folder", "moved"])
def test_opening_again_and_again_leaves_no_descriptor_behind(file, how):
    break_it(file, how)

    def use() -> None:
        with suppress(StoreError, ValueError), Store(file) as store:
            store.runs()
            if how == "moved":
                move_away(file)
                rate_one(store)

    use()
    before = descriptors()
    for _ in range(20):
        use()
    assert descriptors() == before
