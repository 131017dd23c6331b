"""The package as it is published, in an environment of its own that knows no checkout."""

import subprocess
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Installed:
    """What was built, and the environment that it was installed in."""

    wheel: Path
    sdist: Path
    bin: Path
    """programs of the environment, python among them"""
    site: Path
    """packages of the environment"""


def run(*words: object, cwd: Path) -> str:
    """Run a program without what this process knows of the checkout."""
    command = ["env", "-u", "PYTHONPATH", *map(str, words)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_and_install(folder: Path) -> Installed:
    """Build wheel and sdist, and install the wheel; what it needs comes from this environment."""
    for name in ("builder", "user"):
        venv.create(folder / name, with_pip=name == "builder")
    builder, user = (folder / name / "bin" / "python" for name in ("builder", "user"))
    run(builder, "-m", "pip", "install", "-q", "hatchling", cwd=folder)
    run(builder, "-m", "hatchling", "build", "-d", folder / "dist", cwd=ROOT)
    (wheel,), (sdist,) = (list((folder / "dist").glob(each)) for each in ("*.whl", "*.tar.gz"))
    install = ("-m", "pip", "--python", user, "install", "-q", "--no-deps", wheel)
    run(builder, *install, cwd=folder)
    site = Path(run(user, "-c", "import site; print(site.getsitepackages()[0])", cwd=folder)[:-1])
    (site / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")  # what it needs
    return Installed(wheel, sdist, user.parent, site)
