"""Bonuses for new images."""

import numpy as np
import pytest

from gym_rated.exploration import CoarseImages, KnnEntropy, make_bonus

NAMES = ("knn-entropy", "rnd")
NOTHING = np.zeros((64, 1), np.float32)


class Remembering:
    """Keeps what it is asked about, and pays the first number of each."""

    def __init__(self, obs_dim):
        self.obs_dim = obs_dim

    def __call__(self, obs, actions):
        self.obs = obs
        return obs[:, 0]


def images(columns, height=24, width=24):
    """Dark images with a bright column, flattened."""
    made = np.zeros((len(columns), height, width, 1), np.uint8)
    made[np.arange(len(columns)), :, columns] = 255
    return made.reshape(len(columns), -1)


def test_a_bonus_sees_the_means_of_eight_by_eight_cells_of_each_channel():
    bonus = CoarseImages((16, 8, 2), Remembering)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 8, 2)).astype(np.uint8)
    paid = bonus(pixels.reshape(3, -1), NOTHING[:3])
    cells = pixels.reshape(3, 8, 2, 8, 2).mean(2) / 255
    assert bonus.bonus.obs_dim == 8 * 8 * 2
    assert bonus.bonus.obs == pytest.approx(cells.reshape(3, -1), abs=1e-6)
    assert paid == pytest.approx(cells[:, 0, 0, 0], abs=1e-6)


def test_small_images_keep_their_pixels():
    bonus = CoarseImages((2, 3), Remembering)
    bonus(np.array([[0, 51, 102, 153, 204, 255]], np.uint8), NOTHING[:1])
    assert bonus.bonus.obs == pytest.approx(np.array([[0, 0.2, 0.4, 0.6, 0.8, 1]]))


@pytest.mark.parametrize("name", NAMES)
def test_images_that_were_seen_pay_less_than_new_ones(name):
    bonus, rng = make_bonus(name, 24 * 24, image_shape=(24, 24)), np.random.default_rng(0)
    for _ in range(60):
        bonus(images(rng.integers(0, 12, 64)), NOTHING)
    seen, new = (bonus.score(images(np.arange(a, a + 12)), NOTHING[:12]) for a in (0, 12))
    assert seen.max() < new.min()


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_bonus_of_images_goes_on_as_if_it_had_not_stopped(name):
    batches = [images(np.random.default_rng(k).integers(0, 24, 64)) for k in range(8)]
    whole, resumed = (make_bonus(name, 576, seed, (24, 24)) for seed in (1, 2))
    paid = [whole(batch, NOTHING) for batch in batches[:4]]
    resumed.load_state_dict(whole.state_dict())
    for batch in batches[4:]:
        paid = whole(batch, NOTHING), resumed(batch, NOTHING)
        assert np.array_equal(*paid)


def test_other_images_are_refused():
    bonus = CoarseImages((24, 24), KnnEntropy)
    with pytest.raises(ValueError, match=r"`obs` must hold images of shape \(24, 24, 1\), got sha"):
        bonus(np.zeros((2, 10)), NOTHING[:2])
    with pytest.raises(ValueError, match="`image_shape` must be at least 1, got 0"):
        CoarseImages((24, 0), KnnEntropy)
