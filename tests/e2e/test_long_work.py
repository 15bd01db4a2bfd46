"""Long work in its three ways: polling with a header, waiting with a deadline, PollFlightInfo."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e import wire_format
from tests.e2e.client import Client, Json, descriptor_of, eventually, metadata_of, rows, sql
from tests.e2e.conftest import MakeServer
from tests.e2e.errors import Code, expect_error, parse_error
from tests.e2e.polling import (
    LONG,
    LONG_RESULT,
    Waiting,
    endless,
    only_running,
    start,
    wait_for_state,
)
from tests.e2e.raw_grpc import FLIGHT, RawClient
from tests.e2e.server import PATIENCE_SEC, LongbowServer


@pytest.fixture
def raw(server: LongbowServer) -> Iterator[RawClient]:
    """A connection for PollFlightInfo."""
    connection = RawClient(server.uri)
    yield connection
    connection.close()


@pytest.fixture
def own_server(make_server: MakeServer) -> LongbowServer:
    """A server without any other task, which gives up waiting after a second."""
    return make_server({"server": {"max_wait_sec": 1}})


@pytest.fixture
def own_client(own_server: LongbowServer) -> Iterator[Client]:
    """A connection to it."""
    connection = Client(own_server.uri)
    yield connection
    connection.close()


# 1. With the header.


def test_polling_with_the_retry_descriptor(client: Client, path: list[str]) -> None:
    command = sql(LONG, sink={"path": path})
    waiting = start(client, command)
    assert waiting.info.descriptor == descriptor_of(command)
    assert waiting.info.endpoints == []
    assert metadata_of(waiting.info) == {"task": waiting.task, "node": "e2e"}
    info = None
    while info is None:
        info = ask_again(client, waiting)
    assert metadata_of(info)["task"] == waiting.task
    assert metadata_of(info)["path"] == path
    assert rows(client.get(info)) == LONG_RESULT
    # Asking once more gives the same.
    assert metadata_of(client.info(waiting.retry))["task"] == waiting.task


def ask_again(client: Client, waiting: Waiting) -> fl.FlightInfo | None:
    """Waits a little for the result; nothing if it is not there yet."""
    try:
        return client.info(waiting.retry, {"x-longbow-wait-ms": "100"})
    except fl.FlightTimedOutError as error:
        if parse_error(error).code != Code.POLL:
            raise
        return None


def test_a_short_command_needs_no_poll(client: Client) -> None:
    info = client.info(sql("SELECT 1 AS x"), {"x-longbow-wait-ms": "60000"})
    assert rows(client.get(info)) == [(1,)]


def test_the_cancel_descriptor_cancels(client: Client, path: list[str]) -> None:
    waiting = start(client, endless(path))
    with expect_error(Code.COMMAND_CANCELLED):
        client.info(waiting.cancel)
    wait_for_state(client, waiting.task, "CANCELLED")
    with expect_error(Code.COMMAND_CANCELLED):
        client.info(waiting.retry)
    with expect_error(Code.COMMAND_CANCEL_NOT_POSSIBLE):
        client.info(waiting.cancel)
    assert client.paths(*path) == []
    # The path is free for another command.
    client.info(sql("SELECT 1 AS x", sink={"path": path}))


def test_the_command_again_waits_for_the_same_task(client: Client, path: list[str]) -> None:
    first = start(client, endless(path))
    again = start(client, endless(path))
    assert again.task == first.task
    with expect_error(Code.COMMAND_CANCELLED):
        client.info(first.cancel)


def test_a_poll_of_a_failed_command_tells_its_error(client: Client, path: list[str]) -> None:
    query = f"SELECT n, error('no ' || n) AS e FROM ({LONG})"
    waiting = start(client, sql(query, sink={"path": path}))
    with expect_error(Code.COMMAND_FAILED, message="no 0"):
        client.info(waiting.retry)
    wait_for_state(client, waiting.task, "FAILED")
    assert client.paths(*path) == []


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "99999999999999999999"])
def test_a_wrong_wait_header(client: Client, path: list[str], value: str) -> None:
    with expect_error(Code.BAD_ARGUMENT, message="x-longbow-wait-ms"):
        client.info(endless(path), {"x-longbow-wait-ms": value})
    # Nobody waits for it, so that it does not go on.
    eventually("nothing runs", lambda: not _running(client, "sql"))
    assert client.paths(*path) == []


def _running(client: Client, service: str) -> list[Json]:
    states = ("QUEUED", "STARTING", "STREAMING")
    return [task for task in client.tasks(service=service) if task["state"] in states]


# 2. Without it.


def test_the_servers_own_limit(own_client: Client, path: list[str]) -> None:
    with expect_error(Code.TIMEOUT, message="cancelled") as error:
        own_client.info(endless(path))
    assert isinstance(error.exception, fl.FlightTimedOutError)
    (task,) = own_client.tasks()
    wait_for_state(own_client, task["task"], "CANCELLED")
    assert own_client.paths() == []


def test_the_deadline_of_the_call(client: Client, path: list[str]) -> None:
    known = {task["task"] for task in client.tasks()}
    with pytest.raises(fl.FlightTimedOutError) as raised:
        client.info(endless(path), timeout=2)
    # The answer is on its way shortly before the deadline, and a busy machine may not deliver it.
    if raised.value.extra_info:
        assert parse_error(raised.value).code == Code.TIMEOUT
    (task,) = [task["task"] for task in client.tasks() if task["task"] not in known]
    wait_for_state(client, task, "CANCELLED")
    assert client.paths(*path) == []


ASK = """
import sys
import pyarrow.flight as fl
uri, command = sys.argv[1:]
fl.FlightClient(uri).get_flight_info(fl.FlightDescriptor.for_command(command))
"""


def ask_in_a_process(server: LongbowServer, command: Json) -> subprocess.Popen[bytes]:
    """A client that blocks in GetFlightInfo, to be killed."""
    arguments = [sys.executable, "-c", ASK, server.uri, json.dumps(command)]
    return subprocess.Popen(arguments, stderr=subprocess.DEVNULL)


def test_a_client_that_dies_cancels_its_task(make_server: MakeServer, path: list[str]) -> None:
    server = make_server()
    client = Client(server.uri)
    asking = ask_in_a_process(server, endless(path))
    try:
        task = only_running(client)
    finally:
        asking.kill()
        asking.wait(PATIENCE_SEC)
    wait_for_state(client, task, "CANCELLED")
    assert client.paths() == []
    client.close()


def test_a_client_that_dies_leaves_the_task_of_others(
    make_server: MakeServer, path: list[str]
) -> None:
    server = make_server()
    client = Client(server.uri)
    command = endless(path)
    asking = ask_in_a_process(server, command)
    try:
        task = only_running(client)
        assert start(client, command).task == task
    finally:
        asking.kill()
        asking.wait(PATIENCE_SEC)
    # It is still there for who asked for it in steps, however often one looks.
    for _ in range(3):
        waiting = start(client, command, wait_ms=200)
        assert waiting.task == task
    with expect_error(Code.COMMAND_CANCELLED):
        client.info(waiting.cancel)
    client.close()


def test_a_cancel_ends_the_wait_of_everybody(client: Client, path: list[str]) -> None:
    command = endless(path)
    waiting = start(client, command)
    codes: list[int] = []

    def wait() -> None:
        with expect_error(Code.COMMAND_CANCELLED) as error:
            client.info(command)
        codes.append(error.code)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    client.action("CancelTask", {"task": waiting.task})

    def all_ended() -> bool:
        # One that asked after the cancel started the command anew, and waits for that; it may be
        # ending already.
        for task in _running(client, "sql"):
            with contextlib.suppress(fl.FlightError):
                client.action("CancelTask", {"task": task["task"]})
        return not any(thread.is_alive() for thread in threads)

    eventually("everybody's wait ends", all_ended)
    assert codes == [Code.COMMAND_CANCELLED] * 3


# 3. PollFlightInfo.


def poll(raw: RawClient, descriptor: bytes) -> dict[int, wire_format.Field]:
    """The fields of a PollInfo: info 1, descriptor 2, progress 3, expiration time 4."""
    reply = raw.call(FLIGHT + "PollFlightInfo", descriptor)
    assert reply.status == 0, reply.headers
    (message,) = reply.messages
    return wire_format.fields_of(message)


def bytes_of(field: wire_format.Field) -> bytes:
    """A field that is no number."""
    assert isinstance(field, bytes)
    return field


def test_poll_flight_info(raw: RawClient, client: Client, path: list[str]) -> None:
    descriptor = descriptor_of(sql(LONG, sink={"path": path})).serialize()
    tasks = set()
    polls = 0
    while True:
        answer = poll(raw, descriptor)
        info = fl.FlightInfo.deserialize(bytes_of(answer[1]))
        tasks.add(metadata_of(info)["task"])
        polls += 1
        if 2 not in answer:
            break
        assert info.endpoints == []
        assert 4 in answer, "an unfinished poll says until when to come back"
        descriptor = bytes_of(answer[2])
    assert polls > 1
    assert len(tasks) == 1
    assert rows(client.get(info)) == LONG_RESULT


def test_poll_flight_info_of_a_path_is_complete(
    raw: RawClient, client: Client, path: list[str]
) -> None:
    client.stored(path, pa.table({"x": [1]}))
    answer = poll(raw, descriptor_of(path).serialize())
    assert 2 not in answer
    info = fl.FlightInfo.deserialize(bytes_of(answer[1]))
    assert rows(client.get(info)) == [(1,)]


def test_poll_flight_info_of_a_short_command(raw: RawClient, client: Client) -> None:
    descriptor = descriptor_of(sql("SELECT 7 AS x")).serialize()
    answer = poll(raw, descriptor)
    while 2 in answer:
        answer = poll(raw, bytes_of(answer[2]))
    info = fl.FlightInfo.deserialize(bytes_of(answer[1]))
    assert rows(client.get(info)) == [(7,)]


def test_what_was_polled_for_is_cancelled_by_cancel_flight_info(
    raw: RawClient, client: Client, path: list[str]
) -> None:
    answer = poll(raw, descriptor_of(endless(path)).serialize())
    info = bytes_of(answer[1])
    (result,) = client.action_bytes("CancelFlightInfo", wire_format.encode((1, info)))
    assert wire_format.fields_of(result) == {1: 1}  # CANCELLED
    reply = raw.call(FLIGHT + "PollFlightInfo", bytes_of(answer[2]))
    assert reply.error["code"] == Code.COMMAND_CANCELLED
    (result,) = client.action_bytes("CancelFlightInfo", wire_format.encode((1, info)))
    assert wire_format.fields_of(result) == {1: 3}  # NOT_CANCELLABLE
    assert client.paths(*path) == []


# Time to live of results.


def test_results_expire(make_server: MakeServer) -> None:
    server = make_server({"server": {"task_result_ttl_sec": 1}})
    client = Client(server.uri)
    single = client.info(sql("SELECT 1 AS x"))
    repeatable = client.info(sql("SELECT 2 AS x", sink={"repeatable": True}))
    assert rows(client.get(repeatable)) == [(2,)]
    eventually("the tasks are forgotten", lambda: client.tasks() == [])
    for info in (single, repeatable):
        with expect_error(Code.INVALID_TICKET):
            client.get(info)
    client.close()


def test_renewing_an_endpoint_starts_its_time_anew(client: Client) -> None:
    info = client.info(sql("SELECT 2 AS x", sink={"repeatable": True}))
    endpoint = info.endpoints[0]
    body = wire_format.encode((1, endpoint.serialize()))
    (answer,) = client.action_bytes("RenewFlightEndpoint", body)
    renewed = fl.FlightEndpoint.deserialize(answer)
    assert renewed.ticket == endpoint.ticket
    assert renewed.expiration_time.as_py() >= endpoint.expiration_time.as_py()
    assert rows(client.get(renewed.ticket.ticket)) == [(2,)]


def test_a_stored_flights_endpoint_cannot_be_renewed(client: Client, path: list[str]) -> None:
    client.stored(path, pa.table({"x": [1]}))
    endpoint = client.info(path).endpoints[0]
    with expect_error(Code.BAD_ARGUMENT, detail="ttlSec"):
        client.action_bytes("RenewFlightEndpoint", wire_format.encode((1, endpoint.serialize())))


# Readers.


def test_a_reader_that_stops_reading_ends_the_work(client: Client) -> None:
    info = client.info(sql("SELECT range AS x FROM range(10000000000)"))
    task = metadata_of(info)["task"]
    reader = client.flight.do_get(info.endpoints[0].ticket, client.options())
    assert reader.read_chunk().data.num_rows > 0
    assert client.task(task) is not None
    reader.cancel()
    wait_for_state(client, task, "CANCELLED")


def test_a_result_that_nobody_reads_can_be_cancelled(client: Client) -> None:
    info = client.info(sql("SELECT range AS x FROM range(10000000000)"))
    task = metadata_of(info)["task"]
    assert client.action("CancelTask", {"task": task}) == {"state": "CANCELLED"}
    with expect_error(Code.COMMAND_CANCELLED):
        client.get(info)


def test_a_cancel_ends_the_stream_of_a_reader(client: Client) -> None:
    info = client.info(sql("SELECT range AS x FROM range(10000000000)"))
    reader = client.flight.do_get(info.endpoints[0].ticket, client.options())
    assert reader.read_chunk().data.num_rows > 0
    client.action("CancelTask", {"task": metadata_of(info)["task"]})
    with expect_error(Code.COMMAND_CANCELLED):
        while True:
            reader.read_chunk()


def test_what_fails_in_mid_stream_tells_so(client: Client) -> None:
    query = (
        "SELECT CASE WHEN range = 3000000 THEN error('broken at ' || range) ELSE range END AS x "
        "FROM range(4000000)"
    )
    info = client.info(sql(query))
    with expect_error(Code.COMMAND_FAILED, message="broken at 3000000"):
        client.get(info)
    wait_for_state(client, metadata_of(info)["task"], "FAILED")
