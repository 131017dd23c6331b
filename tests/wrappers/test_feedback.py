from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater, ScriptedEnv, SlowRater, SpoiltEnv, scripted_vector
from gymnasium.error import ResetNeeded

from gym_rated import CallableRater, LearnedRewardWrapper, RatingFeedbackWrapper, SyntheticRater
from gym_rated import vector as rated_vector
from gym_rated.raters import SKIPPED

LONG = [(1000, "terminated")]
no_small_rounds = pytest.mark.filterwarnings("ignore:round")


def walk(env: Any, num_steps: int) -> Any:
    """Take steps from a reset; returns the environment."""
    env.reset()
    for _ in range(num_steps):
        env.step(env.action_space.sample())
    return env


def watched(on_ratings: bool = True, **options: Any) -> tuple[Any, SlowRater, list[int]]:
    """A wrapped endless episode, its slow rater, and how many ratings each call of ours saw."""
    rater, calls = SlowRater(), []
    if on_ratings:
        options["on_ratings"] = lambda ratings: calls.append(len(ratings))
    env = RatingFeedbackWrapper(ScriptedEnv(LONG), rater, segment_length=2, **options)
    env.reset()
    return env, rater, calls


# -- the schedule --


def test_queries_are_asked_at_their_steps() -> None:
    env, rater, _ = watched(schedule={10: 2, 15: 1})
    asked = []
    for _ in range(20):
        env.step(env.action_space.sample())
        asked.append(len(rater.submitted))
    assert asked == [0] * 9 + [2] * 5 + [3] * 6


