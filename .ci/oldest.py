"""Print the constraints of `make test-oldest`: the oldest versions that pyproject.toml allows.

What the package and its extras for users name is pinned at its floor, the tools of developers as in
constraints.txt; what neither names is left to pip.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = ("dev", "docs")


def canonical(name: str) -> str:
    """Return a package's name as an index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def floors() -> dict[str, str]:
    """Return the name of each package that users get -> its oldest version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = list(project["dependencies"])
    lines += [line for name, some in extras.items() if name not in TOOLS for line in some]
    found = [re.match(r"([\w.-]+)(?:\[.*?\])?>=([\w.]+)", line) for line in lines]
    return {canonical(match[1]): match[2] for match in found if match}


def tools() -> dict[str, str]:
    """Return the name of each of the developers' tools -> its version in constraints.txt."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [line for name in TOOLS for line in extras["optional-dependencies"][name]]
    wanted = {canonical(re.match(r"[\w.-]+", line)[0]) for line in named}
    pins = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    return {canonical(name): version for name, version in pins if canonical(name) in wanted}


if __name__ == "__main__":
    for name, version in sorted((tools() | floors()).items()):
        print(f"{name}=={version}")
