"""A server that asks for credentials, with something behind it that is worth guarding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.e2e.client import Json, table_of
from tests.e2e.errors import Code
from tests.e2e.every_call import OK, HeaderClient, every_call
from tests.e2e.polling import endless, start, wait_for_state
from tests.e2e.secure_client import SecureClient
from tests.e2e.server import LongbowServer

STORED = ["kept", "zebra"]
DOOMED = ["kept", "doomed"]
ABSENT = ["absent", "giraffe"]

# Of the calls that fail even with the right credentials.
EXPECTED_FAILURES = {
    "DoPut by command": Code.NOT_IMPLEMENTED,
    "DoAction NoSuchAction": Code.NOT_IMPLEMENTED,
    "DoAction ": Code.NOT_IMPLEMENTED,
    "GetFlightInfo of a task": Code.COMMAND_CANCELLED,
    "DoGet of a task": Code.COMMAND_CANCELLED,
}


@dataclass
class Guarded:
    """Such a server, with the task that runs on it."""

    server: LongbowServer
    client: SecureClient  # one that is let in
    friend: Callable[[], HeaderClient]  # makes a raw client that is let in
    task: str
    unix: str = ""  # the URI of its Unix socket, if it has one
    before: Json = field(default_factory=dict)

    @property
    def uris(self) -> list[str]:
        """All ways to it."""
        return [self.server.uri] + ([self.unix] if self.unix else [])

    def state(self) -> Json:
        """All that could have been changed."""
        flights = [
            (info.descriptor.path, info.total_records, info.app_metadata)
            for info in self.client.list_flights()
        ]
        tasks = [(task["task"], task["state"]) for task in self.client.tasks()]
        return {"flights": flights, "tasks": tasks}


def guard(
    server: LongbowServer,
    connect: Callable[[], SecureClient],
    friend: Callable[[], HeaderClient],
    unix: str = "",
) -> Iterator[Guarded]:
    """Starts and fills the server, and stops it at the end."""
    try:
        server.start()
        client = connect()
        client.stored(STORED, table_of(x=[1, 2, 3]))
        client.stored(DOOMED, table_of(x=[4]))
        task = start(client, endless(["kept", "made"])).task
        wait_for_state(client, task, "STREAMING")
        guarded = Guarded(server, client, friend, task, unix)
        guarded.before = guarded.state()
        yield guarded
        client.close()
        server.stop()
    finally:
        server.kill()


def guard_with_header(
    server: LongbowServer, header: str, value: str, unix: str = ""
) -> Iterator[Guarded]:
    """A server that lets in whoever has that value in that header."""
    yield from guard(
        server,
        lambda: SecureClient(server.uri, value.removeprefix("Bearer "), header=header),
        lambda: HeaderClient(server.uri, (header, value)),
        unix,
    )


def do_everything(guarded: Guarded) -> None:
    """With the right credentials, every call goes through, and does what the refused ones did not.

    Changes what `guarded.before` tells: for a file's last test.
    """
    friend = guarded.friend()
    for call in every_call(STORED, ABSENT, DOOMED, guarded.task):
        reply = friend.make(call)
        if (code := EXPECTED_FAILURES.get(call.name)) is None:
            assert reply.status == OK, (call.name, reply)
        else:
            assert reply.error["code"] == code, (call.name, reply.error)
    friend.close()
    paths = guarded.client.paths()
    assert DOOMED not in paths
    assert [*ABSENT, "put"] in paths
    assert [*ABSENT, "sink"] in paths
    wait_for_state(guarded.client, guarded.task, "CANCELLED")
