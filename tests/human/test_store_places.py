"""Where a store may lie, and one clear sentence for each thing that is wrong with it."""

import json
import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from stores import RUN, deed, fill, make_clip, make_job

from gym_rated.human.store import (
    Store,
    StoreDamaged,
    StoreFull,
    StoreLocked,
    StoreNewer,
    StoreReadOnly,
    StoreUnreachable,
    engine,
)
from gym_rated.human.store.places import network_file_system, place_of


def test_a_file_is_named_in_three_ways(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("runs/r1/ratings.db", Path("runs/r1/ratings.db"), "sqlite:///runs/r1/ratings.db"):
        assert place_of(name).file == tmp_path / "runs/r1/ratings.db"
    with Store("runs/r1/ratings.db") as store:
        assert store.place.file.is_file()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_server_is_named_without_its_password(scheme):
    place = place_of(f"{scheme}://ann:secret@host:5433/ratings")
    assert place.file is None
    assert place.url.drivername == "postgresql+psycopg"
    assert place.url.password == "secret"
    assert place.name == "postgresql+psycopg://ann:***@host:5433/ratings"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", r"`db` must be a file, got"),
        (":memory:", r"`db` must be a file, got ':memory:'; other processes must find it"),
        ("sqlite://", r"`db` must be a file, sqlite:///FILE or postgresql://USER@HOST/NAME, got"),
        ("mysql://ann:secret@host/x", r"`db` must be .*, got mysql://ann:\*\*\*@host/x"),
        ("://", r"`db` must be a file or a database URL, got '://'"),
    ],
)
def test_another_place_is_refused(url, message):
    with pytest.raises(ValueError, match=message):
        place_of(url)


def test_a_folder_is_no_database(tmp_path):
    with pytest.raises(ValueError, match=r"`db` must be a file, got the folder .*; name a file"):
        Store(tmp_path)


MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb /home/ann/local\\040disk xfs rw 0 0
//server/share /mnt/share cifs rw 0 0
"""


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("/var/ratings.db", None),
        ("/home/ann/ratings.db", "nfs4"),
        ("/home/ann/local disk/ratings.db", None),
        ("/homestead/ratings.db", None),
        ("/mnt/share/runs/r1/ratings.db", "cifs"),
    ],
)
def test_network_disks_are_recognised(file, kind):
    assert network_file_system(Path(file), MOUNTS) == kind


def test_a_network_disk_is_refused_with_the_remedy(tmp_path, monkeypatch):
    table = tmp_path / "mounts"
    table.write_text(f"server:/x {tmp_path} nfs rw 0 0\n")
    monkeypatch.setattr("gym_rated.human.store.places._MOUNTS", table)
    with pytest.raises(
        ValueError, match=r"got .* on nfs, .*; use a PostgreSQL URL \(postgresql://"
    ):
        Store(tmp_path / "ratings.db")
    assert not (tmp_path / "ratings.db").exists()


def test_the_file_is_written_ahead_and_waits_for_the_disk(sqlite_url):
    with Store(sqlite_url) as store, store._db.write() as connection:
        values = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
        assert values == ["wal", 2, 1, 10_000]
    with closing(sqlite3.connect(sqlite_url)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
        assert connection.execute("SELECT count(*) FROM current_rating").fetchone() == (0,)


def test_tables_of_a_newer_version_are_refused(store_url):
    with Store(store_url) as store, store._db.write() as connection:
        bump = "PRAGMA user_version = 4" if store._db.is_sqlite else None
        connection.execute(text(bump or "UPDATE gym_rated_schema SET version = 4"))
    message = "has tables of version 4, this gym_rated knows versions up to 3; install a newer"
    with pytest.raises(StoreNewer, match=message):
        Store(store_url)


def test_the_database_of_something_else_is_left_alone(sqlite_url):
    with closing(sqlite3.connect(sqlite_url)) as connection:
        connection.execute("CREATE TABLE mine (x)")
    with pytest.raises(ValueError, match=r"a database of ratings or a new file, got .* with other"):
        Store(sqlite_url)
    with closing(sqlite3.connect(sqlite_url)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_tables_of_others_on_a_server_do_not_matter(postgres_url):
    with Store(postgres_url) as store, store._db.write() as connection:
        connection.execute(text("CREATE TABLE public.event (mine integer)"))
        connection.execute(text("DROP SCHEMA gym_rated CASCADE"))
    with Store(postgres_url) as store:
        fill(store, 1)
        store.record(deed(store.next_query("ann"), "ann"))


def test_a_file_that_is_no_database_is_refused(sqlite_url):
    Path(sqlite_url).write_bytes(b"segment_id,rating\n" * 1000)
    with pytest.raises(StoreDamaged, match=r"`db` .* is no database of ratings, or a damaged one"):
        Store(sqlite_url)


def test_a_folder_that_cannot_be_made_or_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreReadOnly, match="needs a folder that this user can make"):
        Store(tmp_path / "file" / "ratings.db")
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(StoreReadOnly, match="cannot be written; give this user write permission"):
        Store(tmp_path / "ratings.db")


def test_a_database_that_became_read_only_says_so(store):
    fill(store, 1)
    sentence = r"cannot be written; give this user write permission to the file"
    only = "SET TRANSACTION READ ONLY" if not store._db.is_sqlite else "PRAGMA query_only = ON"

    def write():
        with store._db.write() as connection:
            connection.execute(text(only))
            connection.execute(text("UPDATE query SET answers = 5"))

    with pytest.raises(StoreReadOnly, match=sentence):
        write()


def test_a_locked_database_says_so_and_works_again(store_url, monkeypatch):
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.1)
    with Store(store_url) as store, Store(store_url) as other:
        fill(store, 1)
        with other._db.write() as connection:
            if not other._db.is_sqlite:
                connection.execute(text("LOCK TABLE query IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises(StoreLocked, match="is locked by another process; close what"):
                store.next_query("ann")
        assert store.next_query("ann") is not None


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path):
    with pytest.raises(StoreUnreachable, match="does not answer; start the database server") as e:
        Store(f"postgresql://ann:secret@/ratings?host={tmp_path}")
    assert "secret" not in str(e.value)


def test_a_server_that_dropped_its_connections_is_used_again(postgres, postgres_url):
    with Store(postgres_url) as store:
        fill(store, 1)
        postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname "
                         "LIKE 'ratings%' AND pid <> pg_backend_pid()")  # fmt: skip
        assert store.next_query("ann") is not None


def test_without_its_driver_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ImportError, match=r"pip install 'gym_rated\[postgres\]'"):
        Store("postgresql://ann@/ratings")


def test_room_is_kept_for_ratings(sqlite_url, monkeypatch):
    with Store(sqlite_url, reserve_bytes=50_000_000) as store:
        fill(store, 1)
        store.add_jobs("r1", [make_job(7)])
        taken = store.take_job("worker")
        usage = sys.modules["shutil"].disk_usage
        monkeypatch.setattr("shutil.disk_usage", lambda path: usage(path)._replace(free=49_000_000))
        message = r"takes no more segments: 49 MB are free on its disk, and 50 MB are kept"
        with pytest.raises(StoreFull, match=message):
            store.add_jobs("r1", [make_job(8)])
        with pytest.raises(StoreFull, match="takes no more clips"):
            store.finish_job(taken, make_clip(7))
        store.record(deed(store.next_query("ann"), "ann", rating=1))
        monkeypatch.undo()
        store.finish_job(taken, make_clip(7))
        assert store.progress("r1").queries_open == 1


FULL_DISK = """
import json, os, sys
sys.path.insert(0, {tests!r})
from stores import RUN, deed, fill
from gym_rated.human.store import Store, StoreFull
file, ballast = sys.argv[1:]
store = Store(file, reserve_bytes=0)
fill(store, 150)
if ballast:
    with open(ballast, "wb") as out:
        free = os.statvfs(ballast)
        out.write(bytes(free.f_bavail * free.f_frsize))
