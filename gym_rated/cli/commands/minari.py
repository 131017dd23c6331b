"""`gym-rated rate-minari` and `export-minari`: recorded episodes in, rated segments out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from gym_rated.assembly.groups import RaterArgs
from gym_rated.assembly.wording import named_as
from gym_rated.choices import Reference
from gym_rated.cli.commands.files import load_ratings
from gym_rated.recorded import load_recorded, rate_recorded
from gym_rated.recorded.ratings import write_minari
from gym_rated.wrappers.reward_fn import reward_of_folder


@dataclass
class RateMinariArgs(RaterArgs):
    """Rate segments of a Minari dataset of this machine, and keep the ratings in a file."""

    dataset: str = tyro.MISSING
    """id of the Minari dataset, such as mujoco/halfcheetah/medium-v0"""
    out: Path = Path("ratings.npz")
    """ratings file to write"""
    max_steps: int = 200_000
    """read random episodes up to that many steps"""
    seed: int = 0
    """seed of the choice of segments, and of the rater's mistakes"""
    # what is recorded is rated in one round, so there is nothing to rate again
    relative_to: tyro.conf.Fixed[Reference] = "everything"
    regrade: tyro.conf.Fixed[bool] = True


@dataclass
class ExportMinariArgs:
    """Write the segments and ratings of a file as a Minari dataset, one episode a segment."""

    ratings: Path
    """ratings file"""
    dataset: str
    """id of the new Minari dataset, such as cheetah/rated-v0"""
    env_id: str | None = None
    """id of the environment; the one that the file names by default"""
    reward_model: Path | None = None
    """folder of a model whose rewards to write; NaN without"""


def rate(argv: Sequence[str]) -> None:
    """Run `rate-minari`."""
    hidden, prog = (tyro.conf.SuppressFixed,), "gym-rated rate-minari"
    args = tyro.cli(RateMinariArgs, args=list(argv), prog=prog, config=hidden)
    if args.out.exists():
        raise FileExistsError(f"`out` must be a new file, got {args.out}; name another")
    from gym_rated.assembly.parts import make_rater  # it imports torch, and --help needs none

    ratings = rate_recorded(
        load_recorded(args.dataset),
        make_rater(args, args.seed),
        args.num_ratings,
        segment_length=args.segment_length,
        max_steps=args.max_steps,
        seed=args.seed,
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    ratings.save(args.out)
    counts = "/".join(map(str, ratings.class_counts()))
    print(f"{len(ratings)} ratings ({counts} by class, worst first): {args.out}")


def export(argv: Sequence[str]) -> None:
    """Run `export-minari`."""
    args = tyro.cli(ExportMinariArgs, args=list(argv), prog="gym-rated export-minari")
    ratings = load_ratings(args.ratings)
    reward_fn = None
    if args.reward_model is not None:
        with named_as(folder="reward_model", reward_fn="reward_model"):
            reward_fn = reward_of_folder(args.reward_model)
    written = write_minari(ratings, args.dataset, env_id=args.env_id, reward_fn=reward_fn)
    print(f"{written.total_episodes} segments of {written.total_steps} steps: {args.dataset}")


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone()  # two commands: the first word says which
