from dataclasses import asdict
from types import SimpleNamespace

import pytest
from envs import make_segment

from gym_rated import Rating, RatingDataset
from gym_rated.assembly.arguments import RunArgs
from gym_rated.assembly.beginning import begin_run
from gym_rated.assembly.session import contradicting_in, learned_returns
from gym_rated.assembly.stored import args_state
from gym_rated.checkpoint import save_state
from gym_rated.fitting import FitReport
from gym_rated.runs import RunWriter


class Model:
    """Pays the sum of observation and action, in a step."""

    ready = True

    def predict(self, obs, actions):
        return obs.sum(1) + actions.sum(1)


@pytest.fixture
def stack():
    ratings = RatingDataset(obs_dim=3, action_dim=2, num_classes=3)
    ratings.add(make_segment(name, length=k) for name, k in [("a", 2), ("b", 3), ("c", 1)])
    ratings.update([Rating("a", 0, "ann"), Rating("b", 2, "ann")])
    feedback = SimpleNamespace(ratings=ratings)
    return SimpleNamespace(model=Model(), feedback=feedback)


def test_learned_returns_are_sums_over_each_rated_segment(stack):
    # three observations of 0.5 and two actions of -0.5 a step: 0.5, for 2 and for 3 steps
    assert learned_returns(stack) == pytest.approx({"a": 1.0, "b": 1.5})
    assert list(learned_returns(stack, num=1)) == ["b"]


def test_shares_of_contradicting_ratings_are_found_in_the_report_of_a_fit():
    report = FitReport(True, 90, (40, 50), contradicting={"ann": 0.2, "contradicting/b": 0.0})
    assert contradicting_in(report.as_dict()) == {"ann": 0.2, "contradicting/b": 0.0}
    assert contradicting_in(None) == {}


def test_a_model_without_a_fit_says_nothing(stack):
    stack.model.ready = False
    assert learned_returns(stack) == {}


@pytest.mark.parametrize(
    "change",
    [
        *({"total_timesteps": "many"}, {"num_classes": 3.5}, {"tasks": ["nothing"]}),
        *({"tensorboard": 1}, {"rater": "nobody"}, {"env_kwargs": []}, {"unknown": 1}),
        {"reward": "model"},
    ],
)
def test_flags_of_a_checkpoint_are_checked_as_those_of_the_command_line(tmp_path, change):
    checkpoint(tmp_path, {"args": args_state(RunArgs()) | change})
    with pytest.raises(ValueError, match=r"`resume` must (hold what was saved there|be a run of)"):
        begin(RunArgs(resume=tmp_path))


@pytest.mark.parametrize("state", [{}, {"args": 3}, {"args": {}}])
def test_a_checkpoint_without_flags_is_refused(tmp_path, state):
    checkpoint(tmp_path, state)
    with pytest.raises(ValueError, match=r"`resume` must (hold what was saved there|be a run of)"):
        begin(RunArgs(resume=tmp_path))


def checkpoint(folder, state):
    """Write a run of the flags' defaults, with another state in its checkpoint."""
    RunWriter(folder, asdict(RunArgs()), script="ppo", tensorboard=False).close()
    save_state(folder / "checkpoint", state)


def begin(args):
    with begin_run(args, "ppo") as start:
        return start
