"""Every flag of every script: what is out of its range is refused by its name, before any work."""

import re
import sys
from dataclasses import fields, replace
from math import inf, nan
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import ppo
import ppo_continuous_action
import pytest
import sac_continuous_action

from gym_rated.assembly.arguments import RunArgs, parse_args
from gym_rated.assembly.checking import check_args
from gym_rated.assembly.ranges import Range, _limited
from gym_rated.assembly.wording import as_flags, flag

SCRIPTS = (ppo, ppo_continuous_action, sac_continuous_action)


def numbers(script: ModuleType) -> dict[str, tuple[Range, Any]]:
    """Return the flags that are numbers, each with its range and its default."""
    found = {}
    for kind in reversed(script.Args.__mro__):
        for name, hint in get_type_hints(kind, include_extras=True).items():
            default = getattr(script.Args(), name, None)
            # an optional number has no value by default: any shows the range
            ranges = [limits for limits, _ in _limited(hint, 1 if default is None else default)]
            if ranges:
                found[name] = (ranges[0], default)
    return found


SHARED = {field.name for field in fields(RunArgs)}
FLAGS = [(ppo, name) for name in numbers(ppo)]  # and of the others what is their own
FLAGS += [(script, n) for script in SCRIPTS[1:] for n in numbers(script) if n not in SHARED]
ALL_NUMBERS = pytest.mark.parametrize(
    ("script", "name"), FLAGS, ids=[f"{script.__name__}-{name}" for script, name in FLAGS]
)


def out_of(limits: Range) -> list[float]:
    """Return numbers that a range does not hold."""
    step = 1 if limits.is_whole else 0.25
    found = [nan, -inf, -1, limits.low if limits.above else limits.low - step]
    if limits.high != inf:
        found.append(limits.high if limits.below else limits.high + step)
    if limits.is_whole:
        found += [0.5, True, 10**400]
    if not limits.may_be_inf:
        found += [inf, 10**400, 1e39]
    return found


