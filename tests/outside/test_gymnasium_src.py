"""Gymnasium's own tests, run on rated environments: what passes on a bare one must pass on ours."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import gymnasium as gym
import pytest
from tally import Tally

FILES = (
    "tests/envs/test_action_dim_check.py",
    "tests/envs/test_envs.py",
    "tests/vector",
    "tests/wrappers",
)
# Pictures and sound, and packages that nothing of ours needs.
LEFT_OUT = ("atari", "human", "jax", "numpy_to_torch", "render", "resize", "video")

# What differs on purpose: a pattern of tests -> why.
ON_PURPOSE = {
    r"test_mujoco_action_dimensions": "an action of another shape is refused by us already",
    r"test_vector_wrapper_equivalence": "asks whether a transform does the same below and above",
    r"test_clip_reward_wrapper": "expects CartPole's own reward",
    r"test_record_episode_statistics": "expects the true return in info",
    r"(call|set_attr)_(a)?sync_vector_env": "attributes of environments are sealed",
    r"test_vector_env_wrapper_attributes": "attributes of environments are sealed",
    r"test_env_spec_roundtrip": "reads an attribute of the outermost wrapper, which is ours",
}

pytestmark = pytest.mark.outside


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with Gymnasium's tests alone, so that the installed package is used."""
    source = Path(os.environ.get("GYMNASIUM_SRC", ""))
    version = source / "gymnasium" / "__init__.py"
    if "GYMNASIUM_SRC" not in os.environ or not version.is_file():
        pytest.skip("set GYMNASIUM_SRC to a checkout of Gymnasium")
    if f'__version__ = "{gym.__version__}"' not in version.read_text():
        pytest.skip(f"GYMNASIUM_SRC must hold version {gym.__version__}, which is installed")
    folder = tmp_path_factory.mktemp("gymnasium")
    (folder / "tests").symlink_to(source.absolute() / "tests", target_is_directory=True)
    return folder


def python(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python with Gymnasium's tests and what is beside this file on its path."""
    path = os.pathsep.join([str(Path(__file__).parent), str(folder)])
    environ = os.environ | {"PYTHONPATH": path, "SDL_VIDEODRIVER": "dummy", "MUJOCO_GL": "egl"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)


def run(folder: Path, out: Path, *options: str) -> dict[str, str]:
    """Run the tests of a checkout; returns the name of each -> "" where it passed, or its error."""
    chosen = " and ".join(f"not {word}" for word in LEFT_OUT)
    quiet = ("-q", "-p", "no:cacheprovider", "--continue-on-collection-errors", "-k", chosen)
    done = python(folder, "-m", "pytest", *quiet, f"--junitxml={out}", *options, *FILES)
    assert out.is_file(), done.stdout + done.stderr
    outcomes = {}
    for case in ElementTree.parse(out).iter("testcase"):
        error = case.find("failure") if case.find("error") is None else case.find("error")
        if case.find("skipped") is None:
            name = f"{case.get('classname')}::{case.get('name')}"
            outcomes[name] = "" if error is None else str(error.get("message"))
    return outcomes


def test_what_passes_on_a_bare_environment_passes_on_a_rated_one(
    checkout: Path, tmp_path: Path, tally: Tally
) -> None:
    bare = run(checkout, tmp_path / "bare.xml")
    rated = run(checkout, tmp_path / "rated.xml", "-p", "rated_make")
    passing = [name for name, error in bare.items() if not error]
    assert len(passing) > 1_000
    for name in passing:
        kind = "Gymnasium: " + name.split("::")[0].removeprefix("tests.").split(".")[0]
        error = rated.get(name, "was not run")
        if error and any(re.search(pattern, name) for pattern in ON_PURPOSE):
            tally.record(kind, "refused")
        else:
            tally.record(kind, "lost" if error else "kept", f"{name}: {error}")
    assert not tally.lost


@pytest.mark.parametrize("wrapper", ["LearnedRewardWrapper", "RatingFeedbackWrapper"])
@pytest.mark.parametrize("env_id", ["CartPole-v1", "MountainCarContinuous-v0", "Taxi-v4"])
@pytest.mark.parametrize("num_envs", [1, 3])
def test_a_wrapper_and_its_twin_are_equivalent_by_gymnasiums_test(
    wrapper: str, env_id: str, num_envs: int, checkout: Path, tally: Tally
) -> None:
    script = str(Path(__file__).with_name("twins_by_gymnasium.py"))
    done = python(checkout, script, wrapper, env_id, str(num_envs))
    tally.record(
        "Gymnasium: twins are equivalent", "lost" if done.returncode else "kept", done.stderr
    )
    assert not done.returncode, done.stderr
