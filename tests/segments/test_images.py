"""What counts as an image, and what is left of one that is shrunk."""

import numpy as np
import pytest
from gymnasium import spaces

from gym_rated.segments.images import AreaMeans, has_channels_last, image_sizes, is_image


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (spaces.Box(0, 255, (8, 8), np.uint8), True),
        (spaces.Box(0, 255, (8, 8, 3), np.uint8), True),
        (spaces.Box(0, 255, (8,), np.uint8), False),
        (spaces.Box(0, 1, (8, 8, 3), np.float32), False),
        (spaces.Discrete(3), False),
    ],
)
def test_an_image_is_a_box_of_bytes_with_rows_and_columns(space, expected):
    assert is_image(space) is expected


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((96, 96), True),
        ((2, 96), True),
        ((96, 96, 3), True),
        ((7, 7, 12), True),  # four coloured frames of a small grid
        ((4, 84, 84), False),
        ((3, 210, 160), False),
        ((16, 48, 48), False),
        ((2, 8, 8, 3), False),
    ],
)
def test_channels_are_told_from_rows_by_their_number(shape, expected):
    assert has_channels_last(spaces.Box(0, 255, shape, np.uint8)) is expected


def test_an_image_without_channels_has_one():
    assert image_sizes((5, 6)) == (5, 6, 1)
    assert image_sizes((5, 6, 3)) == (5, 6, 3)


def test_a_new_pixel_is_the_mean_of_the_area_that_it_covers():
    row = np.array([[[[30.0], [60.0], [90.0]]]])  # three pixels become two of one and a half
    shrunk = AreaMeans(1, 3, 1, 2)(row)
    assert shrunk.shape == (1, 1, 2, 1)
    assert shrunk.ravel() == pytest.approx([(30 + 60 / 2) / 1.5, (60 / 2 + 90) / 1.5])


def test_channels_and_images_are_shrunk_each_by_itself():
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3)).astype(np.uint8)
    means = images.reshape(5, 2, 2, 3, 2, 3).mean((2, 4))
    assert AreaMeans(4, 6, 2, 3)(images) == pytest.approx(means)
    assert (AreaMeans(4, 6, 4, 6)(images) == images).all()
