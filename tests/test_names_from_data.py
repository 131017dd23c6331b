"""No name that comes out of a file or a database imports a module; what a user types may."""

import json
import sys
from dataclasses import asdict

import gymnasium as gym
import numpy as np
import pytest
from recordings import record

from gym_rated import Rating, RatingDataset, RewardEnsemble
from gym_rated.assembly.arguments import RunArgs, parse_args
from gym_rated.assembly.beginning import begin_run
from gym_rated.assembly.stored import args_state
from gym_rated.checkpoint import load_state, save_state
from gym_rated.cli import main
from gym_rated.cli.commands.spaces import check_env
from gym_rated.fitting import FitReport
from gym_rated.human import dataset_from_store
from gym_rated.human.clips.worker import Worker, WorkerArgs
from gym_rated.human.segment_blob import pack_segment
from gym_rated.human.store import Job, Run, Store
from gym_rated.imports import names_of_modules
from gym_rated.recorded import load_recorded, rate_recorded
from gym_rated.recorded.ratings import write_minari
from gym_rated.reward_model import load_reward_model
from gym_rated.runs import RunWriter
from gym_rated.runs.products import fit_row
from gym_rated.segments import Origin, Segment

NAME = "hostile_payload:Payload-v0"


@pytest.fixture(autouse=True)
def marker(tmp_path, monkeypatch):
    """A file that is there once the payload's module was imported."""
    found = tmp_path / "imported"
    folder = tmp_path / "modules"
    folder.mkdir()
    code = f"from pathlib import Path; Path({str(found)!r}).touch()\ndef attr(*a, **k): ...\n"
    (folder / "hostile_payload.py").write_text(code)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")  # of the process that tries to draw
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    monkeypatch.delitem(sys.modules, "hostile_payload", raising=False)
    yield found
    sys.modules.pop("hostile_payload", None)


def segment(name="a"):
    obs, actions = np.ones((3, 4), np.float32), np.eye(2, dtype=np.float32)[[0, 1, 0]]
    raw = np.array([0, 1, 0])
    return Segment(name, obs, actions, np.zeros(3), 0, Origin(0, 0, 0, 0), raw_actions=raw)


def ratings_file(path, env_id=NAME):
    ratings = RatingDataset(4, 2, 2, env_id=env_id)
    ratings.add([segment("a"), segment("b")])
    ratings.update([Rating("a", 0, "ann"), Rating("b", 1, "ann")])
    ratings.save(path)
    return path


def test_what_a_ratings_file_names_is_not_imported(tmp_path, marker, capsys):
    path = ratings_file(tmp_path / "ratings.npz")
    assert main(["fit", "--ratings", str(path), "--out", str(tmp_path / "model")]) == 2
    assert f"pass --env-id {NAME}" in capsys.readouterr().err
    assert main(["export-minari", "--ratings", str(path), "--dataset", "a/b-v0"]) == 2
    assert "must name no module to import" in capsys.readouterr().err
    assert not marker.exists()


def test_what_a_user_types_is_imported(tmp_path, marker):
    with pytest.raises(ValueError, match="must name an environment that is registered"):
        check_env(NAME, RatingDataset.load(ratings_file(tmp_path / "ratings.npz")))
    assert marker.exists()


def test_what_a_run_names_is_not_imported(tmp_path, marker, capsys):
    (tmp_path / "config.json").write_text(json.dumps({"args": {"env_id": NAME}}))
    assert main(["film", str(tmp_path)]) == 2
    assert f"pass --env-id {NAME}" in capsys.readouterr().err
    main(["report", str(tmp_path)])
    assert not marker.exists()


def test_what_raters_call_themselves_is_shown_and_not_imported(tmp_path, marker, capsys):
    name = "hostile_payload:attr"
    with RunWriter(tmp_path / "run", {"env_id": "Pendulum-v1"}, tensorboard=True) as run:
        report = FitReport(True, 90, (40, 50), contradicting={name: 0.2, f"</td>{name}": 0.5})
        run.log(64, fit_row(report))
    assert main(["report", str(tmp_path / "run")]) == 0
    page = (tmp_path / "run" / "report" / "report.html").read_text()
    assert f"<td>{name}</td><td>about 1 in 5 ratings contradict the rest</td>" in page
    assert f"<td>&lt;/td&gt;{name}</td>" in page
    with with_job(tmp_path, {}) as store:
        store.set_contradicting("r", {name: 0.2})
        db = str(store.place.file)
    assert main(["status", "--db", db]) == 0
    assert not marker.exists()


@pytest.mark.parametrize(
    ("flags", "flag"),
    [
        ({"env_id": NAME}, "--env-id"),
        ({"env_id": "gym_rated/Rated-v0", "env_kwargs": {"env_id": NAME}}, "--env-kwargs"),
        ({"env_id": "gym_rated/Rated-v0", "env_kwargs": {"reward_fn": NAME}}, "--env-kwargs"),
        ({"env_id": "Pendulum-v1", "features": "hostile_payload:attr"}, "--features"),
    ],
)
def test_what_a_checkpoint_names_is_imported_only_if_it_is_typed_again(
    tmp_path, marker, flags, flag
):
    args = RunArgs(**flags)
    RunWriter(tmp_path, asdict(args), script="ppo", tensorboard=False).close()
    save_state(tmp_path / "checkpoint", {"args": args_state(args)})
    refusal = f"`{flag[2:].replace('-', '_')}` must name no module"
    with pytest.raises(ValueError, match=refusal):
        begin(RunArgs(resume=tmp_path))
    with pytest.raises(ValueError, match=refusal):
        parse_args(RunArgs, ["--resume", str(tmp_path)])
    assert begin(RunArgs(resume=tmp_path, **flags)).env_id == flags["env_id"]
    assert not marker.exists()  # nothing was made yet


