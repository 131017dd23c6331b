"""A segment survives the way through the store, and no reward goes with it."""

import io
import json
import zipfile

import numpy as np
import pytest

from gym_rated import Origin, Segment
from gym_rated.checkpoint.archive import pack_arrays, unpack_arrays
from gym_rated.human.segment_blob import pack_segment, unpack_segment


def make_segment(obs_dtype=np.float32, raw_actions=None):
    rng = np.random.default_rng(0)
    return Segment(
        id="2-7-100",
        obs=(rng.normal(size=(50, 17)) * 40).astype(obs_dtype),
        actions=rng.normal(size=(50, 6)).astype(np.float32),
        true_rewards=np.full(50, 1234.5),
        round=3,
        origin=Origin(env_index=2, episode=7, first_step=100, policy_step=4096),
        raw_actions=raw_actions,
    )


@pytest.mark.parametrize("obs_dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("raw_actions", [None, np.arange(150), np.zeros((150, 6), np.float32)])
def test_a_segment_comes_back_bit_for_bit(obs_dtype, raw_actions):
    segment = make_segment(obs_dtype, raw_actions)
    again = unpack_segment(pack_segment(segment))
    assert (again.id, again.round, again.origin) == (segment.id, segment.round, segment.origin)
    for name in ("obs", "actions", "raw_actions"):
        before, after = getattr(segment, name), getattr(again, name)
        assert (before is None and after is None) or (
            before.dtype == after.dtype and np.array_equal(before, after)
        )


def test_true_rewards_stay_at_home():
    blob = pack_segment(make_segment())
    assert zipfile.ZipFile(io.BytesIO(blob)).namelist() == ["meta.npy", "obs.npy", "actions.npy"]
    assert np.isnan(unpack_segment(blob).true_rewards).all()
    assert unpack_segment(blob).true_rewards.shape == (50,)


def test_a_segment_takes_few_kilobytes():
    assert len(pack_segment(make_segment())) < 6_000


def test_objects_are_refused():
    with pytest.raises(ValueError, match=r"`raw_actions` of segment '2-7-100' must be numbers"):
        pack_segment(make_segment(raw_actions=np.array([{"pickled": 1}])))


@pytest.mark.parametrize("damage", [b"", b"nonsense", "cut", "pickle", "other"])
def test_damaged_bytes_are_refused(damage):
    blob = pack_segment(make_segment())
    if damage == "cut":
        damage = blob[: len(blob) // 2]
    elif damage in ("pickle", "other"):
        file = io.BytesIO()
        meta = np.array({"x": 1}) if damage == "pickle" else np.array('{"format": "other"}')
        np.savez(file, meta=meta, obs=np.zeros(1), actions=np.zeros(1))
        damage = file.getvalue()
    with pytest.raises(ValueError, match=r"`blob` must be a segment of format"):
        unpack_segment(damage)


def resealed(**changes):
    """Pack a segment of which some fields or arrays are others."""
    names = ("meta", "obs", "actions", "raw_actions")
    arrays = unpack_arrays(pack_segment(make_segment(raw_actions=np.arange(150))), names)
    meta = json.loads(str(arrays.pop("meta")))
    meta |= {name: value for name, value in changes.items() if name not in names}
    arrays |= {name: value for name, value in changes.items() if name in names}
    return pack_arrays({**arrays, "meta": np.array(json.dumps(meta))})


@pytest.mark.parametrize(
    "change",
    [
        *({"id": 3}, {"id": "\ud800"}, {"round": -1}, {"round": 1.5}, {"round": 10**30}),
        *({"origin": {}}, {"origin": None}, {"origin": {"episode": 1}}, {"format": "other"}),
        {"origin": dict(env_index=0, episode=0, first_step=-5, policy_step=0)},
        {"origin": dict(env_index=0, episode=0, first_step=7, policy_step=0)},
        {"obs": np.full((50, 17), np.nan, np.float32)},
        {"obs": np.zeros((49, 17), np.float32)},
        {"obs": np.zeros(50, np.float32)},
        {"obs": np.full((50, 17), "a")},
        {"actions": np.zeros((0, 6), np.float32)},
        {"raw_actions": np.arange(3)},
        {"raw_actions": np.array(["left"] * 150)},
    ],
)
def test_a_blob_that_no_episode_can_have_made_is_refused(change):
    assert unpack_segment(resealed()).id == make_segment().id
    with pytest.raises(ValueError, match="`blob` must be a segment"):
        unpack_segment(resealed(**change))


def test_a_blob_that_is_kept_under_another_id_is_refused():
    blob = pack_segment(make_segment())
    assert unpack_segment(blob, make_segment().id).id == make_segment().id
    with pytest.raises(ValueError, match="kept as 'other'"):
        unpack_segment(blob, "other")
