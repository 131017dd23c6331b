"""How a learned reward agrees with the true one, step by step and at the top."""

import numpy as np
import pytest

from gym_rated.metrics import advantage_correlation, best_third_slope, step_correlation

RNG = np.random.default_rng(0)
OBS = RNG.normal(size=(600, 3))
EPISODES = np.arange(600) // 60
ACTED = RNG.normal(size=600)  # what no state tells


def advantage(learned: np.ndarray, true: np.ndarray, **options: float) -> float:
    return advantage_correlation(learned, true, OBS, EPISODES, **options)


def test_a_reward_agrees_with_itself_and_with_its_multiples() -> None:
    assert advantage(ACTED, ACTED) == pytest.approx(1)
    assert advantage(3 * ACTED + 2, ACTED) == pytest.approx(1)
    assert advantage(-ACTED, ACTED) == pytest.approx(-1)
    assert abs(advantage(RNG.normal(size=600), ACTED)) < 0.3


def test_steps_are_correlated_as_they_stand() -> None:
    # by hand: deviations -1, 0, 1 and -2, 1, 1; 3 / sqrt(2 * 6)
    assert step_correlation([1, 2, 3], [0, 3, 3]) == pytest.approx(3 / np.sqrt(12))
    assert step_correlation([1e300, 2e300, 3e300], [0, 3e-200, 3e-200]) == pytest.approx(
        3 / np.sqrt(12)
    )
    with pytest.raises(ValueError, match="same shape"):
        step_correlation([1, 2], [1, 2, 3])


@pytest.mark.parametrize("other", [[1.0, 1.0, 1.0], [0.1 + 0.2, 0.3, 0.3], [1, np.nan, 2], []])
def test_steps_of_a_constant_reward_say_nothing(other: list[float]) -> None:
    steps = np.arange(len(other))
    assert np.isnan(step_correlation(steps, other))
    assert np.isnan(step_correlation(other, steps))


def test_what_the_state_is_worth_does_not_count() -> None:
    # with a horizon of one step the sums are the rewards, and the state's part is taken out whole
    of_state = 50 * (OBS[:, 0] * OBS[:, 1] - OBS[:, 2] ** 2 + OBS[:, 1])
    inside = np.abs((OBS - OBS.mean(0)) / OBS.std(0)).max() < 5
    assert inside
    assert np.corrcoef(ACTED + of_state, ACTED)[0, 1] < 0.1
    assert advantage(ACTED + of_state, ACTED, horizon=1) == pytest.approx(1)


def test_sums_are_discounted_and_end_with_their_episode() -> None:
    # by hand: what is left of sums of two rewards, 1 and 0.5, of steps 0..58 of each episode
    starts = np.flatnonzero(np.arange(600) % 60 < 59)
    other = ACTED + RNG.normal(size=600)
    unit = (OBS[starts] - OBS[starts].mean(0)) / OBS[starts].std(0)
    terms = [np.ones(len(unit)), *unit.T]
    terms += [unit[:, i] * unit[:, j] for i in range(3) for j in range(i, 3)]
    left = []
    for rewards in (other, ACTED):
        total = rewards[starts] + 0.5 * rewards[starts + 1]
        found = np.linalg.lstsq(np.array(terms).T, total, rcond=None)[0]
        left.append(total - np.array(terms).T @ found)
    expected = np.corrcoef(*left)[0, 1]
    assert advantage(other, ACTED, horizon=2, discount=0.5) == pytest.approx(expected)


def test_coordinates_that_others_make_up_do_no_harm() -> None:
    one_hot = np.eye(4)[RNG.integers(4, size=600)]
    for obs in (np.column_stack([OBS, OBS[:, 0], np.ones(600)]), one_hot):
        unit = (obs - obs.mean(0)) / np.where(obs.std(0) > 0, obs.std(0), 1)
        i, j = np.triu_indices(unit.shape[1])
        terms = np.column_stack([np.ones(600), unit, unit[:, i] * unit[:, j]])
        other = ACTED + RNG.normal(size=600)
        left = [x - terms @ np.linalg.lstsq(terms, x, rcond=None)[0] for x in (other, ACTED)]
        found = advantage_correlation(other, ACTED, obs, EPISODES, horizon=1)
        assert found == pytest.approx(np.corrcoef(*left)[0, 1])


def test_a_reward_that_only_the_state_decides_leaves_nothing() -> None:
    of_state = (OBS[:, 0] * OBS[:, 1] - 3 * OBS[:, 2]).astype(np.float32)
    assert np.isnan(advantage(of_state, ACTED, horizon=1))
    assert not np.isnan(advantage(of_state + 1e-3 * ACTED, ACTED, horizon=1))


def test_every_so_many_steps_say_the_same_of_the_steps_they_are_of() -> None:
    other = ACTED + RNG.normal(size=600)
    found = advantage(other, ACTED, horizon=1, every=3)
    kept = slice(None, None, 3)
    alone = advantage_correlation(other[kept], ACTED[kept], OBS[kept], EPISODES[kept], horizon=1)
    assert found == pytest.approx(alone)
    assert found != pytest.approx(advantage(other, ACTED, horizon=1))
    # 10 terms want 20 steps
    assert np.isnan(advantage(other, ACTED, horizon=1, every=600 // 20 + 2))
    assert not np.isnan(advantage(other, ACTED, horizon=1, every=600 // 20))


def test_where_nothing_can_be_said_it_is_nan() -> None:
    assert np.isnan(advantage(ACTED, np.ones(600)))
    assert np.isnan(advantage(np.where(np.arange(600) == 3, np.nan, ACTED), ACTED))
    assert np.isnan(advantage_correlation(ACTED[:30], ACTED[:30], OBS[:30], EPISODES[:30]))
    assert np.isnan(advantage(ACTED, ACTED, horizon=61))


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`obs` must have shape \(600, D\), got \(599, 3\)"):
        advantage_correlation(ACTED, ACTED, OBS[:-1], EPISODES)
    with pytest.raises(ValueError, match="`horizon` must"):
        advantage(ACTED, ACTED, horizon=0)


def test_the_slope_of_the_best_third_is_over_that_of_all() -> None:
    true = np.arange(9.0)
    assert best_third_slope(2 * true + 1, true) == pytest.approx(1)
    flat = np.minimum(true, 6)
    assert best_third_slope(flat, true) == pytest.approx(0)
    # twice as steep over 6, 7 and 8
    steep = true + np.array([0, 0, 0, 0, 0, 0, 0, 1, 2])
    whole = np.polyfit(true, steep, 1)[0]
    assert best_third_slope(steep, true) == pytest.approx(2 / whole)


def test_predictions_that_do_not_rise_have_no_slope_of_the_best() -> None:
    assert np.isnan(best_third_slope(-np.arange(9.0), np.arange(9.0)))
    assert np.isnan(best_third_slope(np.arange(9.0), np.ones(9)))
    assert np.isnan(best_third_slope([1.0, 2.0], [1.0, 2.0]))


def test_steps_of_two_episodes_are_never_summed() -> None:
    for episodes in (np.tile([0, 1], 300), np.repeat(np.tile([0, 1], 30), 10)):
        assert np.isnan(advantage_correlation(ACTED, ACTED, OBS, episodes, horizon=11))


def test_where_most_returns_tie_the_best_are_those_above() -> None:
    true = np.concatenate([np.zeros(80), np.arange(20.0)])
    assert best_third_slope(true, true) == pytest.approx(1)
    assert best_third_slope(np.minimum(true, 5), true) < 0.5
