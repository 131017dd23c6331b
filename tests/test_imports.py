"""Who may import whom: data flows one way, and heavy things stay where they are needed."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import gym_rated

ROOT = Path(__file__).parents[1]
FLOORS = (  # from the ground up: a room may use its own floor and those below, and is on one floor
    {"agreeing", "checks", "choices", "contradictions", "edge", "imports", "metrics", "statistics"},
    {"segments", "checkpoint", "losses", "exploration", "page"},
    {"environments", "method", "ratings", "queries", "reward_model"},
    {"raters", "fitting", "human"},
    {"wrappers", "vector"},
    {"runs", "agents", "sb3", "recorded", "assembly"},
    {"plots", "bench"},
    {"cli", "__main__", "scripts", "benchmarks"},
)
WITHOUT_TORCH = ("wrappers", "vector", "segments", "raters", "queries", "ratings", "runs")
WITHOUT_ENVIRONMENT = ("losses", "reward_model", "fitting", "metrics", "statistics")
ENVIRONMENTS = ("gymnasium", "mujoco", "dm_control", "shimmy")
IN_ONE_FILE = (
    *("ray", "fastapi", "sqlalchemy", "matplotlib", "minari", "tensorboard", "stable_baselines3"),
    *("wandb", "mlflow"),
)
IN_ONE_FOLDER = ("gym_rated.human.app", "gym_rated.human.store", "gym_rated.agents.sb3")


@dataclass(frozen=True)
class Import:
    """One imported module or name, such as "gymnasium.spaces"; `late` if not at import time."""

    target: str
    late: bool


def read_sources(root: Path) -> dict[str, list[Import]]:
    """Parse every file of the package, scripts and benchmarks: dotted module name -> imports."""
    tops = ("gym_rated", "scripts", "benchmarks")
    files = [path for top in tops for path in (root / top).rglob("*.py")]
    return {module_name(path.relative_to(root)): imports_of(path, root) for path in files}


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, root: Path) -> list[Import]:
    package = ".".join(path.relative_to(root).parts[:-1])
    return list(walk(ast.parse(path.read_text()), package, late=False))


def walk(node: ast.AST, package: str, *, late: bool) -> Iterator[Import]:
    """Yield the imports below `node`; those in functions and for type checkers are late."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, late) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            parent = package.rsplit(".", child.level - 1)[0] + "." if child.level else ""
            origin = (parent + (child.module or "")).rstrip(".")
            yield from (Import(public(f"{origin}.{alias.name}"), late) for alias in child.names)
        else:
            in_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from walk(child, package, late=late or in_function or typing)


def public(target: str) -> str:
    """Follow a name that gym_rated exports lazily to the module that defines it."""
    name = target.removeprefix("gym_rated.")
    return f"gym_rated.{gym_rated._MODULE_OF[name]}" if name in gym_rated._MODULE_OF else target


def within(target: str, module: str) -> bool:
    return target == module or target.startswith(module + ".")


def torch_where_there_must_be_none(sources: Mapping[str, list[Import]]) -> Iterator[str]:
    """Rule 1: a reward function is any callable."""
    for module, imports in sources.items():
        if any(within(module, f"gym_rated.{name}") for name in WITHOUT_TORCH):
            if any(within(i.target, "torch") for i in imports):
                yield f"{module} imports torch"
            for other in reached_at_import(module, sources):
                if any(within(i.target, "torch") and not i.late for i in sources[other]):
                    yield f"{module} reaches torch through {other}"


def reached_at_import(module: str, sources: Mapping[str, list[Import]]) -> set[str]:
    """Return the modules of the package that importing `module` executes, without itself."""
    reached, todo = set(), [module]
    while todo:
        for i in sources[todo.pop()]:
            for other in sources:
                if not i.late and within(i.target, other) and other not in reached | {module}:
                    reached.add(other)
                    todo.append(other)
    return reached


def environments_where_there_must_be_none(sources: Mapping[str, list[Import]]) -> Iterator[str]:
    """Rule 2: a reward model is fitted to stored ratings; spaces only say shapes."""
    for module, imports in sources.items():
        if any(within(module, f"gym_rated.{name}") for name in WITHOUT_ENVIRONMENT):
            for i in imports:
                space = within(i.target, "gymnasium.spaces") or i.target == "gymnasium.Space"
                if i.target.split(".")[0] in ENVIRONMENTS and not space:
                    yield f"{module} imports {i.target}"


