"""Rewards computed anew are of what was paid for, whatever the agent's layers make of it."""

from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater, ScriptedEnv, SpaceEnv, scripted_vector
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import (
    FlattenObservation,
    NormalizeReward,
    RescaleAction,
    RescaleObservation,
    TransformObservation,
    TransformReward,
)
from stable_baselines3 import DQN, PPO, SAC, TD3, HerReplayBuffer
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer, RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecEnvWrapper,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
    VecTransposeImage,
)

from gym_rated import vector, wrappers
from gym_rated.sb3 import FitCallback, SB3VecEnv, relabel


def reward_fn(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return obs @ np.arange(1.0, 1.0 + obs.shape[1]) + actions.sum(1)


def stored(space: gym.Space, obs: np.ndarray) -> ReplayBuffer:
    """A buffer of SB3 that holds these observations, and the action 0 after each."""
    buffer = ReplayBuffer(len(obs), space, gym.spaces.Discrete(2))
    for x in obs:
        buffer.add(x[None], x[None], np.zeros((1, 1)), np.zeros(1), np.zeros(1), [{}])
    return buffer


def paid_and_relabelled(bare: gym.Env, features: Any, store: Any) -> list[list[float]]:
    """Rewards of three steps, as the wrapper pays them and as they are computed anew."""
    feedback = wrappers.RatingFeedbackWrapper(
        bare, KeepingRater(), segment_length=2, features=features
    )
    env = wrappers.LearnedRewardWrapper(feedback, reward_fn)
    obs, paid = [env.reset(seed=0)[0]], []
    for _ in range(3):
        step = env.step(0)
        obs.append(step[0])
        paid.append(step[1])
    buffer = store(env.observation_space, obs[:3])
    assert relabel(buffer, reward_fn, env=env) == 3
    return [paid, buffer.rewards[:, 0].tolist()]


def channels_first(space: gym.Space, obs: Any) -> ReplayBuffer:
    return stored(VecTransposeImage.transpose_space(space), np.moveaxis(np.array(obs), -1, 1))


def as_it_is(space: gym.Space, obs: Any) -> ReplayBuffer:
    return stored(space, np.array(obs))


def flat(space: gym.Space, obs: Any) -> ReplayBuffer:
    flattened = [gym.spaces.flatten(space, x) for x in obs]
    return stored(gym.spaces.flatten_space(space), np.array(flattened))


def top_left(image: np.ndarray) -> np.ndarray:
    return image[:2, :3, 0].ravel() / 255


def joints(obs: Any) -> np.ndarray:
    return obs["joints"] * 2


DICT = gym.spaces.Dict(
    {"camera": gym.spaces.Box(0, 1, (2, 2)), "joints": gym.spaces.Box(0, 1, (3,))}
)
IMAGE = gym.spaces.Box(0, 255, (4, 5, 3), np.uint8)


@pytest.mark.parametrize(
    ("space", "features", "store"),
    [
        (IMAGE, top_left, channels_first),
        (IMAGE, top_left, as_it_is),
        (IMAGE, "pixels", channels_first),
        (DICT, joints, flat),
        (DICT, None, flat),
        (gym.spaces.Discrete(5), None, as_it_is),
    ],
)
def test_relabelling_takes_features_from_the_wrappers(space, features, store):
    paid, relabelled = paid_and_relabelled(SpaceEnv(space, gym.spaces.Discrete(2)), features, store)
    np.testing.assert_allclose(relabelled, paid, rtol=1e-6)
    assert len(set(paid)) > 1


def test_relabelling_finds_the_wrappers_in_environments_of_sb3():
    single = wrappers.RatingFeedbackWrapper(ScriptedEnv(), KeepingRater(), features=np.ravel)
    single = wrappers.LearnedRewardWrapper(single, reward_fn)
    envs = scripted_vector([[(3, "terminated")]] * 2, AutoresetMode.SAME_STEP)
    envs = vector.RatingFeedbackWrapper(envs, KeepingRater(), features=np.ravel)
    stack = SB3VecEnv(vector.LearnedRewardWrapper(envs, reward_fn))
    stack = VecNormalize(VecMonitor(stack))
    for env in (stack, VecNormalize(DummyVecEnv([lambda: single]))):
        buffer = ReplayBuffer(4, env.observation_space, env.action_space)
        obs, actions = np.array([[0, 4, 2]], np.float32), np.array([[1, 0]], np.float32)
        buffer.add(obs, obs, actions, np.zeros(1), np.zeros(1), [{}])
        relabel(buffer, reward_fn, env=env)
        assert buffer.rewards[0, 0] == 0 * 1 + 4 * 2 + 2 * 3 + (1 + 0)
        with pytest.raises(ValueError, match="`features` must be the same for all"):
            relabel(buffer, reward_fn, env=env, features=joints)
        relabel(buffer, reward_fn, env=env, features=np.ravel)


def test_relabelling_refuses_what_the_wrappers_cannot_have_seen():
    env = wrappers.RatingFeedbackWrapper(ScriptedEnv(), KeepingRater(), features=np.ravel)
    buffer = stored(gym.spaces.Box(0, 1, (6,)), np.zeros((2, 6), np.float32))
    with pytest.raises(ValueError, match=r"must store what the rating wrappers saw, .* \(6,\); ch"):
        relabel(buffer, reward_fn, env=env)


# -- with real agents --


class Rewards:
    """A reward function that remembers what it was asked, and changes with each fit."""

    ready = True

    def __init__(self) -> None:
        self.version = 1.0
        self.fits = 0
        self.asked: list[Any] = []
        self.model = self

    def __call__(self, obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
        self.asked += zip(obs.copy(), actions.copy(), strict=True)
        return self.score(obs, actions)

    def score(self, obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
        weights = np.random.default_rng(0).normal(size=obs.shape[1]) / 255
        return self.version * (obs @ weights + actions @ np.arange(1, 1 + actions.shape[1]))

    def fit(self, ratings: Any, progress: float) -> Any:
        self.version += 1
        self.fits += 1
        return self

    predict = score

    def with_truth(self, truth: Any) -> Any:
        return self

    def as_dict(self) -> dict[str, Any]:
        return {}


CAMERA = gym.spaces.Dict(
    {"camera": gym.spaces.Box(0, 255, (36, 37, 3), np.uint8), "joints": gym.spaces.Box(0, 1, (3,))}
)
PICTURE = gym.spaces.Box(0, 255, (6, 7, 3), np.uint8)
VECTOR = gym.spaces.Box(-1, 1, (3,))
PARTS = gym.spaces.Dict({"a": VECTOR, "b": gym.spaces.Discrete(4)})
BOX = gym.spaces.Box(np.float32([-2, 0]), np.float32([2, 5]))
SMALL = {"learning_starts": 30, "batch_size": 4, "train_freq": 16}


def all_of(obs: Any) -> np.ndarray:
    return np.concatenate([obs["camera"].ravel() / 255, obs["joints"]])


def plain(env: Any) -> Any:
    return env


def halved(env: gym.Env) -> gym.Env:
    return TransformObservation(env, lambda obs: obs / 2, env.observation_space)


def turned(env: gym.Env) -> gym.Env:
    space = VecTransposeImage.transpose_space(env.observation_space)
    return TransformObservation(env, lambda obs: np.moveaxis(obs, -1, 0), space)


def rescaled(env: gym.Env) -> gym.Env:
    return RescaleAction(env, np.float32(-3), np.float32(3))


class Late(gym.Wrapper):
    """The identity at a reset, and for a while."""

    steps = 0

    def step(self, action: Any) -> Any:
        obs, *rest = self.env.step(action)
        self.steps += 1
        return obs / 3 if self.steps > 20 else obs, *rest


class Doubling(VecEnvWrapper):
    def reset(self) -> Any:
        return self.venv.reset()

    def step_wait(self) -> Any:
        obs, rewards, dones, infos = self.venv.step_wait()
        return obs, rewards * 2, dones, infos


def single(space: gym.Space, actions: gym.Space, fn: Any, layer: Any, features: Any = None) -> Any:
    env = SpaceEnv(space, actions, length=7)
    env = wrappers.RatingFeedbackWrapper(
        env,
        KeepingRater(),
        segment_length=2,
        schedule={20: 4, 50: 4},
        features=features,
        capacity=500,
    )
    return layer(wrappers.LearnedRewardWrapper(env, fn))


def several(space: gym.Space, actions: gym.Space, fn: Any, num: int = 2) -> Any:
    thunks = [lambda: SpaceEnv(space, actions, length=7) for _ in range(num)]
    envs = gym.vector.SyncVectorEnv(thunks, autoreset_mode=AutoresetMode.SAME_STEP)
    envs = vector.RatingFeedbackWrapper(
        envs, KeepingRater(), segment_length=2, schedule={20: 4, 50: 4}
    )
    return SB3VecEnv(vector.LearnedRewardWrapper(envs, fn))


def pixels_of(space: gym.Space) -> Any:
    return lambda fn: single(space, gym.spaces.Discrete(3), fn, plain, "pixels")


def stacked(env: Any) -> Any:
    return VecFrameStack(DummyVecEnv([lambda: env]), 3)


BUILDS = {
    "vectors": (SAC, lambda fn: single(VECTOR, BOX, fn, plain)),
    "channels first": (DQN, pixels_of(PICTURE)),
    "turned by a wrapper": (
        DQN,
        lambda fn: single(PICTURE, gym.spaces.Discrete(3), fn, turned, "pixels"),
    ),
    "pixels and continuous actions": (TD3, lambda fn: single(PICTURE, BOX, fn, plain, "pixels")),
    "stacked pixels": (
        DQN,
        lambda fn: stacked(single(PICTURE, gym.spaces.Discrete(3), fn, plain, "pixels")),
    ),
    "frames of vectors": (SAC, lambda fn: stacked(single(VECTOR, BOX, fn, plain))),
    "a Dict": (SAC, lambda fn: single(PARTS, BOX, fn, plain)),
    "a Dict with an image": (SAC, lambda fn: single(CAMERA, BOX, fn, plain, all_of)),
    "a normalised Dict": (
        SAC,
        lambda fn: VecNormalize(
            DummyVecEnv([lambda: single(PARTS, BOX, fn, plain)]), norm_obs_keys=["a"]
        ),
    ),
    "a flattened Dict": (SAC, lambda fn: single(PARTS, BOX, fn, FlattenObservation)),
    "normalised": (SAC, lambda fn: VecNormalize(VecMonitor(several(VECTOR, BOX, fn)))),
    "several": (SAC, lambda fn: several(VECTOR, BOX, fn)),
    "several pixels": (SAC, lambda fn: VecTransposeImage(several_pixels(fn))),
    "scaled observations": (SAC, lambda fn: single(VECTOR, BOX, fn, halved)),
    "observations in [0, 1]": (
        SAC,
        lambda fn: single(VECTOR, BOX, fn, lambda env: RescaleObservation(env, 0, 1)),
    ),
    "scaled later": (SAC, lambda fn: single(VECTOR, BOX, fn, Late)),
    "rescaled actions": (SAC, lambda fn: single(VECTOR, BOX, fn, rescaled)),
    "MultiBinary": (
        SAC,
        lambda fn: single(gym.spaces.MultiBinary(4), BOX, fn, plain),
    ),
}


def several_pixels(fn: Any) -> Any:
    thunks = [lambda: SpaceEnv(PICTURE, BOX, length=7) for _ in range(2)]
    envs = gym.vector.SyncVectorEnv(thunks, autoreset_mode=AutoresetMode.SAME_STEP)
    envs = vector.RatingFeedbackWrapper(
        envs, KeepingRater(), segment_length=2, schedule={20: 4, 50: 4}, features="pixels"
    )
    return SB3VecEnv(vector.LearnedRewardWrapper(envs, fn))


def feedback_of(env: Any) -> Any:
    while isinstance(env, VecEnvWrapper):
        env = env.venv
    env = env.gymnasium_envs if isinstance(env, SB3VecEnv) else getattr(env, "envs", [env])[0]
    while not hasattr(env, "_feedback"):
        env = env.env
    return env


def agent_on(kind: Any, env: Any, **options: Any) -> Any:
    space = env.observation_space
    policy = "MultiInputPolicy" if isinstance(space, gym.spaces.Dict) else "MlpPolicy"
    options = {"buffer_size": 64, "seed": 0, "policy_kwargs": {"net_arch": [4]}, **SMALL, **options}
    return kind(policy, env, **options)


def assert_all_are_of_the_newest_fit(agent: Any, fn: Rewards) -> None:
    """Each stored reward is of what it was paid for, by the reward function as it is now."""
    buffer = agent.replay_buffer
    stored = np.roll(buffer.rewards, -buffer.pos if buffer.full else 0, 0)[: buffer.size()].ravel()
    obs, actions = (np.array(x) for x in zip(*fn.asked[-stored.size :], strict=True))
    np.testing.assert_allclose(stored, fn.score(obs, actions), rtol=1e-4, atol=1e-5)
    assert stored.std() > 0.01


@pytest.mark.parametrize("name", BUILDS)
def test_rewards_are_relabelled_on_what_was_paid_for(name):
    kind, build = BUILDS[name]
    fn = Rewards()
    env = build(fn)
    feedback = feedback_of(env)
    feedback.reset()
    options = {"action_noise": NormalActionNoise(np.zeros(2), np.ones(2))} if kind is TD3 else {}
    agent = agent_on(kind, env, **options)
    callback = FitCallback(feedback, fn)
    agent.learn(96, callback=callback)
    assert fn.fits == 2
    assert_all_are_of_the_newest_fit(agent, fn)
    agent.learn(48, callback=callback, reset_num_timesteps=False)
    fn.fit(None, 0)
    callback._paid.relabel(fn.score)
    assert_all_are_of_the_newest_fit(agent, fn)


@pytest.mark.parametrize("name", BUILDS)
def test_relabelling_by_hand_is_of_what_was_paid_for_or_refused(name):
    kind, build = BUILDS[name]
    fn = Rewards()
    agent = agent_on(kind, build(fn))
    agent.learn(80)
    before = agent.replay_buffer.rewards.copy()
    fn.fit(None, 0)
    refused = {
        "turned by a wrapper": "TransformObservation",
        "stacked pixels": "VecFrameStack",
        "frames of vectors": "VecFrameStack",
        "scaled observations": "TransformObservation",
        "observations in [0, 1]": "RescaleObservation",
        "scaled later": "Late",
        "rescaled actions": "RescaleAction",
    }
    if name in refused:
        with pytest.raises(ValueError, match=f"must store what .*, got {refused[name]}, which ch"):
            relabel(agent.replay_buffer, fn.score, env=agent.get_env())
        with pytest.raises(ValueError, match=f"got {refused[name]}.* from an empty replay buffer"):
            agent.learn(8, callback=FitCallback(feedback_of(agent.get_env()), fn))
        np.testing.assert_array_equal(agent.replay_buffer.rewards, before)
        return
    relabel(agent.replay_buffer, fn.score, env=agent.get_env())
    assert_all_are_of_the_newest_fit(agent, fn)
    fn.fit(None, 0)  # a new callback takes over what was stored without one
    agent.learn(32, callback=FitCallback(feedback_of(agent.get_env()), fn))
    assert_all_are_of_the_newest_fit(agent, fn)


def test_a_buffer_that_saves_memory_is_relabelled_too():
    fn = Rewards()
    env = single(VECTOR, BOX, fn, plain)
    options = {"handle_timeout_termination": False}
    agent = agent_on(SAC, env, optimize_memory_usage=True, replay_buffer_kwargs=options)
    agent.learn(96, callback=FitCallback(feedback_of(env), fn))
    assert fn.fits == 2
    assert_all_are_of_the_newest_fit(agent, fn)


class Watched(gym.Wrapper):
    """Of another author, and harmless; works around its own environment only."""

    def step(self, action: Any) -> Any:
        assert self.unwrapped.length
        return self.env.step(action)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (lambda env: TransformReward(env, lambda r: 2 * r), "TransformReward, which changes rew"),
        (NormalizeReward, "NormalizeReward, which changes rewards"),
        (lambda env: gym.wrappers.MaxAndSkipObservation(env), "MaxAndSkip.* changes .*steps"),
        (Watched, "Watched, of which it cannot be found out"),
        (lambda env: Doubling(DummyVecEnv([lambda: env])), "Doubling, which changes rewards"),
        (
            lambda env: VecNormalize(VecNormalize(DummyVecEnv([lambda: env]))),
            "VecNormalize, which changes rewards",
        ),
    ],
)
def test_what_changes_rewards_is_refused_before_training(layer, text):
    env = layer(single(VECTOR, BOX, Rewards(), plain))
    feedback = feedback_of(env)
    agent = agent_on(SAC, env)
    with pytest.raises(ValueError, match=f"`env` must hand rewards on .*, got {text}.*; put it"):
        agent.learn(8, callback=FitCallback(feedback, Rewards()))
    assert agent.replay_buffer.size() == 0


def test_an_agent_that_is_not_paid_by_a_learned_wrapper_is_refused_before_training():
    env = wrappers.RatingFeedbackWrapper(SpaceEnv(VECTOR, BOX), KeepingRater(), segment_length=2)
    agent = agent_on(SAC, env)
    with pytest.raises(ValueError, match=r"`env` must hold the wrapper that pays .* put Learned"):
        agent.learn(8, callback=FitCallback(env, Rewards()))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_environments_in_other_processes_are_refused_before_training():
    env = single(VECTOR, BOX, Rewards(), plain)
    elsewhere = SubprocVecEnv([partial(ScriptedEnv)], start_method="fork")
    try:
        agent = agent_on(SAC, elsewhere)
        with pytest.raises(ValueError, match=r"not into a SubprocVecEnv"):
            agent.learn(8, callback=FitCallback(env.env, Rewards()))
    finally:
        elsewhere.close()


def test_environments_that_are_paid_differently_are_refused():
    envs = [single(VECTOR, BOX, fn, plain) for fn in (Rewards(), Rewards())]
    agent = agent_on(SAC, DummyVecEnv([lambda: envs[0], lambda: envs[1]]))
    with pytest.raises(ValueError, match="with one reward function, got"):
        agent.learn(8, callback=FitCallback(envs[0].env, Rewards()))


def test_a_buffer_that_computes_rewards_itself_is_refused():
    space = gym.spaces.Dict(
        {"observation": VECTOR, "achieved_goal": VECTOR, "desired_goal": VECTOR}
    )
    env = single(space, BOX, Rewards(), plain)
    env.unwrapped.compute_reward = lambda *args: 0.0
    agent = agent_on(SAC, env, replay_buffer_class=HerReplayBuffer)
    for refused in (
        lambda: agent.learn(8, callback=FitCallback(env.env, Rewards())),
        lambda: relabel(agent.replay_buffer, reward_fn, env=agent.get_env()),
    ):
        with pytest.raises(TypeError, match=r"`replay_buffer` must keep .*, got HerReplayBuffer"):
            refused()


def test_relabelling_without_the_environment_is_refused():
    for buffer in (
        stored(VECTOR, np.zeros((2, 3), np.float32)),
        DictReplayBuffer(4, PARTS, gym.spaces.Discrete(2)),
    ):
        with pytest.raises(ValueError, match=r"`env` must be the agent's environment, .* got None"):
            relabel(buffer, reward_fn, env=None)


def test_relabelling_refuses_a_buffer_of_another_kind_or_of_another_agent():
    actions = gym.spaces.Box(-1, 1, (2,))
    env = DummyVecEnv([lambda: single(VECTOR, actions, reward_fn, plain)])
    for other in (None, RolloutBuffer(4, VECTOR, actions)):
        with pytest.raises(TypeError, match="`replay_buffer` must be the ReplayBuffer of an off-"):
            relabel(other, reward_fn, env=env)
    with pytest.raises(TypeError, match="`reward_fn` must be callable"):
        relabel(ReplayBuffer(4, VECTOR, actions), 3, env=env)
    wider = gym.spaces.Box(-1, 7, (2,))
    for space, range_ in ((VECTOR, wider), (gym.spaces.Box(-9, 9, (3, 1)), actions)):
        with pytest.raises(ValueError, match="`env` must be the environment of the agent that"):
            relabel(ReplayBuffer(4, space, range_), reward_fn, env=env)


def test_a_rating_wrapper_vouches_only_for_what_is_stored_of_its_newest_step():
    env = single(VECTOR, gym.spaces.Discrete(2), reward_fn, plain)
    obs = [env.reset(seed=0)[0]]
    obs += [env.step(0)[0] for _ in range(3)]
    assert relabel(stored(VECTOR, np.array(obs[:3])), reward_fn, env=env) == 3
    assert relabel(stored(VECTOR, np.array(obs[:3])), reward_fn, env=env.env) == 3
    for other in (np.array(obs[:3]) / 2, np.array(obs[:2])):
        with pytest.raises(ValueError, match="newest step is not the newest that is stored"):
            relabel(stored(VECTOR, other), reward_fn, env=env)


def test_a_reward_that_changes_above_later_on_is_noticed_at_once():
    class Later(gym.Wrapper):
        begins = False

        def step(self, action: Any) -> Any:
            obs, reward, *rest = self.env.step(action)
            return obs, reward + self.begins, *rest

    env = Later(single(VECTOR, BOX, Rewards(), plain))
    agent = agent_on(SAC, env)
    callback = FitCallback(env.env.env, Rewards())
    agent.learn(8, callback=callback)

    class Begin(BaseCallback):
        def _on_step(self) -> bool:
            Later.begins = True
            return True

    with pytest.raises(RuntimeError, match="must store the rewards that LearnedRewardWrapper paid"):
        agent.learn(8, callback=[callback, Begin()], reset_num_timesteps=False)


def test_agents_without_a_replay_buffer_may_have_any_rewards():
    env = NormalizeReward(single(VECTOR, BOX, Rewards(), plain))
    agent = PPO("MlpPolicy", env, n_steps=8, batch_size=8, n_epochs=1, seed=0)
    agent.learn(8, callback=FitCallback(feedback_of(agent.get_env()), Rewards()))
