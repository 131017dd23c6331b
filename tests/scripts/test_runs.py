"""How runs of every script begin, are killed, go on, are extended, and end: short real runs."""

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
import ppo
import ppo_continuous_action
import pytest
import sac_continuous_action
from killed_runs import as_words, rows

from gym_rated import SyntheticRater
from gym_rated.assembly.present import Spaces, args_of, read_present
from gym_rated.checkpoint import load_state, save_state
from gym_rated.runs import RunWriter, read_metrics, read_result
from gym_rated.segments.encoding import encode_actions

pytestmark = [
    pytest.mark.filterwarnings("ignore:round .* has fewer than two rating classes"),
    pytest.mark.filterwarnings("ignore:nothing to compare"),
]

SHORT = {
    "num_envs": 2,
    "num_ratings": 30,
    "query_rounds": 2,
    "query_until": 1.0,
    "segment_length": (10,),
    "num_members": 1,
    "hidden_sizes": (8,),
    "first_steps": 3,
    "later_steps": 2,
    "checkpoint_every_s": 0.0,
}
PPO = SHORT | {"num_steps": 64, "update_epochs": 1, "num_minibatches": 2}
SAC = SHORT | {"learning_starts": 500, "batch_size": 8, "network_width": 8}
SCRIPTS: dict[str, tuple[ModuleType, dict[str, Any]]] = {
    "ppo": (ppo, PPO | {"env_id": "CartPole-v1"}),
    "ppo_continuous_action": (ppo_continuous_action, PPO | {"env_id": "Pendulum-v1"}),
    "sac_continuous_action": (sac_continuous_action, SAC | {"env_id": "Pendulum-v1"}),
}
STEPS = 5 * 128
LONGER = 7 * 128
QUERIED_EARLY = {200: 20, 500: 10}


class Killed(BaseException):
    """What ends a run at once, as far as this process can."""


TWIN = pytest.param("ppo_continuous_action", marks=pytest.mark.slow)  # of ppo, in all but actions


@pytest.fixture(params=["ppo", TWIN, "sac_continuous_action"])
def script(request: pytest.FixtureRequest) -> ModuleType:
    return SCRIPTS[request.param][0]


def flags_of(script: ModuleType, **flags: Any) -> dict[str, Any]:
    known = SCRIPTS[script.__name__][1]
    return {"total_timesteps": STEPS, "tensorboard": False, **known, **flags}


def train(script: ModuleType, **flags: Any) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script.parts, "make_schedule", lambda *args: dict(QUERIED_EARLY))
        return script.train(script.Args(**flags))


def run(script: ModuleType, folder: Path, **flags: Any) -> dict[str, Any]:
    return train(script, **flags_of(script, **flags), run_dir=folder)


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def untimed(result: dict[str, Any]) -> str:
    """Return a result as text, without what depends on the clock."""
    fit = {k: v for k, v in result["fit"].items() if k != "duration_s"}
    return repr({**result, "fit": fit, "steps_per_second": 0, "sha256": 0}).replace("'nan'", "nan")


def fail_at(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, at: int, failure: Callable[[], None]
) -> None:
    """Let the call number `at` of a function end in a failure, before it has done anything."""
    real, calls = getattr(owner, name), [0]

    def call(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == at:
            failure()
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)


def kill() -> None:
    raise Killed


