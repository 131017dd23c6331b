import numpy as np
import torch
from envs import make_segment

from gym_rated import Rating, RatingDataset
from gym_rated.fitting.rows import PackedSteps, RatedRows, segment_returns
from gym_rated.raters import Score


def rows() -> RatedRows:
    data = RatingDataset(3, 2, 3)
    data.add(make_segment(f"s{i}", length=i + 1, obs=float(i)) for i in range(4))
    data.update([*(Rating(f"s{i}", i % 3, "anna") for i in range(4)), Score("s2", 0.5, "anna")])
    return RatedRows.of(data, torch.device("cpu"))


def test_what_is_compared_comes_behind_the_rows_without_its_rating_and_score() -> None:
    taken = rows().take(np.array([3, 1]), np.array([[2, 0], [3, 2]]))
    assert taken.lengths.tolist() == [4, 2, 3, 4, 1, 3]
    assert taken.ratings.tolist() == [0, 1, -1, -1, -1, -1]
    assert taken.scores.isnan().all()
    assert taken.comparisons.tolist() == [[2, 4], [3, 5]]  # s2 over s0, s3 over s2


def test_rows_alone_have_no_comparisons() -> None:
    taken = rows().take(np.array([2]))
    assert taken.comparisons.shape == (0, 2)
    assert taken.scores.tolist() == [0.5]


def test_steps_are_packed_one_behind_the_other() -> None:
    steps = rows().take(np.array([2, 0])).steps()
    assert steps.obs.tolist() == [[2.0] * 3] * 3 + [[0.0] * 3]
    assert steps.actions.shape == (4, 2)
    assert steps.lengths.tolist() == [3, 1]


def test_returns_are_the_sums_over_segments_of_any_length() -> None:
    rewards = torch.tensor([[1.0, 2, 3, 4, 5, 6], [6.0, 5, 4, 3, 2, 1]])
    assert segment_returns(rewards, np.array([1, 3, 2])).tolist() == [[1, 9, 11], [6, 12, 3]]
    assert segment_returns(rewards, np.array([3, 3])).tolist() == [[6, 15], [15, 6]]
    assert segment_returns(rewards[:, :0], np.array([], np.int64)).shape == (2, 0)


def test_no_step_means_no_row_of_the_network() -> None:
    data = rows().dataset
    steps = PackedSteps.of(data, np.array([], np.int64), torch.device("cpu"))
    assert (steps.obs.shape, steps.actions.shape) == ((0, 3), (0, 2))
