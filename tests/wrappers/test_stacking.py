import threading
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater, ScriptedEnv, scripted_vector
from gymnasium import wrappers
from gymnasium.wrappers import vector as vector_wrappers

from gym_rated import LearnedRewardWrapper, RatingFeedbackWrapper
from gym_rated import vector as rated_vector


def first(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return obs[:, 0]


def rated(env: Any) -> Any:
    return RatingFeedbackWrapper(env, KeepingRater())


def rated_vec(envs: Any) -> Any:
    return rated_vector.RatingFeedbackWrapper(envs, KeepingRater())


class Doubled(gym.Wrapper):
    """Changes the observation space without being an ObservationWrapper."""

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (6,))


def identity_obs(env: gym.Env) -> gym.Env:
    return wrappers.TransformObservation(env, lambda obs: obs, env.observation_space)


@pytest.mark.parametrize(
    "transform",
    [
        wrappers.NormalizeObservation,
        identity_obs,
        Doubled,
        lambda env: wrappers.RescaleAction(env, np.float32(0), np.float32(1)),
        lambda env: wrappers.StickyAction(env, 0.5),
        lambda env: wrappers.FrameStackObservation(env, 2),
        lambda env: wrappers.TimeAwareObservation(wrappers.TimeLimit(env, 9)),
    ],
)
def test_a_transform_between_the_wrappers_is_refused_by_name(transform: Any) -> None:
    changed = transform(rated(ScriptedEnv()))
    text = f"`env` must not transform .*, got {type(changed).__name__}: .*put it above"
    with pytest.raises(ValueError, match=text):
        LearnedRewardWrapper(changed, first)
    with pytest.raises(ValueError, match=text):  # not only right below
        LearnedRewardWrapper(wrappers.TimeLimit(changed, 10), first)


@pytest.mark.parametrize(
    "transform",
    [
        vector_wrappers.NormalizeObservation,
        lambda envs: vector_wrappers.TransformObservation(envs, lambda obs: obs),
        lambda envs: vector_wrappers.TransformAction(envs, lambda actions: actions),
        lambda envs: vector_wrappers.RescaleAction(envs, np.float32(0), np.float32(1)),
    ],
)
def test_a_vector_transform_between_the_wrappers_is_refused_by_name(transform: Any) -> None:
    changed = transform(rated_vec(scripted_vector([[(5, "terminated")]])))
    text = f"`env` must not transform .*, got {type(changed).__name__}: .*put it above"
    with pytest.raises(ValueError, match=text):
        rated_vector.LearnedRewardWrapper(changed, first)


@pytest.mark.parametrize(
    "vector_layer", [lambda envs: envs, vector_wrappers.RecordEpisodeStatistics]
)
def test_a_transform_inside_the_sub_environments_is_refused_by_name(vector_layer: Any) -> None:
    inside = gym.vector.SyncVectorEnv(
        [lambda: rated(ScriptedEnv()), lambda: identity_obs(rated(ScriptedEnv()))]
    )
    with pytest.raises(ValueError, match=r"must not transform .*, got TransformObservation"):
        rated_vector.LearnedRewardWrapper(vector_layer(inside), first)


def test_a_vector_transform_above_rated_sub_environments_is_refused_by_name() -> None:
    inside = gym.vector.SyncVectorEnv([lambda: rated(ScriptedEnv())] * 2)
    rated_vector.LearnedRewardWrapper(inside, first).reset()
    changed = vector_wrappers.NormalizeObservation(inside)
    with pytest.raises(ValueError, match=r"must not transform .*, got NormalizeObservation"):
        rated_vector.LearnedRewardWrapper(changed, first)


def test_transforms_elsewhere_and_harmless_wrappers_between_are_fine() -> None:
    below = wrappers.RescaleAction(identity_obs(ScriptedEnv()), np.float32(0), np.float32(1))
    between = wrappers.TimeLimit(wrappers.ClipReward(rated(below), -1, 1), 10)
    above = wrappers.NormalizeObservation(LearnedRewardWrapper(between, first))
    above.reset()
    assert above.step(np.full(2, 0.5, np.float32))[1] == 0.0
    alone = LearnedRewardWrapper(identity_obs(ScriptedEnv()), first)  # no feedback wrapper below
    alone.reset()

    envs = vector_wrappers.RecordEpisodeStatistics(rated_vec(scripted_vector([[(5, "both")]])))
    envs = vector_wrappers.NormalizeReward(rated_vector.LearnedRewardWrapper(envs, first))
    vector_wrappers.NormalizeObservation(envs).reset()


