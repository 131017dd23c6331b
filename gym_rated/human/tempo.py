"""How fast a run trains, without the time in which it waits for people."""

_WINDOW_S = 60.0  # what was longer ago counts less and less


class Tempo:
    """Steps a second, measured from one pause to the next."""

    def __init__(self) -> None:
        self._steps = self._seconds = 0.0
        self._since: tuple[int, float] | None = None  # step and time at which training went on

    @property
    def steps_per_s(self) -> float | None:
        """How fast it trained lately; None where it has not trained yet."""
        return self._steps / self._seconds if self._steps and self._seconds else None

    def pause(self, step: int, now: float) -> None:
        """Training stands still at a step, at a time in seconds."""
        if self._since is None:
            return
        first_step, began = self._since
        self._steps += step - first_step
        self._seconds += now - began
        self._since = None
        if self._seconds > _WINDOW_S:
            self._steps, self._seconds = self._steps / 2, self._seconds / 2

    def go_on(self, step: int, now: float) -> None:
        """Training goes on from a step, at a time in seconds."""
        self._since = step, now
