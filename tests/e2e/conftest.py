"""The servers and clients of the end-to-end tests."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client import Client
from tests.e2e.data_files import write_data_files
from tests.e2e.flooding import IDLE_CLIENTS
from tests.e2e.marked_secrets import Place, VaultProcess, fill
from tests.e2e.operations import module_path, with_modules
from tests.e2e.server import LongbowServer

MakeServer = Callable[..., LongbowServer]
MakeLimited = Callable[..., tuple[LongbowServer, Client]]


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Settings of the connector's sources, over files that are there."""
    return write_data_files(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def server(sources: dict[str, dict[str, Any]]) -> Iterator[LongbowServer]:
    """The server that most tests share: they use paths of their own, and leave no task running."""
    shared = LongbowServer(
        {"server": {"sync_timeout_sec": 1}, "storage": {"memory_limit": "256MiB"}, **sources}
    )
    try:
        yield shared.start()
        errors = shared.log("error")
        shared.stop()
        assert errors == []
    finally:
        shared.kill()


@pytest.fixture
def client(server: LongbowServer) -> Iterator[Client]:
    """A connection to the shared server."""
    connection = Client(server.uri)
    yield connection
    connection.close()


@pytest.fixture
def vault() -> Iterator[VaultProcess]:
    """A Vault without anything in it."""
    process = VaultProcess()
    yield process
    process.stop()


@pytest.fixture
def place(tmp_path: Path, vault: VaultProcess) -> Place:
    """A folder of secrets."""
    return fill(tmp_path, vault)


@pytest.fixture
def make_server() -> Iterator[MakeServer]:
    """Starts servers with settings of their own, for tests that fill or stop them."""
    made: list[LongbowServer] = []

    def make(settings: dict[str, dict[str, Any]] | None = None, **more: Any) -> LongbowServer:
        made.append(LongbowServer(settings, **more))
        return made[-1].start()

    try:
        yield make
        for each in made:
            each.stop()
    finally:
        for each in made:
            each.kill()


@pytest.fixture
def limited(make_server: MakeServer) -> Iterator[MakeLimited]:
    """Starts servers with limits, HTTP, and the service that takes as long as it is told."""
    clients: list[Client] = []

    def begin(
        more: dict[str, dict[str, Any]] | None = None, **settings: Any
    ) -> tuple[LongbowServer, Client]:
        modules = with_modules("sql", "storage", module_path("stubborn"))
        # What still runs at a test's end is not worth waiting for.
        limits = {"shutdown_grace_sec": 0.5, **settings}
        all_settings = {"server": limits, "http": {"port": 0}, **(more or {})}
        server = make_server(all_settings, arguments=modules)
        clients.append(Client(server.uri))
        return server, clients[-1]

    yield begin
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def flooded() -> Iterator[LongbowServer]:
    """A server with HTTP, room for all these connections, and little patience with slow requests."""
    server = LongbowServer(
        {
            "server": {
                "max_connections": IDLE_CLIENTS + 1000,
                "malloc_trim_interval_sec": 1,
                "shutdown_grace_sec": 1,
            },
            "http": {"port": 0, "request_timeout_sec": 3},
            "log": {"calls": "none"},
        }
    )
    try:
        yield server.start()
        server.stop()
    finally:
        server.kill()


@pytest.fixture
def path() -> list[str]:
    """A path that no other test uses."""
    return ["e2e", uuid.uuid4().hex]
