import numpy as np
import torch
from envs import make_segment

from gym_rated import Rating, RatingDataset
from gym_rated.fitting.rows import RatedRows, mean_and_std
from gym_rated.raters import Score


def rows() -> RatedRows:
    data = RatingDataset(3, 2, 3)
    data.add(make_segment(f"s{i}", length=i + 1, obs=float(i)) for i in range(4))
    data.update([*(Rating(f"s{i}", i % 3, "anna") for i in range(4)), Score("s2", 0.5, "anna")])
    return RatedRows.of(data.batch(), torch.device("cpu"))


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


def test_mean_and_deviation_are_those_of_the_steps_that_exist() -> None:
    data = RatingDataset(3, 2, 3)
    data.add(make_segment(f"s{i}", length=i + 1, obs=float(i)) for i in range(3))
    data.update(Rating(f"s{i}", 0, "anna") for i in range(3))
    mean, std = mean_and_std(data.batch(), rows_at_once=2)
    steps = np.array([0, 1, 1, 2, 2, 2.0])
    assert np.allclose(mean, steps.mean())
    assert np.allclose(std, steps.std())
    assert mean.shape == std.shape == (3,)
    assert mean.dtype == np.float64
