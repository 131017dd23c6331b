"""Segments from the whole training of an agent on the true reward, with their true rewards.

Real training of the PPO script, recorded step by step below everything that it does, and cut
afterwards. The result is cached, because it takes a minute to make.
"""

import itertools
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from gym_rated import Origin, Segment, encode_actions
from gym_rated.checkpoint.files import replacing

SCRIPTS = Path(__file__).parents[1] / "scripts"
RECORDED_ID = "gym_rated_benchmarks/Recorded-v0"


@dataclass(frozen=True)
class Source:
    """Which training is cut into segments."""

    env_id: str
    seed: int
    steps: int
    segment_length: int
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)


class StepRecorder(gym.Wrapper):
    """Keep every step as it goes by, with a clock that all environments share."""

    def __init__(self, env: gym.Env, clock: Iterator[int]) -> None:
        """Start with no steps; `clock` counts the steps of all environments."""
        super().__init__(env)
        self._clock = clock
        self._obs: Any = None
        self._episode = -1
        self._step = 0
        self.rows: list[tuple[Any, Any, float, int, int, int]] = []
        """(obs before, action, true reward, episode, step, clock) of each step"""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Start the next episode."""
        self._obs, info = self.env.reset(seed=seed, options=options)
        self._episode, self._step = self._episode + 1, 0
        return self._obs, info

    def step(self, action: Any) -> Any:
        """Record the step."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        where = (self._episode, self._step, next(self._clock))
        self.rows.append((self._obs, action.copy(), float(reward), *where))
        self._obs, self._step = obs, self._step + 1
        return obs, reward, terminated, truncated, info


def train_recorded(source: Source) -> tuple[list[StepRecorder], float]:
    """Train PPO on the true reward; returns a recorder for each environment, and the score."""
    sys.path.insert(0, str(SCRIPTS))
    import ppo_continuous_action as script

    clock, recorders = itertools.count(), []

    def make(**kwargs: Any) -> gym.Env:
        recorders.append(
            StepRecorder(gym.make(source.env_id, **source.env_kwargs, **kwargs), clock)
        )
        return recorders[-1]

    gym.register(RECORDED_ID, entry_point=make, disable_env_checker=True, order_enforce=False)
    try:
        with tempfile.TemporaryDirectory() as run_dir:
            result = script.train(
                script.Args(
                    env_id=RECORDED_ID,
                    seed=source.seed,
                    total_timesteps=source.steps,
                    reward="true",
                    run_dir=Path(run_dir),
                    tensorboard=False,
                )
            )
    finally:
        del gym.registry[RECORDED_ID]
    return recorders, result["score"]


def cut(recorder: StepRecorder, env_index: int, length: int) -> list[Segment]:
    """Cut every episode of one environment into windows of `length` steps that do not overlap."""
    segments = []
    for _, episode in itertools.groupby(recorder.rows, key=lambda row: row[3]):
        steps = list(episode)
        for start in range(0, len(steps) - length + 1, length):
            obs, actions, rewards, *where = zip(*steps[start : start + length], strict=True)
            origin = Origin(env_index, *(values[0] for values in where))
            segments.append(
                Segment(
                    id=f"{env_index}-{origin.episode}-{origin.first_step}",
                    obs=np.array(obs, np.float32),
                    actions=encode_actions(recorder.action_space, np.array(actions)),
                    true_rewards=np.array(rewards, np.float64),
                    round=0,
                    origin=origin,
                )
            )
    return segments


def shorter(segment: Segment, length: int) -> list[Segment]:
    """Part a segment into those of `length` steps, one behind the other; a rest is left out."""
    parts = []
    for start in range(0, len(segment) - length + 1, length):
        steps = slice(start, start + length)
        origin = segment.origin
        assert origin is not None
        parts.append(
            replace(
                segment,
                id=f"{segment.id}+{start}",
                obs=segment.obs[steps],
                actions=segment.actions[steps],
                true_rewards=segment.true_rewards[steps],
                origin=replace(origin, first_step=origin.first_step + start),
            )
        )
    return parts


def make_segments(source: Source, folder: Path) -> tuple[list[Segment], float]:
    """Return the segments in the order of training, and the agent's score; cached on disk."""
    name = f"{source.env_id}-{source.seed}-{source.steps}-{source.segment_length}.npz"
    path = folder / name.replace("/", "-")
    if not path.exists():
        recorders, score = train_recorded(source)
        cuts = [cut(r, i, source.segment_length) for i, r in enumerate(recorders)]
        save(path, sorted(itertools.chain(*cuts), key=lambda s: s.origin.policy_step), score)
    return load(path)


def save(path: Path, segments: Sequence[Segment], score: float) -> None:
    """Write segments of one length to an `.npz` file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            obs=np.stack([s.obs for s in segments]),
            actions=np.stack([s.actions for s in segments]),
            true_rewards=np.stack([s.true_rewards for s in segments]),
            origins=np.array([list(asdict(s.origin).values()) for s in segments]),
            score=score,
        )


def load(path: Path) -> tuple[list[Segment], float]:
    """Read what `save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        columns = [file[name] for name in ("obs", "actions", "true_rewards", "origins")]
        score = float(file["score"])
    segments = []
    for obs, actions, rewards, where in zip(*columns, strict=True):
        origin = Origin(*where.tolist())
        name = f"{origin.env_index}-{origin.episode}-{origin.first_step}"
        segments.append(Segment(name, obs, actions, rewards, 0, origin))
    return segments, score
