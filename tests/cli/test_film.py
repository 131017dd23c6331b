"""Films of a trained policy."""

import json
import shutil

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from gym_rated.agents.policy import Policy
from gym_rated.cli import main
from gym_rated.cli.commands.film import play
from gym_rated.environments.rendering import CannotRender
from gym_rated.plots.film import save_film


@pytest.fixture
def run(tmp_path):
    """A run on CartPole whose policy pushes against the pole's fall."""
    layers = {
        "actor.0.weight": np.eye(4, dtype=np.float32),
        "actor.0.bias": np.zeros(4, np.float32),
    }
    last = np.array([[0, 0, -5, -5], [0, 0, 5, 5]], np.float32)
    layers |= {"actor.2.weight": last, "actor.2.bias": np.zeros(2, np.float32)}
    moments = {"obs_mean": np.zeros(4), "obs_var": np.ones(4)}
    save_file(layers | moments, tmp_path / "policy.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"args": {"env_id": "CartPole-v1"}}))
    return tmp_path


def test_a_policy_plays_one_episode_the_same_from_the_same_seed(run):
    policy = Policy.load(run)
    env = gym.make("CartPole-v1")
    assert play(env, policy, 0, None) == play(env, policy, 0, None) > 100
    rng, again = np.random.default_rng(1), np.random.default_rng(1)
    assert play(env, policy, 0, rng) == play(env, policy, 0, again)


def test_episodes_become_videos(run, capsys, monkeypatch):
    monkeypatch.setattr("gym_rated.cli.commands.film.play", lambda env, *_: few_steps(env))
    assert main(["film", str(run), "--episodes", "2", "--out", str(run / "films")]) == 0
    assert "2 episodes with true returns 3.0, 3.0" in capsys.readouterr().out
    videos = sorted(path.name for path in (run / "films").glob("*.mp4"))
    assert videos == ["rl-video-episode-0.mp4", "rl-video-episode-1.mp4"]


def test_each_run_gets_its_videos(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("gym_rated.cli.commands.film.play", lambda env, *_: few_steps(env))
    other = tmp_path / "other"
    shutil.copytree(run, other, ignore=shutil.ignore_patterns("other"))
    assert main(["film", str(run), str(other), "--episodes", "1"]) == 0
    folders = [folder / "videos" / "policy" for folder in (run, other)]
    assert [len(list(folder.glob("*.mp4"))) for folder in folders] == [1, 1]
    assert main(["film", str(run), str(other), "--out", str(tmp_path / "films")]) == 2
    assert "`out` must be left out for several runs" in capsys.readouterr().err


def test_runs_are_filmed_side_by_side_with_random_actions(run, tmp_path):
    path = tmp_path / "films" / "all.webp"
    assert main(["film", str(run), "--side-by-side", str(path), "--seconds", "1"]) == 0
    with Image.open(path) as film:
        assert film.n_frames == 25  # CartPole has 50 steps a second
        first = np.asarray(film.convert("RGB"))
        film.seek(film.n_frames - 1)
        last = np.asarray(film.convert("RGB"))
    half = first.shape[1] // 2
    assert abs(first[:, :half].astype(int) - last[:, :half]).max() > 100  # the random one moves
    assert (first < 100).any((0, 2))[half:].any()  # and the run is drawn beside it


def test_films_beside_each_other_are_as_high_as_asked_and_named_as_given(
    run, tmp_path, monkeypatch
):
    link = tmp_path / "rated"
    link.symlink_to(run)
    titles = []

    def save(panels, path, **options):
        titles.extend(title for title, _ in panels)
        save_film(panels, path, **options)

    monkeypatch.setattr("gym_rated.plots.film.save_film", save)
    path = tmp_path / "all.webp"
    words = ["--side-by-side", str(path), "--seconds", "0.1", "--height", "100"]
    assert main(["film", str(link), *words]) == 0
    assert titles == ["random actions", "rated"]  # of a link, its own name
    with Image.open(path) as film:
        assert 100 < film.height < 140  # with the line of titles


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--side-by-side", "all.gif"], "`side_by_side` must end in .webp, got all.gif"),
        (["--side-by-side", "a.webp", "--seconds", "nan"], "`seconds` must lie in [0.1, 60]"),
        (["--episodes", "0"], "`episodes` must be at least 1, got 0"),
        (["--height", "15"], "`height` must be at least 16, got 15"),
        (["--height", "361"], "`height` must be at most 360, got 361"),
    ],
)
def test_wrong_flags_are_refused_before_anything_is_played(run, capsys, monkeypatch, flags, said):
    monkeypatch.setattr("gym_rated.cli.commands.film.make_env", None)
    assert main(["film", str(run), *flags]) == 2
    assert said in capsys.readouterr().err
    assert main(["film"]) == 2
    assert "`runs` must name at least one run" in capsys.readouterr().err


def few_steps(env):
    env.reset(seed=0)
    return sum(float(env.step(0)[1]) for _ in range(3))


def test_what_cannot_be_filmed_is_said(run, tmp_path, capsys, monkeypatch):
    assert main(["film", str(tmp_path / "nothing")]) == 2
    assert "`runs` must hold a run" in capsys.readouterr().err

    def cannot(env_id):
        raise CannotRender(f"gym_rated cannot render {env_id}: no offscreen OpenGL")

    monkeypatch.setattr("gym_rated.cli.commands.film.ensure_rendering", cannot)
    assert main(["film", str(run)]) == 2
    assert "cannot render CartPole-v1" in capsys.readouterr().err
    (run / "policy.safetensors").unlink()
    assert main(["film", str(run)]) == 2
    assert "of a finished run" in capsys.readouterr().err
