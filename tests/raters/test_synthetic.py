"""The zoo: each noise model against its closed form, and what regrading must not change."""

import copy
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chisquare

from gym_rated import SKIPPED, Comparison, Rating, RatingDataset, Score, SyntheticRater
from gym_rated.raters.noise import Temperature
from gym_rated.segments import Origin, Segment
from gym_rated.wrappers.specs import resolve_rater

NUM = 12_000
STEP = np.zeros((1, 1), np.float32)
FIVE = [1.0, 2.0, 3.0, 4.0]  # boundaries under which a return is its position in class widths


def segments(returns: Any, first: int = 0) -> list[Segment]:
    """One segment of one step a return, with ids "s0", "s1", ..."""
    return [
        Segment(f"s{first + i}", STEP, STEP, rewards, 0, Origin(0, 0, 0, 0))
        for i, rewards in enumerate(np.array(returns, np.float64)[:, None])
    ]


def answers(rater: Any, returns: Any, first: int = 0) -> list[Any]:
    rater.submit(segments(returns, first))
    return rater.collect()


@cache
def many(position: float) -> list[Segment]:
    return segments(np.full(NUM, position))


def counts(rater: SyntheticRater, position: float) -> np.ndarray:
    """Rate `NUM` segments at a position; returns how often each class and SKIPPED came."""
    rater.submit(many(position))
    given = [a.rating for a in rater.collect()]  # type: ignore[union-attr]
    return np.bincount(np.array(given) % (rater.num_classes + 1), minlength=rater.num_classes + 1)


def agree(observed: np.ndarray, probabilities: np.ndarray) -> bool:
    """Test counts against probabilities; what is impossible must not have happened."""
    seen = probabilities > 1e-12
    if observed[~seen].any():
        return False
    return seen.sum() == 1 or chisquare(observed[seen], NUM * probabilities[seen]).pvalue > 1e-3


NOISES = {
    "mistakes": {"mistake_rate": 0.3},
    "slips": {"slip_rate": 0.3},
    "always slips": {"slip_rate": 1.0},
    "temperature": {"temperature": 0.7},
    "cold": {"temperature": 0.02},
    "hot": {"temperature": 1e6},
    "skips": {"skip_rate": 0.2},
    "undecided": {"undecided": 0.3},
    "lenient": {"leniency": 1.3},
    "harsh": {"leniency": -1.3},
    "central": {"central_tendency": 0.6},
    "all": {
        "mistake_rate": 0.2,
        "slip_rate": 0.1,
        "temperature": 0.4,
        "skip_rate": 0.1,
        "leniency": 0.5,
        "central_tendency": 0.2,
    },
}


@pytest.mark.parametrize("position", [0.0, 0.45, 3.1, 4.9])
@pytest.mark.parametrize("noise", NOISES)
def test_draws_follow_the_label_distribution(noise: str, position: float) -> None:
    rater = SyntheticRater(5, boundaries=FIVE, regrade=False, seed=7, **NOISES[noise])
    labels = rater.label_distribution(position / 5)
    assert labels.shape == (5,)
    skipped = 1 - labels.sum()
    assert agree(counts(rater, position), np.append(labels, skipped if skipped > 1e-12 else 0))


def test_a_planted_error_of_the_closed_form_is_seen() -> None:
    rater = SyntheticRater(5, boundaries=FIVE, regrade=False, seed=7, slip_rate=0.3)
    wrong = SyntheticRater(5, boundaries=FIVE, slip_rate=0.33).label_distribution(0.5)
    assert not agree(counts(rater, 2.5), np.append(wrong, 0))


@pytest.mark.parametrize("options", [{"drift": 1.5}, {"drift": -1.0}, {"fatigue": 0.1}])
def test_what_changes_over_time_follows_its_distribution_at_every_time(options: Any) -> None:
    # the last 50 of 150 ratings, of 200 raters
    classes = np.zeros((50, 5))
    for seed in range(200):
        rater = SyntheticRater(
            5, boundaries=FIVE, regrade=False, temperature=0.3, seed=seed, **options
        )
        given = [a.rating for a in answers(rater, np.full(150, 2.5))]
        classes[np.arange(50), given[100:]] += 1
    expected = np.array([rater.label_distribution(0.5, k) for k in range(100, 150)])
    assert not classes[expected < 1e-12].any()
    # the mean over 50 times is tested closely, the trend within them by halves
    for part in (slice(0, 25), slice(25, 50)):
        np.testing.assert_allclose(
            classes[part].mean(0) / 200, expected[part].mean(0), atol=4 * np.sqrt(0.25 / 5000)
        )


