"""Runs that are tracked by the real clients: W&B's offline, and MLflow's with a database here."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import ppo
import ppo_continuous_action
import pytest
import sac_continuous_action
from killed_runs import rows
from wandb_files import OfflineRun

from gym_rated.assembly import session
from gym_rated.runs import RunWriter, read_metrics, read_result

pytestmark = [
    pytest.mark.track,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of clients, about themselves
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:round .* has fewer than two rating classes"),
]

ROOT = Path(__file__).parents[2]
SHORT = {
    "num_envs": 2,
    "total_timesteps": 2_560,
    "num_ratings": 20,
    "query_rounds": 1,
    "first_share": 0.5,
    "query_until": 1.0,
    "num_members": 1,
    "hidden_sizes": (8,),
    "first_steps": 3,
    "later_steps": 2,
    "checkpoint_every_s": 0.0,
    "tensorboard": False,
}
PPO = SHORT | {"num_steps": 64, "update_epochs": 1, "num_minibatches": 2}
SAC = SHORT | {"learning_starts": 600, "batch_size": 8, "network_width": 8}
SCRIPTS = [
    (ppo, PPO | {"env_id": "CartPole-v1"}),
    (ppo_continuous_action, PPO | {"env_id": "Pendulum-v1"}),
    (sac_continuous_action, SAC | {"env_id": "Pendulum-v1"}),
]
EACH = pytest.mark.parametrize(
    ("script", "flags"), SCRIPTS, ids=[script.__name__ for script, _ in SCRIPTS]
)
BOTH = ("wandb", "mlflow")


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory):
    """Return a database of MLflow's without runs, as making one takes seconds."""
    pytest.importorskip("mlflow", reason="pip install 'gym_rated[mlflow]'")
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, empty_database):
    """Work in an empty folder, with no other settings of the clients than these."""
    for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    settings = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
        "WANDB_CONSOLE": "off",
        "WANDB_DATA_DIR": str(tmp_path / "staging"),
        "WANDB_CONFIG_DIR": str(tmp_path / "config"),
        "WANDB_CACHE_DIR": str(tmp_path / "cache"),
        "NETRC": str(tmp_path / "netrc"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    yield
    import wandb

    wandb.teardown()  # else the settings of one test would be those of the next


def at_mlflow(folder):
    """Return the client, and the run that a folder's `tracking.json` names."""
    from mlflow import MlflowClient

    client = MlflowClient()
    ids = json.loads((folder / "tracking.json").read_text())
    return client, client.get_run(ids["mlflow"]["run_id"])


def series_at_mlflow(folder):
    """Return tag -> its steps and values, in any order within a step."""
    client, run = at_mlflow(folder)
    tags = [tag for tag in run.data.metrics if not tag.startswith("result/")]
    history = {tag: client.get_metric_history(run.info.run_id, tag) for tag in tags}
    return {
        tag: sorted((m.step, "nan" if np.isnan(m.value) else m.value) for m in found)
        for tag, found in history.items()
    }


def at_wandb(number=-1):
    folders = sorted(Path("wandb").glob("offline-run-*"), key=lambda path: path.stat().st_mtime)
    return OfflineRun(folders[number])


def series_at_wandb(run):
    found = {}
    for row in run.rows:
        step = row.pop("global_step")
        for tag, value in row.items():
            if not tag.startswith("_"):
                number = "nan" if value is None or value != value else float(value)
                found.setdefault(tag, []).append((step, number))
    return {tag: sorted(pairs, key=str) for tag, pairs in found.items()}


def series_here(folder):
    return {
        tag: sorted(
            ((int(s), "nan" if np.isnan(v) else float(v)) for s, v in zip(*columns, strict=True))
        )
        for tag, columns in read_metrics(folder).items()
        if tag != "time_s"
    }


def close(series):
    """Return series as those of a client compare with them: it keeps 64 bits, or their text."""
    return {
        tag: sorted((s, v if v == "nan" else round(v, 9)) for s, v in pairs)
        for tag, pairs in series.items()
    }


@EACH
def test_every_series_is_there_at_its_steps_and_training_is_the_same_bits(script, flags, tmp_path):
    tracked, alone = tmp_path / "tracked", tmp_path / "alone"
    script.train(script.Args(**flags, run_dir=tracked, track=BOTH, track_project="walks"))
    script.train(script.Args(**flags, run_dir=alone))
    assert rows(tracked) == rows(alone)
    for name in ("policy.safetensors", "reward_model/tensors-1.safetensors"):
        assert (tracked / name).read_bytes() == (alone / name).read_bytes()
    here = close(series_here(tracked))
    assert len(here) > 30
    assert close(series_at_mlflow(tracked)) == here
    run = at_wandb()
    assert close(series_at_wandb(run)) == here
    name = f"{flags['env_id']}__{script.__name__}__rated"
    assert (run.run.display_name, run.run.run_group) == (f"{name}__1", name)
    assert (run.run.project, run.config["num_ratings"], run.exit_codes) == ("walks", 20, [0])
    _, found = at_mlflow(tracked)
    assert (found.info.run_name, found.data.tags["group"]) == (f"{name}__1", name)
    assert (found.info.status, found.data.params["num_ratings"]) == ("FINISHED", "20")
    score = read_result(tracked)["score"]
    assert found.data.metrics["result/score"] == pytest.approx(score)
    assert run.summary["score"] == pytest.approx(score)


def test_the_result_and_the_reward_model_with_its_card_are_uploaded(tmp_path):
    folder = tmp_path / "run"
    ppo.train(ppo.Args(**SCRIPTS[0][1], run_dir=folder, track=BOTH))
    client, found = at_mlflow(folder)
    run_id = found.info.run_id
    assert client.get_experiment(found.info.experiment_id).name == "gym_rated"
    top = {each.path for each in client.list_artifacts(run_id)}
    assert top == {"policy.safetensors", "result.json", "reward_model"}
    model = {each.path for each in client.list_artifacts(run_id, "reward_model")}
    assert "reward_model/README.md" in model
    uploaded = set().union(*at_wandb().artifacts)
    assert uploaded == model | {"policy.safetensors", "result.json"}


class Killed(BaseException):
    """What ends a run at once, as far as this process can."""


def run_until(monkeypatch, step, error, folder, **flags):
    """Train until a row of `step` or later is logged, then raise an error."""
    log = RunWriter.log

    def log_or_end(self, at, values):
        log(self, at, values)
        if at >= step:
            raise error

    with monkeypatch.context() as patch:
        patch.setattr(RunWriter, "log", log_or_end)
        with pytest.raises(type(error)):
            ppo.train(ppo.Args(**SCRIPTS[0][1], run_dir=folder, **flags))


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(RuntimeError("a bug"), "FAILED", 1), (KeyboardInterrupt(), "KILLED", 255)],
)
def test_a_run_that_ends_early_says_how(tmp_path, monkeypatch, error, status, code):
    run_until(monkeypatch, 512, error, tmp_path / "run", track=BOTH)
    assert at_mlflow(tmp_path / "run")[1].info.status == status
    assert at_wandb().exit_codes == [code]


