"""Whatever is asked, in form or out of it, the server answers and does not break (schemathesis)."""

import math

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from pages import TOKENS, open_page
from stores import fill

from gym_rated.human.app.api import PageOptions, routes
from gym_rated.human.app.tokens import Raters
from gym_rated.human.store import Store

SHARES = {  # of all cases
    "GET /healthz": 0.01,
    "GET /login": 0.1,
    "GET /api/next": 0.15,
    "GET /clip/{sha256}": 0.15,
    "POST /api/events": 0.4,
    "POST /api/remarks": 0.1,
    "POST /api/unplayable": 0.09,
    "GET /api/state": 0.08,
    "GET /api/end": 0.02,
}
NUM_CLIPS = 6


@pytest.fixture
def store(sqlite_url):
    with Store(sqlite_url) as store:
        fill(store, NUM_CLIPS)
        yield store


def operations(store):
    described = routes(store, Raters(TOKENS), PageOptions()).openapi()
    found = [each.ok() for each in schemathesis.openapi.from_dict(described).get_all_operations()]
    assert {operation.label for operation in found} == set(SHARES)
    return found


def cases(operation):
    """Return cases in form, and out of it where the operation has a form."""
    modes = [schemathesis.GenerationMode.POSITIVE]
    if operation.label != "GET /healthz":
        modes.append(schemathesis.GenerationMode.NEGATIVE)
    drawn = st.one_of([operation.as_strategy(mode) for mode in modes])
    return st.tuples(drawn, st.sampled_from([None, *range(1, NUM_CLIPS + 2)]))


def send(page, case, query_id):
    words = case.as_transport_kwargs(base_url=str(page.base_url))
    body = words.get("json")
    if query_id is not None and isinstance(body, dict) and "query_id" in body:
        body["query_id"] = query_id  # a clip that is there: so that answers are written, too
    headers = {name: str(value) for name, value in words.pop("headers").items()}
    headers = {name: value for name, value in headers.items() if value.isascii()}
    headers.setdefault("origin", str(page.base_url))
    words.pop("cookies")
    if "data" in words:  # raw bytes, in the name that requests has for them
        words["content"] = words.pop("data")
    return page.request(headers=headers, **words)


@pytest.mark.long
@pytest.mark.parametrize(
    "num_cases", [70, pytest.param(10_000, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_no_case_breaks_the_server(store, num_cases):
    page = open_page(store, options=PageOptions(end_wait_s=0))
    for k in range(NUM_CLIPS):  # lease all
        assert page.get(
            "/api/next", params={"exclude": ",".join(map(str, range(1, k + 1)))}
        ).content
    answered: list[int] = []
    for operation in operations(store):
        number = math.ceil(num_cases * SHARES[operation.label])

        @seed(7)
        @settings(
            max_examples=number,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(cases(operation))
        def try_it(drawn):
            answer = send(page, *drawn)
            answered.append(answer.status_code)
            assert answer.status_code < 500
            if answer.status_code >= 400 and "json" in answer.headers["content-type"]:
                assert answer.json()["detail"]

        try_it()
    assert len(answered) >= num_cases * 0.9  # few inputs have less forms than were asked for
    assert {200, 422} <= set(answered)
    assert page.get("/healthz").status_code == 200
    assert all(0 <= row.rating < 4 or row.kind != "rate" for row in store.events("r1"))
    for row in store.events("r1"):
        assert row.rater == "ann"