@pytest.mark.parametrize("num_envs", [1, 3])
def test_schedules_count_steps_over_all_environments(num_envs: int) -> None:
    rater = SlowRater()
    envs = rated_vector.RatingFeedbackWrapper(
        scripted_vector([LONG] * num_envs), rater, segment_length=2, schedule={10: 2}
    )
    envs.reset()
    asked = []
    for _ in range(10):
        envs.step(envs.action_space.sample())
        asked.append(len(rater.submitted))
    first = -(-10 // num_envs)  # the first vector step by which 10 steps are taken
    assert asked == [0] * (first - 1) + [2] * (11 - first)


def test_two_queries_within_one_vector_step_are_both_asked() -> None:
    rater = SlowRater()
    envs = rated_vector.RatingFeedbackWrapper(
        scripted_vector([LONG] * 8), rater, segment_length=1, schedule={9: 2, 12: 3}
    )
    walk(envs, 2)
    assert len(rater.submitted) == 5


def test_a_shortfall_is_asked_for_at_the_next_scheduled_query() -> None:
    # at step 4 two windows of 2 can be cut though 5 are wanted: the 3 missing are added to the 1
    env, rater, _ = watched(schedule={4: 5, 20: 1})
    for _ in range(19):
        env.step(env.action_space.sample())
    assert len(rater.submitted) == 2
    env.step(env.action_space.sample())
    assert len(rater.submitted) == 2 + 4


def test_a_shortfall_of_the_last_query_is_made_up_for_every_so_many_steps() -> None:
    # at step 4 two windows of 2 can be cut though 9 are wanted; 5 steps hold two more, no third
    env, rater, _ = watched(on_ratings=False, schedule={4: 9}, collect_every=5)
    asked = []
    for _ in range(30):
        env.step(env.action_space.sample())
        asked.append(len(rater.submitted))
    assert asked == [0] * 3 + [2] * 5 + [4] * 5 + [6] * 5 + [8] * 5 + [9] * 7


def test_a_shortfall_waits_quietly_for_steps_to_ask_about() -> None:
    # episodes of 3 steps that a time limit ends hold no window of 5; warned of once, at step 4
    rater = SlowRater()
    env = RatingFeedbackWrapper(
        ScriptedEnv([(3, "truncated")]), rater, segment_length=5, schedule={4: 1}, collect_every=2
    )
    walk(env, 3)
    env.reset()
    with pytest.warns(UserWarning, match="a query for 1 segments found none"):
        env.step(env.action_space.sample())
    for _ in range(10):
        walk(env, 3)  # warnings are errors here
    assert rater.submitted == []


def test_answers_are_still_looked_for_while_a_shortfall_is_made_up_for() -> None:
    env, rater, calls = watched(schedule={4: 3}, collect_every=5, min_new=1)
    for _ in range(4):
        env.step(env.action_space.sample())
    rater.answer(2)
    for _ in range(5):
        env.step(env.action_space.sample())
    assert (len(rater.submitted), calls) == (3, [2])


def test_a_scheduled_query_that_finds_nothing_warns_and_is_made_up_for() -> None:
    env, rater, _ = watched(schedule={1: 2, 8: 1})
    with pytest.warns(UserWarning, match="a query for 2 segments found none at step 1: .* 2 steps"):
        env.step(env.action_space.sample())
    for _ in range(7):
        env.step(env.action_space.sample())
    assert len(rater.submitted) == 3


def test_what_a_failing_rater_was_asked_is_still_owed() -> None:
    env, rater, _ = watched(schedule={4: 1, 8: 1})
    submit = rater.submit
    rater.submit = lambda segments: 1 / 0
    with pytest.raises(ZeroDivisionError):
        walk(env, 4)
    rater.submit = submit
    walk(env, 4)
    assert len(rater.submitted) == 2


@pytest.mark.parametrize(
    "schedule", [{0: 1}, {1: 0}, {1.5: 1}, {1: 0.5}, {"a": 1}, {1: "a"}, {True: 1}]
)
def test_a_bad_schedule_is_refused(schedule: Any) -> None:
    with pytest.raises(ValueError, match=r"`schedule` must map steps >= 1 .*query_schedule makes"):
        RatingFeedbackWrapper(ScriptedEnv(), SlowRater(), schedule=schedule)


def test_the_schedule_given_is_not_used_up() -> None:
    schedule = {4: 1}
    env, _, _ = watched(schedule=schedule)
    walk(env, 6)
    assert schedule == {4: 1}


# -- slow raters and on_ratings --


def test_answers_of_a_slow_rater_arrive_whenever_they_are_given() -> None:
    env, rater, _ = watched(on_ratings=False)
    walk(env, 20)
    assert env.query(4) == 4
    assert (rater.pending, len(env.ratings), env.collect()) == (4, 0, 0)
    walk(env, 500)
    rater.answer(3)
    assert env.collect() == 3
    assert (rater.pending, len(env.ratings)) == (1, 3)
    rater.answer(1)
    assert env.query(2) == 2  # a later query collects what is there
    assert len(env.ratings) == 4


def test_on_ratings_is_called_when_enough_are_new() -> None:
    env, rater, calls = watched(schedule={10: 5}, collect_every=4, min_new=3)
    walk(env, 10)
    assert calls == []
    rater.answer(2)
    walk(env, 8)
    assert calls == []  # 2 of 5 are no 3
    rater.answer(1)
    walk(env, 4)
    assert calls == [3]
    walk(env, 50)
    assert calls == [3]  # nothing is new
    rater.answer(2)  # less than 3, but all that was asked
    walk(env, 4)
    assert calls == [3, 5]


def test_answers_are_looked_for_every_so_many_steps_and_not_in_between() -> None:
    env, rater, calls = watched(schedule={10: 4}, collect_every=7, min_new=1)
    walk(env, 10)
    rater.answer(4)
    when = []
    for step in range(11, 40):
        env.step(env.action_space.sample())
        when += [step] * (len(calls) - len(when))
    assert when == [17]


def test_a_fast_rater_calls_on_ratings_with_the_query() -> None:
    calls = []
    env = RatingFeedbackWrapper(
        ScriptedEnv(LONG),
        KeepingRater(),
        segment_length=2,
        schedule={10: 4, 20: 2},
        on_ratings=lambda ratings: calls.append((len(ratings), env._feedback.buffer.steps)),
    )
    walk(env, 30)
    assert calls == [(4, 10), (6, 20)]


@no_small_rounds
def test_revisions_count_as_new() -> None:
    # regraded at every query: at the second one old ratings move, and on_ratings hears of it
    changes = []
    env = RatingFeedbackWrapper(
        ScriptedEnv(LONG),
        SyntheticRater(2),
        segment_length=2,
        schedule={8: 4, 16: 4},
        on_ratings=lambda ratings: changes.append([r.rating for r in ratings.ratings]),
    )
    walk(env, 16)
    # rewards grow by the step: of 4 the later 2 are good, of 8 the later 4, so that none of the
    # first 4 stays good
    assert [sum(c) for c in changes] == [2, 4]
    assert changes[1][:4] == [0, 0, 0, 0]
    assert {r.revision for r in env.ratings.ratings} == {0, 1}


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"on_ratings": 3}, TypeError, "`on_ratings` must be callable, got 3"),
        ({"select": "best"}, TypeError, "`select` must be callable, got 'best'"),
        ({"collect_every": 0}, ValueError, "`collect_every` must be at least 1, got 0"),
        ({"min_new": 0}, ValueError, "`min_new` must be at least 1, got 0"),
        ({"min_new": 1.5}, TypeError, "`min_new` must be an int, got 1.5"),
        ({"segment_length": 60, "capacity": 59}, ValueError, "got 59 steps; use at least 60"),
        ({"segment_length": -1}, ValueError, "`segment_length` must be at least 1, got -1"),
    ],
)
@pytest.mark.parametrize("vector", [False, True])
def test_bad_options_are_refused(options: Any, error: type, text: str, vector: bool) -> None:
    wrapper: Any = rated_vector.RatingFeedbackWrapper if vector else RatingFeedbackWrapper
    bare: Any = scripted_vector([LONG]) if vector else ScriptedEnv()
    with pytest.raises(error, match=text):
        wrapper(bare, SlowRater(), **options)


