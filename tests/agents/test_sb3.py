"""What SB3 sees of a rated vector environment: the steps of single ones, and no secrets."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater, ScriptedEnv, SpaceEnv, scripted_vector, true_reward
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from leaks import Secrets, Spy, names_below
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecMonitor,
    VecNormalize,
)

import gym_rated
from gym_rated import vector, wrappers
from gym_rated.exploration import KnnEntropy, UntilReady
from gym_rated.sb3 import FitCallback, SB3VecEnv, relabel
from gym_rated.segments.encoding import action_dim, obs_dim
from gym_rated.wrappers import hiding

HONOURED = (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)
SCRIPTS = [[(3, "terminated"), (4, "truncated")], [(2, "both"), (5, "truncated")]]
every_mode = pytest.mark.parametrize("mode", HONOURED)


def reward_fn(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return obs @ np.arange(1.0, 1.0 + obs.shape[1]) + actions.sum(1)


def rated(envs: Any, **options: Any) -> Any:
    envs = vector.RatingFeedbackWrapper(envs, KeepingRater(), segment_length=2, **options)
    return vector.LearnedRewardWrapper(envs, reward_fn, **options)


def rated_singly(env: gym.Env) -> gym.Env:
    env = wrappers.RatingFeedbackWrapper(env, KeepingRater(), segment_length=2)
    return wrappers.LearnedRewardWrapper(env, reward_fn)


def same_step(thunks: Any, **options: Any) -> SyncVectorEnv:
    return SyncVectorEnv(thunks, autoreset_mode=AutoresetMode.SAME_STEP, **options)


@every_mode
def test_steps_are_those_that_sb3_makes_of_single_environments(mode):
    adapter = SB3VecEnv(rated(scripted_vector(SCRIPTS, mode)))
    dummy = DummyVecEnv(
        [lambda i=i, s=s: rated_singly(ScriptedEnv(s, i)) for i, s in enumerate(SCRIPTS)]
    )
    assert (adapter.num_envs, adapter.observation_space) == (2, dummy.observation_space)
    np.testing.assert_array_equal(adapter.reset(), dummy.reset())
    rng = np.random.default_rng(0)
    endings = []
    for _ in range(30):
        actions = rng.uniform(-2, 2, (2, 2)).astype(np.float32)
        ours, theirs = adapter.step(actions), dummy.step(actions)
        for mine, other in zip(ours[:3], theirs[:3], strict=True):
            np.testing.assert_array_equal(mine, other)
            assert mine.dtype == other.dtype
        for mine, other in zip(ours[3], theirs[3], strict=True):
            assert mine.keys() == other.keys()
            assert mine["TimeLimit.truncated"] is other["TimeLimit.truncated"]
            if "terminal_observation" in other:
                endings.append(mine["TimeLimit.truncated"])
                np.testing.assert_array_equal(
                    mine["terminal_observation"], other["terminal_observation"]
                )
    assert (endings.count(True), endings.count(False)) == (8, 9)


class Counting:
    """Features that count how often they are asked for."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, obs: Any) -> Any:
        self.calls += 1
        return np.ravel(obs)[1:] * 0.5


@every_mode
def test_every_observation_is_encoded_once(mode):
    features = Counting()
    envs = vector.RatingFeedbackWrapper(
        scripted_vector([[(9, "terminated")], [(9, "both")]], mode),
        KeepingRater(),
        segment_length=2,
        features=features,
    )
    adapter = SB3VecEnv(vector.LearnedRewardWrapper(envs, reward_fn))
    made = features.calls
    adapter.reset()
    assert features.calls == made + 2
    for step in range(1, 6):
        adapter.step(np.zeros((2, 2), np.float32))
        assert features.calls == made + 2 + 2 * step


