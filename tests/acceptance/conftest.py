"""One server for the tests that only ask, and a maker of servers for those that break things."""

import pytest

from helpers.server import IntoneServer


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = IntoneServer(tmp_path_factory.mktemp("server") / "data").start()
    yield server
    server.stop()


@pytest.fixture
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture
def make_server(tmp_path):
    made = []

    def make(*args, name="data", **env):
        made.append(IntoneServer(tmp_path / name, *args, **env))
        return made[-1]

    yield make
    for server in made:
        if server.process is not None:
            server.stop()
