import pickle
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import pytest
from envs import MODES, KeepingRater, ScriptedEnv, scripted_vector, step_vector, true_reward
from gymnasium.vector import AutoresetMode
from hypothesis import given, settings
from hypothesis import strategies as st

from gym_rated import RatingFeedbackWrapper, Segment, SegmentBuffer
from gym_rated import vector as rated_vector
from gym_rated.segments import Origin

# warnings about small rounds are the subject of test_feedback.py
pytestmark = pytest.mark.filterwarnings("ignore:round", "ignore:a query for")

ENDINGS = ("terminated", "truncated", "both")
scripts_of_envs = st.lists(
    st.lists(st.tuples(st.integers(1, 12), st.sampled_from(ENDINGS)), min_size=1, max_size=4),
    min_size=1,
    max_size=3,
)


class Run:
    """A vector environment, stepped; and a plain account of which steps a query may offer."""

    def __init__(self, scripts: Any, mode: Any, segment_length: int, capacity: int) -> None:
        self.bare = scripted_vector(scripts, mode)
        self.rater = KeepingRater()
        self.envs = rated_vector.RatingFeedbackWrapper(
            self.bare, self.rater, segment_length=segment_length, capacity=capacity
        )
        self.envs.action_space.seed(0)
        self.segment_length = segment_length
        self.rows_kept = capacity // len(scripts)
        self.rows: list[list[int]] = [[] for _ in scripts]  # in which each logged step was taken
        self.num_rows = self.first_unasked = 0

    def step(self) -> Any:
        result = step_vector(self.envs, self.envs.action_space.sample())
        for env, rows in zip(self.bare.envs, self.rows, strict=True):
            rows += [self.num_rows] * (len(env.log) - len(rows))
        self.num_rows += 1
        return result

    def query(self) -> list[Segment]:
        """Ask about everything; check the number found against the account; return the new ones."""
        expected, before = self.num_windows(), len(self.rater.segments)
        assert self.envs.query(1000) == expected == len(self.rater.segments) - before
        self.first_unasked = self.num_rows if expected else self.first_unasked
        return self.rater.segments[before:]

    def num_windows(self) -> int:
        first = max(self.first_unasked, self.num_rows - self.rows_kept)
        total = 0
        for env, rows in zip(self.bare.envs, self.rows, strict=True):
            steps = [step for step, row in zip(env.log, rows, strict=True) if row >= first]
            for _, group in groupby(steps, lambda step: step.episode):
                *_, last = stretch = list(group)
                full, rest = divmod(len(stretch), self.segment_length)
                total += full + (last.terminated and rest > 0)
        return total

    def check(self, segment: Segment) -> set[tuple[int, int, int]]:
        """Compare a segment with what the environments logged; return (env, episode, step)s."""
        env_index, episode = segment.origin.env_index, segment.origin.episode
        numbers = range(segment.origin.first_step, segment.origin.first_step + len(segment))
        env = self.bare.envs[env_index]
        steps = {s.number: s for s in env.log if s.episode == episode}
        assert segment.obs.tolist() == [[env_index, episode, n] for n in numbers]
        np.testing.assert_array_equal(segment.actions, [steps[n].action for n in numbers])
        expected = [true_reward(env_index, episode, n) for n in numbers]
        assert segment.true_rewards.tolist() == expected
        assert 1 <= len(segment) <= self.segment_length
        assert len(segment) == self.segment_length or steps[numbers[-1]].terminated
        return {(env_index, episode, n) for n in numbers}


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=100, deadline=None)
@given(
    scripts=scripts_of_envs,
    segment_length=st.integers(1, 7),
    spare=st.integers(0, 60),
    actions=st.lists(st.sampled_from("ssssssssqrm"), min_size=20, max_size=80),
)
def test_segments_are_what_the_environment_produced(
    mode: Any, scripts: Any, segment_length: int, spare: int, actions: list[str]
) -> None:
    run = Run(scripts, mode, segment_length, len(scripts) * segment_length + spare)
    run.envs.reset()
    seen: set[tuple[int, int, int]] = set()
    for action in [*actions, "q"]:
        if action == "s":
            run.step()
        elif action == "r":
            run.envs.reset()
        elif action == "m":
            run.envs.reset(options={"reset_mask": np.arange(len(scripts)) == 0})
        else:
            for segment in run.query():
                steps = run.check(segment)
                assert not seen & steps, "two segments overlap"
                seen |= steps


