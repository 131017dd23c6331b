from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import MODES, KeepingRater, ScriptedEnv, SlowRater, scripted_vector, step_vector
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from gym_rated import LearnedRewardWrapper, RatingFeedbackWrapper, SyntheticRater
from gym_rated import vector as rated_vector

SCRIPTS = [
    [(3, "terminated"), (5, "truncated")],
    [(4, "truncated"), (1, "both"), (2, "terminated")],
    [(6, "terminated")],
]


def step_plus_action(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return 100 * obs[:, 1] + obs[:, 2] + 0.25 * actions[:, 0]


def assert_same(a: Any, b: Any) -> None:
    """Compare what reset or step returned, dtypes included."""
    np.testing.assert_equal(listed(a), listed(b))
    for x, y in zip(a[:-1], b[:-1], strict=True):
        assert x.dtype == y.dtype


def listed(value: Any) -> Any:
    """Turn arrays of objects (`final_obs`), which numpy cannot compare, into lists."""
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    if isinstance(value, tuple) or (isinstance(value, np.ndarray) and value.dtype.kind == "O"):
        return [listed(item) for item in value]
    return value


def wrapped_inside(mode: AutoresetMode, num_envs: int, **options: Any) -> tuple[Any, list[Any]]:
    """VectorEnv(Wrapper(...)): each sub-environment in the single wrappers."""
    raters = [KeepingRater() for _ in range(num_envs)]

    def thunk(i: int) -> Any:
        env = RatingFeedbackWrapper(ScriptedEnv(SCRIPTS[i], i), raters[i], segment_length=2)
        return LearnedRewardWrapper(env, step_plus_action, **options)

    thunks = [lambda i=i: thunk(i) for i in range(num_envs)]
    return SyncVectorEnv(thunks, autoreset_mode=mode), raters


def wrapped_outside(
    mode: AutoresetMode, num_envs: int, kind: Any = SyncVectorEnv, **options: Any
) -> tuple[Any, KeepingRater]:
    """VectorWrapper(VectorEnv(...)): one wrapper around all."""
    rater = KeepingRater()
    thunks = [lambda i=i: ScriptedEnv(SCRIPTS[i], i) for i in range(num_envs)]
    envs = kind(thunks, autoreset_mode=mode)
    envs = rated_vector.RatingFeedbackWrapper(envs, rater, segment_length=2)
    return rated_vector.LearnedRewardWrapper(envs, step_plus_action, **options), rater


@pytest.mark.parametrize("allow", [(), ("secret",)])
@pytest.mark.parametrize("num_envs", [1, 3])
@pytest.mark.parametrize("mode", MODES)
def test_wrapping_inside_equals_wrapping_outside(mode: Any, num_envs: int, allow: Any) -> None:
    def inside_thunk(i: int) -> Any:
        env = RatingFeedbackWrapper(
            ScriptedEnv(SCRIPTS[i], i), KeepingRater(), info_allow=allow, segment_length=2
        )
        return LearnedRewardWrapper(env, step_plus_action, info_allow=allow)

    inside = SyncVectorEnv(
        [lambda i=i: inside_thunk(i) for i in range(num_envs)], autoreset_mode=mode
    )
    bare = scripted_vector(SCRIPTS[:num_envs], mode)
    outside = rated_vector.RatingFeedbackWrapper(
        bare, KeepingRater(), info_allow=allow, segment_length=2
    )
    outside = rated_vector.LearnedRewardWrapper(outside, step_plus_action, info_allow=allow)
    assert_same(inside.reset(seed=1), outside.reset(seed=1))
    rng = np.random.default_rng(0)
    rewards = []
    for step in range(40):
        actions = rng.normal(size=(num_envs, 2)).astype(np.float32)
        result = inside.step(actions), outside.step(actions)
        assert_same(*result)
        rewards += result[0][1].tolist()
        done = result[0][2] | result[0][3]
        if mode == AutoresetMode.DISABLED and done.any():
            options = [{"reset_mask": done.copy()} for _ in range(2)]
            assert_same(inside.reset(options=options[0]), outside.reset(options=options[1]))
        if step == 20:
            assert_same(inside.reset(), outside.reset())
    assert len(set(rewards)) > 20


@pytest.mark.parametrize("mode", MODES)
def test_both_ways_find_the_same_segments(mode: AutoresetMode) -> None:
    inside, raters = wrapped_inside(mode, 3)
    outside, rater = wrapped_outside(mode, 3)
    rng = np.random.default_rng(0)
    for envs in (inside, outside):
        envs.reset(seed=1)
    for _ in range(12):
        actions = rng.normal(size=(3, 2)).astype(np.float32)
        step_vector(inside, actions)
        step_vector(outside, actions)
    for sub_env in inside.envs:
        sub_env.get_wrapper_attr("query")(100)
    outside.env.query(100)
    of_one = [s for r in raters for s in r.segments]
    # offsets within a stretch are drawn, so only what ends in a termination must agree
    spans = [
        {(s.obs.tobytes(), s.actions.tobytes(), s.true_rewards.tobytes()) for s in segments}
        for segments in (of_one, rater.segments)
    ]
    assert len(of_one) == len(rater.segments) > 10
    assert len(spans[0] & spans[1]) > 5


@pytest.mark.parametrize("mode", MODES)
def test_async_below_the_twin_equals_sync(mode: AutoresetMode) -> None:
    a, rater_a = wrapped_outside(mode, 2, AsyncVectorEnv)
    b, rater_b = wrapped_outside(mode, 2)
    try:
        assert_same(a.reset(seed=1), b.reset(seed=1))
        rng = np.random.default_rng(0)
        for _ in range(20):
            actions = rng.normal(size=(2, 2)).astype(np.float32)
            assert_same(step_vector(a, actions), step_vector(b, actions))
        assert a.env.query(100) == b.env.query(100) > 5
        for x, y in zip(rater_a.segments, rater_b.segments, strict=True):
            np.testing.assert_equal(x.__dict__, y.__dict__)
        assert a.get_attr("render_mode") == (None, None)
        with pytest.raises(AttributeError, match="`log` is sealed"):
            a.get_attr("log")
    finally:
        a.close()


def test_reset_steps_get_zero_and_are_not_predicted() -> None:
    asked: list[list[float]] = []

    def reward_fn(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
        assert len(obs) == len(actions) > 0
        asked.append(obs[:, 2].tolist())
        return np.full(len(obs), 7.0)

    bare = scripted_vector([[(2, "terminated")], [(3, "truncated")]])
    envs = rated_vector.LearnedRewardWrapper(bare, reward_fn)
    envs.reset()
    rewards = [envs.step(np.zeros((2, 2)))[1].tolist() for _ in range(4)]
    assert rewards == [[7, 7], [7, 7], [0, 7], [7, 0]]
    assert asked == [[0, 0], [1, 1], [2], [0]]


def test_a_step_that_only_resets_predicts_nothing() -> None:
    bare = scripted_vector([[(1, "terminated")]] * 2)
    envs = rated_vector.LearnedRewardWrapper(bare, step_plus_action)
    envs.reset()
    envs.step(np.ones((2, 2)))
    rewards = envs.step(np.ones((2, 2)))[1]
    assert rewards.tolist() == [0, 0]
    assert rewards.dtype == np.float64


def test_the_native_cartpole_keeps_its_dtype_and_its_reset_steps() -> None:
    envs = gym.make_vec("CartPole-v1", num_envs=4, vectorization_mode="vector_entry_point")
    rater = SlowRater()
    feedback = rated_vector.RatingFeedbackWrapper(envs, rater, segment_length=10)
    learned = rated_vector.LearnedRewardWrapper(feedback, lambda obs, actions: obs[:, 0] + 10)
    learned.reset(seed=0)
    learned.action_space.seed(0)
    were_done = np.zeros(4, bool)
    for _ in range(200):
        _, rewards, terminated, truncated, _ = learned.step(learned.action_space.sample())
        assert rewards.dtype == np.float32
        assert ((rewards == 0) == were_done).all()
        were_done = terminated | truncated
    assert feedback.query(1000) > 20
    for segment in rater.submitted:
        # CartPole pays 1 for each step, and 0 in a step that resets; its cart moves smoothly
        assert segment.true_rewards.tolist() == [1.0] * len(segment)
        positions, velocities = segment.obs[:, 0], segment.obs[:, 1]
        np.testing.assert_allclose(np.diff(positions), 0.02 * velocities[:-1], atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_a_masked_reset_keeps_the_other_episodes_whole(mode: AutoresetMode) -> None:
    bare = scripted_vector([[(50, "terminated")]] * 2, mode)
    rater = KeepingRater()
    envs = rated_vector.RatingFeedbackWrapper(bare, rater, segment_length=6)
    envs = rated_vector.LearnedRewardWrapper(envs, step_plus_action)
    envs.reset()
    options = {"reset_mask": np.array([True, False])}
    for step in range(6):
        if step == 3:
            envs.reset(options=options)
        rewards = envs.step(np.zeros((2, 2)))[1]
    assert rewards.tolist() == [102.0, 5.0]  # episode 1, step 2; episode 0, step 5
    assert set(options) == {"reset_mask"}  # SyncVectorEnv takes it out of what it gets
    with pytest.warns(UserWarning, match="round 0"):
        envs.env.query(10)
    assert [s.obs[:, :2].tolist() for s in rater.segments] == [[[1, 0]] * 6]


def test_a_vector_environment_that_names_no_mode_is_taken_for_next_step_with_a_warning() -> None:
    bare = scripted_vector([[(1, "terminated")]] * 2)
    del bare.metadata["autoreset_mode"]
    with pytest.warns(UserWarning, match="names no `autoreset_mode`.*next-step autoreset is assum"):
        envs = rated_vector.LearnedRewardWrapper(bare, lambda obs, actions: obs[:, 0] + 7)
    envs.reset()
    assert [envs.step(np.zeros((2, 2)))[1].tolist() for _ in range(3)] == [[7, 8], [0, 0], [7, 8]]


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_may_be_named_by_its_text(mode: AutoresetMode) -> None:
    bare = scripted_vector([[(1, "terminated")]], mode)
    bare.metadata["autoreset_mode"] = mode.value
    envs = rated_vector.LearnedRewardWrapper(bare, lambda obs, actions: obs[:, 0] + 7)
    envs.reset()
    rewards = []
    for _ in range(3):
        result = envs.step(np.zeros((1, 2)))
        rewards.append(result[1][0])
        if mode == AutoresetMode.DISABLED:
            envs.reset(options={"reset_mask": result[2]})
    assert rewards == ([7, 0, 7] if mode == AutoresetMode.NEXT_STEP else [7, 7, 7])


class ReusedBuffers(VectorEnv):
    """A vector environment that writes each observation into the same array."""

    def __init__(self) -> None:
        self.num_envs = 2
        self.metadata = {"autoreset_mode": AutoresetMode.DISABLED}
        self.single_observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
        self.single_action_space = gym.spaces.Discrete(2)
        self.obs = np.zeros((2, 1), np.float32)

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        self.obs[:] = 0
        return self.obs, {}

    def step(self, actions: Any) -> Any:
        self.obs += 1
        actions[:] = 0  # and into the actions it was given
        nowhere = np.zeros(2, bool)
        return self.obs, np.zeros(2, np.float32), nowhere, nowhere, {}


@pytest.mark.parametrize("kind", ["feedback", "learned"])
def test_a_first_reset_of_some_environments_is_not_enough(kind: str) -> None:
    bare = ReusedBuffers()
    if kind == "feedback":
        envs: Any = rated_vector.RatingFeedbackWrapper(bare, KeepingRater())
    else:
        envs = rated_vector.LearnedRewardWrapper(bare, lambda obs, actions: obs[:, 0])
    envs.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(gym.error.ResetNeeded):
        envs.step(np.ones(2, np.int64))
    envs.reset(options={"reset_mask": np.array([True, True])})
    envs.step(np.ones(2, np.int64))


def test_an_environment_may_reuse_its_arrays() -> None:
    rater = KeepingRater()
    envs = rated_vector.RatingFeedbackWrapper(ReusedBuffers(), rater, segment_length=3)
    envs = rated_vector.LearnedRewardWrapper(envs, lambda obs, actions: obs[:, 0] + actions[:, 1])
    envs.reset()
    rewards = [envs.step(np.ones(2, np.int64))[1].tolist() for _ in range(3)]
    assert rewards == [[1, 1], [2, 2], [3, 3]]
    assert envs.env.query(2) == 2
    for segment in rater.segments:
        assert segment.obs.tolist() == [[0], [1], [2]]
        assert segment.actions.tolist() == [[0, 1]] * 3


def test_a_vector_stack_replays_the_actions_of_one_environment() -> None:
    bare = scripted_vector(SCRIPTS)
    rater = SlowRater()
    envs = rated_vector.RatingFeedbackWrapper(bare, rater, segment_length=2, record_replay=True)
    envs.reset()
    rng = np.random.default_rng(0)
    for _ in range(30):
        envs.step(3 * rng.normal(size=(3, 2)))
    envs.query(100)
    assert len(rater.submitted) > 20
    for segment in rater.submitted:
        log = bare.envs[segment.origin.env_index].log
        upto = segment.origin.first_step + len(segment)
        steps = [s for s in log if s.episode == segment.origin.episode and s.number < upto]
        np.testing.assert_array_equal(envs.replay(segment), [s.action for s in steps])


def test_ratings_name_the_environment_however_it_was_made() -> None:
    by_id = gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync")
    by_functions = gym.vector.SyncVectorEnv([lambda: gym.make("CartPole-v1")] * 2)
    for envs in (by_id, gym.wrappers.vector.RecordEpisodeStatistics(by_functions)):
        assert (
            rated_vector.RatingFeedbackWrapper(envs, SyntheticRater(3)).ratings.env_id
            == "CartPole-v1"
        )
