"""A rule rates segments of random actions, and a reward is fitted to what it says."""

import gymnasium as gym
import numpy as np

from gym_rated import CallableRater, RatingFeedbackWrapper, fit


def rule(segment):
    """Rate how near the hand is to the point, 0 to 4."""
    distance = np.linalg.norm(segment.obs[:, 4:6], axis=1).mean()
    return int(np.digitize(-distance, [-2, -1.2, -0.7, -0.3]))


if __name__ == "__main__":
    env = gym.make("arm:Arm-v0")
    env = RatingFeedbackWrapper(env, CallableRater(rule, num_classes=5), segment_length=10)
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(10_000):
        *_, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()
    env.query(200)
    model, report = fit(env.ratings, seed=0, progress_bar=False)
    print(report)
    model.save("reward")
