import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from envs import make_segment

from gym_rated import SKIPPED, Comparison, Rating, RatingDataset
from gym_rated.raters import Score
from gym_rated.ratings.file import write_ratings


def dataset(num_segments: int = 4, num_classes: int = 3, **options: Any) -> RatingDataset:
    """A dataset with segments "s0", "s1", ...: s_i is of round i // 2 and has i + 1 steps."""
    ratings = RatingDataset(3, 2, num_classes, **options)
    ratings.add(
        make_segment(f"s{i}", length=i + 1, obs=i + 0.5, round=i // 2, true_return=1234.5)
        for i in range(num_segments)
    )
    return ratings


def rated() -> RatingDataset:
    """A dataset with a bit of everything."""
    ratings = dataset(env_id="Pendulum-v1", criterion="stays up, calmly")
    ratings.update([Rating("s2", 1, "anna"), Rating("s0", 2, "bob", 3), Rating("s1", 0, "anna")])
    ratings.update([Rating("s2", 2, "anna", 1), Rating("s3", SKIPPED, "bob", 2)])
    ratings.update([Comparison("s1", "s0", "anna"), Comparison("s2", "s3", "bob")])
    ratings.update([Score("s0", 0.25, "carl"), Score("s1", 0.5, "anna", 2)])
    return ratings


def assert_equal(a: RatingDataset, b: RatingDataset) -> None:
    assert a.ratings == b.ratings
    assert a.comparisons == b.comparisons
    assert a.scores == b.scores
    assert (a.env_id, a.criterion, a.num_changes) == (b.env_id, b.criterion, b.num_changes)
    assert a.num_segments == b.num_segments
    np.testing.assert_equal(a.state_dict(), b.state_dict())
    for x, y in zip(dataclasses.astuple(a.batch()), dataclasses.astuple(b.batch()), strict=True):
        np.testing.assert_array_equal(x, y)
        assert getattr(x, "dtype", None) == getattr(y, "dtype", None)


# -- taking answers in --


def test_a_batch_by_hand() -> None:
    ratings = dataset()
    assert ratings.update(
        [Rating("s1", 2, "anna"), Rating("s0", 0, "bob"), Rating("s2", 1, "anna")]
    )
    batch = ratings.batch()
    assert batch.ids == ("s1", "s0", "s2")
    assert batch.ratings.tolist() == [2, 0, 1]
    assert batch.mask.tolist() == [[1, 1, 0], [1, 0, 0], [1, 1, 1]]
    assert batch.obs[:, :, 0].tolist() == [[1.5, 1.5, 0], [0.5, 0, 0], [2.5, 2.5, 2.5]]
    assert batch.actions[:, :, 1].tolist() == [[-1.5, -1.5, 0], [-0.5, 0, 0], [-2.5, -2.5, -2.5]]
    assert batch.groups.tolist() == [0, 1, 2]  # (anna, round 0), (bob, 0), (anna, 1)
    assert (batch.obs.dtype, batch.mask.dtype, batch.ratings.dtype) == (np.float32, bool, np.int64)
    assert ratings.class_counts().tolist() == [1, 1, 1]
    assert ratings.round_counts(0).tolist() == [1, 0, 1]
    assert ratings.round_counts(7).tolist() == [0, 0, 0]


def test_a_batch_of_some_ratings_pads_to_its_own_longest_and_keeps_group_numbers() -> None:
    ratings = dataset()
    ratings.update(Rating(f"s{i}", 0, "anna") for i in range(4))
    batch = ratings.batch([2, 0, 2])
    assert batch.ids == ("s2", "s0", "s2")
    assert batch.obs.shape == (3, 3, 3)
    assert batch.groups.tolist() == [1, 0, 1]
    assert ratings.batch(np.array([0])).obs.shape == (1, 1, 3)


def test_an_empty_batch_has_the_right_shapes() -> None:
    batch = dataset().batch()
    assert (batch.obs.shape, batch.actions.shape) == ((0, 0, 3), (0, 0, 2))
    assert (batch.mask.shape, batch.ratings.shape, batch.groups.shape) == ((0, 0), (0,), (0,))


def test_groups_are_equal_where_rater_and_round_are() -> None:
    ratings = dataset()
    ratings.update(Rating(f"s{i}", 0, rater) for rater in ("anna", "bob") for i in range(4))
    assert ratings.batch().groups.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_an_answer_replaces_the_one_of_the_same_rater_only() -> None:
    ratings = dataset()
    assert ratings.update([Rating("s0", 0, "anna"), Rating("s0", 1, "bob")]) == 2
    assert ratings.update([Rating("s0", 2, "anna", 1)]) == 1
    assert ratings.ratings == (Rating("s0", 2, "anna", 1), Rating("s0", 1, "bob"))
    assert len(ratings) == 2
    assert ratings.num_changes == 3


def test_what_is_said_again_changes_nothing() -> None:
    ratings = dataset()
    ratings.update([Rating("s0", 1, "anna"), Comparison("s0", "s1", "anna")])
    assert ratings.update([Rating("s0", 1, "anna"), Comparison("s0", "s1", "anna")]) == 0
    assert ratings.update([Rating("s0", 1, "anna", 5)]) == 0  # confirmed: no reason for a new fit
    assert ratings.ratings == (Rating("s0", 1, "anna", 5),)
    assert ratings.num_changes == 2


def test_an_overtaken_revision_is_ignored() -> None:
    ratings = dataset()
    ratings.update([Rating("s0", 1, "anna", 3)])
    assert ratings.update([Rating("s0", 2, "anna", 2), Rating("s0", SKIPPED, "anna", 1)]) == 0
    assert ratings.ratings == (Rating("s0", 1, "anna", 3),)


def test_a_skip_removes_the_rating_and_is_not_undone_by_an_older_answer() -> None:
    ratings = dataset()
    ratings.update([Rating("s0", 1, "anna"), Rating("s1", 2, "anna")])
    assert ratings.update([Rating("s0", SKIPPED, "anna", 2)]) == 1
    assert ratings.ratings == (Rating("s1", 2, "anna"),)
    assert ratings.update([Rating("s0", 1, "anna", 1)]) == 0
    assert ratings.update([Rating("s0", SKIPPED, "bob")]) == 0  # nothing to remove
    assert ratings.update([Rating("s0", 0, "anna", 3)]) == 1
    assert ratings.ratings == (Rating("s1", 2, "anna"), Rating("s0", 0, "anna", 3))
    assert ratings.num_segments == 4


def test_comparisons_are_kept_in_order() -> None:
    assert rated().comparisons == (Comparison("s1", "s0", "anna"), Comparison("s2", "s3", "bob"))


def test_a_row_may_be_rated_scored_or_only_compared() -> None:
    ratings = dataset()
    ratings.update([Comparison("s3", "s1", "anna"), Rating("s1", 2, "anna")])
    ratings.update([Score("s0", 0.25, "anna"), Comparison("s0", "s2", "bob")])
    batch = ratings.batch()
    assert batch.ids == ("s1", "s0", "s3", "s0", "s2")  # rated or scored, then compared only
    assert batch.ratings.tolist() == [2, -1, -1, -1, -1]
    np.testing.assert_array_equal(batch.scores, np.array([np.nan, 0.25, *[np.nan] * 3], np.float32))
    assert batch.comparisons.tolist() == [[2, 0], [3, 4]]
    # (anna, round 1) was named first, by the comparison, then (anna, 0), (bob, 0), (bob, 1)
    assert batch.groups.tolist() == [1, 1, 0, 2, 3]
    assert (batch.scores.dtype, batch.comparisons.dtype) == (np.float32, np.int64)
    assert len(ratings) == 2
    assert ratings.class_counts().tolist() == [0, 0, 1]


def test_some_rows_keep_the_comparisons_between_them() -> None:
    ratings = dataset()
    ratings.update(Rating(f"s{i}", 0, "anna") for i in range(3))
    ratings.update([Comparison("s2", "s0", "anna"), Comparison("s1", "s0", "anna")])
    assert ratings.batch([2, 0]).comparisons.tolist() == [[0, 1]]
    assert ratings.batch([2, 1]).comparisons.shape == (0, 2)


def test_groups_keep_their_number_as_the_dataset_grows_and_shrinks(tmp_path: Path) -> None:
    ratings = dataset()
    ratings.update([Rating("s2", 1, "anna"), Rating("s0", 1, "anna")])
    assert ratings.batch().groups.tolist() == [0, 1]
    ratings.update([Rating("s2", SKIPPED, "anna", 1), Score("s1", 0.5, "bob")])
    assert ratings.batch().groups.tolist() == [1, 2]
    ratings.save(tmp_path / "ratings.npz")
    assert RatingDataset.load(tmp_path / "ratings.npz").batch().groups.tolist() == [1, 2]


def test_a_rater_may_rate_and_score_one_segment_and_a_skip_removes_both() -> None:
    ratings = dataset()
    assert ratings.update([Rating("s0", 2, "anna"), Score("s0", 0.75, "anna")]) == 2
    assert len(ratings) == 1
    assert ratings.update([Score("s0", 0.75, "anna", 1)]) == 0  # confirmed
    assert ratings.update([Score("s0", 0.5, "anna", 2)]) == 1
    assert ratings.update([Rating("s0", SKIPPED, "anna", 1)]) == 0  # older than the score
    assert ratings.update([Rating("s0", SKIPPED, "anna", 3)]) == 1
    assert (ratings.ratings, ratings.scores, len(ratings)) == ((), (), 0)
    assert ratings.update([Score("s0", 0.5, "anna", 2)]) == 0  # overtaken by the skip


def test_a_round_tells_apart_what_any_answer_orders() -> None:
    ratings = dataset(6)
    ratings.update([Rating("s0", 1, "anna"), Rating("s1", 1, "anna"), Score("s2", 0.5, "anna")])
    assert not ratings.tells_apart(0)
    assert not ratings.tells_apart(1)
    ratings.update([Rating("s1", 2, "anna", 1), Score("s3", 0.25, "anna")])
    assert ratings.tells_apart(0)
    assert ratings.tells_apart(1)
    ratings.update([Comparison("s4", "s5", "anna")])
    assert ratings.tells_apart(2)


def test_numpy_integers_are_ratings() -> None:
    ratings = dataset()
    ratings.update([Rating("s0", np.int64(2), "anna")])
    assert type(ratings.ratings[0].rating) is int
    json.dumps(ratings.state_dict()["meta"])


@pytest.mark.parametrize(
    ("bad", "error", "text"),
    [
        (Rating("s1", 3, "anna"), ValueError, r"`rating` must be 0 to 2 or SKIPPED \(-1\), got 3"),
        (Rating("s1", -2, "anna"), ValueError, "got -2 for segment 's1'"),
        (Rating("s1", 1.0, "anna"), TypeError, "`rating` must be an int, got 1.0"),
        (Rating("s1", True, "anna"), TypeError, "`rating` must be an int, got True"),
        (
            Rating("s9", 1, "anna"),
            ValueError,
            "about segments added before, got 's9'; is one rater",
        ),
        (Rating("s1", 1, "anna", -1), ValueError, "`revision` must be at least 0, got -1"),
        (Score("s1", 1.5, "anna"), ValueError, r"`score` must lie in \[0, 1\], got 1.5"),
        (Score("s1", float("nan"), "anna"), ValueError, r"got nan for segment 's1'; .* SKIPPED"),
        (Score("s1", True, "anna"), TypeError, "`score` must be a number, got True"),
        (Score("s9", 0.5, "anna"), ValueError, "about segments added before, got 's9'"),
        (("s1", 1), TypeError, r"must be a Rating, a Score or a Comparison, got \('s1', 1\)"),
        (Comparison("s1", "s9", "anna"), ValueError, "about segments added before, got 's9'"),
        (Comparison("s1", "s1", "anna"), ValueError, "must be of two segments, got 's1' twice"),
    ],
)
def test_a_bad_answer_is_refused_and_none_with_it_is_taken(
    bad: Any, error: type, text: str
) -> None:
    ratings = dataset()
    with pytest.raises(error, match=text):
        ratings.update([Rating("s0", 1, "anna"), bad])
    assert len(ratings) == ratings.num_changes == 0
    assert ratings.comparisons == ()


# -- segments --


def test_segments_are_copied_and_their_true_rewards_dropped() -> None:
    segment = make_segment("a", 99.0)
    ratings = RatingDataset(3, 2, 2)
    ratings.add([segment])
    segment.obs[:] = segment.actions[:] = 7
    ratings.update([Rating("a", 0, "anna")])
    assert ratings.batch().obs.tolist() == [[[0.5] * 3] * 2]
    assert not any("reward" in name for name in vars(ratings._segments["a"]))


def test_segments_come_back_as_they_are_stored_and_without_a_reward() -> None:
    ratings = RatingDataset(3, 2, 2)
    added = [make_segment("b", length=3), dataclasses.replace(make_segment("a"), round=4)]
    ratings.add(added)
    ratings.update([Rating("a", 0, "anna")])
    found = list(ratings.segments())
    assert [(s.id, s.round, len(s)) for s in found] == [("b", 0, 3), ("a", 4, 2)]
    for segment, wanted in zip(found, added, strict=True):
        assert np.array_equal(segment.obs, wanted.obs)
        assert np.array_equal(segment.actions, wanted.actions)
        assert np.isnan(segment.true_rewards).all()
        assert segment.true_rewards.shape == (len(wanted),)


def test_pixels_stay_bytes_and_are_not_mixed_with_numbers(tmp_path: Path) -> None:
    pixels = cut(make_segment("a"), obs=np.full((2, 3), 255, np.uint8))
    ratings = RatingDataset(3, 2, 2)
    ratings.add([pixels])
    ratings.update([Rating("a", 1, "anna")])
    assert ratings.batch().obs.dtype == np.uint8
    ratings.save(tmp_path / "ratings.npz")
    assert RatingDataset.load(tmp_path / "ratings.npz").batch().obs.tolist() == [[[255] * 3] * 2]
    with pytest.raises(ValueError, match="must be uint8, or none, got both"):
        ratings.add([make_segment("b")])


def cut(segment: Any, **changes: Any) -> Any:
    return dataclasses.replace(segment, **changes)


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (
            make_segment("s0"),
            "`segments` must have new ids, got 's0' twice; .* datasets",
        ),
        (
            cut(make_segment("b"), obs=np.zeros((2, 4))),
            r"`obs` of segment 'b' .* shape \(T, 3",
        ),
        (cut(make_segment("b"), obs=np.zeros((1, 3))), r"T >= 1, got \(1, 3\)"),
        (cut(make_segment("b"), actions=np.zeros((2, 1))), r"`actions` of segment 'b' .* \(2, 1\)"),
        (make_segment("b", length=1, obs=np.nan), "`obs` of segment 'b' must be finite"),
        (cut(make_segment("b"), actions=np.full((2, 2), np.inf)), "`actions` .* must be finite"),
        (
            cut(make_segment("b"), obs=np.zeros((0, 3)), actions=np.zeros((0, 2))),
            r"with T >= 1, got \(0, 3\)",
        ),
    ],
)
def test_a_bad_segment_is_refused_and_none_with_it_is_added(bad: Any, text: str) -> None:
    ratings = dataset(2)
    with pytest.raises(ValueError, match=text):
        ratings.add([make_segment("new"), bad])
    assert ratings.num_segments == 2
    with pytest.raises(ValueError, match="got 'x' twice"):
        ratings.add([make_segment("x"), make_segment("x")])


