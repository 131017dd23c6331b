import gymnasium as gym
import numpy as np

from gym_rated.environments.quiet import WithoutInfo


def test_infos_are_empty_and_all_else_is_as_before() -> None:
    env_id = "MountainCarContinuous-v0"
    bare, quiet = gym.make(env_id), WithoutInfo(gym.make(env_id))
    np.testing.assert_array_equal(quiet.reset(seed=1)[0], bare.reset(seed=1)[0])
    action = np.float32([0.5])
    expected, found = bare.step(action), quiet.step(action)
    np.testing.assert_array_equal(found[0], expected[0])
    assert found[1:] == (*expected[1:4], {})


def test_a_vector_environment_has_no_infos_to_collect() -> None:
    make = {
        True: lambda: WithoutInfo(gym.make("FrozenLake-v1")),
        False: lambda: gym.make("FrozenLake-v1"),
    }
    for is_quiet, thunk in make.items():
        envs = gym.vector.SyncVectorEnv([thunk])
        envs.reset(seed=0)
        assert ("prob" in envs.step(np.array([1]))[4]) != is_quiet
        envs.close()