def test_learned_reward_of_a_step_is_that_of_the_observation_before_it():
    adapter = SB3VecEnv(rated(scripted_vector([[(2, "terminated")]], AutoresetMode.SAME_STEP)))
    adapter.reset()
    actions = np.array([[0.5, 0.25]], np.float32)
    # obs = (env 0, episode, step), weights 1, 2, 3; the second episode begins with (0, 1, 0)
    rewards = [adapter.step(actions)[1].item() for _ in range(3)]
    assert rewards == [0.75, 3.75, 2.75]


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, None])
@pytest.mark.filterwarnings("ignore:.*names no `autoreset_mode`")
def test_an_environment_that_resets_in_a_step_of_its_own_is_refused(mode):
    envs = scripted_vector(SCRIPTS)
    envs.metadata = {} if mode is None else {"autoreset_mode": mode}
    with pytest.raises(ValueError, match=r"SAME_STEP or DISABLED, got .*; make it with autoreset"):
        SB3VecEnv(rated(envs))


def test_a_single_environment_is_refused():
    with pytest.raises(TypeError, match=r"must be a gymnasium.vector.VectorEnv, got .*single"):
        SB3VecEnv(ScriptedEnv())


@every_mode
def test_an_allowed_info_of_the_last_step_stays_with_its_episode(mode):
    envs = scripted_vector([[(2, "terminated")]], mode)
    adapter = SB3VecEnv(rated(envs, info_allow={"secret"}))
    adapter.reset()
    assert adapter.reset_infos == [{"secret": true_reward(0, 0, -1)}]
    actions = np.zeros((1, 2), np.float32)
    infos = [adapter.step(actions)[3][0] for _ in range(2)]
    assert [info["secret"] for info in infos] == [true_reward(0, 0, 0), true_reward(0, 0, 1)]
    assert adapter.reset_infos == [{"secret": true_reward(0, 1, -1)}]


@every_mode
def test_dict_observations_are_handed_on_by_key(mode):
    space = gym.spaces.Dict({"a": gym.spaces.Box(0, 1, (2,)), "b": gym.spaces.Discrete(4)})
    action_space = gym.spaces.Discrete(2)
    thunks = [lambda: SpaceEnv(space, action_space, length=3) for _ in range(2)]
    envs = SyncVectorEnv(thunks, autoreset_mode=mode)
    adapter = SB3VecEnv(rated(envs))
    assert adapter.reset()["a"].shape == (2, 2)
    for _ in range(3):
        obs, _, dones, infos = adapter.step(np.zeros(2, np.int64))
    assert dones.all()
    for env, info, a in zip(envs.envs, infos, obs["a"], strict=True):
        last, first = env.observations[-2:]
        np.testing.assert_array_equal(info["terminal_observation"]["a"], last["a"])
        assert info["terminal_observation"]["b"] == last["b"]
        np.testing.assert_array_equal(a, first["a"])


@every_mode
def test_what_was_handed_out_does_not_change_with_the_next_step(mode):
    thunks = [lambda i=i: ScriptedEnv([(3, "terminated")], i) for i in range(2)]
    adapter = SB3VecEnv(rated(SyncVectorEnv(thunks, copy=False, autoreset_mode=mode)))
    kept = [adapter.reset()]
    dones = []
    for _ in range(4):
        obs, _, done, infos = adapter.step(np.zeros((2, 2), np.float32))
        kept.append(obs)
        dones.append(done)
        if done.any():
            last = infos[1]["terminal_observation"]
    assert [obs[1].tolist() for obs in kept] == [
        [1, 0, 0],
        [1, 0, 1],
        [1, 0, 2],
        [1, 1, 0],
        [1, 1, 1],
    ]
    assert last.tolist() == [1, 0, 3]
    assert [done.any() for done in dones] == [False, False, True, False]