@pytest.mark.parametrize(
    ("sizes", "error", "text"),
    [
        ((0, 2, 3), ValueError, "`obs_dim` must be at least 1, got 0"),
        ((3, -1, 3), ValueError, "`action_dim` must be at least 1, got -1"),
        ((3, 2, 1), ValueError, "`num_classes` must be at least 2, got 1"),
        ((3, 2, 2.0), TypeError, "`num_classes` must be an int, got 2.0"),
        ((3.0, 2, 2), TypeError, "`obs_dim` must be an int, got 3.0"),
    ],
)
def test_bad_sizes_are_refused(sizes: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        RatingDataset(*sizes)


# -- files --


def test_a_saved_dataset_comes_back_whole(tmp_path: Path) -> None:
    for name, ratings in (("a.npz", rated()), ("b", dataset(0)), ("c.npz", dataset())):
        ratings.save(tmp_path / name)
        assert_equal(RatingDataset.load(tmp_path / name), ratings)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "a.npz",
        "b",
        "c.npz",
    ]  # nothing left over
    again = RatingDataset.load(str(tmp_path / "a.npz"))
    assert again.update([Rating("s3", 1, "bob", 1)]) == 0  # the skip of revision 2 is remembered


def test_saving_replaces_what_was_there(tmp_path: Path) -> None:
    dataset().save(tmp_path / "ratings.npz")
    rated().save(tmp_path / "ratings.npz")
    assert_equal(RatingDataset.load(tmp_path / "ratings.npz"), rated())


