"""One test suite for both databases: `store_url` is one of each."""

import tempfile

import pytest
from stores import Clock, PostgresServer, find_postgres, memory_disk

from gym_rated.human.store import Store


@pytest.fixture(scope="session")
def postgres():
    server = PostgresServer(find_postgres())
    yield server
    server.stop()


@pytest.fixture
def sqlite_url():
    with tempfile.TemporaryDirectory(prefix="gym_rated", dir=memory_disk()) as folder:
        yield f"{folder}/ratings.db"


@pytest.fixture
def postgres_url(request):
    return request.getfixturevalue("postgres").new_url()


@pytest.fixture(params=["sqlite_url", "postgres_url"])
def store_url(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(store_url, clock):
    with Store(store_url, clock=clock) as store:
        yield store