def test_seeds_and_options_reach_every_environment_once():
    class Seeing(ScriptedEnv):
        seen: tuple[Any, Any]

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            self.seen = (seed, options)
            return super().reset(seed=seed, options=options)

    envs = scripted_vector(SCRIPTS, AutoresetMode.SAME_STEP, Seeing)
    adapter = SB3VecEnv(rated(envs))
    adapter.seed(7)
    adapter.set_options({"level": 3})
    adapter.reset()
    assert [env.seen for env in envs.envs] == [(7, {"level": 3}), (8, {"level": 3})]
    adapter.reset()
    assert [env.seen for env in envs.envs] == [(None, None), (None, None)]
    adapter.set_options([{"level": 3}, {"level": 4}])
    with pytest.raises(ValueError, match="`options` must be the same for all environments, got"):
        adapter.reset()


def test_attributes_follow_the_list_of_the_stack():
    envs = scripted_vector(SCRIPTS, AutoresetMode.SAME_STEP)
    adapter = SB3VecEnv(rated(envs, attr_allow={"step_number", "env_index", "_obs"}))
    adapter.reset()
    assert adapter.get_attr("env_index") == [0, 1]
    assert adapter.get_attr("env_index", indices=[1]) == [1]
    adapter.set_attr("step_number", 2, indices=1)
    assert adapter.get_attr("step_number") == [0, 2]
    adapter.set_attr("step_number", 1)
    assert [obs.tolist() for obs in adapter.env_method("_obs")] == [[0, 0, 1], [1, 0, 1]]
    with pytest.raises(ValueError, match=r"`indices` must be None or all of 2 .*, got \[0\]"):
        adapter.env_method("_obs", indices=0)
    for name in ("endings", "step", "reset"):
        with pytest.raises(AttributeError, match="is sealed by LearnedRewardWrapper"):
            adapter.env_method(name)
        assert not adapter.has_attr(name)
    with pytest.raises(AttributeError, match="`endings` is sealed"):
        adapter.set_attr("endings", [])


def test_a_stack_without_rating_wrappers_can_be_read():
    adapter = SB3VecEnv(scripted_vector(SCRIPTS, AutoresetMode.SAME_STEP))
    assert adapter.get_attr("env_index") == [0, 1]


def test_wrapped_says_which_vector_wrappers_there_are():
    adapter = SB3VecEnv(rated(scripted_vector(SCRIPTS, AutoresetMode.SAME_STEP)))
    assert adapter.env_is_wrapped(vector.LearnedRewardWrapper) == [True, True]
    assert adapter.env_is_wrapped(gym.wrappers.TimeLimit, indices=0) == [False]


def test_frames_of_all_environments_are_tiled():
    class Drawn(ScriptedEnv):
        metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
        render_mode = "rgb_array"

        def render(self) -> np.ndarray:
            return np.full((4, 6, 3), self.env_index, np.uint8)

    adapter = SB3VecEnv(rated(scripted_vector(SCRIPTS, AutoresetMode.SAME_STEP, Drawn)))
    assert [image.max() for image in adapter.get_images()] == [0, 1]
    assert adapter.render().shape in ((8, 6, 3), (4, 12, 3))


def leaks(mode: AutoresetMode, is_rated: bool = True) -> list[str]:
    """Run SB3's wrappers over a poisoned environment; returns where its numbers came out."""
    secrets = Secrets()
    thunks = [lambda i=i, s=s: Spy(ScriptedEnv(s, i), secrets) for i, s in enumerate(SCRIPTS)]
    envs = gym.wrappers.vector.RecordEpisodeStatistics(SyncVectorEnv(thunks, autoreset_mode=mode))
    names = names_below(envs) - {"close", "close_extras", "render"}
    stack = VecNormalize(VecMonitor(SB3VecEnv(rated(envs) if is_rated else envs)))
    stack.reset()
    found = list(secrets.found_in(stack.unwrapped.reset_infos, "reset_infos"))
    for _ in range(12):
        _, rewards, _, infos = stack.step(np.zeros((2, 2), np.float32))
        found += secrets.found_in(stack.get_original_reward(), "reward")
        found += secrets.found_in(rewards, "normalised reward")
        found += secrets.found_in(infos, "infos")
        found += secrets.found_in(stack.unwrapped.reset_infos, "reset_infos")
    for name in sorted(names):
        for access in ("get_attr", "env_method"):
            try:
                value = getattr(stack, access)(name)
            except (AttributeError, TypeError, AssertionError):  # those that want arguments
                continue
            found += secrets.found_in(value, f"{access} {name}")
    for layer in (stack, stack.venv, stack.unwrapped):
        for name, value in vars(layer).items():
            found += secrets.found_in(value, name)
    assert secrets.numbers
    return found


