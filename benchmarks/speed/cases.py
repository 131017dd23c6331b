"""What is compared with what: ours, its peers, and, of an earlier checkout, ours before.

Peers are at their own defaults in `ppo-defaults`; in `ppo-alike` all have the same sizes: rollouts
of 2,048 steps, mini-batches of 64, 10 epochs, normalised observations and rewards.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.speed.agents import SAC_CHUNK
from benchmarks.speed.interleaved import Case, Contender

ENV_ID = "HalfCheetah-v5"
BEFORE = ", before"
CLEANRL, SB3 = "CleanRL", "Stable-Baselines3"
ROLLOUT = 2_048
RATED_STEPS, RATINGS = 250_000, 500
ALIKE_ENVS = (1, 8, 64)
MANY_ENVS = (16, 64, 256, 1_024, 4_096)
NUMS_OF_RATINGS = (100, 500, 5_000, 50_000)


@dataclass(frozen=True)
class Sources:
    """Where code that is not of this checkout lies."""

    cleanrl: Path | None = None
    before: Path | None = None
    has_sb3: bool = True


def all_cases(sources: Sources) -> list[Case]:
    """Return the cases, in the order in which they run."""
    makers: tuple[Callable[[Sources], Case], ...] = (
        wrappers,
        ppo_defaults,
        *(partial(ppo_alike, num_envs=num_envs) for num_envs in ALIKE_ENVS),
        sac,
        fit_ratings,
        fit_members,
        fit_throughput,
        dataset,
        many_envs,
    )
    return [with_before(make(sources), sources.before) for make in makers]


def with_before(case: Case, before: Path | None) -> Case:
    """Return a case with ours out of an earlier checkout beside ours."""
    if before is None:
        return case
    earlier = [
        replace(contender, name=contender.name + BEFORE, root=before)
        for contender in case.contenders
        if contender.has_before
    ]
    weight_s = case.weight_s * (1 + len(earlier) / len(case.contenders))
    return replace(case, contenders=(*case.contenders, *earlier), weight_s=weight_s)


def wrappers(_: Sources) -> Case:
    """What a wrapper adds to a step, and what a prediction takes."""
    names = ["bare", "hide and record", "learned reward", "physics"]
    names += [f"vector {name}" for name in names] + [f"predict {num}" for num in (1, 16, 2_048)]
    options = {"env_id": ENV_ID}
    contenders = [
        Contender(n, "benchmarks.speed.wrappers:all_of_them", options, request=n) for n in names
    ]
    return Case("wrappers", "step", tuple(contenders), turns=60, weight_s=60)


def ppo_defaults(sources: Sources) -> Case:
    """Each at its defaults: ours for whole runs of 250,000 steps, where fits are rarer later."""
    flags = ["--env-id", ENV_ID, "--total-timesteps", str(RATED_STEPS)]
    rated = ["--reward", "rated", "--num-ratings", str(RATINGS)]
    contenders = [
        ours("rated", flags + rated, chunks=RATED_STEPS // ROLLOUT, stages=True),
        ours("true reward", [*flags, "--reward", "true"], chunks=24),
        *cleanrl(sources, "ppo_continuous_action", [], ROLLOUT, chunks=4),
        *sb3(sources, "ppo", chunks=4, num_envs=1, normalize=False),
    ]
    return Case("ppo-defaults", "environment step", tuple(contenders), turns=5, weight_s=350)


def ppo_alike(sources: Sources, num_envs: int) -> Case:
    """All at the sizes of CleanRL's defaults, with `num_envs` environments, on the true reward."""
    num_steps = ROLLOUT // num_envs
    sizes = ["--num-envs", str(num_envs), "--num-steps", str(num_steps)]
    sizes += ["--num-minibatches", "32", "--update-epochs", "10", "--clip-vloss"]
    flags = [*sizes, "--learning-rate", "3e-4", "--env-id", ENV_ID]
    contenders = [
        ours("true reward", [*flags, "--reward", "true", "--total-timesteps", str(RATED_STEPS)]),
        *cleanrl(sources, "ppo_continuous_action", sizes, ROLLOUT),
        *sb3(sources, "ppo", num_envs=num_envs, normalize=True, n_steps=num_steps, batch_size=64),
    ]
    return Case(
        f"ppo-alike-{num_envs}", "environment step", tuple(contenders), turns=5, weight_s=25
    )


