"""Units run on the nodes of a Ray cluster that is there: an engine like that of this machine.

Each job is a plain task on a node of our choice, which runs a process there. All nodes share the
folder of the runs: each is asked before whether it sees it, and has the versions that are here.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from platform import python_version
from typing import Any

import gym_rated
from gym_rated.bench import processes
from gym_rated.bench.engine import TICK_S, Ended, Job
from gym_rated.bench.environ import variables_of_runs
from gym_rated.checkpoint.files import replace_file
from gym_rated.checks import whole_number
from gym_rated.imports import named_extras

_CONNECT_S = 5.0
_CLUSTER_S = 25.0  # for a cluster to answer
_NODE_S = 60.0  # for a node to say what it has, which starts a process there
_KILLED = -9
_SILENT = {"log_to_driver": False, "logging_level": "FATAL"}
_TRY = f"import sys, ray; ray.init(sys.argv[1], **{_SILENT})"


@dataclass(frozen=True)
class Node:
    """A node that may run jobs: its id, its name for people, and how many runs it takes."""

    id: str
    name: str
    slots: int


class RayCluster:
    """The nodes of a Ray cluster, as many runs on each as it has processors.

    Args:
        address: Where its head answers, "HOST:PORT"; this machine must be one of its nodes.
        folder: Folder of all runs, which all nodes share.
        workers: How many runs at a time, at most; None for as many as there are processors.

    Raises:
        ConnectionError: If nothing answers at `address`.
        ImportError: If Ray is not installed.
        ValueError: If `address` is none, or `workers` is below 1.
    """

    def __init__(self, address: str, folder: str | Path, workers: int | None = None) -> None:
        self.workers = None if workers is None else whole_number("workers", workers)
        self.folder = Path(folder).absolute()
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        with named_extras():
            import ray
        self._ray: Any = ray
        self.address = _check_address(address)

    def run(self, jobs: Iterable[Job]) -> Generator[Ended | None, None, None]:
        """Run jobs on the nodes that there are at the start; see `Engine.run`.

        Raises:
            ConnectionError: If there is no cluster at the address, or this machine is not of it.
            RuntimeError: If a node does not see the folder, or has other versions; or if all nodes
                are lost.
        """
        with _connected(self._ray, self.address):
            yield from self._run(jobs, self._nodes())

    def _run(self, jobs: Iterable[Job], nodes: list[Node]) -> Generator[Ended | None, None, None]:
        waiting = iter(jobs)
        running: dict[Any, tuple[Job, Node]] = {}
        try:
            while True:
                while (
                    node := free_node(nodes, (at for _, at in running.values()), self.workers)
                ) is not None:
                    if (job := next(waiting, None)) is None:
                        break
                    running[self._submit(job, node)] = job, node
                if not running:
                    return
                done, _ = self._ray.wait(list(running), timeout=TICK_S)
                for task in done:
                    job, node = running.pop(task)
                    ended = self._ended(task, job, node)
                    yield ended
                    if ended.lost and not self._is_alive(node):
                        nodes = [other for other in nodes if other != node]
                        if not nodes:
                            raise RuntimeError(
                                f"`ray_address` must be of a cluster with nodes, got {self.address}"
                                ", which has lost all of them; run the grid again to go on"
                            )
                if not done:
                    yield None
        finally:
            self._cancel(list(running))

    def _nodes(self) -> list[Node]:
        """Return the nodes that may run something, each of which has what it needs."""
        found = [
            Node(node["NodeID"], node["NodeManagerHostname"], int(node["Resources"].get("CPU", 0)))
            for node in self._ray.nodes()
            if node["Alive"]
        ]
        nodes = [node for node in found if node.slots > 0]
        if not nodes:
            raise RuntimeError(
                f"`ray_address` must be of a cluster with processors, got {self.address}, whose "
                f"{len(found)} nodes have none; start them with --num-cpus"
            )
        content = secrets.token_hex(16)
        probe = self.folder / f"probe-{content}"
        replace_file(probe, content.encode())
        try:
            asked = [
                self._task(processes.look, node, num_cpus=0).remote(
                    probe, content, variables_of_runs(), Path.cwd()
                )
                for node in nodes
            ]
            for node, task in zip(nodes, asked, strict=True):
                try:
                    check_node(node.name, self._ray.get(task, timeout=_NODE_S), self.folder)
                except self._ray.exceptions.RayError as error:
                    raise RuntimeError(
                        f"`ray_address` must be of a cluster whose nodes answer, got {node.name}, "
                        f"which does not: {_first_line(error)}; stop Ray there, and go on"
                    ) from error
        finally:
            probe.unlink()
        return nodes

    def _submit(self, job: Job, node: Node) -> Any:
        script = job.unit.script
        is_file = str(script.path.absolute()) in script.command
        return self._task(processes.run_to_its_end, node, num_cpus=1).remote(
            job.words,
            job.log.absolute(),
            variables_of_runs(),
            Path.cwd(),
            (script.path.absolute(), script.sha256) if is_file else None,
        )

    def _task(self, function: Any, node: Node, num_cpus: int) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return self._ray.remote(function).options(
            num_cpus=num_cpus,
            max_retries=0,  # a run goes on at its checkpoint only if it is begun so
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
        )

    def _ended(self, task: Any, job: Job, node: Node) -> Ended:
        """Return how a job ended whose task is over."""
        try:
            code = self._ray.get(task)
        except self._ray.exceptions.RayError as error:
            return Ended(job, _KILLED, f"node {node.name} lost it: {_first_line(error)}")
        return Ended(job, _KILLED, code) if isinstance(code, str) else Ended(job, code)

    def _is_alive(self, node: Node) -> bool:
        """Ask a node for a sign of life: that one is gone Ray itself notices only after a while."""
        try:
            self._ray.get(self._task(python_version, node, num_cpus=0).remote(), timeout=_NODE_S)
        except self._ray.exceptions.RayError:
            return False
        return True

    def _cancel(self, tasks: list[Any]) -> None:
        """Interrupt what runs, and kill what does not end."""
        for is_forced, wait_s in ((False, processes.GRACE_S + TICK_S), (True, TICK_S)):
            for task in tasks:
                with suppress(ValueError):
                    self._ray.cancel(task, force=is_forced)
            if tasks:
                _, tasks = self._ray.wait(tasks, num_returns=len(tasks), timeout=wait_s)


def free_node(nodes: Sequence[Node], taken: Iterable[Node], workers: int | None) -> Node | None:
    """Return the node with most room, or None where there is none.

    Args:
        nodes: The nodes, at least one.
        taken: Of each run its node.
        workers: How many runs at a time, at most; None for as many as there is room for.
    """
    runs = Counter(taken)
    if workers is not None and runs.total() >= workers:
        return None
    node = max(nodes, key=lambda node: node.slots - runs[node])
    return node if runs[node] < node.slots else None


def check_node(name: str, found: Mapping[str, str | bool], folder: Path) -> None:
    """Refuse a node by what it said of itself.

    Args:
        name: Its name for people.
        found: Of `processes.look`.
        folder: Folder of all runs.

    Raises:
        RuntimeError: If it lacks a folder, or has other versions than this process.
    """
    if not found["dir"]:
        raise RuntimeError(
            f"`dir` must be a folder that all nodes share and may write, got {folder}, which is "
            f"not the same on {name}; name one on a disk that all of them have"
        )
    if not found["here"]:
        raise RuntimeError(
            f"the working folder must be one of all nodes, got {Path.cwd()}, which {name} has not; "
            "start `gym-rated bench` in a folder that all of them share"
        )
    for program, ours in (("Python", python_version()), ("gym_rated", gym_rated.__version__)):
        if found[program] != ours:
            raise RuntimeError(
                f"all nodes must have {program} {ours} as `gym_rated` has it here, got "
                f"{found[program]} on {name}; install the same there, and start Ray again"
            )


def _check_address(address: str) -> str:
    """Refuse what is no address, or one where no cluster answers that this machine is a node of.

    A process of its own tries it: where there is none Ray waits for minutes, and complains aloud.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise ValueError(
            f"`ray_address` must be HOST:PORT of the head of a Ray cluster, got {address!r}; "
            "`ray start --head` says it"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
        done = subprocess.run(
            [sys.executable, "-P", "-c", _TRY, address],
            capture_output=True,
            text=True,
            timeout=_CLUSTER_S,
        )
    except subprocess.TimeoutExpired:
        problem = f"no cluster answered within {_CLUSTER_S:.0f} s"
    except (OSError, OverflowError) as error:
        problem = str(error)
    else:
        if done.returncode == 0:
            return address
        problem = (done.stderr.strip().splitlines() or ["Ray did not say why"])[-1]
    raise ConnectionError(
        f"`ray_address` must be of a Ray cluster that this machine is a node of, got {address}: "
        f"{problem}; start one by `ray start --head`, which says its address, or join it by "
        "`ray start --address HOST:PORT`"
    )


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """Connect to a cluster, and leave signals to those who handled them before."""
    before = signal.getsignal(signal.SIGTERM)
    ray.init(address, **_SILENT)
    try:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
        ray.cloudpickle.register_pickle_by_value(processes)
        yield
        ray.cloudpickle.unregister_pickle_by_value(processes)
    finally:
        ray.shutdown()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
