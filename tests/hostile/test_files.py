"""Thousands of damaged files of every kind: each is refused in our own words, or loads to sense.

Half of them are damaged as a disk or a careless copy damages them. The other half is resealed: what
is in the file was changed and its checksums made anew, as whoever writes files on purpose does. A
file that loads is judged by `sanity`, which knows nothing of the loaders.
"""

import importlib
import json
import os
import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import sanity
import torch
from mutations import damaged_array, damaged_bytes, damaged_value, damaged_zip
from recordings import record

from gym_rated import Origin, RatingDataset, Segment, SyntheticRater
from gym_rated.agents.policy import Policy
from gym_rated.assembly import beginning, session
from gym_rated.checkpoint import load_state, save_state
from gym_rated.checkpoint import state as checkpoint
from gym_rated.checkpoint.archive import pack_arrays, unpack_arrays
from gym_rated.checkpoint.rows import RowFiles
from gym_rated.human import Asking, HumanRater, dataset_from_store
from gym_rated.human.segment_blob import pack_segment, unpack_segment
from gym_rated.human.store import Store
from gym_rated.ratings.digest import digest_of
from gym_rated.ratings.file import read_ratings, write_ratings
from gym_rated.ratings.predictions import RatingPredictions
from gym_rated.recorded import EpisodeFiles, load_recorded, rate_by_rows, rate_recorded
from gym_rated.recorded.ratings import read_minari_ratings, write_minari
from gym_rated.reward_model import load_reward_model
from gym_rated.runs.folder import read_run

pytestmark = pytest.mark.hostile

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch):
    """Do not wait for the disk: nothing is killed here."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def unpacked(name, folder):
    """Return the folder of a run that an earlier version left."""
    with zipfile.ZipFile(FIXTURES / f"{name}.zip") as archive:
        archive.extractall(folder)
    return folder / name


def test_ratings(attempt, tmp_path):
    rng, path = np.random.default_rng(1), tmp_path / "ratings.npz"
    data = (FIXTURES / "ratings.npz").read_bytes()
    meta, arrays = read_ratings(FIXTURES / "ratings.npz")

    def load():
        return RatingDataset.load(path)

    for i in range(2_000):
        damage = damaged_zip if i % 3 == 0 else damaged_bytes
        path.write_bytes(damage(rng, data))
        attempt("ratings, damaged", load, sanity.check_ratings, f"{i}")
    for i in range(2_500):
        state = damaged_value(rng, {"meta": meta, **arrays})
        try:
            write_ratings(
                path, state["meta"], {k: np.asarray(state[k]) for k in ("obs", "actions")}
            )
        except (KeyError, TypeError, ValueError):  # it could not be written
            continue
        attempt("ratings, resealed", load, sanity.check_ratings, f"{i}")


def test_segments(attempt):
    rng = np.random.default_rng(2)
    obs, actions = rng.normal(size=(5, 3)).astype(np.float32), np.eye(2, dtype=np.float32)[[0] * 5]
    segment = Segment("0-1-2", obs, actions, np.zeros(5), 1, Origin(0, 1, 2, 9), np.arange(7))
    data = pack_segment(segment)
    names = ("meta", "obs", "actions", "raw_actions")
    arrays = unpack_arrays(data, names)
    meta = json.loads(str(arrays["meta"]))
    for i in range(1_500):
        blob = (damaged_zip if i % 3 == 0 else damaged_bytes)(rng, data)
        attempt("segment, damaged", lambda b=blob: unpack_segment(b), sanity.check_segment, f"{i}")
    for i in range(1_500):
        state = damaged_value(rng, {**arrays, "meta": meta})
        try:
            written = {k: np.asarray(v) for k, v in state.items() if k != "meta"}
            blob = pack_arrays({**written, "meta": np.array(json.dumps(state.get("meta")))})
        except (TypeError, ValueError):  # it could not be written
            continue
        attempt("segment, resealed", lambda b=blob: unpack_segment(b), sanity.check_segment, f"{i}")


def test_policies(attempt, tmp_path):
    rng, path = np.random.default_rng(3), tmp_path / "policy.safetensors"
    small = {
        "gaussian": {"actor_mean.0": (4, 3), "actor_mean.2": (2, 4)},
        "categorical": {"actor.0": (4, 3), "actor.2": (2, 4)},
        "squashed": dict.fromkeys(("actor.fc1", "actor.fc2"), (3, 3))
        | {"actor.fc_mean": (2, 3), "actor.fc_logstd": (2, 3)},
    }
    for kind, layers in small.items():
        tensors = {f"{n}.weight": rng.normal(size=s).astype("f4") for n, s in layers.items()}
        tensors |= {f"{n}.bias": rng.normal(size=s[0]).astype("f4") for n, s in layers.items()}
        if kind == "gaussian":
            tensors["actor_logstd"] = np.zeros((1, 2), "f4")
        if kind == "squashed":
            tensors |= {f"actor.action_{n}": np.ones((1, 2), "f4") for n in ("scale", "bias")}
        else:
            tensors |= {"obs_mean": np.zeros(3, "f4"), "obs_var": np.ones(3, "f4")}
        path.write_bytes(safetensors.numpy.save(tensors))
        sanity.check_policy(Policy.load(path))
        data = path.read_bytes()
        for i in range(250):
            path.write_bytes(damaged_bytes(rng, data))
            attempt("policy, damaged", lambda: Policy.load(path), sanity.check_policy, f"{i}")
        for i in range(500):
            state = damaged_value(rng, tensors)
            state = {k: np.ascontiguousarray(v) for k, v in state.items() if hasattr(v, "dtype")}
            try:
                path.write_bytes(safetensors.numpy.save(state))
            except (KeyError, TypeError, ValueError, safetensors.SafetensorError):
                continue
            hint = f"{kind} {i}"
            attempt("policy, resealed", lambda: Policy.load(path), sanity.check_policy, hint)


def damaged_tensor(rng, value):
    """Change an array, or a tensor as one."""
    if isinstance(value, torch.Tensor):
        return torch.as_tensor(damaged_array(rng, value.numpy()))
    return damaged_array(rng, value)


def damage_files(rng, source, folder, names):
    """Copy a folder, with damaged bytes in one of its files."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    path = folder / names[int(rng.integers(len(names)))]
    path.write_bytes(damaged_bytes(rng, path.read_bytes()))


