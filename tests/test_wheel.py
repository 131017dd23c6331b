"""The package as it is published: built, installed in an environment of its own, and used."""

import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from wheels import ROOT, Installed, run

pytestmark = pytest.mark.slow


def test_what_is_built_installs_and_works_without_the_checkout(
    installed: Installed, tmp_path: Path
) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        names = archive.namelist()
    assert "gym_rated/human/page/index.html" in names
    assert "gym_rated/human/page/watch/index.html" in names
    assert not [name for name in names if name.startswith(("tests/", "scripts/", "docs/"))]
    with tarfile.open(installed.sdist) as source:
        members = {name.partition("/")[2] for name in source.getnames()}
    assert {"pyproject.toml", "README.md", "scripts/ppo.py", "docs/index.md"} <= members
    assert "docs/examples/robot/arm.py" in members

    user = installed.bin / "python"
    place = run(user, "-c", "import gym_rated; print(gym_rated.__file__)", cwd=tmp_path)
    assert Path(place.strip()).is_relative_to(installed.site)
    said = subprocess.run(
        ["env", "-u", "PYTHONPATH", str(installed.bin / "gym-rated"), "doctor"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert said.stdout.startswith("ok       versions          python"), said.stderr
    example = (ROOT / "README.md").read_text(encoding="utf-8")
    (tmp_path / "example.py").write_text(example.split("```python\n")[1].split("```")[0])
    assert "60 ratings" in run(user, "example.py", cwd=tmp_path)