@pytest.mark.parametrize("normalizer", [wrappers.NormalizeObservation, wrappers.NormalizeReward])
def test_a_normaliser_below_is_refused_by_name(normalizer: Any) -> None:
    text = f"`env` must not be normalised below .*, got {normalizer.__name__}: .*put it above"
    with pytest.raises(ValueError, match=text):
        rated(wrappers.TimeLimit(normalizer(ScriptedEnv()), 10))
    inside = gym.vector.SyncVectorEnv([lambda: normalizer(ScriptedEnv())] * 2)
    with pytest.raises(ValueError, match=text):
        rated_vec(vector_wrappers.RecordEpisodeStatistics(inside))


@pytest.mark.parametrize(
    "normalizer", [vector_wrappers.NormalizeObservation, vector_wrappers.NormalizeReward]
)
def test_a_vector_normaliser_below_is_refused_by_name(normalizer: Any) -> None:
    text = f"`env` must not be normalised below .*, got {normalizer.__name__}: .*put it above"
    with pytest.raises(ValueError, match=text):
        rated_vec(normalizer(scripted_vector([[(5, "terminated")]])))


class Custom(gym.Wrapper):
    """A wrapper of another author, of no class that says what it does."""

    def act(self, action: Any) -> Any:
        return action

    def see(self, obs: Any) -> Any:
        return obs

    def reset(self, **options: Any) -> Any:
        obs, info = self.env.reset(**options)
        return self.see(obs), info

    def step(self, action: Any) -> Any:
        obs, *rest = self.env.step(self.act(action))
        return self.see(obs), *rest


class Scaled(Custom):
    def see(self, obs: Any) -> Any:
        return obs * np.float32(0.5)


class Late(Custom):
    """The identity at a reset, and for two steps."""

    def reset(self, **options: Any) -> Any:
        self.steps = 0
        return self.env.reset(**options)

    def see(self, obs: Any) -> Any:
        self.steps += 1
        return obs + 1 if self.steps > 2 else obs


class Flipped(Custom):
    def act(self, action: Any) -> Any:
        return -action


class Repeated(Custom):
    def act(self, action: Any) -> Any:
        self.env.step(action)
        return action


class Written(Custom):
    """Writes into the array that it was handed."""

    def act(self, action: Any) -> Any:
        action *= 0.5
        return action


class Normalised(Custom):
    """A running mean of all observations, without any of Gymnasium's classes."""

    count, total = 0, 0.0

    def see(self, obs: Any) -> Any:
        self.count, self.total = self.count + 1, self.total + obs
        return (obs - self.total / self.count).astype(np.float32)


class Noisy(Custom):
    """Luck of its own, not reset: it is a part of the task, and drifts nowhere."""

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.rng = np.random.default_rng(0)

    def see(self, obs: Any) -> Any:
        return obs + self.rng.normal(size=3).astype(np.float32)


class WithoutReward(Custom):
    def step(self, action: Any) -> Any:
        obs, _, *rest = self.env.step(action)
        return obs, float("nan"), *rest


class Unlike(Custom):
    """Works only around its own environment."""

    def see(self, obs: Any) -> Any:
        return obs + 0 * self.unwrapped.env_index


class Uncopied(Custom):
    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.lock = threading.Lock()


class OfVectors(gym.vector.VectorWrapper):
    def __init__(self, envs: Any, factor: float) -> None:
        super().__init__(envs)
        self.factor = factor

    def step(self, actions: Any) -> Any:
        return self.env.step(actions * np.float32(self.factor))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Scaled, "it changes observations, and the model was fitted"),
        (Late, "it changes observations,"),
        (Normalised, "it changes observations,"),
        (Noisy, "it changes observations,"),
        (Flipped, "it changes actions,"),
        (Written, "it changes actions,"),
        (Repeated, "it changes observations, steps,|it changes steps,"),
    ],
)
def test_a_wrapper_between_is_refused_by_what_it_does(kind: Any, reason: str) -> None:
    changed = kind(rated(ScriptedEnv()))
    with pytest.raises(ValueError, match=f"got {kind.__name__}: ({reason}).*put it above"):
        LearnedRewardWrapper(wrappers.TimeLimit(changed, 9), first)
    inside = gym.vector.SyncVectorEnv([lambda: kind(rated(ScriptedEnv()))])
    with pytest.raises(ValueError, match=f"got {kind.__name__}: ({reason})"):
        rated_vector.LearnedRewardWrapper(inside, first)
    below = LearnedRewardWrapper(rated(ScriptedEnv()), first)
    kind(below).reset()  # above both it may do what it likes