def taken(segments: list[Segment]) -> list[tuple[int, int, list[int]]]:
    """Return (env, episode, steps) of each segment, in order."""
    spans = [
        (s.origin.env_index, s.origin.episode, s.obs[:, 2].astype(int).tolist()) for s in segments
    ]
    return sorted(spans)


def run_single(env: ScriptedEnv, num_steps: int, **options: Any) -> Any:
    """Step a single environment and query once; returns the wrapper and its rater's segments."""
    rater = KeepingRater()
    wrapped = RatingFeedbackWrapper(env, rater, **options)
    wrapped.reset()
    for _ in range(num_steps):
        if any(wrapped.step(wrapped.action_space.sample())[2:4]):
            wrapped.reset()
    wrapped.query(100)
    return wrapped, rater.segments


def test_a_fall_is_offered_whole_and_short() -> None:
    # 7 steps in windows of 3: 0-2, 3-5 and, because the episode terminated, 6 alone
    _, segments = run_single(ScriptedEnv([(7, "terminated")]), 7, segment_length=3)
    assert taken(segments) == [(0, 0, [0, 1, 2]), (0, 0, [3, 4, 5]), (0, 0, [6])]


@pytest.mark.parametrize("length", [3, 4, 5])
def test_a_window_cut_by_truncation_is_never_offered(length: int) -> None:
    _, segments = run_single(ScriptedEnv([(length, "truncated")]), 10 * length, segment_length=3)
    assert [len(s) for s in segments] == [3] * 10


def test_an_episode_shorter_than_a_segment_is_rated_where_it_fell() -> None:
    # D13: four episodes of 2 steps, then one of 2 steps that the time limit cut
    env = ScriptedEnv([(2, "terminated")] * 4 + [(2, "truncated")])
    _, segments = run_single(env, 10, segment_length=50)
    assert taken(segments) == [(0, episode, [0, 1]) for episode in range(4)]


def test_termination_and_truncation_in_one_step_count_as_termination() -> None:
    _, segments = run_single(ScriptedEnv([(2, "both")]), 2, segment_length=3)
    assert taken(segments) == [(0, 0, [0, 1])]


def test_segment_never_spans_a_reset_in_the_middle_of_an_episode() -> None:
    rater = KeepingRater()
    env = RatingFeedbackWrapper(ScriptedEnv([(100, "terminated")]), rater, segment_length=4)
    for num_steps in (6, 3, 5):
        env.reset()
        for _ in range(num_steps):
            env.step(env.action_space.sample())
    assert env.query(10) == 2  # 6 and 5 steps hold one window each, 3 steps none
    for segment in rater.segments:
        assert len(set(segment.obs[:, 1])) == 1
        assert np.diff(segment.obs[:, 2]).tolist() == [1, 1, 1]


@pytest.mark.parametrize("num_envs", [1, 3])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_yields_the_same_segments(mode: AutoresetMode, num_envs: int) -> None:
    # 3 episodes of 4 steps in each environment, windows of 3: steps 0-2 and the fall at 3
    bare = scripted_vector([[(4, "terminated")]] * num_envs, mode)
    rater = KeepingRater()
    envs = rated_vector.RatingFeedbackWrapper(bare, rater, segment_length=3)
    envs.reset()
    while bare.envs[0].log[-1:] == [] or bare.envs[0].log[-1][:2] != (2, 3):
        step_vector(envs, envs.action_space.sample())
    envs.query(100)
    spans = [(e, k, n) for e in range(num_envs) for k in range(3) for n in ([0, 1, 2], [3])]
    assert taken(rater.segments) == spans


