"""Observations of a segment, back in the structure of their space."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple

from gym_rated import CallableRater, Origin, RatingFeedbackWrapper, Segment
from gym_rated.segments.encoding import ObservationEncoder
from gym_rated.segments.structure import column_names

SPACE = Dict(
    {
        "arm": Dict({"joints": Box(-1, 1, (2,), np.float32), "gear": Discrete(3, start=1)}),
        "both": Tuple([MultiBinary(2), MultiDiscrete([2, 2])]),
        "map": Box(0, 1, (1, 2), np.float32),
        "heat": Box(0, 9, (), np.float32),
    }
)
NAMES = {  # in the order of the space, which sorts what it is given
    "arm/gear=1",
    "arm/gear=2",
    "arm/gear=3",
    "arm/joints[0]",
    "arm/joints[1]",
    "both/0[0]",
    "both/0[1]",
    "both/1[0]=0",
    "both/1[0]=1",
    "both/1[1]=0",
    "both/1[1]=1",
    "heat",
    "map[0,0]",
    "map[0,1]",
}


def segment_of(space, samples):
    encode = ObservationEncoder(space)
    obs = np.concatenate([encode(sample) for sample in samples])
    length = len(obs)
    zeros = np.zeros((length, 1), np.float32), np.zeros(length)
    return Segment("s", obs, *zeros, 0, Origin(0, 0, 0, 0))


def samples_of(space, number=5):
    space.seed(3)
    return [space.sample() for _ in range(number)]


def test_parts_come_back_with_an_axis_of_steps():
    samples = samples_of(SPACE)
    found = segment_of(SPACE, samples).unflatten(SPACE)
    for t, sample in enumerate(samples):
        assert (found["arm"]["joints"][t] == sample["arm"]["joints"]).all()
        assert found["arm"]["gear"][t] == sample["arm"]["gear"]
        assert (found["both"][0][t] == sample["both"][0]).all()
        assert (found["both"][1][t] == sample["both"][1]).all()
        assert found["heat"][t] == sample["heat"]
    assert found["map"].shape == (5, 1, 2)


def test_every_number_has_a_name_and_stands_under_it():
    samples = samples_of(SPACE)
    columns = segment_of(SPACE, samples).columns(SPACE)
    assert set(columns) == NAMES
    for t, sample in enumerate(samples):
        assert columns["arm/joints[1]"][t] == sample["arm"]["joints"][1]
        assert columns["map[0,1]"][t] == sample["map"][0, 1]
        assert columns["heat"][t] == sample["heat"]
        assert columns[f"arm/gear={sample['arm']['gear']}"][t] == 1
        assert columns[f"both/1[1]={sample['both'][1][1]}"][t] == 1


def test_an_observation_without_parts_is_called_obs():
    assert column_names(Box(-1, 1, (2,))) == ("obs[0]", "obs[1]")
    assert column_names(Discrete(2)) == ("obs=0", "obs=1")
    assert column_names(Box(-1, 1, (1,)), "action") == ("action[0]",)


def test_another_space_is_refused():
    segment = segment_of(Box(-1, 1, (2,), np.float32), [np.zeros(2, np.float32)])
    with pytest.raises(ValueError, match="`space` must be what the observations were encoded from"):
        segment.unflatten(Box(-1, 1, (3,), np.float32))
    with pytest.raises(ValueError, match="`space` must have 2 numbers"):
        segment.columns(SPACE)
    with pytest.raises(ValueError, match="`space` must be one that is flattened"):
        column_names(gym.spaces.Graph(Box(0, 1, (1,)), None))


def test_a_rule_rates_by_parts_of_the_observation():
    space = Dict({"height": Box(0, 1, (), np.float32), "speed": Box(0, 1, (2,), np.float32)})

    class Flyer(gym.Env):
        observation_space, action_space = space, Discrete(2)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return self.step(0)[0], {}

        def step(self, action):
            height = np.asarray(0.75 * action, np.float32)
            return {"height": height, "speed": np.zeros(2, np.float32)}, 0.0, False, False, {}

    def flies(segment):
        return int(segment.unflatten(space)["height"].mean() > 0.5)

    env = RatingFeedbackWrapper(Flyer(), CallableRater(flies, 2), segment_length=4)
    env.reset(seed=0)
    for t in range(17):
        env.step(int(t >= 8))
    env.query(4)
    means = {s.id: s.columns(space)["height"].mean() for s in env.ratings.segments()}
    assert {r.rating for r in env.ratings.ratings} == {0, 1}
    assert all(r.rating == (means[r.segment_id] > 0.5) for r in env.ratings.ratings)