# -- by hand --


def test_slips_by_hand() -> None:
    rater = SyntheticRater(4, slip_rate=0.2)
    np.testing.assert_allclose(rater.label_distribution(0.1), [0.8, 0.2, 0, 0])  # one neighbour
    np.testing.assert_allclose(rater.label_distribution(0.3), [0.1, 0.8, 0.1, 0])
    np.testing.assert_allclose(rater.label_distribution(1.0), [0, 0, 0.2, 0.8])


def test_mistakes_by_hand() -> None:
    rater = SyntheticRater(4, mistake_rate=0.3)
    np.testing.assert_allclose(rater.label_distribution(0.3), [0.1, 0.7, 0.1, 0.1])


def test_a_tired_rater_ends_in_uniform_answers() -> None:
    rater = SyntheticRater(4, mistake_rate=0.1, fatigue=0.2)
    np.testing.assert_allclose(rater.label_distribution(0.3, 100)[1], 1 - 0.1 - 0.2)
    np.testing.assert_allclose(rater.label_distribution(0.3, 10_000), [0.25] * 4)
    # who is wrong more often than chance already cannot become so by being tired
    stubborn = SyntheticRater(4, mistake_rate=0.9, fatigue=0.2)
    np.testing.assert_allclose(stubborn.label_distribution(0.3, 10_000)[1], 0.1)


def test_temperature_is_the_integral_of_its_density() -> None:
    tau, x = 0.6, 1.7
    z = quad(lambda y: np.exp(-abs(y - x) / tau), 0, 3, points=[x])[0]
    expected = [
        quad(lambda y: np.exp(-abs(y - x) / tau) / z, i, i + 1, points=[x])[0] for i in range(3)
    ]
    rater = SyntheticRater(3, temperature=tau)
    np.testing.assert_allclose(rater.label_distribution(x / 3), expected, rtol=1e-9)


def test_other_classes_have_boltzmann_probabilities() -> None:
    labels = SyntheticRater(5, temperature=0.5).label_distribution(0.1)
    np.testing.assert_allclose(labels[2:] / labels[1:-1], np.exp(-1 / 0.5))


@pytest.mark.parametrize("draw", [0.0, 0.5, 1 - 2**-53])
@pytest.mark.parametrize("tau", [1e-12, 0.1, 1e9])
def test_noisy_positions_stay_on_the_scale(tau: float, draw: float) -> None:
    positions = np.array([0.0, 1e-300, 2.5, 5.0])
    moved = Temperature(tau)(positions, np.full(4, draw), 5)
    assert ((moved >= 0) & (moved <= 5)).all()


def test_leniency_and_central_tendency_by_hand() -> None:
    def clean(quantile: float, **options: float) -> int:
        return int(SyntheticRater(5, **options).label_distribution(quantile).argmax())

    assert [clean(q, leniency=1) for q in (0.0, 0.39, 0.5, 0.9)] == [1, 2, 3, 4]
    assert [clean(q, leniency=-1) for q in (0.1, 0.39, 0.5, 1.0)] == [0, 0, 1, 4]
    # 5 q moves half of the way to 2.5: 0 -> 1.25, 1.95 -> 2.225, 5 -> 3.75
    assert [clean(q, central_tendency=0.5) for q in (0.0, 0.39, 1.0)] == [1, 2, 3]
    assert clean(0.0, central_tendency=1) == clean(1.0, central_tendency=1) == 2


def test_drift_counts_the_ratings_given() -> None:
    rater = SyntheticRater(5, boundaries=FIVE, drift=100.0)  # a class with each rating
    assert [a.rating for a in answers(rater, [0.5] * 7)] == [0, 1, 2, 3, 4, 4, 4]


