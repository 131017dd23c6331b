"""Episodes for who watches: of real runs, one ahead, kept over a restart."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from gym_rated.assembly import playing
from gym_rated.assembly.playing import Drawing, Episode, Watched
from gym_rated.assembly.present import args_of
from gym_rated.assembly.theatre import ON_DISK, Theatre
from gym_rated.checkpoint import load_state
from gym_rated.human.segment_job import make_job
from gym_rated.reward_model import load_reward_model

FIXTURES = Path(__file__).parents[1] / "fixtures"
SMALL = Drawing(size=64)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Episodes of 12 steps; these environments need no OpenGL, so that none is looked for."""
    monkeypatch.setattr(playing, "MOST_STEPS", 12)
    monkeypatch.setattr(playing, "choose_backend", lambda *args, **kwargs: None)


def unpacked(name: str, tmp_path: Path) -> Path:
    shutil.unpack_archive(FIXTURES / f"{name}.zip", tmp_path)
    return tmp_path / name


class Counting:
    """Plays episodes of two steps at once."""

    def __init__(self, fails: int = 0) -> None:
        self.played, self.numbers, self.fails = 0, [], fails

    def play(self, sitting: int, number: int) -> Episode:
        if self.fails:
            self.fails -= 1
            raise ValueError("`policy` must act")
        self.numbers.append(number)
        return episode(sitting, number)

    def stop(self) -> None:
        self.is_stopped = True

    def close(self) -> None:
        self.numbers.append(-1)


def episode(sitting: int = 0, number: int = 0, steps: int = 2) -> Episode:
    obs = np.arange(2.0 * steps, dtype=np.float32).reshape(steps, 2)
    frames = tuple(bytes([k] * (k + 1)) for k in range(steps))
    rewards = np.arange(steps, dtype=np.float64)
    return Episode(sitting, number, 7, obs, obs[:, :1], rewards, rewards / 2, frames, 30.0, False)


def wait_for(ask):
    """Return what an episode is once it is there."""
    for _ in range(2_000):
        if (found := ask()) is not None:
            return found
        threading.Event().wait(0.01)
    raise AssertionError("no episode came")


def test_a_finished_run_is_watched_by_what_it_saved(tmp_path):
    run = unpacked("ppo_finished", tmp_path)
    watched = Watched(run, drawing=SMALL)
    found = watched.play(0, 0)
    watched.close()
    assert (found.step, watched.length, len(found.frames), found.is_cut) == (3_584, 20, 12, True)
    model = load_reward_model(run / "reward_model")
    np.testing.assert_array_equal(found.learned, model.predict(found.obs, found.actions))
    assert all(frame.startswith(b"\xff\xd8") for frame in found.frames)  # JPEG
    assert (found.true_rewards < 0).all()  # as Pendulum pays


@pytest.mark.parametrize("name", ["ppo_killed", "ppo_discrete_killed", "sac_killed"])
def test_a_run_without_an_end_is_watched_by_its_checkpoint(name, tmp_path):
    run = unpacked(name, tmp_path)
    counters = load_state(run / "checkpoint")["counters"]
    watched = Watched(run, drawing=SMALL)
    found = watched.play(0, 0)
    watched.close()
    assert found.step in counters
    assert found.learned.shape == (12,)
    assert np.ptp(found.learned) > 0


@pytest.mark.parametrize("name", ["ppo_killed", "sac_killed"])
def test_a_run_is_watched_with_another_time_limit_than_it_trains_with(name, tmp_path):
    run = unpacked(name, tmp_path)
    assert "max_episode_steps" not in (run / "config.json").read_text()
    watched = Watched(run, env_kwargs={"max_episode_steps": 6}, drawing=SMALL)
    found = watched.play(0, 0)
    watched.close()
    assert (len(found.frames), found.is_cut, watched.length) == (6, False, 3)
    full = Watched(run, drawing=SMALL)
    np.testing.assert_allclose(full.play(0, 0).learned[:6], found.learned, rtol=1e-5)
    full.close()


def test_an_episode_is_left_within_a_step_when_nobody_watches_any_more(tmp_path):
    watched = Watched(unpacked("ppo_discrete_killed", tmp_path), drawing=SMALL)
    watched.stop()
    with pytest.raises(InterruptedError, match="nobody watches"):
        watched.play(0, 0)
    assert watched.played == 0


def test_each_episode_is_another_and_comes_again_from_its_numbers(tmp_path):
    watched = Watched(unpacked("ppo_discrete_killed", tmp_path), drawing=SMALL)
    again = Watched(tmp_path / "ppo_discrete_killed", drawing=SMALL)
    first, second, twin = watched.play(3, 0), watched.play(3, 1), again.play(3, 0)
    assert first.id == "watched-3-0"
    np.testing.assert_array_equal(first.obs, twin.obs)
    assert not np.array_equal(first.obs[0], second.obs[0])