# -- queries by hand --


@pytest.mark.parametrize(("num", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError)])
def test_a_query_for_no_segment_is_refused(num: Any, error: type) -> None:
    with pytest.raises(error, match=f"`num_segments` must be .*, got {num}"):
        watched()[0].query(num)


def test_a_query_before_any_step_warns() -> None:
    env, _, _ = watched()
    with pytest.warns(UserWarning, match="a query for 3 segments found none at step 0"):
        assert env.query(3) == 0


@pytest.mark.parametrize("answers", ["scores", "comparisons"])
def test_a_round_of_scores_or_comparisons_tells_segments_apart(answers: Any) -> None:
    env = RatingFeedbackWrapper(
        ScriptedEnv(LONG), SyntheticRater(3, answers=answers), segment_length=2
    )
    walk(env, 20)
    assert env.query(4) == 4  # a warning would be an error here


def test_a_round_of_one_class_warns_with_its_counts() -> None:
    env = RatingFeedbackWrapper(
        ScriptedEnv(LONG), CallableRater(lambda segment: 1, num_classes=3), segment_length=2
    )
    walk(env, 20)
    with pytest.warns(UserWarning, match=r"round 0 has fewer than two .* per class \[0, 4, 0\]"):
        env.query(4)


def test_a_round_of_skips_warns_too() -> None:
    env = RatingFeedbackWrapper(
        ScriptedEnv(LONG), CallableRater(lambda segment: SKIPPED, num_classes=2), segment_length=2
    )
    walk(env, 20)
    with pytest.warns(UserWarning, match=r"counts per class \[0, 0\]"):
        env.query(4)
    assert len(env.ratings) == 0
    assert env.ratings.num_segments == 4


def test_a_slow_round_of_one_class_warns_when_its_answers_are_in() -> None:
    env, rater, _ = watched(on_ratings=False)
    walk(env, 20)
    env.query(4)  # no warning yet: nobody has answered
    rater.answer(2, lambda segment: 1)
    env.collect()
    rater.answer(2, lambda segment: 1)
    with pytest.warns(UserWarning, match=r"round 0 .* per class \[0, 4\]"):
        env.collect()
    env.collect()  # said once


def test_rounds_are_numbered() -> None:
    env, rater, _ = watched(on_ratings=False)
    for _ in range(3):
        walk(env, 20)
        env.query(2)
    assert [s.round for s in rater.submitted] == [0, 0, 1, 1, 2, 2]


