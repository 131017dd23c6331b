"""Frames of a segment: those of its own steps, and of no other episode."""

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from footage import Footage, record

from gym_rated.environments import rendering
from gym_rated.environments.rendering import BACKENDS, CannotRender
from gym_rated.human.clips.drawing import fitted, scaled
from gym_rated.human.clips.render import ReplayMismatch, SegmentRenderer


class CountingEnv(gym.Env):
    """Draws its step as a shade of grey, and counts what it is asked to do."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    metadata = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012
    calls: dict[str, int] = {}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None, drift: float = 0.0) -> None:
        self.render_mode, self.drift = render_mode, drift
        self._count("made")

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._count("reset")
        self.total, self.steps = self.np_random.normal(), 0
        return self._obs(), {}

    def step(self, action: Any) -> Any:
        self._count("step")
        self.total, self.steps = self.total + float(action[0]) + self.drift, self.steps + 1
        return self._obs(), 0.0, False, False, {}

    def render(self) -> Any:
        self._count("render")
        return np.full((40, 60, 3), 4 * self.steps, np.uint8)

    def _obs(self) -> np.ndarray:
        return np.array([self.total, self.steps], np.float32)

    def _count(self, what: str) -> None:
        self.calls[what] = self.calls.get(what, 0) + 1


@dataclass
class Drawn:
    """What the environment was asked to do since."""

    def __getitem__(self, what: str) -> int:
        return CountingEnv.calls.get(what, 0)


@pytest.fixture
def drawn(monkeypatch):
    monkeypatch.setitem(
        gym.registry, "Counting-v0", gym.envs.registration.EnvSpec("Counting-v0", CountingEnv)
    )
    # the probe's process would not know the id
    monkeypatch.setattr("gym_rated.human.clips.render.choose_backend", lambda *_: None)
    CountingEnv.calls.clear()
    return Drawn()


def played(seed: int, first: int, length: int, shift: float = 0.0) -> Footage:
    """What `CountingEnv` recorded from step `first` on."""
    env = CountingEnv()
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-1, 1, (first + length, 1)).astype(np.float32)
    obs = [env.reset(seed=seed)[0], *(env.step(action)[0] for action in actions)]
    recipe = {
        "env_id": "Counting-v0",
        "env_kwargs": {},
        "episode_seed": seed,
        "first_step": first,
        "length": length,
    }
    CountingEnv.calls.clear()
    return Footage(recipe, actions, np.array(obs[first:-1]) + np.float32(shift))


def test_frames_are_those_after_each_step_of_the_segment(drawn):
    frames = SegmentRenderer(size=60)(*played(seed=3, first=7, length=4))
    assert frames.shape == (4, 40, 60, 3)
    assert frames[:, 0, 0, 0].tolist() == [4 * 8, 4 * 9, 4 * 10, 4 * 11]
    assert (drawn["step"], drawn["render"]) == (11, 4)  # what comes before is not drawn


def test_the_environment_is_kept_from_segment_to_segment(drawn):
    renderer = SegmentRenderer(size=60)
    for seed, first in ((3, 7), (4, 0), (3, 2)):
        renderer(*played(seed, first, 3))
    other = played(3, 2, 3)
    other.recipe["env_kwargs"] = {"drift": 0.0}
    CountingEnv.calls.clear()
    renderer(*other)
    assert drawn["made"] == 1
    assert renderer.fps == 25


def test_a_later_segment_of_the_same_episode_goes_on_where_the_last_one_ended(drawn):
    renderer = SegmentRenderer(size=60)
    whole = played(seed=3, first=0, length=30)
    for first, length, steps, resets in ((5, 5, 10, 1), (12, 4, 6, 0), (12, 4, 16, 1)):
        recipe = whole.recipe | {"first_step": first, "length": length}
        stop = first + length
        CountingEnv.calls.clear()
        frames = renderer(recipe, whole.raw_actions[:stop], whole.obs[first:stop])
        assert frames[:, 0, 0, 0].tolist() == [4 * t for t in range(first + 1, stop + 1)]
        assert (drawn["step"], drawn["reset"]) == (steps, resets)


def test_an_episode_with_other_actions_is_replayed_from_its_beginning(drawn):
    renderer = SegmentRenderer(size=60)
    renderer(*played(seed=3, first=0, length=5))
    longer = played(seed=3, first=5, length=5)
    longer.raw_actions[2] += 0.25
    with pytest.raises(ReplayMismatch):
        renderer(*longer)
    assert drawn["reset"] == 1


def test_an_observation_that_differs_in_its_last_bit_is_a_mismatch(drawn):
    footage = played(seed=3, first=2, length=3)
    value = footage.obs[1, 0]
    footage.obs[1, 0] = np.nextafter(value, np.float32(9))
    with pytest.raises(ReplayMismatch) as caught:
        SegmentRenderer(size=60)(*footage)
    assert caught.value.short == "Counting-v0 did not repeat its episode"
    assert f"at step 3 it has {value} at index 0 of the observation" in str(caught.value)
    assert "Replay needs `SeededEpisodes` innermost" in str(caught.value)
    assert str(caught.value).endswith("--clips capture, or gym_rated.human.CapturedEpisodes")


def test_observations_of_another_shape_or_type_are_a_mismatch(drawn):
    recipe, actions, obs = played(seed=3, first=0, length=2)
    with pytest.raises(ReplayMismatch, match=r"where shape \(3,\) and type float32 was recorded"):
        SegmentRenderer()(recipe, actions, np.ones((2, 3), np.float32))
    with pytest.raises(ReplayMismatch, match=r"type float64 was recorded"):
        SegmentRenderer()(recipe, actions, obs.astype(np.float64))


def test_after_a_mismatch_the_next_segment_is_drawn_as_ever(drawn):
    renderer = SegmentRenderer(size=60)
    with pytest.raises(ReplayMismatch):
        renderer(*played(seed=3, first=0, length=3, shift=0.5))
    assert len(renderer(*played(seed=3, first=3, length=3))) == 3


@pytest.mark.parametrize(("first", "length"), [(3, 2), (1, 4), (1, 0)])
def test_lengths_that_do_not_fit_are_refused(drawn, first, length):
    recipe, actions, obs = played(seed=3, first=1, length=3)
    with pytest.raises(ValueError, match=f"must hold the {first} steps before the segment"):
        SegmentRenderer()(recipe | {"first_step": first, "length": length}, actions, obs)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"size": 8}, ValueError, "`size` must be at least 16, got 8"),
        ({"size": 240.0}, TypeError, "`size` must be an int"),
        ({"quality": "best"}, ValueError, "`quality` must be one of fast, nice, got 'best'"),
    ],
)
def test_wrong_sizes_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        SegmentRenderer(**arguments)


@pytest.mark.parametrize("frame", [None, [np.zeros((4, 4, 3), np.uint8)], np.zeros((4, 4, 3))])
def test_an_environment_that_returns_no_picture_is_named(drawn, monkeypatch, frame):
    monkeypatch.setattr(CountingEnv, "render", lambda self: frame)
    with pytest.raises(CannotRender, match="must return uint8 of shape"):
        SegmentRenderer()(*played(3, 0, 2))


def test_an_unknown_environment_is_named_with_the_way_to_make_it_known():
    recipe = {"env_id": "Mine-v0", "episode_seed": 0, "first_step": 0, "length": 1}
    with pytest.raises(CannotRender, match="knows it as 'MODULE:ID'"):
        SegmentRenderer()(recipe, [0], np.zeros((1, 2), np.float32))


@pytest.mark.parametrize(
    ("width", "height", "longest", "size"),
    [
        (480, 480, 240, (240, 240)),
        (600, 400, 240, (240, 160)),
        (400, 600, 240, (160, 240)),
        (96, 96, 240, (240, 240)),
        (600, 400, 100, (100, 66)),
        (1000, 3, 240, (240, 2)),
    ],
)
def test_frames_keep_their_shape_in_even_sizes(width, height, longest, size):
    assert fitted(width, height, longest) == size
    assert scaled(np.zeros((height, width, 3), np.uint8), longest).shape == (*size[::-1], 3)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1", "Acrobot-v1"])
def test_what_training_recorded_is_played_again(env_id):
    renderer = SegmentRenderer(size=120)
    recorded = record(env_id, num_segments=3, length=10, steps=120)
    assert len(recorded) == 3
    for footage in recorded:
        frames = renderer(*footage)
        assert len(frames) == footage.recipe["length"]
        assert max(frames.shape[1:3]) == 120
        assert (frames[0] != frames[-1]).any()
        assert frames.std() > 5


def test_a_later_pole_leans_as_its_observation_says():
    footage = record("CartPole-v1", num_segments=1, length=12, steps=60)[0]
    frame = SegmentRenderer(size=600)(*footage)[-2]  # before the last step, at obs[-1]
    rows, columns = np.nonzero((frame == (202, 152, 101)).all(-1))  # the pole's own colour
    lean = np.corrcoef(rows, columns)[0, 1]
    assert np.sign(lean) == -np.sign(footage.obs[-1, 2])


@pytest.mark.parametrize("env_id", ["LunarLander-v3", "BipedalWalker-v3"])
def test_box2d_is_played_again(env_id):
    pytest.importorskip("Box2D")
    renderer = SegmentRenderer(size=64)
    recorded = record(env_id, num_segments=3, length=10, steps=150)
    assert len(recorded) == 3
    for footage in recorded:
        assert len(renderer(*footage)) == footage.recipe["length"]


@pytest.mark.filterwarnings("ignore:`capacity` takes")
def test_recorded_pixels_are_compared_as_pixels():
    pytest.importorskip("Box2D")
    kwargs = {"continuous": False, "domain_randomize": True}
    footage = record(
        "CarRacing-v3",
        num_segments=1,
        length=3,
        steps=4,
        num_envs=1,
        env_kwargs=kwargs,
        features="pixels",
    )[0]
    assert footage.obs.dtype == np.uint8
    assert len(SegmentRenderer()(*footage)) == 3


# ---- OpenGL


IN_A_PROCESS = """
import sys
sys.path.insert(0, "tests/human")
import numpy as np
from footage import record
from gym_rated.human.clips.render import SegmentRenderer
for quality in ("fast", "nice"):
    renderer = SegmentRenderer(size=120, quality=quality)
    for footage in record(sys.argv[1], num_segments=2, length=5, steps=40, num_envs=1):
        frames = renderer(*footage)
        assert len(frames) == 5, frames.shape
        assert frames.std() > 10, frames.std()
        assert (frames[0] != frames[-1]).any()
    renderer.close()
    print(quality, frames.shape)
