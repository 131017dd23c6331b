"""Contenders that do next to nothing, for the processes of tests/benchmarks/test_speed.py."""

from benchmarks.speed.worker import Pause


def count(pause: Pause) -> None:
    """Take as many steps as are asked for; name the gym_rated that is imported."""
    import gym_rated

    print("what others print is no answer")
    request = pause()
    while True:
        request = pause(int(request), counts={gym_rated.NAME: 1})


def break_down(pause: Pause) -> None:
    """Fail in the second chunk."""
    pause()
    raise ValueError("out of luck")
