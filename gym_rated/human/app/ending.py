"""The end of a server, told to the pages that are open: they can't tell it from a lost network.

Each page keeps one question open that is answered when the server ends on purpose. A server that is
killed answers nothing; it will be started again, and the page tries until then.
"""

import asyncio


class Ending:
    """Whether a server is about to end."""

    def __init__(self) -> None:
        self._is_near = False
        self._waiting: set[asyncio.Event] = set()

    def announce(self) -> None:
        """Let all who wait know; called in the server's own thread."""
        self._is_near = True
        for event in self._waiting:
            event.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for the end, a while at most; returns whether it is near."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            async with asyncio.timeout(0 if self._is_near else seconds):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(event)
        return self._is_near
