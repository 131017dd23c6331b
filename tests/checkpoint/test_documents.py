"""JSON is read strictly: what it says is what was written."""

import pytest

from gym_rated.checkpoint.documents import parse_json


def test_json_is_read():
    assert parse_json(b'{"a": [1, 2.5, null, "\xc3\xa9"]}') == {"a": [1, 2.5, None, "é"]}
    assert parse_json("7") == 7


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "has the key 'c' twice"),
        ("[NaN]", "has NaN"),
        ("[-Infinity]", "has -Infinity"),
        ("[1e999]", "has the number 1e999"),
        ("[" * 10_000, "nested too deeply"),
        ('{"a": ' * 10_000, "nested too deeply"),
        ("", "Expecting value"),
        (b"\xff\xfe", "codec can't decode"),
        ("9" * 5_000, "digits"),
    ],
)
def test_what_is_no_json_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_json(text)
