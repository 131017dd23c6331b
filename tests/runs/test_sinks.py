"""What takes the rows of a run beside metrics.jsonl: trackers that work, fail, and hang."""

import json
import sys
import threading
from dataclasses import asdict

import ppo
import ppo_continuous_action
import pytest
import sac_continuous_action

from gym_rated.assembly import session
from gym_rated.assembly.run_args import RunArgs
from gym_rated.runs import RunWriter, mirror, read_metrics, sinks
from gym_rated.runs.tracked import Begun, TrackedRun

FLAGS = asdict(RunArgs(env_id="Walk-v0", seed=3, rater_db="postgresql://ann:secret@host/ratings"))


class Tracker:
    """A tracker in memory; `fails` raises in place of the call of that name."""

    def __init__(self, fails=None, num_rows=0):
        self.fails, self.num_rows = fails, num_rows
        self.rows, self.ends, self.ids, self.run = [], [], None, None

    def begin(self, run, ids):
        self._call("begin")
        self.run, self.ids = run, dict(ids)
        return Begun({"id": "seven"}, self.num_rows, "there")

    def send(self, rows):
        self._call("send")
        self.rows += rows

    def end(self, status, result):
        self._call("end")
        self.ends.append((status, result))
        self.products = sorted(name for _, name in self.run.products())

    def _call(self, name):
        if name == self.fails:
            raise ConnectionError("the server\nis away")


@pytest.fixture
def use(monkeypatch):
    """Return a function that puts a tracker in the place of W&B's."""

    def use(tracker):
        monkeypatch.setattr(mirror, "_PAUSE_S", 0.0)
        monkeypatch.setattr(sinks, "check_installed", lambda package: None)
        monkeypatch.setattr(sinks, "make_tracker", lambda name: tracker)
        return tracker

    return use


def write(folder, steps=range(3), result=True, **given):
    given = {"script": "walk", "tensorboard": False, "track": ("wandb",)} | given
    with RunWriter(folder, FLAGS, **given) as run:
        for step in steps:
            run.log(step, {"tag": 10.0 * step, "none": float("nan")})
        stamp = run.stamp({})["stamp"]
        if result:
            run.write_result({"score": 5.0})
    return stamp


def sent(tracker):
    return [(row.number, row.step, row.numbers["tag"]) for row in tracker.rows]


def test_a_tracker_gets_every_row_at_its_step_then_the_result(tmp_path, use):
    tracker = use(Tracker())
    write(tmp_path / "run", steps=[4, 4, 8])
    assert sent(tracker) == [(0, 4, 40.0), (1, 4, 40.0), (2, 8, 80.0)]
    assert all(row.numbers["none"] != row.numbers["none"] for row in tracker.rows)
    assert tracker.ends == [("finished", {"score": 5.0})]


def test_a_tracker_is_told_name_group_and_flags_and_no_password(tmp_path, use):
    run = use(Tracker())
    write(tmp_path / "run", track_project="walks")
    assert (run.run.name, run.run.group) == ("Walk-v0__walk__rated__3", "Walk-v0__walk__rated")
    assert (run.run.project, run.run.flags["num_ratings"]) == ("walks", 500)
    assert "secret" not in repr(run.run)


def test_what_is_uploaded_is_what_the_run_made_and_not_what_people_said(tmp_path, use):
    tracker, folder = use(Tracker()), tmp_path / "run"
    for name in ("reward_model/README.md", "policy.safetensors", "ratings/ratings.npz"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (tmp_path / "elsewhere").write_text("of somebody else")
    (folder / "reward_model" / "link").symlink_to(tmp_path / "elsewhere")
    write(folder)
    assert tracker.products == ["policy.safetensors", "result.json", "reward_model/README.md"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), "killed"), (ValueError("a bug"), "failed"), (None, "killed")],
)
def test_a_run_that_did_not_finish_says_how_it_ended(tmp_path, use, error, status):
    tracker = use(Tracker())
    run = RunWriter(tmp_path / "run", FLAGS, tensorboard=False, track=("wandb",))
    run.__exit__(type(error), error, None)
    assert tracker.ends == [(status, {})]


def test_a_resumed_run_goes_on_in_the_same_with_the_rows_that_are_missing(tmp_path, use):
    use(Tracker())
    stamp = write(tmp_path / "run", steps=range(3), result=False)
    again = use(Tracker(num_rows=2))  # the third row never arrived
    write(tmp_path / "run", steps=[3], resume=True, resume_step=2, stamp=stamp)
    assert again.ids == {"id": "seven"}
    assert sent(again) == [(2, 2, 20.0), (3, 3, 30.0)]


