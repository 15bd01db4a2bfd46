"""Clients that send more than they may: the others are served as ever, and nothing of it stays."""

from __future__ import annotations

import json
import threading
import zlib
from contextlib import suppress

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e.client import Client, descriptor_of, eventually, rows, sql
from tests.e2e.conftest import MakeServer
from tests.e2e.errors import ERRORS, Code, parse_error
from tests.e2e.every_call import OK, Header, HeaderClient
from tests.e2e.flooding import (
    HEALTH,
    KIB,
    MIB,
    Pump,
    memory_bytes,
    peak_bytes,
    restart_peak,
    serve_others,
)
from tests.e2e.operations import Metrics
from tests.e2e.raw_grpc import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLIGHT,
    HEADERS,
    RawClient,
    _literal,
)
from tests.e2e.server import PATIENCE_SEC, LongbowServer

RESOURCE_EXHAUSTED = 8  # gRPC's


class FrameClient(HeaderClient):
    """Sends header blocks of any size: each in one frame, or in as many as HTTP/2 asks for."""

    def __init__(self, uri: str, *headers: Header, frame_bytes: int = 16384) -> None:
        self._frame_bytes = frame_bytes
        super().__init__(uri, *headers)

    def _send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind != HEADERS:
            return RawClient._send(self, kind, flags, stream, payload)
        block = payload + self._more
        size = self._frame_bytes
        parts = [block[at : at + size] for at in range(0, len(block), size)]
        for number, part in enumerate(parts):
            last = END_HEADERS if number + 1 == len(parts) else 0
            RawClient._send(self, CONTINUATION if number else HEADERS, last, stream, part)
        return None

    def send_without_end(self, stream: int, block: bytes, frames: int) -> None:
        """A block of headers that does not end."""
        RawClient._send(self, HEADERS, 0, stream, block)
        for _ in range(frames):
            RawClient._send(self, CONTINUATION, 0, stream, block)


