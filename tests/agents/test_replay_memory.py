"""The memory of an off-policy agent: raw transitions, paid by the reward of the moment."""

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from gym_rated import RewardEnsemble, SyntheticRater
from gym_rated.agents.replay_memory import ReplayMemory
from gym_rated.segments.encoding import ActionEncoder, ObservationEncoder
from gym_rated.vector import LearnedRewardWrapper, RatingFeedbackWrapper


def numbered(memory: ReplayMemory, first: int, last: int, **more: object) -> None:
    """Add transitions i: obs i, action -i, next obs i + 1."""
    i = np.arange(first, last, dtype=np.float32)[:, None]
    memory.add(i, -i, i + 1, np.zeros(len(i), np.bool_), **more)


def sampled(memory: ReplayMemory, num: int = 200, seed: int = 0) -> set[float]:
    return set(memory.sample(num, np.random.default_rng(seed)).obs[:, 0].tolist())


def test_transition_comes_back_as_it_was_added(tmp_path: Path) -> None:
    memory = ReplayMemory(10, 2, 1, tmp_path)
    memory.add([[1, 2]], [[0.5]], [[3, 4]], [True], [-7.0])
    batch = memory.sample(3, np.random.default_rng(0))
    assert batch.obs.tolist() == [[1, 2]] * 3
    assert batch.actions.tolist() == [[0.5]] * 3
    assert batch.next_obs.tolist() == [[3, 4]] * 3
    assert batch.terminated.tolist() == [1] * 3
    assert batch.rewards.tolist() == [-7] * 3
    assert {part.dtype for part in batch} == {np.dtype(np.float32)}


def test_oldest_transitions_make_room(tmp_path: Path) -> None:
    memory = ReplayMemory(5, 1, 1, tmp_path, lambda obs, actions: obs[:, 0])
    numbered(memory, 0, 3)
    assert sampled(memory) == {0, 1, 2}
    numbered(memory, 3, 7)
    assert len(memory) == 5
    assert sampled(memory) == {2, 3, 4, 5, 6}


def test_rewards_follow_the_reward_function(tmp_path: Path) -> None:
    factor = [1.0]
    memory = ReplayMemory(9, 1, 1, tmp_path, lambda obs, actions: factor[0] * actions[:, 0])
    numbered(memory, 3, 4)
    rng = np.random.default_rng(0)
    assert memory.sample(1, rng).rewards.tolist() == [-3]
    factor[0] = 10.0
    assert memory.sample(1, rng).rewards.tolist() == [-30]


