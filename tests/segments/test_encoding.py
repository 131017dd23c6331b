from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from envs import KeepingRater, SpaceEnv
from gymnasium import spaces
from gymnasium.vector import SyncVectorEnv
from gymnasium.vector.utils import concatenate, create_empty_array
from hypothesis import given, settings
from hypothesis import strategies as st

from gym_rated import LearnedRewardWrapper, RatingFeedbackWrapper, encode_actions
from gym_rated import vector as rated_vector
from gym_rated.segments.encoding import ObservationEncoder, action_dim, obs_dim

BOX = spaces.Box(-1.0, 1.0, (2,), np.float32)
FLATTENABLE = [
    spaces.Box(-np.inf, np.inf, (), np.float32),
    spaces.Box(-3.0, 3.0, (2, 3), np.float64),
    spaces.Box(0, 9, (4,), np.int32),
    spaces.Box(0, 255, (8,), np.uint8),
    spaces.Discrete(4),
    spaces.Discrete(4, start=-2),
    spaces.MultiBinary(3),
    spaces.MultiBinary((2, 2)),
    spaces.MultiDiscrete([3, 2]),
    spaces.MultiDiscrete([3, 2], start=[5, -1]),
    spaces.MultiDiscrete([[2, 3], [4, 5]]),
    spaces.Text(5, charset="abc"),
    spaces.Dict({"z": spaces.Discrete(2), "a": spaces.Box(-1, 1, (2, 2))}),
    spaces.Tuple((spaces.Discrete(3, start=1), spaces.Dict({"x": spaces.MultiBinary(2)}))),
]


def feedback(env: gym.Env, **options: Any) -> tuple[Any, KeepingRater]:
    rater = KeepingRater()
    return RatingFeedbackWrapper(env, rater, segment_length=4, **options), rater


@pytest.mark.parametrize("space", FLATTENABLE, ids=str)
def test_segments_hold_what_gymnasium_flattens(space: spaces.Space) -> None:
    bare = SpaceEnv(space, BOX)
    env, rater = feedback(bare)
    env.reset(seed=0)
    for _ in range(8):
        env.step(BOX.sample())
    assert env.query(2) == 2
    flat = [np.ravel(spaces.flatten(space, obs)) for obs in bare.observations]
    got = {s.origin.first_step: s.obs for s in rater.segments}
    np.testing.assert_array_equal(got[0], np.float32(flat[0:4]))
    np.testing.assert_array_equal(got[4], np.float32(flat[4:8]))
    assert got[0].dtype == np.float32
    assert obs_dim(space) == got[0].shape[1]


@pytest.mark.parametrize("space", FLATTENABLE, ids=str)
def test_vector_observations_encode_as_the_single_ones(space: spaces.Space) -> None:
    bare = SyncVectorEnv([lambda: SpaceEnv(space, BOX)] * 3)
    rater = KeepingRater()
    envs = rated_vector.RatingFeedbackWrapper(bare, rater, segment_length=4)
    envs.reset(seed=7)
    for _ in range(4):
        envs.step(envs.action_space.sample())
    assert envs.query(3) == 3
    for segment in rater.segments:
        observations = bare.envs[segment.origin.env_index].observations[:4]
        flat = [np.ravel(spaces.flatten(space, obs)) for obs in observations]
        np.testing.assert_array_equal(segment.obs, np.float32(flat))


