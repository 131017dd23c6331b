"""What the true reward is cannot matter to an agent whose rater does not look at it.

Each run is made twice, with the true reward and with noise or NaN in its place, and compared to the
last bit: ratings on disk, learned rewards, the agent's weights, the reward model's weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from envs import MODES, RewardFreeEnv, ScriptedEnv, rate_by_obs, step_vector, true_reward
from gymnasium.vector import SyncVectorEnv

from gym_rated import (
    CallableRater,
    MultitaskLoss,
    RewardEnsemble,
    RewardLearner,
    Segment,
    SyntheticRater,
    vector,
)

pytestmark = pytest.mark.filterwarnings("ignore:round", "ignore:a query for")
SCRIPTS = [[(7, "terminated"), (9, "truncated")], [(5, "both"), (12, "terminated")]]


class NoisyEnv(ScriptedEnv):
    """The same episodes with a reward of noise, and an info that shouts it."""

    def step(self, action: Any) -> Any:
        obs, _, terminated, truncated, _ = super().step(action)
        noise = np.random.default_rng([len(self.log), self.env_index]).normal()
        self.log[-1] = self.log[-1]._replace(reward=noise)
        return obs, noise, terminated, truncated, {"reward_forward": noise, "secret": noise}


class TruthfulRater(SyntheticRater):
    """Judges by the true reward from a record, whatever the environment says."""

    def submit(self, segments: Sequence[Segment]) -> None:
        super().submit([replace(s, true_rewards=from_record(s)) for s in segments])


def from_record(segment: Segment) -> np.ndarray:
    origin = segment.origin
    steps = range(origin.first_step, origin.first_step + len(segment))
    return np.array([true_reward(origin.env_index, origin.episode, n) for n in steps])


@dataclass
class Outcome:
    """Everything that could depend on the reward, as bytes."""

    ratings: bytes = b""
    steps: list[bytes] = field(default_factory=list)
    policy: bytes = b""
    model: dict[str, bytes] = field(default_factory=dict)


class LinearModel:
    """A reward model of a kind: a least-squares fit of the ratings, linear in obs and action."""

    def __init__(self) -> None:
        self.weights = np.zeros(5)

    def fit(self, ratings: Any) -> None:
        batch = ratings.batch()
        inputs = np.concatenate([batch.obs.sum(1), batch.actions.sum(1)], axis=1)
        self.weights = np.linalg.lstsq(inputs, batch.ratings, rcond=None)[0]

    def predict(self, obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return np.concatenate([obs, actions], axis=1) @ self.weights


def train(
    kind: Any,
    rater: Any,
    mode: Any,
    path: Path,
    learner: Any = None,
    judged: list[Any] | None = None,
) -> Outcome:
    """Train a linear policy by its learned reward for 150 vector steps.

    With `judged`, a list, the reward is compared with the true one after each fit, into the list.
    """
    outcome = Outcome()
    model = LinearModel() if learner is None else learner.model
    thunks = [lambda i=i: kind(SCRIPTS[i], i) for i in range(2)]

    def fit(ratings: Any) -> None:
        (model if learner is None else learner).fit(ratings)
        if judged is not None:
            judged.append(envs.env.judge(model.predict))

    envs: Any = vector.RatingFeedbackWrapper(
        SyncVectorEnv(thunks, autoreset_mode=mode),
        rater,
        segment_length=3,
        schedule={20: 6, 80: 6, 150: 4},
        on_ratings=fit,
    )
    envs = vector.LearnedRewardWrapper(envs, model.predict)
    policy, rng = np.zeros((3, 2)), np.random.default_rng(0)
    obs, _ = envs.reset(seed=0)
    for _ in range(150):
        actions = np.tanh(obs @ policy + rng.normal(size=(2, 2)))
        result = step_vector(envs, actions)
        policy += 1e-3 * (result[1][:, None, None] * obs[:, :, None] * actions[:, None]).sum(0)
        obs = result[0]
        outcome.steps.append(repr(result).encode())
        outcome.steps += [np.asarray(x).tobytes() for x in result[:4]]
    outcome.policy = policy.tobytes()
    envs.env.ratings.save(path / f"{kind.__name__}.npz")
    outcome.ratings = (path / f"{kind.__name__}.npz").read_bytes()
    if learner is not None:
        outcome.model = {k: v.numpy().tobytes() for k, v in model.state_dict().items()}
    assert len(envs.env.ratings) == 16
    assert np.abs(policy).max() > 0
    return outcome


@pytest.mark.parametrize("mode", MODES)
def test_a_reward_of_noise_changes_nothing(mode: Any, tmp_path: Path) -> None:
    true = train(ScriptedEnv, TruthfulRater(3), mode, tmp_path)
    noise = train(NoisyEnv, TruthfulRater(3), mode, tmp_path)
    assert noise == true


@pytest.mark.parametrize("mode", MODES)
def test_no_reward_at_all_changes_nothing(mode: Any, tmp_path: Path) -> None:
    true = train(ScriptedEnv, CallableRater(rate_by_obs, 3), mode, tmp_path)
    nan = train(RewardFreeEnv, CallableRater(rate_by_obs, 3), mode, tmp_path)
    assert nan == true


def make_learner() -> RewardLearner:
    model = RewardEnsemble(3, 2, num_members=2, hidden_sizes=(8,), seed=1)
    loss = MultitaskLoss(num_classes=3, num_members=2)
    return RewardLearner(model, loss, first_steps=20, later_steps=10, seed=2)


def test_a_fitted_reward_model_does_not_see_the_reward(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    true = train(ScriptedEnv, TruthfulRater(3), MODES[0], tmp_path, make_learner())
    noise = train(NoisyEnv, TruthfulRater(3), MODES[0], tmp_path, make_learner())
    assert noise == true
    assert true.model


@pytest.mark.parametrize("mode", MODES)
def test_a_reward_that_is_compared_with_the_true_one_changes_nothing(
    mode: Any, tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    of_true: list[Any] = []
    of_noise: list[Any] = []
    plain = train(ScriptedEnv, TruthfulRater(3), mode, tmp_path, make_learner())
    true = train(ScriptedEnv, TruthfulRater(3), mode, tmp_path, make_learner(), of_true)
    noise = train(NoisyEnv, TruthfulRater(3), mode, tmp_path, make_learner(), of_noise)
    assert plain == true == noise
    assert len(of_true) == len(of_noise) == 3
    for a, b in zip(of_true, of_noise, strict=True):
        assert np.isfinite([a.step, b.step]).all()
        assert a.step != b.step


def test_a_leak_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def leaky(self: Any, actions: Any, step: Any = vector.LearnedRewardWrapper.step) -> Any:
        obs, rewards, *rest = step(self, actions)
        leak = [env.log[-1].reward for env in self.unwrapped.envs]
        return obs, rewards + 1e-9 * np.array(leak), *rest

    monkeypatch.setattr(vector.LearnedRewardWrapper, "step", leaky)
    true = train(ScriptedEnv, TruthfulRater(3), MODES[0], tmp_path)
    noise = train(NoisyEnv, TruthfulRater(3), MODES[0], tmp_path)
    assert noise.steps != true.steps
    assert noise.policy != true.policy


def test_a_rater_that_looks_at_the_reward_is_noticed(tmp_path: Path) -> None:
    true = train(ScriptedEnv, SyntheticRater(3), MODES[0], tmp_path)
    noise = train(NoisyEnv, SyntheticRater(3), MODES[0], tmp_path)
    assert noise.ratings != true.ratings
    assert noise.policy != true.policy
