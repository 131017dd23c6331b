"""`gym-rated watch`: a real run in a real process, and what is refused before anything plays."""

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image

from gym_rated.assembly.playing import Drawing, Episode, Watched
from gym_rated.assembly.run_args import RunArgs
from gym_rated.cli import main
from gym_rated.cli.commands.watch import how_to_use, run_of_watching
from gym_rated.environments.rendering import CannotRender
from gym_rated.human import HumanRater
from gym_rated.human.asking import default_names
from gym_rated.human.segment_job import make_job
from gym_rated.human.store import Conflict, Event, Run, Store
from gym_rated.ratings import RatingDataset
from gym_rated.runs.lock import hold_folder

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture
def run(tmp_path):
    """A run that was killed: CartPole, segments of 20 steps, five classes."""
    shutil.unpack_archive(FIXTURES / "ppo_discrete_killed.zip", tmp_path)
    return tmp_path / "ppo_discrete_killed"


@contextlib.contextmanager
def watched(run: Path, *words: str):
    """Watch a run in another process; gives who is signed in there, and the process."""
    command = [sys.executable, "-m", "gym_rated", "watch", str(run), "--size", "64", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line.startswith("Watch at http://127.0.0.1:"), line
        link = line.split(" at ")[1].strip()
        origin = link.partition("/login")[0]
        headers = {"origin": origin}
        client = httpx2.Client(base_url=origin, follow_redirects=True, headers=headers, timeout=60)
        with client:
            client.get(link)
            yield client, process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def episode_of(client) -> dict:
    for _ in range(600):
        if (found := client.get("/api/episodes").json()["episode"]) is not None:
            return found
        time.sleep(0.1)
    raise AssertionError("no episode came")


def rate(client, episode: str, first: int, rating: int) -> int:
    said = client.post("/api/segments", json=marked(episode, first, rating, f"client-{first:04}"))
    assert said.status_code == 200, said.text
    return said.json()["query_id"]


def marked(episode: str, first: int, rating: int, client_id: str) -> dict:
    place = {"client_id": client_id, "episode": episode, "first_step": first}
    return {**place, "rating": rating, "shown_ms": 800}


@pytest.mark.slow
def test_what_is_rated_while_watching_survives_a_kill_and_is_exported(run, capsys):
    short = ("--env-kwargs", "max_episode_steps", "40", "--deterministic")
    with watched(run, *short) as (client, process):
        about = client.get("/api/watch").json()
        assert (about["rater"], about["segment_length"]) == ("me-watching", 20)
        episode = episode_of(client)
        rate(client, episode["id"], 0, 1)
        process.send_signal(signal.SIGKILL)
    db = run / "watched" / "ratings.db"
    with watched(run, *short) as (client, process):
        rate(client, episode["id"], 20, 4)  # as a browser sends what was not answered
        assert episode_of(client)["id"] != episode["id"]
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
        assert process.wait(30) == 0
    file = run / "watched" / "ratings.npz"
    assert f"2 ratings: {db}\ngym-rated export --db {db} --out {file}\n" in said
    capsys.readouterr()
    assert main(["status", "--db", str(db)]) == 0
    assert "rater me-watching: 2 rated, 0 cannot tell" in capsys.readouterr().out
    assert main(["export", "--db", str(db), "--out", str(file)]) == 0
    ratings = RatingDataset.load(file)
    assert [(r.rating, r.rater) for r in ratings.ratings] == [
        (1, "me-watching"),
        (4, "me-watching"),
    ]
    assert {segment.round for segment in ratings.segments()} == {0}  # of one sitting
    assert [len(segment) for segment in ratings.segments()] == [20, 20]
    with Store(db) as store:
        clips = [store.clip(e.clip_sha256) for e in store.events(store.runs()[0].id)]
    assert [clip.frames for clip in clips] == [20, 20]


@pytest.mark.slow
def test_who_saw_the_true_reward_cannot_rate_after_a_kill_nor_under_another_name(run):
    short = ("--env-kwargs", "max_episode_steps", "40", "--deterministic")
    with watched(run, *short) as (client, process):
        episode = episode_of(client)["id"]
        stays, undone = rate(client, episode, 0, 1), rate(client, episode, 20, 3)
        assert client.post("/api/events", json=UNDO).status_code == 200
        assert len(client.get(f"/api/truth/{episode}").json()["rewards"]) == 40
        process.send_signal(signal.SIGKILL)
    db = run / "watched" / "ratings.db"
    with Store(db) as store:  # as `gym-rated rate --db` would show it, and take it
        assert store.next_query("me") is None
        for query, rater in ((stays, "me-watching"), (undone, "me")):
            with pytest.raises(Conflict, match="its true reward was shown"):
                store.record(Event("client-new", query, rater, "rate", 4))
    for name in ("me", "somebody-else"):
        with watched(run, *short, "--name", name) as (client, _):
            for first in (0, 10, 20):
                deed = marked(episode, first, 4, f"once-more-{first}")
                said = client.post("/api/segments", json=deed)
                assert (said.status_code, "its true reward was shown" in said.text) == (409, True)
    with Store(db) as store:
        rows = store.agreement_rows(store.runs()[0].id)
    assert [(row.rater, row.rating) for row in rows] == [("me-watching", 1)]


UNDO = {"client_id": "client-undo", "kind": "undo"}


def test_the_same_episode_played_again_is_the_same_and_no_other_is(run, monkeypatch):
    monkeypatch.setattr("gym_rated.assembly.playing.choose_backend", lambda *a, **k: None)
    monkeypatch.setattr("gym_rated.assembly.playing.MOST_STEPS", 5)
    first, second = Watched(run, drawing=Drawing(size=16)), Watched(run, drawing=Drawing(size=32))
    one, again, other = first.play(0, 0), second.play(0, 0), first.play(0, 1)
    first.close()
    second.close()
    assert one.sha256 == again.sha256 != other.sha256


def test_a_segment_is_kept_with_the_arguments_of_the_environment_that_was_watched(run, monkeypatch):
    monkeypatch.setattr("gym_rated.assembly.playing.choose_backend", lambda *a, **k: None)
    typed = {"max_episode_steps": 7, "sutton_barto_reward": True}
    for kwargs, expected in ((typed, typed), ({}, {})):  # else those of the run: none
        watched = Watched(run, env_kwargs=kwargs, drawing=Drawing(size=16))
        assert run_of_watching(run, watched).config["env_kwargs"] == expected


def test_a_run_that_people_rate_learns_from_it_when_it_is_resumed(tmp_path, capsys):
    seen = episode()
    asked = {"env_id": "CartPole-v1", "seed": 1, "num_classes": 3, "page": None}
    asked["instructions"] = "Is it upright?"
    folder = tmp_path / "watched.db"
    with Store(folder) as store:
        run = Run("CartPole-v1__1", 3, default_names(3), "Is it upright?", env_id="CartPole-v1")
        store.open_run(run)
        for first, rating in ((0, 0), (4, 2)):
            job = make_job(seen.segment(first, 4), 1, {"env_id": "CartPole-v1", "fps": 50.0})
            query = store.ask(run.id, job, "me-watching")
            store.record(Event(f"client-{first}", query, "me-watching", "rate", rating))
    rater = HumanRater(tmp_path / "ratings.db", **asked)
    state = rater.state_dict()
    rater.close()
    file = tmp_path / "watched.npz"
    assert main(["export", "--db", str(folder), "--out", str(file)]) == 0
    assert main(["import", "--db", str(tmp_path / "ratings.db"), "--ratings", str(file)]) == 0
    resumed = HumanRater(tmp_path / "ratings.db", **asked)
    resumed.load_state_dict(state)
    assert [segment.round for segment in resumed.recover()] == [0, 0]
    found = resumed.collect()
    resumed.close()
    assert [(a.rater, a.rating) for a in found] == [("me-watching", 0), ("me-watching", 2)]


def episode() -> Episode:
    """An episode of eight steps that no environment has played."""
    obs = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    actions = np.eye(2, dtype=np.float32)[[0, 1] * 4]
    return Episode(0, 0, 900, obs, actions, np.ones(8), np.zeros(8), (picture(),) * 8, 50.0, False)


def picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (32, 32)).save(file, "JPEG")
    return file.getvalue()


