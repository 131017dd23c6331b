import stat

import pytest

from gym_rated.human.app.tokens import Raters, check_name, keep_token, new_token, read_raters


def test_a_token_is_made_once_and_for_its_owner_only(tmp_path):
    path = tmp_path / "ratings.db.token"
    token = keep_token(path)
    assert keep_token(path) == token
    assert len(token) == 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_token_that_others_can_read_is_closed_to_them(tmp_path):
    path = tmp_path / "token"
    path.write_text("t" * 43)
    path.chmod(0o644)
    assert keep_token(path) == "t" * 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "short", "x" * 20 + "\n" + "y" * 30, "spaces in " * 5])
def test_a_spoilt_token_is_replaced(tmp_path, content):
    path = tmp_path / "token"
    path.write_text(content)
    assert keep_token(path) not in ("", content)


def test_raters_without_a_token_get_one_and_keep_it(tmp_path):
    path = tmp_path / "raters.txt"
    path.write_text(f"# the lab\nann\n\nBob B.: {'b' * 30}\n")
    tokens = read_raters(path)
    assert list(tokens) == ["ann", "Bob B."]
    assert tokens["Bob B."] == "b" * 30
    assert read_raters(path) == tokens
    assert path.read_text().startswith("# the lab\nann: ")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("ann\nann\n", "`raters` must name each rater once, got 'ann' twice"),
        ("# nobody\n", "`raters` must be a file with one name a line, got none"),
    ],
)
def test_a_file_of_raters_without_sense_is_refused(tmp_path, content, sentence):
    path = tmp_path / "raters.txt"
    path.write_text(content)
    with pytest.raises(ValueError, match=sentence):
        read_raters(path)
    assert path.read_text() == content


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        ({}, "`tokens` must name at least one rater"),
        ({"ann": "short"}, "`token` of rater 'ann' must have 22 to 128 letters.*got 5"),
        ({"ann": "a" * 40, "bob": "a" * 40}, "`tokens` must differ from each other"),
        ({"": "a" * 40}, "`name` of a rater must have 1 to 80 printable characters, got ''"),
    ],
)
def test_tokens_that_open_to_anyone_are_refused(tokens, sentence):
    with pytest.raises(ValueError, match=sentence):
        Raters(tokens)


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\nb", "a\0b", "a\u202eb"])
def test_a_name_that_cannot_be_shown_is_refused(name):
    with pytest.raises(ValueError, match="`name` of a rater"):
        check_name(name)


@pytest.mark.parametrize("name", ["ann", "Žofie Ånström", "<img src=x onerror=alert(1)>", "评分者"])
def test_a_name_is_only_text(name):
    check_name(name)
    assert Raters({name: "a" * 40}).who("a" * 40) == name


def test_two_servers_of_one_machine_do_not_share_a_cookie():
    assert Raters({"a": "a" * 40}, "one.db").cookie != Raters({"a": "a" * 40}, "two.db").cookie


def test_tokens_are_long_and_never_the_same():
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {43}  # 256 bits
