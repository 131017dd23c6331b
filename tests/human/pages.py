"""A page to test without a network: the app over a store with clips, and a browser of a rater."""

from starlette.testclient import TestClient

from gym_rated.human.app.api import PageOptions, create_app
from gym_rated.human.app.tokens import Raters

HERE = "http://127.0.0.1:8000"
TOKENS = {"ann": "a" * 43, "bob": "b" * 43}


class Browser(TestClient):
    """A client that behaves as the page does: it names its origin where it changes something."""

    def __init__(self, app, raters: Raters, rater: str | None = "ann", **kwargs) -> None:
        cookies = {raters.cookie: raters.tokens[rater]} if rater else {}
        super().__init__(app, base_url=HERE, cookies=cookies, follow_redirects=False, **kwargs)

    def tell(self, deed: dict, path: str = "/api/events", **headers):
        return self.post(path, json=deed, headers={"origin": HERE, **headers})


def open_page(store, rater: str | None = "ann", options: PageOptions | None = None, **kwargs):
    raters = Raters(TOKENS, "here")
    app = create_app(store, raters, options, allowed_hosts=("lab.example",))
    return Browser(app, raters, rater, **kwargs)


def rating(query_id: int, rating: int = 1, client_id: str = "client-0001", **more) -> dict:
    deed = {"client_id": client_id, "query_id": query_id, "kind": "rate", "rating": rating}
    return {**deed, "shown_ms": 900, **more}
