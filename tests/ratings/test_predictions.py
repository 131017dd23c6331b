"""What a reward model says of rated segments is kept for reports, as it was."""

from pathlib import Path

import numpy as np
import pytest

from gym_rated.checkpoint import load_state, save_state
from gym_rated.ratings.predictions import RatingPredictions


def predictions(num: int = 2, **others: object) -> RatingPredictions:
    fields = {
        "ids": tuple(f"s{i}" for i in range(num)),
        "ratings": np.arange(num) % 2,
        "held_out": np.arange(num) % 3 == 1,
        "rewards": [np.full(3 - i % 2, i, np.float32) for i in range(num)],
        "returns": np.arange(num, dtype=float),
        "probabilities": np.full((num, 2), 0.5),
    }
    return RatingPredictions(**fields | others)


@pytest.mark.parametrize("num", [0, 1, 2, 5])
def test_what_was_saved_comes_back(tmp_path: Path, num: int) -> None:
    saved = predictions(num)
    saved.save(tmp_path / "predictions")
    loaded = RatingPredictions.load(tmp_path / "predictions")
    assert loaded.ids == saved.ids
    for name in ("ratings", "held_out", "returns", "probabilities"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(saved, name), strict=True)
    assert [r.tolist() for r in loaded.rewards] == [r.tolist() for r in saved.rewards]


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"returns": np.zeros(3)}, "each of the 2 `ids` must have a row"),
        ({"rewards": []}, "each of the 2 `ids` must have a row"),
        ({"probabilities": np.ones(2)}, r"`probabilities` must have shape \(2, C\), got \(2,\)"),
        ({"ratings": np.array([0, 2])}, r"`ratings` must lie in 0\.\.1"),
        ({"ratings": np.array([-1, 1])}, r"`ratings` must lie in 0\.\.1"),
    ],
)
def test_what_does_not_fit_together_is_refused(others: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        predictions(**others)


@pytest.mark.parametrize("change", [{"format": "another"}, {"returns": np.zeros(5)}, {"more": 1}])
def test_a_file_of_something_else_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    predictions().save(tmp_path)
    save_state(tmp_path, load_state(tmp_path) | change)
    with pytest.raises(ValueError, match=r"must hold|`folder`"):
        RatingPredictions.load(tmp_path)
