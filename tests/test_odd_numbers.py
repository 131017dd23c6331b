"""Every number that a public class or function takes, given in the forms that people try.

It is taken, as what it is, or refused by its name before any work; nothing in between.
"""

import inspect
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from gym_rated import exploration, fitting, losses, metrics, reward_model, statistics
from gym_rated.agents.replay_memory import ReplayMemory
from gym_rated.agents.repulsion import Repulsion, repulsion_loss
from gym_rated.checks import check_memory
from gym_rated.losses import MultitaskLoss
from gym_rated.reward_model import RewardEnsemble
from gym_rated.reward_model.images import ConvRewardEnsemble


def learner(**numbers: Any) -> fitting.RewardLearner:
    """A small learner; the signature that counts is that of its class."""
    model = RewardEnsemble(2, 1, num_members=1, hidden_sizes=(2,))
    loss = MultitaskLoss(["regression"], num_classes=2, num_members=1)
    return fitting.RewardLearner(model, loss, **numbers)


def memory(**numbers: Any) -> ReplayMemory:
    """A memory whose folder is not written to."""
    return ReplayMemory(**{"capacity": 3, "obs_dim": 2, "action_dim": 1, **numbers}, folder="no")


def make_learner(**numbers: Any) -> fitting.RewardLearner:
    """A learner by the defaults."""
    given = {"obs_dim": 2, "action_dim": 1, "num_classes": 3, "segment_length": 5}
    return fitting.make_learner(**{**given, **numbers})


def learner_for_spaces(**numbers: Any) -> fitting.RewardLearner:
    """The same for spaces."""
    given = {"num_classes": 3, "segment_length": 5}
    spaces = gym.spaces.Box(-1, 1, (2,)), gym.spaces.Discrete(2)
    return fitting.learner_for_spaces(*spaces, **{**given, **numbers})


RETURNS = torch.tensor([1.0, 2.0, 3.0])
RATINGS = torch.tensor([0, 1, 2])
UNIFORM = np.full((2, 2), 0.5)