def test_rows_after_the_checkpoint_are_not_sent_twice(tmp_path, use):
    use(Tracker())
    stamp = write(tmp_path / "run", steps=[0], result=False)
    again = use(Tracker(num_rows=3))  # two more had been sent when the run was killed
    write(tmp_path / "run", steps=[1, 2, 3], resume=True, resume_step=0, stamp=stamp)
    assert sent(again) == [(3, 3, 30.0)]


@pytest.mark.parametrize("fails", ["send", "end"])
def test_a_tracker_that_fails_is_left_alone_with_one_warning(tmp_path, use, fails):
    tracker = use(Tracker(fails))
    said = r"`track`: wandb gets no more of this run: ConnectionError: the server is away; the run"
    with pytest.warns(UserWarning, match=said) as warned:
        write(tmp_path / "run", steps=range(50))
    assert len(warned) == 1
    assert len(read_metrics(tmp_path / "run")["tag"][0]) == 50
    assert json.loads((tmp_path / "run" / "result.json").read_text())["score"] == 5.0
    assert tracker.ends == []


def test_a_tracker_that_answers_no_more_is_not_waited_for(tmp_path, use, monkeypatch):
    tracker, gate = use(Tracker()), threading.Event()
    monkeypatch.setattr(mirror, "PATIENCE_S", 0.1)
    monkeypatch.setattr(tracker, "send", lambda rows: gate.wait(30))
    with pytest.warns(UserWarning, match="TimeoutError: nothing came back for 0 s; the run"):
        write(tmp_path / "run")
    gate.set()


def test_a_tracker_that_cannot_begin_refuses_a_new_run_before_it_is_written(tmp_path, use):
    use(Tracker("begin"))
    said = "`track` must name a tracker that can begin a run, got wandb: ConnectionError: the serv"
    with pytest.raises(ValueError, match=said):
        write(tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize("ids", [None, "[", '{"wandb": {"id": 7}}'])
def test_a_run_goes_on_without_a_tracker_that_cannot_begin_again(tmp_path, use, ids):
    use(Tracker())
    stamp = write(tmp_path / "run", result=False)
    if ids is not None:
        (tmp_path / "run" / "tracking.json").write_text(ids)
    tracker = use(Tracker("begin" if ids is None else None))
    with pytest.warns(UserWarning, match="`track`: wandb gets no more of this run"):
        write(tmp_path / "run", steps=[3], resume=True, resume_step=2, stamp=stamp)
    assert tracker.rows == []
    assert read_metrics(tmp_path / "run")["tag"][0].tolist() == [0, 1, 2, 3]


def test_a_run_without_flags_of_ours_is_called_after_its_folder(tmp_path):
    run = TrackedRun.of(tmp_path / "walk", None, {"args": {"level": 3}})
    assert (run.name, run.group) == ("walk", "walk")


SCRIPTS = (ppo, ppo_continuous_action, sac_continuous_action)


def refused(script, words, folder, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x.py", "--run-dir", str(folder), *words.split()])
    with pytest.raises(SystemExit) as ended:
        session.read_args(script.Args, script.SCRIPT)
    assert ended.value.code == 2
    assert not folder.exists()
    assert not {"wandb", "mlflow"} & set(sys.modules)
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
@pytest.mark.parametrize("package", ["wandb", "mlflow"])
def test_a_missing_package_is_refused_with_its_extra(
    script, package, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("gym_rated.imports.find_spec", lambda name: None)
    said = refused(script, f"--track {package}", tmp_path / "run", capsys, monkeypatch)
    assert f"`{package}` is not installed; pip install 'gym_rated[{package}]'" in said


def test_a_folder_called_wandb_is_no_package(tmp_path, capsys, monkeypatch):
    (tmp_path / "wandb").mkdir()  # W&B makes one where one works
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    said = refused(ppo, "--track wandb", tmp_path / "run", capsys, monkeypatch)
    assert "`wandb` is not installed" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--track", "it must name wandb or mlflow, got nothing"),
        ("--track tensorboard", "it must name wandb or mlflow, got 'tensorboard'"),
        ("--track wandb wandb", "`--track` must name each tracker once, got wandb more than once"),
    ],
)
def test_a_wrong_flag_is_refused(words, said, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sinks, "check_installed", lambda package: None)
    assert said in refused(ppo, words, tmp_path / "run", capsys, monkeypatch)
