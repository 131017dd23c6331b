"""What `gym_rated.human` and its store offer is documented, and can be imported."""

import re
from pathlib import Path

import pytest

import gym_rated.human
import gym_rated.human.store

API = Path(__file__).parents[2] / "docs" / "api.md"
WRITTEN_OUT = {"Codec", "Kind", "SKIPPED"}  # where they are used


@pytest.mark.parametrize("module", [gym_rated.human, gym_rated.human.store])
def test_every_public_name_of_rating_by_hand_is_documented(module) -> None:
    documented = re.findall(r"^\.\. .*:: gym_rated\.human\.(?:\w+\.)?(\w+)$", API.read_text(), re.M)
    assert set(module.__all__) - set(documented) <= WRITTEN_OUT
    assert all(getattr(module, name) is not None for name in module.__all__)
