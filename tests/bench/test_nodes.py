"""What a node of a cluster is asked and does, and how nodes are chosen: without a cluster."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from platform import python_version
from socket import socket

import pytest
from grids import is_alive, make_grid, wait_until

import gym_rated
from gym_rated.bench import Ended, run_grid
from gym_rated.bench.cluster import Node, RayCluster, check_node, free_node
from gym_rated.bench.environ import variables_of_runs
from gym_rated.bench.processes import look, run_to_its_end

A, B = Node("1", "ann's", 2), Node("2", "bob's", 1)
WELL = {"dir": True, "here": True, "Python": python_version(), "gym_rated": gym_rated.__version__}


@pytest.mark.parametrize(
    ("taken", "workers", "expected"),
    [
        ([], None, A),
        ([A], None, A),  # one place is left on each, and the first is taken
        ([A, A], None, B),
        ([A, A, B], None, None),
        ([A], 1, None),
        ([A, B], 3, A),
    ],
)
def test_the_node_with_most_room_is_chosen(taken, workers, expected):
    assert free_node([A, B], taken, workers) == expected


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        (
            {"dir": False},
            r"`dir` must be a folder that all nodes share and may write, got .* on bob's; name",
        ),
        ({"here": False}, r"the working folder must be one of all nodes, got .*, which bob's has"),
        ({"Python": "3.0"}, r"all nodes must have Python .* got 3\.0 on bob's; install the same"),
        ({"gym_rated": "none"}, r"all nodes must have gym_rated .* got none on bob's; install"),
    ],
)
def test_a_node_that_lacks_something_is_refused_with_the_remedy(lacks, said):
    check_node("bob's", WELL, Path("/runs"))
    with pytest.raises(RuntimeError, match=said):
        check_node("bob's", WELL | lacks, Path("/runs"))


def test_a_node_says_what_it_has(tmp_path, monkeypatch):
    probe = tmp_path / "probe"
    probe.write_text("abc")
    monkeypatch.setattr("gym_rated.bench.processes._LATE_S", 0.0)
    assert look(probe, "abc", variables_of_runs(), tmp_path) == WELL
    assert look(probe, "of another disk", {}, tmp_path)["dir"] is False
    assert look(tmp_path / "not there", "abc", {}, tmp_path)["dir"] is False
    found = look(probe, "abc", {"PYTHONPATH": str(tmp_path)}, tmp_path / "away")
    assert found["here"] is False
    (tmp_path / "gym_rated.py").write_text("raise ImportError")
    found = look(probe, "abc", {"PYTHONPATH": str(tmp_path)}, tmp_path)
    assert found["gym_rated"] == "none"


def test_a_file_that_a_network_shows_late_is_waited_for(tmp_path):
    probe = tmp_path / "probe"
    late = threading.Timer(0.3, lambda: probe.write_text("abc"))
    late.start()
    assert look(probe, "abc", {}, tmp_path)["dir"] is True
    late.join()


def test_a_node_runs_a_script_only_if_it_is_the_same(tmp_path):
    script, log = tmp_path / "script.py", tmp_path / "log.txt"
    script.write_text("import os, sys; print(os.getcwd(), os.environ['ONE']); sys.exit(3)")
    sha256 = hashlib.sha256(script.read_bytes()).hexdigest()
    words = ([str(script)], log, {"ONE": "1"}, tmp_path)
    assert run_to_its_end(*words, (script, sha256)) == 3
    assert log.read_text() == f"{tmp_path} 1\n"
    assert run_to_its_end(*words, None) == 3  # a module of the package
    script.write_text("print('another')")
    said = run_to_its_end(*words, (script, sha256))
    assert said.endswith(f" has not the same {script}")
    assert run_to_its_end(*words, (tmp_path / "gone.py", sha256)).endswith("gone.py")
    assert "another" not in log.read_text()


def test_a_run_ends_with_the_process_that_runs_it_though_that_holds_signals_back(tmp_path):
    """As the workers of Ray do."""
    log = tmp_path / "log.txt"
    runs = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    program = (
        "import signal; from pathlib import Path; import sys\n"
        "from gym_rated.bench.processes import run_to_its_end\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n"
        f"run_to_its_end(['-c', {runs!r}], Path({str(log)!r}), {{}}, Path({str(tmp_path)!r}), None)"
    )
    owner = subprocess.Popen([sys.executable, "-c", program])
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"))
    pid = int(log.read_text())
    owner.kill()
    owner.wait()
    wait_until(lambda: not is_alive(pid), 10)
    assert "KeyboardInterrupt" in log.read_text()


class Loses:
    """An engine whose node goes away."""

    def run(self, jobs):
        for job in jobs:
            yield Ended(job, -9, "node bob's lost it: it was switched off")


def test_a_run_that_is_lost_is_told_with_the_reason(tmp_path, capsys):
    grid = make_grid(tmp_path / "grid").only(arms=["true"], seeds=[1])
    tally = run_grid(grid, tmp_path / "runs", Loses())
    assert tally.failed == ["walk/true/default/1"]
    said = "FAILED walk/true/default/1: node bob's lost it: it was switched off; run the grid again"
    assert said in capsys.readouterr().out


def test_without_ray_its_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"`ray` is not installed; .* 'gym_rated\[cluster\]'"):
        RayCluster("127.0.0.1:6379", tmp_path)


@pytest.mark.parametrize("address", ["here", "ray://here:10001", ":6379", "here:port"])
def test_what_is_no_address_is_refused(monkeypatch, tmp_path, address):
    monkeypatch.setitem(sys.modules, "ray", threading)  # not reached
    with pytest.raises(ValueError, match="`ray_address` must be HOST:PORT of the head of a Ray"):
        RayCluster(address, tmp_path)


def test_where_nothing_listens_it_is_said_at_once(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", threading)  # not reached
    with socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(ConnectionError, match=f"got {address}: .*refused; start one by `ray"):
            RayCluster(address, tmp_path)
        assert time.monotonic() - began < 10
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
