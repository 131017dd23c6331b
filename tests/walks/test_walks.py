"""Seven ways into gym_rated, each as its page says, with the wheel in an environment of its own.

Files and commands are taken out of the pages, so that page and walk cannot differ. The seventh, a
rater at the page, needs a browser: tests/browser/test_training_in_browser.py.
"""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from code_blocks import python_blocks
from walking import DOCS, Walk, commands_of, files_of, section

from gym_rated.human.segment_blob import unpack_segment
from gym_rated.human.store import Event, Store
from gym_rated.runs import read_result

pytestmark = pytest.mark.slow
Begin = Callable[[str], Walk]
SAC = "scripts/sac_continuous_action.py"
ALONE = ("A rule as the rater", "An agent on the learned reward")


def write_files(folder: Path, text: str) -> None:
    for name, content in files_of(text).items():
        (folder / name).write_text(content, encoding="utf-8")


def distances(said: str) -> tuple[float, float]:
    random, learned = map(float, re.findall(r"\d\.\d\d", said))
    return random, learned


def test_an_environment_with_a_dictionary_and_without_a_reward(walk: Begin) -> None:
    robot = walk("own environment")
    write_files(robot.folder, section("robot.md"))
    robot.take(SAC)
    said = robot.follow(commands_of(section("robot.md", *ALONE)))
    assert "200 ratings" in said[0]
    random, learned = distances(said[-1])
    assert learned < 0.5 * random


def test_a_user_of_cleanrl_with_one_copied_script(walk: Begin) -> None:
    first = walk("one script")
    first.take("scripts/ppo_continuous_action.py", into="scripts")
    first.follow(commands_of(section("quickstart.md", "A trained agent in one command")))
    assert read_result(first.folder / "runs" / "first")["score"] > -600  # -1200 at random
    assert (first.folder / "runs" / "first" / "report" / "report.html").is_file()
    assert (first.folder / "runs" / "first.webp").is_file()


def test_ratings_in_a_table(walk: Begin) -> None:
    table = walk("ratings in a CSV")
    text = section("recorded.md", "From an environment to a policy")
    write_files(table.folder, text)
    said = table.follow(commands_of(text))
    random, learned = distances(said[-1])
    assert learned < 0.7 < 3 < random  # what was rated good


def test_a_slow_robot_waits_for_whoever_rates(walk: Begin) -> None:
    robot = walk("slow robot")
    text = section("robot.md")
    write_files(robot.folder, text)
    robot.take(SAC)
    commands = commands_of(section("robot.md", "You in the place of the rule"))
    with answering(robot.folder / "runs" / "mine" / "ratings.db", rule) as given:
        said = robot.follow(commands[:2])
    assert given[0] >= 100  # some are shown twice
    random, learned = distances(said[1])
    assert learned < 0.6 * random
    again = robot.follow(commands[2:])
    assert distances(again[1])[1] < 0.6 * random
    assert (robot.folder / "runs" / "mine" / "report" / "report.html").is_file()


def test_dm_control_and_images(walk: Begin) -> None:
    if sys.version_info >= (3, 13):
        pytest.skip("dm_control has no wheel")
    program = walk("dm_control and images")
    blocks = python_blocks(DOCS / "environments.md")
    assert "gym_rated/dm-" in blocks
    assert 'features="pixels"' in blocks
    (program.folder / "environments.py").write_text(blocks, encoding="utf-8")
    program.run("python environments.py")


def test_torchrl_and_a_loop_of_ones_own(walk: Begin) -> None:
    copied = walk("TorchRL, plain loop")
    text = section("examples/README.md")
    commands = commands_of(text)
    copied.take(*(f"docs/examples/{command.split()[1]}" for command in commands))
    said = copied.follow(commands)
    returns = [float(re.search(r"true return (-?[\d.]+)", each)[1]) for each in said]
    assert returns[0] > 100
    assert min(returns[1:]) > -600


def rule(rows: np.ndarray) -> int:
    """Rate as docs/examples/robot/rule.py does."""
    distance = np.linalg.norm(rows[:, 4:6], axis=1).mean()
    return int(np.digitize(-distance, [-2, -1.2, -0.7, -0.3]))


@contextmanager
def answering(db: Path, rate: Callable[[np.ndarray], int]) -> Iterator[list[int]]:
    """Answer by a rule whatever a page shows, for the length of a block; yields how much it was."""
    is_over, given = threading.Event(), [0]

    def answer() -> None:
        while not db.exists():
            if is_over.wait(0.2):
                return
        with Store(db) as store:
            while not is_over.wait(0.05):
                query = store.next_query("ann")
                if query is not None:
                    blobs = {
                        name: blob for run in store.runs() for name, blob in store.blobs(run.id)
                    }
                    rating = rate(unpack_segment(blobs[query.segment_id]).obs)
                    store.record(Event(f"ann-{query.id}", query.id, "ann", "rate", rating))
                    given[0] += 1

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield given
    finally:
        is_over.set()
        thread.join(30)
