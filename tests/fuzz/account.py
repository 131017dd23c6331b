"""A second implementation of what segments may be cut, from what the environments say they did.

It knows nothing of rings, rows that are resets, or autoreset modes: every environment logs the
steps that were really taken, and the account notes how many rows were recorded by then.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from envs import MODES, KeepingRater, ScriptedEnv, Step, scripted_vector
from gymnasium.vector import AutoresetMode, VectorEnv

import gym_rated
from gym_rated import Segment, vector

ENDINGS = ("terminated", "truncated", "both")
SINGLE = ("single", "single with autoreset")
KINDS = (*SINGLE, *MODES)


class Setup(NamedTuple):
    """One random way to run the wrappers."""

    kind: Any  # of `KINDS`
    scripts: list[list[tuple[int, str]]]
    lengths: tuple[int, ...]
    rows_kept: int
    replays: bool
    seed: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Setup":
        """Draw one; buffers are small, so that they overflow."""
        kind = KINDS[rng.integers(len(KINDS))]
        num_envs = 1 if kind in SINGLE else int(rng.integers(1, 4))
        scripts = [
            [
                (int(rng.integers(1, 14)), ENDINGS[rng.integers(3)])
                for _ in range(rng.integers(1, 5))
            ]
            for _ in range(num_envs)
        ]
        num_lengths = int(rng.integers(1, 4))
        lengths = tuple(sorted({int(n) for n in rng.integers(1, 9, num_lengths)}))
        rows = lengths[-1] + int(rng.integers(0, 60))
        return cls(kind, scripts, lengths, rows, bool(rng.integers(2)), int(rng.integers(1 << 30)))


def reward_fn(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Return a reward that tells every step and action from every other."""
    return obs @ np.array([1e6, 1e3, 1.0]) + actions @ np.array([0.25, 0.125])


