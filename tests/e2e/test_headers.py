"""Headers that a call brings, and those that come back."""

from __future__ import annotations

import threading
import time

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e.client import Client, sql, table_of
from tests.e2e.data_files import sales
from tests.e2e.errors import Code, expect_error
from tests.e2e.server import LongbowServer

REQUEST_ID = "x-longbow-request-id"
SYNC = "x-longbow-sync-rev"


def test_the_request_id_comes_back(client: Client, path: list[str]) -> None:
    mine = {REQUEST_ID: "mine-4711"}
    client.stored(path, table_of(x=[1]))
    client.info(path, mine)
    assert client.headers[REQUEST_ID] == "mine-4711"
    client.action("HealthCheck", headers=mine)
    assert client.headers[REQUEST_ID] == "mine-4711"
    client.get({"path": path}, mine)
    assert client.headers[REQUEST_ID] == "mine-4711"
    client.put([*path, "b"], table_of(x=[1]), headers=mine)
    assert client.headers[REQUEST_ID] == "mine-4711"


def test_a_request_id_is_made_up(client: Client) -> None:
    seen = set()
    for headers in ({}, {REQUEST_ID: "x" * 129}, {REQUEST_ID: ""}):
        client.action("HealthCheck", headers=headers)
        seen.add(client.headers[REQUEST_ID])
    assert len(seen) == 3
    assert all(len(each) == 32 for each in seen)


def test_the_request_id_comes_with_errors(client: Client) -> None:
    with expect_error(Code.NOT_FOUND):
        client.info(["e2e", "nothing"], {REQUEST_ID: "mine-4712"})
    assert client.headers[REQUEST_ID] == "mine-4712"


def test_each_change_tells_its_revision(client: Client, path: list[str]) -> None:
    seen = []
    client.stored(path, table_of(x=[1]))
    seen.append(int(client.headers[SYNC]))
    client.info(sql("SELECT 1 AS x", sink={"path": [*path, "b"]}))
    seen.append(int(client.headers[SYNC]))
    client.action("DeleteFlights", {"paths": [path]})
    seen.append(int(client.headers[SYNC]))
    assert seen == sorted(set(seen))
    # Reading changes nothing.
    client.info([*path, "b"])
    assert SYNC not in client.headers


def test_a_read_of_a_revision_that_is_here(client: Client, path: list[str]) -> None:
    revision = client.stored(path, table_of(x=[1]))["revision"]
    synced = {SYNC: str(revision)}
    assert client.info(path, synced).total_records == 1
    assert client.get({"path": path}, synced).num_rows == 1
    assert client.schema(path, synced).names == ["x"]
    assert client.action("DescribeFlight", {"path": path}, synced)["rows"] == 1


def test_a_read_of_a_revision_that_does_not_come(client: Client, path: list[str]) -> None:
    revision = client.stored(path, table_of(x=[1]))["revision"]
    begin = time.monotonic()
    with expect_error(Code.TIMEOUT, message=str(revision + 1_000_000)):
        client.info(path, {SYNC: str(revision + 1_000_000)})
    assert time.monotonic() - begin >= 0.9, "the shared server waits for one second"


def test_a_read_waits_for_its_revision(
    server: LongbowServer, client: Client, path: list[str]
) -> None:
    revision = client.stored(path, table_of(x=[1]))["revision"]
    other = Client(server.uri)
    seen: list[int] = []

    def read() -> None:
        # Asks anew after a timeout: the machine may be busy.
        for _ in range(30):
            try:
                seen.append(other.info(path, {SYNC: str(revision + 1)}).total_records)
                return
            except fl.FlightTimedOutError:
                continue

    reading = threading.Thread(target=read)
    reading.start()
    client.stored(path, table_of(x=[1, 2]), ifExists="REPLACE")
    reading.join()
    other.close()
    assert seen == [2]


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "99999999999999999999"])
def test_a_wrong_sync_revision(client: Client, value: str) -> None:
    with expect_error(Code.BAD_ARGUMENT, message=SYNC):
        client.info(["e2e", "nothing"], {SYNC: value})


@pytest.mark.parametrize("compression", ["lz4", "zstd", "none"])
def test_compression(client: Client, path: list[str], compression: str) -> None:
    headers = {"x-longbow-compression": compression}
    table = sales()
    client.stored(path, table)
    assert client.get({"path": path}, headers).equals(table)
    command = sql("SELECT id, note FROM t", {"t": {"path": path}})
    assert client.run(command, headers).num_rows == table.num_rows
    assert client.exchange(sql("SELECT * FROM input"), table, headers).num_rows == table.num_rows


def test_a_wrong_compression(client: Client, path: list[str]) -> None:
    client.stored(path, table_of(x=[1]))
    for wrong in ("gzip", "LZ4", ""):
        headers = {"x-longbow-compression": wrong}
        with expect_error(Code.BAD_ARGUMENT, message="x-longbow-compression"):
            client.get({"path": path}, headers)
        with expect_error(Code.BAD_ARGUMENT, message="x-longbow-compression"):
            client.get(client.info(sql("SELECT 1 AS x")), headers)


def test_dictionaries(client: Client, path: list[str]) -> None:
    words = pa.array(["a", "b", "a", None]).dictionary_encode()
    table = pa.table({"w": words})
    client.stored(path, table)
    kept = client.get({"path": path}, {"x-longbow-dictionaries": "keep"})
    assert kept.schema.field("w").type == words.type
    plain = client.get({"path": path}, {"x-longbow-dictionaries": "decode"})
    assert plain.schema.field("w").type == pa.string()
    assert plain["w"].to_pylist() == table["w"].to_pylist()
    with expect_error(Code.BAD_ARGUMENT, message="x-longbow-dictionaries"):
        client.get({"path": path}, {"x-longbow-dictionaries": "drop"})


def test_unknown_headers_are_nobodys_business(client: Client) -> None:
    headers = {
        "x-longbow-future": "1",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "authorization": "Bearer not-checked-here",
    }
    assert client.run(sql("SELECT 1 AS x"), headers).num_rows == 1
