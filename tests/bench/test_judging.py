"""Places, aggregates and comparisons against numbers worked by hand."""

import numpy as np
import pytest
from grids import SMALL, make_grid

from gym_rated.bench.judging import Comparison, adjust, judge
from gym_rated.bench.table import Entry
from gym_rated.statistics import Interval

TWO = SMALL + '[tasks.swim]\nenv_id = "CartPole-v1"\nscript = "tiny.py"\nrandom = -20\n'


def entries(task, **arms):
    return [
        Entry(task, arm, "" if arm == "random" else "default", seed, float(score))
        for arm, scores in arms.items()
        for seed, score in enumerate(scores)
    ]


def judged(tmp_path, *lists, text=SMALL):
    return judge(make_grid(tmp_path, text), "default", [e for found in lists for e in found])


def two_tasks(tmp_path, **more):
    return judged(
        tmp_path,
        entries("walk", true=[8, 12], ours=[2, 4, 6, 8], **more),
        entries("swim", true=[-9, -11], ours=[-18, -16, -10, -6]),
        text=TWO,
    )


def test_scores_are_placed_between_random_actions_and_the_true_arm(tmp_path):
    # walk from 0 to 10, swim from -20 to -10
    walk, swim = two_tasks(tmp_path).place("ours", ["walk", "swim"])
    assert walk == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert swim == pytest.approx([0.2, 0.4, 1.0, 1.4])


def test_only_an_arm_with_two_runs_on_each_of_its_tasks_has_a_profile(tmp_path):
    profiles = two_tasks(tmp_path, once=[3], twice=[3, 5]).profiles()
    assert list(profiles) == ["true", "ours", "twice"]
    assert profiles["twice"][0] == pytest.approx([0.3, 0.5])
    assert [len(row) for row in profiles["ours"]] == [4, 4]


def test_mean_and_iqm_are_over_tasks_and_seeds(tmp_path):
    here = two_tasks(tmp_path)
    assert here.tasks_of("ours") == ["walk", "swim"]
    # (0.5 + 0.75) / 2; of eight places two are cut at each end: (0.4 + 0.4 + 0.6 + 0.8) / 4
    assert here.mean("ours", ["walk", "swim"]).estimate == pytest.approx(0.625)
    assert here.iqm("ours", ["walk", "swim"]).estimate == pytest.approx(0.55)
    assert here.mean("true", ["walk", "swim"]).estimate == pytest.approx(1.0)


def test_an_interval_draws_the_seeds_of_the_arm(tmp_path):
    # two draws from 0 and 10 on a line from 0 to 10: 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4
    here = judged(tmp_path, entries("walk", true=[10, 10], ours=[0, 10]))
    assert here.mean("ours", ["walk"]) == Interval(0, 0.5, 1)


def test_an_interval_draws_the_seeds_of_the_true_arm(tmp_path):
    # the line ends at 5, 10 or 15: 10 lies at 2, 1 or 2/3 of it
    here = judged(tmp_path, entries("walk", true=[5, 15], ours=[10, 10]))
    assert here.mean("ours", ["walk"]) == pytest.approx((2 / 3, 1, 2))
    # of the true arm itself the line stays, from 0 to 10, and its scores are drawn
    assert here.mean("true", ["walk"]) == pytest.approx((0.5, 1, 1.5))


def test_an_interval_draws_the_seeds_of_random_actions(tmp_path):
    # the line begins at 0, 5 or 10, and ends at 20: 10 lies at 1/2, 1/3 or 0 of it
    text = SMALL.replace("random = 0.0", "")
    here = judged(
        tmp_path, entries("walk", random=[0, 10], true=[20, 20], ours=[10, 10]), text=text
    )
    assert here.mean("ours", ["walk"]) == pytest.approx((0, 1 / 3, 0.5))


def test_draws_without_a_line_say_nothing(tmp_path):
    # the line from 0 ends at -1, 1 or 3: a quarter of the draws has none; 1 lies at 1 or 1/3
    here = judged(tmp_path, entries("walk", true=[-1, 3], ours=[1, 1]))
    assert here.mean("ours", ["walk"]) == pytest.approx((1 / 3, 1, 1))
    assert here.iqm("ours", ["walk"]) == pytest.approx((1 / 3, 1, 1))