def test_the_reset_step_of_next_step_autoreset_is_no_transition() -> None:
    bare = scripted_vector([[(2, "terminated")], [(3, "truncated")]])
    rater = KeepingRater()
    envs = rated_vector.RatingFeedbackWrapper(bare, rater, segment_length=2)
    envs.reset()
    for row in range(6):  # a different action in each row: those of reset steps must not appear
        envs.step(np.full((2, 2), row / 10, np.float32))
    envs.query(100)
    # env 0 takes rows 0, 1, is reset in row 2, takes 3, 4 and is reset in 5; env 1 takes 0 to 2,
    # is reset in 3 and takes 4 and 5
    got = {(s.origin.env_index, s.origin.episode): s.actions[:, 0] for s in rater.segments}
    np.testing.assert_allclose(got[0, 0], [0.0, 0.1])
    np.testing.assert_allclose(got[0, 1], [0.3, 0.4])
    np.testing.assert_allclose(got[1, 1], [0.4, 0.5])
    assert len(got) == len(rater.segments) == 4
    assert got[1, 0][0] in np.float32([0.0, 0.1])


def test_same_step_autoreset_does_not_put_the_reset_observation_into_the_old_episode() -> None:
    bare = scripted_vector([[(2, "terminated")]], AutoresetMode.SAME_STEP)
    rater = KeepingRater()
    envs = rated_vector.RatingFeedbackWrapper(bare, rater, segment_length=2)
    envs.reset()
    obs, _, _, _, infos = [envs.step(envs.action_space.sample()) for _ in range(2)][-1]
    assert obs.tolist() == [[0, 1, 0]]
    assert infos["final_obs"][0].tolist() == [0, 0, 2]
    envs.step(envs.action_space.sample())
    envs.step(envs.action_space.sample())
    envs.query(100)
    assert [s.obs.tolist() for s in sorted(rater.segments, key=lambda s: s.id)] == [
        [[0, 0, 0], [0, 0, 1]],
        [[0, 1, 0], [0, 1, 1]],
    ]


def test_an_autoreset_wrapper_below_the_single_wrapper_adds_no_transition() -> None:
    import gymnasium as gym

    env = ScriptedEnv([(2, "terminated")])
    rater = KeepingRater()
    wrapped = RatingFeedbackWrapper(gym.wrappers.Autoreset(env), rater, segment_length=2)
    wrapped.reset()
    for row in range(5):
        wrapped.step(np.full(2, row / 10, np.float32))
    wrapped.query(10)
    got = {s.origin.episode: s.actions[:, 0] for s in rater.segments}
    np.testing.assert_allclose(got[0], [0.0, 0.1])
    np.testing.assert_allclose(got[1], [0.3, 0.4])


def test_the_ring_forgets_what_is_older_than_its_capacity() -> None:
    # 25 steps of one episode, 10 kept: 15 to 24 hold three windows of 3, at offset 0 or 1
    wrapped, segments = run_single(
        ScriptedEnv([(100, "terminated")]), 25, segment_length=3, capacity=10
    )
    steps = [n for _, _, numbers in taken(segments) for n in numbers]
    assert steps in (list(range(15, 24)), list(range(16, 25)))
    assert len(wrapped._feedback.buffer) == 10
    assert wrapped._feedback.buffer.steps == 25


def test_memory_does_not_grow_with_the_number_of_episodes() -> None:
    wrapped, _ = run_single(ScriptedEnv([(2, "terminated")]), 400, segment_length=2, capacity=20)
    for _ in range(50):
        wrapped.reset()
    assert len(list(wrapped._feedback.buffer._episodes.of(0))) <= 11


