"""`gym-rated fit` on images: recorded ones have their shape, of a ratings file somebody says it."""

import gymnasium as gym
import numpy as np
import pytest
from recordings import record

from gym_rated import ConvRewardEnsemble, LearnedRewardWrapper, Origin, Rating, RatingDataset
from gym_rated.cli import main
from gym_rated.recorded import EpisodeFiles, rate_by_rows
from gym_rated.recorded.episode import Episode
from gym_rated.reward_model import load_reward_model
from gym_rated.segments import Segment

SHAPE = (6, 8, 2)
QUICK = ("--steps", "60", "--hidden-sizes", "8", "--num-members", "2")


class Screen(gym.Env):
    """The further right the bright column of a noisy screen, the better; nobody wrote a reward."""

    observation_space = gym.spaces.Box(0, 255, SHAPE, np.uint8)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.column, self.steps = int(self.np_random.integers(8)), 0
        return self.screen(), {}

    def step(self, action):
        self.column = int(np.clip(self.column + np.sign(action[0]), 0, 7))
        self.steps += 1
        return self.screen(), 0.0, False, self.steps >= 20, {}

    def screen(self):
        screen = self.np_random.integers(0, 60, SHAPE, dtype=np.uint8)
        screen[:, self.column] = 255
        return screen


gym.register("Screen-v0", entry_point=f"{__name__}:Screen")


@pytest.fixture
def recorded(tmp_path):
    """Twelve recorded episodes, and a table of what somebody said of each five steps."""
    rng, lines = np.random.default_rng(0), ["episode,start,stop,rating"]
    (tmp_path / "episodes").mkdir()
    env = Screen()
    for number in range(12):
        obs, actions = [env.reset(seed=number)[0]], rng.uniform(-1, 1, (20, 1)).astype(np.float32)
        columns = []
        for action in actions:
            columns.append(env.column)
            obs.append(env.step(action)[0])
        np.savez(tmp_path / f"episodes/ep{number}.npz", observations=obs, actions=actions)
        for start in range(0, 20, 5):
            mean = np.mean(columns[start : start + 5])
            lines.append(f"ep{number},{start},{start + 5},{int(mean > 2) + int(mean > 5)}")
    (tmp_path / "ratings.csv").write_text("\n".join(lines))
    return ("--episodes", str(tmp_path / "episodes"), "--ratings", str(tmp_path / "ratings.csv"))


def columns_of(model) -> list[float]:
    """Return the reward of a still screen for each place of its bright column."""
    screens = np.full((8, *SHAPE), 30, np.uint8)
    for column in range(8):
        screens[column, :, column] = 255
    return model.predict(screens.reshape(8, -1), np.zeros((8, 1), np.float32)).tolist()


@pytest.mark.parametrize("named", [(), ("--env-id", "Screen-v0")])
def test_recorded_images_become_a_reward_that_a_wrapper_pays(recorded, named, tmp_path, capsys):
    out = tmp_path / "model"
    assert main(["fit", *recorded, *named, *QUICK, "--out", str(out)]) == 0
    model = load_reward_model(out)
    assert isinstance(model, ConvRewardEnsemble)
    assert (model.image_shape, model.hidden_size, model.num_members) == (SHAPE, 8, 2)
    rewards = columns_of(model)
    assert min(rewards[6:]) > max(rewards[:2])  # what was rated, and not which action was taken
    env = LearnedRewardWrapper(gym.make("Screen-v0"), str(out), features="pixels")
    obs, _ = env.reset(seed=1)
    reward = env.step(np.zeros(1, np.float32))[1]
    assert reward == model.predict(obs.reshape(1, -1), np.zeros((1, 1), np.float32))[0]
    assert (out / "report.html").exists()


