from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import ScriptedEnv
from gymnasium.error import ResetNeeded

from gym_rated import SeededEpisodes
from gym_rated.environments.seeded import episode_seed


def pendulum(seed: int = 1, env_index: int = 0, limit: int = 20) -> SeededEpisodes:
    return SeededEpisodes(gym.make("Pendulum-v1", max_episode_steps=limit), seed, env_index)


def firsts(env: gym.Env, num_episodes: int = 4) -> list[list[float]]:
    return [env.reset()[0].tolist() for _ in range(num_episodes)]


def test_each_episode_is_found_again_by_its_number() -> None:
    assert firsts(pendulum()) == firsts(pendulum())
    expected = gym.make("Pendulum-v1").reset(seed=episode_seed(1, 0, 2))[0]
    assert firsts(pendulum())[2] == expected.tolist()


def test_runs_environments_and_episodes_all_differ() -> None:
    seen = [
        tuple(obs) for seed in (1, 2) for index in (0, 1) for obs in firsts(pendulum(seed, index))
    ]
    assert len(set(seen)) == 16


def test_a_seed_given_to_reset_starts_the_count_anew() -> None:
    env = pendulum(seed=7)
    expected = firsts(env)
    env.reset(seed=3)
    assert [env.reset(seed=7)[0].tolist(), *firsts(env, 3)] == expected
    env.reset(seed=3)
    assert env.reset()[0].tolist() == firsts(pendulum(seed=3))[1]


@pytest.mark.parametrize("num_steps", [0, 1, 13, 20])
def test_a_restored_episode_goes_on_bit_for_bit(num_steps: int) -> None:
    def step(env: gym.Env, number: int) -> Any:
        return env.step(np.sin([float(number)]) * 2)

    env = pendulum()
    env.reset()
    env.reset()
    for number in range(num_steps):
        env_obs = step(env, number)[0]
    state = env.state_dict()
    again = pendulum(seed=99, env_index=0)  # the state knows the seed
    again.load_state_dict(state)
    obs, _ = again.reset()
    if num_steps:
        np.testing.assert_array_equal(obs, env_obs)
    for number in range(num_steps, 20):
        np.testing.assert_equal(step(again, number), step(env, number))
    np.testing.assert_equal(again.reset(), env.reset())
    assert again.state_dict()["episode"] == env.state_dict()["episode"] == 2


def test_a_restored_episode_that_was_over_resets_in_its_next_step() -> None:
    # as next-step autoreset would have: SyncVectorEnv does not know that it was over
    env = pendulum()
    env.reset()
    for _ in range(20):
        result = env.step([0.5])
    assert result[3]
    again = pendulum()
    again.load_state_dict(env.state_dict())
    again.reset()
    obs, reward, terminated, truncated, info = again.step([0.1])
    np.testing.assert_equal((obs, info), env.reset())
    assert (reward, terminated, truncated) == (0.0, False, False)
    np.testing.assert_equal(again.step([0.2]), env.step([0.2]))


def test_a_state_is_a_snapshot() -> None:
    env = pendulum()
    env.reset()
    action = np.array([0.5], np.float32)
    obs = env.step(action)[0]
    state = env.state_dict()
    kept = obs.copy()
    action[:] = obs[:] = 9
    env.step(action)
    assert [a.tolist() for a in state["actions"]] == [[0.5]]
    np.testing.assert_array_equal(state["obs"], kept)


def test_an_environment_that_does_not_repeat_itself_is_refused() -> None:
    class Forgetful(ScriptedEnv):  # counts its episodes from the time it was made
        pass

    env = SeededEpisodes(Forgetful([(5, "terminated")]), seed=0)
    env.reset()
    env.reset()
    env.step(np.zeros(2))
    again = SeededEpisodes(Forgetful([(5, "terminated")]), seed=0)
    again.load_state_dict(env.state_dict())
    with pytest.raises(RuntimeError, match=r"did not repeat .* happen: --clips capture"):
        again.reset()


def test_reset_options_are_part_of_the_episode() -> None:
    env, again = (SeededEpisodes(gym.make("CartPole-v1"), seed=1) for _ in range(2))
    env.reset(options={"low": -0.2, "high": 0.2})
    obs = env.step(1)[0]
    again.load_state_dict(env.state_dict())
    np.testing.assert_array_equal(again.reset()[0], obs)


def test_a_state_before_any_reset_is_refused() -> None:
    with pytest.raises(ResetNeeded, match="`reset` must be called before `state_dict`"):
        pendulum().state_dict()


def test_bipedal_walkers_repeat_their_episodes_whatever_came_before() -> None:
    pytest.importorskip("Box2D")

    def play(env: SeededEpisodes, seed: int) -> list[Any]:
        rng = np.random.default_rng(seed)
        seen = [env.reset(seed=seed)[0]]
        seen += [env.step(rng.uniform(-1, 1, 4).astype(np.float32))[0] for _ in range(60)]
        return seen

    env = SeededEpisodes(gym.make("BipedalWalker-v3"), 0)
    for seed in (9, 3, 7, 7, 2):  # 7 and 2 did not, with the world of those before
        fresh = SeededEpisodes(gym.make("BipedalWalker-v3"), 0)
        np.testing.assert_array_equal(play(env, seed), play(fresh, seed))


def test_an_environment_that_fails_in_its_reset_is_named_beside_its_error() -> None:
    class Broken(gym.Env):  # type: ignore[type-arg]
        def reset(self, *, seed=None, options=None):  # type: ignore[no-untyped-def]
            return 1 // 0

    with pytest.raises(ZeroDivisionError) as failed:
        SeededEpisodes(Broken(), seed=1).reset()
    assert failed.value.__notes__[0].startswith("in the reset of <Broken")
    assert ", episode 0, seed " in failed.value.__notes__[0]
