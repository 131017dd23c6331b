"""When to ask, after what was asked before a kill is taken back."""

import pytest
from envs import make_segment

from gym_rated.wrappers.questions import Questions


@pytest.mark.parametrize(
    ("own_round", "recovered", "expected"),
    [
        (2, [2, 2], 3),  # asked in round 2 after the checkpoint, which was about to ask it
        (2, [2, 3], 4),
        (5, [2], 5),  # what is older leaves the round alone
        (2, [], 2),
    ],
)
def test_round_after_a_recovery_is_one_that_nobody_was_asked_in(
    own_round: int, recovered: list[int], expected: int
) -> None:
    questions = Questions({10: 4}, None, 100, 0, awaits_answers=True)
    questions.round = own_round
    questions.owed = 4
    segments = [make_segment(f"{i}", round=round_) for i, round_ in enumerate(recovered)]
    questions.take_back(segments)
    assert questions.round == expected
    assert questions.owed == 4 - len(recovered)
