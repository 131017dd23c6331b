"""What a spreadsheet makes of names and numbers is understood where it can only mean one thing."""

import pytest

from gym_rated.ratings.spreadsheet import Exact
from gym_rated.recorded.spelling import Names, share, whole


@pytest.mark.parametrize(
    ("names", "cell", "meant"),
    [
        (["ep1", "ep2"], "ep2", "ep2"),
        (["ep1", "ep2"], " ep2.npz ", "ep2"),
        (["ep1", "ep2"], "recordings\\ep2.npz", "ep2"),
        (["a/ep1", "b/ep2"], "ep2", "b/ep2"),
        (["001", "002"], "2", "002"),  # leading zeros are gone
        (["001", "002"], 2, "002"),
        (["001", "002"], 2.0, "002"),  # as pandas has them beside gaps
        (["001", "002"], "2.0", "002"),
        (["001", "002"], "2.npz", "002"),
        (["7", "007"], "007", "007"),  # no program writes 7 so
        (["7", "007"], Exact("7"), "7"),  # an apostrophe vouches for it
        (["123456789012345678", "5"], "1.2E+17", "123456789012345678"),
        (["123456789012345678", "5"], "1,23457E+17", "123456789012345678"),
        (["123456789012345678", "5"], "123456789012345000", "123456789012345678"),  # 15 digits
        (["1234", "5"], "1,234", "1234"),
        (["1234", "5"], "1.234", "1234"),
        (["1234", "5"], "1\xa0234", "1234"),
        (["1234", "5"], "1’234", "1234"),  # noqa: RUF001  # as in Switzerland
        (["12e3", "5"], "12000", "12e3"),
        (["2026-11-30", "2026-12-01"], "30.11.2026", "2026-11-30"),
        (["2026-11-30", "2026-12-01"], "11/30/26", "2026-11-30"),
        (["2026-11-30", "2026-12-01"], "30-Nov-2026", "2026-11-30"),
        (["1-2", "1-3"], "2-Jan", "1-2"),
        (["2026-11-30 14:05", "2026-11-30 14:06"], "30/11/2026 14:06", "2026-11-30 14:06"),
    ],
)
def test_a_cell_means_the_one_name_that_it_can(names, cell, meant) -> None:
    assert Names("episode", names).find(cell) == meant


@pytest.mark.parametrize(
    ("names", "cell", "said"),
    [
        (["7", "007"], "7", "a spreadsheet writes for '007' or '7'; make the column text"),
        (["123456789012345678", "123456789012345679"], "1.2E+17", "which a spreadsheet writes for"),
        (["001", "1000"], "1.000", "must be one of '001', '1000', got '1.000'; did you"),
        (["2026-03-04", "2026-05-06"], "03/04/2026", "if a spreadsheet changed it"),  # April?
        (["1-2", "2-1"], "2-Feb", "must be one of"),
        (["a/ep1", "b/ep1"], "ep1", "for 'a/ep1' or 'b/ep1'"),
        (["ep1", "ep2"], "ep11", "did you mean 'ep1'?"),
        (["ep1"], "", "got ''; correct the row"),
    ],
)
def test_a_cell_that_may_mean_several_or_none_is_refused_with_a_remedy(names, cell, said) -> None:
    with pytest.raises(ValueError, match="`episode` must") as error:
        Names("episode", names).find(cell)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("12", 12),
        (" 12 ", 12),
        ("12.0", 12),
        ("12,0", 12),
        ("1,234", 1234),
        ("1.234", 1234),
        ("1 234 567", 1234567),
        ("1.2E+1", 12),
        (12, 12),
        (12.0, 12),
    ],
)
def test_a_whole_number_is_read_as_programs_write_it(cell, number) -> None:
    assert whole("start", cell) == number


@pytest.mark.parametrize("cell", ["1.000", "1,000", "2.5", "x", "", "-", "1,23,456", True, "٣"])
def test_what_is_no_whole_number_or_may_be_two_is_refused(cell) -> None:
    with pytest.raises(ValueError, match=r"`start` must be a whole number, got .*; write it with"):
        whole("start", cell)


@pytest.mark.parametrize(
    ("cell", "number"), [("0.75", 0.75), ("0,75", 0.75), ("1.000", 1), ("1", 1), (0.5, 0.5)]
)
def test_a_share_may_have_a_decimal_comma(cell, number) -> None:
    assert share("score", cell) == number


@pytest.mark.parametrize("cell", ["75", "75%", "1.5", "-0.1", "nan", "inf", float("nan")])
def test_what_is_no_share_is_refused(cell) -> None:
    with pytest.raises(ValueError, match="`score` must be a number from 0 to 1, got "):
        share("score", cell)
