"""A walk through a page of the documentation: its files and commands, as a newcomer takes them."""

import os
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@dataclass
class Walk:
    """A folder, and what was done in it.

    Args:
        name: What the walk is about, for the table of all walks.
        folder: An empty folder to walk in.
        programs: Where python and gym-rated of an environment without a checkout are.
    """

    name: str
    folder: Path
    programs: Path
    commands: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def take(self, *files: str, into: str = ".") -> None:
        """Copy files of the repository, as a page says that one should."""
        (self.folder / into).mkdir(exist_ok=True)
        for file in files:
            (self.folder / into / Path(file).name).write_bytes((ROOT / file).read_bytes())

    def follow(self, commands: list[str]) -> list[str]:
        """Run commands one after another; returns what each of them said."""
        return [self.run(command) for command in commands]

    def run(self, command: str) -> str:
        """Run one command of a page as it stands there; returns what it said."""
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        env |= {"PATH": f"{self.programs}{os.pathsep}{env['PATH']}", "OMP_NUM_THREADS": "1"}
        begin = time.monotonic()
        done = subprocess.run(
            command, shell=True, cwd=self.folder, env=env, capture_output=True, text=True
        )
        self.seconds += time.monotonic() - begin
        self.commands.append(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


def section(page: str, *titles: str) -> str:
    """Return the text of a page, or of the sections of it that have these titles."""
    text = (DOCS / page).read_text(encoding="utf-8")
    if not titles:
        return text
    parts = {part.partition("\n")[0]: part for part in text.split("\n## ")[1:]}
    return "\n".join(parts[title] for title in titles)


def commands_of(text: str) -> list[str]:
    """Return the commands in a text's shell blocks, continued lines joined."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip()]


def files_of(text: str) -> dict[str, str]:
    """Return the files that a text shows under their names."""
    shown = re.findall(
        r"^```\{code-block\} python\n:caption: (\S+)\n\n(.*?)^```", text, re.MULTILINE | re.DOTALL
    )
    included = re.findall(r"^```\{literalinclude\} (\S+)", text, re.MULTILINE)
    read = {Path(path).name: (DOCS / path).read_text(encoding="utf-8") for path in included}
    return dict(shown) | read
