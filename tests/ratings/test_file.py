"""A file of ratings proves its origin by its checksum; its sense is proved by loading it."""

import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from gym_rated import Rating, RatingDataset
from gym_rated.checkpoint.archive import pack_arrays
from gym_rated.ratings.file import _digest, read_ratings, write_ratings

SOUND = Path(__file__).parents[1] / "fixtures" / "ratings.npz"


def changed(name, change):
    """Return a change of one entry of the description."""
    return lambda meta, arrays: meta.update({name: change(meta[name])})


def set_number(value):
    def change(meta, arrays):
        arrays["obs"] = arrays["obs"].copy()
        arrays["obs"][0, 0] = value

    return change


def set_array(name, make):
    return lambda meta, arrays: arrays.update({name: make(arrays[name])})


CHANGES = {
    "a length of -5": changed("segments", lambda s: [[*s[0][:2], -5], *s[1:]]),
    "a length of 0": changed("segments", lambda s: [[*s[0][:2], 0], *s[1:]]),
    "a length that is True": changed("segments", lambda s: [[*s[0][:2], True], *s[1:]]),
    "a negative round": changed("segments", lambda s: [[s[0][0], -1, s[0][2]], *s[1:]]),
    "a round of 400 digits": changed("segments", lambda s: [[s[0][0], 10**400, s[0][2]], *s[1:]]),
    "a segment twice": changed("segments", lambda s: [s[0], [s[0][0], *s[1][1:]], *s[2:]]),
    "an id that is a number": changed("segments", lambda s: [[7, *s[0][1:]], *s[1:]]),
    "an id that is half a letter": changed("segments", lambda s: [["\ud800", *s[0][1:]], *s[1:]]),
    "a segment too few": changed("segments", lambda s: s[1:]),
    "missing rows": set_array("obs", lambda a: a[:-1]),
    "rows too many": set_array("actions", lambda a: np.concatenate([a, a])),
    "a rating of 1.5": changed("ratings", lambda r: [[r[0][0], 1.5, *r[0][2:]], *r[1:]]),
    "a rating of 99": changed("ratings", lambda r: [[r[0][0], 99, *r[0][2:]], *r[1:]]),
    "a rating twice": changed("ratings", lambda r: [r[0], *r]),
    "a rating of nothing": changed("ratings", lambda r: [["gone", *r[0][1:]], *r[1:]]),
    "a rater that is a list": changed("ratings", lambda r: [[*r[0][:2], [], r[0][3]], *r[1:]]),
    "a revision of -1": changed("ratings", lambda r: [[*r[0][:3], -1], *r[1:]]),
    "a score of 7": changed("scores", lambda s: [[s[0][0], 7.0, *s[0][2:]], *s[1:]]),
    "a comparison with itself": changed("comparisons", lambda c: [[c[0][0], c[0][0], "ann"]]),
    "an order of nothing": changed("order", lambda o: [["gone", "ann", "Rating"], *o]),
    "a group of nothing": changed("groups", lambda g: [*g, ["ann", 99]]),
    "groups in a dict": changed("groups", lambda g: {"a": 1}),
    "a billion classes": changed("num_classes", lambda c: 10**9),
    "one class": changed("num_classes", lambda c: 1),
    "classes as text": changed("num_classes", str),
    "changes below 0": changed("num_changes", lambda c: -1),
    "an environment that is a list": changed("env_id", lambda e: [e]),
    "a criterion that is a number": changed("criterion", lambda c: 3),
    "another width": changed("obs_dim", lambda d: d + 1),
    "an unknown key": lambda meta, arrays: meta.update(colour="red"),
    "no comparisons": lambda meta, arrays: meta.pop("comparisons"),
    "NaN observed": set_number(np.nan),
    "infinity observed": set_number(-np.inf),
    "doubles": set_array("obs", lambda a: a.astype(np.float64)),
    "texts": set_array("actions", lambda a: a.astype("<U5")),
    "another axis": set_array("obs", lambda a: a[None]),
    "actions of bytes": set_array("actions", lambda a: a.astype(np.uint8)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_could_not_have_been_added_is_not_loaded_either(tmp_path, change):
    meta, arrays = read_ratings(SOUND)
    change(meta, arrays)
    path = tmp_path / "resealed.npz"
    write_ratings(path, meta, arrays)
    with pytest.raises((ValueError, TypeError), match="`"):
        RatingDataset.load(path)


def test_nothing_changes_where_a_state_is_refused():
    ratings = RatingDataset.load(SOUND)
    before = ratings.state_dict()
    state = ratings.state_dict()
    state["meta"] = state["meta"] | {"ratings": [["gone", 1, "ann", 0]]}
    with pytest.raises(ValueError, match="must be about segments added before"):
        ratings.load_state_dict(state)
    assert ratings.state_dict()["meta"] == before["meta"]


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": NaN}', '{"a": 1e999}', "[" * 5_000])
def test_a_description_that_says_something_twice_or_no_number_is_refused(tmp_path, text):
    _, arrays = read_ratings(SOUND)
    more = {"meta": np.array(text), "sha256": np.array(_digest(text, arrays))}
    (tmp_path / "r.npz").write_bytes(pack_arrays({**arrays, **more}))
    with pytest.raises(ValueError, match=r"must be a dataset written by RatingDataset\.save"):
        RatingDataset.load(tmp_path / "r.npz")


def test_a_file_that_unpacks_to_a_gigabyte_is_refused_before_it_does(tmp_path):
    import tracemalloc

    out = BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("obs.npy", "w", force_zip64=True) as member,
    ):
        for _ in range(300):
            member.write(bytes(2**20))
    path = tmp_path / "bomb.npz"
    path.write_bytes(out.getvalue())
    del out
    tracemalloc.start()
    with pytest.raises(ValueError, match="would unpack to 314,572,800 bytes"):
        RatingDataset.load(path)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


def test_the_classes_of_a_dataset_are_few_enough_to_count():
    with pytest.raises(ValueError, match="`num_classes` must be at most 1000, got 1001"):
        RatingDataset(1, 1, 1_001)


def test_a_rater_must_be_text():
    ratings = RatingDataset.load(SOUND)
    with pytest.raises(TypeError, match="`segment_id` and `rater` must be texts, got 3"):
        ratings.update([Rating("0-0-0", 1, 3)])
