"""Training waits for people between steps, says so, and gives up only where it was told to."""

import io
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from gym_rated import SyntheticRater
from gym_rated.human import pacing as module
from gym_rated.human.pacing import Pacing
from gym_rated.human.tempo import Tempo


class FakeRater:
    """Asked about `num_asked` segments; of `waiting`, one is answered at each look."""

    def __init__(self, waiting: int, url: str | None = "http://page", answers: bool = True) -> None:
        self.num_asked = waiting
        self.num_settled = 0
        self.is_away = False
        self.num_answers = 0
        self.waiting = waiting
        self.answers = answers
        self.looks = 0
        self.url = url
        self.shown: list[Mapping[str, float]] = []
        self.shares: list[Mapping[str, float]] = []
        self.steps: list[tuple[int, float | None]] = []
        self.deeds: list[tuple[str, float | None]] = []
        self.store = SimpleNamespace(place=SimpleNamespace(name="ratings.db"))
        self.dropped: dict[str, int] = {}

    @property
    def pending(self) -> int:
        self.looks += 1
        if self.looks > 1 and self.answers:
            self.waiting = max(0, self.waiting - 1)
        return self.waiting

    def progress(self) -> Any:
        return SimpleNamespace(
            unanswered=self.waiting,
            rated=12,
            ratings_per_minute=6.0,
            jobs_waiting=0,
            workers=(),
            jobs_dropped=sum(self.dropped.values()),
            drop_reasons=self.dropped,
        )

    def seen(
        self, step: int, learned_return: float | None, doing: str, steps_per_s: float | None
    ) -> None:
        self.steps.append((step, learned_return))
        self.deeds.append((doing, steps_per_s))

    def show_learned(self, returns: Mapping[str, float]) -> None:
        self.shown.append(returns)

    def show_contradicting(self, shares: Mapping[str, float]) -> None:
        self.shares.append(shares)

    def close(self) -> None:
        self.url = None


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POLL_S", 0.001)


def make(rater: Any, saved: list[str], **options: Any) -> Pacing:
    return Pacing(rater, lambda: saved.append("saved"), run_dir="runs/r1", **options)


@pytest.mark.parametrize(("max_lead", "left"), [(0, 0), (3, 3), (9, 9)])
def test_waits_until_the_lead_is_allowed(max_lead: int, left: int) -> None:
    rater, saved = FakeRater(10), []
    assert make(rater, saved, max_lead=max_lead, out=io.StringIO()).hold(100)
    assert rater.waiting == left
    assert saved == ["saved"]  # once, before the waiting


def test_a_small_lead_is_no_reason_to_wait_and_asks_the_store_once() -> None:
    rater, saved = FakeRater(10, answers=False), []
    pacing = make(rater, saved, max_lead=10)
    assert [pacing.hold(step) for step in range(100)] == [True] + [False] * 99
    assert rater.looks == 1
    assert saved == []
    rater.num_asked, rater.answers = 20, True
    rater.waiting = 20
    assert pacing.hold(101)


class DeferringRater(FakeRater):
    """Tells nobody of what is submitted until `send`."""

    def __init__(self, log: list[str]) -> None:
        super().__init__(0)
        self.log, self.unsent = log, 0

    def send(self) -> None:
        self.log += [f"sent {self.unsent}"] if self.unsent else []
        self.num_asked += self.unsent
        self.waiting += self.unsent
        self.unsent = 0


@pytest.mark.parametrize("max_lead", [0, 50, float("inf")])
def test_nobody_is_asked_before_a_checkpoint_holds_the_question(max_lead: float) -> None:
    log: list[str] = []
    rater = DeferringRater(log)
    pacing = make(rater, log, max_lead=max_lead, out=io.StringIO())
    pacing.hold(1)
    assert log == []
    rater.unsent = 3
    pacing.hold(2)
    pacing.hold(3)
    assert log == ["saved", "sent 3"]  # one checkpoint also where it then waits


def test_a_rater_of_another_kind_is_told_to_send_too() -> None:
    log: list[str] = []
    remote = SimpleNamespace(unsent=2, send=lambda: log.append("sent"))
    assert not make(remote, log).hold(1)
    assert log == ["saved", "sent"]


def test_a_resumed_run_waits_where_the_killed_one_would_have_waited() -> None:
    rater = FakeRater(10, answers=False)
    rater.num_settled = 10  # it had waited for these
    assert not make(rater, [], max_lead=0).hold(1)
    rater.num_settled, rater.answers = 9, True
    assert make(rater, [], max_lead=0, out=io.StringIO()).hold(2)
    assert rater.num_settled == 10


def test_a_run_without_people_never_waits() -> None:
    assert not make(SyntheticRater(3), [], max_lead=0).hold(1, rest=True)
    make(None, []).close()


def test_all_answers_are_waited_for_once_before_the_extra_steps() -> None:
    rater, saved = FakeRater(5), []
    pacing = make(rater, saved, max_lead=50, out=io.StringIO())
    assert pacing.hold(1)
    assert rater.waiting == 5
    assert pacing.hold(2, rest=True)
    assert rater.waiting == 0
    assert not pacing.hold(3, rest=True)


def test_the_line_says_how_many_how_fast_how_long_and_where() -> None:
    out = io.StringIO()
    make(FakeRater(15), [], max_lead=2, out=out).hold(1)
    # 15 less 2 are missing, at 6 a minute: 130 s
    assert out.getvalue() == (
        "waiting for 13 more ratings · 12 so far · 6.0 a minute · about 2 min · http://page\n"
    )