def test_no_true_reward_is_in_the_file(tmp_path: Path) -> None:
    rated().save(tmp_path / "ratings.npz")
    with np.load(tmp_path / "ratings.npz") as file:
        everything = {name: file[name] for name in file.files}
    assert set(everything) == {"obs", "actions", "meta", "sha256"}
    assert "1234.5" not in str(everything["meta"])
    assert not (everything["obs"] == 1234.5).any()


def test_every_flipped_byte_is_refused_or_harmless(tmp_path: Path) -> None:
    ratings, path = dataset(2), tmp_path / "ratings.npz"
    ratings.update([Rating("s1", 1, "anna")])
    ratings.save(path)
    data, refused = path.read_bytes(), 0
    for i in range(len(data)):
        flipped = data[i] ^ (0x01, 0x80, 0xFF)[i % 3]
        path.write_bytes(data[:i] + bytes([flipped]) + data[i + 1 :])
        try:
            loaded = RatingDataset.load(path)
        except ValueError:
            refused += 1
        else:
            assert_equal(loaded, ratings)
    assert refused > len(data) / 2  # the rest are names, times and flags that nothing reads


def test_every_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ratings.npz"
    rated().save(path)
    data = path.read_bytes()
    for length in range(0, len(data), 13):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"`path` must be a dataset .*restore it from a copy"):
            RatingDataset.load(path)