def test_the_undecided_skip_close_to_boundaries_between_classes_only() -> None:
    rater = SyntheticRater(3, boundaries=[1.0, 2.0], undecided=0.25)
    returns = [0.0, 0.7, 0.8, 1.2, 1.5, 1.8, 2.3, 2.99]
    assert [a.rating for a in answers(rater, returns)] == [0, 0, -1, -1, 1, -1, 2, 2]


def test_myopia_weighs_late_steps_more() -> None:
    def rate(rewards: list[float], myopia: float) -> int:
        zeros = np.zeros((len(rewards), 1), np.float32)
        segment = Segment("s", zeros, zeros, np.array(rewards), 0, Origin(0, 0, 0, 0))
        rater = SyntheticRater(2, boundaries=[1.3], myopia=myopia)
        rater.submit([segment])
        return rater.collect()[0].rating  # type: ignore[union-attr]

    assert rate([0.0, 1.0], 0.0) == 0
    assert rate([0.0, 1.0], 0.5) == 1  # weights 1/2 and 1, scaled to sum to 2: 4/3
    assert rate([1.0, 0.0], 0.5) == 0
    assert rate([0.66, 0.66], 0.5) == rate([0.66, 0.66], 0.0) == 1  # even segments keep their sum


def test_a_range_is_cut_evenly_and_grows() -> None:
    rater = SyntheticRater(4, relative_to="range", regrade=False)
    assert [a.rating for a in answers(rater, [0, 1, 2, 3, 4])] == [0, 1, 2, 3, 3]
    assert [a.rating for a in answers(rater, [4, 8], first=5)] == [2, 3]  # now 8 is the best
    assert [a.rating for a in answers(SyntheticRater(5, relative_to="range"), [2, 2])] == [2, 2]


# -- regrading --

CHANCE = {"mistake_rate": 0.2, "slip_rate": 0.2, "temperature": 0.3, "skip_rate": 0.1}


def test_luck_stays_when_segments_are_regraded() -> None:
    # fixed boundaries: regrading finds the same class, so nothing may be handed out again
    rater = SyntheticRater(5, boundaries=FIVE, drift=1.0, fatigue=0.5, **CHANCE)
    for k in range(5):
        new = answers(rater, np.linspace(0, 5, 40), 40 * k)
        assert [a.segment_id for a in new] == [f"s{i}" for i in range(40 * k, 40 * k + 40)]
        assert {a.revision for a in new} == {0}


def test_regrading_gives_what_rating_at_once_gives() -> None:
    returns = np.random.default_rng(0).normal(size=90)
    options: dict[str, Any] = CHANCE | {"undecided": 0.1, "leniency": 0.3, "seed": 3}
    in_rounds, at_once = SyntheticRater(4, **options), SyntheticRater(4, **options)
    last: dict[str, int] = {}
    for k in range(3):
        for a in answers(in_rounds, returns[30 * k : 30 * k + 30], 30 * k):
            last[a.segment_id] = a.rating
    assert last == {a.segment_id: a.rating for a in answers(at_once, returns)}
    assert SKIPPED in last.values()


def test_a_skip_is_revised_when_the_segment_moves_away_from_the_boundary() -> None:
    rater = SyntheticRater(2, undecided=0.2)
    assert answers(rater, [1.0]) == [Rating("s0", SKIPPED, "synthetic")]  # position 1, the boundary
    assert answers(rater, [2.0], first=1) == [
        Rating("s0", 0, "synthetic", 1),
        Rating("s1", 1, "synthetic"),
    ]


def test_one_noise_does_not_move_the_luck_of_another() -> None:
    def slipped(**options: float) -> list[bool]:
        rater = SyntheticRater(5, boundaries=FIVE, slip_rate=0.4, seed=2, **options)
        return [a.rating != 2 for a in answers(rater, [2.5] * 50)]

    assert slipped() == slipped(central_tendency=0.5) == slipped(undecided=0.1)


# -- scores --


def test_scores_are_quantiles() -> None:
    given = answers(SyntheticRater(5, answers="scores"), [3.0, -1.0])
    assert given == [Score("s0", 0.75, "synthetic"), Score("s1", 0.25, "synthetic")]
    given = answers(SyntheticRater(5, boundaries=FIVE, answers="scores"), [-9.0, 2.5, 99.0])
    assert [a.score for a in given] == [0.0, 0.5, 1.0]


