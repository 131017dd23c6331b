"""Clips of what cannot be played again: filmed as it happens, and of exactly those steps."""

from functools import partial
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import ppo as script
import pytest
from answering import answer_all
from envs import MODES, KeepingRater, ScriptedEnv, make_segment, step_vector
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from live import BAND, LiveCartPole, LiveWalk, StampedEnv
from PIL import Image

from gym_rated import RatingFeedbackWrapper, SeededEpisodes, Segment
from gym_rated import vector as rated_vector
from gym_rated.assembly import beginning, parts
from gym_rated.checkpoint import load_state, save_state
from gym_rated.environments.rendering import CannotRender
from gym_rated.human import Asking, CapturedEpisodes, HumanRater
from gym_rated.human.clips.drawing import scaled
from gym_rated.human.clips.encode import decode
from gym_rated.human.segment_blob import unpack_segment
from gym_rated.human.store import Event, Store, jobs
from gym_rated.runs import read_result
from gym_rated.runs.stack import load_stack_state, stack_state

pytestmark = pytest.mark.filterwarnings("ignore:round .* has fewer than two rating classes")
SIZE = 96


def make_rater(db: Path, **options: Any) -> HumanRater:
    options = {"env_id": "Live-v0", "seed": 7, "num_classes": 2, "page": None} | options
    return HumanRater(db, **options)


def filmed(env: gym.Env, index: int = 0, **options: Any) -> CapturedEpisodes:
    return CapturedEpisodes(env, 7, index, **{"segment_length": 5, "size": SIZE, **options})


def walk(env: Any, steps: int) -> None:
    """Step at random; a single environment is reset as agents do it."""
    for _ in range(steps):
        if isinstance(env, gym.vector.VectorEnv):
            step_vector(env, env.action_space.sample())
        elif any(env.step(env.action_space.sample())[2:4]):
            env.reset()


def pictures(segment: Segment) -> np.ndarray:
    """The frames of a segment, shape (T, H, W, 3), before they become a clip."""
    shown = [np.asarray(Image.open(BytesIO(frame))) for frame in segment.frames]
    return np.stack(shown).astype(int)


class Stack:
    """Live poles in the stack of the scripts, single (`mode` None) or as a vector of two."""

    def __init__(self, mode: AutoresetMode | None, rater: Any, share: float = 0.5) -> None:
        num = 1 if mode is None else 2
        self.poles = [LiveCartPole(render_mode="rgb_array") for _ in range(num)]
        subs = [filmed(pole, i, share=share) for i, pole in enumerate(self.poles)]
        options = {"segment_length": 5, "record_frames": True}
        if mode is None:
            self.env: Any = RatingFeedbackWrapper(subs[0], rater, **options)
        else:
            envs = SyncVectorEnv([lambda sub=sub: sub for sub in subs], autoreset_mode=mode)
            self.env = rated_vector.RatingFeedbackWrapper(envs, rater, **options)
        self.env.action_space.seed(3)
        self.env.reset()

    def expected(self, segment: Segment) -> np.ndarray:
        """What the environment had drawn in the steps of a segment."""
        seen = self.poles[segment.origin.env_index].seen
        return np.stack([scaled(seen[obs.tobytes()], SIZE) for obs in segment.obs])


