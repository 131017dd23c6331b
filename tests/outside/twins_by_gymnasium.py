"""Gymnasium's test of a wrapper against its vector twin, on ours; needs its tests on the path.

python twins_by_gymnasium.py LearnedRewardWrapper CartPole-v1 3
"""

import sys

import rated_make
from gymnasium import wrappers
from gymnasium.vector import AutoresetMode
from tests.wrappers.vector import test_vector_wrappers

import gym_rated
from gym_rated import vector

ARGUMENTS = {
    "LearnedRewardWrapper": {"reward_fn": rated_make.reward_fn},
    "RatingFeedbackWrapper": {"rater": rated_make.QuietRater()},
}

if __name__ == "__main__":
    name, env_id, num_envs = sys.argv[1:]
    setattr(wrappers, name, getattr(gym_rated, name))
    setattr(wrappers.vector, name, getattr(vector, name))
    for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
        test_vector_wrappers.test_vector_wrapper_equivalence(
            mode, int(num_envs), env_id, name, ARGUMENTS[name], None
        )
