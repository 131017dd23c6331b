"""Which environment ratings are about, and which shape their images have."""

import math

from gym_rated.environments.making import make_env
from gym_rated.imports import check_imports_nothing
from gym_rated.ratings import RatingDataset
from gym_rated.segments.encoding import action_dim, obs_dim
from gym_rated.segments.images import is_image


def check_env(env_id: str | None, ratings: RatingDataset) -> str:
    """Return the id of the environment that ratings of vectors are about, checked against them.

    Args:
        env_id: What a user typed.
        ratings: The ratings.

    Raises:
        ValueError: If no environment is known, or its spaces do not fit the ratings.
    """
    env_id = _known(env_id, ratings)
    env = make_env(env_id)
    env.close()
    theirs = obs_dim(env.observation_space), action_dim(env.action_space)
    if theirs != (ratings.obs_dim, ratings.action_dim):
        raise ValueError(
            f"`env_id` must be the environment that was rated, with {ratings.obs_dim} "
            f"numbers in an observation and {ratings.action_dim} in an action, "
            f"got {env_id} with {theirs[0]} and {theirs[1]}"
        )
    return env_id


def check_shape(
    typed: tuple[int, ...],
    ratings: RatingDataset,
    recorded: tuple[int, ...] = (),
    env_id: str | None = None,
) -> tuple[int, ...]:
    """Return the shape of the images that ratings are about, of which a file knows the size alone.

    Args:
        typed: What a user typed; () for nothing.
        ratings: The ratings.
        recorded: The shape that recorded episodes have; () where ratings are a file.
        env_id: What a user typed; it need not be given where the shape is.

    Raises:
        ValueError: If nothing says the shape, or what says it does not fit the ratings.
    """
    if recorded and typed not in ((), recorded):
        raise ValueError(
            f"`image_shape` must be {recorded}, as recorded, got {typed}; leave it out"
        )
    shape = typed or recorded
    if not recorded and (not typed or env_id is not None):
        shown = _shown(_known(env_id, ratings), ratings)
        shape = typed or shown
    if len(shape) not in (2, 3) or min(shape) < 1 or math.prod(shape) != ratings.obs_dim:
        raise ValueError(
            "`image_shape` must be height, width and channels of images of "
            f"{ratings.obs_dim} numbers, got {shape}"
            f"{'' if typed else ', as the environment shows them'}; pass --image-shape, 48 48 3 "
            "for a run with --image-size 48 --gray --frame-stack 3"
        )
    return shape


def _known(env_id: str | None, ratings: RatingDataset) -> str:
    """Return what a user typed, or what the ratings name."""
    if env_id is None:
        env_id = ratings.env_id
        check_imports_nothing(
            "env_id", env_id, "a ratings file", f"if you trust it, pass --env-id {env_id}"
        )
    if env_id is None:
        raise ValueError(
            "`env_id` must be given, because the ratings name no environment, got None"
        )
    return env_id


def _shown(env_id: str, ratings: RatingDataset) -> tuple[int, ...]:
    """Return the shape of the images that an environment shows; () if it shows none.

    Raises:
        ValueError: If it takes other actions than those that were rated.
    """
    env = make_env(env_id)
    env.close()
    theirs = action_dim(env.action_space)
    if theirs != ratings.action_dim:
        raise ValueError(
            f"`env_id` must be the environment that was rated, with {ratings.action_dim} numbers "
            f"in an action, got {env_id} with {theirs}; leave it out, and pass --image-shape, if "
            "it was made with other --env-kwargs"
        )
    return env.observation_space.shape if is_image(env.observation_space) else ()