"""
FAR_AWAY = """
import gymnasium as gym
from gym_rated.human.clips.drawing import draw_small
env = gym.make("HalfCheetah-v5", render_mode="rgb_array", disable_env_checker=True)
draw_small(env, env.spec.id, 64, "fast")
env.reset(seed=0)
inner = env.unwrapped
for x in (0.0, 30.0):
    inner.set_state(np.r_[x, inner.init_qpos[1:]], np.zeros_like(inner.init_qvel))
    frame = env.render().astype(int)
    print((frame[..., 0] - frame[..., 2] > 40).sum())  # the body is orange
env.close()
"""


def run_with_opengl(program: str, env_id: str) -> str:
    """Return what a program prints in a process of its own; skip the test without OpenGL."""
    pytest.importorskip("mujoco")
    environ = {name: value for name, value in os.environ.items() if name != "MUJOCO_GL"}
    command = [sys.executable, "-W", "ignore", "-c", program, env_id]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=600)
    if "no offscreen OpenGL" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.long
def test_a_cheetah_is_played_again_and_the_camera_follows_it_far_away():
    """Gymnasium 1.4's own camera stays where it is, and the cheetah leaves the picture."""
    printed = run_with_opengl(IN_A_PROCESS + FAR_AWAY, "HalfCheetah-v5").split("\n")
    assert printed[:2] == ["fast (5, 120, 120, 3)", "nice (5, 120, 120, 3)"]
    here, far_away = map(int, printed[2:4])
    assert here > 30
    assert far_away > 0.8 * here


