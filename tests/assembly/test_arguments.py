"""The flags that scripts share, and what is assembled from them."""

import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import gymnasium as gym
import numpy as np
import pytest
from envs import make_segment

from gym_rated import ShuffledRater, SyntheticRater
from gym_rated.assembly import parts
from gym_rated.assembly.arguments import RunArgs, describe_preset, parse_args
from gym_rated.assembly.headings import groups_of
from gym_rated.assembly.presets import PRESETS
from gym_rated.assembly.stored import args_from_state, args_state
from gym_rated.choices import Answers, Scale
from gym_rated.exploration import UntilReady
from gym_rated.method import OUR_TASKS, RANKED_TASKS

ENVS = SimpleNamespace(
    single_observation_space=gym.spaces.Box(-1, 1, (3,)),
    single_action_space=gym.spaces.Box(-1, 1, (2,)),
)


def test_presets_only_set_flags_and_other_flags_win() -> None:
    pairs = parse_args(RunArgs, ["--preset", "pairs"])
    assert (pairs.tasks, pairs.regrade, pairs.segment_value) == (("pairwise",), True, "sum")
    paper = parse_args(RunArgs, ["--no-regrade", "--preset", "wu2025"])
    assert paper.tasks == ("classification", "regression")
    assert not paper.regrade
    assert parse_args(RunArgs, []) == replace(RunArgs(), tasks=RANKED_TASKS)


@dataclass
class WalkArgs:
    """Flags of an agent that walks at random."""

    stride: float = 0.5
    """the length of a step"""


@dataclass
class Args(WalkArgs, RunArgs):
    """Train an agent that walks at random."""

    first_share: float = 0.125
    colour: str = "red"


def test_a_script_adds_flags_and_changes_defaults_that_presets_leave_alone() -> None:
    args = parse_args(Args, ["--preset", "rbrl", "--stride", "2"])
    assert (args.stride, args.first_share, args.colour) == (2.0, 0.125, "red")
    assert args.tasks == ("classification",)
    assert parse_args(Args, []) == replace(Args(), tasks=RANKED_TASKS)
    assert parse_args(Args, ["--colour", "blue"]).colour == "blue"


@pytest.mark.parametrize("words", [["--regrade"], ["--relative-to", "round"]])
def test_ratings_that_are_no_places_among_all_that_was_seen_are_warned_of(words: list[str]) -> None:
    with pytest.warns(UserWarning, match="`tasks` has quantile, which reads a rating as a place"):
        parse_args(RunArgs, ["--tasks", "quantile", *words])
    assert parse_args(RunArgs, words).tasks == OUR_TASKS
    assert parse_args(RunArgs, ["--rater", "human"]).tasks == OUR_TASKS


@pytest.mark.filterwarnings("error")
def test_ranks_beside_other_answers_are_not_warned_of() -> None:
    words = ["--tasks", "quantile", "score", "pairwise", "--answers", "mixed"]
    assert parse_args(RunArgs, words).tasks == ("quantile", "score", "pairwise")
    assert parse_args(RunArgs, ["--answers", "comparisons"]).tasks == OUR_TASKS


