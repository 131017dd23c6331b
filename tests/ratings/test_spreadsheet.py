"""Texts in CSV, as spreadsheets and pandas read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gym_rated.ratings.spreadsheet import escaped, protected, restored

# run, or changed, by LibreOffice 7.4, pandas 3 or Excel
CHANGED = [
    *(
        "=1+1",
        "+1",
        "-3",
        "@x",
        "\t=1",
        "\r=1",
        "\n=1",
        "=cmd|' /C calc'!A0",
        "\uff1d1+1",
        "-",
        "--",
    ),
    *(
        "00123",
        "1e5",
        "1E-5",
        "1.50",
        ".5",
        "5.",
        "1,000",
        "1'000",
        "5%",
        "$5",
        "\u20ac5",
        "(5)",
        "1d5",
    ),
    *(
        "2024-01-02",
        "2024/1/2",
        "1-2-3",
        "10-2-25",
        "0-1-5",
        "1/2",
        "5-2024",
        "1.2.2024",
        "1 2 2024",
    ),
    *("2024-01-02 03:04", "2024-01-02T03:04:05", "1:30", "1:30 PM", "12:30:15"),
    *("Mar-1", "SEPT2", "1-mar", "5 May 2020", "may5", "Dec 24, 2024"),
    *("true", "FALSE", "NA", "NaN", "nan", "null", "None", "N/A", "#N/A", "#REF!"),
    *("'=1+1", "''00123"),
]
SAFE = [
    *(
        "0-0-0",
        "0-3-0",
        "0-12-0",
        "40-50-60",
        "ann",
        "Zo\u00eb",
        "'t Hooft",
        "'",
        "a=b",
        "x-1",
        "v1.2",
    ),
    *(
        "mujoco/hopper/medium-v0:3-50",
        "Jan",
        "May",
        "april",
        "ann's",
        "a,b",
        'say "no"',
        "\u5f20\u4f1f",
    ),
    *("", " ", "Hopper-v5", "0x1F", "1-2-3-4", "a;b"),
]


@pytest.mark.parametrize("text", CHANGED)
def test_what_a_program_would_change_is_marked_as_text(text: str) -> None:
    assert protected(text).startswith("'")
    assert restored(protected(text)) == restored(f"'{text}") == text


@pytest.mark.parametrize("text", SAFE)
def test_what_no_program_changes_is_written_as_it_is(text: str) -> None:
    assert protected(text) == escaped(text) == restored(text) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [("a;=1", "a;'=1"), ('a\t"+1"', 'a\t\'"+1"'), ("a,-b|@c", "a,'-b|'@c"), ("a;'=1", "a;''=1")],
)
def test_no_separator_is_followed_by_a_formula(text: str, cell: str) -> None:
    assert protected(text) == cell
    assert restored(cell) == text


@given(
    st.text()
    | st.text("';,|=+-@\"1a\t")
    | st.from_regex(r"'*[=+@\-]?[0-9.,:/ \-]{0,12}(e[0-9]+|may)?", fullmatch=True)
)
def test_every_text_comes_back(text: str) -> None:
    assert restored(protected(text)) == restored(escaped(text)) == text
    assert not protected(text).startswith(tuple("=+-@\t\r\n"))


def test_a_text_of_any_length_is_judged_at_once() -> None:
    for text in ("1" + " " * 100_000 + "x", "." * 100_000 + "x", "may" + "-1" * 50_000 + "x"):
        assert restored(protected(text)) == text


@pytest.mark.parametrize("unseen", [" ", "  ", "\xa0", "\u200b", "\ufeff", " \t", "\v", "\f"])
@pytest.mark.parametrize("begin", "=+-@\uff1d\uff0b\uff0d\uff20")
def test_a_formula_behind_what_is_not_seen_is_protected(unseen, begin):
    text = f"{unseen}{begin}cmd()"
    assert protected(text).startswith("'")
    assert restored(protected(text)) == text
