"""Recorded episodes in .npz files."""

import numpy as np
import pytest

from gym_rated.recorded import Episode, EpisodeFiles, read_episode, write_episode

OBS, ACTIONS = np.arange(8.0).reshape(4, 2), np.zeros((3, 1))


def test_an_episode_is_read_as_numpy_wrote_it_and_other_arrays_are_left(tmp_path):
    more = {"rewards": np.ones(3), "terminated": np.array([False, False, True]), "fps": np.ones(())}
    np.savez(tmp_path / "ep.npz", observations=OBS, actions=ACTIONS, **more)
    np.savez_compressed(tmp_path / "packed.npz", observations=OBS[:3], actions=ACTIONS)
    for name, length in (("ep", 4), ("packed", 3)):
        episode = read_episode(tmp_path / f"{name}.npz")
        assert len(episode) == 3
        assert (episode.observations == OBS[:length]).all()
        assert (episode.actions == ACTIONS).all()


def test_parts_of_a_dict_are_named_by_paths(tmp_path):
    obs = {"arm": {"joints": OBS, "grip": OBS[:, 0]}, "eye": OBS}
    write_episode(tmp_path / "ep.npz", Episode({"arm": OBS, "eye": OBS[:, 1]}, ACTIONS))
    assert read_episode(tmp_path / "ep.npz").observations.keys() == {"arm", "eye"}
    flat = {
        "observations/arm/joints": OBS,
        "observations/arm/grip": OBS[:, 0],
        "observations/eye": OBS,
    }
    np.savez(tmp_path / "deep.npz", actions=ACTIONS, **flat)
    found = read_episode(tmp_path / "deep.npz").observations
    assert (found["arm"]["joints"] == obs["arm"]["joints"]).all()
    assert found["arm"].keys() == {"joints", "grip"}


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"actions": ACTIONS}, "it has no array 'observations'"),
        ({"observations": OBS}, "it has no array 'actions'"),
        ({"observations": OBS[:2], "actions": ACTIONS}, "as many as the 3 `actions`, or one more"),
        ({"observations": OBS[:1], "actions": ACTIONS[:0]}, "at least one step, got none"),
        ({"observations": np.array(["a"] * 4), "actions": ACTIONS}, "array with a row a step of"),
        (
            {"observations": OBS, "actions": ACTIONS, "dones": np.array([0, 1, 0])},
            "ends at step 1 of 3; write each episode to a file of its own",
        ),
        ({"observations": OBS, "actions": ACTIONS, "dones": np.zeros(2)}, "one of each of 3"),
        (
            {"observations": OBS, "observations/a": OBS, "actions": ACTIONS},
            "it has observations twice",
        ),
    ],
)
def test_what_is_no_single_episode_is_refused(tmp_path, arrays, said):
    np.savez(tmp_path / "ep.npz", **arrays)
    with pytest.raises(
        ValueError, match=r"`episodes` must be \.npz files with the arrays"
    ) as error:
        read_episode(tmp_path / "ep.npz")
    assert said in str(error.value)
    assert str(tmp_path / "ep.npz") in str(error.value)


def test_objects_are_refused_without_loading_them(tmp_path):
    ragged = np.array([[1.0], [2.0, 3.0]], object)
    np.savez(tmp_path / "ep.npz", observations=ragged, actions=ACTIONS)
    with pytest.raises(ValueError, match="holds objects, which only pickle reads; save numbers"):
        read_episode(tmp_path / "ep.npz")


def test_episodes_are_called_as_their_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for name in ("1", "2"):
            np.savez(tmp_path / folder / f"{name}.npz", observations=OBS, actions=ACTIONS)
    assert list(EpisodeFiles("a/*.npz")) == ["1", "2"]
    assert list(EpisodeFiles("a")) == ["1", "2"]
    assert list(EpisodeFiles(["a/1.npz", "a/1.npz"])) == ["1"]
    both = EpisodeFiles("*/*.npz")
    assert list(both) == ["a/1", "a/2", "b/1", "b/2"]
    assert len(both["b/2"]) == 3


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("none*.npz", r"got none\*\.npz, which is not there"),
        ("folder", "got folder, which is a folder with none"),
        ("log.txt", r"got log\.txt, which is text; write them with numpy\.savez"),
        ("buffer.pkl", "a pickle may run any code, and is never loaded"),
        ([], "name at least one file, got none"),
    ],
)
def test_paths_that_are_no_episodes_are_refused(tmp_path, monkeypatch, path, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for name in ("log.txt", "buffer.pkl"):
        (tmp_path / name).write_text("x")
    with pytest.raises((FileNotFoundError, ValueError), match=f"`episodes` must .*{said}"):
        EpisodeFiles(path)
