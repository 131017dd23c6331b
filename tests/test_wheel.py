"""The package as it is published: built, installed in an environment of its own, and used."""

import subprocess
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def run(*words: object, cwd: Path) -> str:
    """Run a program without what this process knows of the checkout."""
    command = ["env", "-u", "PYTHONPATH", *map(str, words)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_is_built_installs_and_works_without_the_checkout(tmp_path: Path) -> None:
    for name in ("builder", "user"):
        venv.create(tmp_path / name, with_pip=True)
    builder, user = (tmp_path / name / "bin" / "python" for name in ("builder", "user"))
    run(builder, "-m", "pip", "install", "-q", "hatchling", cwd=tmp_path)
    run(builder, "-m", "hatchling", "build", "-d", tmp_path / "dist", cwd=ROOT)
    (wheel,), (sdist,) = (list((tmp_path / "dist").glob(each)) for each in ("*.whl", "*.tar.gz"))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "gym_rated/human/page/index.html" in names
    assert not [name for name in names if name.startswith(("tests/", "scripts/", "docs/"))]
    with tarfile.open(sdist) as source:
        members = {name.partition("/")[2] for name in source.getnames()}
    assert {"pyproject.toml", "README.md", "scripts/ppo.py", "docs/index.md"} <= members

    run(user, "-m", "pip", "install", "-q", "--no-deps", wheel, cwd=tmp_path)
    site = Path(run(user, "-c", "import site; print(site.getsitepackages()[0])", cwd=tmp_path)[:-1])
    (site / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")  # what it needs
    place = run(user, "-c", "import gym_rated; print(gym_rated.__file__)", cwd=tmp_path)
    assert Path(place.strip()).is_relative_to(site)
    said = subprocess.run(
        ["env", "-u", "PYTHONPATH", str(user.parent / "gym-rated"), "doctor"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert said.stdout.startswith("ok       versions          python"), said.stderr
    example = (ROOT / "README.md").read_text(encoding="utf-8")
    (tmp_path / "example.py").write_text(example.split("```python\n")[1].split("```")[0])
    assert "60 ratings" in run(user, "example.py", cwd=tmp_path)
