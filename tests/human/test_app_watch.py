"""The routes of the page to watch: episodes, ratings of parts of them, no true reward unasked."""

import numpy as np
import pytest
from pages import TOKENS, Browser
from stores import RUN, make_clip

from gym_rated.human.app.tokens import Raters
from gym_rated.human.app.watch import Watching, create_watch_app
from gym_rated.human.store import Job, Store, StoreFull


class Shown:
    """An episode of six steps."""

    def __init__(self, number: int, learned=True) -> None:
        self.id, self.number, self.step = f"watched-0-{number}", number, 900
        self.learned = np.arange(6.0) if learned else None
        self.true_rewards = -np.arange(6.0)
        self.frames = [b"picture %d" % k for k in range(6)]
        self.fps, self.is_cut = 20.0, False
        self.sha256 = f"{number}" * 64


class Stage:
    """A theatre with two episodes, of which the second is still being played."""

    played, problem = 4, ""

    def __init__(self) -> None:
        self.shown = [Shown(0)]

    def after(self, last):
        later = [e for e in self.shown if last == "" or e.id > last]
        return later[0] if later else None

    def episode(self, name):
        return next((e for e in self.shown if e.id == name), None)


def job_of(episode, first, length):
    if first + length > len(episode.frames):
        raise ValueError(f"`first_step` must lie in [0, {len(episode.frames) - length}]")
    recipe = {"round": 0, "length": length, "first_step": first}
    return Job(f"{episode.id}-{first}-abc", b"blob %d" % first, recipe, 900, make_clip(first))


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "ratings.db") as opened:
        opened.open_run(RUN)
        yield opened


@pytest.fixture
def stage():
    return Stage()


@pytest.fixture
def ann(store, stage):
    raters = Raters(TOKENS, "here")
    watching = Watching(RUN, "my-run", 3, stage, job_of)
    return Browser(create_watch_app(store, raters, watching), raters, "ann")


def marked(first: int, rating: int | None = 2, client_id: str = "client-0001", **more) -> dict:
    deed = {"client_id": client_id, "episode": "watched-0-0", "first_step": first}
    return {**deed, "rating": rating, "shown_ms": 700, **more}


def rows(store):
    return [(r.segment_id, r.rater, r.rating, r.round) for r in store.agreement_rows(RUN.id)]


def test_an_episode_comes_with_its_learned_reward_and_nothing_of_the_true_one(ann):
    found = ann.get("/api/episodes").json()["episode"]
    assert found["learned"] == [0, 1, 2, 3, 4, 5]
    assert (found["step"], found["fps"], sum(found["sizes"])) == (900, 20.0, 6 * 9)
    assert "true" not in ann.get("/api/episodes").text.replace('"told"', "")
    film = ann.get("/film/watched-0-0").content
    assert film[: found["sizes"][0]] == b"picture 0"
    assert ann.get("/film/watched-0-9").status_code == 404


def test_while_the_next_episode_is_played_it_says_how_far_that_is(ann, stage):
    stage.problem = "ValueError: `policy` must act"
    said = ann.get("/api/episodes?after=watched-0-0").json()
    assert said == {"episode": None, "played": 4, "problem": "ValueError: `policy` must act"}


def test_before_the_first_fit_there_is_no_curve(ann, stage):
    stage.shown = [Shown(0, learned=False)]
    assert ann.get("/api/episodes").json()["episode"]["learned"] is None


def test_a_marked_segment_is_rated_with_its_clip_and_comes_back_with_the_episode(ann, store):
    said = ann.tell(marked(2), "/api/segments")
    assert said.status_code == 200
    assert rows(store) == [("watched-0-0-2-abc", "ann", 2, 0)]
    (event,) = store.events(RUN.id)
    assert (event.shown_ms, event.clip_sha256) == (700, make_clip(2).sha256)
    rated = ann.get("/api/episodes").json()["episode"]["ratings"]
    assert rated == [{"query_id": said.json()["query_id"], "first_step": 2, "rating": 2}]
    assert ann.get("/api/watch").json()["rated"] == 1


def test_a_rating_that_is_sent_twice_counts_once(ann, store):
    first, again = (ann.tell(marked(2), "/api/segments").json() for _ in range(2))
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert len(store.events(RUN.id)) == 1