def test_what_was_asked_is_not_offered_again() -> None:
    wrapped, segments = run_single(ScriptedEnv([(100, "terminated")]), 9, segment_length=3)
    assert len(segments) == 3
    assert wrapped.query(10) == 0
    for _ in range(4):
        wrapped.step(wrapped.action_space.sample())
    assert wrapped.query(10) == 1
    assert set(taken(segments)[-1][2]) <= {9, 10, 11, 12}


def recorded(ending: tuple[int, str], num_episodes: int, **options: Any) -> SegmentBuffer:
    """A buffer with equal episodes of one environment, reset in the step that ends them."""
    buffer = SegmentBuffer(1, 3, 2, capacity=100_000, **options)
    env = ScriptedEnv([ending])
    buffer.begin(env.reset()[0][None])
    for _ in range(num_episodes * ending[0]):
        obs, reward, terminated, truncated, _ = env.step(np.zeros(2))
        over = terminated or truncated
        obs = env.reset()[0] if over else obs
        buffer.record(np.zeros((1, 2)), reward, terminated, over, obs[None], over)
    return buffer


def test_mixed_lengths_are_drawn_equally_often() -> None:
    buffer = recorded((3_000, "terminated"), 1, segment_length=(25, 10, 50))
    lengths = [len(s) for s in buffer.cut(10_000, np.random.default_rng(0), 0)]
    counts = [lengths.count(length) for length in (10, 25, 50)]
    # about 106 windows of 28 steps on average; a third is 35, of 4 standard deviations 20
    assert all(15 <= count <= 55 for count in counts)
    assert len(lengths) - sum(counts) <= 1  # the last of the episode may be short
    assert sum(lengths) == 3_000


@pytest.mark.parametrize("ending", ["terminated", "truncated"])
def test_mixed_lengths_never_overlap_and_miss_no_fall(ending: str) -> None:
    buffer = recorded((31, ending), 2, segment_length=[4, 7])
    for seed in range(20):
        spans = taken(buffer.cut(1000, np.random.default_rng(seed), 0))
        for episode in range(2):
            steps = [n for _, e, numbers in spans if e == episode for n in numbers]
            assert steps == list(range(steps[0], steps[-1] + 1))
            assert len(steps) == 31 if ending == "terminated" else 31 - 4 < len(steps) <= 31
        short = [numbers for _, _, numbers in spans if len(numbers) not in (4, 7)]
        assert all(ending == "terminated" and numbers[-1] == 30 for numbers in short)


@pytest.mark.parametrize("ending", ["terminated", "truncated"])
def test_one_length_in_a_list_is_that_length(ending: str) -> None:
    def spans(segment_length: Any) -> Any:
        env = ScriptedEnv([(11, ending), (9, ending)])
        return taken(run_single(env, 60, segment_length=segment_length, seed=3)[1])

    assert spans(4) == spans([4]) == spans((4, 4))


def test_ids_are_unique_and_origins_say_where_a_segment_is_from() -> None:
    bare = scripted_vector([[(3, "terminated")]] * 2)
    rater = KeepingRater()
    envs = rated_vector.RatingFeedbackWrapper(bare, rater, segment_length=2)
    envs.reset()
    for _ in range(8):  # rows 0-2 are episode 0, row 3 is a reset step, rows 4-6 are episode 1
        envs.step(envs.action_space.sample())
    envs.query(100)
    assert len({s.id for s in rater.segments}) == len(rater.segments) == 8
    origins = {s.origin for s in rater.segments if s.origin.env_index == 1}
    assert origins == {
        Origin(1, 0, 0, 0),
        Origin(1, 0, 2, 4),
        Origin(1, 1, 0, 8),
        Origin(1, 1, 2, 12),
    }
    assert {s.round for s in rater.segments} == {0}


def test_offsets_are_spread_over_what_a_stretch_leaves_free() -> None:
    # 6 steps, windows of 5: steps 0-4 or 1-5, equally often
    firsts = []
    for seed in range(200):
        env = ScriptedEnv([(100, "terminated")])
        _, segments = run_single(env, 6, segment_length=5, seed=seed)
        firsts.append(segments[0].origin.first_step)
    assert set(firsts) == {0, 1}
    assert 70 <= sum(firsts) <= 130  # of binomial(200, 1/2), 4 standard deviations are 28


