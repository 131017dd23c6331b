"""Errors are in the words of the command line."""

import errno

import pytest

from gym_rated.assembly.wording import as_flags, named_as, renamed


def test_names_are_given_back_their_flags_all_at_once() -> None:
    text = "`until` must not come after `start` * `until_end`, got `start x`"
    swapped = renamed(text, {"until": "start", "start": "until"})
    assert swapped == "`start` must not come after `until` * `until_end`, got `start x`"


def test_flags_are_named_as_they_are_typed_and_nothing_else() -> None:
    text = "`segment_length` must fit `space`, got `--segment-length 3`"
    assert as_flags(text, ["segment_length"]) == (
        "`--segment-length` must fit `space`, got `--segment-length 3`"
    )


@pytest.mark.parametrize("kind", [ValueError, TypeError, RuntimeError, FileNotFoundError])
def test_an_error_keeps_its_kind(kind: type[Exception]) -> None:
    with pytest.raises(kind, match="`reward_model` is missing") as caught:
        with named_as(folder="reward_model"):
            raise kind("`folder` is missing")
    assert isinstance(caught.value.__cause__, kind)


def test_an_error_that_is_about_something_else_passes_as_it_is() -> None:
    error = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space") as caught, named_as(folder="resume"):
        raise error
    assert caught.value is error