class Bomb:
    """Something that leaves a trace if it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("place", ["obs", "meta", "file"])
def test_a_pickle_in_a_file_is_refused_and_not_executed(tmp_path: Path, place: str) -> None:
    path, trace = tmp_path / "ratings.npz", tmp_path / "executed"
    rated().save(path)
    if place == "file":
        path.write_bytes(pickle.dumps(Bomb(trace)))
    else:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        arrays[place] = np.array([Bomb(trace)], dtype=object)
        np.savez_compressed(path, **arrays)
    with pytest.raises(ValueError, match="`path` must be a dataset written by RatingDataset"):
        RatingDataset.load(path)
    assert not trace.exists()


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RatingDataset.load(tmp_path / "missing.npz")
    np.save(tmp_path / "array.npy", np.zeros(3))
    np.savez(tmp_path / "other.npz", obs=np.zeros(3))
    for name in ("array.npy", "other.npz"):
        with pytest.raises(ValueError, match=f"`path` must be a dataset .*{name}"):
            RatingDataset.load(tmp_path / name)


def resave(path: Path, **changes: Any) -> None:
    """Write a file anew with other arrays, under the old checksum."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez_compressed(path, **(arrays | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"obs": np.zeros((10, 3), np.float32)},
        {"obs": np.full((3, 10), 0.5, np.float32)},
        {"meta": np.array("{}")},
        {"sha256": np.array("0" * 64)},
    ],
)
def test_other_content_than_the_checksum_says_is_refused(tmp_path: Path, changes: Any) -> None:
    rated().save(tmp_path / "ratings.npz")
    resave(tmp_path / "ratings.npz", **changes)
    with pytest.raises(ValueError, match="other content than its checksum says"):
        RatingDataset.load(tmp_path / "ratings.npz")


