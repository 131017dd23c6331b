"""Ratings of recorded episodes from a table, such as a spreadsheet: a row is one rating.

A row names an episode, the steps that were judged, and what was said of them. Every row is taken as
it is, or refused with its place, column, value and what to do.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import Space

from gym_rated.checks import whole_number
from gym_rated.environments.making import make_env
from gym_rated.ratings import Answer, Rating, RatingDataset, Score
from gym_rated.ratings.answer import checked_answer
from gym_rated.ratings.answer_table import AnswerRow, AnswerTable, number_of, subject
from gym_rated.ratings.rows import refuse_misspelt
from gym_rated.ratings.tables import Refusal, Table, is_nothing, read_table, shortened
from gym_rated.recorded.episode import (
    Episode,
    Steps,
    encoded,
    image_space,
    spaces_without_environment,
)
from gym_rated.recorded.files import MinariEpisodes
from gym_rated.recorded.scale import Scale, scale_of
from gym_rated.recorded.spelling import Names, share, whole
from gym_rated.segments import Origin, Segment
from gym_rated.segments.encoding import PIXELS, Features
from gym_rated.segments.images import is_image

COLUMNS = ("episode", "start", "stop", "rating", "score", "rater", "round")
"""Columns that are read; case and blanks around their names do not matter."""

_FORM = "a row has episode, then rating or score, and start and stop unless it is about all steps"


@dataclass(frozen=True)
class _Row:
    """One row: which steps of which episode, and the cells that say something of them."""

    place: str
    episode: str
    start: int
    stop: int | None
    rater: str
    round: int
    rating: Any
    score: Any


def rate_by_rows(
    episodes: Mapping[str, Episode],
    rows: str | Path | Iterable[Mapping[str, Any]],
    *,
    env_id: str | None = None,
    class_names: Iterable[str] = (),
    num_classes: int | None = None,
    rater: str = "recorded",
    criterion: str | None = None,
    features: Features | str | None = None,
    say: Callable[[str], object] | None = None,
) -> RatingDataset:
    """Make a rated dataset of recorded episodes and a table of ratings.

    Args:
        episodes: Name -> episode: `EpisodeFiles`, `MinariEpisodes`, or a dict.
        rows: A file (.csv, .tsv, .jsonl, .parquet), or mappings of column to value.
        env_id: The environment, whose spaces say how observations and actions become vectors. May
            be left out where both are arrays of floats, or of images and of floats, and for
            `MinariEpisodes`. Images may be smaller than the environment's.
        class_names: What the words in `rating` mean, worst first. Without them ratings are whole
            numbers, from 0 or from 1 as the table has them.
        num_classes: Number of classes C where the table may not have all of them.
        rater: Who rated where a row does not say.
        criterion: What the raters were asked to judge, in words.
        features: Maps an observation to a vector, as for the wrappers; "pixels" keeps images.
        say: Called with how the table was read and what in it does not count, in words.

    Returns:
        A segment for each stretch of steps that was rated, called EPISODE:START-STOP, and what was
        said of it. Of a round above 0 its name is followed by " in round K".

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If pyarrow (extra `parquet`) is missing, for a .parquet file.
        ValueError: If a row is refused, naming all of them; or an episode is not of the spaces.
    """
    table = _table_of(rows)
    found = AnswerTable("the rows" if not isinstance(rows, str | Path) else Path(rows))
    found.refused += table.refused
    found.left += [Refusal(place, "empty rows") for place in table.empty]
    found.unread = tuple(name for name in table.columns if name and name not in COLUMNS)
    told = _rows_of(found, table, Names("episode", episodes), rater)
    scale = scale_of([row.rating for row in told], tuple(class_names), num_classes)
    steps = _steps_of(told, episodes, env_id, features)
    numbers = {name: number for number, name in enumerate(episodes)}
    segments: dict[str, Segment] = {}
    said: dict[Any, list[AnswerRow]] = {}
    for row in told:
        try:
            segment = _segment_of(row, numbers[row.episode], steps[row.episode])
            answer = checked_answer(_answer_of(row, segment.id, scale), scale.num_classes)
        except (TypeError, ValueError) as error:
            found.refused.append(Refusal(row.place, str(error)))
            continue
        segments[segment.id] = segment
        said.setdefault(subject(answer), []).append(AnswerRow(answer, row.place))
    for each in said.values():
        _keep_one(found, each)
    found.refused.sort(key=lambda refusal: number_of(refusal.place))
    found.check("ratings", form=_FORM)
    obs, actions = next(iter(steps.values()))
    dims = obs.shape[1], actions.shape[1]
    if isinstance(episodes, MinariEpisodes):
        env_id = env_id or episodes.env_id
    ratings = RatingDataset(*dims, scale.num_classes, env_id=env_id, criterion=criterion)
    ratings.add(segments.values())
    ratings.update(row.answer for row in found.rows)
    if say is None:
        return ratings
    is_rated = any(not is_nothing(row.rating) for row in told)
    notes = [
        f"{len(ratings)} answers about {len(segments)} stretches of {len(steps)} episodes",
        str(scale) if is_rated else "",
        found.notes(),
    ]
    say("; ".join(filter(None, notes)))
    return ratings


def _keep_one(found: AnswerTable, rows: list[AnswerRow]) -> None:
    """Keep what one rater said of one stretch of steps, if all rows about it say the same."""
    first = rows[0]
    if all(row.answer == first.answer for row in rows):
        found.rows.append(first)
        found.leave(rows[1:], "said twice")
        return
    for row in rows:
        other = next(each for each in rows if each.answer != row.answer)
        name = "score" if isinstance(row.answer, Score) else "rating"
        reason = (
            f"`{name}` must be one of each rater and stretch, got another of {row.answer.rater!r} "
            f"in {other.place}; remove one of them"
        )
        found.refused.append(Refusal(row.place, reason))


def _table_of(rows: str | Path | Iterable[Mapping[str, Any]]) -> Table:
    """Return a table with the columns that are needed."""
    where = rows if isinstance(rows, str | Path) else "rows"
    if isinstance(rows, str | Path):
        table = read_table(Path(rows), "ratings", COLUMNS)
    else:
        table = Table()
        for number, row in enumerate(rows, start=1):
            cells = {str(name).strip().casefold(): value for name, value in row.items()}
            table.columns = tuple(dict.fromkeys([*table.columns, *cells]))
            table.take(f"row {number}", cells)
    if table.columns or table.lines:
        refuse_misspelt(table.columns, COLUMNS, f"got {where}", "ratings")
    if "episode" not in table.columns or not {"rating", "score"} & set(table.columns):
        raise ValueError(
            f"`ratings` must have the columns episode, and rating or score, got {where} with "
            f"{shortened(table.columns)}; {_FORM}"
        )
    return table


def _rows_of(found: AnswerTable, table: Table, names: Names, rater: str) -> list[_Row]:
    """Return the rows that say something; others are written down in `found`."""
    rows: list[_Row] = []
    for place, cells in table.lines:
        held = {name: value for name, value in cells.items() if not is_nothing(value)}
        if not {"rating", "score"} & set(held):
            found.left.append(Refusal(place, "not rated"))
            continue
        try:
            rows.append(_row_of(place, held, names, rater))
        except ValueError as error:
            found.refused.append(Refusal(place, str(error)))
    return rows


def _row_of(place: str, held: Mapping[str, Any], names: Names, rater: str) -> _Row:
    if {"rating", "score"} <= set(held):
        raise ValueError("`rating`, or `score`, must hold the one answer, got both")
    if "episode" not in held:
        raise ValueError("`episode` must say which episode was rated, got nothing")
    return _Row(
        place=place,
        episode=names.find(held["episode"]),
        start=whole("start", held.get("start", 0)),
        stop=whole("stop", held["stop"]) if "stop" in held else None,
        rater=str(held.get("rater", rater)).strip(),
        round=whole_number("round", whole("round", held.get("round", 0)), minimum=0),
        rating=held.get("rating"),
        score=held.get("score"),
    )


def _steps_of(
    rows: Iterable[_Row],
    episodes: Mapping[str, Episode],
    env_id: str | None,
    features: Features | str | None,
) -> dict[str, Steps]:
    """Return the encoded steps of each episode that was rated."""
    known = episodes.spaces if isinstance(episodes, MinariEpisodes) else None
    if env_id is not None:
        env = make_env(env_id)
        env.close()
        known = env.observation_space, env.action_space
    found: dict[str, Steps] = {}
    shapes: set[tuple[int, ...]] = set()
    for name in dict.fromkeys(row.episode for row in rows):
        try:
            episode = episodes[name]
            of_both = known or spaces_without_environment(episode)
            if features == PIXELS:
                of_both = _of_images(episode, of_both, shapes), of_both[1]
            found[name] = encoded(episode, of_both[0], of_both[1], features)
            dims = {(obs.shape[1], actions.shape[1]) for obs, actions in found.values()}
            if len(dims) > 1:
                raise ValueError(f"its steps have {found[name][0].shape[1]} numbers, others not")
        except (KeyError, TypeError, ValueError) as error:
            if "`episodes`" in str(error):
                raise
            what = "vectors of floats" if known is None else f"the spaces {known[0]}, {known[1]}"
            raise ValueError(
                f"`episodes` must be of {what}, got episode {name!r}: {error}"
            ) from error
    return found


def _of_images(
    episode: Episode, known: tuple[Space[Any], Space[Any]], shapes: set[tuple[int, ...]]
) -> Space[Any]:
    """Return the space of recorded images; a wrapper may have made them smaller than known."""
    images = image_space(episode)
    if images is None or not is_image(known[0]):
        return known[0]
    shapes.add(images.shape)
    if len(shapes) > 1:
        raise ValueError(f"its images have the shape {images.shape}, others not")
    return images


def _segment_of(row: _Row, episode: int, steps: Steps) -> Segment:
    """Return the steps that a row is about."""
    obs, actions = steps
    stop = len(actions) if row.stop is None else row.stop
    if not 0 <= row.start < stop <= len(actions):
        raise ValueError(
            f"`start` and `stop` must be steps of episode {row.episode!r}, which has "
            f"{len(actions)} (0 <= start < stop <= {len(actions)}), got {row.start} and {stop}"
        )
    return Segment(
        id=f"{row.episode}:{row.start}-{stop}{f' in round {row.round}' if row.round else ''}",
        obs=obs[row.start : stop],
        actions=actions[row.start : stop],
        true_rewards=np.full(stop - row.start, np.nan),
        round=row.round,
        origin=Origin(env_index=0, episode=episode, first_step=row.start, policy_step=0),
    )


def _answer_of(row: _Row, segment_id: str, scale: Scale) -> Answer:
    if row.rating is None:
        return Score(segment_id, share("score", row.score), row.rater)
    return Rating(segment_id, scale.class_of(row.rating), row.rater)