def human_where_it_must_not_be(sources: Mapping[str, list[Import]]) -> Iterator[str]:
    """Rule 3: the wing for people is optional, its page and store need neither model nor env."""
    for module, imports in sources.items():
        for i in imports:
            outside = ("gym_rated.cli", "gym_rated.assembly", "scripts", "benchmarks")
            allowed = any(within(module, name) for name in outside)
            if within(i.target, "gym_rated.human") and not within(module, "gym_rated.human"):
                if not allowed:
                    yield f"{module} imports {i.target}"
            if module.startswith(("gym_rated.human.app", "gym_rated.human.store")):
                if i.target.split(".")[0] in ("torch", "gymnasium"):
                    yield f"{module} imports {i.target}"


def siblings_that_must_not_meet(sources: Mapping[str, list[Import]]) -> Iterator[str]:
    """Rule 4: a script can be copied out; the two kinds of wrappers stand side by side."""
    scripts = {module.split(".")[-1] for module in sources if within(module, "scripts")}
    twins = ("gym_rated.wrappers.single", "gym_rated.wrappers.vector")
    for module, imports in sources.items():
        for i in imports:
            first = i.target.split(".")[0]
            if first in scripts | {"scripts"} and not within(module, "benchmarks"):
                yield f"{module} imports the script {i.target}"
            if module in twins and any(within(i.target, t) for t in twins if t != module):
                yield f"{module} imports {i.target}"


def heavy_packages_in_two_files(sources: Mapping[str, list[Import]]) -> Iterator[str]:
    """Rule 5: what is optional or heavy is hidden behind one file, or one folder of the page."""
    for package in IN_ONE_FILE:
        users = {
            next((folder for folder in IN_ONE_FOLDER if within(m, folder)), m)
            for m, imports in sources.items()
            if any(within(i.target, package) for i in imports) and not within(m, "benchmarks")
        }
        if len(users) > 1:
            yield f"{package} is imported by {', '.join(sorted(users))}"


def imports_from_a_floor_above(sources: Mapping[str, list[Import]]) -> Iterator[str]:
    """Rule 6: data flows one way, from segments to scripts; every room has its floor."""
    for module, imports in sources.items():
        if module == "gym_rated":
            continue  # the front door opens to every floor
        if floor_of(module) is None:
            yield f"{module} is on no floor; name its room in FLOORS"
            continue
        for i in imports:
            other = floor_of(i.target)
            if other is not None and other > floor_of(module):
                yield f"{module} imports {i.target} from a floor above"


def circles(sources: Mapping[str, list[Import]]) -> Iterator[str]:
    """Rule 7: neither files nor rooms import each other in a circle, not even late."""
    arrows = arrows_of_files(sources)
    for name, graph in (("files", arrows), ("rooms", arrows_of_rooms(arrows))):
        for circle in circles_of(graph):
            yield f"{name} import in a circle: {' -> '.join(circle)}"


def arrows_of_files(sources: Mapping[str, list[Import]]) -> dict[str, set[str]]:
    """Return which files each file imports; what a face only hands on is not followed."""
    arrows: dict[str, set[str]] = {}
    for module, imports in sources.items():
        found = {file_of(i.target, sources) for i in imports}
        arrows[module] = found - {None, module, "gym_rated"}
    return arrows


def file_of(target: str, sources: Mapping[str, list[Import]]) -> str | None:
    """Return the file that an import opens: the longest dotted name that is one."""
    while target and target not in sources:
        target = target.rpartition(".")[0]
    return target or None