def test_a_run_that_trains_on_is_shown_as_it_is_then(tmp_path, monkeypatch):
    run = unpacked("ppo_discrete_killed", tmp_path)
    watched = Watched(run, drawing=SMALL)
    read = []
    original = playing.read_present
    monkeypatch.setattr(playing, "read_present", lambda *args: read.append(1) or original(*args))
    watched.play(0, 0)
    assert read == []
    manifest = run / "checkpoint" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes())  # as a script does that saves
    watched.play(0, 1)
    assert read == [1]


def test_a_run_without_a_learned_reward_is_refused_with_what_films_it(tmp_path):
    run = unpacked("ppo_finished", tmp_path)
    config = run / "config.json"
    config.write_text(config.read_text().replace('"reward": "rated"', '"reward": "true"'))
    with pytest.raises(ValueError, match=r"`run` must be of a learned reward .*'true'; `gym-"):
        args_of(run)


def test_a_run_with_nothing_to_show_yet_says_what_to_wait_for(tmp_path):
    run = unpacked("ppo_killed", tmp_path)
    shutil.rmtree(run / "checkpoint")
    with pytest.raises(FileNotFoundError, match=r"`run` must have a checkpoint or a saved policy"):
        Watched(run)


def test_a_function_that_a_folder_names_is_not_imported(tmp_path):
    run = unpacked("ppo_killed", tmp_path)
    config = run / "config.json"
    named = config.read_text().replace('"args": {', '"args": {"features": "os:getcwd",')
    config.write_text(named.replace('"repel_coef": 0.1', '"repel_coef": 0.0'))
    with pytest.raises(ValueError, match=r"`features` must name no module .*--features os:getcwd"):
        args_of(run)
    assert args_of(run, features="os:getcwd").features == "os:getcwd"


def test_a_segment_of_an_episode_has_its_steps_its_pictures_and_no_true_reward():
    cut = episode(2, 5, steps=4).segment(1, 2)
    assert (cut.id, cut.round, len(cut)) == ("watched-2-5-1", 2, 2)
    assert cut.obs.tolist() == [[2, 3], [4, 5]]
    assert cut.frames == (b"\x01\x01", b"\x02\x02\x02")
    assert np.isnan(cut.true_rewards).all()
    assert (cut.origin.episode, cut.origin.first_step, cut.origin.policy_step) == (5, 1, 7)
    with pytest.raises(ValueError, match=r"`first_step` must lie in \[0, 2\] for 2 of 4 .* got 3"):
        episode(steps=4).segment(3, 2)


def test_a_rated_segment_brings_the_clip_that_was_seen(tmp_path):
    watched = Watched(unpacked("ppo_discrete_killed", tmp_path), drawing=SMALL)
    found = watched.play(0, 0)
    job = make_job(found.segment(2, 5), 0, {"env_id": watched.env_id, "env_kwargs": {}})
    assert job.segment_id.startswith("watched-0-0-2-")
    assert (job.clip.frames, job.clip.fps, job.clip.width) == (5, 50.0, 64)
    assert (job.recipe["round"], job.recipe["length"]) == (0, 5)


def test_one_episode_is_played_ahead_and_no_more(tmp_path):
    player = Counting()
    theatre = Theatre(player, tmp_path)
    first = wait_for(lambda: theatre.after(""))
    wait_for(lambda: player.numbers[1:2] or None)
    threading.Event().wait(0.1)
    assert (first.id, player.numbers) == ("watched-0-0", [0, 1])
    second = wait_for(lambda: theatre.after(first.id))
    assert second.id == "watched-0-1"
    theatre.close()
    assert player.numbers[-1] == -1  # and what draws is freed


def test_the_last_episodes_are_there_after_a_kill_under_the_names_they_had(tmp_path):
    theatre = Theatre(Counting(), tmp_path)
    for number in range(ON_DISK + 1):
        last = wait_for(lambda n=number: theatre.after(f"watched-0-{n - 1}" if n else ""))
    theatre.close()
    again = Theatre(Counting(), tmp_path)
    assert again.sitting == 1
    found = again.episode(last.id)
    np.testing.assert_array_equal(found.obs, last.obs)
    assert found.frames == last.frames
    assert again.episode("watched-0-0") is None  # it was before the last few
    assert again.episode("../run") is None
    assert wait_for(lambda: again.after(last.id)).id == "watched-1-0"
    again.close()


def test_why_no_episode_comes_is_said_until_one_does(tmp_path, monkeypatch):
    player = Counting(fails=1)
    theatre = Theatre(player, tmp_path)
    wait_for(lambda: theatre.after("") or theatre.problem or None)
    assert theatre.problem == "ValueError: `policy` must act"
    assert theatre.after("") is None
    theatre.close()