# -- select --


def test_select_chooses_among_ten_candidates_for_each_segment() -> None:
    seen = []

    def longest_first(candidates: Any, num: int, rng: np.random.Generator) -> list[int]:
        seen.append((len(candidates), num, isinstance(rng, np.random.Generator)))
        return np.argsort([-c.obs[0, 2] for c in candidates])[:num]

    env, rater, _ = watched(select=longest_first, on_ratings=False)
    walk(env, 100)
    assert env.query(3) == 3
    assert seen == [(30, 3, True)]
    firsts = [s.obs[0, 2] for s in rater.submitted]
    assert firsts == sorted(firsts, reverse=True)
    walk(env, 8)
    env.query(3)
    assert seen[1] == (4, 3, True)  # only what was added since, and no more than there is


def test_select_never_sees_the_true_rewards_and_the_rater_does() -> None:
    seen = []

    def look(candidates: Any, num: int, rng: np.random.Generator) -> list[int]:
        seen.extend(candidates)
        return list(range(num))

    env, rater, _ = watched(select=look, on_ratings=False)
    walk(env, 40)
    env.query(2)
    assert len(seen) == 20
    assert all(len(s.true_rewards) == 2 and np.isnan(s.true_rewards).all() for s in seen)
    assert [s.id for s in rater.submitted] == [s.id for s in seen[:2]]
    assert all(np.isfinite(s.true_rewards).all() for s in rater.submitted)


@pytest.mark.parametrize(
    "answer", [[0, 0], [99], [-1], [0, 1, 2, 3], [0.5], [True, False], ["0"], np.array([0.0, 1.0])]
)
def test_a_select_that_returns_no_valid_choice_is_refused(answer: Any) -> None:
    env, rater, _ = watched(select=lambda candidates, num, rng: answer, on_ratings=False)
    walk(env, 20)
    with pytest.raises(ValueError, match="`select` must return at most 3 different indices bel"):
        env.query(3)
    assert rater.submitted == []
    assert env.ratings.num_segments == 0


def test_a_select_may_choose_fewer() -> None:
    env, rater, _ = watched(
        select=lambda candidates, num, rng: [np.int64(1)], schedule={10: 3, 20: 1}
    )
    walk(env, 10)
    assert len(rater.submitted) == 1
    env.step(env.action_space.sample())


# -- bad numbers at a step --


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("learned", [False, True])
def test_a_bad_action_is_refused_before_the_environment_sees_it(bad: float, learned: bool) -> None:
    bare = ScriptedEnv(LONG)
    env: Any = RatingFeedbackWrapper(bare, KeepingRater(), segment_length=2)
    env = LearnedRewardWrapper(env, lambda obs, actions: obs[:, 0]) if learned else env
    walk(env, 3)
    with pytest.raises(ValueError, match=r"`actions` must be finite, got .*has the policy div"):
        env.step(np.array([0.0, bad]))
    assert len(bare.log) == 3
    env.step(np.zeros(2))  # nothing happened: it may go on
    assert env.get_wrapper_attr("query")(10) == 2


@no_small_rounds
@pytest.mark.parametrize(
    ("spoilt", "text"),
    [
        ([0.0, np.nan, 3.0], r"`obs` must be finite, got nan at index 1"),
        ([np.inf, 0.0, 3.0], r"`obs` must be finite, got inf at index 0"),
        ([0.0, 3.0], r"`obs` must have shape \(3,\) for Box.* got \(2,\)"),
    ],
)
@pytest.mark.parametrize("learned", [False, True])
def test_a_bad_observation_is_refused_and_leaves_no_trace(
    spoilt: Any, text: str, learned: bool
) -> None:
    rater = KeepingRater()
    env: Any = RatingFeedbackWrapper(SpoiltEnv(3, spoilt), rater, segment_length=2)
    env = LearnedRewardWrapper(env, lambda obs, actions: obs[:, 0]) if learned else env
    walk(env, 2)
    with pytest.raises(ValueError, match=text):
        env.step(np.zeros(2))
    with pytest.raises(ResetNeeded, match="after a step that failed"):
        env.step(np.zeros(2))  # it would pair an observation with the wrong action
    walk(env, 4)
    env.get_wrapper_attr("query")(10)
    assert sorted(s.obs[:, 1:].tolist() for s in rater.segments) == [
        [[0, 0], [0, 1]],
        [[1, 0], [1, 1]],
        [[1, 2], [1, 3]],
    ]