def test_images_of_a_minari_dataset_become_a_reward(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    dataset, lines = record("Screen-v0", 12, "test/screens-v0"), ["episode,start,stop,rating"]
    for episode in dataset:
        columns = (episode.observations == 255).all((1, 3)).argmax(1)
        for start in range(0, 20, 5):
            mean = columns[start : start + 5].mean()
            rating = int(mean > 2) + int(mean > 5)
            lines.append(f"{episode.id},{start},{start + 5},{rating}")
    (tmp_path / "ratings.csv").write_text("\n".join(lines))
    words = ["fit", "--minari", "test/screens-v0", "--ratings", str(tmp_path / "ratings.csv")]
    assert main([*words, *QUICK, "--out", str(tmp_path / "model")]) == 0
    model = load_reward_model(tmp_path / "model")
    assert model.image_shape == SHAPE
    rewards = columns_of(model)
    assert min(rewards[6:]) > max(rewards[:2])


def test_images_smaller_than_the_environment_s_are_fitted_as_they_were_recorded():
    small = {"a": images((3, 4, 2)), "b": images((3, 4, 2))}
    ratings = rate_by_rows(small, ROWS, env_id="Screen-v0", features="pixels")
    assert (ratings.obs_dim, ratings.obs_dtype, ratings.action_dim) == (24, np.uint8, 1)


def images(shape) -> Episode:
    obs = np.random.default_rng(0).integers(0, 255, (4, *shape), dtype=np.uint8)
    return Episode(obs, np.zeros((4, 1), np.float32))


ROWS = [{"episode": "a", "rating": 0}, {"episode": "b", "rating": 1}]


def test_images_of_two_shapes_are_not_mixed():
    mixed = {"a": images((6, 8, 2)), "b": images((8, 6, 2))}  # as many numbers
    with pytest.raises(ValueError, match=r"episode 'b': its images have the shape \(8, 6, 2\)"):
        rate_by_rows(mixed, ROWS, features="pixels")


def test_images_with_their_channels_first_are_refused(tmp_path, capsys):
    obs, actions = np.zeros((4, 3, 20, 20), np.uint8)[:, :, :1], np.zeros((4, 1), np.float32)
    np.savez(tmp_path / "a.npz", observations=obs, actions=actions)
    (tmp_path / "ratings.csv").write_text("episode,rating\na,1\n")
    words = ["--episodes", str(tmp_path / "a.npz"), "--ratings", str(tmp_path / "ratings.csv")]
    assert main(["fit", *words, "--out", str(tmp_path / "new")]) == 2
    assert (
        "must have their channels last, (T, H, W, C), got (4, 3, 1, 20)" in capsys.readouterr().err
    )


@pytest.fixture
def file(recorded, tmp_path):
    """The same ratings as a file, which has rows of bytes."""
    episodes = EpisodeFiles(recorded[1])
    ratings = rate_by_rows(episodes, recorded[3], env_id="Screen-v0", features="pixels")
    ratings.save(tmp_path / "ratings.npz")
    return str(tmp_path / "ratings.npz")


@pytest.mark.parametrize("said", [(), ("--image-shape", "6", "8", "2")])
def test_a_file_is_fitted_in_the_shape_of_its_environment_or_as_said(file, said, tmp_path):
    out = tmp_path / "model"
    assert main(["fit", "--ratings", file, *said, *QUICK, "--out", str(out)]) == 0
    rewards = columns_of(load_reward_model(out))
    assert min(rewards[6:]) > max(rewards[:2])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--image-shape", "6", "8", "3"), "of images of 96 numbers, got (6, 8, 3); pass --image"),
        (("--image-shape", "96"), "`image_shape` must be height, width and channels of images of"),
        (("--image-shape", "-6", "-8", "2"), "of images of 96 numbers, got (-6, -8, 2); pass"),
        (("--env-id", "Pendulum-v1"), "of images of 96 numbers, got (), as the environment shows"),
        (("--env-id", "CartPole-v1"), "with 1 numbers in an action, got CartPole-v1 with 2; leave"),
    ],
)
def test_a_shape_that_images_cannot_have_is_refused(file, words, said, tmp_path, capsys):
    assert main(["fit", "--ratings", file, *words, "--out", str(tmp_path / "new")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_another_shape_than_was_recorded_is_refused(recorded, tmp_path, capsys):
    words = ["fit", *recorded, "--image-shape", "8", "6", "2", "--out", str(tmp_path / "new")]
    assert main(words) == 2
    said = "`image_shape` must be (6, 8, 2), as recorded, got (8, 6, 2); leave it out"
    assert said in capsys.readouterr().err


def test_a_shape_of_vectors_is_refused(tmp_path, capsys):
    ratings = RatingDataset(3, 1, 2, env_id="Pendulum-v1")
    steps = np.zeros((2, 3), np.float32), np.zeros((2, 1), np.float32)
    ratings.add([Segment("a", *steps, np.zeros(2), 0, Origin(0, 0, 0, 0))])
    ratings.update([Rating("a", 1, "ann")])
    ratings.save(tmp_path / "ratings.npz")
    words = ["--ratings", str(tmp_path / "ratings.npz"), "--image-shape", "1", "3"]
    assert main(["fit", *words, "--out", str(tmp_path / "new")]) == 2
    assert (
        "`image_shape` must be left out where observations are vectors" in capsys.readouterr().err
    )
