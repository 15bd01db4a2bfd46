"""Clients that stop reading or writing cost little, and nobody else notices them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e.raw_grpc import FLIGHT, RawClient
from tests.e2e.server import LongbowServer
from tests.e2e.wire_format import encode

READERS = 2000
WRITERS = 500
CLIENTS = 50  # connections, each with its share of the streams
MOST_THREADS = 32
MOST_BYTES_EACH = 64 * 1024
MOST_GROWTH = 256 * 2**20
STALLED_PATH = fl.FlightDescriptor.for_path("stress", "large")
SMALL_PATH = fl.FlightDescriptor.for_path("stress", "small")


def status(pid: int, name: str) -> int:
    """A number of /proc/PID/status."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise AssertionError(name)


def resident_bytes(pid: int) -> int:
    return status(pid, "VmRSS") * 1024


def put(client: fl.FlightClient, descriptor: fl.FlightDescriptor, rows: int) -> None:
    table = pa.table({"n": pa.array(range(rows), pa.int64())})
    writer, _ = client.do_put(descriptor, table.schema)
    with writer:
        writer.write_table(table, max_chunksize=128 * 1024)


def connect(uri: str) -> fl.FlightClient:
    # A connection of its own each, where gRPC would share one between equal clients.
    return fl.connect(uri, generic_options=[("grpc.use_local_subchannel_pool", 1)])


def ipc_parts(message: pa.Buffer) -> tuple[bytes, bytes]:
    """Metadata and body of an encapsulated IPC message."""
    data = message.to_pybytes()
    size = int.from_bytes(data[4:8], "little")
    return data[8 : 8 + size], data[8 + size :]


def calls_in(client: fl.FlightClient, seconds: float) -> int:
    """Small calls that are answered in that time, each with all its rows."""
    count = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        info = client.get_flight_info(SMALL_PATH)
        assert client.do_get(info.endpoints[0].ticket).read_all().num_rows == 100
        count += 1
    return count


@pytest.fixture
def server() -> Iterator[LongbowServer]:
    # What has stalled would only use the grace time up.
    running = LongbowServer({"server": {"shutdown_grace_sec": 0}})
    running.start()
    try:
        client = connect(running.uri)
        put(client, STALLED_PATH, 8 * 1024 * 1024)
        put(client, SMALL_PATH, 100)
        calls_in(client, 0.2)
        yield running
    finally:
        running.kill()


def check_shutdown(server: LongbowServer) -> None:
    begin = time.monotonic()
    server.stop()
    took = time.monotonic() - begin
    print(f"shut down in {took:.2f} s")
    assert took < 1.0


def check_cost(server: LongbowServer, threads: int, memory: int, stalled: int) -> None:
    more_threads = status(server.pid, "Threads") - threads
    each = (resident_bytes(server.pid) - memory) / stalled
    print(f"{stalled} stalled: {more_threads} threads more, {each / 1024:.1f} KiB each")
    assert more_threads < MOST_THREADS
    assert each < MOST_BYTES_EACH


def test_readers_that_stopped(server: LongbowServer) -> None:
    """They hold messages of the stored flight, and no copy of them."""
    alone = calls_in(connect(server.uri), 2)
    threads, memory = status(server.pid, "Threads"), resident_bytes(server.pid)
    clients = [RawClient(server.uri) for _ in range(CLIENTS)]
    ticket = json.dumps({"path": ["stress", "large"]}).encode()
    for client in clients:
        for _ in range(READERS // CLIENTS):
            client.begin(FLIGHT + "DoGet", encode((1, ticket)))
    for client in clients:
        client.await_bytes(64 * 1024)  # its streams have begun
    check_cost(server, threads, memory, READERS)
    beside = calls_in(connect(server.uri), 2)
    print(f"small calls in 2 s: {alone} alone, {beside} beside them")
    assert beside > alone / 3
    check_shutdown(server)


def test_writers_that_stopped(server: LongbowServer) -> None:
    """Each has sent a batch, and says nothing more."""
    threads, memory = status(server.pid, "Threads"), resident_bytes(server.pid)
    schema = pa.schema([("n", pa.int64())])
    batch = pa.record_batch([pa.array(range(100), pa.int64())], schema=schema)
    header, _ = ipc_parts(schema.serialize())
    batch_header, body = ipc_parts(batch.serialize())
    clients = [RawClient(server.uri) for _ in range(CLIENTS)]
    for number in range(WRITERS):
        path = fl.FlightDescriptor.for_path("stress", "put", str(number)).serialize()
        client = clients[number % CLIENTS]
        client.begin(
            FLIGHT + "DoPut",
            encode((1, path), (2, header)),
            encode((2, batch_header), (1000, body)),
            end=False,
        )
    for client in clients:
        client.await_bytes(256)  # its puts are accepted
    check_cost(server, threads, memory, WRITERS)
    assert calls_in(connect(server.uri), 1) > 0
    assert len(list(connect(server.uri).list_flights())) == 2, "a put that has not ended is visible"
    check_shutdown(server)


def test_a_large_result_to_a_slow_reader(server: LongbowServer) -> None:
    """4 GiB that nobody stores: the producer waits for its reader."""
    client = connect(server.uri)
    command = {"service": "sql", "payload": {"query": "SELECT range AS n FROM range(536870912)"}}
    descriptor = fl.FlightDescriptor.for_command(json.dumps(command))
    memory = resident_bytes(server.pid)
    info = client.get_flight_info(descriptor)
    reader = client.do_get(info.endpoints[0].ticket)
    rows = 0
    most = 0
    for number, chunk in enumerate(reader):
        rows += chunk.data.num_rows
        if number % 64 == 0:
            time.sleep(0.01)  # slow, not a wait for anything
            most = max(most, resident_bytes(server.pid) - memory)
    print(f"{rows * 8 / 2**30:.1f} GiB read, the server grew by {most / 2**20:.0f} MiB")
    assert rows == 536870912
    assert most < MOST_GROWTH