def arrows_of_rooms(files: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return which rooms each room imports."""
    rooms: dict[str, set[str]] = {}
    for module, others in files.items():
        if module != "gym_rated":
            own = rooms.setdefault(room_of(module), set())
            own |= {room_of(other) for other in others} - {room_of(module)}
    return rooms


def circles_of(graph: Mapping[str, set[str]]) -> Iterator[list[str]]:
    """Yield one circle for each node on which a walk along the arrows comes back to itself."""
    done: set[str] = set()

    def walk(node: str, way: list[str]) -> Iterator[list[str]]:
        if node in way:
            yield [*way[way.index(node) :], node]
        elif node not in done:
            for other in sorted(graph.get(node, ())):
                yield from walk(other, [*way, node])
            done.add(node)

    for node in sorted(graph):
        yield from walk(node, [])


def floor_of(module: str) -> int | None:
    return next((k for k, rooms in enumerate(FLOORS) if room_of(module) in rooms), None)


def room_of(module: str) -> str:
    """Return the room of a module: a file or folder of gym_rated/, scripts or benchmarks."""
    first, *rest = module.split(".")
    return rest[0] if first == "gym_rated" and rest else first


RULES = [
    torch_where_there_must_be_none,
    environments_where_there_must_be_none,
    human_where_it_must_not_be,
    siblings_that_must_not_meet,
    heavy_packages_in_two_files,
    imports_from_a_floor_above,
    circles,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_repository_keeps(rule):
    assert list(rule(read_sources(ROOT))) == []


GOOD = {
    "gym_rated/__init__.py": "def __getattr__(name):\n    import gym_rated.losses\n",
    "gym_rated/losses.py": "import torch\nfrom gymnasium import spaces\n",
    "gym_rated/segments.py": "import numpy\nfrom gymnasium import spaces\n",
    "gym_rated/checkpoint.py": "def load():\n    import torch\n",
    "gym_rated/ratings.py": "from gym_rated.segments import Segment\n",
    "gym_rated/wrappers/__init__.py": "from gym_rated import RatingDataset, checkpoint\n",
    "gym_rated/vector.py": "import gymnasium\nfrom .wrappers.vector import RatingFeedbackWrapper\n",
    "gym_rated/wrappers/single.py": "from gym_rated.ratings import RatingDataset\n",
    "gym_rated/wrappers/vector.py": "from ..ratings import RatingDataset\n",
    "gym_rated/plots.py": "def plot():\n    import matplotlib\n    from matplotlib import figure\n",
    "gym_rated/human/__init__.py": "",
    "gym_rated/human/store.py": "import sqlalchemy\n",
    "gym_rated/cli.py": "from gym_rated.human import store\n",
    "scripts/ppo.py": "import torch\nimport gymnasium\nimport gym_rated.vector\n",
}


def plant(root: Path, *changes: tuple[str, str]) -> dict[str, list[Import]]:
    for name, source in [*GOOD.items(), *changes]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(source)
    return read_sources(root)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_package_that_keeps_them_passes(tmp_path, rule):
    assert list(rule(plant(tmp_path))) == []


torch_rule, environment_rule, human_rule, sibling_rule, one_file_rule, floor_rule, circle_rule = (
    RULES
)


@pytest.mark.parametrize(
    ("rule", "name", "source", "found"),
    [
        (torch_rule, "gym_rated/wrappers/a.py", "import torch.nn", "wrappers.a imports torch"),
        (torch_rule, "gym_rated/raters/zoo.py", "from torch import nn", "zoo imports torch"),
        (torch_rule, "gym_rated/queries.py", "def f():\n    import torch", "queries imports torch"),
        (
            torch_rule,
            "gym_rated/segments.py",
            "from gym_rated import losses",
            "vector reaches torch through gym_rated.losses",
        ),
        (
            torch_rule,
            "gym_rated/ratings.py",
            "from gym_rated import classification_loss",
            "ratings reaches torch through gym_rated.losses",
        ),
        (environment_rule, "gym_rated/losses.py", "import gymnasium", "losses imports gymnasium"),
        (
            environment_rule,
            "gym_rated/reward_model.py",
            "from gymnasium.vector import VectorEnv",
            "reward_model imports gymnasium.vector.VectorEnv",
        ),
        (environment_rule, "gym_rated/metrics/a.py", "import mujoco", "metrics.a imports mujoco"),
        (
            human_rule,
            "gym_rated/fitting.py",
            "from gym_rated.human.store import Store",
            "fitting imports gym_rated.human.store.Store",
        ),
        (human_rule, "gym_rated/human/app.py", "import gymnasium", "app imports gymnasium"),
        (human_rule, "gym_rated/human/store.py", "import torch", "store imports torch"),
        (sibling_rule, "scripts/sac.py", "from ppo import Args", "sac imports the script ppo.Args"),
        (sibling_rule, "gym_rated/cli.py", "import scripts.ppo", "cli imports the script scripts"),
        (
            sibling_rule,
            "gym_rated/wrappers/vector.py",
            "from .single import LearnedRewardWrapper",
            "vector imports gym_rated.wrappers.single",
        ),
        (
            sibling_rule,
            "gym_rated/wrappers/single.py",
            "from gym_rated.wrappers import vector",
            "single imports gym_rated.wrappers.vector",
        ),
        (
            one_file_rule,
            "scripts/plot.py",
            "from matplotlib import pyplot",
            "matplotlib is imported by gym_rated.plots, scripts.plot",
        ),
        (
            one_file_rule,
            "gym_rated/cli.py",
            "def f():\n    import sqlalchemy",
            "sqlalchemy is imported by gym_rated.cli, gym_rated.human.store",
        ),
        (
            one_file_rule,
            "gym_rated/human/app/api.py",
            "import sqlalchemy",
            "sqlalchemy is imported by gym_rated.human.app, gym_rated.human.store",
        ),
        (
            floor_rule,
            "gym_rated/segments.py",
            "from gym_rated.ratings import RatingDataset",
            "segments imports gym_rated.ratings.RatingDataset from a floor above",
        ),
        (
            floor_rule,
            "gym_rated/exploration/bonus.py",
            "def f():\n    from gym_rated import RewardLearner",
            "bonus imports gym_rated.fitting from a floor above",
        ),
        (
            floor_rule,
            "gym_rated/segments/frames.py",
            "from gym_rated.plots import plot_report",
            "frames imports gym_rated.plots.plot_report from a floor above",
        ),
        (floor_rule, "gym_rated/attic.py", "", "gym_rated.attic is on no floor"),
    ],
)
def test_a_planted_breach_is_found(tmp_path, rule, name, source, found):
    assert any(found in breach for breach in rule(plant(tmp_path, (name, source))))


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (
            "gym_rated/raters/one.py",
            "gym_rated/raters/two.py",
            "files import in a circle: gym_rated.raters.one -> gym_rated.raters.two -> ",
        ),
        (
            "gym_rated/human/one.py",
            "gym_rated/fitting/two.py",
            "rooms import in a circle: human -> fitting -> human",
        ),
    ],
)
def test_a_planted_circle_is_found(tmp_path, one, other, found):
    def imports(name):
        return f"def f():\n    from {module_name(Path(name))} import x\n"

    sources = plant(tmp_path, (one, imports(other)), (other, imports(one)))
    assert any(breach.startswith(found) for breach in circle_rule(sources))


def test_every_room_is_on_the_map_with_its_floor():
    floor, found = 0, {}
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## A map of the house")[1]
    for line in table.split("\n\n")[2].splitlines()[2:]:
        number, rooms, _ = (cell.strip() for cell in line.strip("|").split("|"))
        floor = int(number or floor)
        found |= {room.strip("/"): floor for room in re.findall(r"`([^`]+)`", rooms)}
    assert found == {room: k for k, rooms in enumerate(FLOORS, start=1) for room in rooms}


def test_importing_the_wrappers_does_not_import_torch():
    modules = ", ".join(f"gym_rated.{name}" for name in WITHOUT_TORCH)
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize("name", gym_rated.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(gym_rated, name) is not None
    assert name in dir(gym_rated)


def test_modules_are_there_without_being_imported_by_name():
    code = "import gym_rated; print(gym_rated.wrappers.vector, gym_rated.losses.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip().endswith("gym_rated.losses"), done.stderr


def test_only_public_names_are_listed():
    listed = dir(gym_rated)
    assert {"wrappers", "vector", "sb3", "human", "fit", "Answer", "__version__"} <= set(listed)
    assert [name for name in listed if name.startswith("_")] == ["__version__"]
    assert not {"import_module", "register_ids", "Any", "checks", "imports", "cli"} & set(listed)


def test_the_public_names_are_those_with_a_module():
    assert set(gym_rated.__all__) == {*gym_rated._MODULE_OF, "vector", "__version__"}
    assert len(gym_rated.__all__) == len(set(gym_rated.__all__))


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module `gym_rated` has no attribute `Manager`"):
        _ = gym_rated.Manager


def count_rooms() -> str:
    """Say how many rooms, floors and arrows there are: python tests/test_imports.py."""
    files = arrows_of_files({m: i for m, i in read_sources(ROOT).items() if within(m, "gym_rated")})
    rooms = arrows_of_rooms(files)
    between_rooms, between_files = (sum(map(len, arrows.values())) for arrows in (rooms, files))
    return (
        f"{len(rooms)} rooms on {len(FLOORS)} floors, {between_rooms} arrows between them; "
        f"{len(files)} files, {between_files} arrows"
    )


if __name__ == "__main__":
    print(count_rooms())
