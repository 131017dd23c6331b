"""The film at the end of a demo."""

from pathlib import Path

import pytest

from gym_rated.assembly.filming import film_of


def test_why_there_is_no_film_is_said_and_no_earlier_one_is_left(tmp_path: Path) -> None:
    path = tmp_path / "film.webp"
    path.write_bytes(b"of an earlier demo")
    said = film_of([tmp_path / "nothing"], path)
    assert said.startswith("no film of the agents: gym-rated film: `runs` must hold a run")
    assert not path.exists()


@pytest.mark.parametrize("name", ["film.webp", "-film.webp"])
def test_where_the_film_is_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    commands = []

    class Done:
        returncode = 0

        def __init__(self, command: list[str], **_: object) -> None:
            commands.append(command)

    monkeypatch.setattr("gym_rated.assembly.filming.subprocess.run", Done)
    said = film_of([tmp_path / "a", tmp_path / "b"], tmp_path / name, seconds=2.5)
    assert said == f"the agents side by side: {tmp_path / name} (open it in a browser)"
    assert commands[0][3:] == [
        *("film", str(tmp_path / "a"), str(tmp_path / "b")),
        *("--side-by-side", str(tmp_path / name), "--seconds", "2.5"),
    ]