def sac(sources: Sources) -> Case:
    """All at the defaults, which agree: batches of 256, two layers of 256, one update a step."""
    starts = ["--learning-starts", "1000", "--env-id", ENV_ID]
    flags = [*starts, "--total-timesteps", "60000"]
    script = "sac_continuous_action"
    contenders = [
        ours("rated", [*flags, "--reward", "rated"], script, learning=True),
        ours("true reward", [*flags, "--reward", "true"], script, learning=True),
        *cleanrl(sources, script, starts, SAC_CHUNK),
        *sb3(sources, "sac", learning_starts=1_000),
    ]
    return Case("sac", "environment step", tuple(contenders), turns=10, weight_s=50)


def fit_ratings(_: Sources) -> Case:
    """A fit beside the number of ratings there are."""
    contenders = [
        Contender(f"{num} ratings", "benchmarks.speed.fits:by_ratings", request=str(num))
        for num in NUMS_OF_RATINGS
    ]
    return Case("fit-ratings", "gradient step", tuple(contenders), turns=5, weight_s=45)


def fit_members(_: Sources) -> Case:
    """A fit beside the number of members of the ensemble."""
    contenders = [
        Contender(f"{num} members", "benchmarks.speed.fits:by_members", request=str(num))
        for num in (1, 3, 5)
    ]
    return Case("fit-members", "gradient step", tuple(contenders), turns=7, weight_s=15)


def fit_throughput(_: Sources) -> Case:
    """A fit of 500 ratings beside a plain loop over its three members."""
    loop = "benchmarks.speed.member_loop:by_size"
    contenders = [
        Contender("fit, 3 x 256", "benchmarks.speed.fits:of_authors", request="float32"),
        Contender(
            "fit with bfloat16, 3 x 256",
            "benchmarks.speed.fits:of_authors",
            request="bfloat16",
            has_before=False,
        ),
        Contender("plain loop, 3 x 256", loop, request="authors", has_before=False),
        Contender("fit, 2 x 64", "benchmarks.speed.fits:by_ratings", request="500"),
        Contender("plain loop, 2 x 64", loop, request="defaults", has_before=False),
    ]
    return Case("fit-throughput", "gradient step", tuple(contenders), turns=5, weight_s=70)


def dataset(_: Sources) -> Case:
    """The file of 50,000 ratings."""
    options = {"num_ratings": NUMS_OF_RATINGS[-1]}
    contenders = [
        Contender(name, "benchmarks.speed.fits:on_disk", options, request=name)
        for name in ("save", "load")
    ]
    return Case("dataset", "call", tuple(contenders), turns=5, weight_s=60)


def many_envs(_: Sources) -> Case:
    """The vector wrappers beside the number of environments."""
    contenders = [
        Contender(
            f"{num} environments, {words}",
            "benchmarks.speed.many_envs:by_number",
            {"env_id": ENV_ID},
            request=f"{num} {which}",
        )
        for which, words in (("bare", "bare"), ("hide", "hide and record"), ("both", "both"))
        for num in MANY_ENVS
    ]
    return Case("many-envs", "environment step", tuple(contenders), turns=15, weight_s=60)


def ours(
    name: str,
    flags: list[str],
    script: str = "ppo_continuous_action",
    chunks: int = 1,
    **options: bool,
) -> Contender:
    """Return a script of ours; `options` as in `benchmarks.speed.agents.script`."""
    options = {"name": script, "flags": flags, **options}
    return Contender(name, "benchmarks.speed.agents:script", options, chunks=chunks)


def cleanrl(
    sources: Sources, script: str, flags: list[str], chunk: int, chunks: int = 1
) -> list[Contender]:
    """Return a script of CleanRL, if there is a checkout of it."""
    if sources.cleanrl is None:
        return []
    options = {"source": str(sources.cleanrl), "name": script, "chunk": chunk}
    options["flags"] = ["--env-id", ENV_ID, *flags]
    return [
        Contender(
            CLEANRL, "benchmarks.speed.cleanrl:script", options, chunks=chunks, has_before=False
        )
    ]


def sb3(sources: Sources, agent: str, chunks: int = 1, **options: Any) -> list[Contender]:
    """Return an agent of Stable-Baselines3, if that is installed."""
    options = {"env_id": ENV_ID, **options}
    found = Contender(
        SB3, f"benchmarks.speed.agents:sb3_{agent}", options, chunks=chunks, has_before=False
    )
    return [found] if sources.has_sb3 else []
