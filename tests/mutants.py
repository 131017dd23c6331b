"""Break single places of the package, and count how many of them its tests notice.

    python tests/mutants.py --num 60 --seed 0

Draws places at random over what must not go wrong without a word (losses, segments, hiding,
feedback, vector wrappers, checkpoints), changes one at a time in a copy, and runs the tests of its
room. Writes `benchmarks/results/trust/mutants.json`; who survives is explained in
`docs/reliability.md`, or is a gap to close.
"""

import ast
import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tyro
from tqdm import tqdm

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "trust" / "mutants.json"
WRAPPER_TESTS = ["tests/wrappers", "tests/segments", "tests/test_leaks.py"]
TESTS = {
    "losses": ["tests/losses", "tests/fitting"],
    "segments": WRAPPER_TESTS,
    "wrappers": [*WRAPPER_TESTS, "tests/test_noninterference.py", "tests/agents"],
    "checkpoint": ["tests/checkpoint", "tests/runs"],
}
SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


@dataclass(frozen=True)
class Mutant:
    """One changed place."""

    path: str
    line: int
    before: str
    after: str
    source: str  # of the whole file, changed


@dataclass
class Args:
    """Break single places of the package, and count how many of them its tests notice."""

    num: int = 60
    """how many places to break"""
    seed: int = 0
    """the seed of their choice"""
    timeout_s: float = 600.0
    """after which a broken place counts as noticed: it made a test run for ever"""


def changed(node: ast.AST) -> ast.AST | None:
    """Return a copy of a node with another meaning; None where there is nothing to change."""
    new = copy.deepcopy(node)
    if isinstance(new, ast.Compare) and type(new.ops[0]) in SWAPS:
        new.ops[0] = SWAPS[type(new.ops[0])]()
    elif isinstance(new, ast.BinOp | ast.BoolOp) and type(new.op) in SWAPS:
        new.op = SWAPS[type(new.op)]()
    elif isinstance(new, ast.UnaryOp) and isinstance(new.op, ast.Not | ast.USub):
        return new.operand
    elif isinstance(new, ast.Constant) and isinstance(new.value, bool):
        new.value = not new.value
    elif isinstance(new, ast.Constant) and isinstance(new.value, int | float):
        new.value += 1
    else:
        return None
    return new


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a file; annotations and texts are left alone."""
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    tree = ast.parse(text)
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if part is not None
        for inner in ast.walk(part)
    }
    skipped |= {id(i) for n in ast.walk(tree) if isinstance(n, ast.Raise) for i in ast.walk(n)}
    for node in ast.walk(tree):
        new = None if id(node) in skipped else changed(node)
        if new is None or node.lineno != node.end_lineno:  # type: ignore[attr-defined]
            continue
        line = lines[node.lineno - 1].encode()  # type: ignore[attr-defined]
        begin, end = node.col_offset, node.end_col_offset  # type: ignore[attr-defined]
        after = line[:begin] + f"({ast.unparse(new)})".encode() + line[end:]
        source = [*lines[: node.lineno - 1], after.decode(), *lines[node.lineno :]]  # type: ignore[attr-defined]
        name = path.relative_to(ROOT).as_posix()
        shown = line.decode().strip(), after.decode().strip()
        yield Mutant(name, node.lineno, *shown, "".join(source))  # type: ignore[attr-defined]


def is_noticed(mutant: Mutant, folder: Path, timeout_s: float) -> bool:
    """Run the tests of a mutant's room in a copy of the tree; True if any fails."""
    path = folder / mutant.path
    original = path.read_text()
    path.write_text(mutant.source)
    tests = TESTS[Path(mutant.path).parts[1]]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        return bool(
            subprocess.run(command, cwd=folder, capture_output=True, timeout=timeout_s).returncode
        )
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_text(original)


def main(args: Args) -> None:
    """Draw places, break each, and write what was noticed."""
    files = [p for room in TESTS for p in sorted((ROOT / "gym_rated" / room).glob("*.py"))]
    every = [mutant for path in files for mutant in mutants_of(path)]
    rng = np.random.default_rng(args.seed)
    chosen = [every[i] for i in rng.permutation(len(every))[: args.num]]
    survivors = []
    with TemporaryDirectory() as name:
        folder = Path(name) / "copy"
        left_out = shutil.ignore_patterns(".*", "runs", "build", "_build")
        shutil.copytree(ROOT, folder, ignore=left_out)
        for mutant in tqdm(chosen, unit="mutant"):
            if not is_noticed(mutant, folder, args.timeout_s):
                survivors.append(mutant)
                tqdm.write(f"{mutant.path}:{mutant.line}\n  {mutant.before}\n  {mutant.after}")
    rows = [{key: vars(m)[key] for key in ("path", "line", "before", "after")} for m in survivors]
    content = {
        "command": f"python tests/mutants.py --num {args.num} --seed {args.seed}",
        "places": len(every),
        "tried": len(chosen),
        "noticed": len(chosen) - len(survivors),
        "survivors": rows,
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(content, indent=1) + "\n")
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} noticed; {RESULT}")


if __name__ == "__main__":
    main(tyro.cli(Args))
