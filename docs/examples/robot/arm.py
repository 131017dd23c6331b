"""An arm that should reach a point: an environment without a reward."""

import gymnasium as gym
import numpy as np

LENGTHS = np.array([1.0, 0.8])  # of upper arm and forearm


class Arm(gym.Env):
    """A planar arm that should reach a point and stay there."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}
    observation_space = gym.spaces.Dict(
        {
            "joints": gym.spaces.Box(-1, 1, (4,), np.float32),  # cosines and sines
            "way": gym.spaces.Box(-4, 4, (2,), np.float32),  # from the hand to the point
        }
    )
    action_space = gym.spaces.Box(-1, 1, (2,), np.float32)  # speeds of the joints

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.angles = self.np_random.uniform(-np.pi, np.pi, 2)
        far, direction = self.np_random.uniform([0.4, -np.pi], [1.6, np.pi])
        self.point = far * np.array([np.cos(direction), np.sin(direction)])
        return self.observe(), {}

    def step(self, action):
        self.angles = self.angles + 0.2 * np.clip(action, -1, 1)
        return self.observe(), 0.0, False, False, {}

    def observe(self):
        joints = np.concatenate([np.cos(self.angles), np.sin(self.angles)])
        way = self.point - self.joints()[-1]
        return {"joints": joints.astype(np.float32), "way": way.astype(np.float32)}

    def joints(self):
        turned = np.cumsum(self.angles)
        links = LENGTHS[:, None] * np.stack([np.cos(turned), np.sin(turned)], axis=1)
        return np.cumsum(np.vstack([[0, 0], links]), axis=0)  # shoulder, elbow, hand

    def render(self):
        image = np.full((160, 160, 3), 255, np.uint8)
        shoulder, elbow, hand = self.joints()
        self.dots(image, self.point[None], 6, (220, 40, 40))
        for start, end in ((shoulder, elbow), (elbow, hand)):
            self.dots(image, np.linspace(start, end, 40), 3, (40, 60, 120))
        return image

    def dots(self, image, places, radius, color):
        rows, columns = np.mgrid[:160, :160]
        for x, y in 80 + 40 * places:
            image[(columns - x) ** 2 + (rows - 160 + y) ** 2 < radius**2] = color


gym.register("Arm-v0", entry_point=Arm, max_episode_steps=100)
