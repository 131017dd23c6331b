"""What became of a file of answers: each row stands, does not count, or was refused."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gym_rated.ratings.answer import Answer, Comparison, Rating, Score
from gym_rated.ratings.tables import Refusal, shortened


@dataclass(frozen=True)
class AnswerRow:
    """An answer that stands in a file.

    Attributes:
        answer: The answer, checked.
        place: Where it stands, such as "line 3".
        shown_ms: For how long the segment was looked at, in milliseconds, if known.
    """

    answer: Answer
    place: str
    shown_ms: int | None = None


@dataclass
class AnswerTable:
    """All that became of a file of answers.

    Attributes:
        path: What was read.
        rows: The answers that stand, in the order of the file.
        refused: The rows that are none.
        uncounted: Why rows do not count, as the file itself says -> how many.
        unread: Columns that mean nothing here.
    """

    path: Path | str
    rows: list[AnswerRow] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    uncounted: Counter[str] = field(default_factory=Counter)
    unread: tuple[str, ...] = ()

    def keep(self, why_not: Callable[[Answer], str | None]) -> None:
        """Refuse the answers that whoever asked for the file has no use for.

        Args:
            why_not: Returns the reason against an answer, or None.
        """
        reasons = [why_not(row.answer) for row in self.rows]
        both = list(zip(self.rows, reasons, strict=True))
        self.rows = [row for row, reason in both if reason is None]
        self.refused += [Refusal(row.place, reason) for row, reason in both if reason is not None]
        self.refused.sort(key=lambda refusal: number_of(refusal.place))

    def check(self, argument: str, *, most: int = 20) -> None:
        """See that there are answers and nothing was refused.

        Args:
            argument: Name of the argument that the file was given as.
            most: How many refused rows the error names.

        Raises:
            ValueError: Otherwise, with the rows.
        """
        if self.refused:
            shown = [f"\n  {refusal}" for refusal in self.refused[:most]]
            more = len(self.refused) - len(shown)
            raise ValueError(
                f"`{argument}` must hold an answer in every row, got {len(self.refused)} that "
                f"are none in {self.path}:{''.join(shown)}{f' (and {more} more)' if more else ''}"
                "\n  a row has segment_id and rating or score, or better_id and worse_id"
            )
        if not self.rows:
            raise ValueError(
                f"`{argument}` must hold at least one answer that stands, got {self.path} with "
                f"{self.notes() or 'no row'}"
            )

    def notes(self) -> str:
        """Return in words what was not refused and yet does not count; empty if there is none."""
        notes = [f"{number} {reason}" for reason, number in sorted(self.uncounted.items())]
        notes += [f"unread columns {', '.join(map(repr, self.unread))}"] if self.unread else []
        return ", ".join(notes)


def number_of(place: str) -> int:
    """Return the number of a line or row, to sort by."""
    return int(place.split()[-1])


@dataclass(frozen=True)
class Said:
    """An answer, or that it was taken back."""

    row: AnswerRow
    undone: bool

    @property
    def revision(self) -> int:
        """How often it was corrected; a comparison never is."""
        answer = self.row.answer
        return 0 if isinstance(answer, Comparison) else answer.revision

    @property
    def content(self) -> Any:
        """What was said; two answers that stand must say the same."""
        answer = self.row.answer
        if isinstance(answer, Comparison):
            return answer
        value = answer.rating if isinstance(answer, Rating) else answer.score
        return value, self.undone


def subject(answer: Answer) -> Any:
    """Return what two answers share of which one overtakes the other."""
    if isinstance(answer, Rating | Score):
        return type(answer), answer.segment_id, answer.rater
    return answer


def settle(found: AnswerTable, rows: list[Said]) -> None:
    """Keep what stands of all that one rater said about one segment."""
    newest = max(said.revision for said in rows)
    last = [said for said in rows if said.revision == newest]
    if len(rows) > len(last):
        found.uncounted["replaced later"] += len(rows) - len(last)
    if len({said.content for said in last}) > 1:
        places = [said.row.place for said in last]
        for said in last:
            others = ", ".join(place for place in places if place != said.row.place)
            found.refused.append(
                Refusal(
                    said.row.place,
                    f"`revision` must say which of two answers stands, got {newest} for "
                    f"{shortened(said.row.answer)} and for another in {others}",
                )
            )
        return
    if len(last) > 1:
        found.uncounted["said twice"] += len(last) - 1
    if last[0].undone:
        found.uncounted["taken back"] += 1
    else:
        found.rows.append(last[0].row)
