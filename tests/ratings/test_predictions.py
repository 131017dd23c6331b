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
        ({"returns": np.array([0, np.nan])}, "`returns` must be finite"),
        ({"probabilities": np.full((2, 2), 0.6)}, "`probabilities` must .* each row sum to 1"),
        ({"probabilities": np.array([[2.0, -1.0]] * 2)}, "`probabilities` must be at least 0"),
        ({"rewards": [np.zeros(0, np.float32)] * 2}, r"`rewards` must have a number .* got \(0,\)"),
        ({"rewards": [np.full(2, np.inf, np.float32)] * 2}, "`rewards` must be finite"),
    ],
)
def test_what_does_not_fit_together_is_refused(others: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        predictions(**others)


@pytest.mark.parametrize(
    "others",
    [
        {"ids": ("a", 3)},
        {"ratings": np.array([0.0, 1.0])},
        {"held_out": [True, False]},
        {"returns": np.zeros(2, np.float16)},
        {"probabilities": np.full((2, 2), 1 + 0j)},
        {"rewards": [np.zeros(2)] * 2},
    ],
)
def test_what_is_of_another_type_is_refused(others: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=f"`{next(iter(others))}` must be"):
        predictions(**others)


@pytest.mark.parametrize("lengths", [[5, 0], [6, -1], [2, 2], [2**62, 2**62], [2.0, 3.0]])
def test_lengths_that_are_not_those_of_the_segments_are_refused(
    tmp_path: Path, lengths: list[int]
) -> None:
    predictions().save(tmp_path)
    save_state(tmp_path, load_state(tmp_path) | {"lengths": np.array(lengths)})
    with pytest.raises(ValueError, match=r"`folder` must hold what was saved .*`lengths` must be"):
        RatingPredictions.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"format": "another"}, {"format": np.arange(3)}, {"returns": np.zeros(5)}, {"more": 1}],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    predictions().save(tmp_path)
    save_state(tmp_path, load_state(tmp_path) | change)
    with pytest.raises(ValueError, match=r"must hold|`folder`"):
        RatingPredictions.load(tmp_path)
