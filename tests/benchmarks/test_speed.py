"""The speed benchmark: who works when, what is compared, and what its page says."""

import json
import re
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

from benchmarks.speed import __main__ as command
from benchmarks.speed import cleanrl, fits, interleaved, many_envs, member_loop, wrappers
from benchmarks.speed.cases import BEFORE, CLEANRL, SB3, Sources, all_cases
from benchmarks.speed.figures import draw_speed
from benchmarks.speed.interleaved import Case, Contender
from benchmarks.speed.stages import REST, STAGES, stage_of
from benchmarks.speed.tables import speed_blocks
from gym_rated.losses.classification import classification_loss
from gym_rated.reward_model import RewardEnsemble

ROOT = Path(__file__).parents[2]
TOY = "tests.benchmarks.speed_toys"


def checkout(folder: Path, name: str) -> Path:
    """Return a folder whose gym_rated only knows its name."""
    (folder / name / "gym_rated").mkdir(parents=True)
    (folder / name / "gym_rated" / "__init__.py").write_text(f"NAME = {name!r}\n")
    return folder / name


def names_in_turn(contenders: list[Contender], turn: int) -> str:
    return "".join(contender.name for contender in interleaved.in_turn(contenders, turn))


def test_chunks_of_all_contenders_are_spread_evenly_over_a_turn():
    contenders = [Contender("a", "", chunks=4), Contender("b", ""), Contender("c", "", chunks=2)]
    # a at 1/8, 3/8, 5/8 and 7/8, b at 1/2, c at 1/4 and 3/4
    assert names_in_turn(contenders, turn=0) == "acabaca"


def test_another_contender_is_first_in_every_turn():
    contenders = [Contender(name, "") for name in "abc"]
    assert [names_in_turn(contenders, turn) for turn in range(4)] == ["abc", "bca", "cab", "abc"]


def test_times_as_fast_is_compared_within_each_turn():
    costs = {"ours": interleaved.spread([1.0, 2.0, 1.0]), "peer": interleaved.spread([2.0, 8.0, 3])}
    found = interleaved.times_faster({"microseconds": costs}, "ours", "peer")
    assert found["turns"] == [2, 4, 3]
    assert (found["low"], found["median"], found["high"]) == (2.5, 3, 3.5)


def test_each_contender_runs_the_code_of_its_own_checkout(tmp_path):
    roots = [checkout(tmp_path, name) for name in ("now", "then")]
    contenders = [
        Contender(root.name, f"{TOY}:count", request="3", chunks=2, root=root) for root in roots
    ]
    turns = []
    found = interleaved.measure(
        Case("toy", "step", tuple(contenders), turns=5), lambda: turns.append(1)
    )
    assert found["counts"] == {"now": {"now": 10}, "then": {"then": 10}}  # 5 turns of 2 chunks
    assert len(turns) == 5
    assert [len(row["turns"]) for row in found["microseconds"].values()] == [5, 5]


def test_a_contender_that_fails_says_why(tmp_path):
    contender = Contender("toy", f"{TOY}:break_down", root=tmp_path)
    with pytest.raises(RuntimeError, match="ValueError: out of luck"):
        interleaved.measure(Case("toy", "step", (contender,)))


def test_every_case_has_at_least_five_turns_and_contenders_of_different_names():
    for case in all_cases(Sources(Path("cleanrl"), Path("before"))):
        names = [contender.name for contender in case.contenders]
        assert case.turns >= command.LEAST_TURNS
        assert len(set(names)) == len(names)


def test_an_earlier_checkout_stands_beside_ours_and_not_beside_peers():
    for case in all_cases(Sources(Path("cleanrl"), Path("/before"))):
        for contender in case.contenders:
            assert contender.name.endswith(BEFORE) == (contender.root == Path("/before"))
            assert not contender.name.startswith((CLEANRL + BEFORE, SB3 + BEFORE, "plain")) or (
                contender.root == ROOT
            )


@pytest.mark.parametrize(
    ("sources", "peers"), [(Sources(None), {SB3}), (Sources(None, None, False), set())]
)
def test_peers_that_are_not_there_are_left_out(sources, peers):
    for case in all_cases(sources):
        assert {c.name for c in case.contenders} & {CLEANRL, SB3} <= peers
        assert case.contenders


