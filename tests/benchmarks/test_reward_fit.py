"""The check of the reward model, on segments small enough to compute by hand."""

from dataclasses import asdict, replace
from itertools import count

import gymnasium as gym
import numpy as np
import pytest

from benchmarks import fit_cells, fit_targets, noisy_task, recorded_segments, reward_fit
from benchmarks.fit_cells import Cell, HeldOut
from benchmarks.fit_targets import Target
from benchmarks.recorded_segments import StepRecorder
from benchmarks.reward_fit import Args
from gym_rated import Origin, RewardEnsemble, Segment
from gym_rated.assembly import parts
from gym_rated.assembly.arguments import with_preset
from gym_rated.assembly.groups import RewardModelArgs


class Corridor(gym.Env):
    """Observation is the step, reward the step plus the action; episodes last seven steps."""

    observation_space = gym.spaces.Box(0, 10, (1,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        self.at = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        reward = float(self.at + action[0])
        self.at += 1
        return np.array([self.at], np.float32), reward, False, self.at == 7, {}


def recorded(num_steps, action=2.0):
    env = StepRecorder(Corridor(), count())
    env.reset()
    for _ in range(num_steps):
        if env.step(np.array([action], np.float32))[3]:
            env.reset()
    return env


def segments_of(num, episodes=8):
    rng = np.random.default_rng(0)
    found = []
    for i in range(num):
        obs = rng.normal(size=(4, 2)).astype(np.float32) + i / num
        origin = Origin(0, i * episodes // num, i, 4 * i)
        rewards = obs.sum(1).astype(np.float64)
        found.append(Segment(f"s{i}", obs, np.zeros((4, 1), np.float32), rewards, 0, origin))
    return found


def test_windows_hold_what_the_agent_saw_before_each_step_and_never_span_a_reset():
    segments = recorded_segments.cut(recorded(10), env_index=3, length=3)
    # episode 0 has 7 steps: two windows; episode 1 has 3: one
    assert [s.id for s in segments] == ["3-0-0", "3-0-3", "3-1-0"]
    assert segments[1].obs.ravel().tolist() == [3, 4, 5]
    assert segments[1].origin == Origin(env_index=3, episode=0, first_step=3, policy_step=3)
    assert segments[2].origin.policy_step == 7


def test_actions_are_clipped_and_rewards_are_those_of_the_action_taken():
    (segment,) = recorded_segments.cut(recorded(3), env_index=0, length=3)
    assert segment.actions.ravel().tolist() == [1, 1, 1]
    assert segment.true_rewards.tolist() == [2, 3, 4]


def test_no_episode_is_both_rated_and_held_out():
    rated, held_out = reward_fit.split(segments_of(40))
    assert len(rated) == len(held_out) == 20
    assert not {s.origin.episode for s in rated} & {s.origin.episode for s in held_out}


def test_rounds_come_in_the_order_of_training_and_the_first_is_the_largest():
    pool = segments_of(90)
    rounds = fit_cells.draw_rounds(pool, Cell("drift", "", "re-rated", "pairs", 40, 1))
    assert [len(r) for r in rounds] == [8, 4, 4, 4, 4, 4, 4, 4, 4]
    for k, segments in enumerate(rounds):
        steps = [s.origin.policy_step for s in segments]
        assert min(steps) >= 40 * k  # ten segments of four steps in each stretch
        assert max(steps) < 40 * (k + 1)
        assert {s.round for s in segments} == {k}
    assert len({s.id for segments in rounds for s in segments}) == 40


def test_saved_segments_are_read_as_they_were(tmp_path):
    pool = segments_of(5)
    recorded_segments.save(tmp_path / "segments.npz", pool, score=12.5)
    read, score = recorded_segments.load(tmp_path / "segments.npz")
    assert score == 12.5
    for before, after in zip(pool, read, strict=True):
        assert after.origin == before.origin
        for name in ("obs", "actions", "true_rewards"):
            np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


def test_the_best_third_is_the_third_with_the_highest_true_returns():
    class SumOfObs(RewardEnsemble):
        def predict(self, obs, actions):
            return np.where(obs[:, 0] > 2, -obs[:, 0], obs[:, 0])  # wrong about the best two

    obs = np.array([0, 1, 2, 2, 3, 4], np.float32).reshape(6, 1, 1)
    held_out = HeldOut(obs, np.zeros((6, 1, 1), np.float32), np.arange(6.0).reshape(6, 1))
    judged = held_out.judge(SumOfObs(1, 1))
    assert judged["spearman_best_third"] == -1
    # ranks 3, 4, 5.5, 5.5, 2, 1 against 1..6
    assert judged["spearman_all"] == pytest.approx(
        np.corrcoef([3, 4, 5.5, 5.5, 2, 1], range(6))[0, 1], abs=1e-4
    )


def row_of(method, rater="re-rated"):
    rated, held_out = reward_fit.split(segments_of(200))
    cell = Cell("drift", "", rater, method, 60, 1)
    options = {"first_steps": 30, "later_steps": 5}
    return fit_cells.run_cell(cell, rated, HeldOut.of(held_out), options)


@pytest.mark.parametrize("method", fit_cells.METHODS)
def test_every_method_orders_segments_better_than_chance(method):
    row = row_of(method, "both so-so" if method == "scores alone" else "re-rated")
    assert row["method"] == method
    assert row["spearman_all"] > 0.5
    assert row["step_latest"] > 0
    assert row["slope_best_third"] > 0
    assert row["advantage_latest"] is None  # too few steps


def test_where_true_rewards_are_constant_nothing_is_said_and_nobody_is_warned() -> None:
    steps = np.random.default_rng(0).normal(size=(40, 25, 3)).astype(np.float32)
    model = RewardEnsemble(3, 3)
    model.set_scale(1.0)
    found = HeldOut(steps, steps, np.ones((40, 25))).judge(model)
    assert set(found.values()) == {None}


@pytest.mark.parametrize("rater", [*fit_targets.NEVER_RERATED, "comparisons"])
def test_pairs_within_a_round_learn_from_every_rater(rater):
    assert row_of("pairs-once", rater)["spearman_all"] > 0.5


@pytest.mark.parametrize("rater", fit_cells.RATERS)
def test_ours_learns_from_every_rater_and_every_kind_of_answer(rater):
    assert row_of("ours", rater)["spearman_all"] > 0.5


def test_methods_of_presets_are_what_the_presets_set():
    for name in ("ours", "wu2025", "rbrl", "pairs"):
        args = with_preset(RewardModelArgs(), name)
        assert parts.method_of(args) == fit_cells.METHODS[name], name


def test_rows_of_other_segments_or_defaults_are_refused(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text('{"settings": {"batch_size": 64}, "rows": [1], "weights": [2]}')
    read = reward_fit.read_rows(path, {"settings": {"batch_size": 64}})
    assert read == {"rows": [1], "weights": [2]}
    with pytest.raises(ValueError, match="`out` must hold rows of the same settings"):
        reward_fit.read_rows(path, {"settings": {"batch_size": 32}})


def test_the_table_gives_mean_and_lowest_over_seeds_and_targets_their_verdict():
    rows = rows_of("rbrl", 0.8, 0.9)
    last = fit_targets.table(rows).splitlines()[-1]
    assert last.endswith("| 0.850 (0.800) | 0.425 (0.400) | 0.150 (0.100) |")
    assert fit_targets.verdicts(rows) == (
        "MISSED: spearman_all of clean, 0.0, 50, rbrl: 0.850, expected at least 0.9"
    )


def rows_of(method, *correlations):
    kind = {
        "part": "clean",
        "env_id": "Task-v0",
        "rater": "re-rated",
        "method": method,
        "num_ratings": 50,
        "mistakes": 0.0,
        "slips": 0.0,
        "fitted": "once",
    }
    return [
        kind
        | {"seed": seed, "spearman_all": x, "spearman_best_third": x / 2}
        | {"spearman_latest": x - 0.7}
        for seed, x in enumerate(correlations)
    ]


def test_a_target_may_be_what_another_method_reaches():
    rows = [*rows_of("pairs-once", 0.8, 0.9), *rows_of("ours", 0.88)]
    close = Target({"method": "pairs-once"}, at_least={"method": "ours"}, minus=0.05)
    assert close.verdict(rows) == (
        "met: spearman_all of pairs-once: 0.850, expected at least that of ours, 0.880, less 0.05"
    )
    assert (
        Target({"method": "pairs-once"}, at_least={"method": "ours"}).verdict(rows)[:6] == "MISSED"
    )
    assert Target({"method": "pairs-once"}, at_least={"method": "r4"}).verdict(rows) is None


def test_every_target_names_cells_that_are_run():
    cells = [asdict(cell) for cell in reward_fit.cells(Args())]
    targets = list(fit_targets.targets())
    assert len(targets) > 5
    for target in targets:
        wanted = [target.cells]
        wanted += [target.at_least] if isinstance(target.at_least, dict) else []
        for part in wanted:
            assert sum(part.items() <= cell.items() for cell in cells) == len(Args().seeds)


@pytest.mark.long
def test_wrong_targets_cost_a_task_its_weight_until_they_are_put_right():
    segments = segments_of(200)
    for noisy, other in (("classification", "score"), ("score", "classification")):
        row = noisy_task.run(noisy, segments, seed=1)
        assert row["weights_noisy"][noisy] < row["weights_noisy"][other]
        assert row["weights_right"][noisy] > 1.5 * row["weights_noisy"][noisy]


def test_the_whole_check_runs_and_resumes(tmp_path, capsys, monkeypatch):
    short = {k: replace(v, first_steps=5, later_steps=5) for k, v in fit_cells.METHODS.items()}
    monkeypatch.setattr(reward_fit, "METHODS", short)
    monkeypatch.setattr(fit_cells, "METHODS", short)
    args = Args(
        parts=("clean",),
        seeds=(1,),
        env_id="Pendulum-v1",
        data_steps=8_192,
        segment_length=10,
        data_dir=tmp_path,
        out=tmp_path / "out" / "rows.json",
    )
    reward_fit.main(args)
    first = args.out.read_text()
    reward_fit.main(args)
    assert args.out.read_text() == first
    assert capsys.readouterr().out.count("| clean |") == 2 * 20
