"""A Ray cluster of two nodes on this machine, in processes that end with the test."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket

LOOPBACK = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""What keeps Ray on the loopback interface, and from telling its makers that it is used."""

_ATTEMPTS = 3  # Ray gives its helpers 15 s to start, which is not enough on a machine that is busy


class Cluster:
    """A cluster, and where its head answers."""

    def __init__(self, process: "subprocess.Popen[str]", address: str) -> None:
        self.address = address
        self._process = process

    def lose_a_node(self) -> None:
        """Kill the node that is not the head."""
        print("lose", file=self._process.stdin, flush=True)
        assert self._process.stdout.readline() == "lost\n"


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Run a cluster of a head and another node, each with one processor."""
    for _ in range(_ATTEMPTS):
        process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | LOOPBACK,
        )
        if address := process.stdout.readline().strip():
            break
        _, problem = process.communicate()
    else:
        raise AssertionError(problem)
    try:
        yield Cluster(process, address)
    finally:
        process.communicate()  # it ends where nobody writes to it any more


def main() -> None:
    """Be the cluster."""
    from ray.cluster_utils import Cluster as Nodes

    said, sys.stdout = sys.stdout, sys.stderr
    nodes = Nodes(initialize_head=True, head_node_args=_node())
    other = nodes.add_node(**_node())
    nodes.wait_for_nodes()
    print(nodes.address, file=said, flush=True)
    for _ in sys.stdin:
        other.kill_raylet()
        print("lost", file=said, flush=True)
    nodes.shutdown()


def _node() -> dict[str, object]:
    ports = ("metrics_agent", "metrics_export", "dashboard_agent_listen", "runtime_env_agent")
    return {
        "num_cpus": 1,
        "include_dashboard": False,
        "include_log_monitor": False,
        "object_store_memory": 80_000_000,
        "node_ip_address": "127.0.0.1",
        **{f"{name}_port": _free_port() for name in ports},
    }


def _free_port() -> int:
    with socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


if __name__ == "__main__":
    main()