@every_mode
def test_no_path_of_sb3_shows_the_true_reward(mode):
    assert leaks(mode) == []


def test_without_rating_wrappers_the_true_reward_is_seen():
    found = leaks(AutoresetMode.SAME_STEP, is_rated=False)
    for path in (
        "reward",
        "infos",
        "reset_infos",
        "get_attr last_reward",
        "env_method last_reward",
    ):
        assert any(leak.startswith(path) for leak in found), path


def test_with_unsealed_attributes_the_true_reward_is_seen(monkeypatch):
    monkeypatch.setattr(hiding, "_refuse_sealed", lambda wrapper, name, visible: None)
    assert any(leak.startswith("get_attr last_reward") for leak in leaks(AutoresetMode.SAME_STEP))


def test_the_monitor_counts_learned_returns_and_the_statistics_below_true_ones():
    envs = scripted_vector([[(3, "terminated")], [(2, "truncated")]], AutoresetMode.SAME_STEP)
    statistics = gym.wrappers.vector.RecordEpisodeStatistics(envs)
    stack = VecMonitor(SB3VecEnv(rated(statistics)))
    stack.reset()
    episodes = []
    for _ in range(6):
        infos = stack.step(np.zeros((2, 2), np.float32))[3]
        episodes += [(i, x["episode"]["r"]) for i, x in enumerate(infos) if "episode" in x]
    # obs @ (1, 2, 3), summed over the steps of an episode: 2 episode + 3 step, + 1 for the second
    assert episodes == [(1, 5), (0, 9), (1, 9), (0, 15), (1, 13)]
    first = sum(true_reward(0, 0, step) for step in range(3))
    assert list(statistics.return_queue)[1] == first
    assert len(statistics.return_queue) == 5


class Rows:
    """What the callbacks' tests train on: 2 environments, and handles on their stack."""

    def __init__(self, env_id: str = "Pendulum-v1", trust: Any = None, **options: Any) -> None:
        mode = {"autoreset_mode": AutoresetMode.SAME_STEP}
        envs = gym.make_vec(env_id, 2, "sync", vector_kwargs=mode)
        self.feedback = envs = vector.RatingFeedbackWrapper(
            envs, KeepingRater(), segment_length=4, **options
        )
        self.model = gym_rated.RewardEnsemble(
            obs_dim(envs.single_observation_space, envs.features),
            action_dim(envs.single_action_space),
            hidden_sizes=(8,),
        )
        loss = gym_rated.MultitaskLoss(num_classes=3)
        self.learner = gym_rated.RewardLearner(self.model, loss, first_steps=3, later_steps=2)
        reward_fn = self.model.predict
        if trust is not None:
            reward_fn = UntilReady(self.model, KnnEntropy(self.model.obs_dim), trust)
        self.env = VecMonitor(SB3VecEnv(vector.LearnedRewardWrapper(envs, reward_fn)))


