"""The store against a model of a few lines: whatever happens in whatever order, they agree."""

import tempfile

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select
from stores import RUN, Clock, deed, fill, memory_disk

from gym_rated.human.store import SKIPPED, Conflict, Run, Store, tables

RATERS = ("ann", "bob", "eve")
NUM_CLIPS = 3
# A counterexample is as long as it is: to make it shorter takes minutes.
QUICK = settings(deadline=None, phases=[Phase.generate], database=None)
raters = st.sampled_from(RATERS)
clips = st.integers(0, NUM_CLIPS - 1)


class Model:
    """Who holds what, and what was said, in plain dictionaries."""

    def __init__(self, queries: list[int], overlap: int, clock: Clock) -> None:
        self.queries, self.overlap, self.clock = queries, overlap, clock
        self.log: list[tuple[int, str, str, int | None]] = []
        self.leases: dict[tuple[int, str], float] = {}  # in the order of giving

    def last(self, query: int, rater: str) -> tuple[int, str, int | None]:
        """Return (place in the log, kind, rating) of the last deed."""
        mine = [
            (seq, kind, rating)
            for seq, (q, r, kind, rating) in enumerate(self.log)
            if (q, r) == (query, rater)
        ]
        return mine[-1] if mine else (-1, "undo", None)

    def answered(self, query: int, rater: str) -> bool:
        return self.last(query, rater)[1] != "undo"

    def holds(self, query: int, rater: str) -> bool:
        held = self.leases.get((query, rater), 0) > self.clock.now
        return held and not self.answered(query, rater)

    def has_room(self, query: int, rater: str) -> bool:
        others = [r for r in RATERS if r != rater]
        taken = sum(self.answered(query, r) or self.holds(query, r) for r in others)
        return taken < self.overlap

    def next(self, rater: str, exclude: list[int]) -> int | None:
        for query in exclude:
            if self.holds(query, rater) and self.leases[query, rater] <= self.clock.now + 63:
                self.leases[query, rater] = self.clock.now + 90
        given = [q for q, r in self.leases if r == rater]
        held = [q for q in given if self.holds(q, rater) and q not in exclude]
        held.sort(key=lambda q: -self.last(q, rater)[0])
        free = [q for q in self.queries if self.has_room(q, rater) and q not in exclude]
        free = [q for q in free if not self.answered(q, rater)]
        chosen = (held + free or [None])[0]
        if chosen is not None:
            if chosen not in held:
                self.leases.pop((chosen, rater), None)  # given anew: the last in order
            self.leases[chosen, rater] = self.clock.now + 90
        return chosen

    def record(self, query: int | None, rater: str, kind: str, rating: int | None) -> bool:
        """Write a deed down; returns whether it was allowed."""
        if query is None:
            answered = [q for q in self.queries if self.answered(q, rater)]
            query = max(answered, key=lambda q: self.last(q, rater)[0], default=-1)
        allowed = self.answered(query, rater)
        if kind != "undo" and not allowed:
            seated = self.holds(query, rater) or self.has_room(query, rater)
            allowed = (query, rater) in self.leases and seated
        if allowed:
            self.log.append((query, rater, kind, rating))
            if kind == "undo":
                self.leases[query, rater] = self.clock.now + 90
        return allowed

    def revisions(self, query: int, rater: str) -> list[str]:
        return [kind for q, r, kind, _ in self.log if (q, r) == (query, rater)]


