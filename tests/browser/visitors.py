"""A rater in a browser: presses what a person presses, and notes what the page complains about."""

import re
import time

from playwright.sync_api import Browser, Page, expect

PATIENCE_S = 60
"""How long anything on the page may take, on a machine with much else to do."""
expect.set_options(timeout=1000 * PATIENCE_S)


class Visitor:
    """One browser of one rater.

    Attributes:
        complaints: Errors on the console and uncaught exceptions, breaches of the content
            security policy among them; a test must leave none that does not match `foreseen`.
    """

    def __init__(self, browser: Browser, link: str, **options) -> None:
        options = {"viewport": {"width": 1000, "height": 900}} | options
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(1000 * PATIENCE_S)
        self.link = link
        self.complaints: list[str] = []
        self.foreseen: list[str] = []
        self.page = self.open_tab()

    def open_tab(self) -> Page:
        page = self.context.new_page()
        page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.link)
        return page

    @property
    def unforeseen(self) -> list[str]:
        return [c for c in self.complaints if not any(re.search(f, c) for f in self.foreseen)]

    def see(self, name: str):
        return self.page.get_by_test_id(name)

    def wait_for_clip(self) -> int:
        """Wait until a clip is shown and may be rated; returns the number of its query."""
        expect(self.see("clip")).to_have_attribute("data-armed", "true")
        return self.query

    @property
    def query(self) -> int:
        return int(self.see("clip").get_attribute("data-query"))

    @property
    def state(self) -> str:
        return self.see("clip").get_attribute("data-state")

    def click(self, rating: int) -> int:
        """Rate by mouse; returns the number of the query."""
        query = self.wait_for_clip()
        self.see(f"rate-{rating}").click()
        return query

    def press(self, key: str) -> int:
        """Press a key at a clip that may be rated; returns the number of the query."""
        query = self.wait_for_clip()
        self.page.keyboard.press(key)
        return query

    def wait_until(self, is_true, what: str, patience_s: float = PATIENCE_S):
        """Wait for what no locator shows, while the browser goes on; returns what it came to."""
        give_up = time.monotonic() + patience_s
        while not (found := is_true()):
            assert time.monotonic() < give_up, f"waited {patience_s} s in vain until {what}"
            self.page.wait_for_timeout(30)
        return found

    def wait_until_sent(self) -> None:
        """Wait until nothing that this rater did is only in the browser."""
        self.wait_until(lambda: not self.outbox(), "the outbox is empty")

    def outbox(self) -> list[str]:
        script = "() => Object.keys(localStorage).filter((key) => key.includes('outbox/'))"
        return self.page.evaluate(script)

    def video(self, member: str):
        """Return a property of the video that is shown."""
        return self.page.evaluate(f"() => document.querySelector('.slot.shown video').{member}")