class UncopiedScaled(Uncopied, Scaled):
    """Cannot be tried, and changes observations."""


class UncopiedFlipped(Uncopied, Flipped):
    """Cannot be tried, and changes actions."""


def learned_over(kind: Any, vectorized: bool) -> Any:
    if not vectorized:
        return LearnedRewardWrapper(kind(rated(ScriptedEnv())), first)
    inside = gym.vector.SyncVectorEnv([lambda: kind(rated(ScriptedEnv()))] * 2)
    return rated_vector.LearnedRewardWrapper(inside, first)


@pytest.mark.parametrize("vectorized", [False, True])
@pytest.mark.parametrize("kind", [Unlike, Uncopied])
def test_a_wrapper_between_that_cannot_be_tried_and_changes_nothing_is_fine(
    kind: Any, vectorized: bool
) -> None:
    env = learned_over(kind, vectorized)
    obs = np.atleast_2d(env.reset(seed=0)[0])
    for _ in range(3):
        next_obs, rewards, *_ = env.step(np.full(env.action_space.shape, 0.5, np.float32))
        np.testing.assert_array_equal(np.atleast_1d(rewards), obs[:, 0])
        obs = np.atleast_2d(next_obs)


@pytest.mark.parametrize("vectorized", [False, True])
@pytest.mark.parametrize(
    ("kind", "what"), [(UncopiedScaled, "observations"), (UncopiedFlipped, "actions")]
)
def test_a_wrapper_between_that_cannot_be_tried_is_stopped_where_it_changes_something(
    kind: Any, what: str, vectorized: bool
) -> None:
    env = learned_over(kind, vectorized)
    action = np.full(env.action_space.shape, 0.5, np.float32)
    text = f"`env` must not transform {what} between .*, got others through {kind.__name__}; put"
    with pytest.raises(RuntimeError, match=text):
        [env.reset(seed=0), *(env.step(action) for _ in range(9))]


@pytest.mark.parametrize("normaliser", [wrappers.NormalizeObservation, wrappers.NormalizeReward])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_normaliser_in_workers_is_refused(normaliser: Any) -> None:
    inside = gym.vector.AsyncVectorEnv([ScriptedEnv, lambda: normaliser(ScriptedEnv())])
    try:
        with pytest.raises(ValueError, match="`env` must not be normalised below"):
            rated_vec(inside)
    finally:
        inside.close()


def test_a_wrapper_between_of_another_author_that_changes_nothing_is_fine() -> None:
    state = np.random.get_state()  # noqa: NPY002
    env = LearnedRewardWrapper(Custom(rated(ScriptedEnv())), first)
    envs = OfVectors(rated_vec(scripted_vector([[(5, "both")]])), 1.0)
    rated_vector.LearnedRewardWrapper(envs, first).reset()
    np.testing.assert_equal(np.random.get_state(), state)  # noqa: NPY002
    assert env.unwrapped.episode == -1  # the environment was not touched
    assert env.unwrapped.log == []


def test_a_vector_wrapper_between_is_refused_by_what_it_does() -> None:
    envs = OfVectors(rated_vec(scripted_vector([[(5, "both")]])), 0.5)
    with pytest.raises(ValueError, match=r"got OfVectors: it changes actions, .*put it above"):
        rated_vector.LearnedRewardWrapper(envs, first)


def test_a_normaliser_below_is_refused_by_what_it_does() -> None:
    text = "`env` must not be normalised below .*, got Normalised: .*put it above"
    with pytest.raises(ValueError, match=text):
        rated(wrappers.TimeLimit(Normalised(ScriptedEnv()), 9))
    inside = gym.vector.SyncVectorEnv([lambda: Normalised(ScriptedEnv())])
    with pytest.raises(ValueError, match=text):
        rated_vec(inside)
    for task in (Scaled, Late, Noisy, Unlike, Uncopied, Repeated, WithoutReward):
        rated(task(ScriptedEnv())).reset()


def test_a_wrapper_between_that_repeats_steps_later_on_is_stopped_at_the_first() -> None:
    class Sometimes(Custom):
        repeats = False

        def act(self, action: Any) -> Any:
            if self.repeats:
                self.env.step(action)
            return action

    env = LearnedRewardWrapper(Sometimes(rated(ScriptedEnv([(9, "both")]))), first)
    env.reset()
    env.step(np.zeros(2))
    Sometimes.repeats = True
    with pytest.raises(RuntimeError, match=r"must be one of RatingFeedbackWrapper .* \[2\]; put"):
        env.step(np.zeros(2))