class StoreMachine(RuleBasedStateMachine):
    """Raters ask, rate, skip, correct, take back, send twice and fall asleep."""

    def __init__(self, url: str, overlap: int) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = Store(url, clock=self.clock)
        run = Run(**vars(RUN) | {"overlap": overlap})
        self.model = Model(fill(self.store, NUM_CLIPS, run), overlap, self.clock)
        self.cursor, self.read, self.sent = None, [], []

    @rule(rater=raters, exclude=st.lists(clips, max_size=2))
    def ask(self, rater, exclude):
        ids = [self.model.queries[i] for i in exclude]
        query = self.store.next_query(rater, exclude=ids)
        assert (query and query.id) == self.model.next(rater, ids)

    @rule(given=st.randoms(use_true_random=False), rating=st.integers(-1, 3))
    def answer_what_was_given(self, given, rating):
        if self.model.leases:
            query_id, rater = given.choice(list(self.model.leases))
            self._do(query_id, rater, "skip" if rating < 0 else "rate", max(rating, 0))

    @rule(rater=raters, clip=clips)
    def answer_anything(self, rater, clip):
        self._do(self.model.queries[clip], rater, "rate", 1)

    @rule(given=st.randoms(use_true_random=False), is_named=st.booleans())
    def undo(self, given, is_named):
        if self.model.log:
            query_id, rater, *_ = given.choice(self.model.log)
            self._do(query_id if is_named else None, rater, "undo", None)

    def _do(self, query_id, rater, kind, rating):
        rating = rating if kind == "rate" else None
        event = deed(query_id, rater, kind, rating)
        expected = self.model.record(query_id, rater, kind, rating)
        if not expected:
            with pytest.raises(Conflict):
                self.store.record(event)
            return
        recorded = self.store.record(event)
        query_id, rater, *_ = self.model.log[-1]
        assert recorded.query_id == query_id
        assert recorded.revision == len(self.model.revisions(query_id, rater)) - 1
        self.sent.append(event)

    @rule(data=st.data())
    def send_again(self, data):
        if self.sent:
            assert self.store.record(data.draw(st.sampled_from(self.sent))).repeated

    @rule(seconds=st.sampled_from([10, 50, 91]))
    def wait(self, seconds):
        self.clock.now += seconds

    @rule()
    def collect(self):
        rows, self.cursor = self.store.answers_since(RUN.id, self.cursor)
        self.read += rows

    @invariant()
    def no_clip_has_more_raters_than_seats(self):
        for query in self.model.queries:
            answers = sum(self.model.answered(query, rater) for rater in RATERS)
            assert answers <= self.model.overlap

    def teardown(self):
        self.collect()
        number = {f"0-0-{i}": query for i, query in enumerate(self.model.queries)}
        found = [(number[r.segment_id], r.rater, r.kind, r.rating) for r in self.read]
        log = [
            (q, r, k, SKIPPED if rating is None else rating) for q, r, k, rating in self.model.log
        ]
        assert found == log
        with self.store._db.read() as connection:
            counts = dict(
                connection.execute(select(tables.query.c.id, tables.query.c.answers)).all()
            )
        for query in self.model.queries:
            assert counts[query] == sum(self.model.answered(query, rater) for rater in RATERS)
        standing = {(number[r.segment_id], r.rater): r for r in self.store.agreement_rows(RUN.id)}
        expected = [(q, r) for q in self.model.queries for r in RATERS if self.model.answered(q, r)]
        assert sorted(standing) == sorted(expected)
        self.store.close()


@pytest.mark.parametrize("overlap", [1, 2])
def test_store_and_model_agree(overlap):
    with tempfile.TemporaryDirectory(dir=memory_disk()) as folder:
        urls = (f"{folder}/{i}.db" for i in range(10**9))
        run_state_machine_as_test(
            lambda: StoreMachine(next(urls), overlap),
            settings=settings(QUICK, max_examples=8, stateful_step_count=40),
        )


@pytest.mark.slow
@pytest.mark.parametrize("overlap", [1, 2])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_store_and_model_agree_at_length(kind, overlap, request):
    with tempfile.TemporaryDirectory(dir=memory_disk()) as folder:
        urls = (f"{folder}/{i}.db" for i in range(10**9))
        if kind == "postgres":
            server = request.getfixturevalue("postgres")
            urls = (server.new_url() for _ in range(10**9))
        run_state_machine_as_test(
            lambda: StoreMachine(next(urls), overlap),
            settings=settings(QUICK, max_examples=150, stateful_step_count=60),
        )
