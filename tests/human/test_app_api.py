import dataclasses

import pytest
from pages import HERE, open_page, rating
from stores import RUN, fill, make_clip, make_job

from gym_rated.human.app.api import PageOptions
from gym_rated.human.app.files import read_page
from gym_rated.human.clips.encode import encode
from gym_rated.human.store import (
    Conflict,
    Store,
    StoreDamaged,
    StoreFull,
    StoreLocked,
    StoreUnreachable,
)


@pytest.fixture
def store(sqlite_url):
    with Store(sqlite_url) as store:
        fill(store, 4)
        yield store


@pytest.fixture
def page(store):
    return open_page(store)


def test_the_page_and_its_files_are_served(page):
    index = page.get("/")
    assert index.status_code == 200
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    assert 'data-testid="clip"' in index.text
    for name, kind in [("app.js", "text/javascript"), ("style.css", "text/css")]:
        assert page.get(f"/{name}").headers["content-type"].startswith(kind)


def test_no_file_of_the_page_asks_for_another_server_or_holds_inline_code(page):
    files = read_page()
    assert {"/", "/app.js", "/style.css"} <= {page_file.path for page_file in files}
    for page_file in files:
        text = page.get(page_file.path).text.replace("http://www.w3.org/", "")
        for forbidden in ("http://", "https://", "innerHTML", "onclick=", "eval(", "style="):
            assert forbidden not in text, (page_file.path, forbidden)


def test_the_next_clip_comes_with_what_is_asked(page, store):
    query = page.get("/api/next").json()
    assert query["class_names"] == list(RUN.class_names)
    assert (query["instructions"], query["run_id"]) == (RUN.instructions, "r1")
    assert (query["fps"], query["frames"]) == (20.0, 50)
    clip = page.get(f"/clip/{query['clip']}")
    assert clip.content == store.clip(query["clip"]).data
    assert clip.headers["content-type"] == "video/mp4"
    assert (clip.headers["x-clip-fps"], clip.headers["x-clip-frames"]) == ("20", "50")


@pytest.mark.parametrize(
    ("known", "expected"), [(10, 10), (None, None), (0, None), (True, None), ("10", None)]
)
def test_a_clip_and_what_is_corrected_come_with_the_shortest_length_of_their_run(
    sqlite_url, known, expected
):
    config = {} if known is None else {"segment_length": known}
    with Store(sqlite_url) as store:
        fill(store, 1, dataclasses.replace(RUN, config=config))
        page = open_page(store)
        assert page.get("/api/next").json()["segment_length"] == expected
        assert page.get("/api/state").json()["run"]["segment_length"] == expected


def test_nothing_tells_a_second_showing_from_a_first(page):
    query = page.get("/api/next").json()
    assert "segment_id" not in query
    assert not any("repeat" in name or "duplicate" in name for name in query)


def test_clips_in_hand_are_not_handed_out_again(page):
    first = page.get("/api/next").json()["id"]
    assert page.get("/api/next").json()["id"] == first  # a reload
    second = page.get("/api/next", params={"exclude": f"{first}"}).json()["id"]
    third = page.get("/api/next", params={"exclude": f"{first},{second}"}).json()["id"]
    assert len({first, second, third}) == 3


def test_there_is_no_clip_when_all_are_rated(page):
    for k in range(4):
        page.tell(rating(page.get("/api/next").json()["id"], client_id=f"client-{k:04}"))
    answer = page.get("/api/next")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("exclude", ["x", "1,", ",", "-1", "1;2", "9" * 19, ",".join("1" * 101)])
def test_what_is_no_list_of_clips_is_refused(page, exclude):
    assert page.get("/api/next", params={"exclude": exclude}).status_code == 422


def test_a_rating_is_written_once_however_often_it_is_sent(page, store):
    query = page.get("/api/next").json()
    answers = [page.tell(rating(query["id"], 2)).json() for _ in range(3)]
    assert [a["repeated"] for a in answers] == [False, True, True]
    assert len({a["seq"] for a in answers}) == 1
    (row,) = store.events("r1")
    assert (row.rater, row.kind, row.rating, row.shown_ms) == ("ann", "rate", 2, 900)
    assert row.clip_sha256 == query["clip"]


def test_skip_undo_and_rating_again_are_all_in_the_log(page, store):
    query_id = page.get("/api/next").json()["id"]
    deeds = [{"kind": "skip"}, {"kind": "undo"}, {"kind": "rate", "rating": 0}]
    for k, deed in enumerate(deeds):
        told = page.tell({"client_id": f"client-{k:04}", "query_id": query_id, **deed})
        assert told.status_code == 200
        assert told.json()["revision"] == k
    assert [row.kind for row in store.events("r1")] == ["skip", "undo", "rate"]