def refused(capsys, *words: str) -> str:
    assert main(["watch", *words]) == 2
    return capsys.readouterr().err


def test_a_folder_without_a_run_is_refused(tmp_path, capsys):
    assert "`run` must hold a run, got" in refused(capsys, str(tmp_path / "nothing"))


def test_a_run_without_a_checkpoint_is_refused(run, capsys):
    shutil.rmtree(run / "checkpoint")
    assert "`run` must have a checkpoint or a saved policy" in refused(capsys, str(run))
    assert not (run / "watched").exists()


def test_a_run_without_a_learned_reward_is_refused(run, capsys):
    config = json.loads((run / "config.json").read_text())
    config["args"]["reward"] = "true"
    (run / "config.json").write_text(json.dumps(config))
    assert f"`gym-rated film {run}` films its policy" in refused(capsys, str(run))


def test_a_port_that_is_taken_is_refused(run, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused(capsys, str(run), "--port", port)
    assert f"`port` {port} of 127.0.0.1 cannot be opened (Address already in use)" in said


def test_an_environment_that_cannot_be_drawn_is_refused(run, capsys, monkeypatch):
    def cannot(env_id, env_kwargs, otherwise):
        raise CannotRender(f"gym_rated cannot render {env_id}: no offscreen OpenGL. {otherwise}")

    monkeypatch.setattr("gym_rated.assembly.playing.choose_backend", cannot)
    said = refused(capsys, str(run))
    assert "gym_rated cannot render CartPole-v1: no offscreen OpenGL" in said
    assert not (run / "watched").exists()


def test_two_do_not_watch_one_run_at_a_time(run, capsys, monkeypatch):
    monkeypatch.setattr("gym_rated.assembly.playing.choose_backend", lambda *a, **k: None)
    with hold_folder(run / "watched"):
        said = refused(capsys, str(run))
    assert f"`run` must not be in use, got {run / 'watched'}, which process" in said


def test_how_ratings_are_used_depends_on_who_rates_the_run(tmp_path):
    with Store(tmp_path / "ratings.db") as store:
        run = Run("r1", 3, default_names(3), "Is it upright?")
        store.open_run(run)
        assert how_to_use(store, "r1", Path("my runs/r"), RunArgs()) == ["nothing was rated"]
        job = make_job(episode().segment(0, 4), 1, {"env_id": "CartPole-v1", "fps": 50.0})
        store.record(Event("client-1", store.ask("r1", job, "me"), "me", "rate", 1))
        said = how_to_use(store, "r1", Path("my runs/r"), RunArgs())
        assert said == [
            "1 rating: my runs/r/watched/ratings.db",
            "gym-rated export --db 'my runs/r/watched/ratings.db' "
            "--out 'my runs/r/watched/ratings.npz'",
            "gym-rated fit --ratings 'my runs/r/watched/ratings.npz' "
            "--out 'my runs/r/watched/model'",
        ]
        of_images = how_to_use(store, "r1", Path("r"), RunArgs(), (48, 48, 3))[-1]
        assert "fit --ratings r/watched/ratings.npz --image-shape 48 48 3 --out" in of_images
        last = how_to_use(store, "r1", Path("r"), RunArgs(rater="human"))[-1]
        assert last.startswith(
            "gym-rated import --db r/ratings.db --run-id r1 --ratings r/watched/"
        )
        assert last.endswith("# while the run stands still; then --resume learns from them")


def test_a_damaged_checkpoint_is_refused_by_the_name_of_the_run(run, capsys, monkeypatch):
    monkeypatch.setattr("gym_rated.assembly.playing.choose_backend", lambda *a, **k: None)
    (run / "checkpoint" / "skeleton-10.json").write_text("{}")
    said = refused(capsys, str(run))
    assert "`run` must hold an undamaged checkpoint" in said


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--seed", "-1"], "`seed` must be at least 0, got -1"),
        (["--size", "3"], "`size` must be at least 16, got 3"),
        (["--port", "70000"], "`port` must lie in [0, 65535], got 70000"),
        (["--name", ""], "`name` must have 1 to 71 printable characters, got ''"),
    ],
)
def test_wrong_flags_are_refused(run, capsys, flags, said):
    assert said in refused(capsys, str(run), *flags)