def check_oversized_headers(server: LongbowServer, size: int, count: int, frame_bytes: int) -> None:
    """Header fields of so many bytes in all are refused, or end the connection."""
    before = memory_bytes(server.pid)
    headers = [(f"x-big-{number}", "x" * (size // count)) for number in range(count)]
    for _ in range(3):
        client = FrameClient(server.uri, *headers, frame_bytes=frame_bytes)
        try:
            reply = client.call(FLIGHT + "ListActions", b"")
            assert reply.status != 0, "64 KiB are the limit"
            assert reply.messages == []
        except OSError:
            pass  # it may also give the whole connection up
        client.close()
    serve_others(server, 3)
    assert memory_bytes(server.pid) - before < 64 * MIB


@pytest.mark.parametrize("size_kib", [70, 300, 2000])
@pytest.mark.parametrize("count", [1, 100])
def test_oversized_headers(flooded: LongbowServer, size_kib: int, count: int) -> None:
    check_oversized_headers(flooded, size_kib * KIB, count, 16 * MIB - 1)


# gRPC 1.51 measures each frame of a header block by itself (CVE-2023-33953).
@pytest.mark.parametrize("size_kib", [70, 2000])
def test_oversized_headers_in_many_frames(flooded: LongbowServer, size_kib: int) -> None:
    check_oversized_headers(flooded, size_kib * KIB, 10, 16384)


def test_headers_within_the_limit(flooded: LongbowServer) -> None:
    client = FrameClient(flooded.uri, *[(f"x-big-{number}", "x" * KIB) for number in range(40)])
    assert client.call(FLIGHT + "ListActions", b"").status == 0
    client.close()


def test_headers_without_end(flooded: LongbowServer) -> None:
    before = memory_bytes(flooded.pid)
    value = b"x" * 8000
    block = b"".join(_literal(name, value) for name in (b"x-a", b"x-b"))
    client = FrameClient(flooded.uri)
    with suppress(OSError):
        client.send_without_end(1, block, 64 * MIB // len(block))
    serve_others(flooded, 3)
    taken = memory_bytes(flooded.pid) - before
    client.close()
    assert taken < 32 * MIB


def test_pyarrow_with_oversized_headers(flooded: LongbowServer) -> None:
    client = Client(flooded.uri)
    with pytest.raises(pa.ArrowException, match="metadata size exceeds limit"):
        client.info(sql("SELECT 1 AS x"), {"x-big": "x" * 70 * KIB})

    def works() -> bool:
        try:
            return rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]
        except fl.FlightUnavailableError:
            # gRPC 1.51 gives up the connection behind such a call; a next one may be on it by then.
            return False

    eventually("the next call goes through, over a new connection", works)
    client.close()


@pytest.mark.parametrize("method", ["Check", "Watch"])
def test_a_stranger_with_a_large_message(flooded: LongbowServer, method: str) -> None:
    before = memory_bytes(flooded.pid)
    refused = Metrics(flooded.http)("connections_refused_total")
    pumps = [Pump(flooded.uri, HEALTH + method, 128 * MIB) for _ in range(3)]
    for pump in pumps:
        with pytest.raises(OSError):
            pump.run()
    assert memory_bytes(flooded.pid) - before < 64 * MIB
    assert all(pump.sent < 32 * MIB for pump in pumps)
    assert Metrics(flooded.http)("connections_refused_total") == refused + 3
    for pump in pumps:
        pump.close()
    serve_others(flooded, 3)


def bomb(mib: int) -> bytes:
    """So many MiB of zeros, compressed by the thousand."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)  # with gzip's head
    zeros = bytes(MIB)
    return b"".join(compressor.compress(zeros) for _ in range(mib)) + compressor.flush()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity"])
@pytest.mark.parametrize("method", [HEALTH + "Check", FLIGHT + "GetFlightInfo", FLIGHT + "DoPut"])
def test_a_compressed_message(flooded: LongbowServer, method: str, encoding: str) -> None:
    """gRPC would make it large before anybody has looked at who sends it."""
    before = restart_peak(flooded.pid)
    pump = Pump(flooded.uri, method, 0, bomb(256), {"grpc-encoding": encoding})
    with suppress(OSError):  # that it is refused may come before it is sent
        pump.run()
        assert pump.reply().status != 0
    assert peak_bytes(flooded.pid) - before < 64 * MIB
    pump.close()
    serve_others(flooded, 3)


def test_compressed_by_pyarrow(flooded: LongbowServer) -> None:
    """Who asks gRPC to compress is told that this is not done here."""
    gzip = [("grpc.default_compression_algorithm", 2)]
    client = fl.FlightClient(flooded.uri, generic_options=gzip)
    with pytest.raises(pa.ArrowException, match="gzip"):
        client.get_flight_info(descriptor_of(sql("SELECT 1 AS x -- " + "x" * 1000)))
    client.close()


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_a_batch_that_unpacks_to_too_much(make_server: MakeServer, codec: str) -> None:
    """Of a client that was let in: it is refused before it is unpacked."""
    server = make_server({"server": {"max_message_bytes": 64 * MIB}})
    client = fl.FlightClient(server.uri)
    options = fl.FlightCallOptions(write_options=pa.ipc.IpcWriteOptions(compression=codec))

    def put(mib: int) -> None:
        zeros = pa.Array.from_buffers(
            pa.int64(), mib * MIB // 8, [None, pa.py_buffer(bytes(mib * MIB))]
        )
        batch = pa.record_batch([zeros], names=["x"])
        writer, _ = client.do_put(fl.FlightDescriptor.for_path(codec), batch.schema, options)
        with writer:
            writer.write_batch(batch)

    before = restart_peak(server.pid)
    with pytest.raises(ERRORS) as refused:
        put(512)
    assert parse_error(refused.value).code == Code.RESOURCE_EXHAUSTED
    assert peak_bytes(server.pid) - before < 64 * MIB
    put(32)
    assert (
        client.do_get(fl.Ticket(json.dumps({"path": [codec]}).encode())).read_all().num_rows
        == 32 * MIB // 8
    )
    client.close()


def test_large_messages_that_do_not_end(make_server: MakeServer) -> None:
    """Of clients that were let in: gRPC's memory for all of them is bounded."""
    server = make_server({"server": {"grpc_memory_bytes": 64 * MIB}, "http": {"port": 0}})
    before = memory_bytes(server.pid)
    pumps = [Pump(server.uri, FLIGHT + "DoPut", 128 * MIB) for _ in range(3)]
    threads = [threading.Thread(target=run_until_refused, args=[pump]) for pump in pumps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SEC)
    assert not any(thread.is_alive() for thread in threads)
    assert memory_bytes(server.pid) - before < 160 * MIB
    assert max(pump.sent for pump in pumps) > 8 * MIB, "a large message is none too soon"
    for pump in pumps:
        pump.close()
    serve_others(server, 3)


def run_until_refused(pump: Pump) -> None:
    """To the end of its call."""
    with suppress(OSError):
        pump.run()


# gRPC's health service, which answers anybody.

WATCHES_OF_CONNECTION, WATCHES, ASKING = 100, 1000, 1000


def watching(uri: str, count: int) -> RawClient:
    """A connection with so many watches, each of which has its first answer."""
    raw = RawClient(uri)
    for _ in range(count):
        raw.begin(HEALTH + "Watch", b"")
    answered = 0
    while answered < count:
        head = raw._receive(9)
        raw._receive(int.from_bytes(head[:3], "big"))
        answered += head[3] == DATA
    return raw


def check(uri: str) -> int:
    """The status of a new client's question."""
    raw = RawClient(uri)
    status = raw.call(HEALTH + "Check", b"").status
    raw.close()
    return status


def may_watch(uri: str) -> bool:
    """Whether a new client's watch is answered, and goes on."""
    raw = RawClient(uri)
    raw.begin(HEALTH + "Watch", b"")
    while True:
        head = raw._receive(9)
        raw._receive(int.from_bytes(head[:3], "big"))
        ended = head[3] == HEADERS and bool(head[4] & END_STREAM)
        if ended or head[3] == DATA:
            raw.close()
            return not ended


def test_many_watches_over_one_connection(flooded: LongbowServer) -> None:
    raw = watching(flooded.uri, WATCHES_OF_CONNECTION)
    reply = raw.call(HEALTH + "Watch", b"")
    assert reply.error["code"] == Code.BACKPRESSURE
    assert "over this connection" in reply.error["msg"]
    assert raw.call(HEALTH + "Check", b"").status == OK
    others = watching(flooded.uri, 1)
    raw.close()
    others.close()


def test_many_watches(flooded: LongbowServer) -> None:
    held = [
        watching(flooded.uri, WATCHES_OF_CONNECTION)
        for _ in range(WATCHES // WATCHES_OF_CONNECTION)
    ]
    assert not may_watch(flooded.uri), "one is too many"
    assert check(flooded.uri) == OK, "the node does not look dead for all that"
    serve_others(flooded, 3)
    for raw in held:
        raw.close()
    eventually("there is room again", lambda: may_watch(flooded.uri))


def test_many_questions_that_do_not_come(flooded: LongbowServer) -> None:
    """The oldest makes room, so that who asks at once is answered."""
    oldest, others = RawClient(flooded.uri), RawClient(flooded.uri)
    oldest.begin(HEALTH + "Watch", end=False)
    assert oldest.call(HEALTH + "Check", b"").status == OK, "the server has seen the first"
    for number in range(ASKING):
        others.begin(HEALTH + ("Check" if number % 2 else "Watch"), end=False)
    oldest._stream = 1
    assert oldest.reply().error["code"] == Code.BACKPRESSURE
    for _ in range(3):
        assert check(flooded.uri) == OK
        assert may_watch(flooded.uri)
    oldest.close()
    others.close()


def test_headers_of_the_health_service(flooded: LongbowServer) -> None:
    """They would be held as long as a watch is open."""
    for kib, status in ((31, OK), (33, RESOURCE_EXHAUSTED)):
        client = FrameClient(flooded.uri, *[(f"x-big-{n}", "x" * 1000) for n in range(kib)])
        assert client.call(HEALTH + "Check", b"").status == status, kib
        client.close()
