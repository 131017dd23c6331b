"""What became of a file of answers: each row stands, does not count, or was refused."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gym_rated.ratings.answer import Answer, Comparison, Rating, Score
from gym_rated.ratings.tables import Refusal, shortened

_FORM = "a row has segment_id and rating or score, or better_id and worse_id"


@dataclass(frozen=True)
class AnswerRow:
    """An answer that stands in a file.

    Attributes:
        answer: The answer, checked.
        place: Where it stands, such as "line 3".
        shown_ms: For how long the segment was looked at, in milliseconds, if known.
        flagged: Whether the rater says that something is wrong with the segment.
        comment: What the rater says of it besides.
    """

    answer: Answer
    place: str
    shown_ms: int | None = None
    flagged: bool = False
    comment: str = ""


@dataclass
class AnswerTable:
    """All that became of a file of answers.

    Attributes:
        path: What was read.
        rows: The answers that stand, in the order of the file.
        refused: The rows that are none.
        left: Rows that do not count, as the file itself says, with the reason.
        unread: Columns that mean nothing here.
    """

    path: Path | str
    rows: list[AnswerRow] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    left: list[Refusal] = field(default_factory=list)
    unread: tuple[str, ...] = ()

    @property
    def uncounted(self) -> Counter[str]:
        """Why rows do not count -> how many."""
        return Counter(row.reason for row in self.left)

    def leave(self, rows: Iterable[AnswerRow], reason: str) -> None:
        """Write down that rows do not count."""
        self.left += [Refusal(row.place, reason) for row in rows]

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

    def check(self, argument: str, *, most: int = 20, form: str = _FORM) -> None:
        """See that there are answers and nothing was refused.

        Args:
            argument: Name of the argument that the file was given as.
            most: How many refused rows the error names.
            form: What a row must look like, in words.

        Raises:
            ValueError: Otherwise, with the rows.
        """
        if self.refused:
            shown = [f"\n  {refusal}" for refusal in self.refused[:most]]
            more = len(self.refused) - len(shown)
            raise ValueError(
                f"`{argument}` must hold an answer in every row, got {len(self.refused)} that "
                f"are none in {self.path}:{''.join(shown)}{f' (and {more} more)' if more else ''}"
                f"\n  {form}"
            )
        if not self.rows:
            raise ValueError(
                f"`{argument}` must hold at least one answer that stands, got {self.path} with "
                f"{self.notes() or 'no row'}"
            )

    def notes(self) -> str:
        """Return in words what was not refused and yet does not count; empty if there is none."""
        notes = [
            f"{n} {reason} ({self._where(reason)})" for reason, n in sorted(self.uncounted.items())
        ]
        notes += [f"unread columns {', '.join(map(repr, self.unread))}"] if self.unread else []
        return ", ".join(notes)

    def _where(self, reason: str) -> str:
        numbers = sorted(number_of(row.place) for row in self.left if row.reason == reason)
        shown = ", ".join(map(str, numbers[:20])) + (", …" if len(numbers) > 20 else "")
        return f"{self.left[0].place.split()[0]} {shown}"


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
    found.leave((said.row for said in rows if said.revision < newest), "replaced later")
    if len({said.content for said in last}) > 1:
        for said in last:
            other = next(each for each in last if each.content != said.content)
            reason = (
                f"`revision` must say which of two answers stands, got {newest} for "
                f"{shortened(said.row.answer)} and for another in {other.row.place}"
            )
            found.refused.append(Refusal(said.row.place, reason))
        return
    found.leave((said.row for said in last[1:]), "said twice")
    if last[0].undone:
        found.leave([last[0].row], "taken back")
    else:
        found.rows.append(last[0].row)