CLASSES: dict[Callable[..., Any], tuple[type, dict[str, Any]]] = {
    RewardEnsemble: (RewardEnsemble, {"obs_dim": 2, "action_dim": 1}),
    ConvRewardEnsemble: (ConvRewardEnsemble, {"image_shape": (4, 4), "action_dim": 1}),
    MultitaskLoss: (MultitaskLoss, {"num_classes": 3}),
    losses.ClassificationTask: (losses.ClassificationTask, {}),
    losses.OrdinalTask: (losses.OrdinalTask, {"num_classes": 3, "num_members": 1}),
    losses.PairwiseTask: (losses.PairwiseTask, {}),
    losses.QuantileTask: (losses.QuantileTask, {}),
    losses.RankingTask: (losses.RankingTask, {}),
    losses.RegressionTask: (losses.RegressionTask, {}),
    exploration.KnnEntropy: (exploration.KnnEntropy, {"obs_dim": 2}),
    exploration.RandomNetworkDistillation: (exploration.RandomNetworkDistillation, {"obs_dim": 2}),
    partial(exploration.CoarseImages, make_bonus=exploration.KnnEntropy): (
        exploration.CoarseImages,
        {"image_shape": (4, 4)},
    ),
    learner: (fitting.RewardLearner, {}),
    memory: (ReplayMemory, {"capacity": 3, "obs_dim": 2, "action_dim": 1}),
    Repulsion: (Repulsion, {}),
    learner_for_spaces: (fitting.learner_for_spaces, {"num_classes": None}),
    make_learner: (fitting.make_learner, dict.fromkeys(("obs_dim", "num_classes"))),
}
WITHOUT_NUMBERS = {  # protocols, and what is made of checked numbers by the package itself
    *("Agreement", "AnswerRows", "Bonus", "FitReport", "HeldOut", "Interval", "Loss", "Method"),
    *("ComparisonTask", "ScoreTask", "Task", "Truth", "UntilReady", "Callable", "Segment"),
}
FUNCTIONS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "classification_loss": (
        "sharpness",
        lambda x: losses.classification_loss(RETURNS, RATINGS, 3, x),
    ),
    "class_limits": ("num_classes", lambda x: losses.class_limits(RETURNS, RATINGS, x)),
    "share_limits": ("num_classes", lambda x: losses.share_limits(RATINGS, x)),
    "scaled_sharpness": ("num_classes", losses.scaled_sharpness),
    "pairwise_loss": (
        "temperature",
        lambda x: losses.pairwise_loss(RETURNS, RATINGS, temperature=x),
    ),
    "pairwise_loss weight": (
        "adjacent_weight",
        lambda x: losses.pairwise_loss(RETURNS, RATINGS, adjacent_weight=x),
    ),
    "pairwise_loss trim": ("trim", lambda x: losses.pairwise_loss(RETURNS, RATINGS, trim=x)),
    "ranking_loss": (
        "num_draws",
        lambda x: losses.ranking_loss(
            RETURNS, RATINGS, 3, rng=np.random.default_rng(0), num_draws=x
        ),
    ),
    "soft_ranks": ("regularization", lambda x: losses.soft_ranks(RETURNS, x)),
    "rating_targets": (
        "alpha",
        lambda x: losses.rating_targets(RATINGS, 3, RATINGS + 1, "log", x),
    ),
    "offset_prior": ("std", lambda x: losses.offset_prior(RETURNS, x)),
    "out_of_distribution_loss": (
        "coefficient",
        lambda x: losses.out_of_distribution_loss(RETURNS, RETURNS, x),
    ),
    "repulsion_loss": ("margin", lambda x: repulsion_loss(RETURNS, RETURNS, RATINGS, x)),
    "make_bonus": ("obs_dim", lambda x: exploration.make_bonus("rnd", x)),
    "quadratic_weighted_kappa": (
        "num_classes",
        lambda x: metrics.quadratic_weighted_kappa([0, 1], [1, 0], x),
    ),
    "expected_calibration_error": (
        "num_bins",
        lambda x: metrics.expected_calibration_error(UNIFORM, [0, 1], x),
    ),
    "confidence_bins": ("num_bins", lambda x: metrics.confidence_bins([0.5], x)),
    "agreement_with_truth": (
        "segment_length",
        lambda x: metrics.agreement_with_truth(
            lambda obs, actions: obs[:, 0], UNIFORM, UNIFORM, [0, 1], [0, 0], segment_length=x
        ),
    ),
    "advantage_correlation": (
        "every",
        lambda x: metrics.advantage_correlation([0, 1], [0, 1], UNIFORM, [0, 0], every=x),
    ),
    "bootstrap_interval": (
        "confidence",
        lambda x: statistics.bootstrap_interval([1, 2, 3], confidence=x, num_resamples=9),
    ),
    "bootstrap_interval draws": (
        "num_resamples",
        lambda x: statistics.bootstrap_interval([1, 2, 3], num_resamples=x),
    ),
    "set_scale": ("scale", lambda x: RewardEnsemble(2, 1).set_scale(x)),
    "set_scale offset": ("offset", lambda x: RewardEnsemble(2, 1).set_scale(1.0, x)),
}
NO_NUMBERS = ["3", True, np.bool_(True), [2], (), {}, np.array(2), b"3", object()]
ODD = [0, -1, 1.0, 2.5, np.float64(0.5), np.nan, np.inf, -np.inf, None, 10**30, -(10**30)]
HUGE = ("num_members", "obs_dim", "action_dim", "hidden_size", "output_dim", "max_groups")


def numeric(made: Callable[..., Any]) -> list[str]:
    """Names of the arguments that are numbers."""
    kind, needed = CLASSES[made]
    found = inspect.signature(kind).parameters.values()
    wanted = [p.name for p in found if type(p.default) in (int, float) or p.name in needed]
    return [*wanted, "max_passes", "stop_at_accuracy"] if kind is fitting.RewardLearner else wanted