saved, refused = [], None
while refused is None:
    try:
        query = store.next_query("ann")
        store.record(deed(query, "ann", rating=3))
        saved.append(query.segment_id)
    except StoreFull as error:
        refused = str(error)
"""
# What the next lines print must hold while the disk is still full, and after.
AFTERWARDS = """
full = sorted(row.segment_id for row in store.answers_since("r1", None)[0])
assert full == sorted(saved), (full, saved)
os.unlink(ballast)
store.record(deed(store.next_query("ann"), "ann", rating=3))
print(json.dumps([len(saved), refused, len(store.events("r1"))]))
store.close()
"""


def run_with(program, *words, limit=None):
    program = program.format(tests=str(Path(__file__).parent))
    return subprocess.run(
        [*words[:-2], sys.executable, "-c", program, *words[-2:]],
        capture_output=True,
        text=True,
        timeout=600,
        preexec_fn=limit,
    )


def test_a_full_disk_loses_nothing_and_is_left_behind(tmp_path):
    """On a disk of 8 MB in memory, mounted where only this process sees it."""
    mount = f'mount -t tmpfs -o size=8m none {tmp_path} && exec "$@"'
    alone = ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, "sh"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this machine mounts no disk in memory; a limited file size is tested below")
    done = run_with(
        FULL_DISK + AFTERWARDS, *alone, str(tmp_path / "ratings.db"), str(tmp_path / "x")
    )
    assert done.returncode == 0, done.stderr
    saved, refused, kept = json.loads(done.stdout)
    assert 0 < saved < 150
    assert kept == saved + 1
    assert "is full; free some space and try again, what was saved before is intact" in refused


def test_a_file_that_may_not_grow_loses_nothing(sqlite_url):
    """As under a quota: the log may not become larger than the database is."""
    file = Path(sqlite_url)
    with Store(file) as store:
        fill(store, 150)
    size = file.stat().st_size

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size,) * 2)

    program = FULL_DISK.replace("fill(store, 150)", "pass")
    program += "print(json.dumps([saved, refused]))"
    done = run_with(program, str(file), "", limit=limit)
    assert done.returncode == 0, done.stderr
    saved, refused = json.loads(done.stdout)
    assert 0 < len(saved) < 150
    assert "the disk, or your share of it, is full" in refused
    with Store(file) as store:
        rows, _ = store.answers_since("r1", None)
        assert [row.segment_id for row in rows] == saved
        store.record(deed(store.next_query("ann"), "ann", rating=RUN.num_classes - 1))
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