def test_the_checksum_covers_shape_and_dtype(tmp_path: Path) -> None:
    ratings = RatingDataset(3, 2, 2)
    ratings.add([make_segment("a", length=3, obs=0.0)])
    ratings.save(tmp_path / "ratings.npz")
    for dtype, shape in ((np.float32, (1, 9)), (np.int32, (3, 3))):  # the same bytes, all zero
        resave(tmp_path / "ratings.npz", obs=np.zeros(shape, dtype))
        with pytest.raises(ValueError, match="other content than its checksum says"):
            RatingDataset.load(tmp_path / "ratings.npz")


def test_a_file_of_the_first_format_is_read(tmp_path: Path) -> None:
    path, ratings = tmp_path / "ratings.npz", dataset()
    ratings.update([Rating("s2", 1, "anna"), Rating("s0", 2, "bob", 3)])
    ratings.update([Comparison("s1", "s0", "anna"), Rating("s3", SKIPPED, "bob", 2)])
    meta, arrays = ratings._meta(), ratings._arrays()
    old = {name: meta[name] for name in meta if name not in ("scores", "order", "groups")}
    write_ratings(path, old | {"format": "gym_rated ratings 1"}, arrays)
    read = RatingDataset.load(path)
    assert read.ratings == ratings.ratings
    assert read.comparisons == ratings.comparisons
    assert read.scores == ()
    assert read.batch().groups.tolist() == [0, 1, 2, 2]
    assert read.update([Rating("s3", 1, "bob", 1)]) == 0


def test_a_file_of_a_later_format_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("gym_rated.ratings.dataset.FORMAT", "gym_rated ratings 99")
        rated().save(tmp_path / "ratings.npz")
    with pytest.raises(ValueError, match="ratings 2', got 'gym_rated ratings 99'"):
        RatingDataset.load(tmp_path / "ratings.npz")


# -- checkpoints --


def test_state_restores_everything_and_is_a_snapshot() -> None:
    ratings = rated()
    state = ratings.state_dict()
    ratings.add([make_segment("new")])
    ratings.update([Rating("new", 0, "anna"), Rating("s2", 0, "anna", 9)])
    other = dataset(1)
    other.update([Rating("s0", 1, "zoe")])
    other.load_state_dict(state)
    assert_equal(other, rated())


def test_state_of_other_sizes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`state` must have num_classes = 5 as .* got 3"):
        RatingDataset(3, 2, 5).load_state_dict(rated().state_dict())
    with pytest.raises(ValueError, match="`state` must have obs_dim = 4"):
        RatingDataset(4, 2, 3).load_state_dict(rated().state_dict())