@pytest.mark.parametrize("kind", ["feedback", "learned"])
def test_a_bad_observation_of_a_vector_environment_is_refused(kind: str) -> None:
    def wrapped(n: int) -> Any:
        thunks = [lambda: ScriptedEnv(LONG), lambda: SpoiltEnv(n, [0.0, np.nan, 3.0])]
        envs = gym.vector.SyncVectorEnv(thunks)
        if kind == "feedback":
            return rated_vector.RatingFeedbackWrapper(envs, SlowRater())
        return rated_vector.LearnedRewardWrapper(envs, lambda obs, actions: obs[:, 0])

    text = r"`obs` must be finite, got nan at index 1 \(environment 1\)"
    envs = wrapped(2)
    walk(envs, 1)
    with pytest.raises(ValueError, match=text):
        envs.step(np.zeros((2, 2)))
    with pytest.raises(ResetNeeded):
        envs.step(np.zeros((2, 2)))
    with pytest.raises(ValueError, match=text):  # the second environment is still where it broke
        envs.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ResetNeeded):
        envs.step(np.zeros((2, 2)))
    walk(envs, 3)

    envs = wrapped(2)
    walk(envs, 1)
    with pytest.raises(ValueError, match=text):
        envs.reset()
    with pytest.raises(ResetNeeded):
        envs.step(np.zeros((2, 2)))


@pytest.mark.parametrize("n", [0, 2])
def test_the_learned_wrapper_alone_refuses_bad_observations_too(n: int) -> None:
    bare = SpoiltEnv(n, [0.0, np.nan, 3.0])
    env = LearnedRewardWrapper(bare, lambda obs, actions: obs[:, 2])
    with pytest.raises(ValueError, match="`obs` must be finite, got nan at index 1"):
        walk(env, 2)
    with pytest.raises(ResetNeeded, match="after a step that failed"):
        env.step(np.zeros(2))
    walk(env, 2)
    assert env.step(np.zeros(2))[1] == 2.0


@pytest.mark.parametrize("kind", ["feedback", "learned"])
@pytest.mark.parametrize("vector", [False, True])
def test_a_step_before_any_reset_is_refused(kind: str, vector: bool) -> None:
    module: Any = rated_vector if vector else __import__("gym_rated")
    bare: Any = scripted_vector([LONG]) if vector else ScriptedEnv()
    if kind == "feedback":
        env = module.RatingFeedbackWrapper(bare, SlowRater())
    else:
        env = module.LearnedRewardWrapper(bare, lambda obs, actions: obs[:, 0])
    with pytest.raises(ResetNeeded, match="`reset` must be called before `step`"):
        env.step(bare.action_space.sample())


# -- state --


@no_small_rounds
def test_a_restored_wrapper_asks_the_same_questions() -> None:
    def make() -> tuple[Any, SyntheticRater, list[Any]]:
        rater, calls = SyntheticRater(3, mistake_rate=0.3), []
        env = RatingFeedbackWrapper(
            ScriptedEnv([(7, "terminated"), (9, "truncated")]),
            rater,
            segment_length=2,
            schedule={10: 2, 30: 6, 60: 3, 80: 2},
            on_ratings=lambda ratings: calls.append(ratings.batch().ratings.tolist()),
            collect_every=5,
        )
        return env, rater, calls

    def go(env: Any, first: int, last: int) -> None:
        for step in range(first, last):
            action = np.full(2, step / 100, np.float32)
            if any(env.step(action)[2:4]):
                env.reset()

    env, _, calls = make()
    env.reset()
    go(env, 0, 45)
    state, num_calls = env.state_dict(), len(calls)
    inner = env.unwrapped.__dict__.copy()
    go(env, 45, 100)

    again, _, calls_again = make()
    again.unwrapped.__dict__ |= inner | {"log": []}
    again.load_state_dict(state)
    go(again, 45, 100)
    assert calls_again == calls[num_calls:]
    assert calls_again
    assert again.ratings.ratings == env.ratings.ratings
    assert again.ratings.num_changes == env.ratings.num_changes
    np.testing.assert_array_equal(again.ratings.batch().obs, env.ratings.batch().obs)


