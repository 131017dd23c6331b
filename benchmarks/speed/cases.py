"""What is compared with what: ours, its peers, and, of an earlier checkout, ours before.

Peers are at their own defaults in `ppo-defaults`; in `ppo-alike` all have the same sizes: rollouts
of 2,048 steps, mini-batches of 64, 10 epochs, normalised observations and rewards.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.speed.interleaved import Case, Contender

ENV_ID = "HalfCheetah-v5"
BEFORE = ", before"
CLEANRL, SB3 = "CleanRL", "Stable-Baselines3"
ROLLOUT = 2_048
RATED_STEPS, RATINGS = 250_000, 500
SAC_CHUNK = 100


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
        lambda sources: ppo_alike(sources, 1),
        lambda sources: ppo_alike(sources, 8),
        sac,
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
    return replace(case, contenders=(*case.contenders, *earlier))


def wrappers(_: Sources) -> Case:
    """What a wrapper adds to a step, and what a prediction takes."""
    names = ["bare", "hide and record", "learned reward", "physics"]
    names += [f"vector {name}" for name in names] + [f"predict {num}" for num in (1, 16, 2_048)]
    options = {"env_id": ENV_ID}
    contenders = [Contender(n, "wrappers:all_of_them", options, request=n) for n in names]
    return Case("wrappers", "step", tuple(contenders), turns=60, weight_s=60)


def ppo_defaults(sources: Sources) -> Case:
    """Each at its defaults: ours for whole runs of 250,000 steps, where fits are rarer later."""
    flags = ["--env-id", ENV_ID, "--total-timesteps", str(RATED_STEPS)]
    rated = ["--reward", "rated", "--num-ratings", str(RATINGS)]
    contenders = [
        ours("rated", flags + rated, chunks=RATED_STEPS // ROLLOUT, stages=True),
        ours("true reward", [*flags, "--reward", "true"], chunks=24),
        *cleanrl(sources, "ppo_continuous_action", [], ROLLOUT, chunks=8),
        *sb3(sources, "ppo", chunks=8, num_envs=1, normalize=False),
    ]
    return Case("ppo-defaults", "environment step", tuple(contenders), turns=5, weight_s=400)


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
        f"ppo-alike-{num_envs}", "environment step", tuple(contenders), turns=15, weight_s=70
    )


def sac(sources: Sources) -> Case:
    """All at the defaults, which agree: batches of 256, two layers of 256, one update a step."""
    starts = ["--learning-starts", "1000", "--env-id", ENV_ID]
    flags = [*starts, "--total-timesteps", "60000"]
    script = "sac_continuous_action"
    contenders = [
        ours("rated", [*flags, "--reward", "rated"], script),
        ours("true reward", [*flags, "--reward", "true"], script),
        *cleanrl(sources, script, starts, SAC_CHUNK),
        *sb3(sources, "sac", learning_starts=1_000),
    ]
    return Case("sac", "environment step", tuple(contenders), turns=20, weight_s=90)


def ours(
    name: str,
    flags: list[str],
    script: str = "ppo_continuous_action",
    chunks: int = 1,
    stages: bool = False,
) -> Contender:
    """Return a script of ours."""
    options = {"name": script, "flags": flags, "stages": stages}
    return Contender(name, "agents:script", options, chunks=chunks)


def cleanrl(
    sources: Sources, script: str, flags: list[str], chunk: int, chunks: int = 1
) -> list[Contender]:
    """Return a script of CleanRL, if there is a checkout of it."""
    if sources.cleanrl is None:
        return []
    options = {"source": str(sources.cleanrl), "name": script, "chunk": chunk}
    options["flags"] = ["--env-id", ENV_ID, *flags]
    return [Contender(CLEANRL, "cleanrl:script", options, chunks=chunks, has_before=False)]


def sb3(sources: Sources, agent: str, chunks: int = 1, **options: Any) -> list[Contender]:
    """Return an agent of Stable-Baselines3, if that is installed."""
    options = {"env_id": ENV_ID, **options}
    found = Contender(SB3, f"agents:sb3_{agent}", options, chunks=chunks, has_before=False)
    return [found] if sources.has_sb3 else []
