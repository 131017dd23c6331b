"""`gym-rated fit`: from ratings to a reward model in a folder, with a report.

Ratings are a file with its segments (.npz), or a table about recorded episodes. A file has images
as rows of bytes, so that somebody must say their shape; recorded episodes have it.
"""

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tyro

from gym_rated.assembly.arguments import describe_preset, glimpse, with_preset
from gym_rated.assembly.groups import RewardModelArgs
from gym_rated.assembly.presets import Preset
from gym_rated.checkpoint.files import replace_file
from gym_rated.choices import Offset, PictureFormat
from gym_rated.cli.commands.files import TABLES, check_file, load_ratings
from gym_rated.cli.commands.spaces import check_env, check_shape
from gym_rated.page import Table, Text, write_page
from gym_rated.plots import plot_reward
from gym_rated.plots.pictures import Pictures
from gym_rated.ratings import RatingDataset
from gym_rated.recorded import EpisodeFiles, MinariEpisodes, load_recorded, rate_by_rows
from gym_rated.recorded.episode import image_space
from gym_rated.segments.encoding import PIXELS

if TYPE_CHECKING:
    from gym_rated.fitting import FitReport
    from gym_rated.reward_model import RewardEnsemble


@dataclass
class FitArgs(RewardModelArgs):
    """Fit a reward model to ratings; the folder can be paid by any training script."""

    ratings: Path = tyro.MISSING
    """ratings file, as a run keeps it in ratings/ratings.npz; or a table (.csv, .tsv, .jsonl, or
    .parquet with the extra parquet) with a row a rating of --episodes or --minari"""
    episodes: tuple[str, ...] = ()
    """recorded episodes that a table is about: .npz files, folders of them, or patterns such as
    'ep*.npz'"""
    minari: str | None = None
    """id of a Minari dataset whose episodes a table is about (needs the extra minari)"""
    class_names: tuple[str, ...] = ()
    """what the words in a table mean, worst first; numbers need no names"""
    num_classes: int | None = None
    """number of classes of a table in which not all of them need occur"""
    env_id: str | None = None
    """id of the environment; the one that the ratings name by default. Recorded vectors of floats
    need none"""
    image_shape: tuple[int, ...] = ()
    """height, width and channels of the images in a ratings file, such as 48 48 3; by default those
    that the environment shows, or that were recorded"""
    out: Path = Path("reward_model")
    """folder of the model, which must not exist yet or be empty"""
    steps: int = 200
    """gradient steps"""
    seed: int = 0
    """seed of the model and of the mini-batches"""
    format: tuple[PictureFormat, ...] = ()
    """further formats of the report's picture beside its PNG: svg, pdf"""
    # there is one fit, of `steps`, and no episode whose end could pay
    first_steps: tyro.conf.Fixed[int] = 200
    later_steps: tyro.conf.Fixed[int] = 50
    offset: tyro.conf.Fixed[Offset] = "none"


@dataclass
class _Glimpse:
    """What decides about other flags."""

    preset: Preset = "ours"


def main(argv: Sequence[str]) -> None:
    """Run the command."""
    default = with_preset(FitArgs(), glimpse(_Glimpse, argv).preset)
    hidden = (tyro.conf.SuppressFixed,)
    prog = "gym-rated fit"
    args = tyro.cli(FitArgs, args=list(argv), prog=prog, default=default, config=hidden)
    print(describe_preset(args))
    report = fit_file(args)
    print(f"{report}\n{args.out} holds the reward model and its report")


