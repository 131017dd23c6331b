"""The loop that docs/reliability.md shows goes on where it was, and asks nothing twice."""

from pathlib import Path

import pytest
from answering import answer_all
from code_blocks import python_blocks

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


@pytest.mark.filterwarnings("ignore:round .* has fewer than two rating classes")
def test_a_loop_of_ones_own_asks_only_what_its_checkpoint_holds(tmp_path: Path) -> None:
    names: dict = {}
    exec(compile(python_blocks(PAGE), str(PAGE), "exec"), names)
    rater, envs, rng = names["make"](tmp_path)
    for _ in range(60):
        envs.step(rng.integers(2, size=1))
    envs.query(3)
    assert rater.store.pending("run") == 0
    names["save"](tmp_path, rater, envs, rng)
    assert rater.store.pending("run") == 3
    drawn = rng.random()
    rater.close()

    rater, envs, rng = names["make"](tmp_path)
    names["load"](tmp_path, rater, envs, rng)
    assert rng.random() == drawn
    assert answer_all(rater.store, lambda segment: len(segment.obs) % 5) == 3
    assert envs.collect() == 3
    rater.close()
