"""What README and documentation say is true: their code runs, and names what there is."""

import ast
import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import ppo
import ppo_continuous_action
import pytest
import sac_continuous_action
from code_blocks import python_blocks

from gym_rated.assembly.arguments import RunArgs
from gym_rated.assembly.headings import groups_of
from gym_rated.losses.multitask import TaskName
from gym_rated.runs import read_metrics

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHARED = (ROOT / "docs" / "scripts.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    if "gym_rated/dm-" in python_blocks(page):
        pytest.importorskip("dm_control")
    monkeypatch.chdir(tmp_path)
    exec(compile(python_blocks(page), str(page), "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_to_files(page):
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    for target in targets:
        if "://" not in target:
            assert (page.parent / target).exists(), f"{target} in {page.name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_generated_tables_have_both_marks_in_order(page):
    marks = re.findall(r"<!-- (begin|end): (\w+) -->", page.read_text(encoding="utf-8"))
    assert all(mark == "begin" for mark, _ in marks[::2])
    assert [("end", name) for _, name in marks[::2]] == marks[1::2]


SHORT = {
    "num_ratings": 40,
    "segment_length": (10,),
    "first_steps": 5,
    "later_steps": 5,
    "tensorboard": False,
}
SHORT_RUNS = {
    ppo_continuous_action: {"env_id": "Pendulum-v1", "total_timesteps": 4_096, "num_envs": 8},
    ppo: {"env_id": "CartPole-v1", "total_timesteps": 4_096, "num_envs": 8},
    sac_continuous_action: {
        "env_id": "Pendulum-v1",
        "total_timesteps": 3_400,
        "learning_starts": 3_000,
        "query_until": 0.9,
        "network_width": 16,
        "batch_size": 32,
        "num_envs": 2,
    },
}


def test_every_script_that_trains_an_agent_is_held_to_its_page():
    trains = {p.stem for p in (ROOT / "scripts").glob("*.py") if "RunArgs)" in p.read_text()}
    assert {script.__name__ for script in SHORT_RUNS} == trains


def glossary_of(script):
    """Return the tags that the pages about a script explain, TASK spelt out."""
    text = SHARED + (ROOT / "docs" / f"{script.__name__}.md").read_text(encoding="utf-8")
    tags = set(re.findall(r"`(\w+/[\w/]+)`", text))
    return {tag.replace("TASK", task) for tag in tags for task in get_args(TaskName)}


@pytest.mark.long
@pytest.mark.parametrize("script", SHORT_RUNS, ids=lambda script: script.__name__)
@pytest.mark.filterwarnings("ignore:round .* has fewer than two rating classes")
def test_glossary_names_every_tag_that_a_run_logs(script, tmp_path):
    flags = SHORT | SHORT_RUNS[script] | {"tasks": ("classification", "regression", "pairwise")}
    script.train(script.Args(**flags, run_dir=tmp_path / "run"))
    tags = set(read_metrics(tmp_path / "run")) - {"time_s"}
    tags = {re.sub(r"/class_count/\d+$", "/class_count/0", tag) for tag in tags}
    tags = {re.sub(r"/(contradicting|agreeing/\w+)/.+$", r"/\1/RATER", tag) for tag in tags}
    assert {"charts/episodic_return", "rated/ready"} <= tags
    assert tags <= glossary_of(script)


@pytest.mark.parametrize("script", SHORT_RUNS, ids=lambda script: script.__name__)
def test_every_flag_of_a_script_is_explained_once(script):
    page = SHARED + (ROOT / "docs" / f"{script.__name__}.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `--([\w-]+)` \|", page, flags=re.MULTILINE)
    assert sorted(rows) == sorted(field.name.replace("_", "-") for field in fields(script.Args))


def test_common_errors_are_quoted_as_they_are_raised():
    page = (ROOT / "docs" / "wrappers.md").read_text(encoding="utf-8")
    listed = page[page.index("## Common errors") :]
    quoted = re.findall(r"^\* (`+) ?(.+?) ?\1: ", listed, flags=re.MULTILINE)
    assert len(quoted) > 10
    assert_said([fragment for _, fragment in quoted])


def test_the_page_of_messages_quotes_what_the_code_says():
    page = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^\* (`+) ?(.+?) ?\1: ", page, flags=re.MULTILINE)
    assert len(quoted) == page.count("\n* ") > 25  # none is passed over
    assert_said([fragment for _, fragment in quoted])


def assert_said(fragments):
    """Assert that each text is part of one that stands in the code."""
    texts = [text for path in (ROOT / "gym_rated").rglob("*.py") for text in messages(path)]
    for fragment in fragments:
        assert any(fragment in text for text in texts), fragment


def messages(path):
    """Yield the texts in a module, f-strings with "{}" in the place of their values."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        if isinstance(node, ast.JoinedStr):
            yield "".join(p.value if isinstance(p, ast.Constant) else "{}" for p in node.values)


def test_the_page_has_the_groups_of_help():
    flags = SHARED[SHARED.index("## Flags") : SHARED.index("## Metrics")]
    tables = [re.findall(r"^\| `--([\w-]+)` \|", part, re.M) for part in flags.split("\n### ")[1:]]
    groups = groups_of(RunArgs)
    assert tables == [[f.name.replace("_", "-") for f in fields(group)] for group in groups]