def made_on(commit="abc", before=None, model="EPYC"):
    ours = {"commit": commit, "versions": {}, "cpu": {"model": model}}
    return {"ours": ours, "before": before, "peers": {}}


@pytest.mark.parametrize(
    ("names", "then", "is_known"),
    [
        ("ab", made_on(), True),
        ("abc", made_on("abc-dirty"), True),  # by the results themselves
        ("a", made_on(), False),
        ("ab", made_on("other"), False),
        ("ab", made_on(before="older"), False),
        ("ab", made_on(model="Xeon"), False),
    ],
)
def test_only_what_the_same_code_measured_on_the_same_processor_is_skipped(names, then, is_known):
    case = Case("toy", "step", (Contender("a", ""), Contender("b", "")))
    result = {"microseconds": dict.fromkeys(names), "made_on": then}
    assert command.is_known(case, result, made_on()) == is_known
    assert not command.is_known(case, None, made_on())


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ({"cleanrl_src": ROOT}, "`CLEANRL_SRC` must be a checkout of CleanRL"),
        ({"before": ROOT / "docs"}, "`BEFORE` must be a checkout of this repository"),
        ({"only": ("ppo",)}, "`only` must be among wrappers, .*, got ppo"),
        ({"turns": 4}, "`turns` must be at least 5, got 4"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_any_work(flags, error, tmp_path):
    args = replace(command.Args(out=tmp_path / "speed.json"), **flags)
    with pytest.raises((ValueError, FileNotFoundError), match=error):
        command.main(args)


def test_without_a_checkout_of_cleanrl_a_message_says_how_to_name_one(monkeypatch, capsys):
    monkeypatch.delenv("CLEANRL_SRC", raising=False)
    assert command.find_sources(command.Args()).cleanrl is None
    assert "CLEANRL_SRC=folder" in capsys.readouterr().out


SCRIPT = "/x/scripts/ppo_continuous_action.py"


@pytest.mark.parametrize(
    ("frames", "stage"),
    [
        ([("/v/gymnasium/envs/mujoco/mujoco_env.py", "step"), (SCRIPT, "run")], "environment"),
        (
            [("/v/torch/nn/linear.py", "forward"), (SCRIPT, "collect_rollout")],
            "policy in the rollout",
        ),
        ([("/x/gym_rated/reward_model/vectors.py", "predict")], "prediction of the learned reward"),
        (
            [
                ("/x/gym_rated/reward_model/vectors.py", "forward"),
                ("/x/gym_rated/fitting/learner.py", "fit"),
            ],
            "fit of the reward model",
        ),
        ([("/v/torch/_tensor.py", "backward"), (SCRIPT, "update_minibatch")], "update: backward"),
        (
            [("/v/torch/_tensor.py", "backward"), ("/x/gym_rated/fitting/learner.py", "_step")],
            "fit of the reward model",
        ),
        ([("/v/torch/optim/adam.py", "step"), (SCRIPT, "update_policy")], "update: optimiser"),
        ([(SCRIPT, "value_loss"), (SCRIPT, "run")], "update: forward and losses"),
        ([(SCRIPT, "compute_advantages")], "values and advantages"),
        ([("/x/gym_rated/wrappers/vector.py", "step"), (SCRIPT, "run")], "rating wrappers"),
        ([("/v/gymnasium/vector/sync_vector_env.py", "step")], "vector environment"),
        ([("/x/gym_rated/runs/writer.py", "log"), (SCRIPT, "run")], "logs and progress bar"),
        ([("/usr/lib/python3.11/runpy.py", "run_path")], REST),
    ],
)
def test_a_sample_is_of_the_stage_whose_code_ran(frames, stage):
    assert stage_of(frames) == stage
    assert stage in STAGES


class TwoSteps(gym.Env):
    """Observation is the step; an episode is two steps long."""

    observation_space = gym.spaces.Box(0, 10, (1,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        self.at = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.at += 1
        return np.array([self.at], np.float32), 1.5, False, self.at == 2, {}


def test_cleanrl_finds_the_infos_of_ended_episodes_where_gymnasium_0_29_had_them():
    envs = cleanrl.SameStepVectorEnv([lambda: gym.wrappers.RecordEpisodeStatistics(TwoSteps())] * 2)
    envs.reset()
    assert "final_info" not in envs.step(envs.action_space.sample())[4]
    obs, *_, infos = envs.step(envs.action_space.sample())
    assert [info["episode"]["r"] for info in infos["final_info"]] == [3, 3]
    assert [float(last[0]) for last in infos["final_observation"]] == [2, 2]
    assert obs.ravel().tolist() == [0, 0]  # reset in the same step


def test_environments_that_did_not_end_have_no_final_info():
    batched = {"episode": {"r": np.array([3.0, 0.0]), "_r": np.array([True, False])}}
    assert cleanrl.final_infos(batched, [True, False]) == [{"episode": {"r": 3.0}}, None]


def test_the_plain_loop_descends_on_the_loss_that_ours_does():
    rng = np.random.default_rng(0)
    returns = torch.from_numpy(rng.normal(size=30))
    ratings = torch.from_numpy(rng.integers(5, size=30))
    ours = classification_loss(returns, ratings, 5, limits="batch")
    assert float(member_loop.rating_loss(returns, ratings)) == pytest.approx(float(ours))


def test_a_chunk_of_every_fit_and_wrapper_counts_its_steps():
    small = replace(fits.WU_2025, hidden_sizes=(4,), num_members=1)
    assert fits.fitting(20, small)() == 50
    assert len(fits.rated_segments(20)) == 20
    model = many_envs.gym_rated.RewardEnsemble(17, 6, num_members=1, hidden_sizes=(4,))
    assert many_envs.stepping(many_envs.wrapped(16, "both", model))() == 256 * 16
    assert wrappers.predicting(model, 2_048)() == 16


def test_a_chunk_in_bfloat16_multiplies_in_bfloat16(monkeypatch):
    found = []
    by_member = RewardEnsemble._rewards_by_member

    def counted(self, inputs):
        found.append(torch.get_autocast_dtype("cpu"))
        return by_member(self, inputs)

    monkeypatch.setattr(RewardEnsemble, "_rewards_by_member", counted)
    small = replace(fits.WU_2025, hidden_sizes=(4,), num_members=1)
    fits.fitting(20, small)()
    assert not found
    fits.fitting(20, small, "bfloat16")()
    assert found == [torch.bfloat16] * fits.STEPS


def blocks_of(page: str) -> dict[str, str]:
    found = re.findall(r"<!-- begin: (speed-[\w-]+) -->\n(.*?)<!-- end: \1 -->", page, re.DOTALL)
    return {name: text.rstrip("\n") for name, text in found}


def test_the_page_says_what_the_committed_results_say():
    cases = json.loads((ROOT / "benchmarks" / "results" / "speed.json").read_text())["cases"]
    assert set(cases) <= {case.name for case in all_cases(Sources())}
    assert blocks_of((ROOT / "docs" / "performance.md").read_text()) == speed_blocks(cases)


def test_every_case_has_its_place_on_the_page():
    page = blocks_of((ROOT / "docs" / "performance.md").read_text())
    assert {f"speed-{case.name}" for case in all_cases(Sources())} <= set(page)


def measured(case: Case) -> dict:
    """Return a result in which the i-th contender takes i + 1 microseconds, in every turn."""
    costs = {c.name: interleaved.spread([i + 1.0] * 5) for i, c in enumerate(case.contenders)}
    counts = {c.name: {"environment": 3, REST: 1} for c in case.contenders[:1]}
    result = {"unit": case.unit, "microseconds": costs, "counts": counts, "wall_s": 1, "load": 0.0}
    versions = {"torch": "2", "numpy": "2"}
    ours = {"commit": "abc", "versions": versions, "cpu": {"model": "EPYC"}}
    return result | {"made_on": {"ours": ours, "before": None, "peers": {"cleanrl": "f00"}}}


def test_tables_and_figures_of_the_page_hold_what_was_measured(tmp_path):
    cases = {case.name: measured(case) for case in all_cases(Sources(Path("x"), Path("y")))}
    blocks = speed_blocks(cases)
    # CleanRL is third, "true reward" second, "rated" first
    assert (
        "| CleanRL | 3.00 (3.00 to 3.00) | 333,333 | 3.00 (3.00 to 3.00) | 1.50 ("
        in (blocks["speed-ppo-defaults"])
    )
    assert "| environment | 0.8 (75%) |" in blocks["speed-stages"]
    assert "| 100 ratings | 0.0500 (0.0500 to 0.0500) | 1,000,000 |" in blocks["speed-fit-ratings"]
    draw_speed(cases, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"speed.png", "speed_stages.png"}