def test_one_hot_numbers_by_hand() -> None:
    encoder = ObservationEncoder(spaces.MultiDiscrete([3, 2], start=[5, -1]))
    assert encoder(np.array([6, -1])).tolist() == [[0, 1, 0, 1, 0]]
    assert ObservationEncoder(spaces.Discrete(3, start=-1))(1).tolist() == [[0, 0, 1]]


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(0, 255, (8, 8, 3), np.uint8),
        spaces.Box(0, 255, (8, 8), np.uint8),
        spaces.Dict({"camera": spaces.Box(0, 255, (8, 8, 3), np.uint8), "x": BOX}),
        spaces.Tuple((BOX, spaces.Dict({"camera": spaces.Box(0, 255, (8, 8, 3), np.uint8)}))),
    ],
    ids=str,
)
@pytest.mark.parametrize("learned", [False, True])
def test_images_are_refused_with_the_remedy_and_work_with_it(
    space: spaces.Space, learned: bool
) -> None:
    def brightness(obs: Any) -> Any:
        return [np.float64(1.5), np.float64(2.5)]

    def wrap(features: Any) -> gym.Env:
        bare = SpaceEnv(space, BOX)
        if learned:
            return LearnedRewardWrapper(bare, lambda obs, actions: obs[:, 1], features=features)
        return feedback(bare, features=features)[0]

    with pytest.raises(TypeError, match=r"must not be an image, got .*; pass `features`"):
        wrap(None)
    env = wrap(brightness)
    env.reset(seed=0)
    reward = env.step(BOX.sample())[1]
    assert reward == (2.5 if learned else 0.0)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Sequence(spaces.Discrete(2)),
        spaces.Graph(BOX, None),
        spaces.Dict({"s": spaces.Sequence(BOX)}),
    ],
    ids=str,
)
def test_structures_without_a_length_are_refused_with_the_remedy(space: spaces.Space) -> None:
    with pytest.raises(TypeError, match=r"must be flattenable to an array, .*; pass `features`"):
        feedback(SpaceEnv(space, BOX))
    assert obs_dim(space, lambda obs: np.zeros(3)) == 3


def test_features_are_used_for_vector_environments_too() -> None:
    space = spaces.Dict({"camera": spaces.Box(0, 255, (4, 4, 3), np.uint8), "x": BOX})
    bare = SyncVectorEnv([lambda: SpaceEnv(space, BOX)] * 2)
    envs = rated_vector.LearnedRewardWrapper(
        bare, lambda obs, actions: obs[:, 0], features=lambda obs: obs["camera"].mean((0, 1))
    )
    obs, _ = envs.reset(seed=0)
    rewards = envs.step(envs.action_space.sample())[1]
    expected = obs["camera"][..., 0].astype(np.float64).mean((1, 2))
    np.testing.assert_allclose(rewards, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("features", "error", "text"),
    [
        (3, TypeError, "`features` must map an observation to a vector, got 3"),
        (
            lambda obs: 1.0,
            ValueError,
            r"`features` must return a vector of shape \(D,\), got shape",
        ),
        (lambda obs: np.zeros((2, 2)), ValueError, r"shape \(D,\), got shape \(2, 2\)"),
        (lambda obs: [], ValueError, r"got shape \(0,\)"),
    ],
)
def test_features_that_make_no_vector_are_refused(features: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        feedback(SpaceEnv(BOX, BOX), features=features)


def test_features_of_changing_length_are_refused_at_the_step() -> None:
    lengths = iter([2, 2, 3])
    env, _ = feedback(SpaceEnv(BOX, BOX), features=lambda obs: np.zeros(next(lengths)))
    env.reset(seed=0)
    with pytest.raises(ValueError, match="`features` must return vectors of one length, got 3 aft"):
        env.step(BOX.sample())


def test_asking_features_for_their_length_draws_nothing_from_the_environments_space() -> None:
    space = spaces.Box(-1, 1, (2,), np.float32, seed=3)
    expected = spaces.Box(-1, 1, (2,), np.float32, seed=3).sample()
    obs_dim(space, lambda obs: obs)
    assert space.sample().tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("space", "raw", "encoded"),
    [
        (spaces.Box(-1, 2, (3,), np.float32), [-7.0, 0.5, 7.0], [-1.0, 0.5, 2.0]),
        (spaces.Box(np.float32([0, -5]), np.float32([1, 5])), [9.0, 4.5], [1.0, 4.5]),
        (spaces.Box(-np.inf, np.inf, (1,), np.float64), [1e6], [1e6]),
        (spaces.Box(0, 4, (2,), np.int64), [7, 3], [4.0, 3.0]),
        (spaces.Box(-1, 1, (), np.float32), 3.0, [1.0]),
        (spaces.Box(-1, 1, (2, 2), np.float32), [[0, 0.5], [-2, 2]], [0, 0.5, -1, 1]),
        (spaces.Discrete(3), 2, [0, 0, 1]),
        (spaces.Discrete(3, start=4), 4, [1, 0, 0]),
        (spaces.MultiDiscrete([2, 3], start=[1, -1]), [2, 0], [0, 1, 0, 1, 0]),
        (spaces.MultiDiscrete([[2, 2], [2, 2]]), [[0, 1], [1, 0]], [1, 0, 0, 1, 0, 1, 1, 0]),
    ],
    ids=str,
)
def test_actions_are_clipped_or_one_hot(space: spaces.Space, raw: Any, encoded: Any) -> None:
    got = encode_actions(space, np.array([raw, raw]))
    assert got.tolist() == [encoded, encoded]
    assert got.dtype == np.float32
    assert action_dim(space) == len(encoded)


