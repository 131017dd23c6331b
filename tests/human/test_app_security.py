import pytest
from pages import HERE, TOKENS, open_page, rating
from starlette.testclient import TestClient
from stores import fill

from gym_rated.human.app.api import PageOptions, routes
from gym_rated.human.app.security import MAX_BODY
from gym_rated.human.app.server import check_host
from gym_rated.human.app.tokens import Raters
from gym_rated.human.store import Store

PRIVATE = ("/", "/app.js", "/api/next", "/api/state", f"/clip/{'0' * 64}", "/docs", "/openapi.json")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with Store(tmp_path_factory.mktemp("store") / "ratings.db") as store:
        fill(store, 3)
        yield store
        assert store.events("r1") == []  # for all that was tried


@pytest.mark.parametrize("path", PRIVATE)
def test_a_stranger_gets_nothing(store, path):
    answer = open_page(store, rater=None).get(path)
    assert answer.status_code == 401
    assert "class" not in answer.text.replace("class=", "")


def test_a_stranger_writes_nothing(store):
    answer = open_page(store, rater=None).tell(rating(1))
    assert (answer.status_code, store.events("r1")) == (401, [])


@pytest.mark.parametrize("token", ["", "a" * 42, "a" * 44, "b" * 42 + "c", "é", "a" * 500])
def test_a_wrong_token_opens_nothing(store, token):
    page = open_page(store, rater=None)
    answer = page.get("/login", params={"token": token})
    assert answer.status_code in (401, 422)
    assert "set-cookie" not in answer.headers


def test_the_link_sets_a_cookie_that_scripts_and_other_sites_cannot_use(store):
    page = open_page(store, rater=None)
    answer = page.get("/login", params={"token": TOKENS["bob"]})
    cookie = answer.headers["set-cookie"].lower()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie  # plain http on the machine's own address
    assert page.get("/api/state").json()["rater"] == "bob"


def test_the_cookie_stays_on_https_where_it_came_from_https(store):
    page = open_page(store, rater=None)
    answer = page.get(f"https://127.0.0.1/login?token={TOKENS['bob']}")
    assert "; secure" in answer.headers["set-cookie"].lower()


def test_a_visit_through_a_foreign_link_is_tried_again_once(store):
    # the browser withholds a SameSite=Strict cookie on a visit that another site began
    page = open_page(store, rater=None)
    first = page.get("/", headers={"sec-fetch-site": "cross-site"})
    second = page.get("/", headers={"sec-fetch-site": "same-origin"})
    assert 'http-equiv="refresh"' in first.text
    assert "refresh" not in second.text
    assert first.status_code == second.status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "127.0.0.1:x", "[::1"]
)
@pytest.mark.parametrize("rater", [None, "ann"])
def test_a_wrong_host_is_refused_before_anything_else(store, host, rater):
    page = open_page(store, rater)
    token = {"token": TOKENS["ann"]}
    for path in ("/", "/healthz", "/api/next"):
        assert page.get(path, headers={"host": host}).status_code == 400
    answer = page.get("/login", params=token, headers={"host": host})
    assert (answer.status_code, "set-cookie" in answer.headers) == (400, False)


def test_two_host_headers_are_refused(store):
    page = open_page(store)
    twice = [("host", "127.0.0.1"), ("host", "evil.example")]
    assert page.get("/healthz", headers=twice).status_code == 400


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:1", "localhost:8000", "[::1]:80", "LOCALHOST", "lab.example"]
)
def test_the_hosts_of_this_machine_and_those_allowed_are_answered(store, host):
    assert open_page(store).get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:8001"},
        {"origin": "http://127.0.0.1"},
        {"origin": HERE, "sec-fetch-site": "cross-site"},
        {"origin": HERE, "sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("rater", [None, "ann"])
def test_what_another_page_posts_is_refused(store, headers, rater):
    answer = open_page(store, rater).post("/api/events", json=rating(1), headers=headers)
    assert (answer.status_code, store.events("r1")) == (403, [])


@pytest.mark.parametrize(
    "form", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""]
)
def test_only_json_is_read(store, form):
    page = open_page(store)
    headers = {"origin": HERE, "content-type": form}
    answer = page.post("/api/events", content=b'{"query_id": 1}', headers=headers)
    assert answer.status_code == 415


def test_a_body_over_the_limit_is_not_read(store):
    page = open_page(store)
    for size in (MAX_BODY + 1, 1_000_000):
        assert page.tell(rating(1, client_id="x" * size)).status_code == 413
    fits = b" " * (MAX_BODY - 2) + b"{}"
    headers = {"origin": HERE, "content-type": "application/json"}
    assert page.post("/api/events", content=fits, headers=headers).status_code == 422


def test_a_body_that_hides_its_size_is_measured(store):
    def pieces():
        for _ in range(100):
            yield b"x" * 100

    headers = {"origin": HERE, "content-type": "application/json"}
    answer = open_page(store).post("/api/events", content=pieces(), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/clip/../../../etc/passwd",
        "/clip/..%2f..%2f..%2fetc%2fpasswd",
        "/clip/%2e%2e/%2e%2e/etc/passwd",
        "/../pyproject.toml",
        "/..%2f__main__.py",
        "//etc/passwd",
        "/app.js/../security.py",
        "/index.html",
    ],
)
def test_no_path_leads_out_of_the_page(store, path):
    assert open_page(store).get(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/app.js", "/api/state", "/healthz", "/nothing"])
@pytest.mark.parametrize("rater", [None, "ann"])
def test_every_answer_keeps_itself_to_this_page(store, path, rater):
    headers = open_page(store, rater).get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


def test_no_page_describes_the_routes(store):
    page = open_page(store)
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert page.get(path).status_code == 404


def test_a_page_of_one_rater_does_not_speak_for_another(store):
    page = open_page(store, "bob")  # bob signed in while a page of ann's was open
    query = page.get("/api/next").json()
    undo = {"client_id": "client-01", "query_id": query["id"], "kind": "undo"}
    by_ann = page.tell(undo, **{"x-rater": "ann"})
    by_bob = page.tell(undo, **{"x-rater": "bob"})
    assert (by_ann.status_code, by_bob.status_code) == (403, 409)
    assert "Another rater has signed in" in by_ann.json()["detail"]
    assert "no answer of yours" in by_bob.json()["detail"]  # that far it came


def test_the_guard_is_not_in_the_routes(store):
    # else the tests of the routes below would prove nothing about the guard
    bare = TestClient(routes(store, Raters(TOKENS), PageOptions()), base_url="http://evil.example")
    assert bare.get("/healthz").status_code == 200


def test_a_token_is_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr(
        "gym_rated.human.app.tokens.hmac.compare_digest",
        lambda one, two: compared.append((len(one), len(two))) or one == two,
    )
    raters = Raters(TOKENS)
    assert [raters.who(token) for token in (TOKENS["ann"], "x")] == ["ann", None]
    assert compared == [(32, 32)] * 4  # each token against each digest, found or not


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_alone_needs_no_warning(host):
    assert check_host(host, ()) == ""


def test_other_machines_need_a_name_and_a_warning():
    with pytest.raises(
        ValueError, match=r"`host` 0\.0\.0\.0 lets other machines in: .*--allow-host"
    ):
        check_host("0.0.0.0", ())
    assert "plain HTTP" in check_host("0.0.0.0", ("lab.example",))