def test_another_rating_of_a_segment_corrects_it_and_undo_takes_it_back(ann, store):
    ann.tell(marked(2), "/api/segments")
    ann.tell(marked(2, 0, "client-0002"), "/api/segments")
    assert rows(store) == [("watched-0-0-2-abc", "ann", 0, 0)]
    undo = {"client_id": "client-0003", "kind": "undo"}
    assert ann.tell(undo).status_code == 200
    assert rows(store) == []
    assert ann.tell(marked(2, None, "client-0004"), "/api/segments").status_code == 200
    assert rows(store) == [("watched-0-0-2-abc", "ann", -1, 0)]  # can't tell


def test_an_episode_whose_true_reward_was_seen_takes_no_rating_of_who_saw_it(ann, store):
    assert ann.get("/api/truth/watched-0-0").json() == {"rewards": [0, -1, -2, -3, -4, -5]}
    said = ann.tell(marked(2), "/api/segments")
    assert (said.status_code, said.json()["detail"][:26]) == (409, "its true reward was shown:")
    assert ann.get("/api/episodes").json()["episode"]["told"] is True
    assert store.events(RUN.id) == []
    assert list(store.blobs(RUN.id)) == []  # nor is it left to be asked about by others


def test_the_same_steps_under_another_name_take_no_rating_either(ann, store, stage):
    ann.get("/api/truth/watched-0-0")
    stage.shown = [Shown(1)]
    stage.shown[0].sha256 = "0" * 64  # as where nothing is random
    assert ann.get("/api/episodes").json()["episode"]["told"] is True
    assert ann.tell(marked(2, episode="watched-0-1"), "/api/segments").status_code == 409
    stage.shown = [Shown(2)]
    assert ann.get("/api/episodes").json()["episode"]["told"] is False
    assert ann.tell(marked(2, episode="watched-0-2"), "/api/segments").status_code == 200


def test_what_was_rated_before_the_true_reward_was_seen_stands(ann, store):
    ann.tell(marked(2, 1), "/api/segments")
    ann.get("/api/truth/watched-0-0")
    change, undo = marked(2, 3, "client-0002"), {"client_id": "client-0003", "kind": "undo"}
    for said in (ann.tell(change, "/api/segments"), ann.tell(undo)):
        assert (said.status_code, said.json()["detail"][:26]) == (409, "its true reward was shown:")
    assert ann.tell(marked(2, 1), "/api/segments").json()["repeated"]  # its answer was lost
    assert rows(store) == [("watched-0-0-2-abc", "ann", 1, 0)]


def test_a_true_reward_that_cannot_be_written_down_is_not_told(ann, store, monkeypatch):
    def full(*args):
        raise StoreFull("`db` ratings.db was not written: the disk is full; free space")

    monkeypatch.setattr(store, "tell", full)
    said = ann.get("/api/truth/watched-0-0")
    assert said.status_code == 507
    assert "rewards" not in said.text


@pytest.mark.parametrize(
    ("deed", "status", "said"),
    [
        (marked(4), 422, "`first_step` must lie in [0, 3]"),
        (marked(0, 9), 422, "`rating` must lie in [0, 3], got 9"),
        (marked(0, episode="watched-7-7"), 409, "this episode is gone"),
        (marked(-1), 422, "first_step"),
        ({**marked(0), "more": 1}, 422, "more"),
    ],
)
def test_what_is_no_segment_is_refused_and_nothing_is_written(ann, store, deed, status, said):
    answer = ann.tell(deed, "/api/segments")
    assert answer.status_code == status
    assert said in answer.text
    assert store.events(RUN.id) == []


def test_only_undo_goes_by_the_address_of_events(ann):
    rate = {"client_id": "client-0005", "query_id": 1, "kind": "rate", "rating": 1}
    assert "rate by /api/segments" in ann.tell(rate).text


def test_who_has_no_token_sees_nothing(store, stage):
    raters = Raters(TOKENS, "here")
    app = create_watch_app(store, raters, Watching(RUN, "my-run", 3, stage, job_of))
    stranger = Browser(app, raters, None)
    for path in ("/api/watch", "/api/episodes", "/film/watched-0-0", "/api/truth/watched-0-0"):
        assert stranger.get(path).status_code == 401, path


def test_a_segment_without_a_clip_is_not_asked_about(store):
    with pytest.raises(ValueError, match="`new` must bring its clip along, got 'a' without"):
        store.ask(RUN.id, Job("a", b"blob", {}), "ann")