def test_a_huge_action_is_clipped_before_it_overflows() -> None:
    assert encode_actions(BOX, np.array([[1e300, -1e300]])).tolist() == [[1.0, -1.0]]


def test_encoding_does_not_change_the_action() -> None:
    actions = np.array([[5.0, -5.0]], np.float32)
    encode_actions(BOX, actions)
    assert actions.tolist() == [[5.0, -5.0]]


@pytest.mark.parametrize(
    "space",
    [spaces.Graph(BOX, None), spaces.Dict({"a": BOX}), spaces.Tuple((BOX,)), spaces.Text(3)],
)
@pytest.mark.parametrize("wrap", [feedback, lambda env: LearnedRewardWrapper(env, len)])
def test_other_action_spaces_are_refused_with_the_remedy(wrap: Any, space: spaces.Space) -> None:
    with pytest.raises(
        TypeError, match=r"must be Box, Discrete, MultiDiscrete or MultiBinary, got .*wrapper"
    ):
        wrap(SpaceEnv(BOX, space))


@pytest.mark.parametrize(
    ("space", "actions", "text"),
    [
        (BOX, [[0.0, 0.0, 0.0]], r"`actions` must have shape \(1, 2\) for Box.* got \(1, 3\)"),
        (BOX, [0.0, 0.0], r"must have shape \(2, 2\) .* got \(2,\)"),
        (BOX, 0.0, r"must have shape \(1, 2\) .* got \(\)"),
        (BOX, [[0.0, np.nan]], r"`actions` must be finite, got nan at index 1 \(environment 0\)"),
        (BOX, [[0.0, 0.0], [-np.inf, 0.0]], r"got -inf at index 0 \(environment 1\)"),
        (spaces.Discrete(3), [3], r"`actions` must lie in Discrete\(3\), got \[\[3\]\]"),
        (spaces.Discrete(3), [-1], r"must lie in Discrete\(3\)"),
        (spaces.Discrete(3, start=1), [0], r"must lie in Discrete\(3, start=1\)"),
        (spaces.Discrete(3), [1.5], r"`actions` must be whole numbers, got \[\[1.5\]\]"),
        (spaces.Discrete(3), [np.nan], "must be whole numbers"),
        (spaces.Discrete(3), [[1]], r"must have shape \(1,\) for Discrete\(3\), got \(1, 1\)"),
        (spaces.MultiDiscrete([2, 2]), [[0, 2]], "must lie in MultiDiscrete"),
        (spaces.MultiDiscrete([2, 2]), [[-1, 0]], "must lie in MultiDiscrete"),
    ],
)
def test_actions_outside_their_space_are_refused(space: Any, actions: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        encode_actions(space, np.array(actions))


def test_a_vector_wrapper_wants_one_action_for_each_environment() -> None:
    bare = SyncVectorEnv([lambda: SpaceEnv(BOX, BOX)] * 3)
    learned = rated_vector.LearnedRewardWrapper(bare, lambda obs, actions: obs[:, 0])
    for envs in (rated_vector.RatingFeedbackWrapper(bare, KeepingRater()), learned):
        envs.reset(seed=0)
        with pytest.raises(ValueError, match=r"`actions` must have shape \(3, 2\)"):
            envs.step(np.zeros((1, 2), np.float32))


@pytest.mark.parametrize(
    ("space", "obs", "text"),
    [
        (BOX, [1.0, np.nan], r"`obs` must be finite, got nan at index 1"),
        (BOX, [np.inf, 0.0], r"got inf at index 0 .*mend it in a wrapper below"),
        (BOX, [0.0], r"`obs` must have shape \(2,\) for Box.* got \(1,\)"),
        (
            spaces.Box(-1, 1, (2, 3)),
            np.zeros((3, 2)),
            r"must have shape \(2, 3\) for Box.* got \(3, 2\)",
        ),
        (spaces.Discrete(3), -1, r"`obs` must lie in Discrete\(3\)"),
    ],
)
def test_observations_outside_their_space_are_refused(space: Any, obs: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        ObservationEncoder(space)(np.array(obs))


def test_large_finite_numbers_are_no_error() -> None:
    # their square overflows float32: a test by products alone would refuse them
    box = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    assert ObservationEncoder(box)(np.float32([3e38, -3e38])).tolist() == [
        [np.float32(3e38), np.float32(-3e38)]
    ]


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    start=st.integers(-3, 3),
    seed=st.integers(0, 2**16),
)
def test_one_hot_actions_agree_with_gymnasium(counts: list[int], start: int, seed: int) -> None:
    space = spaces.MultiDiscrete(counts, start=[start] * len(counts), seed=seed)
    batch = np.array([space.sample() for _ in range(5)])
    expected = [spaces.flatten(space, row) for row in batch]
    np.testing.assert_array_equal(encode_actions(space, batch), expected)


# -- pixels --

IMAGE = spaces.Box(0, 255, (3, 4, 2), np.uint8)


def see_and_sum(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    assert obs.dtype == np.uint8
    return obs.astype(np.float64).sum(1)


@pytest.mark.filterwarnings("ignore:round")
@pytest.mark.parametrize("vector", [False, True])
def test_pixels_stay_what_they_are(vector: bool) -> None:
    rater = KeepingRater()
    if vector:
        bare: Any = SyncVectorEnv([lambda: SpaceEnv(IMAGE, BOX)] * 2)
        env: Any = rated_vector.RatingFeedbackWrapper(
            bare, rater, segment_length=4, features="pixels"
        )
        env = rated_vector.LearnedRewardWrapper(env, see_and_sum, features="pixels")
        seen, query = bare.envs[1].observations, env.env.query
    else:
        bare = SpaceEnv(IMAGE, BOX)
        env, rater = feedback(bare, features="pixels")
        query, seen = env.query, bare.observations
        env = LearnedRewardWrapper(env, see_and_sum, features="pixels")
    env.reset(seed=0)
    reward = env.step(env.action_space.sample())[1]
    assert np.ravel(reward)[-1] == seen[0].sum()
    for _ in range(7):
        env.step(env.action_space.sample())
    query(100)
    found = [s for s in rater.segments if s.origin.env_index == int(vector)]
    assert len(found) == 2
    for segment in found:
        assert segment.obs.dtype == np.uint8
        first = segment.origin.first_step
        expected = np.array(seen[first : first + 4]).reshape(4, 24)
        np.testing.assert_array_equal(segment.obs, expected)


def test_a_buffer_of_pixels_is_four_times_smaller_and_restores() -> None:
    env, _ = feedback(SpaceEnv(IMAGE, BOX), features="pixels", capacity=100)
    env.reset(seed=0)
    for _ in range(6):
        env.step(BOX.sample())
    buffer = env._feedback.buffer
    assert buffer._obs.nbytes == 101 * 24
    other, _ = feedback(SpaceEnv(IMAGE, BOX), features="pixels", capacity=100)
    other.load_state_dict(env.state_dict())
    np.testing.assert_array_equal(other._feedback.buffer._obs, buffer._obs)
    floats, _ = feedback(SpaceEnv(spaces.Box(-1, 1, (24,)), BOX), capacity=100)
    with pytest.raises(ValueError, match=r"and type uint8 for .* and float32"):
        floats.load_state_dict(env.state_dict())


@pytest.mark.parametrize(
    "space", [BOX, spaces.Box(0, 255, (8,), np.uint8), spaces.Box(0, 1, (3, 4)), spaces.Discrete(2)]
)
def test_pixels_of_what_is_no_image_are_refused(space: spaces.Space) -> None:
    with pytest.raises(TypeError, match=r"must be an image, a Box of uint8 .*leave `features` out"):
        feedback(SpaceEnv(space, BOX), features="pixels")


def test_pixels_of_another_type_are_refused() -> None:
    encode = ObservationEncoder(IMAGE, "pixels")
    with pytest.raises(ValueError, match="`obs` must be uint8 as its space says, got float64"):
        encode(np.zeros(IMAGE.shape))
    with pytest.raises(ValueError, match=r"`obs` must have shape \(3, 4, 2\)"):
        encode(np.zeros((4, 2), np.uint8))


PARTS = spaces.Dict(
    {
        "a": spaces.Box(-1, 1, (2,)),
        "b": spaces.Discrete(3, start=1),
        "c": spaces.Tuple((spaces.MultiBinary(2), spaces.MultiDiscrete([2, 2]))),
    }
)
FINE = {"a": np.zeros(2), "b": 2, "c": (np.int8([0, 1]), np.array([1, 0]))}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"b": 0}, r"`obs\['b'\]` must lie in Discrete\(3, start=1\), got \[\[0\]\]"),
        ({"b": 4}, r"`obs\['b'\]` must lie in"),
        ({"b": 1.0}, r"`obs\['b'\]` must be whole numbers"),
        ({"b": None}, r"`obs\['b'\]` must be numbers"),
        ({"a": np.zeros(3)}, r"`obs\['a'\]` must have shape \(2,\)"),
        ({"a": np.zeros((1, 2))}, r"`obs\['a'\]` must have shape"),
        ({"c": (np.int8([0, 2]), FINE["c"][1])}, r"`obs\['c'\]\[0\]` must be zeros and ones"),
        ({"c": (FINE["c"][0], np.array([1, -1]))}, r"`obs\['c'\]\[1\]` must lie in"),
        ({"c": (FINE["c"][0],)}, r"`obs\['c'\]` must have \[1\], got only \[0\]"),
        ({"c": 3}, r"`obs\['c'\]` must be a tuple, got 3"),
        ({"a": np.array([np.nan, 0])}, "must be finite, got nan"),
    ],
)
def test_a_part_outside_its_space_is_refused_by_name(changes: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        ObservationEncoder(PARTS)(FINE | changes)


def test_a_structure_must_have_all_its_parts_and_may_have_more() -> None:
    encode = ObservationEncoder(PARTS)
    np.testing.assert_array_equal(encode(FINE | {"more": 7}), encode(FINE))
    assert encode(FINE).tolist() == [[0, 0, 0, 1, 0, 0, 1, 0, 1, 1, 0]]
    for missing in ("a", "b", "c"):
        partly = {key: x for key, x in FINE.items() if key != missing}
        with pytest.raises(ValueError, match=rf"`obs` must have \['{missing}'\], got only"):
            encode(partly)
    with pytest.raises(ValueError, match="`obs` must be a dict, got"):
        encode(np.zeros(11))


def test_parts_of_several_environments_are_those_of_single_ones() -> None:
    singles = [PARTS.sample() for _ in range(3)]
    batched = concatenate(PARTS, singles, create_empty_array(PARTS, 3))
    expected = np.concatenate([ObservationEncoder(PARTS)(x) for x in singles])
    np.testing.assert_array_equal(ObservationEncoder(PARTS, num_envs=3)(batched), expected)
    np.testing.assert_array_equal(
        expected, [spaces.flatten(PARTS, x).astype(np.float32) for x in singles]
    )
    with pytest.raises(ValueError, match=r"`obs\['b'\]` must have shape \(3,\)"):
        ObservationEncoder(PARTS, num_envs=3)(batched | {"b": np.int64([1, 2])})


def test_multibinary_actions_are_zeros_and_ones() -> None:
    space = spaces.MultiBinary(3)
    assert encode_actions(space, [[1, 0, 1], [0, 0, 1]]).tolist() == [[1, 0, 1], [0, 0, 1]]
    assert action_dim(space) == 3
    with pytest.raises(ValueError, match="zeros and ones"):
        encode_actions(space, [[1, 0, 2]])
