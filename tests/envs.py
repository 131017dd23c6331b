"""Toy environments whose every number is known beforehand."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from gym_rated.segments import Origin, Segment

MODES = tuple(AutoresetMode)


def true_reward(env_index: int, episode: int, step: int) -> float:
    """The reward of one step of `ScriptedEnv`: no two steps have the same, and all are exact."""
    return env_index * 1e6 + episode * 1e3 + step + 0.125


class Step(NamedTuple):
    """One transition that `ScriptedEnv` made."""

    episode: int
    number: int
    action: Any
    reward: float
    terminated: bool


class ScriptedEnv(gym.Env):
    """Episodes of given lengths and endings; the observation says env, episode and step.

    Args:
        endings: (length, "terminated" | "truncated" | "both") of each episode, over and over.
        env_index: First number of every observation.
        action_space: Box(-1, 1, (2,)) by default.
    """

    observation_space = gym.spaces.Box(-np.inf, np.inf, (3,), np.float32)

    def __init__(
        self,
        endings: Sequence[tuple[int, str]] = ((5, "terminated"),),
        env_index: int = 0,
        action_space: gym.Space | None = None,
    ) -> None:
        self.action_space = action_space or gym.spaces.Box(-1, 1, (2,), np.float32)
        self.endings = [tuple(ending) for ending in endings]
        self.env_index = env_index
        self.episode = -1
        self.step_number = 0
        self.log: list[Step] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.episode += 1
        self.step_number = 0
        return self._obs(), {"secret": true_reward(self.env_index, self.episode, -1)}

    def step(self, action: Any) -> Any:
        length, ending = self.endings[self.episode % len(self.endings)]
        reward = true_reward(self.env_index, self.episode, self.step_number)
        over = self.step_number + 1 >= length
        terminated = over and ending in ("terminated", "both")
        truncated = over and ending in ("truncated", "both")
        step = Step(self.episode, self.step_number, np.array(action), reward, terminated)
        self.log.append(step)
        self.step_number += 1
        return self._obs(), reward, terminated, truncated, {"secret": reward}

    def _obs(self) -> np.ndarray:
        return np.array([self.env_index, self.episode, self.step_number], np.float32)


class SpaceEnv(gym.Env):
    """Random observations of a given space, in episodes of `length` steps."""

    def __init__(
        self, observation_space: gym.Space, action_space: gym.Space, length: int = 8
    ) -> None:
        self.observation_space = observation_space
        self.action_space = action_space
        self.length = length
        self.observations: list[Any] = []
        self.num_steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.num_steps = 0
        return self._obs(), {}

    def step(self, action: Any) -> Any:
        self.num_steps += 1
        return self._obs(), 0.25 * self.num_steps, self.num_steps >= self.length, False, {}

    def _obs(self) -> Any:
        self.observations.append(self.observation_space.sample())
        return self.observations[-1]


class SpoiltEnv(ScriptedEnv):
    """A `ScriptedEnv` whose n-th observation, that of the first reset being 0, is another one."""

    def __init__(self, n: int, spoilt: Any) -> None:
        super().__init__([(100, "terminated")])
        self.countdown = n
        self.spoilt = spoilt

    def _obs(self) -> Any:
        self.countdown -= 1
        return np.array(self.spoilt) if self.countdown == -1 else super()._obs()


class RewardFreeEnv(ScriptedEnv):
    """What a user without a reward has: the same episodes, and NaN for a reward."""

    def step(self, action: Any) -> Any:
        obs, _, terminated, truncated, _ = super().step(action)
        return obs, float("nan"), terminated, truncated, {}


class DotEnv(gym.Env):
    """A bright dot on a noisy screen; left, stay or right; the further right, the better."""

    observation_space = gym.spaces.Box(0, 255, (12, 12, 1), np.uint8)
    action_space = gym.spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.column = int(self.np_random.integers(12))
        self.steps = 0
        return self.picture(self.column), {}

    def step(self, action: Any) -> Any:
        reward = self.column / 11
        self.column = int(np.clip(self.column + action - 1, 0, 11))
        self.steps += 1
        return self.picture(self.column), reward, False, self.steps >= 32, {}

    def picture(self, column: int) -> np.ndarray:
        """The screen with the dot in a column, in a row that says nothing."""
        screen = self.np_random.integers(0, 60, (12, 12, 1), dtype=np.uint8)
        screen[self.np_random.integers(12), column] = 255
        return screen


gym.register("tests/Scripted-v0", entry_point="envs:ScriptedEnv", disable_env_checker=True)
gym.register("tests/Screen-v0", entry_point="envs:DotEnv", disable_env_checker=True)


def scripted_vector(
    scripts: Sequence[Sequence[tuple[int, str]]],
    mode: AutoresetMode = AutoresetMode.NEXT_STEP,
    kind: Callable[..., gym.Env] = ScriptedEnv,
    **kwargs: Any,
) -> SyncVectorEnv:
    """One `ScriptedEnv` a script, with indices 0, 1, ... in their observations."""
    thunks = [lambda i=i, s=s: kind(s, i, **kwargs) for i, s in enumerate(scripts)]
    return SyncVectorEnv(thunks, autoreset_mode=mode)


def step_vector(envs: Any, actions: Any) -> Any:
    """Step, and reset what is done where the mode leaves that to the user; returns the step."""
    result = envs.step(actions)
    done = result[2] | result[3]
    if envs.metadata["autoreset_mode"] == AutoresetMode.DISABLED and done.any():
        envs.reset(options={"reset_mask": done})
    return result


def make_segment(
    segment_id: str = "a",
    true_return: float = 0.0,
    length: int = 2,
    obs: float = 0.5,
    round: int = 0,
) -> Segment:
    """A segment with constant observations whose true rewards sum to `true_return`."""
    rewards = np.zeros(length)
    rewards[-1] = true_return
    return Segment(
        id=segment_id,
        obs=np.full((length, 3), obs, np.float32),
        actions=np.full((length, 2), -obs, np.float32),
        true_rewards=rewards,
        round=round,
        origin=Origin(0, 0, 0, 0),
    )


class SlowRater:
    """Rates by the parity of the first step, but only when told to answer: as a person would.

    Attributes:
        submitted: Every segment ever asked about.
    """

    num_classes = 2

    def __init__(self) -> None:
        self.submitted: list[Segment] = []
        self.waiting: list[Segment] = []
        self.answers: list[Any] = []

    @property
    def pending(self) -> int:
        return len(self.waiting)

    def submit(self, segments: Sequence[Segment]) -> None:
        self.submitted += segments
        self.waiting += segments

    def answer(self, num: int, rating: Callable[[Segment], int] | None = None) -> None:
        """Answer the `num` oldest questions."""
        from gym_rated.raters import Rating

        now, self.waiting = self.waiting[:num], self.waiting[num:]
        for k, segment in enumerate(now):
            value = k % 2 if rating is None else rating(segment)
            self.answers.append(Rating(segment.id, value, "slow"))

    def collect(self) -> list[Any]:
        answers, self.answers = self.answers, []
        return answers


def rate_by_obs(segment: Segment) -> int:
    """A rating out of 0, 1, 2 that needs no reward: the length of what was seen, by step number."""
    return int(segment.obs[:, 2].sum()) % 3


class KeepingRater:
    """Answers at once, and keeps every segment for the test to look at; raters are shared."""

    num_classes = 3
    pending = 0

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self.answers: list[Any] = []

    def submit(self, segments: Sequence[Segment]) -> None:
        from gym_rated.raters import Rating

        self.segments += segments
        self.answers += [Rating(s.id, i % 3, "keeping") for i, s in enumerate(segments)]

    def collect(self) -> list[Any]:
        answers, self.answers = self.answers, []
        return answers

    def __deepcopy__(self, memo: Any) -> "KeepingRater":
        return self


class FaultyEnv(gym.Env):
    """Random observations and rewards, but for one step that the class attribute tells."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (3,), np.float32)
    fault: tuple[int, str, float] | None = None
    """(step since this environment was made, "obs" or "reward", what it is instead)"""

    def __init__(self, is_discrete: bool = True, render_mode: str | None = None) -> None:
        self.action_space = gym.spaces.Discrete(2) if is_discrete else gym.spaces.Box(-1, 1, (2,))
        self.made = 0
        self.episode_step = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.episode_step = 0
        return self.np_random.normal(size=3).astype(np.float32), {}

    def step(self, action: Any) -> Any:
        self.made += 1
        self.episode_step += 1
        numbers = {"obs": self.np_random.normal(size=3).astype(np.float32)}
        numbers["reward"] = float(numbers["obs"][0] + np.sum(action))
        if self.fault is not None and self.made == self.fault[0]:
            _, name, value = self.fault
            numbers[name] = np.full(3, value, np.float32) if name == "obs" else value
        return numbers["obs"], numbers["reward"], False, self.episode_step >= 20, {}


for _name, _is_discrete in (("Discrete", True), ("Box", False)):
    gym.register(
        f"tests/Faulty{_name}-v0",
        entry_point="envs:FaultyEnv",
        kwargs={"is_discrete": _is_discrete},
        max_episode_steps=50,
        disable_env_checker=True,
    )