class Account:
    """Environments in both wrappers, stepped at random, and what must come of it.

    Raises:
        AssertionError: In every method, if the wrappers do or return something else.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.rng = np.random.default_rng(setup.seed)
        self.is_single = setup.kind in SINGLE
        if self.is_single:
            self.envs = [ScriptedEnv(setup.scripts[0])]
            has_autoreset = setup.kind == "single with autoreset"
            self.bare: Any = gym.wrappers.Autoreset(self.envs[0]) if has_autoreset else self.envs[0]
        else:
            self.bare = scripted_vector(setup.scripts, setup.kind)
            self.envs = self.bare.envs
        self.rows: list[list[int]] = [[] for _ in self.envs]  # in which each logged step was taken
        self.num_rows = self.first_unasked = 0
        self.taken: set[tuple[int, int, int]] = set()
        self.wrap()
        self.stack.reset()

    def wrap(self) -> None:
        """Put both wrappers around the environments."""
        module: Any = gym_rated if self.is_single else vector
        self.rater = KeepingRater()
        self.feedback = module.RatingFeedbackWrapper(
            self.bare,
            self.rater,
            segment_length=self.setup.lengths,
            capacity=self.setup.rows_kept * len(self.envs),
            record_replay=self.setup.replays,
            seed=self.setup.seed,
        )
        self.stack = module.LearnedRewardWrapper(self.feedback, reward_fn)

    def resume(self) -> None:
        """Go on in new wrappers, from the state of the old ones; as after a kill."""
        saved = self.feedback.state_dict(), self.stack.state_dict()
        self.wrap()
        self.feedback.load_state_dict(saved[0])
        self.stack.load_state_dict(saved[1])

    def reset(self) -> None:
        """Reset all environments, or some, in the middle of what they do."""
        if isinstance(self.bare, VectorEnv) and self.rng.integers(2):
            mask = self.rng.random(len(self.envs)) < 0.5
            if mask.any():
                self.stack.reset(options={"reset_mask": mask})
                return
        self.stack.reset()

    def step(self) -> None:
        """Take a step, and compare what is paid for it."""
        before = [len(env.log) for env in self.envs]
        obs = [env._obs() for env in self.envs]
        actions = self.rng.integers(-4, 5, (len(self.envs), 2)).astype(np.float32) / 4
        _, reward, terminated, truncated, _ = self.stack.step(
            actions[0] if self.is_single else actions
        )
        for i, env in enumerate(self.envs):
            was_step = len(env.log) > before[i]
            expected = reward_fn(obs[i], actions[i]) if was_step else 0.0
            assert np.ravel(reward)[i] == expected, f"paid {reward} in env {i}, not {expected}"
            self.rows[i] += [self.num_rows] * (len(env.log) - before[i])
        self.num_rows += 1
        self._reset_what_is_done(np.atleast_1d(terminated) | np.atleast_1d(truncated))

    def _reset_what_is_done(self, done: np.ndarray) -> None:
        if done.any() and self.setup.kind == "single":
            self.stack.reset()
        elif done.any() and self.setup.kind == AutoresetMode.DISABLED:
            self.stack.reset(options={"reset_mask": done})

    def query(self) -> int:
        """Ask about all there is; returns how many segments were compared."""
        self.feedback.query(1_000)
        segments, self.rater.segments = self.rater.segments, []
        stretches = list(self.stretches())
        found = 0
        for env_index, steps in stretches:
            mine = [s for s in segments if self._is_in(s, env_index, steps)]
            self.check_tiles(mine, steps)
            found += len(mine)
        assert found == len(segments), "a segment lies in no stretch of steps that may be offered"
        for segment in segments:
            self.check(segment)
        if segments:
            self.first_unasked = self.num_rows
        return len(segments)

    def stretches(self) -> Iterator[tuple[int, list[Step]]]:
        """Yield the steps of one episode of one environment that may be offered."""
        first = max(self.first_unasked, self.num_rows - self.setup.rows_kept)
        for i, env in enumerate(self.envs):
            kept = [step for step, row in zip(env.log, self.rows[i], strict=True) if row >= first]
            for _, steps in groupby(kept, lambda step: step.episode):
                yield i, list(steps)

    def _is_in(self, segment: Segment, env_index: int, steps: Sequence[Step]) -> bool:
        origin = segment.origin
        same = (origin.env_index, origin.episode) == (env_index, steps[0].episode)
        return same and steps[0].number <= origin.first_step <= steps[-1].number

    def check_tiles(self, segments: list[Segment], steps: list[Step]) -> None:
        """Compare how a stretch of steps was cut: without overlaps, and no fall is missed."""
        segments = sorted(segments, key=lambda s: s.origin.first_step)
        numbers = [s.origin.first_step + k for s in segments for k in range(len(s))]
        shortest = self.setup.lengths[0]
        if steps[-1].terminated:
            assert numbers == [step.number for step in steps], "a fall is not covered"
            whole = segments[:-1]
        else:
            assert len(steps) - len(numbers) < shortest, "fewer windows than there is room for"
            whole = segments
        if numbers:
            assert numbers == list(range(numbers[0], numbers[-1] + 1)), "a gap, or an overlap"
        assert all(len(s) in self.setup.lengths for s in whole), "a short window that is no fall"

    def check(self, segment: Segment) -> None:
        """Compare a segment with what its environment says it did."""
        origin = segment.origin
        steps = [s for s in self.envs[origin.env_index].log if s.episode == origin.episode]
        window = steps[origin.first_step : origin.first_step + len(segment)]
        assert 0 < len(window) == len(segment), "steps that were never taken"
        spans = {(origin.env_index, origin.episode, s.number) for s in window}
        assert not spans & self.taken, "steps that were asked about before"
        self.taken |= spans
        obs = [[origin.env_index, origin.episode, s.number] for s in window]
        assert segment.obs.tolist() == obs, "observations of other steps"
        assert segment.actions.tolist() == [s.action.tolist() for s in window], "other actions"
        assert segment.true_rewards.tolist() == [s.reward for s in window], "other true rewards"
        if self.setup.replays:
            played = [s.action.tolist() for s in steps[: origin.first_step + len(segment)]]
            assert np.asarray(segment.raw_actions).tolist() == played, "another replay"


def try_run(seed: int, num_actions: int = 120) -> int:
    """Run one random setup; returns the number of segments that were compared."""
    rng = np.random.default_rng(seed)
    account = Account(Setup.draw(rng))
    found = 0
    for choice in rng.random(num_actions):
        if choice < 0.88:
            account.step()
        elif choice < 0.94:
            found += account.query()
        elif choice < 0.97:
            account.reset()
        else:
            account.resume()
    return found + account.query()
