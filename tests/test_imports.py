"""Who may import whom: data flows one way, and heavy things stay where they are needed."""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import gym_rated

ROOT = Path(__file__).parents[1]
WITHOUT_TORCH = ("wrappers", "vector", "segments", "hiding", "raters", "queries", "ratings")
WITHOUT_ENVIRONMENT = ("losses", "reward_model", "fitting", "metrics", "statistics")
WITHOUT_ENVIRONMENT += ("ensemble", "conv_model")
ENVIRONMENTS = ("gymnasium", "mujoco", "dm_control", "shimmy")
IN_ONE_FILE = (
    *("ray", "fastapi", "sqlalchemy", "matplotlib", "minari", "tensorboard", "stable_baselines3"),
)
IN_ONE_FOLDER = ("gym_rated.human.app", "gym_rated.human.store")
LAYERS = (  # each may import from its own and those before; modules not named here are free
    {"segments", "encoding", "hiding", "losses", "metrics", "statistics", "runs", "checkpoint"}
    | {"skeleton", "provenance"},
    {"raters", "queries", "reward_model", "exploration"},
    {"ratings", "replay_rater"},
    {"wrappers", "vector", "fitting", "human"},
    {"cli", "commands", "scripts"},
)


@dataclass(frozen=True)
class Import:
    """One imported module or name, such as "gymnasium.spaces"; `late` if not at import time."""

    target: str
    late: bool


def read_sources(root: Path) -> dict[str, list[Import]]:
    """Parse every file of gym_rated/ and scripts/: dotted module name -> its imports."""
    files = [path for top in ("gym_rated", "scripts") for path in (root / top).rglob("*.py")]
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
            outside = (
                "gym_rated.cli",
                "gym_rated.cli.commands",
                "gym_rated.assembly.parts",
                "scripts",
            )
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
    twins = ("gym_rated.wrappers", "gym_rated.vector")
    for module, imports in sources.items():
        for i in imports:
            first = i.target.split(".")[0]
            if first in scripts | {"scripts"}:
                yield f"{module} imports the script {i.target}"
            if module in twins and any(within(i.target, t) for t in twins if t != module):
                yield f"{module} imports {i.target}"


def heavy_packages_in_two_files(sources: Mapping[str, list[Import]]) -> Iterator[str]:
    """Rule 5: what is optional or heavy is hidden behind one file, or one folder of the page."""
    for package in IN_ONE_FILE:
        users = {
            next((folder for folder in IN_ONE_FOLDER if within(m, folder)), m)
            for m, imports in sources.items()
            if any(within(i.target, package) for i in imports)
        }
        if len(users) > 1:
            yield f"{package} is imported by {', '.join(sorted(users))}"


def imports_against_the_stream(sources: Mapping[str, list[Import]]) -> Iterator[str]:
    """The layers: segments, ratings, reward model, wrappers, scripts."""
    for module, imports in sources.items():
        own = layer_of(module)
        for i in imports:
            other = layer_of(i.target)
            if own is not None and other is not None and other > own:
                yield f"{module} imports {i.target} from a later layer"


def layer_of(module: str) -> int | None:
    first, *rest = module.split(".")
    name = rest[0] if first == "gym_rated" and rest else first
    return next((k for k, names in enumerate(LAYERS) if name in names), None)


RULES = [
    torch_where_there_must_be_none,
    environments_where_there_must_be_none,
    human_where_it_must_not_be,
    siblings_that_must_not_meet,
    heavy_packages_in_two_files,
    imports_against_the_stream,
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
    "gym_rated/wrappers.py": "import gymnasium\nfrom gym_rated import RatingDataset, checkpoint\n",
    "gym_rated/vector.py": "import gymnasium\nfrom .ratings import RatingDataset\n",
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


torch_rule, environment_rule, human_rule, sibling_rule, one_file_rule, stream_rule = RULES


@pytest.mark.parametrize(
    ("rule", "name", "source", "found"),
    [
        (torch_rule, "gym_rated/wrappers.py", "import torch.nn", "wrappers imports torch"),
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
        (environment_rule, "gym_rated/metrics.py", "import mujoco", "metrics imports mujoco"),
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
            "gym_rated/vector.py",
            "from .wrappers import LearnedRewardWrapper",
            "vector imports gym_rated.wrappers",
        ),
        (
            sibling_rule,
            "gym_rated/wrappers.py",
            "from gym_rated import vector",
            "wrappers imports gym_rated.vector",
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
            stream_rule,
            "gym_rated/segments.py",
            "from gym_rated.ratings import RatingDataset",
            "segments imports gym_rated.ratings.RatingDataset from a later layer",
        ),
        (
            stream_rule,
            "gym_rated/raters/zoo.py",
            "from gym_rated import RewardLearner",
            "zoo imports gym_rated.fitting from a later layer",
        ),
    ],
)
def test_a_planted_breach_is_found(tmp_path, rule, name, source, found):
    assert any(found in breach for breach in rule(plant(tmp_path, (name, source))))


def existing(*modules: str) -> list[str]:
    return [module for module in modules if importlib.util.find_spec(module)]


def test_importing_the_wrappers_does_not_import_torch():
    modules = existing("gym_rated", "gym_rated.wrappers", "gym_rated.vector", "gym_rated.raters")
    code = f"import sys, {', '.join(modules)}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_every_public_name_can_be_imported():
    for name in gym_rated.__all__:
        module = gym_rated._MODULE_OF.get(name, name if name == "vector" else "segments")
        if existing(f"gym_rated.{module}"):
            assert getattr(gym_rated, name) is not None
            assert name in dir(gym_rated)


def test_the_public_names_are_those_with_a_module():
    assert set(gym_rated.__all__) == {*gym_rated._MODULE_OF, "vector", "__version__"}
    assert len(gym_rated.__all__) == len(set(gym_rated.__all__))


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module `gym_rated` has no attribute `Manager`"):
        _ = gym_rated.Manager