def refused(script: ModuleType, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return in one line what a script says when it refuses words, before it trains."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"{script.__name__}.py", *words])
        main = sys.modules["__main__"]  # as it is run
        patch.setattr(main, "__file__", script.__file__, raising=False)
        with pytest.raises(SystemExit) as ended:
            script.session.read_args(script.Args, script.SCRIPT)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return " ".join(re.sub("[─│╭╮╰╯]", " ", said).split())


@ALL_NUMBERS
def test_a_number_out_of_range_is_refused_with_flag_rule_and_value(
    script: ModuleType, name: str
) -> None:
    limits, default = numbers(script)[name]
    for number in out_of(limits):
        value = (number,) if isinstance(default, tuple) else number
        with pytest.raises((ValueError, TypeError)) as error:
            check_args(replace(script.Args(), **{name: value}))
        said = as_flags(str(error.value), vars(script.Args()))
        assert re.search(rf"^`{flag(name)}` must .+, got ", said), said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--total-timesteps 1e6", "--total-timesteps: it must be a whole number, in digits such a"),
        ("--gamma high", "--gamma: it must be a number such as 0.5 or 1e-4, got 'high'"),
        ("--segment-length 5 x", "--segment-length: it must be a whole number"),
        ("--max-passes x", "--max-passes: it must be a whole number"),
        ("--num-envs -1", "`--num-envs` must be at least 1, got -1"),
        ("--clip-coef 0", "`--clip-coef` must be above 0, got 0.0"),
        ("--num-steps " + "9" * 400, "`--num-steps` must be below 2**63, got one of 1329 bits"),
    ],
)
def test_a_wrong_number_on_the_command_line_is_refused_before_a_folder_is_made(
    words: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    assert said in refused(ppo, ["--run-dir", str(folder), *words.split()], capsys)
    assert not folder.exists()


@ALL_NUMBERS
def test_the_ends_of_a_range_are_numbers_of_it(script: ModuleType, name: str) -> None:
    limits, default = numbers(script)[name]
    ends = [limits.low] * (not limits.above) + [limits.high] * (limits.high != inf)
    ends = [end for end in ends if not (end == limits.high and limits.below)]
    for end in [*ends, *([inf] if limits.may_be_inf else [])]:
        number = int(end) if limits.is_whole else float(end)
        limits.check(name, number)
        limits.check(name, default[0] if isinstance(default, tuple) else default or number)


def test_several_numbers_are_at_least_one() -> None:
    for name in ("segment_length", "hidden_sizes"):
        with pytest.raises(ValueError, match=f"`{name}` must hold at least one number, got none"):
            check_args(replace(ppo.Args(), **{name: ()}))


def test_a_word_that_is_no_choice_is_refused_with_the_flag_and_the_choices(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hints = get_type_hints(ppo.Args)
    choices = [f.name for f in fields(ppo.Args) if "Literal[" in str(hints[f.name])]
    assert len(choices) > 10
    for name in choices:
        said = refused(ppo, [flag(name), "nonsense"], capsys)
        assert flag(name) in said
        assert "nonsense" in said


TOGETHER = {
    "--reward model": "`--reward-model` must be given",
    "--reward model --reward-model nowhere": "`--reward-model` must be the folder of a saved",
    "--env-kwargs gravity": "--env-kwargs: it must be names and values in turn",
    "--env-kwargs g 1 g 2": "--env-kwargs: it must name each argument once, got g 2 times",
    "--rater human --class-names a b": "`--class-names` must name each of the 5 classes",
    "--rater human --class-names a a b c d": "`--class-names` must differ",
    "--rater human --rater-name=": "`--rater-name` must be a word or more",
    "--rater human --answers scores": "`--answers` must be ratings with `--rater human`",
    "--rater human --skip-rate 0.5": "`--skip-rate` is of the synthetic rater",
    "--answers comparisons --tasks ordinal": "`--tasks` must include 'comparison' or 'pairwise'",
    "--vectorization envpool --capture-video": "`--vectorization` must be sync or async",
    "--resume nowhere": "`--resume` must hold a run, got nowhere",
    f"--run-dir {'a' * 300}": "`--run-dir` must be a folder that there can be",
    f"--run-dir {__file__}": "`--run-dir` must be a folder, got the file",
    "--skip-rate 1": "`--skip-rate` must be below 1",
    "--num-ratings 1": "`--num-ratings` must be at least 2",
    "--tasks comparison score": "`--tasks` must include one that learns from ratings",
    "--features nothing": "`--features` must be pixels, or a function of yours as module:function",
    "--features a:b:c": "`--features` must be pixels, or a function of yours as module:function",
    "--features a:b --repel-coef 1": "`--repel-coef` must be 0 with --features a:b, got 1.0",
    "--features a:b --rater human": "`--clips` must be capture with --features a:b, got replay",
    "--gray --rater human": "`--clips` must be capture with --gray, got replay",
    "--gray --vectorization envpool": "`--gray` must be left out with --vectorization envpool",
}
OF_PPO = {
    "--total-timesteps 1000": (
        "`--total-timesteps` must be enough for a rollout, `--num-envs` * `--num-steps` = 2048, "
        "got 1000; train for longer, or take shorter rollouts"
    ),
    "--num-steps 30000": "`--total-timesteps` must be enough for a rollout",
    f"--num-steps {10**12} --total-timesteps {10**14}": "must be smaller: together they ask for",
}
OF_SAC = {
    "--learning-starts 60000": "`--learning-starts` must be below `--total-timesteps` = 60000",
    f"--batch-size {10**10}": "`--batch-size` = 10000000000, `--network-width` = 256 must be small",
    f"--network-width {10**9}": "`--network-width` = 1000000000 must be smaller",
    "--policy-frequency 60001": "`--policy-frequency` must be at most `--total-timesteps` = 60000",
    "--target-network-frequency 60001": "`--target-network-frequency` must be at most",
    "--features pixels": "`--features` must be left out, got pixels: SAC computes rewards again",
}
CASES = [(ppo, words, said) for words, said in TOGETHER.items()]
CASES += [(script, words, said) for script in SCRIPTS[:2] for words, said in OF_PPO.items()]
CASES += [(sac_continuous_action, words, said) for words, said in OF_SAC.items()]


@pytest.mark.parametrize(("script", "words", "said"), CASES)
def test_flags_that_cannot_work_together_are_refused_by_their_names(
    script: ModuleType, words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(script, words.split(), capsys)


IN_THE_ENVIRONMENT = {  # what only the environment tells
    "--num-ratings 30000": "`--num-ratings` must be at most 20480, the segments of `--segment-le",
    "--num-ratings 20000 --first-share 1": "`--total-timesteps` must be enough for the first query",
    "--query-until 0.001": "`--total-timesteps` must be enough for the first query, at step 2048",
    "--env-kwargs max_episode_steps 0": "`--env-kwargs` must be what CartPole-v1 takes, got {'max",
    "--env-kwargs id x": "`--env-kwargs` must not hold id, which `--env-id` is",
    "--env-id nomodule:X-v0": "`--env-id` must name a module that can be imported, got 'nomodule:",
    "--env-id HalfCheetha-v5": "`--env-id` must name an environment that is registered, got 'HalfC",
    "--env-kwargs colour red": "`--env-kwargs` must be what the environment takes, got 'colour'",
}


@pytest.mark.parametrize("words", IN_THE_ENVIRONMENT)
def test_what_the_environment_cannot_do_is_refused_before_a_folder_is_made(
    words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    many = ["--run-dir", str(tmp_path / "run"), "--total-timesteps", str(100 * 2_048)]
    args = parse_args(ppo.Args, [*many, *words.split()])
    assert ppo.session.run(ppo.train, args, ppo.SCRIPT) == 2
    assert IN_THE_ENVIRONMENT[words] in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


WORKS = [  # unusual, and no mistake
    "--num-minibatches 7 --gamma 0 --gae-lambda 1 --checkpoint-every-s inf --class-names",
    "--segment-length 100000 --env-kwargs max_episode_steps 30",
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("words", WORKS)
def test_unusual_flags_that_can_work_do(words: str, tmp_path: Path) -> None:
    short = "--num-envs 4 --num-steps 64 --total-timesteps 2304 --query-until 1 --num-ratings 20"
    small = "--query-rounds 1 --num-members 1 --hidden-sizes 4 --first-steps 2 --update-epochs 1"
    args = parse_args(
        ppo.Args, [*short.split(), *small.split(), "--no-tensorboard", *words.split()]
    )
    args.run_dir = tmp_path / "run"
    assert ppo.train(args)["num_ratings"] > 0


def test_a_number_that_is_none_is_told_from_a_wrong_word() -> None:
    assert (
        parse_args(ppo.Args, ["--preset", "rbrl-aaai24", "--max-passes", "None"]).max_passes is None
    )
    assert parse_args(ppo.Args, ["--max-lead", "inf"]).max_lead == inf
    assert parse_args(ppo.Args, ["--segment-length", "5", "7"]).segment_length == (5, 7)
    kwargs = ["a", "1", "b", "0.5", "c", "True", "d", "None", "e", "x y"]
    typed = parse_args(ppo.Args, ["--env-kwargs", *kwargs]).env_kwargs
    assert typed == {"a": 1, "b": 0.5, "c": True, "d": "None", "e": "x y"}