@pytest.mark.parametrize(
    "change",
    [
        {"rating": 4},  # the run has 4 classes
        {"rating": -1},
        {"rating": 10**30},
        {"rating": 1.5},
        {"rating": True},
        {"rating": "1"},
        {"rating": None},
        {"kind": "skip"},  # with a rating
        {"kind": "destroy"},
        {"query_id": 2**63},
        {"query_id": -1},
        {"query_id": None},
        {"client_id": "short"},
        {"client_id": "nul\0nul\0nul"},
        {"client_id": "x" * 65},
        {"shown_ms": -1},
        {"shown_ms": 10**12},
        {"more": 1},
        {"rater": "bob"},
    ],
)
def test_what_makes_no_sense_is_refused_and_not_written(page, store, change):
    query_id = page.get("/api/next").json()["id"]
    answer = page.tell({**rating(query_id), **change})
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert store.events("r1") == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 4000, b"\xff\xfe", b'{"kind": "\\ud800"}', b"null"]
)
def test_what_is_no_json_object_is_refused(page, body):
    headers = {"origin": HERE, "content-type": "application/json"}
    assert page.post("/api/events", content=body, headers=headers).status_code in (400, 422)


def test_an_answer_to_a_clip_of_another_rater_says_why_it_is_not_kept(page, store):
    page.get("/api/next")
    answer = open_page(store, "bob").tell(rating(1))
    assert answer.status_code == 409
    assert answer.json()["detail"] == "this clip was not given to you; reload the page"


def test_a_clip_that_is_not_there_is_404(page):
    assert page.get(f"/clip/{'0' * 64}").status_code == 404
    assert page.get("/clip/x").status_code == 404


@pytest.mark.parametrize(
    ("error", "status", "wait"),
    [
        (StoreFull("x"), 507, None),
        (StoreLocked("x"), 503, "1"),
        (StoreUnreachable("x"), 503, "5"),
        (StoreDamaged("secret path"), 503, "5"),
        (Conflict("too late"), 409, None),
    ],
)
def test_trouble_with_the_database_is_told_and_outlived(
    page, store, monkeypatch, error, status, wait
):
    query_id = page.get("/api/next").json()["id"]

    def fail(*_):
        raise error

    with monkeypatch.context() as trouble:
        trouble.setattr(store, "record", fail)
        answer = page.tell(rating(query_id))
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == wait
    assert "secret" not in answer.text
    assert page.tell(rating(query_id)).status_code == 200  # the same client_id, a moment later


def test_a_browser_without_the_codec_gets_pictures(page, store, moving):
    store.add_jobs("r1", [make_job(9)])
    clip = encode(moving, 20.0, "h264")
    store.finish_job(store.take_job("worker"), clip)
    answer = page.get(f"/clip/{clip.sha256}", params={"as": "webp"})
    assert answer.headers["content-type"] == "image/webp"
    assert answer.content[8:12] == b"WEBP"
    assert answer.headers["x-clip-frames"] == str(len(moving))


def test_a_damaged_clip_is_said_to_be_damaged_and_made_anew(page, store):
    query = page.get("/api/next").json()  # the clips of this store are no videos
    assert page.get(f"/clip/{query['clip']}", params={"as": "webp"}).status_code == 410
    told = page.tell({"query_id": query["id"]}, "/api/unplayable")
    assert told.json() == {"asked": True}
    store.finish_job(store.take_job("worker"), dataclasses.replace(make_clip(0), codec="webp"))
    assert store.events("r1") == []


@pytest.fixture
def moving():
    import numpy as np

    frames = np.zeros((6, 32, 32, 3), np.uint8)
    for t in range(6):
        frames[t, :, 4 * t : 4 * t + 8] = 200
    return frames


def test_only_clips_of_the_run_named_are_shown(store):
    fill(store, 1, dataclasses.replace(RUN, id="r2"))
    other = open_page(store, options=PageOptions(run_id="r2"))
    assert other.get("/api/next").json()["run_id"] == "r2"
    assert other.get("/api/state", params={"run": "r1"}).json()["run"]["id"] == "r2"


@pytest.mark.parametrize("options", [{"min_view_s": -1}, {"min_view_s": 99}, {"key_base": 2}])
def test_options_out_of_range_are_refused(options):
    name = next(iter(options))
    with pytest.raises(ValueError, match=f"`{name}` must"):
        PageOptions(**options)


def test_a_flag_and_a_comment_are_written_once_and_come_with_their_clip(page, store):
    query = page.get("/api/next").json()
    assert (query["flagged"], query["comment"]) == (False, "")
    said = {"client_id": "client-r1", "query_id": query["id"], "flagged": True}
    answers = [page.tell(said | {"comment": "<b>black</b>"}, "/api/remarks") for _ in range(2)]
    assert [answer.json()["repeated"] for answer in answers] == [False, True]
    again = page.get("/api/next").json()
    assert (again["id"], again["flagged"], again["comment"]) == (query["id"], True, "<b>black</b>")
    (told,) = page.get("/api/state").json()["remarks"]
    assert (told["query_id"], told["rating"], told["comment"]) == (
        query["id"],
        None,
        "<b>black</b>",
    )
    assert store.progress("r1").rated == 0


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"query_id": 3}, 409),  # never given to this rater
        ({"flagged": "yes"}, 422),
        ({"comment": "x" * 301}, 422),
        ({"comment": "two\nlines"}, 422),
        ({"kind": "rate"}, 422),
        ({"client_id": "short"}, 422),
    ],
)
def test_a_remark_that_makes_no_sense_is_refused(page, store, changes, status):
    query = page.get("/api/next").json()
    said = {"client_id": "client-r1", "query_id": query["id"], "flagged": True, "comment": ""}
    assert page.tell(said | changes, "/api/remarks").status_code == status
    assert store.remarks("r1") == []