def test_a_checkpoint_keeps_its_layout() -> None:
    # at step 4 two windows of 2 can be cut though 9 are wanted; 1 of 2 answers is in
    env, rater, _ = watched(schedule={4: 9, 70: 5}, collect_every=5, min_new=3)
    walk(env, 4)
    rater.answer(1)
    env.collect()
    state = env.state_dict()
    assert list(state) == ["feedback", "is_over"]
    assert list(state["feedback"]) == ["buffer", "ratings", "rater", "schedule", "rng", "cursors"]
    assert state["feedback"]["schedule"] == {70: 5}
    # ready, rounds asked, rounds judged, segments owed, ratings not seen yet, next event
    assert state["feedback"]["cursors"] == [True, 1, 0, 7, 1, 9]
    again, _, calls = watched(schedule={4: 9, 70: 5}, collect_every=5, min_new=3)
    again.load_state_dict(state)
    assert again.state_dict()["feedback"]["cursors"] == [True, 1, 0, 7, 1, 9]
    assert calls == []


@no_small_rounds
def test_the_choice_of_segments_depends_on_the_seed_alone() -> None:
    def ids(seed: int) -> list[str]:
        rater = KeepingRater()
        env = RatingFeedbackWrapper(ScriptedEnv(LONG), rater, segment_length=2, seed=seed)
        walk(env, 100)
        env.query(5)
        return [s.id for s in rater.segments]

    assert ids(1) == ids(1) != ids(2)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *[("segment_length", x) for x in (50.0, "50", True, None, b"50", {10: 1}, np.array(5))],
        *[("segment_length", x) for x in ([5, 2.5], ["5"], [[5]], np.array([5.0]))],
        *[("capacity", x) for x in (1e5, "100", [100])],
        *[("seed", x) for x in (1.5, "0", None, True, [1, 2])],
        *[("schedule", x) for x in (5, [100, 20], "100", [(100, 20)])],
        *[(x, y) for x in ("record_replay", "record_frames") for y in ("no", 1, None)],
        *[(x, y) for x in ("info_allow", "attr_allow") for y in ("name", 5, None, [1])],
        *[(x, y) for x in ("min_new", "collect_every") for y in (2.0, "5", True, None)],
        *[(x, 5) for x in ("select", "on_ratings", "features")],
    ],
)
def test_an_argument_of_another_kind_is_refused_by_name(argument, value):
    with pytest.raises(TypeError, match=f"`{argument}` must"):
        RatingFeedbackWrapper(ScriptedEnv(), KeepingRater(), **{argument: value})


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        *[("segment_length", x) for x in (0, -5, [], (), [5, 0], range(0), 10**9)],
        *[("capacity", x) for x in (0, -1, 9, 10**15)],
        *[("seed", x) for x in (-1, np.int64(-5))],
        *[("schedule", x) for x in ({0: 5}, {5: 0}, {-1: 2}, {1.5: 2}, {5: "2"}, {None: 1})],
        *[(x, 0) for x in ("min_new", "collect_every")],
    ],
)
def test_an_argument_out_of_range_is_refused_by_name(argument, value):
    with pytest.raises(ValueError, match=f"`({argument}|capacity)` must"):
        RatingFeedbackWrapper(ScriptedEnv(), KeepingRater(), **{argument: value})


@pytest.mark.parametrize("length", [np.int64(5), np.array([5]), {5}, range(5, 6), iter([5])])
def test_a_segment_length_may_be_any_whole_number_or_collection_of_them(length):
    env = RatingFeedbackWrapper(ScriptedEnv(), KeepingRater(), segment_length=length, seed=2**40)
    assert env._feedback.buffer.segment_lengths == (5,)