@pytest.mark.parametrize("mode", [None, *MODES], ids=str)
def test_people_see_the_frames_of_exactly_those_steps(tmp_path: Path, mode: Any) -> None:
    rater = make_rater(tmp_path / "r.db", asking=Asking(duplicate_rate=0))
    stack = Stack(mode, rater)
    walk(stack.env, 80 if mode is None else 40)
    assert stack.env.query(4) == 4
    assert rater.progress().jobs_waiting == 0  # no worker is needed
    segments = dict(rater.store.blobs("run"))
    for k in range(4):
        query = rater.store.next_query(f"rater {k}")
        segment = unpack_segment(segments[query.segment_id])
        clip = rater.store.clip(query.clip_sha256)
        frames, expected = decode(clip).astype(int), stack.expected(segment).astype(int)
        assert (clip.fps, clip.frames, len(segment)) == (50, len(segment), len(expected))
        assert frames.shape == expected.shape
        band = slice(1, BAND * SIZE // 600 - 1)  # its shades differ by 25 from step to step
        assert np.abs(np.median(frames[:, band] - expected[:, band], (1, 2, 3))).max() < 8
        assert np.abs(frames - expected).mean() < 4
        event = Event(f"event {k}", query.id, f"rater {k}", "rate", k % 2)
        rater.store.record(event)
    assert stack.env.collect() == 4
    rater.close()


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_only_windows_chosen_beforehand_are_drawn(share: float) -> None:
    stamped = StampedEnv([(23, "truncated")])
    env = filmed(stamped, share=share)
    num_filmed = 0
    for _ in range(20):
        env.reset()
        infos = [env.step(np.zeros(2))[-1] for _ in range(23)]
        has_frame = [info["gym_rated_frame"] is not None for info in infos]
        num_filmed += sum(has_frame)
        borders = np.flatnonzero(np.diff([0, *has_frame, 0]))
        for first, stop in zip(borders[::2], borders[1::2], strict=True):
            assert (stop - first) % 5 == 0 or stop == 23  # whole windows, begun in this episode
    assert stamped.num_drawn == num_filmed
    assert num_filmed == 460 if share == 1 else 60 < num_filmed < 170  # 115 on average


# TorchRL makes "spawn" the default, and each worker then imports torch anew.
FORKED = partial(AsyncVectorEnv, context="fork")
LONG_ENDINGS = [[(13, "terminated"), (12, "truncated")], [(3, "terminated"), (19, "terminated")]]
ENDINGS = [[(7, "terminated"), (12, "truncated")], [(3, "terminated"), (11, "truncated")]]


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize(
    ("length", "kind"), [((4,), SyncVectorEnv), ((3, 5), SyncVectorEnv), ((4,), FORKED)]
)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork")
def test_each_frame_is_of_its_step_and_no_segment_spans_a_reset(
    mode: Any, length: Any, kind: Any
) -> None:
    envs = kind(
        [
            lambda i=i, s=s: filmed(StampedEnv(s, i), i, segment_length=max(length), share=0.6)
            for i, s in enumerate(LONG_ENDINGS)
        ],
        autoreset_mode=mode,
    )
    rater = KeepingRater()
    options = {"segment_length": length, "capacity": 160, "record_frames": True}
    env = rated_vector.RatingFeedbackWrapper(envs, rater, **options)
    env.action_space.seed(0)
    env.reset()
    for _ in range(3):
        walk(env, 60)
        env.query(40)
    assert len(rater.segments) > 40
    assert {len(s) for s in rater.segments} >= set(length)
    assert any(s.obs[-1, 2] + 1 == 3 for s in rater.segments)  # falls are filmed to their end
    for segment in rater.segments:
        steps = segment.origin.first_step + np.arange(len(segment))
        assert segment.obs[:, 1:].tolist() == [[segment.origin.episode, k] for k in steps]
        ended = LONG_ENDINGS[segment.origin.env_index][segment.origin.episode % 2]
        assert len(segment) in length or ended == (steps[-1] + 1, "terminated")
        frames = pictures(segment)
        # after each step: the picture of the terminal state, and never that of the next episode
        assert np.abs(frames[:, 8, 12, 0] - 4 * (segment.origin.episode % 64)).max() < 4
        assert np.abs(frames[:, 8, -12, 0] - 4 * (steps + 1)).max() < 4
    env.close()


def test_frames_are_let_go_once_a_rater_was_offered_them() -> None:
    stack = Stack(AutoresetMode.NEXT_STEP, KeepingRater(), share=1)
    walk(stack.env, 20)
    buffer = stack.env._feedback.buffer
    assert sum(frame is not None for frame in buffer._frames.flat) > 30
    stack.env.query(2)
    assert not any(frame is not None for frame in buffer._frames.flat)
    assert stack.env.ratings.num_segments == 2


def test_after_the_last_scheduled_query_no_frames_are_kept() -> None:
    env, _ = live_stack(KeepingRater(), schedule={20: 2})
    env.reset()
    frames = env._feedback.buffer._frames
    walk(env, 9)
    assert sum(frame is not None for frame in frames.flat) > 10
    walk(env, 20)
    assert env.ratings.num_segments == 2
    assert not any(frame is not None for frame in frames.flat)


# ---- interrupted runs


def live_stack(rater: Any, **options: Any) -> tuple[Any, list[StampedEnv]]:
    stamped = [StampedEnv(s, i) for i, s in enumerate(ENDINGS)]
    envs = SyncVectorEnv(
        [lambda i=i, e=e: filmed(e, i, segment_length=4, share=1) for i, e in enumerate(stamped)]
    )
    options = {"segment_length": 4, "record_frames": True, **options}
    env = rated_vector.RatingFeedbackWrapper(envs, rater, **options)
    env.action_space.seed(0)
    return env, stamped


def test_a_resumed_run_ends_open_episodes_and_asks_about_what_was_filmed(
    tmp_path: Path,
) -> None:
    env, _ = live_stack(KeepingRater())
    env.reset()
    walk(env, 7)  # env 0 has just terminated, env 1 is in the middle of its second episode
    save_state(tmp_path, {"envs": stack_state(env)})

    rater = KeepingRater()
    again, stamped = live_stack(rater)
    load_stack_state(again, load_state(tmp_path)["envs"])
    assert [len(e.log) for e in stamped] == [0, 0]  # nothing is played again
    obs, _, terminated, truncated, _ = again.step(again.action_space.sample())
    assert (terminated.tolist(), truncated.tolist()) == ([False, False], [False, True])
    assert obs[1].tolist() == [1, 1, 3]  # as in the checkpoint: 3 steps of episode 0, a reset, 3
    assert [len(e.log) for e in stamped] == [0, 0]  # and nothing is done, beyond the reset of env 0
    walk(again, 12)
    again.query(100)
    origins = {(s.origin.env_index, s.origin.episode) for s in rater.segments}
    assert {(0, 0), (1, 0), (0, 1)} <= origins  # from before the checkpoint, and from after it
    for segment in rater.segments:
        steps = segment.origin.first_step + np.arange(len(segment))
        assert segment.obs[:, 2].tolist() == steps.tolist()
        frames = pictures(segment)
        assert np.abs(frames[:, 8, -12, 0] - 4 * (steps + 1)).max() < 4


def test_a_reset_after_a_resumption_begins_the_next_episode() -> None:
    env = filmed(StampedEnv([(9, "terminated")]))
    env.reset()
    env.step(np.zeros(2))
    again = filmed(StampedEnv([(9, "terminated")]))
    again.load_state_dict(env.state_dict())
    assert again.reset()[0].tolist() == [0, 0, 1]
    assert again.state_dict()["episode"] == 0
    again.reset()
    assert again.state_dict()["episode"] == 1
    assert not any(again.step(np.zeros(2))[2:4])


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beginning, "prepare_capture", lambda env_id: None)
    monkeypatch.setattr("gym_rated.human.pacing._POLL_S", 0.02)


