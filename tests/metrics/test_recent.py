"""How a reward agrees with the true one on what an agent did last, in one summary."""

from typing import Any

import numpy as np
import pytest

from gym_rated.metrics import Truth, agreement_with_truth, spearman, step_correlation

RNG = np.random.default_rng(0)
OBS = RNG.normal(size=(900, 3)).astype(np.float32)
ACTIONS = RNG.normal(size=(900, 1)).astype(np.float32)
EPISODES = np.arange(900) // 90
TRUE = np.float64(ACTIONS[:, 0] + OBS[:, 1])


def of_actions(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return actions.sum(1)


def judge(reward_fn: Any = of_actions, **changes: Any) -> Truth:
    steps = {"obs": OBS, "actions": ACTIONS, "true_rewards": TRUE, "episodes": EPISODES}
    options = {"segment_length": 10} | changes
    return agreement_with_truth(reward_fn, **steps | options)


def numbers(truth: Truth) -> list[float]:
    return [truth.step, truth.spearman, truth.advantage, truth.best_third_slope]


def test_the_true_reward_agrees_with_itself_whatever_its_scale() -> None:
    truth = judge(lambda obs, actions: 1e-3 * (obs[:, 1] + actions[:, 0]) - 5)
    assert truth.num_steps == 900
    assert numbers(truth) == pytest.approx([1, 1, 1, 1], abs=1e-3)
    huge = judge(
        lambda obs, actions: -1e30 * (obs[:, 1] + actions[:, 0]), true_rewards=1e200 * TRUE
    )
    assert numbers(huge)[:3] == pytest.approx([-1, -1, -1], abs=1e-3)
    assert np.isnan(huge.best_third_slope)  # it does not rise at all


def test_windows_are_of_one_episode_and_of_the_length_of_a_segment() -> None:
    # by hand: two episodes of three steps, so two windows of two steps in each
    learned, true = np.array([0, 1, 5, 9, 0, 2.0]), np.array([3, 0, 1, 0, 1, 8.0])
    windows = [0, 1, 3, 4]
    expected = spearman((learned[:-1] + learned[1:])[windows], (true[:-1] + true[1:])[windows])
    truth = agreement_with_truth(
        lambda obs, actions: obs[:, 0],
        *(learned[:, None], np.zeros((6, 1)), true, [7, 7, 7, 4, 4, 4]),
        segment_length=2,
    )
    assert truth.spearman == pytest.approx(expected)
    assert truth.step == pytest.approx(step_correlation(learned, true))
    assert np.isnan(truth.advantage)  # six steps are too few


def test_what_the_function_is_asked_at_once_does_not_matter() -> None:
    sizes = []

    def counted(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
        sizes.append(len(obs))
        return actions.sum(1)

    whole = step_correlation(ACTIONS[:, 0], TRUE)
    assert judge(counted).step == pytest.approx(whole)
    assert sum(sizes) == 900
    assert max(sizes) < 900


@pytest.mark.parametrize(
    "true_rewards",
    [np.ones(900), np.zeros(900), np.full(900, np.nan), np.where(np.arange(900) == 3, np.inf, 1)],
)
def test_without_a_true_reward_nothing_is_said_nor_predicted(true_rewards: np.ndarray) -> None:
    truth = judge(None, true_rewards=true_rewards)
    assert truth.num_steps == 900
    assert np.isnan(numbers(truth)).all()
    assert truth.as_dict() == {}


def test_sums_that_differ_by_rounding_are_not_ranked() -> None:
    truth = judge(true_rewards=np.where(np.arange(900) % 2, 0.1, 0.7))
    assert np.isnan(truth.spearman)
    assert np.isnan(truth.best_third_slope)
    assert np.isfinite(truth.step)


@pytest.mark.parametrize("value", [0.0, 3.5, np.nan, np.inf])
def test_a_learned_reward_that_says_nothing_gives_nan(value: float) -> None:
    truth = judge(lambda obs, actions: np.full(len(obs), value, np.float32))
    assert np.isnan(numbers(truth)).all()


def test_of_wide_observations_and_images_only_advantages_are_not_known() -> None:
    for obs in (RNG.normal(size=(900, 200)), np.zeros((900, 8, 8, 3), np.uint8)):
        truth = judge(obs=obs)
        assert np.isfinite([truth.step, truth.spearman, truth.best_third_slope]).all()
        assert np.isnan(truth.advantage)
        assert set(truth.as_dict()) == {"num_steps", "step", "spearman", "best_third_slope"}


@pytest.mark.parametrize("num", [0, 1, 2, 9])
def test_too_few_steps_say_less(num: int) -> None:
    few = {"obs": OBS[:num], "actions": ACTIONS[:num], "true_rewards": TRUE[:num]}
    truth = judge(**few, episodes=EPISODES[:num])
    assert truth.num_steps == num
    assert np.isfinite(truth.step) == (num > 1)
    assert np.isnan(numbers(truth)[1:]).all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="must be of the same steps, got 899, 900 and 900"):
        judge(obs=OBS[:-1])
    with pytest.raises(ValueError, match="same shape"):
        judge(episodes=EPISODES[:-1])
    with pytest.raises(ValueError, match=r"`reward_fn` must return shape \(256,\) for 256 steps"):
        judge(lambda obs, actions: actions)