def test_help_has_a_heading_for_each_group(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_args(Args, ["--help"])
    text = capsys.readouterr().out
    groups = ["walk", "training", "observation", "reward", "rater", "query", "human"]
    groups += ["reward-model"]
    assert re.findall(r"([\w-]+) options +(?:─|\n)", text) == groups
    assert text.index("Train an agent that walks at random.") < text.index("training options")
    assert "Flags of an agent that walks at random." in text
    assert text.index("walk options") < text.index("--stride")
    assert "(default: 0.125)" in text


def test_a_preset_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_args(RunArgs, ["--preset", "nonsense"])
    assert ended.value.code == 2
    assert "'nonsense'" in capsys.readouterr().err


def test_every_flag_is_in_one_group() -> None:
    names = [field.name for group in groups_of(RunArgs) for field in fields(group)]
    assert len(groups_of(RunArgs)) == 7
    assert sorted(names) == sorted({field.name for field in fields(RunArgs)})


def test_arguments_survive_a_checkpoint_with_their_paths() -> None:
    args = Args(run_dir=Path("runs/a"), reward="model", reward_model=Path("model"), stride=2)
    state = args_state(args)
    assert state["run_dir"] == "runs/a"
    assert args_from_state(Args, state) == args
    assert args_from_state(Args, state | {"preset": "people"}).tasks == args.tasks  # of old runs


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_makes_a_learner_and_a_rater(preset: str) -> None:
    args = parse_args(RunArgs, ["--preset", preset])
    assert set(PRESETS[preset]) <= {field.name for field in fields(RunArgs)}
    learner = parts.make_learner(args, ENVS, (50,), seed=1)
    assert learner.loss.tasks == args.tasks
    assert learner.loss.scale == args.scale
    assert parts.make_rater(args, seed=1).num_classes == 5
    assert describe_preset(args).startswith(f"preset {preset}: ")


def test_a_preset_is_described_with_what_other_flags_made_of_it() -> None:
    args = parse_args(RunArgs, ["--preset", "rbrl", "--tasks", "ordinal"])
    assert describe_preset(args) == (
        "preset rbrl: regrade=True, scale=shared, tasks=('ordinal',), segment_length=(50,), "
        "segment_value=sum, squared_actions=False, reward_batch_size=64, weight_decay=0.0, "
        "explore=noise, explore_until=ready"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--reward", "model"], r"`reward_model` must be given with `--reward model` and only"),
        (["--reward-model", "folder"], r"got folder with --reward rated"),
        (
            ["--answers", "scores", "--tasks", "ordinal"],
            r"`tasks` must include 'score' with `--answers scores`",
        ),
        (
            ["--answers", "both", "--tasks", "ordinal"],
            r"`tasks` must include 'score' with `--answers both`",
        ),
        (["--score-noise", "-1"], r"`score_noise` must be at least 0, got -1"),
        (
            ["--answers", "comparisons", "--tasks", "ordinal"],
            r"must include 'comparison' or 'pairwise' with `--answers comparisons`",
        ),
        (["--num-envs", "0"], r"`num_envs` must be at least 1, got 0"),
        (["--total-timesteps", "-1"], r"`total_timesteps` must be at least 1, got -1"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_args(RunArgs, words)


def test_flags_of_the_rater_reach_it() -> None:
    args = RunArgs(num_classes=3, mistake_rate=0.25, shuffle_ratings=True)
    rater = parts.make_rater(args, seed=3)
    assert isinstance(rater, ShuffledRater)
    assert isinstance(rater.rater, SyntheticRater)
    assert (rater.num_classes, rater.rater.mistakes.mistake_rate) == (3, 0.25)
    one_score = parts.make_rater(replace(RunArgs(), answers="scores"), seed=3)
    one_score.submit([make_segment()])
    assert [answer.score for answer in one_score.collect()] == [0.5]
    noisy = parts.make_rater(replace(RunArgs(), answers="both", score_noise=0.2), seed=3)
    noisy.submit([make_segment()])
    rating, score = noisy.collect()
    assert rating.rating == 2
    assert 0 < abs(score.score - 0.5) < 0.5


@pytest.mark.parametrize(
    ("lengths", "limit", "expected"),
    [((50,), 1_000, (50,)), ((50,), 60, (30,)), ((10, 25, 50), 40, (10, 20)), ((50,), None, (50,))],
)
def test_no_segment_is_longer_than_half_an_episode(
    lengths: tuple[int, ...], limit: int | None, expected: tuple[int, ...]
) -> None:
    assert parts.choose_lengths(RunArgs(segment_length=lengths), limit) == expected


@pytest.mark.parametrize("answers", get_args(Answers))
@pytest.mark.parametrize("scale", get_args(Scale))
def test_rounds_of_one_segment_are_refused_where_only_rounds_compare(
    answers: Answers, scale: Scale
) -> None:
    args = RunArgs(answers=answers, scale=scale, num_ratings=9, first_share=0.1)
    if scale == "shared" and answers != "comparisons":
        assert max(parts.make_schedule(args, 250_000, 1, (50,)).values()) == 1
        return
    with pytest.raises(ValueError, match="`query_rounds` must leave at least 2 of `num_ratings`"):
        parts.make_schedule(args, 250_000, 1, (50,))


def test_first_query_waits_until_its_segments_can_be_cut() -> None:
    schedule = parts.make_schedule(RunArgs(num_ratings=500), 250_000, 16, (50,))
    assert next(iter(schedule.items())) == (7 * 50 * 16, 100)
    assert sum(schedule.values()) == 500


def test_every_arm_is_paid_what_it_says(tmp_path: Path) -> None:
    obs, actions = np.zeros((2, 3), np.float32), np.zeros((2, 2), np.float32)
    assert parts.make_reward_fn(RunArgs(reward="true"), ENVS) is None
    for reward, paid in (("constant", [1.0, 1.0]), ("none", [0.0, 0.0])):
        reward_fn = parts.make_reward_fn(RunArgs(reward=reward), ENVS)
        assert reward_fn(obs, actions).tolist() == paid
    learner = parts.make_learner(RunArgs(), ENVS, (50,), seed=1)
    model = learner.model
    model.set_scale(0.5)
    assert parts.make_reward_fn(RunArgs(explore="noise"), ENVS, learner) == model.predict
    until_ready = RunArgs(explore="rnd", explore_until="ready")
    exploring = parts.make_reward_fn(until_ready, ENVS, learner)
    assert isinstance(exploring, UntilReady)
    assert exploring.trust is None
    longer = RunArgs(explore="rnd", explore_until="trusted")
    assert parts.make_reward_fn(longer, ENVS, learner).trust is learner.trust
    model.save(tmp_path / "model")
    args = RunArgs(reward="model", reward_model=tmp_path / "model")
    saved = parts.make_reward_fn(args, ENVS)
    assert saved(obs, actions).tolist() == model.predict(obs, actions).tolist()
