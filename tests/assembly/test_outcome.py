"""Whether a rated run did its job, and why not."""

import numpy as np
import pytest
from envs import make_segment

from gym_rated import Rating, RatingDataset
from gym_rated.assembly.outcome import learning_problem


def dataset(*ratings: int) -> RatingDataset:
    made = RatingDataset(obs_dim=3, action_dim=2, num_classes=3)
    made.add(make_segment(str(k)) for k in range(4))
    made.update([Rating(str(k), rating, "ann") for k, rating in enumerate(ratings)])
    return made


def fits(steps: list[float], refused: list[float]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    at = np.arange(len(steps))
    return {
        "rated/steps": (at, np.array(steps)),
        "rated/refused_updates": (at, np.array(refused)),
    }


def test_one_update_of_one_fit_is_enough() -> None:
    assert learning_problem(dataset(0, 2), fits([0, 5, 3], [0, 4, 3])) is None


@pytest.mark.parametrize(
    ("ratings", "metrics", "said"),
    [
        ((), {}, "none of the 4 segments asked about was rated"),
        ((1, 1, 1), fits([0], [0]), "all 3 ratings are of class 1, so that nothing is better"),
        ((0, 2), fits([5, 2], [5, 2]), "from 2 ratings of 4 segments: no update of the reward"),
        ((0, 2), {}, "no update of the reward model was made"),
    ],
)
def test_what_was_missing_is_said_in_one_sentence(
    ratings: tuple[int, ...], metrics: dict, said: str
) -> None:
    problem = learning_problem(dataset(*ratings), metrics)
    assert problem is not None
    assert said in problem


def test_nobody_was_asked() -> None:
    nothing = RatingDataset(obs_dim=3, action_dim=2, num_classes=3)
    assert learning_problem(nothing, {}) == "nothing was learned: no segment was asked about"
