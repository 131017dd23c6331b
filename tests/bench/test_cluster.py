"""Grids on a real Ray cluster of two nodes: the same rows, and what is lost is made good."""

import os
import signal
import time
from pathlib import Path
from socket import create_server

import pytest
from grids import SMALL, is_alive, make_grid, process_of, start_driver, wait_until
from ray_clusters import LOOPBACK, cluster

from gym_rated.bench import LocalProcesses, run_grid
from gym_rated.bench.unit import units_of

pytestmark = pytest.mark.cluster

ONE = SMALL.replace("[1, 2]", "[1]").replace('[arms.ours]\nflags = ["--level", "5"]', "")


@pytest.fixture(scope="module", autouse=True)
def loopback():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in LOOPBACK.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def nodes(loopback):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'gym_rated[cluster]'")
    with cluster() as found:
        yield found


@pytest.fixture
def start(nodes):
    """Return a function that runs a grid on the cluster, in a process of its own."""
    return lambda grid, runs, *words: start_driver(
        grid, runs, "--engine", "ray", "--ray-address", nodes.address, *words
    )


def rows_of(folder):
    return {path.parent.name: path.read_bytes() for path in folder.glob("*/row.json")}


def waiting(tmp_path, text=ONE):
    """Return a grid whose runs wait for a file after two of four steps, and that file."""
    go = tmp_path / "go"
    words = f'"--level", "10", "--checkpoints", "--wait-for", "{go}"'
    return make_grid(tmp_path / "grid", text.replace('"--level", "10"', words)), go


def log_of(grid, runs, at=0):
    log = runs / units_of(grid)[at].key / "log.txt"
    return log.read_text() if log.exists() else ""


def steps_of(grid, runs, at=0):
    return [log_of(grid, runs, at).count(f"step {step} of") for step in (1, 2, 3, 4)]


def test_a_cluster_makes_the_rows_of_this_machine_and_tells_what_failed(tmp_path, start):
    text = SMALL + '[arms.poor]\nflags = ["--level", "3", "--fails"]\n'
    text = text.replace("random = 0.0\n", "")
    grid = make_grid(tmp_path / "grid", text)
    out, err = start(grid, tmp_path / "cluster").communicate()
    assert "6 of 8 runs are done, 2 failed: walk/poor/default/1, walk/poor/default/2\n" in out
    assert "FAILED walk/poor/default/1: it ended with code 1 and without a result" in out
    assert "  | the simulator is out of fuel" in out
    assert "ray" not in (out + err).lower()
    run_grid(grid.only(arms=["true", "ours"]), tmp_path / "local", LocalProcesses())
    assert rows_of(tmp_path / "cluster") == rows_of(tmp_path / "local")
    assert len(rows_of(tmp_path / "local")) == 6
    assert not list((tmp_path / "cluster").glob("probe-*"))


def test_a_run_whose_worker_is_killed_is_told_and_goes_on_at_its_checkpoint(tmp_path, start):
    grid, go = waiting(tmp_path)
    runs = tmp_path / "runs"
    driver = start(grid, runs)
    wait_until(lambda: "step 2 of" in log_of(grid, runs))
    pid = process_of(grid, runs)
    worker = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(worker, signal.SIGKILL)
    out, _ = driver.communicate()
    assert driver.returncode == 1
    assert "FAILED walk/true/default/1: node " in out
    assert " lost it: " in out
    wait_until(lambda: not is_alive(pid))
    go.touch()
    driver = start(grid, runs)
    driver.communicate()
    assert driver.returncode == 0
    assert steps_of(grid, runs) == [1, 1, 1, 1]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_where_the_driver_ends_its_runs_end_and_nothing_is_done_twice(
    tmp_path, start, number, code
):
    grid, go = waiting(tmp_path)
    runs = tmp_path / "runs"
    driver = start(grid, runs)
    wait_until(lambda: "step 2 of" in log_of(grid, runs))
    pid = process_of(grid, runs)
    driver.send_signal(number)
    out, err = driver.communicate()
    assert driver.returncode == code
    if code == 130:
        assert "interrupted: 0 of 1 runs are done; run it again to go on" in out
        assert err.splitlines()[-1] == "gym-rated bench: interrupted"
        assert not is_alive(pid)
    wait_until(lambda: not is_alive(pid))
    go.touch()
    assert run_grid(grid, runs, LocalProcesses()).done == 1
    assert steps_of(grid, runs) == [1, 1, 1, 1]


def test_where_no_cluster_answers_it_is_said_within_half_a_minute(tmp_path):
    pytest.importorskip("ray")
    with create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        driver = start_driver(
            make_grid(tmp_path), tmp_path / "r", "--engine", "ray", "--ray-address", address
        )
        out, err = driver.communicate()
        assert time.monotonic() - began < 60  # 25, and what it takes to start Python thrice
    assert driver.returncode == 2
    assert err == (
        "gym-rated bench: `ray_address` must be of a Ray cluster that this machine is a node of, "
        f"got {address}: no cluster answered within 25 s; start one by `ray start --head`, which "
        "says its address, or join it by `ray start --address HOST:PORT`\n"
    )
    assert not out


def test_runs_of_a_node_that_is_lost_are_told_and_the_others_go_on(tmp_path, start, nodes):
    """The last one: the cluster has one node after it."""
    grid, go = waiting(tmp_path, ONE.replace("[1]", "[1, 2, 3]"))
    runs = tmp_path / "runs"
    driver = start(grid, runs)
    wait_until(lambda: all("step 2 of" in log_of(grid, runs, at) for at in (0, 1)))
    pids = [process_of(grid.only(seeds=[seed]), runs) for seed in (1, 2)]
    nodes.lose_a_node()
    wait_until(lambda: not all(map(is_alive, pids)))
    go.touch()
    out, _ = driver.communicate()
    assert driver.returncode == 1
    assert "2 of 3 runs are done, 1 failed: walk/true/default/" in out
    assert " lost it: " in out
    assert run_grid(grid, runs, LocalProcesses()).done == 3
    assert [steps_of(grid, runs, at) for at in range(3)] == [[1, 1, 1, 1]] * 3
