from pathlib import Path
from types import SimpleNamespace

import pytest

from gym_rated.assembly.stopping import told_when
from gym_rated.checkpoint import save_state


@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_error_tells_the_step_and_how_to_go_on(has_checkpoint: bool, tmp_path: Path) -> None:
    if has_checkpoint:
        save_state(tmp_path / "checkpoint", {})
    trainer = SimpleNamespace(global_step=0)

    def train() -> None:
        with told_when(trainer, tmp_path):
            trainer.global_step = 640
            raise ValueError("reward")

    with pytest.raises(ValueError, match="reward") as error:
        train()
    (note,) = error.value.__notes__
    assert note.startswith("The run stopped at step 640; ")
    assert note.endswith(f"--resume {tmp_path}" if has_checkpoint else "begin anew")
