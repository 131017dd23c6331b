"""What a row of answers is: its columns, and what each of them may hold, in whatever format.

Imported late, because pydantic takes a quarter of a second.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gym_rated.checks import LONGEST_COMMENT, check_comment
from gym_rated.ratings.answer import SKIPPED, Answer, Comparison, Rating, Score
from gym_rated.ratings.spreadsheet import NOTHING, Exact, is_leftover
from gym_rated.ratings.tables import is_nothing, shortened

_MOST = Decimal(2**63)  # what a database keeps in one whole number
_NUMBER = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})(e[+-]?\d{1,3})?", re.ASCII | re.I)
_THOUSAND = re.compile(r"[+-]?\d{1,3}\.\d{3}", re.ASCII)  # a thousand, in half of Europe


def _number(value: Any) -> Any:
    """Read a number as programs write it: 2, 2.0, "2", "2.0", "2e0"."""
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value.strip()):
            raise ValueError("no number")
        return Decimal(value.strip())
    if isinstance(value, bool):  # pydantic would take it for 0 or 1
        raise ValueError("no number")
    return value


def _whole(value: Any) -> Any:
    if isinstance(value, str) and _THOUSAND.fullmatch(value.strip()):
        raise ValueError("one of two numbers")
    number = _number(value)
    if isinstance(number, float):
        number = Decimal(number)
    is_whole = isinstance(number, Decimal) and -_MOST < number < _MOST and number == int(number)
    return int(number) if is_whole else number


def _truth(value: Any) -> Any:
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        return value.strip()
    number = value if isinstance(value, bool) else _whole(value)
    if isinstance(number, Decimal):  # pydantic would take one that is nearly 0 for it
        raise ValueError("neither true nor false")
    return number


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _text(value: Any) -> Any:
    """Read a name: exact, so one that a program has changed, or would change, is refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # a column of names that are all whole numbers
    if isinstance(value, Exact) and value.isprintable():
        return str(value)
    if not isinstance(value, str) or not value.isprintable() or value != value.strip():
        raise ValueError("no name")
    if is_leftover(value) or _is_garbled(value):
        raise ValueError("what a program leaves of a name")
    return value


def _comment(value: Any) -> Any:
    """Read a line of text for people; a number in its place is one, a word for nothing is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("no text")
    text = str(value).strip()
    return "" if is_leftover(text) and not isinstance(value, Exact) else check_comment(text)


def _is_garbled(text: str) -> bool:
    """Return whether a text was in UTF-8, and read as what Windows wrote before."""
    if text.isascii():
        return False
    try:
        return text.encode("cp1252").decode("utf-8") != ""
    except UnicodeError:
        return False


_Text = Annotated[str, BeforeValidator(_text)]
_Whole = Annotated[int, BeforeValidator(_whole), Field(strict=True)]
_Truth = Annotated[bool, BeforeValidator(_truth)]
_NAME = "a name, printable, of at most {} characters, without blanks around it"
_COUNT = "a whole number of at least 0"
_TRUE = "true or false"


class Row(BaseModel):
    """The columns that are read; the description says what they must be."""

    model_config = ConfigDict(frozen=True)

    segment_id: _Text | None = Field(None, max_length=1000, description=_NAME.format(1000))
    better_id: _Text | None = Field(None, max_length=1000, description=_NAME.format(1000))
    worse_id: _Text | None = Field(None, max_length=1000, description=_NAME.format(1000))
    rater: _Text | None = Field(None, max_length=100, description=_NAME.format(100))
    rating: _Whole | None = Field(None, description="a whole number")
    score: Annotated[float, BeforeValidator(_number)] | None = Field(
        None, ge=0, le=1, allow_inf_nan=False, description="a number in [0, 1]"
    )
    revision: _Whole = Field(0, ge=0, lt=2**63, description=_COUNT)
    shown_ms: _Whole | None = Field(None, ge=0, lt=2**63, description=_COUNT)
    num_classes: _Whole | None = Field(None, description="a whole number")
    flag: _Truth = Field(False, description=_TRUE)
    comment: Annotated[str, BeforeValidator(_comment)] = Field(
        "", description=f"one line of at most {LONGEST_COMMENT} characters"
    )
    current: _Truth = Field(True, description=_TRUE)
    repeat: _Truth = Field(False, description=_TRUE)
    kind: Annotated[Literal["rate", "skip", "undo"], BeforeValidator(_stripped)] | None = Field(
        None, description="rate, skip or undo"
    )
    run_id: _Text | None = Field(None, max_length=100, description=_NAME.format(100))
    env_id: _Text | None = Field(None, max_length=1000, description=_NAME.format(1000))
    criterion_sha256: _Text | None = Field(None, max_length=64, description="a digest")

    def answer(self, rater: str | None) -> Answer:
        """Return the one answer of the row, not yet checked; an undo has the rating `SKIPPED`.

        Args:
            rater: Who answered where the row does not say; None refuses that.

        Raises:
            ValueError: If it holds no answer, or several.
        """
        who = self.rater or rater
        if who is None:
            raise ValueError("`rater` must say who answered, got nothing")
        values = {"rating": self._rating(), "score": self.score, "better_id": self.better_id}
        given = [name for name, value in values.items() if value is not None]
        if len(given) != 1:
            raise ValueError(
                "`rating`, or `score`, or `better_id` must hold the one answer, "
                f"got {', '.join(given) or 'nothing'}"
            )
        if self.better_id is not None:
            if self.worse_id is None or self.segment_id is not None:
                raise ValueError("`worse_id` must be there, and no `segment_id`, got a comparison")
            if self.revision:
                raise ValueError(f"`revision` must be 0 of a comparison, got {self.revision}")
            return Comparison(self.better_id, self.worse_id, who)
        if self.segment_id is None or self.worse_id is not None:
            raise ValueError(f"`segment_id` must be there, and no `worse_id`, got a {given[0]}")
        if self.score is not None:
            return Score(self.segment_id, self.score, who, self.revision)
        return Rating(self.segment_id, values["rating"], who, self.revision)  # type: ignore[arg-type]  # as `given` says

    def _rating(self) -> int | None:
        """Return the rating, which says the same as the kind of the row."""
        if self.kind == "undo":
            return SKIPPED
        if self.kind == "skip" and self.rating in (None, SKIPPED):
            return SKIPPED
        if self.kind == "skip" or (self.kind == "rate" and self.rating == SKIPPED):
            raise ValueError(f"`rating` must be that of a {self.kind}, got {self.rating}")
        return self.rating


READ = frozenset(Row.model_fields)
_NOTHING = {word.casefold() for word in NOTHING}
_TEXTS = {name for name in READ if name.endswith(("_id", "rater", "sha256", "comment"))}


def row_of(cells: Mapping[str, Any]) -> Row:
    """Return a row, checked.

    Raises:
        ValueError: If a cell does not hold what its column must, with all such columns.
    """
    held = {
        name: value for name, value in cells.items() if name in READ and not _is_empty(name, value)
    }
    try:
        return Row.model_validate(held)
    except ValidationError as error:
        wrong = dict.fromkeys(str(problem["loc"][0]) for problem in error.errors())
    raise ValueError(
        "; ".join(
            f"`{name}` must be {Row.model_fields[name].description}, got {shortened(cells[name])}"
            for name in wrong
        )
    )


def _is_empty(name: str, value: Any) -> bool:
    """Return whether a cell holds nothing; a word for nothing may be a name that was lost."""
    word = value.strip().casefold() if isinstance(value, str) and name not in _TEXTS else ""
    return word in _NOTHING or is_nothing(value)
