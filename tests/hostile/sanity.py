"""What must hold of data that was loaded, said a second time and otherwise than the package does.

Each function raises AssertionError where something does not.
"""

import math

import numpy as np
from gymnasium import spaces


def is_text(value):
    return isinstance(value, str) and value.encode() is not None


def is_whole(value, low, high):
    return type(value) is int and low <= value <= high


def check_ratings(ratings):
    """A dataset: plain numbers in range, about segments that there are, once each."""
    assert is_whole(ratings.num_classes, 2, 1_000)
    assert ratings.env_id is None or is_text(ratings.env_id)
    assert ratings.criterion is None or is_text(ratings.criterion)
    assert is_whole(ratings.num_changes, 0, 2**63 - 1)
    steps = {}
    for segment in ratings.segments():
        assert is_text(segment.id)
        assert segment.id not in steps
        assert is_whole(segment.round, 0, 2**63 - 1)
        assert segment.obs.dtype in (np.uint8, np.float32)
        assert segment.actions.dtype == np.float32
        assert len(segment.obs) == len(segment.actions) >= 1
        assert segment.obs.shape[1:] == (ratings.obs_dim,)
        assert segment.actions.shape[1:] == (ratings.action_dim,)
        assert np.isfinite(segment.obs).all()
        assert np.isfinite(segment.actions).all()
        steps[segment.id] = segment
    judged = [(r.segment_id, r.rater) for r in ratings.ratings]
    assert len(set(judged)) == len(judged)
    for r in ratings.ratings:
        assert r.segment_id in steps
        assert is_text(r.rater)
        assert is_whole(r.rating, 0, ratings.num_classes - 1)
        assert is_whole(r.revision, 0, 2**63 - 1)
    for s in ratings.scores:
        assert s.segment_id in steps
        assert type(s.score) is float
        assert 0 <= s.score <= 1
    for c in ratings.comparisons:
        assert c.better_id in steps
        assert c.worse_id in steps
        assert c.better_id != c.worse_id
    batch = ratings.batch()
    assert batch.mask.sum() == sum(len(steps[name]) for name in batch.ids)
    assert ratings.class_counts().sum() == len(ratings.ratings)
    if len(batch.groups):
        assert 0 <= batch.groups.min() <= batch.groups.max() < 100
    return steps


def check_model(model):
    """A reward model: every number finite, and so is what it predicts."""
    for name, tensor in model.state_dict().items():
        assert bool(tensor.isfinite().all()), name
    obs = np.full((4, model.obs_dim), 3, np.uint8 if hasattr(model, "image_shape") else np.float32)
    rewards = model.predict(obs, np.ones((4, model.action_dim), np.float32))
    assert rewards.shape == (4,)
    assert np.isfinite(rewards).all()
    assert model.scale > 0
    assert isinstance(model.options, dict)


def check_predictions(found):
    """What a model says of ratings: finite rewards and returns, chances of classes."""
    num = len(found.ids)
    assert type(found.ids) is tuple
    assert all(map(is_text, found.ids))
    assert found.ratings.shape == found.held_out.shape == found.returns.shape == (num,)
    assert (found.ratings.dtype, found.held_out.dtype) == (np.int64, bool)
    assert found.returns.dtype == found.probabilities.dtype == np.float64
    assert found.probabilities.shape[0] == num == len(found.rewards)
    num_classes = found.probabilities.shape[1]
    assert 2 <= num_classes <= 1_000
    assert num == 0 or 0 <= found.ratings.min() <= found.ratings.max() < num_classes
    assert np.isfinite(found.returns).all()
    assert ((found.probabilities >= 0) & (found.probabilities <= 1)).all()
    np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-4)
    for rewards in found.rewards:
        assert rewards.dtype == np.float32
        assert len(rewards) >= 1
        assert rewards.ndim == 1
        assert np.isfinite(rewards).all()


def check_policy(policy):
    """A policy: it acts, in the space of its actions, with or without luck."""
    tensors, dim = policy.tensors, policy.obs_dim
    if policy.kind == "categorical":
        space = spaces.Discrete(len(tensors[f"actor.{_last(tensors, 'actor')}.bias"]))
    else:
        is_ppo = policy.kind == "gaussian"
        name = f"actor_mean.{_last(tensors, 'actor_mean')}" if is_ppo else "actor.fc_mean"
        space = spaces.Box(-1, 1, (len(tensors[f"{name}.bias"]),))
    for obs in (np.zeros(dim), np.full(dim, 1e6)):
        for rng in (None, np.random.default_rng(0)):
            assert space.contains(policy.act(obs, space, rng))


def _last(tensors, name):
    return max(int(key.split(".")[1]) for key in tensors if key.startswith(f"{name}."))


def check_plain(value):
    """A state: nothing but plain values, arrays and tensors of numbers, of no more than it held."""
    if isinstance(value, dict):
        return sum(check_plain(item) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(map(check_plain, value))
    if isinstance(value, np.ndarray | np.generic):
        assert value.dtype.kind in "biufc"
        return value.nbytes
    if type(value).__module__ == "torch":
        return value.numel() * value.element_size()
    assert value is None or type(value) in (bool, int, float, str), type(value)
    return 0


def check_run(run):
    """A run: its numbers are numbers, and everything that a report asks of it can be said."""
    for tag, (steps, values) in run.metrics.items():
        assert is_text(tag)
        assert steps.dtype == np.int64
        assert (steps >= 0).all()
        assert values.dtype == np.float64
        assert len(steps) == len(values)
    assert is_whole(run.last_step, 0, 2**63)
    assert isinstance(run.score, float)
    assert all(map(is_text, (run.env_id, run.arm, run.agent, run.name)))
    assert len(run.env_id) <= 200
    if run.model is not None:
        check_model(run.model)
    if run.ratings is not None:
        check_ratings(run.ratings)
    if run.result is not None:
        assert isinstance(run.result["sha256"], dict)


def check_segment(segment):
    """A segment of the store."""
    assert is_text(segment.id)
    assert is_whole(segment.round, 0, 2**63 - 1)
    assert all(is_whole(place, 0, 2**63 - 1) for place in vars(segment.origin).values())
    assert segment.obs.ndim == segment.actions.ndim == 2
    assert len(segment.obs) == len(segment.actions) >= 1
    assert np.isfinite(segment.obs).all()
    assert np.isfinite(segment.actions).all()
    if segment.raw_actions is not None:
        assert len(segment.raw_actions) == segment.origin.first_step + len(segment)


def check_events(events):
    """The log of a run."""
    for event in events:
        assert is_whole(event.rating, -1, 9)
        assert is_text(event.rater)
        assert isinstance(event.recipe, dict)
        assert isinstance(event.at, float)
        assert math.isfinite(event.at)