@pytest.mark.slow
def test_a_walker_of_dm_control_is_played_again():
    pytest.importorskip("dm_control")
    printed = run_with_opengl(IN_A_PROCESS, "gym_rated/dm-walker-walk-v0")
    assert printed == "fast (5, 90, 120, 3)\nnice (5, 90, 120, 3)\n"


def test_without_opengl_the_error_says_what_to_install_and_what_was_tried(monkeypatch):
    pytest.importorskip("mujoco")
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    reasons = dict(zip(BACKENDS, ("no libEGL", "no libOSMesa"), strict=True))
    monkeypatch.setattr(rendering, "try_to_render", lambda _, backend, *a, **k: reasons[backend])
    recipe = {"env_id": "HalfCheetah-v5", "episode_seed": 0, "first_step": 0, "length": 1}
    with pytest.raises(CannotRender) as caught:
        SegmentRenderer()(recipe, [np.zeros(6)], np.zeros((1, 17), np.float32))
    assert str(caught.value) == (
        "gym_rated cannot render HalfCheetah-v5: no offscreen OpenGL. Debian/Ubuntu: apt-get "
        "install libegl1 libgl1 libgl1-mesa-dri (MUJOCO_GL=egl) or libosmesa6 (MUJOCO_GL=osmesa). "
        "Tried: egl: no libEGL; osmesa: no libOSMesa. Ratings from a synthetic rater need no "
        "rendering."
    )