@pytest.mark.long
@pytest.mark.usefixtures("hurry")
@pytest.mark.filterwarnings("ignore:the reward model was not fitted")  # to so few ratings
def test_a_script_learns_from_people_where_nothing_repeats(tmp_path: Path) -> None:
    args = script.Args(
        env_id="tests/LiveWalk-v0",
        total_timesteps=4_096,
        num_envs=4,
        num_steps=64,
        num_ratings=20,
        query_rounds=2,
        num_classes=2,
        segment_length=(10,),
        first_steps=5,
        later_steps=5,
        rater="human",
        clips="capture",
        clip_size=16,
        serve=False,
        scale="group",
        tasks=("pairwise",),
        tensorboard=False,
        max_lead=0,
        rater_timeout_s=0.05,
        run_dir=tmp_path / "run",
    )
    number = count()
    for _ in range(5):  # nobody rates while it runs: it gives up at each query, and is resumed
        try:
            script.train(args)
            break
        except TimeoutError:
            args = script.Args(resume=tmp_path / "run")
            with Store(tmp_path / "run" / "ratings.db") as store:
                assert answer_all(store, lambda segment: next(number) % 2) > 0
    assert read_result(tmp_path / "run")["num_ratings"] == 20
    with Store(tmp_path / "run" / "ratings.db") as store:
        progress = store.progress(store.runs()[0].id)
    assert (progress.rated, progress.jobs_waiting, progress.drop_reasons) == (20, 0, {})


# ---- the store


def segment_with_frames(name: str = "0-0-0") -> Segment:
    env = filmed(StampedEnv(), share=1)
    env.reset()
    frames = tuple(env.step(np.zeros(2))[-1]["gym_rated_frame"] for _ in range(2))
    segment = make_segment(name)
    vars(segment)["frames"] = frames
    return segment


def test_the_same_segment_twice_is_one_query(tmp_path: Path) -> None:
    rater = make_rater(tmp_path / "r.db")
    rater.submit([segment_with_frames()])
    rater.submit([segment_with_frames()])
    again = make_rater(tmp_path / "r.db")  # resumed from before
    again.load_state_dict(rater.state_dict() | {"names": [], "num_asked": 0})
    again.submit([segment_with_frames()])
    assert again.pending == again.progress().queries_open == 1