def fit_file(args: FitArgs) -> "FitReport":
    """Fit a model as the flags say, and write it with its report.

    Raises:
        FileExistsError: If the folder for the model is in use.
        FileNotFoundError: If there is no such file.
        ValueError: If a file is damaged, or of another kind, does not fit the environment, or
            leaves nothing to learn from.
    """
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise FileExistsError(f"`out` must be a new or empty folder, got {args.out}; name another")
    ratings, recorded = ratings_of(args)
    is_table = args.ratings.suffix.lower() in TABLES  # then the spaces are known to fit
    shape: tuple[int, ...] = ()
    if ratings.obs_dtype == np.uint8:
        shape = check_shape(args.image_shape, ratings, recorded, args.env_id)
    elif args.image_shape:
        raise ValueError(
            "`image_shape` must be left out where observations are vectors, as in "
            f"{args.ratings}, got {args.image_shape}"
        )
    env_id = args.env_id or ratings.env_id
    if not is_table and not shape:
        env_id = check_env(args.env_id, ratings)
    from gym_rated.assembly.parts import method_of  # these import torch, and --help needs none
    from gym_rated.fitting import longest_segment, make_learner

    longest = longest_segment(ratings)
    if longest == 0:
        raise ValueError(
            f"`ratings` must hold at least one rated segment, got none in {args.ratings}"
        )
    learner = make_learner(
        ratings.obs_dim,
        ratings.action_dim,
        ratings.num_classes,
        segment_length=longest,
        method=replace(method_of(args), first_steps=args.steps),
        image_shape=shape,
        seed=args.seed,
    )
    learner.progress_bar = sys.stderr.isatty()
    report = learner.fit(ratings, progress=1.0)
    if not report.ready:
        raise ValueError(
            f"`ratings` must tell segments apart, got {report.num_ratings} ratings, by class "
            f"{report.class_counts}; rate more, or more varied segments"
        )
    learner.model.save(args.out)
    write_report(Pictures(args.out, args.format), learner.model, ratings, report, env_id)
    return report


def ratings_of(args: FitArgs) -> tuple[RatingDataset, tuple[int, ...]]:
    """Return the ratings that the flags name, and the shape of their images as it was recorded.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If flags contradict each other, or a file is not what they say.
    """
    if args.ratings.suffix.lower() not in TABLES:
        for name in ("episodes", "minari", "class_names", "num_classes"):
            if getattr(args, name):
                raise ValueError(
                    f"`{name}` must come with a table of ratings ({', '.join(TABLES)}), got "
                    f"{args.ratings}"
                )
        return load_ratings(args.ratings), ()
    check_file("ratings", args.ratings, "a table of ratings")
    if bool(args.episodes) == (args.minari is not None):
        raise ValueError(
            f"`episodes` or `minari` must say what the table {args.ratings} is about, and not "
            "both; a table holds no observations"
        )
    recorded = None if args.minari is None else MinariEpisodes(load_recorded(args.minari))
    episodes = EpisodeFiles(args.episodes) if recorded is None else recorded
    names = list(episodes)
    of_images = bool(names) and image_space(episodes[names[0]]) is not None
    ratings = rate_by_rows(
        episodes,
        args.ratings,
        env_id=args.env_id,
        class_names=args.class_names,
        num_classes=args.num_classes,
        features=PIXELS if of_images else None,
        say=lambda notes: print(f"{args.ratings}: {notes}"),
    )
    if not of_images:
        return ratings, ()
    rated = next(iter(ratings.segments())).origin.episode
    images = image_space(episodes[names[rated]])
    return ratings, () if images is None else images.shape


def write_report(
    pictures: Pictures,
    model: "RewardEnsemble",
    ratings: RatingDataset,
    report: "FitReport",
    env_id: str | None,
) -> None:
    """Write report.json, report.md and report.html beside their picture."""
    from gym_rated.fitting.predictions import predict_ratings

    numbers = {k: v if math.isfinite(v) else None for k, v in report.as_dict().items()}
    replace_file(pictures.folder / "report.json", (json.dumps(numbers, indent=2) + "\n").encode())
    title = f"Reward of {env_id or 'recorded episodes'} from {report.num_ratings} ratings"
    predictions = predict_ratings(model, ratings)
    picture = pictures.draw(
        "report",
        "learned returns, predicted classes, calibration, rewards by step",
        partial(plot_reward, predictions, title=title),
    )
    raters = sorted({rating.rater for rating in ratings.ratings})
    rows = [[name, "-" if v is None else f"{v:.4g}"] for name, v in numbers.items()]
    blocks = (
        Text(str(report).replace("\n", ". ") + "."),
        Text(f"Rated by {', '.join(raters) or 'nobody'}."),
        picture,
        Table(["number", "value"], rows),
    )
    write_page(pictures.folder, "report", title, blocks)


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone("fit")