def test_what_a_run_names_is_taken_where_it_is_typed_beside_resume(tmp_path, marker):
    RunWriter(tmp_path, asdict(RunArgs(env_id=NAME)), script="ppo", tensorboard=False).close()
    words = ["--resume", str(tmp_path), "--env-id"]
    assert parse_args(RunArgs, [*words, NAME]).env_id == NAME
    with pytest.raises(ValueError, match="`env_id` must name no module"):
        parse_args(RunArgs, [*words, "other:Id-v0"])
    assert not marker.exists()


def begin(args):
    """Return the arguments with which a script would go on."""
    with begin_run(args, "ppo") as start:
        return start.args


def test_the_reward_that_a_checkpoint_names_is_a_folder(tmp_path, marker):
    args = RunArgs(reward="model", reward_model="hostile_payload:attr")
    envs = gym.make_vec("CartPole-v1", 1, "sync")
    with pytest.raises(FileNotFoundError, match=r"which is not there"):
        session_parts().make_reward_fn(args, envs)
    assert not marker.exists()


def session_parts():
    from gym_rated.assembly import parts

    return parts


def with_job(tmp_path, recipe, env_id=""):
    """A database in which a segment waits to be drawn."""
    store = Store(tmp_path / "ratings.db")
    store.open_run(Run("r", 2, ("bad", "good"), "Is it good?", env_id=env_id))
    place = {"episode_seed": 1, "first_step": 0, "length": 3}
    store.add_jobs("r", [Job("a", pack_segment(segment()), place | recipe)])
    return store


@pytest.mark.parametrize(
    "recipe",
    [
        {"env_id": NAME},
        {"env_id": "gym_rated/Rated-v0", "env_kwargs": {"env_id": NAME, "rater": None}},
        {
            "env_id": "gym_rated/Rated-v0",
            "env_kwargs": {"env_id": "CartPole-v1", "rater": {"type": "hostile_payload:attr"}},
        },
    ],
)
def test_what_a_recipe_names_is_not_imported_to_draw_it(tmp_path, marker, recipe, monkeypatch):
    with with_job(tmp_path, recipe) as store:
        said = []
        worker = Worker(store, WorkerArgs(db=""), say=said.append)
        monkeypatch.setattr(worker, "_wait", lambda seconds: worker._is_over.set())
        worker.do_one()
        assert "`recipe` must name no module to import" in said[0]
        assert "--trust" in said[0]
        assert store.progress("r").jobs_dropped == 0  # it is kept for who trusts it
    assert not marker.exists()


def test_a_recipe_may_import_what_the_worker_was_told_to_trust(tmp_path, marker, monkeypatch):
    with with_job(tmp_path, {"env_id": NAME}) as store:
        worker = Worker(store, WorkerArgs(db="", trust=(NAME,)), say=print)
        monkeypatch.setattr(worker, "_wait", lambda seconds: worker._is_over.set())
        worker.do_one()
    assert marker.exists()


def test_what_the_run_of_a_database_names_is_not_imported(tmp_path, marker, capsys):
    with with_job(tmp_path, {}, env_id=NAME) as store:
        db = str(store.place.file)
    assert dataset_from_store(db).env_id == NAME
    assert main(["export", "--db", db, "--minari", "a/b-v0"]) == 2
    assert "must name no module to import" in capsys.readouterr().err
    assert not marker.exists()


HOSTILE_SPEC = {
    "id": "Payload-v0",
    "entry_point": "hostile_payload:attr",
    "reward_threshold": None,
    "nondeterministic": False,
    "max_episode_steps": None,
    "disable_env_checker": False,
    "kwargs": {},
    "additional_wrappers": [
        {"name": "W", "entry_point": "hostile_payload:attr", "kwargs": {}},
    ],
    "vector_entry_point": None,
}


@pytest.mark.parametrize("without", ["observation_space", "action_space", None])
@pytest.mark.parametrize("env_id", ["Payload-v0", NAME])
def test_what_a_minari_dataset_names_is_not_imported(marker, without, env_id):
    recorded = record("CartPole-v1")
    path = recorded.storage.data_path / "metadata.json"
    metadata = json.loads(path.read_bytes())
    metadata["env_spec"] = json.dumps(HOSTILE_SPEC | {"id": env_id})
    metadata.pop(without, None)
    path.write_text(json.dumps(metadata))
    if without is not None:
        with pytest.raises(ValueError, match=f"does not say the `{without}`"):
            load_recorded("test/recorded-v0")
    else:
        from gym_rated import SyntheticRater

        again = load_recorded("test/recorded-v0")
        ratings = rate_recorded(again, SyntheticRater(2), 3, segment_length=4)
        if env_id == NAME:
            with pytest.raises(ValueError, match="must name no module to import"):
                write_minari(ratings, "a/b-v0")
            with pytest.raises(ValueError, match="must name no module to import"):
                check_env(None, ratings)
    assert not marker.exists()


def test_the_format_of_a_reward_model_is_no_class_to_import(tmp_path, marker):
    RewardEnsemble(3, 1).save(tmp_path / "model")
    state = load_state(tmp_path / "model")
    save_state(tmp_path / "model", state | {"format": "hostile_payload:attr"})
    with pytest.raises(ValueError, match="must hold a reward model"):
        load_reward_model(tmp_path / "model")
    assert not marker.exists()


def test_names_of_modules_are_found_however_deep():
    assert sorted(names_of_modules({"a": [1, ("b:c", {"d:e": None})], "f": "g"})) == ["b:c", "d:e"]