def test_a_score_lies_in_the_class_of_the_rating() -> None:
    returns = np.random.default_rng(0).normal(size=2000)
    options: dict[str, Any] = CHANCE | {"leniency": 0.5, "central_tendency": 0.1, "seed": 3}
    scores = answers(SyntheticRater(5, answers="scores", **options), returns)
    ratings = answers(SyntheticRater(5, **options), returns)
    values = np.array([a.score if isinstance(a, Score) else np.nan for a in scores])
    classes = np.minimum(np.floor(5 * values + 1e-9), 4)
    np.testing.assert_array_equal(
        np.where(np.isnan(values), SKIPPED, classes), [a.rating for a in ratings]
    )
    assert np.isnan(values).any()


def test_scores_are_revised_when_they_change() -> None:
    rater = SyntheticRater(2, answers="scores")
    answers(rater, [1.0, 3.0])
    given = answers(rater, [2.0], first=2)
    assert [a.score for a in given] == pytest.approx([1 / 6, 5 / 6, 1 / 2])
    assert [a.revision for a in given] == [1, 1, 0]


# -- comparisons --


def test_comparisons_stay_in_their_round_and_are_right() -> None:
    rater = SyntheticRater(5, answers="comparisons", seed=1)
    for k in range(3):
        given = answers(rater, np.arange(10.0), 10 * k)
        assert len(given) == 10
        for a in given:
            better, worse = int(a.better_id[1:]), int(a.worse_id[1:])
            assert better // 10 == worse // 10 == k
            assert better > worse
        asked = [i for a in given for i in (a.better_id, a.worse_id)]
        assert {asked.count(i) for i in asked} == {2}  # a ring: every segment in two comparisons


def test_comparisons_skip_ties_and_ask_no_pair_twice() -> None:
    assert answers(SyntheticRater(5, answers="comparisons"), [1.0, 1.0, 1.0]) == []
    assert answers(SyntheticRater(5, answers="comparisons"), [1.0]) == []
    (one,) = answers(SyntheticRater(5, answers="comparisons"), [1.0, 2.0])
    assert one == Comparison("s1", "s0", "synthetic")
    # two quantiles of 1/4 and 3/4 of 2 classes are one class width apart, three 2/3
    assert len(answers(SyntheticRater(2, answers="comparisons", undecided=0.5), [1, 2])) == 1
    close = SyntheticRater(2, boundaries=[0.0], answers="comparisons", undecided=0.5)
    assert answers(close, [1.0, 2.0]) == []


@pytest.mark.parametrize("boundaries", [FIVE, [-7.0, -6.5, -6.0, -5.0]])
def test_comparisons_know_no_ends_of_the_scale(boundaries: Any) -> None:
    rater = SyntheticRater(5, boundaries=boundaries, answers="comparisons")
    assert len(answers(rater, [10.0, 20.0, 30.0])) == 3


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"temperature": 0.8}, 1 / (1 + np.exp(-1 / 0.8))),  # one class width apart
        ({"mistake_rate": 0.3}, 0.7),
        ({"mistake_rate": 0.1, "fatigue": 1e9}, 0.5),
        ({"temperature": 0.8, "mistake_rate": 0.3}, 0.3 + 0.4 / (1 + np.exp(-1 / 0.8))),
    ],
)
def test_comparisons_are_right_as_often_as_the_formula_says(options: Any, expected: float) -> None:
    rater = SyntheticRater(5, boundaries=FIVE, answers="comparisons", seed=5, **options)
    answers(rater, [1.0])  # a first rating, so that fatigue has something to count
    higher = np.random.default_rng(0).random(NUM) < 0.5
    given = answers(rater, np.where(higher, 2.5, 1.5), first=1)
    right = [higher[int(a.better_id[1:]) - 1] for a in given]
    assert abs(len(given) / NUM - 0.5) < 0.02  # the rest are ties
    assert abs(np.mean(right) - expected) < 4 * np.sqrt(0.25 / len(right))


def test_skipped_comparisons() -> None:
    rater = SyntheticRater(5, answers="comparisons", skip_rate=0.25)
    num = len(answers(rater, np.arange(NUM)))
    assert abs(num / NUM - 0.75) < 4 * np.sqrt(0.25 * 0.75 / NUM)


# -- mixed --


