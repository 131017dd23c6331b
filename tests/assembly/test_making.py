"""One way to a learner: `fit`, `gym_rated/Rated-v0`, the scripts and the command learn alike."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from rated_segments import dataset, make_segments

import gym_rated
from gym_rated import RatingDataset
from gym_rated.assembly import parts
from gym_rated.assembly.arguments import RunArgs, parse_args
from gym_rated.cli.commands.fit import FitArgs, main
from gym_rated.fitting import (
    OURS,
    WU_2025,
    Method,
    RewardLearner,
    fit,
    learner_for_spaces,
    make_learner,
)
from gym_rated.method import RANKED_TASKS
from gym_rated.reward_model import ConvRewardEnsemble, RewardEnsemble
from gym_rated.segments.encoding import PIXELS

SPACES = gym.spaces.Box(-1, 1, (3,)), gym.spaces.Box(-1, 1, (2,))
ENVS = SimpleNamespace(single_observation_space=SPACES[0], single_action_space=SPACES[1])
RATER = {"type": "gym_rated:SyntheticRater", "num_classes": 4}


class WordsRater(gym_rated.CallableRater):
    """A rater who was told in words what to judge."""

    criterion = "How high does it hang?"

    def __init__(self) -> None:
        super().__init__(lambda segment: 0, num_classes=4)


class Still(gym.Env[Any, Any]):
    observation_space, action_space = SPACES

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return np.zeros(3, np.float32), {}

    def step(self, action: Any) -> Any:
        return np.zeros(3, np.float32), 0.0, False, False, {}


gym.register("tests/Still-v0", entry_point=Still, disable_env_checker=True)


def ratings_of(criterion: str | None = None, num_rounds: int = 2) -> RatingDataset:
    whole = dataset([s for k in range(num_rounds) for s in make_segments(30, round=k, seed=k)])
    whole.criterion = criterion
    return whole


def rated_learner(rater: Any = RATER, **kwargs: Any) -> RewardLearner:
    arguments = {"rater": rater, "segment_length": 10, "seed": 1, **kwargs}
    return gym.make("gym_rated/Rated-v0", env_id="tests/Still-v0", **arguments).unwrapped.learner


def parameters(model: RewardEnsemble) -> list[torch.Tensor]:
    return list(model.state_dict().values())


@pytest.mark.long
@pytest.mark.parametrize("criterion", [None, "How well?"])
def test_fit_rated_and_the_scripts_make_the_same_learner(criterion: str | None) -> None:
    ratings = ratings_of(criterion)
    words = ["--rater", "human"] if criterion else ["--relative-to", "round"]
    args = parse_args(RunArgs, ["--num-classes", "4", *words])
    by_flags = parts.make_learner(args, ENVS, (10,), seed=1)
    by_hand = learner_for_spaces(*SPACES, num_classes=4, segment_length=10, seed=1)
    in_rated = rated_learner(WordsRater() if criterion else RATER)
    model, report = fit(ratings, seed=1, progress_bar=False)
    assert model.options == by_flags.loss.options() == in_rated.loss.options()
    assert report.held_out == by_flags.fit(ratings).held_out == in_rated.fit(ratings).held_out
    by_hand.fit(ratings)
    others = by_flags.model, in_rated.model, by_hand.model
    for ours, *same in zip(*map(parameters, (model, *others)), strict=True):
        assert all(torch.equal(ours, other) for other in same)


def test_the_default_is_the_documented_method() -> None:
    model, _ = fit(ratings_of(), steps=1, progress_bar=False)
    assert model.options["tasks"] == ["ordinal", "score", "comparison"]
    assert (model.options["scale"], model.options["weights"]) == ("group", "uncertainty")


def test_defaults_and_presets_of_the_flags_are_the_methods() -> None:
    assert parts.method_of(RunArgs()) == OURS == Method()
    for words in (["--rater", "human"], ["--relative-to", "range"], ["--regrade"]):
        assert parts.method_of(parse_args(RunArgs, words)) == OURS
    ranked = replace(OURS, tasks=RANKED_TASKS)  # of a rater who is known to compare with all
    assert parts.method_of(parse_args(RunArgs, [])) == ranked
    assert parts.method_of(parse_args(RunArgs, ["--preset", "wu2025"])) == WU_2025


def test_every_choice_of_a_method_reaches_the_learner() -> None:
    method = Method(
        tasks=("ranking", "score"),
        scale="shared",
        weights="fixed",
        target="log",
        limits="batch",
        segment_value="sum",
        trim=0.25,
        num_members=2,
        hidden_sizes=(8,),
        squared_actions=False,
        learning_rate=0.5,
        weight_decay=0.25,
        batch_size=7,
        first_steps=11,
        later_steps=5,
        max_passes=3,
        stop_at_accuracy=0.75,
        ood_coef=0.125,
        offset="best",
    )
    assert all(a != b for a, b in zip(vars(method).values(), vars(OURS).values(), strict=True))
    learner = make_learner(3, 2, 4, segment_length=6, method=method, loss={"alpha": 0.5})
    options = (
        learner.loss.options()
        | {"tasks": learner.loss.tasks}
        | vars(learner)
        | vars(learner.gradient_steps)
    )
    options |= {"num_members": learner.model.num_members}
    options |= {"hidden_sizes": learner.model.hidden_sizes}
    options |= {"squared_actions": learner.model.squared_actions}
    options |= {"learning_rate": learner.state_dict()["optimiser"]["param_groups"][0]["lr"]}
    assert {name: options[name] for name in vars(method)} == vars(method)
    assert (options["segment_length"], options["num_classes"], options["alpha"]) == (6, 4, 0.5)


def test_a_learner_for_spaces_has_the_sizes_of_what_they_are_encoded_as() -> None:
    box, image = SPACES[0], gym.spaces.Box(0, 255, (6, 8, 3), np.uint8)
    both = gym.spaces.Dict({"arm": box, "held": gym.spaces.Discrete(2)})
    learner = learner_for_spaces(both, gym.spaces.Discrete(4), 5, segment_length=[4, 9])
    assert (learner.model.obs_dim, learner.model.action_dim) == (5, 4)
    assert learner.loss.options()["segment_length"] == 9
    first = learner_for_spaces(
        both, SPACES[1], 5, segment_length=4, features=lambda o: o["arm"][:1]
    )
    assert first.model.obs_dim == 1
    method = replace(OURS, num_members=2, hidden_sizes=(16, 8))
    seen = learner_for_spaces(
        image, SPACES[1], 5, segment_length=4, features=PIXELS, method=method
    ).model
    assert isinstance(seen, ConvRewardEnsemble)
    assert (seen.image_shape, seen.num_members, seen.hidden_size) == ((6, 8, 3), 2, 8)


def test_a_learner_for_spaces_refuses_what_has_no_encoding() -> None:
    with pytest.raises(TypeError, match="image"):
        learner_for_spaces(*SPACES, 5, segment_length=4, features=PIXELS)
    with pytest.raises(TypeError, match="`features` must map an observation to a vector, got 3"):
        learner_for_spaces(*SPACES, 5, segment_length=4, features=3)
    with pytest.raises(ValueError, match="`segment_length` must be at least 1, got 0"):
        learner_for_spaces(*SPACES, 5, segment_length=0)
    small = gym.spaces.Box(0, 255, (6, 8, 3), np.uint8)
    none = replace(OURS, hidden_sizes=())
    for space, features in ((SPACES[0], None), (small, PIXELS)):
        with pytest.raises(ValueError, match="`hidden_sizes` must hold at least one layer"):
            learner_for_spaces(
                space, SPACES[1], 5, segment_length=4, features=features, method=none
            )
    with pytest.raises(ValueError, match=r"`image_shape` must have 5 numbers, got \(2, 2\)"):
        make_learner(5, 2, 3, segment_length=4, image_shape=(2, 2))
    with pytest.raises((TypeError, ValueError), match="Sequence"):
        learner_for_spaces(gym.spaces.Sequence(SPACES[0]), SPACES[1], 5, segment_length=4)


def test_a_method_may_be_named_and_its_numbers_replaced() -> None:
    model, report = fit(ratings_of(), method=WU_2025, steps=3, progress_bar=False)
    assert (model.options["scale"], report.steps) == ("shared", 3)
    small = replace(WU_2025, num_members=2, hidden_sizes=(4,), first_steps=2)
    model, report = fit(ratings_of(), method=small, progress_bar=False)
    assert (model.hidden_sizes, model.num_members, report.steps) == ((4,), 2, 2)
    assert model.options["tasks"] == ["classification", "regression"]


def test_options_of_the_loss_that_rated_is_given_win() -> None:
    learner = rated_learner(loss={"scale": "shared", "alpha": 2.0})
    assert learner.loss.options()["scale"] == "shared"
    assert learner.loss.options()["alpha"] == 2.0
    assert learner.loss.tasks == OURS.tasks


def test_a_dataset_keeps_the_criterion_of_its_rater() -> None:
    env = gym_rated.RatingFeedbackWrapper(Still(), WordsRater(), segment_length=2)
    assert env.ratings.criterion == "How high does it hang?"
    env = gym_rated.RatingFeedbackWrapper(Still(), gym_rated.SyntheticRater(3), segment_length=2)
    assert env.ratings.criterion is None


@pytest.mark.parametrize(
    ("criterion", "words", "tasks"),
    [
        (None, [], "['ordinal', 'score', 'comparison']"),
        ("How well?", [], "['ordinal', 'score', 'comparison']"),
        ("How well?", ["--preset", "rbrl"], "['classification']"),
        ("How well?", ["--tasks", "ordinal"], "['ordinal']"),
    ],
)
def test_the_command_learns_from_people_as_fit_does(
    tmp_path: Any, monkeypatch: Any, criterion: str | None, words: list[str], tasks: str
) -> None:
    ratings_of(criterion).save(tmp_path / "ratings.npz")
    monkeypatch.setattr("gym_rated.cli.commands.fit.write_report", lambda *args: None)
    where = ["--ratings", str(tmp_path / "ratings.npz"), "--out", str(tmp_path / "reward")]
    main([*where, "--env-id", "tests/Still-v0", "--steps", "2", *words])
    model = RewardEnsemble.load(tmp_path / "reward")
    assert str(model.options["tasks"]) == tasks
    assert FitArgs.preset == "ours"