def test_of_a_single_run_there_is_no_interval(tmp_path):
    here = judged(tmp_path, entries("walk", true=[10, 10], ours=[4]))
    assert here.mean("ours", ["walk"]) == pytest.approx(0.4)
    here = judged(tmp_path, entries("walk", true=[10], ours=[4, 6]))
    assert here.mean("ours", ["walk"]) == pytest.approx(0.5)


def test_an_arm_is_aggregated_over_the_tasks_on_which_it_has_runs(tmp_path):
    here = two_tasks(tmp_path, mine=[5, 5])
    assert here.tasks_of("mine") == ["walk"]
    assert here.arms == ["true", "ours", "mine"]


def test_arms_are_in_the_order_of_the_grid_and_others_come_last(tmp_path):
    walk, swim = entries("walk", mine=[1], ours=[1]), entries("swim", true=[2])
    assert judged(tmp_path, walk, swim, text=TWO).arms == ["true", "ours", "mine"]


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ({"true": [0, 0]}, "its arm 'true', 0, does not lie above random actions, 0"),
        ({"true": [-3, 1], "ours": [5, 5]}, "its arm 'true', -1, does not lie above random"),
        ({"ours": [5, 5]}, "it has no run of the arm 'true'"),
    ],
)
def test_a_task_without_a_line_is_dropped(tmp_path, arms, said):
    swim = entries("swim", true=[-10, -10], ours=[-15, -15])
    here = judged(tmp_path, entries("walk", **arms), swim, text=TWO)
    assert list(here.dropped) == ["walk"]
    assert here.dropped["walk"].startswith(said)
    assert here.tasks_of("ours") == ["swim"]
    assert here.mean("ours", here.tasks_of("ours")).estimate == 0.5


def test_a_task_without_random_actions_is_dropped(tmp_path):
    text = SMALL.replace("random = 0.0", "")
    here = judged(tmp_path, entries("walk", true=[1, 2]), text=text)
    assert here.dropped == {"walk": "it has no run of random actions"}


def test_comparisons_count_pairs_of_seeds(tmp_path):
    # pairs of 1, 3 with 2, 3: lost, lost; won, tied: 1.5 of 4
    walk = entries("walk", true=[10, 10], ours=[1, 3], base=[2, 3])
    found = judged(tmp_path, walk).compare("ours", "base")
    assert found.probability.estimate == 1.5 / 4
    assert found.tasks == ("walk",)
    # Of six ways to choose two of 1, 2, 3, 3 two are no further from one half than 1/8: those with
    # 1 and a 3, which are the same as 2 and a 3 turned round: 1/8 as well. All six are as far.
    assert found.p_value == 1.0


def test_the_interval_of_a_comparison_draws_the_seeds_of_both(tmp_path):
    # 1 beats 0 and loses to 2: of the draws of 0 and 2, one in four wins all, one in four nothing
    walk = entries("walk", true=[10, 10], ours=[1, 1], base=[0, 2])
    found = judged(tmp_path, walk).compare("ours", "base")
    assert found.probability == Interval(0, 0.5, 1)
    assert found.p_value == 1.0


def test_the_p_value_is_of_changing_sides_within_tasks(tmp_path):
    # all won on both tasks, which 2 of 6 * 6 ways of changing sides do
    here = judged(
        tmp_path,
        entries("walk", true=[10, 10], ours=[3, 4], base=[1, 2]),
        entries("swim", true=[-10, -10], ours=[3, 4], base=[1, 2]),
        text=TWO,
    )
    assert here.compare("ours", "base").p_value == 2 / 36
    assert here.compare("ours", "base").probability == Interval(1, 1, 1)


def test_where_one_has_a_single_run_nothing_is_compared(tmp_path):
    here = judged(tmp_path, entries("walk", true=[10, 10], ours=[3, 4], base=[1]))
    assert here.compare("ours", "base") is None


def test_several_comparisons_are_corrected_together():
    found = [Comparison("a", ("walk",), Interval(0, 0, 0), p) for p in (0.01, 0.04, 0.03)]
    assert adjust(found) == pytest.approx([0.03, 0.06, 0.06])
    assert adjust([]) == []


def test_runs_of_another_setting_do_not_count(tmp_path):
    other = [Entry("walk", "ours", "many", 1, 99.0)]
    here = judged(tmp_path, entries("walk", true=[10, 10], ours=[1, 3]), other)
    np.testing.assert_array_equal(here.scores["walk"]["ours"], [1, 3])