def reseal_skeleton(rng, source, folder):
    """Copy a checkpoint whose skeleton was changed as JSON, and its checksums made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    path = next(folder.glob("skeleton-*.json"))
    path.write_text(json.dumps(damaged_value(rng, json.loads(path.read_bytes()))))
    manifest = json.loads((folder / "manifest.json").read_bytes())
    del manifest["sha256"]
    manifest["files"]["skeleton"] |= checkpoint._fingerprint(path)
    if rng.random() < 0.2:
        manifest = damaged_value(rng, manifest)
    (folder / "manifest.json").write_bytes(checkpoint._sealed(manifest))


@pytest.mark.parametrize("name", ["vectors_model", "images_model"])
def test_reward_models(attempt, tmp_path, name):
    rng, folder = np.random.default_rng(4), tmp_path / "model"
    files = [path.name for path in (FIXTURES / name).iterdir()]
    state = load_state(FIXTURES / name)

    def load():
        return load_reward_model(folder)

    for i in range(250):
        damage_files(rng, FIXTURES / name, folder, files)
        attempt(f"{name}, damaged", load, sanity.check_model, f"{i}")
    for i in range(250):
        reseal_skeleton(rng, FIXTURES / name, folder)
        attempt(f"{name}, skeleton resealed", load, sanity.check_model, f"{i}")
    for i in range(400):
        try:
            save_state(folder, damaged_value(rng, state, damaged_tensor))
        except (TypeError, ValueError, AttributeError):
            continue
        attempt(f"{name}, resealed", load, sanity.check_model, f"{i}")


def test_checkpoints(attempt, tmp_path):
    rng, folder = np.random.default_rng(5), tmp_path / "state"
    small = {
        "a": [1, 2.5, None, "text", float("nan"), (True, 2**70)],
        "b": {3: np.arange(6.0).reshape(2, 3), "c": np.float32(1.5), "d": np.zeros((0, 4))},
        "e": [torch.ones(2, 2), torch.ones(3, dtype=torch.bfloat16), np.array([True, False])],
    }
    save_state(tmp_path / "sound", small)
    files = [path.name for path in (tmp_path / "sound").iterdir()]

    def check(state):
        assert isinstance(state, dict)
        held = sum(path.stat().st_size for path in folder.iterdir())
        assert sanity.check_plain(state) <= 2 * held

    for i in range(400):
        damage_files(rng, tmp_path / "sound", folder, files)
        attempt("checkpoint, damaged", lambda: load_state(folder), check, f"{i}")
    for i in range(1_000):
        reseal_skeleton(rng, tmp_path / "sound", folder)
        attempt("checkpoint, skeleton resealed", lambda: load_state(folder), check, f"{i}")


def test_resumed_runs(attempt, tmp_path, monkeypatch):
    """The whole way of `--resume`, to the moment before the first step."""
    rng, script = np.random.default_rng(6), importlib.import_module("ppo")
    run = unpacked("ppo_discrete_killed", tmp_path)
    state = load_state(run / "checkpoint")
    trainers = []

    def load(damaged):
        monkeypatch.setattr(beginning, "load_state", lambda folder: damaged)
        with beginning.begin_run(script.Args(resume=run), "ppo") as start:
            trainers.append(script.Trainer(start.args, start.run_dir))
            session.restore(trainers[-1], start.state, start.run_dir)
        return trainers[-1]

    def check(trainer):
        sanity.check_ratings(trainer.stack.feedback.ratings)
        assert all(bool(t.isfinite().all()) for t in trainer.policy().values())
        assert trainer.global_step >= 0

    sound = load(state)
    check(sound)
    for i in range(120):
        broken = damaged_value(rng, state, damaged_tensor)
        others, args = (broken, state) if i % 2 else (state, broken)
        broken = {**others, "args": args.get("args")}
        limits = {"num_envs": 8, "num_steps": 512, "num_members": 8}  # else it is merely slow
        args = broken["args"] if isinstance(broken["args"], dict) else {}
        if any(type(args.get(n)) is int and args[n] > most for n, most in limits.items()):
            continue
        attempt("checkpoint of ppo, resumed", lambda b=broken: load(b), check, f"{i}")
        while trainers:
            trainers.pop().stack.envs.close()


def test_rows_of_a_replay_memory(attempt, tmp_path):
    rng = np.random.default_rng(7)
    files = RowFiles(tmp_path, width=3, keep=9, rows_per_file=4)
    files.append(rng.normal(size=(14, 3)).astype(np.float32))
    state = files.state_dict()

    def check(rows):
        assert rows.shape == (9, 3)
        assert np.isfinite(rows).all()

    from gym_rated.checkpoint.restoring import restoring

    def load(damaged):
        with restoring("resume", tmp_path):  # as `session.restore` does
            return RowFiles(tmp_path, width=3, keep=9).load_state_dict(damaged)

    check(load(state))
    for i in range(500):
        broken = damaged_value(rng, state)
        attempt("rows of a replay memory", lambda b=broken: load(b), check, f"{i}")


def test_predictions(attempt, tmp_path):
    rng, sound, folder = np.random.default_rng(12), tmp_path / "sound", tmp_path / "predictions"
    ratings = RatingDataset.load(FIXTURES / "ratings.npz")
    segments = list(ratings.segments())[:6]
    rewards = [rng.normal(size=len(s)).astype(np.float32) for s in segments]
    chances = rng.random((len(segments), 3))
    RatingPredictions(
        tuple(s.id for s in segments),
        rng.integers(0, 3, len(segments)),
        np.arange(len(segments)) % 3 == 0,
        rewards,
        np.array([r.sum(dtype=float) for r in rewards]),
        chances / chances.sum(1, keepdims=True),
    ).save(sound)
    files, state = [path.name for path in sound.iterdir()], load_state(sound)

    def load():
        return RatingPredictions.load(folder)

    for i in range(600):
        damage_files(rng, sound, folder, files)
        attempt("predictions, damaged", load, sanity.check_predictions, f"{i}")
    for i in range(400):
        reseal_skeleton(rng, sound, folder)
        attempt("predictions, skeleton resealed", load, sanity.check_predictions, f"{i}")
    for i in range(2_000):
        try:
            save_state(folder, damaged_value(rng, state))
        except (TypeError, ValueError, AttributeError):
            continue
        attempt("predictions, resealed", load, sanity.check_predictions, f"{i}")


def test_run_folders(attempt, tmp_path):
    rng = np.random.default_rng(8)
    run = unpacked("ppo_finished", tmp_path)
    names = ("config.json", "metrics.jsonl", "result.json")
    sound = {name: (run / name).read_bytes() for name in names}
    shutil.rmtree(run / "reward_model")  # tried by itself, and slow
    for i in range(800):
        name = names[i % 3]
        if i % 4 == 0:
            data = damaged_bytes(rng, sound[name])
        elif name == "metrics.jsonl":
            rows = damaged_value(rng, [json.loads(row) for row in sound[name].splitlines()[:9]])
            data = "\n".join(map(json.dumps, rows)).encode()
        else:
            data = json.dumps(damaged_value(rng, json.loads(sound[name]))).encode()
        (run / name).write_bytes(data)
        attempt(f"run folder, {name}", lambda: read_run(run), sanity.check_run, f"{i}")
        (run / name).write_bytes(sound[name])


def rater_of(db):
    """Return the rater of the database of the fixtures, without a page."""
    return HumanRater(
        db,
        env_id="CartPole-v1",
        seed=7,
        num_classes=3,
        instructions="Does it stay upright?",
        run_id="fixture",
        asking=Asking(overlap=2, duplicate_rate=0.0, new=False),
        page=None,
    )


def test_states_of_a_rater(attempt, tmp_path):
    rng, db = np.random.default_rng(9), tmp_path / "ratings.db"
    shutil.copy(FIXTURES / "ratings.db", db)
    state = load_state(FIXTURES / "rater")
    rater = rater_of(db)

    def load(damaged):
        from gym_rated.checkpoint.restoring import restoring

        with restoring("resume", "a checkpoint"):
            rater.load_state_dict(damaged)
        return rater.collect()

    def check(answers):
        for answer in answers:
            assert sanity.is_text(answer.segment_id)
            assert sanity.is_whole(answer.rating, -1, 2)

    check(load(state))
    for i in range(300):
        broken = damaged_value(rng, state)
        attempt("state of a rater", lambda b=broken: load(b), check, f"{i}")
    rater.close()


COLUMNS = {
    "run": "num_classes class_names instructions env_id config overlap duplicate_rate task",
    "segment": "id blob recipe step",
    "event": "rater kind rating revision shown_ms at query_id",
    "query": "segment answers repeat_of run_id",
}


def test_databases(attempt, tmp_path):
    rng, db = np.random.default_rng(10), tmp_path / "ratings.db"
    sound = (FIXTURES / "ratings.db").read_bytes()
    values = (None, "", "x", b"\xff\xfe", -1, 99, 2**62, 1e300, "[1", '{"a": NaN}', "[]", "{}", "7")

    def load():
        with Store(db) as store:
            for run in store.runs():
                store.progress(run.id)
                store.answers_since(run.id, None)
                sanity.check_events(store.events(run.id))
                store.history("ben", run.id)
                store.agreement_rows(run.id)
            store.next_query("cleo")
            store.take_job("painter")
        return dataset_from_store(db)

    db.write_bytes(sound)
    sanity.check_ratings(load())
    for i in range(450):
        for old in tmp_path.glob("ratings.db*"):
            old.unlink()
        if i % 3 == 0:
            db.write_bytes(damaged_bytes(rng, sound))
        else:
            db.write_bytes(sound)
            table = str(rng.choice(list(COLUMNS)))
            column = str(rng.choice(COLUMNS[table].split()))
            value = values[int(rng.integers(len(values)))]
            with closing(sqlite3.connect(db)) as connection, connection:
                where = "rowid = (SELECT rowid FROM {} ORDER BY random() LIMIT 1)".format(table)  # noqa: UP032
                try:
                    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value,))
                except sqlite3.IntegrityError:
                    continue
        kind = "database, damaged" if i % 3 == 0 else "database, a cell changed"
        hint = f"{i}" if i % 3 == 0 else f"{table}.{column} = {value!r}"
        attempt(kind, load, sanity.check_ratings, hint)


def test_recorded_episodes(attempt, tmp_path):
    rng, path = np.random.default_rng(12), tmp_path / "ep.npz"
    sound = {
        "observations": np.arange(33.0).reshape(11, 3),
        "actions": np.zeros((10, 1)),
        "terminated": np.arange(10) == 9,
    }
    data = pack_arrays(sound)

    def load():
        return rate_by_rows(EpisodeFiles(path), [{"episode": "ep", "stop": 5, "rating": 1}])

    for i in range(1_000):
        damage = damaged_zip if i % 2 else damaged_bytes
        path.write_bytes(damage(rng, data))
        attempt("recorded episodes, damaged", load, sanity.check_ratings, f"{i}")
    for i in range(1_000):
        name = list(sound)[i % 3]
        path.write_bytes(pack_arrays(sound | {name: damaged_array(rng, sound[name])}))
        attempt("recorded episodes, changed", load, sanity.check_ratings, f"{i} {name}")


def test_minari_datasets(attempt, tmp_path, monkeypatch):
    import h5py

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    rng = np.random.default_rng(11)
    recorded = record("CartPole-v1", num_episodes=2, max_steps=30)
    ratings = rate_recorded(recorded, SyntheticRater(3), 4, segment_length=6)
    steps = {s.id: digest_of(s.obs, s.actions) for s in ratings.segments()}
    write_minari(ratings, "test/rated-v0")
    data = tmp_path / "minari" / "test" / "rated-v0" / "data"
    sound = {path.name: path.read_bytes() for path in data.iterdir()}

    def check(found):
        for name, segment in sanity.check_ratings(found).items():
            assert steps.get(name) == digest_of(segment.obs, segment.actions)

    def load():
        return read_minari_ratings(load_recorded("test/rated-v0"))

    check(load())
    for i in range(300):
        for name, content in sound.items():
            (data / name).write_bytes(content)
        match i % 4:
            case 0:
                name = str(rng.choice(list(sound)))
                (data / name).write_bytes(damaged_bytes(rng, sound[name]))
            case 1:
                metadata = json.loads(sound["metadata.json"])
                (data / "metadata.json").write_text(json.dumps(damaged_value(rng, metadata)))
            case 2:
                metadata = json.loads(sound["metadata.json"])
                inner = damaged_value(rng, json.loads(metadata["gym_rated"]))
                metadata["gym_rated"] = json.dumps(inner)
                (data / "metadata.json").write_text(json.dumps(metadata))
            case 3:
                with h5py.File(data / "main_data.hdf5", "a") as file:
                    group = file[f"episode_{rng.integers(4)}"]
                    name = str(rng.choice(list(group)))
                    if isinstance(group[name], h5py.Dataset):
                        changed = damaged_array(rng, group[name][()])
                        del group[name]
                        group[name] = changed
                    else:
                        del group[name]
        kind = ["damaged", "metadata changed", "ratings changed", "an episode changed"][i % 4]
        attempt(f"Minari, {kind}", load, check, f"{i}")