def test_a_mixed_rater_gives_the_shares_asked_for() -> None:
    rater = SyntheticRater(5, answers="mixed", shares=(0.5, 0.3, 0.2), seed=2)
    given = answers(rater, np.arange(NUM))
    kinds = np.bincount([(Rating, Score, Comparison).index(type(a)) for a in given])
    assert chisquare(kinds, NUM * np.array([0.5, 0.3, 0.2])).pvalue > 1e-3
    rated = [a.segment_id for a in given if not isinstance(a, Comparison)]
    assert len(set(rated)) == len(rated)


def test_equal_shares_are_the_default() -> None:
    given = answers(SyntheticRater(5, answers="mixed"), np.arange(300.0))
    kinds = [sum(isinstance(a, kind) for a in given) for kind in (Rating, Score, Comparison)]
    assert all(60 < count < 140 for count in kinds)


# -- both --


def pairs_of(given: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """The ratings and the scores of what was given, which alternate."""
    ratings, scores = given[::2], given[1::2]
    assert [a.segment_id for a in ratings] == [a.segment_id for a in scores]
    return np.array([a.rating for a in ratings]), np.array([a.score for a in scores])


def test_both_gives_a_rating_and_a_score_of_each_segment() -> None:
    given = answers(SyntheticRater(5, answers="both"), [3.0, -1.0])
    assert given == [
        *(Rating("s0", 3, "synthetic"), Score("s0", 0.75, "synthetic")),
        *(Rating("s1", 1, "synthetic"), Score("s1", 0.25, "synthetic")),
    ]


@pytest.mark.parametrize("position", [0.0, 0.45, 3.1])
@pytest.mark.parametrize("score_noise", [0.002, 0.1, 1e6])
def test_rating_and_score_of_both_err_apart_each_by_its_exact_distribution(
    score_noise: float, position: float
) -> None:
    options: dict[str, Any] = {"mistake_rate": 0.2, "slip_rate": 0.1, "score_noise": score_noise}
    rater = SyntheticRater(5, boundaries=FIVE, regrade=False, answers="both", seed=7, **options)
    rater.submit(many(position))
    ratings, scores = pairs_of(rater.collect())
    assert agree(np.bincount(ratings, minlength=5), rater.label_distribution(position / 5))
    # 0.1 on a scale of length 1 is half a class width of five classes; 1e6 is uniform
    expected = Temperature(5 * score_noise).label_distribution(np.array(position), 5)
    classes = np.minimum((5 * scores).astype(int), 4)
    assert agree(np.bincount(classes, minlength=5), expected)
    if score_noise == 1e6:
        np.testing.assert_allclose(expected, 0.2, rtol=1e-4)
    # independent of each other: who errs in the class scores as the others do
    wrong = ratings != int(position)
    mean = {flag: scores[wrong == flag].mean() for flag in (True, False)}
    assert abs(mean[True] - mean[False]) < 4 * scores.std() * np.sqrt(1 / wrong.sum() + 1 / NUM)


def test_the_noise_of_scores_is_their_error_in_the_mean() -> None:
    # Laplace noise of scale b has a mean absolute error of b; ends 10 b away do not matter
    rater = SyntheticRater(5, boundaries=FIVE, regrade=False, answers="both", score_noise=0.05)
    rater.submit(many(2.5))
    _, scores = pairs_of(rater.collect())
    assert abs(np.abs(scores - 0.5).mean() - 0.05) < 4 * 0.05 / np.sqrt(NUM)


def test_noise_of_either_strategy_leaves_the_other_as_it_was() -> None:
    returns = np.random.default_rng(0).normal(size=300)
    clean = pairs_of(answers(SyntheticRater(5, answers="both"), returns))
    classes = SyntheticRater(5, answers="both", mistake_rate=0.8, slip_rate=0.2, fatigue=0.1)
    scored = SyntheticRater(5, answers="both", score_noise=10)
    bad_classes, bad_scores = (pairs_of(answers(rater, returns)) for rater in (classes, scored))
    np.testing.assert_array_equal(bad_classes[1], clean[1])
    np.testing.assert_array_equal(bad_scores[0], clean[0])
    assert (bad_classes[0] != clean[0]).mean() > 0.7
    assert abs(np.corrcoef(bad_scores[1], clean[1])[0, 1]) < 0.2
    # the classes are those of a rater who gives nothing else
    alone = answers(SyntheticRater(5, mistake_rate=0.8, slip_rate=0.2, fatigue=0.1), returns)
    assert [a.rating for a in alone] == bad_classes[0].tolist()


@pytest.mark.parametrize("kind", ["scores", "mixed"])
def test_scores_of_other_raters_take_the_same_noise(kind: Any) -> None:
    clean, noisy = (
        {
            a.segment_id: a.score
            for a in answers(SyntheticRater(5, answers=kind, score_noise=b), np.arange(200.0))
            if isinstance(a, Score)
        }
        for b in (0.0, 0.03)
    )
    assert clean.keys() == noisy.keys()
    error = np.mean([abs(clean[i] - noisy[i]) for i in clean])
    assert 0.02 < error < 0.04


def test_both_answers_are_revised_together_and_keep_their_luck() -> None:
    rater = SyntheticRater(2, answers="both", score_noise=0.2)
    first = answers(rater, [1.0, 3.0])
    again = answers(rater, [2.0], first=2)
    assert [a.revision for a in again] == [1, 1, 1, 1, 0, 0]  # ranks changed, so scores did
    _, before = pairs_of(first)
    _, after = pairs_of(again)
    moved = after[:2] - before  # the mid-ranks went from 1/4 and 3/4 to 1/6 and 5/6
    assert moved[0] < 0 < moved[1]
    assert answers(rater, []) == []


def test_the_undecided_give_a_score_alone_and_who_skips_gives_neither() -> None:
    rater = SyntheticRater(5, boundaries=FIVE, regrade=False, answers="both", undecided=0.1)
    given = answers(rater, [2.05, 2.5])
    name = "synthetic"
    assert given[:2] == [Rating("s0", SKIPPED, name), Score("s0", pytest.approx(0.41), name)]
    assert given[2:] == [Rating("s1", 2, name), Score("s1", 0.5, name)]
    data = RatingDataset(1, 1, 5)
    data.add(segments([2.05, 2.5]))
    data.update(given)
    assert (len(data.ratings), len(data.scores)) == (1, 2)
    skips = answers(SyntheticRater(5, answers="both", skip_rate=1.0), [1.0, 2.0])
    assert skips == [Rating("s0", SKIPPED, name), Rating("s1", SKIPPED, name)]


def test_a_rater_saved_before_there_were_scores_beside_ratings_goes_on() -> None:
    rater, again = SyntheticRater(5, seed=1), SyntheticRater(5, seed=1)
    answers(rater, [1.0, 2.0])
    state = rater.state_dict()
    del state["score_seed"], state["memory"]["_beside"]
    again.load_state_dict(state)
    assert answers(again, [3.0, 0.0], first=2) == answers(rater, [3.0, 0.0], first=2)


# -- state and JSON --


@pytest.mark.parametrize("collect_first", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        CHANCE | {"undecided": 0.1, "drift": 1.0, "fatigue": 0.1, "leniency": 0.2},
        CHANCE | {"answers": "scores", "relative_to": "range"},
        {"answers": "comparisons", "temperature": 0.5, "mistake_rate": 0.2},
        CHANCE | {"answers": "mixed", "shares": (0.2, 0.4, 0.4), "regrade": False},
        CHANCE | {"answers": "both", "score_noise": 0.1, "undecided": 0.1},
        CHANCE | {"answers": "both", "score_noise": 0.1, "regrade": False},
    ],
)
def test_a_restored_rater_answers_as_one_that_was_never_stopped(
    options: dict[str, Any], collect_first: bool
) -> None:
    def submit(rater: SyntheticRater, k: int) -> None:
        rater.submit(segments(np.random.default_rng(k).normal(size=20), 20 * k))

    rater, again = SyntheticRater(4, seed=3, **options), SyntheticRater(4, seed=3, **options)
    for k in range(3):
        submit(rater, k)
        if collect_first:
            rater.collect()
    state = rater.state_dict()
    snapshot = copy.deepcopy(state)
    expected = rater.collect()
    for k in range(3, 6):
        submit(rater, k)
        expected += rater.collect()
    np.testing.assert_equal(state, snapshot)
    again.load_state_dict(state)
    given = again.collect()
    for k in range(3, 6):
        submit(again, k)
        given += again.collect()
    assert given == expected


