import pytest
import torch

from gym_rated.losses.groups import differ

NOBODY = torch.zeros(3, dtype=torch.bool)


@pytest.mark.parametrize(
    ("given", "groups", "least", "expected"),
    [
        ([True, False, False], None, None, True),  # on one scale an answer says where it is
        ([True, True, False], None, 1.0, True),
        ([True, True, False], None, 1.5, False),
        ([True, False, False], None, 1.0, False),
        ([True, True, False], [0, 0, 0], None, True),
        ([True, True, False], [0, 1, 1], None, False),  # alone in its group
        ([False, True, True], [0, 1, 1], None, False),  # equal
        ([True, True, True], [0, 0, 1], 1.0, True),
        ([True, True, True], [0, 0, 1], 1.5, False),
    ],
)
def test_answers_differ_within_a_group_only(given, groups, least, expected):
    answers = torch.tensor([0, 1, 1])
    given = torch.tensor(given)
    groups = None if groups is None else torch.tensor(groups)
    assert differ(answers, given, groups, least) is expected


def test_no_answers_do_not_differ():
    assert differ(torch.tensor([0, 1, 1]), NOBODY, None) is False
