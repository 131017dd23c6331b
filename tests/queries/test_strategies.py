"""Which segments each strategy asks about, where the right answer is known."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from envs import make_segment
from numpy.typing import NDArray

from gym_rated import RewardEnsemble
from gym_rated.queries import (
    STRATEGIES,
    Disagreement,
    Entropy,
    InformationGain,
    Stratified,
    make_select,
    uniform,
)
from gym_rated.queries.coverage import describe, farthest_first
from gym_rated.queries.values import entropy, quantile_chances, standardised


class TableModel:
    """An ensemble whose returns are written down: one row a member, one column a segment."""

    def __init__(self, returns: Any, ready: bool = True) -> None:
        self.table = np.array(returns, np.float64)
        self.ready = ready
        self.options: dict[str, Any] = {}

    def returns(self, segments: Any) -> NDArray[np.float64]:
        return self.table[:, [int(segment.id) for segment in segments]]


def numbered(num: int) -> list[Any]:
    return [make_segment(str(i), obs=i / num) for i in range(num)]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_entropy_of_known_distributions() -> None:
    found = entropy(np.array([[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]]))
    assert found == pytest.approx([0, np.log(2), 0.25 * np.log(4) + 0.75 * np.log(4 / 3)])


def test_class_probabilities_by_hand() -> None:
    # values 0 to 10, two classes: limit 5; quantiles 1 and 9, so w = 0.2 * 8 / (0.8 * 2) = 1
    probabilities = quantile_chances(np.arange(11.0)[None], 2)
    assert probabilities.shape == (1, 11, 2)
    assert probabilities[0, 5] == pytest.approx([0.5, 0.5])
    assert probabilities[0, 6, 1] == pytest.approx(1 / (1 + np.exp(-1)))
    assert probabilities[0, 0, 0] == pytest.approx(1 / (1 + np.exp(-5)))
    assert probabilities.sum(2) == pytest.approx(np.ones((1, 11)))


def test_class_probabilities_know_no_offset_and_no_scale_of_a_member() -> None:
    values = rng().normal(size=(1, 30))
    both = quantile_chances(np.concatenate((values, 50 * values - 100)), 5)
    assert both[0] == pytest.approx(both[1])
    assert np.bincount(both[0].argmax(1)) == pytest.approx([6] * 5, abs=1)


def test_equal_values_say_nothing_and_break_nothing() -> None:
    probabilities = quantile_chances(np.full((2, 4), 3.0), 3)
    assert np.isfinite(probabilities).all()
    assert (standardised(np.full((2, 4), 3.0)) == 0).all()
    for name in STRATEGIES:
        select = make_select(name, TableModel(np.full((2, 4), 3.0)), 3)
        assert len(set(np.asarray(select(numbered(4), 3, rng())).tolist())) == 3


def test_disagreement_asks_where_the_members_are_apart() -> None:
    # the members agree about 0, 1, 2, 5 and order 3 and 4 the other way round
    model = TableModel([[0, 1, 2, 3, 9, 12], [0, 1, 2, 9, 3, 12]])
    assert set(Disagreement(model)(numbered(6), 2, rng()).tolist()) == {3, 4}


def test_disagreement_does_not_mistake_an_offset_or_a_scale_for_doubt() -> None:
    # the second member says the same on another scale, but for segment 1
    first = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    second = 1_000 + 50 * np.array([0.0, 1.5, 2.0, 3.0, 4.0, 5.0])
    assert Disagreement(TableModel([first, second]))(numbered(6), 1, rng()).tolist() == [1]


def test_entropy_asks_about_what_lies_between_two_classes() -> None:
    # quantile 1/2 of the values is 5: the segment that lies there is between the classes
    model = TableModel([[0, 1, 2, 3, 5, 7, 8, 9, 10]])
    assert Entropy(model, 2)(numbered(9), 1, rng()).tolist() == [4]


def test_information_gain_wants_members_that_are_sure_and_differ() -> None:
    # segment 4 is between the classes for both members: an answer tells nothing about them.
    # segment 0 is bad for one and good for the other: an answer decides between them.
    model = TableModel(
        [[0, 1, 2, 3, 5, 7, 8, 9, 10], [10, 1, 2, 3, 5, 7, 8, 9, 0]],
    )
    gain, doubt = InformationGain(model, 2), Entropy(model, 2)
    assert set(gain(numbered(9), 2, rng()).tolist()) == {0, 8}
    assert doubt(numbered(9), 1, rng()).tolist() == [4]
    scores = gain.scores(numbered(9))
    assert scores[4] == pytest.approx(0, abs=1e-12)
    assert scores[0] == pytest.approx(np.log(2), rel=0.1)
    assert scores.max() <= np.log(2)


def test_one_member_alone_has_no_information_to_gain() -> None:
    gain = InformationGain(TableModel([np.arange(9.0)]), 3)
    assert gain.scores(numbered(9)) == pytest.approx(np.zeros(9), abs=1e-12)


def test_stratified_takes_as_many_of_each_predicted_class() -> None:
    # 94 bad segments, 3 middling, 3 good; each class owns a third of the range 0 to 9
    returns = np.concatenate((np.linspace(0, 2.9, 94), [4, 5, 5.9], [6.1, 7, 9]))
    select = Stratified(TableModel([returns]), 3)
    chosen = select(numbered(100), 9, rng())
    assert np.bincount(select.classes(numbered(100))[chosen]).tolist() == [3, 3, 3]
    many = select(numbered(100), 30, rng())
    assert np.bincount(select.classes(numbered(100))[many]).tolist() == [24, 3, 3]
    one_more = select(numbered(100), 4, rng())
    assert sorted(np.bincount(select.classes(numbered(100))[one_more]).tolist()) == [1, 1, 2]


def test_coverage_starts_anywhere_and_then_goes_farthest() -> None:
    points = np.array([[0.0], [1.0], [10.0], [4.0]], np.float32)
    for seed in range(8):
        first, *rest = farthest_first(points, 4, rng(seed)).tolist()
        # from each start: the farthest point, then the one with the largest distance to both
        assert rest == {0: [2, 3, 1], 1: [2, 3, 0], 2: [0, 3, 1], 3: [2, 0, 1]}[first]


def test_coverage_describes_a_segment_by_mean_and_spread_of_its_steps() -> None:
    calm, restless = make_segment("0", obs=0.0, length=4), make_segment("1", obs=0.0, length=4)
    restless = replace(restless, obs=np.tile([[1], [-1]], (2, 3)).astype(np.float32))
    features = describe([calm, restless])
    assert features.shape == (2, 10)  # mean and spread of 3 + 2 numbers
    assert features[1].tolist() == [0] * 5 + [1] * 3 + [0] * 2
    assert features[0].tolist() == [0] * 5 + [-1] * 3 + [0] * 2


def test_coverage_takes_images_at_a_coarser_grain() -> None:
    image = np.zeros((4, 96, 96, 3), np.uint8)
    features = describe([replace(make_segment(str(i), length=4), obs=image + i) for i in range(3)])
    assert features.shape[0] == 3
    assert features.shape[1] <= 2 * (1_000 + 2)


def test_a_shortlist_is_thinned_to_segments_far_apart() -> None:
    # the two best are the same segment twice; the third best is elsewhere
    model = TableModel([[0, 1, 2, 9, 9, 8, 3], [0, 1, 2, -9, -9, -8, 3]])
    segments = [make_segment(str(i), obs=float(i == 5)) for i in range(7)]
    assert set(Disagreement(model)(segments, 2, rng()).tolist()) == {3, 4}
    chosen = Disagreement(model, shortlist=2)(segments, 2, rng()).tolist()
    assert 5 in chosen
    assert len(set(chosen) & {3, 4}) <= 1


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_returns_different_candidates(name: str) -> None:
    model = TableModel(rng().normal(size=(3, 40)))
    select = make_select(name, model, 4)
    for num in (1, 7, 40, 60):
        chosen = np.asarray(select(numbered(40), num, rng(num)))
        assert chosen.dtype == np.int64
        assert len(set(chosen.tolist())) == len(chosen) == min(num, 40)
        assert set(chosen.tolist()) <= set(range(40))
        assert chosen.tolist() == np.asarray(select(numbered(40), num, rng(num))).tolist()
    assert len(select([], 5, rng())) == 0


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"coverage"}))
def test_until_the_model_is_ready_the_choice_is_uniform(name: str) -> None:
    select = make_select(name, TableModel(np.zeros((2, 20)), ready=False), 4)
    chosen = np.asarray(select(numbered(20), 6, rng(3)))
    assert chosen.tolist() == uniform(numbered(20), 6, rng(3)).tolist()


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_real_reward_model_will_do(name: str) -> None:
    model = RewardEnsemble(3, 2)
    model.set_scale(1.0)
    assert len(make_select(name, model, 5)(numbered(30), 4, rng())) == 4


def test_a_model_of_mean_rewards_is_asked_for_means() -> None:
    # sums 6 and 4 over 3 and 1 steps: means 2 and 4, a class each
    model = TableModel([[6.0, 4.0]])
    segments = [make_segment("0", length=3), make_segment("1", length=1)]
    select = Stratified(model, 2)
    assert select.classes(segments).tolist() == [1, 0]
    model.options["segment_value"] = "mean"
    assert select.classes(segments).tolist() == [0, 1]


def test_wrong_arguments_are_refused_with_their_values() -> None:
    with pytest.raises(ValueError, match=r"`name` must be one of uniform, disagreement, .*'best'"):
        make_select("best", TableModel([[0]]), 3)
    with pytest.raises(ValueError, match="`model` must be a reward model for 'entropy', got None"):
        make_select("entropy")
    with pytest.raises(ValueError, match="`num_classes` must be at least 2, got 1"):
        Stratified(TableModel([[0]]), 1)
    with pytest.raises(ValueError, match="`num_classes` must be at least 2, got 1"):
        Entropy(TableModel([[0]]), 1)
    with pytest.raises(ValueError, match="`shortlist` must be at least 1, got 0"):
        Disagreement(TableModel([[0]]), shortlist=0)


def test_strategies_do_not_need_torch() -> None:
    code = (
        "import sys, numpy as np; from gym_rated.queries import STRATEGIES, make_select\n"
        "class Model:\n    ready = False\n"
        "for name in STRATEGIES: make_select(name, Model(), 3)([], 1, np.random.default_rng(0))\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_coverage_finds_a_rare_kind_of_behaviour_that_uniform_misses() -> None:
    # 2 of 200 candidates are of another kind; 6 questions
    found = {"coverage": 0, "uniform": 0}
    for seed in range(50):
        noise = rng(seed).normal(scale=0.3, size=200)
        segments = [make_segment(str(i), obs=noise[i] + 4 * (i < 2)) for i in range(200)]
        for name in found:
            found[name] += bool(min(make_select(name)(segments, 6, rng(seed))) < 2)
    assert found["coverage"] == 50
    assert found["uniform"] < 10  # 6 % expected: 3 of 50


def test_stratified_finds_the_rare_class_that_uniform_misses() -> None:
    # 3 of 150 candidates are good, and the model knows it roughly; 10 questions
    found = {"stratified": 0, "uniform": 0}
    for seed in range(50):
        returns = rng(seed).normal(size=(3, 150)) + 12 * (np.arange(150) < 3)
        for name in found:
            chosen = make_select(name, TableModel(returns), 5)(numbered(150), 10, rng(seed))
            found[name] += bool(min(chosen) < 3)
    assert found["stratified"] >= 48
    assert found["uniform"] < 20  # 19 % expected: 9 of 50


class Committee:
    """Members that all fit the answers so far: directions in which the return grows."""

    ready = True

    def __init__(self, seed: int) -> None:
        self.rng = rng(seed)
        self.low, self.high = -np.pi / 2, np.pi / 2  # what the answers leave open

    def learn(self, where: float, is_good: bool) -> None:
        """A segment in direction `where` is good if the truth is within a quarter turn of it."""
        for limit in (where - np.pi / 2, where + np.pi / 2):
            limit = (limit + np.pi) % (2 * np.pi) - np.pi
            if self.low < limit < self.high:
                if (abs(_turn(self.low, where)) < np.pi / 2) == is_good:
                    self.high = limit
                else:
                    self.low = limit

    def returns(self, segments: Any) -> NDArray[np.float64]:
        angles = self.rng.uniform(self.low, self.high, 9)
        points = np.array([segment.obs[0, :2] for segment in segments])
        return np.stack((np.cos(angles), np.sin(angles)), 1) @ points.T


def _turn(a: float, b: float) -> float:
    return (a - b + np.pi) % (2 * np.pi) - np.pi


@pytest.mark.parametrize("name", ["disagreement", "information-gain"])
def test_asking_where_the_members_differ_finds_the_truth_sooner(name: str) -> None:
    # after 6 questions one by one, what share of all directions is left open?
    left: dict[str, list[float]] = {name: [], "uniform": []}
    for seed in range(20):
        truth = rng(seed).uniform(-1, 1)
        for strategy in left:
            model = Committee(seed)
            select = make_select(strategy, model, 2)
            for step in range(6):
                points = rng(100 * seed + step).normal(size=(40, 3)).astype(np.float32)
                segments = [replace(make_segment(str(i)), obs=points[[i, i]]) for i in range(40)]
                x, y, _ = points[select(segments, 1, rng(step))[0]]
                where = float(np.arctan2(y, x))
                model.learn(where, abs(_turn(truth, where)) < np.pi / 2)
                assert model.low < truth < model.high
            left[strategy].append(model.high - model.low)
    # halving 6 times leaves pi / 64 = 0.05; chance leaves about 2 pi / 7
    assert np.median(left[name]) < 0.35 * np.median(left["uniform"])
