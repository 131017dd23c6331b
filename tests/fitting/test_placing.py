import numpy as np
import pytest

from gym_rated.fitting.placing import MOST_KEPT, PlacedRatings


def rows_of(placed: PlacedRatings) -> dict[str, np.ndarray]:
    state = placed.state_dict()
    return dict(zip(state["raters"], state["rows"], strict=True))


def test_a_fresh_rating_stands_among_all_of_its_rater() -> None:
    placed = PlacedRatings()
    names = ["ann", "bob", "ann", "ann", "ann"]
    values = np.array([0.0, 9.0, 3.0, 1.0, 3.0])
    ratings = np.array([0, 0, 2, 1, 1])
    placed.look(names, values, ratings, np.array([False, False, False, True, True]))
    # ann's values are 0, 3, 1, 3 and her ratings 0, 2, 1, 1; the two at 3 share the upper half
    assert list(rows_of(placed)) == ["ann"]
    assert rows_of(placed)["ann"].tolist() == [[1, 0.375, 0.25, 0.75], [1, 0.75, 0.25, 0.75]]


def test_the_newest_ratings_of_a_rater_are_kept() -> None:
    placed = PlacedRatings()
    fresh = np.array([False, True])
    for _ in range(MOST_KEPT):
        placed.look(["ann"] * 2, np.array([0.0, 1.0]), np.array([0, 1]), fresh)
    placed.look(["ann"] * 2, np.array([1.0, 0.0]), np.array([0, 1]), fresh)
    rows = rows_of(placed)["ann"]
    assert rows.shape == (MOST_KEPT, 4)
    assert rows[-2:, 1].tolist() == [0.75, 0.25]


def test_what_was_placed_is_restored_from_its_state() -> None:
    placed, again = PlacedRatings(), PlacedRatings()
    rng = np.random.default_rng(0)
    values, names = rng.random(300), np.array(["ann", "a:b/c"])[np.arange(300) % 2].tolist()
    ratings = (5 * values).astype(np.int64)
    placed.look(names, values, ratings, np.ones(300, np.bool_))
    again.load_state_dict(placed.state_dict())
    assert set(placed.shares(5)) == {"ann", "a:b/c"}
    assert again.shares(5) == placed.shares(5)
    again.look(names, values, ratings, np.ones(300, np.bool_))  # and shares no arrays
    assert len(rows_of(placed)["ann"]) == 150


@pytest.mark.parametrize(
    "rows",
    [
        *(np.zeros((4, 3)), np.zeros(4), np.full((4, 4), np.nan), np.zeros((4, 4), np.float32)),
        [[0.0] * 4],
    ],
)
def test_a_state_of_something_else_is_refused(rows) -> None:
    with pytest.raises(ValueError, match="`rows` must be finite numbers of shape"):
        PlacedRatings().load_state_dict({"raters": ["ann"], "rows": [rows]})


def doubtful_of(num: int) -> PlacedRatings:
    """Return 200 ratings that go with their values, but the worst of every tenth is "best"."""
    placed = PlacedRatings()
    values = np.arange(200) / 200
    ratings = (5 * values).astype(np.int64)
    ratings[: 10 * num : 10] = 4 - ratings[: 10 * num : 10]
    ids = [f"s{k}" for k in range(200)]
    placed.look(["ann"] * 200, values, ratings, np.ones(200, np.bool_), ids)
    return placed


def test_the_ratings_that_contradict_most_are_named_those_furthest_off_first() -> None:
    placed = doubtful_of(20)  # 0, 10, 20 and 30 are "best", 160 to 190 are "worst"
    assert placed.shares(5)["ann"] > 0.05
    found = placed.doubtful(5)["ann"]
    assert found[:2] == ["s0", "s190"]
    assert set(found) == {"s0", "s10", "s180", "s190"}
    again = PlacedRatings()
    again.load_state_dict(placed.state_dict())
    assert again.doubtful(5) == {"ann": found}


def test_where_few_ratings_contradict_none_is_named() -> None:
    assert doubtful_of(0).doubtful(5) == {"ann": []}


def test_ratings_of_an_older_version_have_no_names() -> None:
    placed = doubtful_of(20)
    state = placed.state_dict()
    del state["ids"]
    placed.load_state_dict(state)
    assert placed.doubtful(5) == {"ann": []}
    with pytest.raises(ValueError, match="`ids` must name 200 segments"):
        placed.load_state_dict({**state, "ids": [["s1"]]})