def test_nobody_for_too_long_is_an_error_that_says_what_to_do() -> None:
    saved: list[str] = []
    pacing = make(FakeRater(5, answers=False), saved, max_lead=0, timeout_s=0, out=io.StringIO())
    with pytest.raises(TimeoutError) as raised:
        pacing.hold(1)
    text = str(raised.value)
    assert "5 segments wait at http://page" in text
    assert "`gym-rated status --db ratings.db`" in text
    assert "--resume runs/r1" in text
    assert saved == ["saved"]


def test_ctrl_c_while_waiting_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module.time, "sleep", interrupt)
    saved: list[str] = []
    with pytest.raises(SystemExit, match="nothing is lost: continue this run with --resume runs/r"):
        make(FakeRater(5), saved, max_lead=0, out=io.StringIO()).hold(1)
    assert saved == ["saved"]


def test_a_run_that_never_waits_warns_once_that_it_is_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_ALONE_S", 0.0)
    pacing = make(FakeRater(5, answers=False), [], max_lead=float("inf"))
    with pytest.warns(UserWarning, match="nobody has rated anything yet; rate at http://page"):
        assert not pacing.hold(1)
    assert not pacing.hold(2, rest=True)  # without another warning


def test_segments_that_nobody_could_see_are_warned_of() -> None:
    rater = FakeRater(1)
    rater.dropped = {"it did not repeat": 3}
    said = "3 segments could not be shown .* 3 x it did not repeat; .* happen: --clips capture"
    with pytest.warns(UserWarning, match=said):
        make(rater, [], max_lead=0, out=io.StringIO()).hold(1)


def test_the_page_hears_of_the_last_learned_return() -> None:
    rater = FakeRater(0)
    pacing = make(rater, [], learned=SimpleNamespace(return_queue=[1.5, 2.5]))
    pacing.hold(64)
    pacing.hold(65)  # too soon to say again
    assert rater.steps == [(64, 2.5)]


def test_the_page_hears_what_the_model_makes_of_rated_segments_when_that_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_SEEN_S", 0.0)
    monkeypatch.setattr(module, "_JUDGED_S", 0.0)
    rater, judged = FakeRater(0), iter([{}, {"a": 1.0}, {"a": 1.0}, {"a": 2.0}])
    pacing = make(rater, [], judge=lambda: next(judged))
    for step in range(4):
        pacing.hold(step)
    assert rater.shown == [{"a": 1.0}, {"a": 2.0}]


def test_the_page_hears_which_shares_contradict_the_rest_when_that_changes_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_SEEN_S", 0.0)
    monkeypatch.setattr(module, "_JUDGED_S", 0.0)
    monkeypatch.setattr(FakeRater, "finish", lambda self: self.shares.append({}), raising=False)
    rater, shares = FakeRater(0), iter([{}, {"ann": 0.2}, {"ann": 0.2}, {"ann": 0.1}])
    pacing = make(rater, [], contradicting=lambda: next(shares))
    for step in range(3):
        pacing.hold(step)
    assert rater.shares == [{"ann": 0.2}]
    pacing.close()  # the last fit comes behind the last wait
    assert rater.shares == [{"ann": 0.2}, {"ann": 0.1}, {}]


@pytest.mark.parametrize("flags", [{"max_lead": -1}, {"max_lead": float("nan")}])
def test_a_negative_lead_is_refused(flags: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="`max_lead` must be at least 0"):
        make(FakeRater(0), [], **flags)


def test_a_database_that_is_away_as_waiting_ends_does_not_end_the_run() -> None:
    class Away(FakeRater):
        def progress(self) -> Any:
            raise RuntimeError("`db` was moved")

    rater = Away(waiting=2)
    assert Pacing(rater, lambda: None, max_lead=0, out=io.StringIO()).hold(100)
    assert rater.num_settled == 2


def test_a_run_that_waits_for_all_answers_waits_for_a_database_that_is_away(tmp_path):
    """What was answered before it went cannot be known: the last answers would be missed."""

    class Away(FakeRater):
        @property
        def pending(self) -> int:
            self.looks += 1
            self.is_away = self.looks < 4
            return 0

    rater = Away(2)
    pacing = Pacing(rater, lambda: None, max_lead=0, run_dir=tmp_path)
    assert pacing.hold(1, rest=True)
    assert rater.looks == 4


def test_the_page_hears_what_the_run_does_and_how_fast_it_trains(monkeypatch) -> None:
    monkeypatch.setattr(module, "_SEEN_S", 0.0)
    rater = FakeRater(2)
    pacing = make(rater, [], max_lead=0, out=io.StringIO())
    assert pacing.hold(100)
    assert [doing for doing, _ in rater.deeds] == ["training", "waiting", "waiting", "learning"]
    assert pacing._tempo.steps_per_s is None  # nothing was trained yet
    pacing.hold(300)
    doing, speed = rater.deeds[-1]
    assert doing == "training"
    assert speed is not None
    assert speed > 0


def test_the_speed_of_a_run_leaves_out_the_time_in_which_it_waits() -> None:
    tempo = Tempo()
    tempo.pause(0, now=5.0)
    assert tempo.steps_per_s is None
    tempo.go_on(0, now=100.0)
    tempo.pause(50, now=110.0)
    tempo.go_on(50, now=1_000.0)
    tempo.pause(100, now=1_010.0)
    assert tempo.steps_per_s == 5.0  # 100 steps in 20 s


def test_of_the_speed_of_a_run_the_latest_counts_most() -> None:
    tempo = Tempo()
    for k in range(20):
        tempo.go_on(1_000 * k, now=100.0 * k)
        tempo.pause(1_000 * k + (100 if k < 10 else 500), now=100.0 * k + 50)
    assert tempo.steps_per_s == pytest.approx(10.0, rel=0.01)