@pytest.mark.parametrize("num_envs", [1, 3])
def test_sampled_reward_is_what_the_wrapper_pays_now(tmp_path: Path, num_envs: int) -> None:
    envs = gym.make_vec("Pendulum-v1", num_envs=num_envs, vectorization_mode="sync")
    model = RewardEnsemble.for_spaces(envs.single_observation_space, envs.single_action_space)
    model.set_scale(0.5)
    envs = LearnedRewardWrapper(envs, model.predict)
    encode_obs = ObservationEncoder(envs.single_observation_space, None, num_envs)
    encode_actions = ActionEncoder(envs.single_action_space, num_envs)
    memory = ReplayMemory(100, encode_obs.dim, encode_actions.dim, tmp_path, model.predict)
    rng = np.random.default_rng(0)
    chosen = rng.uniform(-4, 4, (20, num_envs, 1)).astype(np.float32)  # the bounds are -2 and 2

    def play() -> tuple[list[np.ndarray], list[np.ndarray]]:
        seen, paid = [encode_obs(envs.reset(seed=1)[0]).copy()], []
        for actions in chosen:
            obs, rewards, terminated, _, _ = envs.step(actions)
            seen.append(encode_obs(obs).copy())
            paid.append(rewards)
            memory.add(seen[-2], encode_actions(actions), seen[-1], terminated)
        return seen, paid

    seen, paid_before = play()
    model.load_state_dict(RewardEnsemble(3, 1, seed=9).state_dict())  # a fit changes the reward
    model.set_scale(2.0)
    _, paid = play()  # the same episode, and so the same transitions once more
    assert np.abs(np.subtract(paid, paid_before)).min() > 1e-3
    now = {tuple(o): r for t in range(20) for o, r in zip(seen[t], paid[t], strict=True)}
    batch = memory.sample(64, rng)
    expected = [now[tuple(o)] for o in batch.obs]
    np.testing.assert_allclose(batch.rewards, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("num_envs", [1, 3])
def test_sampled_rows_are_the_very_ones_that_the_wrapper_predicts_on(
    tmp_path: Path, num_envs: int
) -> None:
    asked: set[tuple[bytes, bytes]] = set()

    def reward_fn(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
        asked.update((o.tobytes(), a.tobytes()) for o, a in zip(obs, actions, strict=True))
        return obs[:, 2] + 3 * actions[:, 0]  # a sum of its own for each row, in float32

    envs = gym.make_vec("Pendulum-v1", num_envs=num_envs, vectorization_mode="sync")
    envs = LearnedRewardWrapper(RatingFeedbackWrapper(envs, SyntheticRater(3)), reward_fn)
    encode_obs = ObservationEncoder(envs.single_observation_space, None, num_envs)
    encode_actions = ActionEncoder(envs.single_action_space, num_envs)
    memory = ReplayMemory(100, encode_obs.dim, encode_actions.dim, tmp_path, reward_fn)
    obs, paid = encode_obs(envs.reset(seed=1)[0]).copy(), {}
    rng = np.random.default_rng(0)
    for _ in range(20):
        actions = rng.uniform(-4, 4, (num_envs, 1)).astype(np.float32)  # the bounds are -2 and 2
        seen, rewards, terminated, _, _ = envs.step(actions)
        paid |= {row.tobytes(): reward for row, reward in zip(obs, rewards, strict=True)}
        next_obs = encode_obs(seen).copy()
        memory.add(obs, encode_actions(actions), next_obs, terminated)
        obs = next_obs
    by_the_wrapper = set(asked)
    assert len(by_the_wrapper) == 20 * num_envs
    batch = memory.sample(64, rng)
    assert asked == by_the_wrapper
    assert batch.rewards.tolist() == [paid[row.tobytes()] for row in batch.obs]


def test_bonus_is_asked_for_a_score_without_remembering(tmp_path: Path) -> None:
    class Bonus:
        def __call__(self, obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
            raise AssertionError("a sampled state was remembered")

        def score(self, obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
            return 2 * obs[:, 0]

    memory = ReplayMemory(9, 1, 1, tmp_path, Bonus())
    numbered(memory, 4, 5)
    assert memory.sample(1, np.random.default_rng(0)).rewards.tolist() == [8]


@pytest.mark.parametrize("num_added", [3, 5, 8, 23])
def test_restored_memory_samples_the_same(tmp_path: Path, num_added: int) -> None:
    memories = [ReplayMemory(5, 1, 1, tmp_path, lambda obs, actions: obs[:, 0]) for _ in range(2)]
    for start in range(0, num_added, 2):
        numbered(memories[0], start, min(start + 2, num_added))
    memories[1].load_state_dict(memories[0].state_dict())
    for memory in memories:
        numbered(memory, num_added, num_added + 2)
    batches = [memory.sample(50, np.random.default_rng(3)) for memory in memories]
    for one, other in zip(*batches, strict=True):
        assert one.tolist() == other.tolist()


def test_stored_rewards_are_restored(tmp_path: Path) -> None:
    memories = [ReplayMemory(5, 1, 1, tmp_path) for _ in range(2)]
    numbered(memories[0], 0, 1, rewards=[0.25])
    memories[1].load_state_dict(memories[0].state_dict())
    assert memories[1].sample(1, np.random.default_rng(0)).rewards.tolist() == [0.25]


def test_rewards_are_stored_or_computed_and_never_both(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`rewards` must be given without `reward_fn`.*got none"):
        numbered(ReplayMemory(5, 1, 1, tmp_path), 0, 1)
    memory = ReplayMemory(5, 1, 1, tmp_path, lambda obs, actions: obs[:, 0])
    with pytest.raises(ValueError, match=r"`rewards` must be given without `reward_fn`.*got some"):
        numbered(memory, 0, 1, rewards=[1.0])
    assert len(memory) == 0


def test_empty_memory_cannot_be_sampled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one transition, got an empty memory"):
        ReplayMemory(5, 1, 1, tmp_path).sample(1, np.random.default_rng(0))


@pytest.mark.parametrize("name", ["obs", "actions", "next_obs", "rewards"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_transition_that_is_not_finite_is_not_added(
    name: str, value: float, tmp_path: Path
) -> None:
    memory = ReplayMemory(5, 2, 1, tmp_path)
    good = {"obs": [[1.0, 2.0]] * 2, "actions": [[0.5]] * 2, "next_obs": [[3.0, 4.0]] * 2}
    columns = {name: np.array(values) for name, values in good.items()}
    columns["rewards"] = np.array([1.0, 2.0])
    columns[name][1] = value  # 1e39 is a number, but none in float32
    with pytest.raises(ValueError, match=rf"`{name}` must be finite in float32.*in transition 1"):
        memory.add(terminated=[False, False], **columns)
    assert len(memory) == 0


def test_reward_that_is_no_number_in_float32_is_not_sampled(tmp_path: Path) -> None:
    memory = ReplayMemory(5, 1, 1, tmp_path, lambda obs, actions: np.full(len(obs), 1e39))
    numbered(memory, 0, 3)
    with pytest.raises(ValueError, match=r"`reward_fn` must .* finite as float32, got 1e\+39"):
        sampled(memory)