def test_all_options_can_be_given_as_json() -> None:
    options = {
        "num_classes": 3,
        "boundaries": [0.0, 1.0],
        "regrade": False,
        "answers": "mixed",
        "shares": [0.5, 0.25, 0.25],
        "myopia": 0.05,
        "name": "me",
        "seed": 1,
    }
    rater = resolve_rater({"type": "gym_rated:SyntheticRater", **options})
    same = SyntheticRater(**options)  # type: ignore[arg-type]  # a mixed dict
    assert answers(rater, np.arange(30.0)) == answers(same, np.arange(30.0))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"slip_rate": 1.5}, r"`slip_rate` must lie in \[0, 1\], got 1.5"),
        ({"temperature": -1}, "`temperature` must be finite and at least 0, got -1"),
        ({"temperature": np.inf}, "`temperature` must be finite and at least 0, got inf"),
        ({"fatigue": -0.1}, "`fatigue` must be finite and at least 0, got -0.1"),
        ({"skip_rate": np.nan}, r"`skip_rate` must lie in \[0, 1\], got nan"),
        ({"undecided": 0.6}, r"`undecided` must lie in \[0, 0.5\], got 0.6"),
        ({"leniency": np.inf}, "`leniency` must be finite, got inf"),
        ({"drift": np.nan}, "`drift` must be finite, got nan"),
        ({"central_tendency": 2}, r"`central_tendency` must lie in \[0, 1\], got 2"),
        ({"myopia": 1.0}, r"`myopia` must lie in \[0, 1\), got 1.0"),
        ({"answers": "words"}, "`answers` must be one of ratings, scores, .*, got 'words'"),
        ({"shares": (1, 0, 0)}, r"`shares` needs answers='mixed', got \(1, 0, 0\) for 'ratings'"),
        ({"answers": "mixed", "shares": (0.5, 0.5)}, "`shares` must be 3 numbers of at least 0"),
        ({"answers": "mixed", "shares": (0.5, 0.6, -0.1)}, "`shares` must be 3 numbers"),
        ({"answers": "mixed", "shares": (0.5, 0.5, 0.5)}, "`shares` must be 3 numbers"),
        ({"score_noise": 0.1}, "`score_noise` must be 0 for answers='ratings'"),
        ({"answers": "comparisons", "score_noise": 0.1}, "`score_noise` must be 0 .* got 0.1"),
        ({"answers": "both", "score_noise": -1}, "`score_noise` must be finite and at least 0"),
        ({"answers": "both", "score_noise": np.nan}, "`score_noise` must be finite and at least"),
        ({"answers": "both", "shares": (1, 0, 0)}, "`shares` needs answers='mixed', got"),
        ({"answers": "scores", "undecided": 0.1}, "`undecided` must be 0 for answers='scores'"),
        ({"answers": "comparisons", "slip_rate": 0.1}, "`slip_rate` must be 0 .* got 0.1"),
        ({"answers": "comparisons", "leniency": 1}, "`leniency` must be 0 for answers='compari"),
        ({"boundaries": [0, 1], "relative_to": "range"}, "finds its own scale; it needs no"),
    ],
)
def test_options_out_of_range_or_without_effect_are_refused(options: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SyntheticRater(3, **options)


def test_an_option_that_is_no_number_is_refused() -> None:
    with pytest.raises(TypeError, match="`leniency` must be a number, got 'high'"):
        SyntheticRater(3, leniency="high")  # type: ignore[arg-type]


def test_a_quantile_outside_of_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`quantile` must lie in \[0, 1\], got 1.1"):
        SyntheticRater(3).label_distribution(1.1)


def test_label_distributions_of_many_quantiles_at_once() -> None:
    rater = SyntheticRater(5, slip_rate=0.1, temperature=0.2, undecided=0.2)
    grid = np.linspace(0, 1, 12).reshape(3, 4)
    labels = rater.label_distribution(grid)
    assert labels.shape == (3, 4, 5)
    for i in np.ndindex(3, 4):
        np.testing.assert_allclose(labels[i], rater.label_distribution(grid[i]))
