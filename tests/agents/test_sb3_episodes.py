"""The episodes in a replay buffer of Stable-Baselines3, as files."""

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer

from gym_rated.recorded import EpisodeFiles
from gym_rated.sb3 import save_episodes

BOX = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
ARM = gym.spaces.Box(-2.0, 6.0, (1,), np.float32)


def fill(buffer, num_steps, length, make=lambda value: np.array(value)):
    """Add steps of episodes of two environments, numbered by time and environment."""
    for t in range(num_steps):
        obs = make([[t, 0.0], [t, 1.0]])
        actions = np.array([[-1.0], [0.5]])  # as SB3 scales -2 and 4
        done = np.array([t % length == length - 1] * 2)
        buffer.add(obs, obs, actions, np.zeros(2), done, [{}, {}])


def test_each_whole_episode_becomes_a_file(tmp_path):
    buffer = ReplayBuffer(100, BOX, ARM, n_envs=2)
    fill(buffer, 11, 4)  # two episodes of each, and three steps of another
    assert save_episodes(buffer, tmp_path / "episodes") == 4
    episodes = EpisodeFiles(tmp_path / "episodes")
    assert list(episodes) == ["0001", "0002", "0003", "0004"]
    assert episodes["0002"].observations.tolist() == [[t, 0.0] for t in range(4, 8)]
    assert episodes["0002"].actions.tolist() == [[-2.0]] * 4
    assert episodes["0004"].observations.tolist() == [[t, 1.0] for t in range(4, 8)]
    assert episodes["0004"].actions.tolist() == [[4.0]] * 4


def test_a_ring_that_lost_the_beginning_of_an_episode_leaves_that_out(tmp_path):
    buffer = ReplayBuffer(20, BOX, ARM, n_envs=2)  # ten steps of each
    fill(buffer, 14, 4)  # it holds the steps 4 to 13
    assert save_episodes(buffer, tmp_path) == 2
    assert EpisodeFiles(tmp_path)["0001"].observations[:, 0].tolist() == [8, 9, 10, 11]


def test_parts_of_dict_observations_are_kept(tmp_path):
    space = gym.spaces.Dict({"a": BOX, "b": BOX})
    buffer = DictReplayBuffer(100, space, gym.spaces.Discrete(3), n_envs=2)
    for t in range(3):
        obs = {"a": np.full((2, 2), t), "b": np.full((2, 2), -t)}
        buffer.add(obs, obs, np.array([[1], [2]]), np.zeros(2), np.array([t == 2] * 2), [{}, {}])
    assert save_episodes(buffer, tmp_path) == 2
    episode = EpisodeFiles(tmp_path)["0002"]
    assert episode.observations["b"][:, 0].tolist() == [0, -1, -2]
    assert episode.actions.tolist() == [2, 2, 2]


def test_what_is_no_buffer_or_not_new_is_refused(tmp_path):
    buffer = ReplayBuffer(100, BOX, ARM, n_envs=2)
    fill(buffer, 3, 4)
    with pytest.raises(ValueError, match="must hold a whole episode, got none"):
        save_episodes(buffer, tmp_path)
    with pytest.raises(TypeError, match="`replay_buffer` must be the ReplayBuffer"):
        save_episodes("buffer.pkl", tmp_path)
    fill(buffer, 1, 1)
    (tmp_path / "x.npz").touch()
    with pytest.raises(FileExistsError, match=r"`folder` must hold no \.npz files"):
        save_episodes(buffer, tmp_path)