def test_a_resumed_run_goes_on_in_the_same_run_and_no_row_is_there_twice(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    run_until(monkeypatch, 640, Killed(), folder, track=BOTH)
    ids = json.loads((folder / "tracking.json").read_text())
    ppo.train(ppo.Args(resume=folder))
    assert json.loads((folder / "tracking.json").read_text()) == ids
    here = close(series_here(folder))
    speed = "charts/SPS"  # of rows that were logged twice the first are there
    assert {k: v for k, v in close(series_at_mlflow(folder)).items() if k != speed} == {
        k: v for k, v in here.items() if k not in (speed, "rated/duration_s")
    } | {"rated/duration_s": close(series_at_mlflow(folder))["rated/duration_s"]}
    assert at_mlflow(folder)[1].info.status == "FINISHED"
    assert [at_wandb(k).run.run_id for k in (0, 1)] == [ids["wandb"]["id"]] * 2
    assert close(series_at_wandb(at_wandb())) == here  # of all rows, from the first on


def test_an_extended_run_notes_its_new_length(tmp_path):
    folder = tmp_path / "run"
    ppo.train(ppo.Args(**SCRIPTS[0][1], run_dir=folder, track=("mlflow",)))
    ppo.train(ppo.Args(resume=folder, total_timesteps=2_816))
    _, found = at_mlflow(folder)
    assert found.data.params["total_timesteps"] == "2560"
    assert found.data.tags["resumed.total_timesteps"] == "2816"
    assert len(series_at_mlflow(folder)["charts/learning_rate"]) == 22


def test_a_database_that_goes_away_costs_a_warning_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    folder, log = tmp_path / "run", RunWriter.log

    def log_without_database(self, at, values):
        if at >= 384:
            (tmp_path / "mlflow.db").write_bytes(b"no database")
        log(self, at, values)

    monkeypatch.setattr(RunWriter, "log", log_without_database)
    with pytest.warns(UserWarning, match="`track`: mlflow gets no more of this run") as warned:
        ppo.train(ppo.Args(**SCRIPTS[0][1], run_dir=folder, track=("mlflow",)))
    assert sum("`track`" in str(each.message) for each in warned) == 1
    assert read_result(folder)["learned"]
    assert len(read_metrics(folder)["charts/learning_rate"][0]) == 20


def test_a_client_that_is_killed_ends_no_training(tmp_path):
    """W&B's client has a process of its own."""
    words = ["--env-id", "CartPole-v1", "--total-timesteps", "6000", "--reward", "true"]
    words += ["--num-envs", "2", "--num-steps", "64", "--track", "wandb"]
    command = [sys.executable, str(ROOT / "scripts" / "ppo.py"), *words, "--run-dir", "run"]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    metrics = tmp_path / "run" / "metrics.jsonl"
    while run.poll() is None and not (metrics.exists() and metrics.stat().st_size > 2_000):
        time.sleep(0.05)
    for child in Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)
    _, said = run.communicate(timeout=300)
    assert run.returncode == 0, said
    assert said.count("`track`: wandb gets no more of this run") <= 1
    assert read_result(tmp_path / "run")["global_step"] == 5_888


def test_who_is_not_logged_in_is_refused_before_any_training(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("WANDB_MODE")
    args = ppo.Args(**SCRIPTS[0][1], run_dir=tmp_path / "run", track=("wandb",))
    assert session.run(ppo.train, args, "ppo") == 2
    said = capsys.readouterr().err
    assert "ppo.py: `--track` must name a tracker that can begin a run, got wandb: " in said
    assert "wandb login" in said
    assert not (tmp_path / "run").exists()


def test_a_server_that_is_away_refuses_a_new_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    args = ppo.Args(**SCRIPTS[0][1], run_dir=tmp_path / "run", track=("mlflow",))
    assert session.run(ppo.train, args, "ppo") == 2
    assert "can begin a run, got mlflow: MlflowException: " in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
