"""Images that are shrunk, gray, and stacked: every pixel by hand."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import SpaceEnv

from gym_rated import SeededEpisodes
from gym_rated.environments.images import SmallImages, with_images

ACTIONS = gym.spaces.Discrete(2)


class Counting(SpaceEnv):
    """Images whose pixels all say how many steps the episode has had."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(gym.spaces.Box(0, 255, shape, np.uint8), ACTIONS)

    def _obs(self) -> Any:
        return np.full(self.observation_space.shape, self.num_steps, np.uint8)


class Still(SpaceEnv):
    """One image for ever."""

    def __init__(self, image: Any) -> None:
        self.image = np.array(image, np.uint8)
        super().__init__(gym.spaces.Box(0, 255, self.image.shape, np.uint8), ACTIONS)

    def _obs(self) -> Any:
        return self.image


def test_pixels_are_means_of_brightness() -> None:
    red, green = [255, 0, 0], [0, 255, 0]
    env = SmallImages(Still([[red, red], [green, green]]), image_size=1, gray=True)
    obs, _ = env.reset(seed=0)
    assert env.observation_space == gym.spaces.Box(0, 255, (1, 1, 1), np.uint8)
    assert env.observation_space.contains(obs)
    assert obs.tolist() == [[[round(255 * (0.299 + 0.587) / 2)]]]


def test_colours_stay_where_only_the_size_changes() -> None:
    env = SmallImages(Still([[[10, 0, 7], [20, 0, 7]], [[30, 1, 7], [40, 1, 7]]]), image_size=1)
    assert env.reset(seed=0)[0].tolist() == [[[25, 0, 7]]]  # 0.5 is rounded to even


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1), (3, 4, 2)])
def test_frames_stand_among_the_channels_the_oldest_first(shape: tuple[int, ...]) -> None:
    env = SmallImages(Counting(shape), frame_stack=3)
    depth = 1 if len(shape) == 2 else shape[2]
    assert env.observation_space.shape == (3, 4, 3 * depth)
    seen = [env.reset(seed=0)[0], *(env.step(0)[0] for _ in range(3))]
    assert [obs[0, 0, ::depth].tolist() for obs in seen] == [
        [0, 0, 0],  # the first of an episode several times
        [0, 0, 1],
        [0, 1, 2],
        [1, 2, 3],
    ]
    assert all((obs == obs[0, 0]).all() for obs in seen)
    assert env.reset()[0][0, 0, ::depth].tolist() == [0, 0, 0]  # nothing of the last episode


def test_stacked_frames_are_found_again_by_replay() -> None:
    env = SeededEpisodes(SmallImages(Counting((3, 4)), frame_stack=2), 1)
    env.reset()
    for _ in range(3):
        obs = env.step(0)[0]
    again = SeededEpisodes(SmallImages(Counting((3, 4)), frame_stack=2), 1)
    again.load_state_dict(env.state_dict())
    assert (again.reset()[0] == obs).all()


def test_without_a_wish_nothing_is_wrapped() -> None:
    env = gym.make("CartPole-v1")
    assert with_images(env) is env
    assert isinstance(with_images(Counting((4, 4)), 2), SmallImages)


@pytest.mark.parametrize(
    ("shape", "flags", "error"),
    [
        ((4, 4), {"image_size": 5}, "`image_size` must be at most 4 for .*, got 5"),
        ((4, 4), {"image_size": 0}, "`image_size` must be at least 1, got 0"),
        ((4, 4), {"frame_stack": 101}, "`frame_stack` must be at most 100, got 101"),
        ((4, 4), {"gray": "yes"}, "`gray` must be True or False, got 'yes'"),
        ((4, 4, 2), {"gray": True}, "`gray` must be left out where images have no colours"),
        ((4,), {"gray": True}, "`gray` must be left out unless observations are images"),
        ((3, 9, 9), {"image_size": 2}, r"`image_size` must be left out unless .*got 2 for Box\(0"),
        ((4,), {"frame_stack": 2}, "`frame_stack` must be left out unless .*got 2"),
    ],
)
def test_what_cannot_be_made_is_refused(shape: Any, flags: Any, error: str) -> None:
    with pytest.raises((TypeError, ValueError), match=error):
        SmallImages(Counting(shape), **flags)