def test_candidates_are_drawn_from_all_that_was_recorded() -> None:
    # 40 windows of 2 steps; one segment asked about has 10 candidates, which must not be the first
    firsts = set()
    for seed in range(20):
        rater = KeepingRater()
        env = RatingFeedbackWrapper(
            ScriptedEnv([(80, "terminated")]),
            rater,
            segment_length=2,
            select=lambda candidates, num, rng: [0],
            seed=seed,
        )
        env.reset()
        for _ in range(80):
            env.step(env.action_space.sample())
        env.query(1)
        firsts.add(rater.segments[0].origin.first_step)
    assert len(firsts) > 10
    assert max(firsts) > 40


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"segment_length": 0}, ValueError, "`segment_length` must be at least 1, got 0"),
        ({"segment_length": 2.5}, TypeError, "`segment_length` must be an int, got 2.5"),
        ({"segment_length": True}, TypeError, "`segment_length` must be an int, got True"),
        ({"segment_length": "50"}, TypeError, "`segment_length` must be an int, got '50'"),
        ({"segment_length": []}, ValueError, "`segment_length` must hold at least one number"),
        ({"segment_length": [5, 0]}, ValueError, "`segment_length` must be at least 1, got 0"),
        ({"segment_length": [5, 50], "capacity": 99}, ValueError, "a segment of 50 steps for each"),
        ({"capacity": 0}, ValueError, "`capacity` must be at least 1, got 0"),
        ({"capacity": 99}, ValueError, "got 99 steps; use at least 100"),
        ({"capacity": 1e5}, TypeError, "`capacity` must be an int, got 100000.0"),
    ],
)
def test_sizes_that_hold_no_segment_are_refused(options: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        SegmentBuffer(2, 3, 2, **{"segment_length": 50, **options})


@pytest.mark.parametrize(
    ("num_envs", "segment_length", "rows"),
    [
        (1, 50, 200_000),
        (16, 50, 12_500),
        (1_000, 50, 200),
        (1_001, 50, 200),  # 199 of 200,000 steps
        (4_096, 50, 200),  # 48 would hold no segment
        (16_384, (10, 25), 100),
        (1, 60_000, 240_000),
    ],
)
def test_each_of_many_environments_has_room_for_four_segments(
    num_envs: int, segment_length: Any, rows: int
) -> None:
    buffer = SegmentBuffer(num_envs, 1, 1, segment_length=segment_length)
    assert buffer._rows_kept == rows


def filled(buffer: SegmentBuffer, num_rows: int, rng: np.random.Generator) -> SegmentBuffer:
    """Fill a buffer with noise; every episode of 7 rows is terminated by a same-step autoreset."""
    buffer.begin(rng.normal(size=(2, 3)).astype(np.float32))
    for row in range(1, num_rows + 1):
        over = np.full(2, row % 7 == 0)
        actions = rng.normal(size=(2, 2)).astype(np.float32)
        obs = rng.normal(size=(2, 3)).astype(np.float32)
        raw = actions if buffer.record_replay else None
        buffer.record(actions, rng.normal(size=2), over, over, obs, over, raw)
    return buffer


@pytest.mark.parametrize("num_rows", [3, 20, 37])
def test_a_restored_buffer_cuts_the_same_segments(num_rows: int) -> None:
    options = {"segment_length": 3, "capacity": 40, "record_replay": True}
    buffer = filled(SegmentBuffer(2, 3, 2, **options), num_rows, np.random.default_rng(0))
    state = buffer.state_dict()
    restored = SegmentBuffer(2, 3, 2, **options)
    restored.load_state_dict(state)
    expected = buffer.cut(100, np.random.default_rng(1), 0)
    filled(buffer, 5, np.random.default_rng(2))  # going on must not change the state
    again = SegmentBuffer(2, 3, 2, **options)
    again.load_state_dict(state)
    for copy in (restored, again):
        segments = copy.cut(100, np.random.default_rng(1), 0)
        assert [s.id for s in segments] == [s.id for s in expected]
        for a, b in zip(segments, expected, strict=True):
            np.testing.assert_array_equal(a.obs, b.obs)
            np.testing.assert_array_equal(a.actions, b.actions)
            np.testing.assert_array_equal(a.true_rewards, b.true_rewards)
            assert a.origin == b.origin
            assert copy.replay(a).shape == (a.origin.first_step + len(a), 2)
    filled(restored, 5, np.random.default_rng(2))
    assert restored.state_dict()["num_episodes"] == buffer.state_dict()["num_episodes"]
    np.testing.assert_array_equal(restored.state_dict()["_obs"], buffer.state_dict()["_obs"])


@pytest.mark.parametrize(("num_rows", "capacity"), [(37, 60), (37, 30), (15, 20)])
def test_a_buffer_of_another_size_is_refused(num_rows: int, capacity: int) -> None:
    # in a larger ring the rows of a full one would lie elsewhere, though they would fit
    rng = np.random.default_rng(0)
    state = filled(
        SegmentBuffer(2, 3, 2, segment_length=3, capacity=40), num_rows, rng
    ).state_dict()
    other = SegmentBuffer(2, 3, 2, segment_length=3, capacity=capacity)
    with pytest.raises(ValueError, match="`state` must come from a buffer of the same sizes"):
        other.load_state_dict(state)


def test_a_half_empty_buffer_may_be_restored_into_a_larger_one() -> None:
    rng = np.random.default_rng(0)
    buffer = filled(SegmentBuffer(2, 3, 2, segment_length=3, capacity=40), 15, rng)
    larger = SegmentBuffer(2, 3, 2, segment_length=3, capacity=400)
    larger.load_state_dict(buffer.state_dict())
    expected = buffer.cut(100, np.random.default_rng(1), 0)
    got = larger.cut(100, np.random.default_rng(1), 0)
    assert [s.true_rewards.tolist() for s in got] == [s.true_rewards.tolist() for s in expected]


def same_ring(capacity: int | None) -> SegmentBuffer:
    return SegmentBuffer(2, 3, 2, segment_length=3, capacity=capacity, record_frames=True)


def test_a_full_buffer_of_another_default_capacity_goes_on_as_it_was() -> None:
    # a default of 40 steps of two environments was 20 rows, and 37 were recorded
    old = filled(same_ring(40), 37, np.random.default_rng(0))
    restored = same_ring(None)
    restored.load_state_dict(old.state_dict())
    for buffer in (old, restored):
        filled(buffer, 30, np.random.default_rng(1))
        assert len(buffer) == 40
    for a, b in zip(old.state_dict().values(), restored.state_dict().values(), strict=True):
        np.testing.assert_equal(b, a)


def test_the_refusal_of_a_full_buffer_names_the_capacity_that_it_had() -> None:
    state = filled(same_ring(40), 37, np.random.default_rng(0)).state_dict()
    with pytest.raises(ValueError, match=r"give the `capacity` that it had, 40$"):
        same_ring(60).load_state_dict(state)


def test_a_damaged_state_makes_no_default_ring_shorter_than_a_segment() -> None:
    state = filled(same_ring(40), 37, np.random.default_rng(0)).state_dict()
    short = {name: state[name][:3] for name in ("_obs", "_actions", "_rewards")}
    with pytest.raises(ValueError, match="`state` must come from a buffer of the same sizes"):
        same_ring(None).load_state_dict(state | short)


def test_only_steps_with_frames_are_cut_where_frames_are_recorded() -> None:
    # 12 steps, of which 3 to 6 and 9 to 10 have a picture: windows of 2 at 3, 5 and 9
    buffer = SegmentBuffer(1, 1, 1, segment_length=2, capacity=100, record_frames=True)
    buffer.begin(np.zeros((1, 1), np.float32))
    for step in range(12):
        frames = [b"%d" % step] if step in (3, 4, 5, 6, 9, 10) else None
        buffer.record(np.zeros((1, 1)), 0.0, False, False, np.full((1, 1), step + 1), frames=frames)
    segments = sorted(buffer.cut(10, np.random.default_rng(0), 0), key=lambda s: s.obs[0, 0])
    assert [s.obs[:, 0].tolist() for s in segments] == [[3, 4], [5, 6], [9, 10]]
    assert [s.frames for s in segments] == [(b"3", b"4"), (b"5", b"6"), (b"9", b"10")]


# -- the newest steps --


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=60, deadline=None)
@given(
    scripts=scripts_of_envs,
    capacity=st.integers(20, 60),
    most=st.integers(1, 200),
    num_steps=st.integers(0, 60),
)
def test_recent_steps_are_the_last_that_the_environment_took(
    mode: Any, scripts: Any, capacity: int, most: int, num_steps: int
) -> None:
    run = Run(scripts, mode, 1, capacity)
    run.envs.reset()
    for _ in range(num_steps):
        run.step()
    recent = run.envs._feedback.buffer.recent(most)
    num_envs = len(scripts)
    num_rows = max(most // num_envs, min(most, 4))  # at least four segments of one step
    first = max(run.num_rows - num_rows, run.num_rows - run.rows_kept)
    expected = [
        (i, step)
        for i, (env, rows) in enumerate(zip(run.bare.envs, run.rows, strict=True))
        for step, row in zip(env.log, rows, strict=True)
        if i < most // num_rows and row >= first
    ]
    assert len(recent) == len(expected) <= most
    assert recent.obs.tolist() == [[i, step.episode, step.number] for i, step in expected]
    assert recent.true_rewards.tolist() == [step.reward for _, step in expected]
    np.testing.assert_array_equal(
        recent.actions.reshape(-1, 2), np.array([s.action for _, s in expected]).reshape(-1, 2)
    )
    same = [(a[0], a[1].episode) == (b[0], b[1].episode) for a, b in pairwise(expected)]
    assert (np.diff(recent.episodes) == 0).tolist() == same


def test_recent_steps_of_very_many_environments_are_of_a_few_of_them() -> None:
    buffer = SegmentBuffer(100, 1, 1, segment_length=(2, 5))
    buffer.begin(np.arange(100)[:, None])
    for _ in range(50):
        buffer.record(np.zeros((100, 1)), 0.0, False, False, np.arange(100)[:, None])
    # four segments of five steps are 20 rows, of 200 // 20 environments
    assert buffer.recent(200).obs[:, 0].tolist() == np.repeat(np.arange(10), 20).tolist()
    assert buffer.recent(7).obs[:, 0].tolist() == [0] * 7
    with pytest.raises(ValueError, match="`most` must be at least 1, got 0"):
        buffer.recent(0)


def test_recent_steps_are_copies_and_the_same_once_restored() -> None:
    options = {"segment_length": 3, "capacity": 40}
    buffer = filled(SegmentBuffer(2, 3, 2, **options), 37, np.random.default_rng(0))
    restored = SegmentBuffer(2, 3, 2, **options)
    restored.load_state_dict(buffer.state_dict())
    before = buffer.recent(30)
    recent = buffer.recent(30)
    for array in vars(recent).values():
        array[:] = 0
    for again in (buffer, restored):
        for name, array in vars(again.recent(30)).items():
            np.testing.assert_array_equal(array, getattr(before, name))


def test_a_copy_of_a_buffer_knows_no_true_reward_of_before() -> None:
    buffer = filled(SegmentBuffer(2, 3, 2, segment_length=3), 9, np.random.default_rng(0))
    copy = pickle.loads(pickle.dumps(buffer))
    assert np.isnan(copy.recent(100).true_rewards).all()
    assert np.isfinite(buffer.recent(100).true_rewards).all()