# -- rating wrappers of rating wrappers --


def learned(env: Any) -> Any:
    return LearnedRewardWrapper(env, first)


class Holding(gym.Env):
    """Holds a whole stack in an attribute, and names none of it in its metadata."""

    def __init__(self, env: gym.Env) -> None:
        self.inner = {"env": [env]}
        self.observation_space, self.action_space = env.observation_space, env.action_space


def in_rated_env(env: Any) -> Any:
    return gym.make("gym_rated/Rated-v0", env_id="tests/Scripted-v0", rater=KeepingRater())


@pytest.mark.parametrize(
    "below",
    [
        rated,
        lambda env: learned(rated(env)),
        learned,
        lambda env: Scaled(wrappers.TimeLimit(rated(env), 9)),
        lambda env: Holding(learned(rated(env))),
        in_rated_env,
    ],
)
@pytest.mark.filterwarnings("ignore:RatingFeedbackWrapper inside AsyncVectorEnv")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_feedback_wrapper_over_rating_wrappers_is_refused(below: Any) -> None:
    text = "`env` must hold no rating wrapper where RatingFeedbackWrapper goes, got"
    with pytest.raises(ValueError, match=text):
        rated(below(ScriptedEnv()))
    with pytest.raises(ValueError, match=text):
        rated(wrappers.TimeLimit(below(ScriptedEnv()), 9))
    thunks = [lambda: ScriptedEnv(), lambda: below(ScriptedEnv())]
    inside = gym.vector.SyncVectorEnv(thunks, observation_mode="different")
    with pytest.raises(ValueError, match=text):
        rated_vec(vector_wrappers.RecordEpisodeStatistics(inside))


@pytest.mark.parametrize("first_is_rated", [True, False])
@pytest.mark.filterwarnings("ignore:RatingFeedbackWrapper inside AsyncVectorEnv")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_rating_wrappers_in_workers_are_seen(first_is_rated: bool) -> None:
    thunks = [lambda: learned(rated(ScriptedEnv())), ScriptedEnv]
    inside = gym.vector.AsyncVectorEnv(thunks if first_is_rated else thunks[::-1])
    try:
        with pytest.raises(ValueError, match="`env` must hold no rating wrapper"):
            rated_vec(inside)
        with pytest.raises(ValueError, match="`env` must hold no LearnedRewardWrapper"):
            rated_vector.LearnedRewardWrapper(inside, first)
    finally:
        inside.close()


def test_a_learned_wrapper_over_another_is_refused() -> None:
    text = "`env` must hold no LearnedRewardWrapper where another one goes"
    for below in (learned(ScriptedEnv()), learned(rated(ScriptedEnv())), in_rated_env(None)):
        with pytest.raises(ValueError, match=text):
            learned(wrappers.TimeLimit(below, 9))
    inside = gym.vector.SyncVectorEnv([lambda: learned(rated(ScriptedEnv()))])
    with pytest.raises(ValueError, match=text):
        rated_vector.LearnedRewardWrapper(inside, first)


def test_rating_wrappers_in_a_spec_are_seen() -> None:
    spec = rated(gym.make("tests/Scripted-v0")).spec
    with pytest.raises(ValueError, match="`env` must hold no rating wrapper"):
        rated(gym.make(spec))


def test_a_wrapper_around_an_environment_of_the_other_kind_names_the_right_one() -> None:
    envs = scripted_vector([[(5, "both")]])
    for make in (rated, learned):
        with pytest.raises(TypeError, match=r"`env` must be a gymnasium.Env for this .*vector"):
            make(envs)
    with pytest.raises(TypeError, match=r"`env` must be a gymnasium.vector.VectorEnv for this"):
        rated_vec(ScriptedEnv())
    with pytest.raises(TypeError, match=r"got 'CartPole-v1'"):
        rated("CartPole-v1")


class _Asked(ScriptedEnv):
    """Notes who asks for its attributes as a dict, which makes them slower from then on."""

    asked = False

    def __getattribute__(self, name: str) -> Any:
        if name == "__dict__":
            type(self).asked = True
        return super().__getattribute__(name)


def test_looking_for_wrappers_does_not_slow_an_environment_down() -> None:
    env = _Asked()
    LearnedRewardWrapper(rated(env), first)
    assert not _Asked.asked
    vars(env)
    assert _Asked.asked