class Kept(KVWriter):
    """Keeps what SB3 logs, row by row."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def write(self, key_values: dict[str, Any], key_excluded: Any, step: int = 0) -> None:
        self.rows.append(dict(key_values))

    def close(self) -> None:
        pass


class CountingLearner:
    """Notes when it is asked to fit, and with what progress."""

    def __init__(self, learner: gym_rated.RewardLearner, feedback: Any) -> None:
        self.learner, self.feedback, self.model = learner, feedback, learner.model
        self.calls: list[tuple[int, float]] = []

    def fit(self, ratings: Any, progress: float) -> Any:
        self.calls.append((self.feedback._feedback.buffer.steps, progress))
        return self.learner.fit(ratings, progress)


def test_the_callback_fits_at_the_start_of_a_rollout_and_only_to_new_ratings():
    stack = Rows(schedule={70: 8, 150: 8})
    learner = CountingLearner(stack.learner, stack.feedback)
    agent = PPO("MlpPolicy", stack.env, n_steps=32, batch_size=32, n_epochs=1, seed=0)
    callback, log = FitCallback(stack.feedback, learner), Kept()
    agent.set_logger(Logger(None, [log]))
    agent.learn(256, callback=callback)
    # rollouts of 2 x 32 steps begin at 0, 64, 128, 192
    assert learner.calls == [(128, 0.5), (192, 0.75)]
    assert callback.report is not None
    assert callback.report.num_ratings == 16
    assert [row.get("rated/num_ratings") for row in log.rows] == [None, None, 8, 16]
    assert [row.get("rated/truth/num_steps") for row in log.rows] == [None, None, 128, 192]
    assert stack.model.ready


def test_the_callback_looks_at_a_slow_rater_only_now_and_then():
    stack = Rows(schedule={10: 4})
    looks: list[int] = []
    collect = stack.feedback.collect
    stack.feedback.collect = lambda: (looks.append(agent.num_timesteps), collect())[1]
    agent = PPO("MlpPolicy", stack.env, n_steps=8, batch_size=16, n_epochs=1, seed=0)
    agent.learn(96, callback=FitCallback(stack.feedback, stack.learner, collect_every=40))
    assert looks == [0, 48]


class Weights(BaseCallback):
    """Notes at the start of each rollout how many updates there were, and the sum of weights."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, float]] = []

    def _on_rollout_start(self) -> None:
        total = sum(float(p.detach().double().sum()) for p in self.model.policy.parameters())
        self.seen.append((self.model._n_updates, total))

    def _on_step(self) -> bool:
        return True


def test_the_agent_learns_nothing_before_there_is_a_reward():
    stack = Rows(schedule={100: 8})
    env = VecNormalize(stack.env)
    agent = PPO("MlpPolicy", env, n_steps=32, batch_size=64, n_epochs=1, seed=0)
    weights = Weights()
    agent.learn(256, callback=[FitCallback(stack.feedback, stack.learner), weights])
    # rollouts begin at 0, 64, 128 and 192; the fit is at 128, so the third is learned from
    assert [updates for updates, _ in weights.seen] == [0, 0, 0, 1]
    assert len({total for _, total in weights.seen[:3]}) == 1
    assert weights.seen[3][1] != weights.seen[0][1]
    assert agent._n_updates == 2
    # 128 rewards of 0 are forgotten: the statistics know the 128 since, and their own 1e-4
    assert env.ret_rms.count == pytest.approx(128, abs=0.1)


def test_the_agent_learns_from_a_bonus_and_statistics_begin_anew_when_it_begins_or_ends():
    trusted = [0.5]
    stack = Rows(trust=lambda: trusted[0], schedule={100: 8, 160: 4, 220: 4})
    env = VecNormalize(stack.env)
    agent = PPO("MlpPolicy", env, n_steps=32, batch_size=64, n_epochs=1, seed=0)
    counts: list[float] = []

    class Counts(Weights):
        def _on_rollout_start(self) -> None:
            counts.append(env.ret_rms.count)
            trusted[0] = 1.0 if len(counts) > 3 else 0.5
            super()._on_rollout_start()

    weights = Counts()
    agent.learn(320, callback=[FitCallback(stack.feedback, stack.learner), weights])
    assert [updates for updates, _ in weights.seen] == [0, 1, 2, 3, 4]
    # fits at 128 (both are paid from then on), 192 (still both) and 256 (the reward alone)
    assert counts == pytest.approx([0, 64, 0, 64, 0], abs=0.1)


