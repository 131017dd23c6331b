"""On what a result was made: versions, commit and processor, for `config.json`."""

import hashlib
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# Those that change numbers; read from package metadata, so that nothing is imported.
PACKAGES = ("gym_rated", "gymnasium", "mujoco", "dm_control", "numpy", "torch")


def provenance() -> dict[str, Any]:
    """Say on what this process runs.

    Returns:
        `versions` (package -> version, of those installed, and python), `commit` (of the checkout
        that gym_rated is imported from, with "-dirty" if it has changes; None if it is none) and
        `cpu` (model and a hash of its instruction set flags, which decide how sums are rounded).
    """
    return {"versions": _versions(), "commit": _commit(), "cpu": _cpu()}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():  # installed, perhaps inside a checkout of something else
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run([*command, "--exclude=*"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu() -> dict[str, str | None]:
    model: str | None = platform.processor() or platform.machine()
    flags = None
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = (line.partition(":") for line in cpuinfo.read_text().splitlines())
        fields = {key.strip(): value.strip() for key, _, value in lines}
        model = fields.get("model name", model)
        flags = fields.get("flags", fields.get("Features"))
    return {"model": model, "flags_sha256": flags and _flags_digest(flags)}


def _flags_digest(flags: str) -> str:
    return hashlib.sha256(" ".join(sorted(flags.split())).encode()).hexdigest()