def fill_disk() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Ticks:
    """A clock that goes on by a second each time one looks: a slow disk saves no less often."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 1
        return self.now


def killed_run(script: ModuleType, folder: Path, name: str, at: int) -> None:
    owner = RunWriter if name in ("log", "write_result") else script
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, "time", Ticks())
        fail_at(patch, owner, name, at, kill)
        with pytest.raises(Killed):
            run(script, folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[ModuleType], Path]:
    """A run of each script that nothing happened to."""
    folders: dict[str, Path] = {}

    def make(script: ModuleType) -> Path:
        if script.__name__ not in folders:
            folders[script.__name__] = tmp_path_factory.mktemp(script.__name__) / "whole"
            run(script, folders[script.__name__])
        return folders[script.__name__]

    return make


def assert_same_run(folder: Path, other: Path) -> None:
    assert rows(folder) == rows(other)
    assert untimed(read_result(folder)) == untimed(read_result(other))
    policies = [(f / "policy.safetensors").read_bytes() for f in (folder, other)]
    assert policies[0] == policies[1]


def test_every_fit_is_compared_with_the_true_reward_where_that_tells_steps_apart(
    script: ModuleType, whole: Callable[..., Path]
) -> None:
    metrics = read_metrics(whole(script))
    fits = metrics["rated/ready"][0].tolist()
    for name in ("step", "spearman", "advantage", "num_steps"):
        tag = f"rated/truth/{name}"
        if script is ppo:  # each step of CartPole pays the same
            assert tag not in metrics
            continue
        steps, values = metrics[tag]
        assert steps.tolist() == fits
        assert (np.abs(values) <= 1).all() or name == "num_steps"
    assert ("truth/step" in read_result(whole(script))["fit"]) == (script is not ppo)


@pytest.mark.parametrize(("name", "at"), [("save_state", 2), ("log", 5), ("write_result", 1)])
def test_a_run_killed_anywhere_logs_and_results_in_the_same(
    tmp_path: Path, script: ModuleType, whole: Callable[..., Path], name: str, at: int
) -> None:
    killed_run(script, tmp_path / "run", name, at)
    train(script, resume=tmp_path / "run")
    assert_same_run(tmp_path / "run", whole(script))


def test_a_finished_run_is_left_as_it_is(
    script: ModuleType, whole: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = whole(script)
    before, result = contents(folder), read_result(folder)
    again = train(script, resume=folder)
    assert contents(folder) == before
    assert again == {k: v for k, v in result.items() if k != "sha256"}
    said = capsys.readouterr().out
    assert f"{folder} is finished, nothing is changed; --total-timesteps above {STEPS}" in said
    with pytest.raises(ValueError, match="`seed` must be 1, got 7: a run goes on with its own fla"):
        train(script, resume=folder, seed=7)
    with pytest.raises(FileExistsError, match="`run_dir` must not hold a run already"):
        run(script, folder)
    assert contents(folder) == before


def test_more_timesteps_extend_a_finished_run(
    tmp_path: Path, script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    run(script, folder)
    first = rows(folder)
    train(script, resume=folder, total_timesteps=LONGER)
    said = capsys.readouterr().out
    assert f"extended from {STEPS} to {LONGER} timesteps" in said
    assert "it asks for no more than the 30 ratings that were planned" in said
    assert ("its learning rate falls to 0 at the new end" in said) == (
        script is not sac_continuous_action
    )
    result = read_result(folder)
    assert result["global_step"] == LONGER
    assert result["num_ratings"] == 30  # the budget is that of the run, and was spent
    assert rows(folder)[: len(first)] == first
    assert load_state(folder / "checkpoint")["args"]["total_timesteps"] == LONGER
    before = contents(folder)
    train(script, resume=folder)  # it is finished at its new length
    assert contents(folder) == before


@pytest.mark.long
def test_a_run_that_is_killed_while_it_is_extended_ends_as_if_it_were_not(
    tmp_path: Path, script: ModuleType
) -> None:
    folders = [tmp_path / "whole", tmp_path / "killed"]
    for folder in folders:
        run(script, folder)
    train(script, resume=folders[0], total_timesteps=LONGER)
    for name, at in (("log", 1), ("log", 3), ("write_result", 1)):  # again and again
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(script, "time", Ticks())
            fail_at(patch, RunWriter, name, at, kill)
            with pytest.raises(Killed):
                train(script, resume=folders[1], total_timesteps=LONGER)
    assert train(script, resume=folders[1])["global_step"] == LONGER
    assert_same_run(*folders)


def test_a_checkpoint_tells_the_policy_and_the_reward_that_the_run_saves(
    tmp_path: Path, script: ModuleType, whole: Callable[..., Path]
) -> None:
    finished, stopped = whole(script), tmp_path / "stopped"
    shutil.copytree(finished, stopped)
    (stopped / "result.json").unlink()
    env = gym.make(flags_of(script)["env_id"])
    told = [read_present(folder, args_of(folder), Spaces.of(env)) for folder in (finished, stopped)]
    assert [present.step for present in told] == [STEPS, STEPS]
    assert told[0].mark != told[1].mark
    obs = np.random.default_rng(0).normal(size=(5, told[0].policy.obs_dim)).astype(np.float32)
    actions = [[p.policy.act(each, env.action_space) for each in obs] for p in told]
    np.testing.assert_allclose(actions[0], actions[1], rtol=1e-6)
    encoded = encode_actions(env.action_space, np.array(actions[0]))
    rewards = [present.reward_fn(obs, encoded) for present in told if present.reward_fn]
    assert len(rewards) == 2
    np.testing.assert_array_equal(rewards[0], rewards[1])


def test_a_run_cannot_be_shortened(script: ModuleType, whole: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match=r"`total_timesteps` must be at least .* 640, got 600"):
        train(script, resume=whole(script), total_timesteps=600)


@pytest.mark.parametrize("how", ["resume", "run_dir"])
def test_a_run_killed_before_its_first_checkpoint_begins_anew(
    tmp_path: Path,
    script: ModuleType,
    whole: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    how: str,
) -> None:
    folder = tmp_path / "run"
    killed_run(script, folder, "save_state", 1)
    logged = (folder / "metrics.jsonl").read_bytes()
    if how == "resume":
        train(script, resume=folder)
    else:
        run(script, folder)
    assert "no checkpoint" in capsys.readouterr().out
    assert_same_run(folder, whole(script))
    assert (folder / "begun-1" / "metrics.jsonl").read_bytes() == logged


FULL = [("ppo", where) for where in ("row", "event", "checkpoint", "ratings", "policy", "result")]
FULL += [("sac_continuous_action", where) for where in ("row", "checkpoint")]


@pytest.mark.parametrize(("name", "where"), FULL)
def test_a_full_disk_is_said_and_the_run_goes_on_once_there_is_space(
    tmp_path: Path, whole: Callable[..., Path], name: str, where: str
) -> None:
    script = SCRIPTS[name][0]
    folder, write, replace = tmp_path / "run", os.write, os.replace
    files = {"checkpoint": "manifest.json", "policy": "policy.safetensors"}
    files |= {"ratings": "ratings.npz", "result": "result.json"}

    def full_for_rows(descriptor: int, data: bytes) -> int:
        if (folder / "checkpoint" / "manifest.json").exists():
            is_row = bytes(data[:8]) == b'{"step":'
            if is_row == (where == "row"):
                fill_disk()
        return write(descriptor, data)

    def full_for(old: Any, new: Path) -> None:
        if new.name == files[where] and (new.parent / new.name).exists() == (where == "checkpoint"):
            fill_disk()
        replace(old, new)

    with pytest.MonkeyPatch.context() as patch:
        if where in ("row", "event"):
            patch.setattr(os, "write", full_for_rows)
        else:
            patch.setattr(os, "replace", full_for)
        with pytest.raises(OSError, match=r"` could not be written: No space left.*free some"):
            run(script, folder, tensorboard=where == "event")
    assert not (folder / "result.json").exists()
    train(script, resume=folder)
    assert_same_run(folder, whole(script))


class AtTheEnd(SyntheticRater):
    """Answers nothing before it is told that the last rollout is over."""

    is_over = False

    def collect(self) -> list[Any]:
        return super().collect() if AtTheEnd.is_over else []


@pytest.mark.parametrize("name", ["ppo", TWIN])
def test_what_is_logged_after_the_last_checkpoint_is_not_logged_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    script = SCRIPTS[name][0]
    monkeypatch.setattr(script.parts, "make_rater", lambda *args: AtTheEnd(5, seed=1))
    saves = {"whole": 0, "killed": 0}

    def save(run_name: str, folder: Path, state: dict[str, Any]) -> None:
        step = state["counters"][-2]
        if AtTheEnd.is_over and run_name == "killed" and not saves["killed"]:
            saves["killed"] += 1
            raise Killed  # after the last fit was logged, at the step of the checkpoint before
        save_state(folder, state)
        AtTheEnd.is_over = step >= STEPS

    for run_name in ("whole", "killed"):
        AtTheEnd.is_over = False
        monkeypatch.setattr(script, "save_state", lambda f, s, name=run_name: save(name, f, s))
        if run_name == "whole":
            run(script, tmp_path / run_name)
        else:
            with pytest.raises(Killed):
                run(script, tmp_path / run_name)
    AtTheEnd.is_over = True
    monkeypatch.setattr(script, "save_state", save_state)
    train(script, resume=tmp_path / "killed")
    fits = [row for row in rows(tmp_path / "killed") if "rated/ready" in row]
    assert [row["step"] for row in fits] == [STEPS]
    assert_same_run(tmp_path / "killed", tmp_path / "whole")


class OfOneMind(SyntheticRater):
    """Gives every segment the same rating."""

    def collect(self) -> list[Any]:
        return [type(a)(a.segment_id, 2, a.rater, a.revision) for a in super().collect()]


class Silent(SyntheticRater):
    """Never answers."""

    def collect(self) -> list[Any]:
        return []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("rater", "problem"),
    [
        (OfOneMind, "all 30 ratings are of class 2"),
        (Silent, "none of the 30 segments asked about was rated"),
    ],
)
def test_a_run_that_learned_nothing_says_so_and_ends_with_a_code_of_its_own(
    tmp_path: Path,
    script: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    rater: type[SyntheticRater],
    problem: str,
) -> None:
    monkeypatch.setattr(script.parts, "make_rater", lambda *args: rater(5, seed=1))
    monkeypatch.setattr(script.parts, "make_schedule", lambda *args: dict(QUERIED_EARLY))
    folder = tmp_path / "run"
    words = [*as_words(flags_of(script)), "--run-dir", str(folder)]
    monkeypatch.setattr("sys.argv", [script.__name__, *words])
    assert script.session.main(script.train, script.Args, script.SCRIPT) == 3
    assert problem in capsys.readouterr().err
    result = read_result(folder)
    assert result["learned"] is False
    assert problem in result["problem"]
    assert (folder / "policy.safetensors").exists()
    monkeypatch.setattr("sys.argv", [script.__name__, "--resume", str(folder)])
    assert script.session.main(script.train, script.Args, script.SCRIPT) == 3


def test_a_run_that_learned_ends_well(
    whole: Callable[..., Path], script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_result(whole(script))["learned"] is True
    monkeypatch.setattr("sys.argv", [script.__name__, "--resume", str(whole(script))])
    assert script.session.main(script.train, script.Args, script.SCRIPT) == 0


def test_an_interrupted_run_says_how_to_go_on(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(args: object) -> dict[str, object]:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", [script.__name__])
    assert script.session.main(interrupted, script.Args, script.SCRIPT) == 130
    assert "--resume" in capsys.readouterr().err


IMPOSSIBLE = {
    "--num-ratings 0": "`--num-ratings` must be at least 1, got 0",
    "--num-ratings 1": "`--num-ratings` must be at least 2 to be compared, got 1",
    "--num-ratings 90000": "`--num-ratings` must be at most ",
    "--total-timesteps 1000 --num-ratings 20": "`--total-timesteps` must be enough for ",
    "--skip-rate 1": "`--skip-rate` must be below 1",
    "--query-until 0": "`--query-until` must lie in (0, 1], got 0.0",
    "--reward-learning-rate 0": "`--reward-learning-rate` must be above 0, got 0.0",
    "--segment-length 0": "`--segment-length` must be at least 1, got 0",
    "--num-envs 0": "`--num-envs` must be at least 1, got 0",
    "--num-ratings 9 --first-share 0.1": "`--query-rounds` must leave at least 2",
    "--env-kwargs colour red": "`--env-kwargs` must be what the environment takes, got",
    "--resume nowhere": "`--resume` must hold a run, got nowhere, which is not there",
    "--gamma 1.5": "`--gamma` must lie in [0, 1], got 1.5",
}


@pytest.mark.parametrize("words", IMPOSSIBLE)
def test_what_cannot_work_is_refused_at_once_in_the_words_of_the_command_line(
    tmp_path: Path,
    script: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
) -> None:
    env_id = SCRIPTS[script.__name__][1]["env_id"]
    start = ["--env-id", env_id, "--run-dir", str(tmp_path / "run")]
    extra = ["--learning-starts", "9"] if script is sac_continuous_action else []
    monkeypatch.setattr("sys.argv", [script.__name__, *start, *extra, *words.split()])
    main = sys.modules["__main__"]  # as it is run
    monkeypatch.setattr(main, "__file__", script.__file__, raising=False)
    code = script.session.main(script.train, script.Args, script.SCRIPT)
    assert code == 2
    assert IMPOSSIBLE[words] in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_rollouts_that_end_before_the_first_query_are_refused(tmp_path: Path) -> None:
    # no query is made before step 2,048; the one rollout ends at 1,024
    flags = {"num_envs": 2, "num_steps": 512, "num_ratings": 20, "query_until": 1.0}
    with pytest.raises(ValueError, match=r"the first query, at step 2048 .* by step 1024"):
        ppo.train(ppo.Args(**flags, total_timesteps=1_500, run_dir=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_an_agent_that_would_not_learn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`learning_starts` must be below `total_timesteps` = 600"):
        run(sac_continuous_action, tmp_path / "run", total_timesteps=600, learning_starts=600)


def test_networks_that_no_memory_holds_are_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`network_width` = 1000000 must be smaller: .* GiB"):
        run(sac_continuous_action, tmp_path / "run", network_width=1_000_000)
    assert not (tmp_path / "run").exists()


def test_the_checkpoint_says_what_wrote_it_and_others_are_refused(
    script: ModuleType, whole: Callable[..., Path], tmp_path: Path
) -> None:
    saves = 12 if script is sac_continuous_action else 3  # until a row was logged, and one more
    killed_run(script, tmp_path / "run", "save_state", saves)
    stamp = load_state(tmp_path / "run" / "checkpoint")["stamp"]
    assert (stamp["format"], stamp["script"]) == (2, script.__name__)
    assert stamp["gym_rated"]
    assert 0 < stamp["num_rows"] <= len(rows(tmp_path / "run"))
    state = load_state(tmp_path / "run" / "checkpoint")
    for change, said in (
        ({"format": 3, "gym_rated": "9.1"}, "of format 3, written by gym_rated 9.1; update gym_ra"),
        ({"script": "other"}, f"`resume` must be a run of {script.__name__}, got one of other"),
    ):
        save_state(tmp_path / "run" / "checkpoint", {**state, "stamp": stamp | change})
        with pytest.raises(ValueError, match=said):
            train(script, resume=tmp_path / "run")
    save_state(tmp_path / "run" / "checkpoint", {k: v for k, v in state.items() if k != "stamp"})
    train(script, resume=tmp_path / "run")  # as earlier versions wrote them
    assert_same_run(tmp_path / "run", whole(script))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"args": 3}', '{"format": 9, "args": {}}'])
def test_a_damaged_config_is_refused_and_nothing_is_touched(
    tmp_path: Path, script: ModuleType, content: str
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.json").write_text(content)
    for args in (script.Args(resume=folder), script.Args(**flags_of(script), run_dir=folder)):
        with pytest.raises(ValueError, match=r"undamaged config\.json|of format 9"):
            script.train(args)
    assert contents(folder) == {"config.json": content.encode()}


def test_other_flags_beside_resume_are_refused_with_old_and_new_value(
    whole: Callable[..., Path], script: ModuleType
) -> None:
    words = ["--resume", str(whole(script)), "--seed", "1", "--num-envs", "16", "--preset", "rbrl"]
    before = contents(whole(script))
    with pytest.raises(
        ValueError, match="`num_envs` must be 2, got 16; `preset` must be ours, got"
    ):
        script.arguments.parse_args(script.Args, words)  # the seed does not differ
    assert contents(whole(script)) == before
    same = ["--num-envs", "2", "--total-timesteps", str(STEPS), "--device", "auto"]
    args = script.arguments.parse_args(script.Args, [*words[:4], *same])
    assert script.train(args)["global_step"] == STEPS


def test_a_run_has_all_its_steps_and_its_format(
    whole: Callable[..., Path], script: ModuleType
) -> None:
    assert read_result(whole(script))["global_step"] == STEPS
    assert json.loads((whole(script) / "config.json").read_text())["format"] == 2