ARGUMENTS = [
    pytest.param(made, name, id=f"{getattr(CLASSES[made][0], '__name__', made)}-{name}")
    for made in CLASSES
    for name in numeric(made)
]


def attempt(make: Callable[[], Any], name: str, value: Any) -> Any:
    """Return what was made; None where it was refused, by its name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make()
    except (ValueError, TypeError) as error:
        if f"`{name}`" not in str(error):
            pytest.fail(f"{value!r}: {type(error).__name__}: {error}")
        return None


def call(made: Callable[..., Any], name: str, value: Any) -> Any:
    needed = {} if made in (make_learner, learner_for_spaces) else CLASSES[made][1]
    return attempt(lambda: made(**{**needed, name: value}), name, value)


@pytest.mark.parametrize(("made", "name"), ARGUMENTS)
def test_number_is_taken_or_refused_by_name(made: Callable[..., Any], name: str) -> None:
    for value in NO_NUMBERS:
        if name == "image_shape" and isinstance(value, list):
            continue
        assert call(made, name, value) is None, value
    for value in ODD:
        taken = call(made, name, value)
        if taken is not None and hasattr(taken, name):
            assert getattr(taken, name) == value
    if name not in ("image_shape", "stop_at_accuracy", "trim", "mistake_rate"):
        taken = call(made, name, np.int64(7))
        assert taken is not None
        assert getattr(taken, name, 7) == 7


@pytest.mark.parametrize(
    ("made", "name"),
    [a for a in ARGUMENTS if a.values[1] in HUGE and a.id != "MultitaskLoss-max_groups"],
)
def test_size_beyond_all_memory_is_refused_before_anything_is_made(
    made: Callable[..., Any], name: str
) -> None:
    assert call(made, name, 10**15) is None


@pytest.mark.parametrize("function", FUNCTIONS)
def test_number_of_a_function_is_taken_or_refused_by_name(function: str) -> None:
    name, use = FUNCTIONS[function]
    for value in NO_NUMBERS:
        assert attempt(lambda value=value: (use(value), 1), name, value) is None, value
    for value in (*ODD, -0.5):
        attempt(lambda value=value: (use(value), 1), name, value)
    assert attempt(lambda: (use(np.int64(3) if name != "confidence" else 0.5), 1), name, 3) or (
        name == "trim"
    )


@pytest.mark.parametrize("room", [losses, exploration, fitting, reward_model, metrics, statistics])
def test_no_public_class_is_forgotten(room: Any) -> None:
    public = [getattr(room, name) for name in room.__all__]
    known = {kind for kind, _ in CLASSES.values()}
    for thing in public:
        if inspect.isclass(thing) and thing.__name__ not in WITHOUT_NUMBERS:
            assert thing in known, thing


@pytest.mark.parametrize(
    "hidden_sizes", ["64", 64, None, (), (0,), (2.0,), ("3",), {}, np.array(3)]
)
def test_layers_are_a_tuple_of_sizes(hidden_sizes: Any) -> None:
    for kind, sizes in ((RewardEnsemble, (2, 1)), (exploration.RandomNetworkDistillation, (2,))):
        make = partial(kind, *sizes, hidden_sizes=hidden_sizes)
        assert attempt(make, "hidden_sizes", hidden_sizes) is None
    assert RewardEnsemble(2, 1, hidden_sizes=np.array([3, 4])).hidden_sizes == (3, 4)


def test_memory_is_counted_in_bytes() -> None:
    check_memory(1_000, rows=1_000)
    with pytest.raises(
        ValueError, match=r"`rows` = 9, `width` = 8 must be smaller.* 3\.73e\+09 GiB"
    ):
        check_memory(10**18, rows=9, width=8)  # 4e18 bytes / 2**30
