"""One list of spaces, and an environment of any two of them that minds what it is given."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.spaces import (
    Box,
    Dict,
    Discrete,
    Graph,
    MultiBinary,
    MultiDiscrete,
    OneOf,
    Sequence,
    Space,
    Text,
    Tuple,
)

ENV_ID = "tests/Spaces-v0"

OBSERVATIONS: dict[str, Space[Any]] = {
    "box": Box(-1, 1, (3,)),
    "box_without_axes": Box(-1, 1, ()),
    "box_of_two_axes": Box(-1, 1, (2, 3)),
    "box_of_three_axes": Box(-1, 1, (2, 3, 2)),
    "box_float64": Box(-1, 1, (3,), np.float64),
    "box_float16": Box(-1, 1, (3,), np.float16),
    "box_int64": Box(-9, 9, (3,), np.int64),
    "box_uint8": Box(0, 255, (3,), np.uint8),
    "box_bool": Box(0, 1, (3,), np.bool_),
    "box_unbounded": Box(-np.inf, np.inf, (3,)),
    "discrete": Discrete(4),
    "discrete_from": Discrete(4, start=-2),
    "multi_discrete": MultiDiscrete([2, 3]),
    "multi_discrete_of_two_axes": MultiDiscrete([[2, 3], [4, 2]]),
    "multi_binary": MultiBinary(3),
    "multi_binary_of_two_axes": MultiBinary([2, 2]),
    "dict": Dict(a=Box(-1, 1, (2,)), b=Box(-1, 1, (2, 2))),
    "dict_with_discrete": Dict(a=Box(-1, 1, (2,)), b=Discrete(3)),
    "tuple": Tuple([Box(-1, 1, (2,)), Discrete(3)]),
    "nested": Dict(a=Tuple([Box(-1, 1, (2,)), Dict(b=Discrete(3))]), c=MultiBinary(2)),
    "text": Text(5),
    "image": Box(0, 255, (8, 8, 3), np.uint8),
    "gray_image": Box(0, 255, (8, 8), np.uint8),
    "image_of_one_channel": Box(0, 255, (7, 9, 1), np.uint8),
    "image_of_frames_first": Box(0, 255, (2, 8, 8), np.uint8),
    "image_of_floats": Box(0, 1, (4, 4, 3)),
    "dict_with_image": Dict(a=Box(-1, 1, (2,)), b=Box(0, 255, (8, 8, 3), np.uint8)),
    "sequence": Sequence(Box(-1, 1, (2,))),
    "graph": Graph(Box(-1, 1, (2,)), Discrete(3)),
    "dict_with_sequence": Dict(a=Box(-1, 1, (2,)), b=Sequence(Discrete(3))),
    "nothing": Box(-1, 1, (0,)),
}

ACTIONS: dict[str, Space[Any]] = {
    "box": Box(-1, 1, (2,)),
    "box_without_axes": Box(-1, 1, ()),
    "box_of_two_axes": Box(-1, 1, (2, 2)),
    "box_float64": Box(-1, 1, (2,), np.float64),
    "box_float16": Box(-1, 1, (2,), np.float16),
    "box_asymmetric": Box(np.float32([-1, 0]), np.float32([3, 0.5])),
    "box_far_from_0": Box(100, 200, (2,)),
    "box_half_bounded": Box(0, np.inf, (2,)),
    "box_unbounded": Box(-np.inf, np.inf, (2,)),
    "box_of_all_floats": Box(np.finfo(np.float32).min, np.finfo(np.float32).max, (2,)),
    "box_fixed": Box(np.float32([-1, 0]), np.float32([1, 0])),
    "box_of_integers": Box(-3, 3, (2,), np.int64),
    "discrete": Discrete(3),
    "discrete_from": Discrete(3, start=-2),
    "discrete_of_one": Discrete(1),
    "multi_discrete": MultiDiscrete([2, 3]),
    "multi_discrete_from": MultiDiscrete([2, 3], start=[-1, 5]),
    "multi_discrete_of_two_axes": MultiDiscrete([[2, 3], [4, 2]]),
    "multi_binary": MultiBinary(3),
    "multi_binary_of_two_axes": MultiBinary([2, 2]),
    "dict": Dict(a=Box(-1, 1, (2,)), b=Discrete(3)),
    "tuple": Tuple([Box(-1, 1, (2,)), Discrete(3)]),
    "nothing": Box(-1, 1, (0,)),
    "text": Text(3),
    "one_of": OneOf([Discrete(2), Box(-1, 1, (2,))]),
}


class SpacesEnv(gym.Env[Any, Any]):
    """Episodes of ten steps that show samples of one space, and take only actions of another.

    Args:
        observations: Name in `OBSERVATIONS`.
        actions: Name in `ACTIONS`.
    """

    def __init__(self, observations: str = "box", actions: str = "box") -> None:
        self.observation_space = OBSERVATIONS[observations]
        self.action_space = ACTIONS[actions]
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.steps = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        if isinstance(action, np.generic):  # as vector environments hand on what has no axes
            action = np.asarray(action)
        assert self.action_space.contains(action), f"{action!r} is not in {self.action_space}"
        self.steps += 1
        reward = float(self.np_random.normal())
        return self.observation_space.sample(), reward, False, self.steps >= 10, {}


gym.register(ENV_ID, entry_point=SpacesEnv, disable_env_checker=True)