def test_segment_clip_and_query_appear_together_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rater = make_rater(tmp_path / "r.db")

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "add_query", killed)
        with pytest.raises(KeyboardInterrupt):
            rater.submit([segment_with_frames()])
    assert list(rater.store.blobs("run")) == []
    assert make_rater(tmp_path / "r.db").pending == 0
    rater.collect()  # what was not stored is sent again
    assert rater.progress().queries_open == 1


def test_clips_wait_in_the_checkpoint_while_the_disk_is_full(tmp_path: Path) -> None:
    rater = make_rater(tmp_path / "r.db")
    rater.store.reserve_bytes = 2**62
    with pytest.warns(UserWarning, match="1 segments wait to be stored"):
        rater.submit([segment_with_frames()])
    save_state(tmp_path / "checkpoint", rater.state_dict())
    again = make_rater(tmp_path / "r.db")
    again.load_state_dict(load_state(tmp_path / "checkpoint"))
    again.collect()
    clip = again.store.clip(again.store.next_query("ann").clip_sha256)
    assert decode(clip).shape == (2, 48, 96, 3)
    assert clip.fps == 20


# ---- what is refused


@pytest.mark.parametrize("is_vector", [False, True])
def test_frames_that_nobody_takes_are_missed_at_the_first_step(is_vector: bool) -> None:
    env: Any = SeededEpisodes(ScriptedEnv(), 0)
    kind: Any = RatingFeedbackWrapper
    if is_vector:
        env, kind = SyncVectorEnv([lambda: SeededEpisodes(ScriptedEnv(), 0)]), rated_vector
        kind = rated_vector.RatingFeedbackWrapper
    env = kind(env, KeepingRater(), record_frames=True)
    env.reset()
    with pytest.raises(ValueError, match=r"`record_frames` needs gym_rated.human.CapturedEpisodes"):
        env.step(env.action_space.sample())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"share": 0}, ValueError, r"`share` must lie in \(0, 1\], got 0"),
        ({"share": 1.1}, ValueError, r"`share` must lie in \(0, 1\], got 1.1"),
        ({"segment_length": 0}, ValueError, "`segment_length` must be at least 1, got 0"),
        ({"size": 8}, ValueError, "`size` must be at least 16, got 8"),
        ({"quality": "best"}, ValueError, "`quality` must be one of fast, nice, got 'best'"),
    ],
)
def test_wrong_arguments_are_refused(options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        filmed(StampedEnv(), **options)


def test_an_environment_without_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`env.render_mode` must be 'rgb_array' .* got None for"):
        filmed(LiveWalk())


def test_a_picture_that_is_none_is_an_error_that_says_so() -> None:
    class Blind(StampedEnv):
        def render(self) -> Any:
            return None

    env = filmed(Blind(), share=1)
    env.reset()
    with pytest.raises(CannotRender, match=r"must return uint8 of shape \(H, W, 3\), got NoneType"):
        env.step(np.zeros(2))


def test_scripts_film_three_times_what_they_will_ask_about(tmp_path: Path) -> None:
    flags = {"rater": "human", "clips": "capture", "segment_length": (50,), "num_ratings": 200}
    args = script.Args(**flags, total_timesteps=100_000, run_dir=tmp_path)
    env = gym.make("CartPole-v1", render_mode="rgb_array")
    made = parts.make_episodes(args, env, 2)
    # 3 * 200 * 50 of the 70,000 steps until the last query
    assert made.spec.additional_wrappers[-1].kwargs["share"] == pytest.approx(30_000 / 70_000)
    few = script.Args(**flags | {"num_ratings": 10}, total_timesteps=100_000, run_dir=tmp_path)
    made = parts.make_episodes(few, env, 2)
    assert made.spec.additional_wrappers[-1].kwargs["share"] == 0.25
    recorded = {"capacity": None, "record_replay": False, "record_frames": True}
    assert parts.recording(args) == recorded
    # 40 segments of 50 steps at the first query, of which 30 / 70 are filmed, and a quarter more
    first = min(parts.make_schedule(args, 100_000, 1, (50,)))
    assert first == int(np.ceil(1.25 * 40 * 50 / (30_000 / 70_000)))
    assert type(parts.make_episodes(script.Args(), env, 0)) is SeededEpisodes