def test_an_agent_that_never_had_a_reward_can_learn_later():
    stack = Rows()
    agent = PPO("MlpPolicy", stack.env, n_steps=8, batch_size=16, n_epochs=1, seed=0)
    agent.learn(16, callback=FitCallback(stack.feedback, stack.learner))
    assert "train" not in vars(agent)
    assert agent._n_updates == 0
    agent.learn(16)
    assert agent._n_updates == 1


@pytest.mark.parametrize("name", ["feedback", "learner"])
def test_the_callback_refuses_what_cannot_do_its_part(name):
    stack = Rows()
    arguments = {"feedback": stack.feedback, "learner": stack.learner, name: object()}
    with pytest.raises(TypeError, match=f"`{name}` must have"):
        FitCallback(**arguments)


def fill(agent: Any, stack: Rows, steps: int) -> np.ndarray:
    """Train until `steps` steps are stored; returns their rewards, as the wrapper gave them."""
    agent.learn(steps)
    buffer = agent.replay_buffer
    return buffer.rewards[: buffer.size()].copy()


@pytest.mark.parametrize(
    ("kind", "env_id"), [(SAC, "Pendulum-v1"), (DQN, "CartPole-v1")], ids=["SAC", "DQN"]
)
def test_relabelling_gives_what_the_wrapper_gave(kind, env_id):
    stack = Rows(env_id)
    stack.env.reset()
    for _ in range(30):
        stack.env.step(np.stack([stack.env.action_space.sample() for _ in range(2)]))
    stack.feedback.query(6)
    stack.learner.fit(stack.feedback.ratings)
    agent = kind("MlpPolicy", VecNormalize(stack.env), buffer_size=100, learning_starts=90, seed=0)
    given = fill(agent, stack, 80)
    assert given.std() > 0
    # rewards are stored as the environment gave them, the normaliser comes when they are sampled
    agent.replay_buffer.rewards[:] = 7.0
    assert relabel(agent.replay_buffer, stack.model.predict, env=stack.env) == 80
    np.testing.assert_allclose(agent.replay_buffer.rewards[:40], given, atol=1e-5)
    assert (agent.replay_buffer.rewards[40:] == 7.0).all()


def test_the_callback_leaves_no_stale_reward_in_a_replay_buffer():
    stack = Rows(schedule={60: 8, 120: 8})
    agent = SAC("MlpPolicy", stack.env, buffer_size=400, learning_starts=1_000, seed=0)
    agent.learn(200, callback=FitCallback(stack.feedback, stack.learner))
    stored = agent.replay_buffer.rewards[:100].copy()
    assert relabel(agent.replay_buffer, stack.model.predict, env=stack.env) == 200
    np.testing.assert_allclose(agent.replay_buffer.rewards[:100], stored, atol=1e-5)
    assert (stored[:30] != 0).all()  # stored before the first rating, when the reward was 0


def test_the_callback_relabels_with_the_features_of_the_wrappers():
    features = Counting()
    stack = Rows(schedule={60: 8}, features=features)
    callback = FitCallback(stack.feedback, stack.learner)
    agent = SAC("MlpPolicy", stack.env, buffer_size=400, learning_starts=1_000, seed=0)
    agent.learn(120, callback=callback)
    paid = agent.replay_buffer.rewards[:60].copy()
    assert relabel(agent.replay_buffer, stack.model.predict, env=agent.get_env()) == 120
    np.testing.assert_allclose(agent.replay_buffer.rewards[:60], paid, atol=1e-5)
    assert (paid[:30] != 0).all()
    with pytest.raises(ValueError, match="`features` must be the same for all"):
        FitCallback(stack.feedback, stack.learner, features=Counting())
    FitCallback(stack.feedback, stack.learner, features=features)
