"""What must not work: markup in names, other sites, other hosts, old tokens, bodies of any size.

The content security policy is on in every test of this folder; the console reports a breach of it,
and a report that no test foresaw fails the test.
"""

import http.client
import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect
from reel import RUN, fill

from gym_rated.human.store import Store

pytestmark = pytest.mark.browser
MARKUP = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'


def test_markup_in_names_is_shown_as_text(db, material, serve, visit):
    names = tuple(f"{k}{MARKUP}" for k in range(4))
    run = replace(RUN, class_names=names, instructions=MARKUP, task=MARKUP)
    fill(db, material, 3, run)
    server = serve("--name", f"ann{MARKUP}", "--min-view-s", 0)
    ann = visit(server.link)
    ann.click(2)
    ann.wait_until_sent()
    ann.wait_for_clip()
    ann.see("panel").locator("summary").click()
    expect(ann.see("histogram")).to_be_visible()
    expect(ann.see("instructions")).to_have_text(MARKUP)
    expect(ann.see("task")).to_have_text(MARKUP)
    expect(ann.see("rate-2")).to_contain_text(MARKUP)
    assert ann.page.locator("img, script:not([src])").count() == 0
    assert ann.page.evaluate("() => window.broken") is None
    with Store(db) as store:
        assert [e.rater for e in store.events(RUN.id)] == [f"ann{MARKUP}"]


def test_the_policy_stops_what_gets_into_the_page_all_the_same(rated):
    server, ann = rated(1)
    ann.wait_for_clip()
    policy = ann.page.request.get(server.origin).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in policy
    ann.page.evaluate("""() => {
      const script = document.createElement("script");
      script.textContent = "window.broken = 1";
      document.body.append(script);
    }""")
    ann.wait_until(lambda: ann.complaints, "the console names the breach")
    assert all("Content Security Policy" in complaint for complaint in ann.complaints)
    assert ann.page.evaluate("() => window.broken") is None
    ann.foreseen.append("Content Security Policy")


@pytest.fixture
def stranger():
    """Serve an empty page of another origin, at the same site and at another one."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title><body></body>")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join(5)


SEND = """async ([url, kind, body]) => {
  try {
    const answer = await fetch(url, { method: "POST", body, mode: kind ? "cors" : "no-cors",
      credentials: "include", headers: kind ? { "content-type": kind } : {} });
    return `answered ${answer.type} ${answer.status}`;
  } catch {
    return "no answer";
  }
}"""
FORM = """([url, body]) => {
  const form = document.createElement("form");
  Object.assign(form, { method: "POST", action: url, enctype: "text/plain" });
  const field = document.createElement("input");
  Object.assign(field, { name: body.slice(0, 1), value: body.slice(1) });
  form.append(field);
  document.body.append(form);
  form.submit();
}"""
FRAME = """(url) => new Promise((resolve) => {
  const frame = document.createElement("iframe");
  Object.assign(frame, { src: url, onload: () => resolve(true) });
  document.body.append(frame);
})"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin_can_neither_rate_nor_frame(db, rated, stranger, host):
    server, ann = rated(2)
    asked = ann.wait_for_clip()
    deed = {"client_id": "x" * 16, "query_id": asked, "kind": "rate", "rating": 0}
    url, body = f"{server.origin}/api/events", json.dumps(deed)
    ann.foreseen += ["40[0-9]", "CORS", "frame", "ERR_"]
    elsewhere = ann.open_tab()
    elsewhere.goto(f"http://{host}:{stranger}/")
    statuses = []
    elsewhere.on("response", lambda got: "/api/events" in got.url and statuses.append(got.status))
    assert elsewhere.evaluate(SEND, [url, "application/json", body]) == "no answer"
    assert elsewhere.evaluate(SEND, [url, "", body]).startswith(("no answer", "answered opaque"))
    assert elsewhere.evaluate(FRAME, server.origin)
    assert all(not f.locator("#page").count() for f in elsewhere.frames)
    elsewhere.evaluate(FORM, [url, body])
    ann.wait_until(lambda: 403 in statuses, "the form was refused")
    assert set(statuses) <= {400, 403, 405}
    with Store(db) as store:
        assert store.events(RUN.id) == []


def test_a_browser_without_the_token_or_with_an_old_one_gets_a_page_that_says_so(
    db, rated, visit, browser
):
    server, ann = rated(1)
    ann.wait_for_clip()
    bob = visit(server.origin)
    bob.foreseen.append("401")
    expect(bob.page.get_by_role("heading")).to_have_text("Please use your link")
    bob.page.goto(f"{server.origin}/login?token={'A' * 43}")
    expect(bob.page.get_by_role("heading")).to_have_text("Please use your link")
    assert urlsplit(ann.page.url).query == ""  # no token in the address bar, or the history
    (cookie,) = ann.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert ann.page.evaluate("() => document.cookie") == ""
    db.with_name(db.name + ".token").unlink()
    server.kill()
    server.start()  # makes another token
    ann.foreseen += ["401", "ERR_"]
    ann.press("2")
    expect(ann.see("banner")).to_contain_text("Signed out: open your link again. 1 rating is kept")
    ann.page.goto(server.links[""])
    ann.wait_until_sent()
    with Store(db) as store:
        assert [e.rating for e in store.events(RUN.id)] == [1]


def test_raw_requests_that_no_browser_sends_are_refused(db, rated):
    server, ann = rated(1)
    asked = ann.wait_for_clip()
    (cookie,) = ann.context.cookies()
    signed_in = {"cookie": f"{cookie['name']}={cookie['value']}"}
    ours = signed_in | {"origin": server.origin, "content-type": "application/json"}

    def status(method, path, headers, body=None) -> int:
        connection = http.client.HTTPConnection(urlsplit(server.origin).netloc, timeout=20)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    deed = {"client_id": "y" * 16, "query_id": asked, "kind": "rate", "rating": 0}

    def send(headers=ours, **changes) -> int:
        return status("POST", "/api/events", headers, json.dumps(deed | changes))

    assert status("GET", "/", signed_in | {"host": "rebound.example"}) == 400
    assert status("GET", "/api/next", {}) == 401
    assert send(ours | {"origin": "http://rebound.example"}) == 403
    assert send(ours | {"content-type": "text/plain"}) == 415
    assert send(rating=4) == 422
    assert send(client_id="../../x") == 422
    assert status("POST", "/api/events", ours, " " * 1_000_000) == 413
    for path in ("/clip/../../../etc/passwd", "/clip/%2e%2e%2fratings.db", "/../app.py", "/docs"):
        assert status("GET", path, signed_in) == 404
    with Store(db) as store:
        assert store.events(RUN.id) == []
