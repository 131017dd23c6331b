import gymnasium as gym
import pytest
from gymnasium.error import DependencyNotInstalled

from gym_rated.imports import named_extras


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            DependencyNotInstalled("MuJoCo is not installed, run `pip install gymnasium[mujoco]`"),
            r"`mujoco` is not installed; pip install 'gym_rated\[mujoco\]'",
        ),
        (
            ModuleNotFoundError("No module named 'dm_control'", name="dm_control"),
            r"pip install 'gym_rated\[dm-control\]'",
        ),
        (
            DependencyNotInstalled(
                'MoviePy is not installed, run `pip install "gymnasium[other]"`'
            ),
            r"pip install 'gym_rated\[video\]'",
        ),
        (
            DependencyNotInstalled(
                "pygame is not installed, run `pip install gymnasium[toy-text]`"
            ),
            r"`pygame` is not installed; pip install 'gym_rated\[video\]'",
        ),
        (
            DependencyNotInstalled(
                'Box2D is not installed, you can install it by run `pip install "gymnasium[box2d]"`'
            ),
            r"`box2d` is not installed; pip install 'gym_rated\[box2d\]'",
        ),
        (
            ModuleNotFoundError("No module named 'Box2D'", name="Box2D"),
            r"pip install 'gym_rated\[box2d\]'",
        ),
    ],
)
def test_missing_package_names_the_extra(error: Exception, message: str) -> None:
    with pytest.raises(ImportError, match=message) as caught, named_extras():
        raise error
    assert caught.value.__cause__ is error


def test_errors_about_anything_else_pass() -> None:
    with pytest.raises(gym.error.NameNotFound), named_extras():
        gym.make("NoSuchEnvironment-v0")
