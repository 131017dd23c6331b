"""`gym-rated show segment`: one rated segment of a run, a file or a database, in numbers."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from numpy.typing import NDArray

from gym_rated.assembly.wording import named_as
from gym_rated.checkpoint.files import replace_file
from gym_rated.cli.commands.databases import open_existing, run_of
from gym_rated.cli.commands.files import load_ratings
from gym_rated.environments.making import make_env
from gym_rated.imports import named_extras, names_of_modules
from gym_rated.ratings import RatingDataset
from gym_rated.runs.folder import read_run
from gym_rated.runs.names import RATINGS, REWARD_MODEL
from gym_rated.segments import Segment
from gym_rated.segments.structure import column_names
from gym_rated.wrappers.reward_fn import predict_rewards, reward_of_folder


@dataclass
class ShowArgs:
    """Say what is known of one rated segment: who said what of it, its steps, its numbers."""

    what: Annotated[Literal["segment"], tyro.conf.Positional]
    """what to show"""
    source: Annotated[str, tyro.conf.Positional]
    """folder of a run, ratings file (.npz), or database of ratings by hand"""
    id: str | None = None
    """id of the segment; the first one that was rated by default"""
    env_id: str | None = None
    """id of the environment whose parts name the numbers; that of the ratings by default"""
    reward_model: Path | None = None
    """folder of a model whose predicted return to show; that of a run by default"""
    run_id: str | None = None
    """of a database, which run; not needed where it holds one"""
    clip: Path | None = None
    """of a database, new file to write the clip to that raters saw"""


def main(argv: Sequence[str]) -> None:
    """Run the command."""
    args = tyro.cli(ShowArgs, args=list(argv), prog="gym-rated show")
    ratings, model = _load(args)
    segment = _chosen(ratings, args.id)
    names = _names_of(args, ratings)
    print("\n".join(describe(ratings, segment, names, model)))
    if args.clip is not None:
        print(f"clip: {_write_clip(args, segment.id)}")


def describe(
    ratings: RatingDataset, segment: Segment, names: Sequence[str], model: Path | None
) -> Iterator[str]:
    """Yield lines about a segment.

    Args:
        ratings: The dataset that it is of.
        segment: The segment.
        names: What each number of an observation is called.
        model: Folder of a reward model, if there is one.
    """
    steps = f"{len(segment)} step{'' if len(segment) == 1 else 's'}"
    yield f"segment {_plain(segment.id)}: {steps}, round {segment.round}"
    yield (
        f"observations {segment.obs.shape} of {segment.obs.dtype}, actions {segment.actions.shape}"
    )
    said = list(_answers(ratings, segment.id))
    yield from said or ["nobody has rated it"]
    if model is not None:
        with named_as(folder="reward_model", reward_fn="reward_model"):
            rewards = predict_rewards(reward_of_folder(model), segment.obs, segment.actions)
        yield f"predicted return {rewards.sum():.4g}, {rewards.mean():.4g} a step: {model}"
    columns = dict(zip(names, segment.obs.T, strict=True))
    columns |= {f"action[{i}]": column for i, column in enumerate(segment.actions.T)}
    yield from _table(columns)


def _table(columns: dict[str, NDArray[Any]]) -> Iterator[str]:
    width = max(map(len, columns))
    yield f"{'':{width}} {'min':>10} {'mean':>10} {'max':>10}"
    for name, column in columns.items():
        numbers = (column.min(), column.mean(dtype=np.float64), column.max())
        yield f"{name:{width}} " + " ".join(f"{number:>10.4g}" for number in numbers)


def _answers(ratings: RatingDataset, segment_id: str) -> Iterator[str]:
    for rating in ratings.ratings:
        if rating.segment_id == segment_id:
            best = ratings.num_classes - 1
            yield f"{_plain(rating.rater)} rated {rating.rating} of 0 to {best}"
    for score in ratings.scores:
        if score.segment_id == segment_id:
            yield f"{_plain(score.rater)} scored {score.score:.4g} of 0 to 1"
    for pair in ratings.comparisons:
        if pair.better_id == segment_id:
            yield f"{_plain(pair.rater)} found it better than {_plain(pair.worse_id)}"
        elif pair.worse_id == segment_id:
            yield f"{_plain(pair.rater)} found it worse than {_plain(pair.better_id)}"


def _load(args: ShowArgs) -> tuple[RatingDataset, Path | None]:
    """Return the ratings of a source, and the model to predict with."""
    path = Path(args.source)
    is_run = path.is_dir()
    is_file = path.suffix.lower() == ".npz"
    for name in ("clip", "run_id"):
        if getattr(args, name) is not None and (is_run or is_file):
            raise ValueError(f"`{name}` must be given of a database only, got it of {path}")
    if is_run:
        with named_as(folder="source"):
            read_run(path)
        own = path / REWARD_MODEL
        return load_ratings(path / RATINGS), args.reward_model or (own if own.is_dir() else None)
    if is_file:
        with named_as(ratings="source"):
            return load_ratings(path), args.reward_model
    with named_as(db="source", url="source"):
        with closing(open_existing(args.source)) as store:
            run = run_of(store, args.run_id)
        with named_extras():
            from gym_rated.human import dataset_from_store
        return dataset_from_store(args.source, run.id), args.reward_model


def _chosen(ratings: RatingDataset, segment_id: str | None) -> Segment:
    """Return the segment of an id, or the first that anything was said of."""
    segments = {segment.id: segment for segment in ratings.segments()}
    if segment_id is None:
        rated = ratings.table().ids or tuple(segments)
        if not rated:
            raise ValueError("`source` must hold a segment, got none")
        return segments[rated[0]]
    if segment_id not in segments:
        shown = ", ".join(_plain(name) for name in list(segments)[:5])
        raise ValueError(
            f"`id` must be one of {len(segments)} segments such as {shown}, got {segment_id!r}"
        )
    return segments[segment_id]


def _names_of(args: ShowArgs, ratings: RatingDataset) -> Sequence[str]:
    """Return names of the numbers of an observation: of the environment where it is known."""
    plain = [f"obs[{i}]" for i in range(ratings.obs_dim)]
    if args.env_id is None and (ratings.env_id is None or names_of_modules(ratings.env_id)):
        return plain  # a file alone imports nothing
    env = make_env(args.env_id or str(ratings.env_id))
    env.close()
    if not env.observation_space.is_np_flattenable:
        return plain
    names = column_names(env.observation_space)
    if len(names) == ratings.obs_dim:
        return names
    if args.env_id is not None:
        raise ValueError(
            f"`env_id` must be the environment that was rated, with {ratings.obs_dim} numbers in "
            f"an observation, got {args.env_id} with {len(names)}"
        )
    return plain  # they went through `features`


def _write_clip(args: ShowArgs, segment_id: str) -> Path:
    assert args.clip is not None
    if args.clip.exists():
        raise FileExistsError(f"`clip` must be a new file, got {args.clip}; name another")
    with closing(open_existing(args.source)) as store:
        run = run_of(store, args.run_id)
        seen = [e.clip_sha256 for e in store.events(run.id) if e.segment_id == segment_id]
        clips = [store.clip(name) for name in seen if name is not None]
    kept = [clip for clip in clips if clip is not None]
    if not kept:
        raise ValueError(f"`clip` must be one that was kept, got none of segment {segment_id!r}")
    replace_file(args.clip, kept[-1].data)
    return args.clip


def _plain(name: str) -> str:
    """Return a name out of a file such that a terminal does nothing but show it."""
    return name if name.isprintable() and name else repr(name)


if __name__ == "__main__":
    from gym_rated.cli.cli import run_alone

    run_alone("show")
