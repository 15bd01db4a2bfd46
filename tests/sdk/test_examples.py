"""The modules of `examples/modules`, built against the installed SDK and loaded into the installed
server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from tests.e2e.client import Client, Json, command, table_of
from tests.e2e.errors import Code, expect_error
from tests.e2e.server import LongbowServer, binary

SOURCE = Path(__file__).resolve().parents[2]
# A compiler on a machine that has much else to do.
BUILD_PATIENCE_SEC = 900

pytestmark = pytest.mark.timeout(2 * BUILD_PATIENCE_SEC)


def run(*command_line: str | Path) -> str:
    """Runs a tool, which must succeed, and returns what it wrote."""
    done = subprocess.run(
        [str(part) for part in command_line],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_PATIENCE_SEC,
        check=False,
    )
    assert done.returncode == 0, f"{command_line} failed:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The prefix into which the build was installed. It is too large to be left behind."""
    build = Path(os.environ.get("LONGBOW_BUILD_DIR", binary().parents[1]))
    prefix = tmp_path_factory.mktemp("installed")
    try:
        run("cmake", "--install", build, "--prefix", prefix)
        yield prefix
    finally:
        shutil.rmtree(prefix, ignore_errors=True)


@pytest.fixture(scope="module")
def modules(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the built examples. Nothing but the prefix tells them where Longbow is."""
    folder = tmp_path_factory.mktemp("modules")
    examples = SOURCE / "examples/modules"
    run("cmake", "-S", examples, "-B", folder, f"-DCMAKE_PREFIX_PATH={installed}")
    cache = (folder / "CMakeCache.txt").read_text(encoding="utf-8")
    match = re.search(r"^Longbow_DIR:PATH=(.*)$", cache, re.MULTILINE)
    assert match is not None
    assert Path(match[1]).is_relative_to(installed)
    run("cmake", "--build", folder)
    return folder


@pytest.fixture(scope="module")
def server(installed: Path, modules: Path) -> Iterator[LongbowServer]:
    """The installed server with storage and both examples."""
    arguments = ["--module", "storage"]
    for name in ("sample", "raw"):
        arguments += ["--module", str(modules / f"liblongbow_{name}.so")]
    started = LongbowServer(arguments=arguments, program=installed / "bin/longbow")
    try:
        yield started.start()
        errors = started.log("error")
        started.stop()
        assert errors == []
    finally:
        started.kill()


@pytest.fixture
def client(server: LongbowServer) -> Iterator[Client]:
    """A connection to it."""
    connection = Client(server.uri)
    yield connection
    connection.close()


def sample(rows: int, **more: int) -> Json:
    """A command of the service sample."""
    return command("sample", {"rows": rows, **more})


def top(rows: int, data: Json) -> Json:
    """A command of the service top, over the data given."""
    return command("top", {"rows": rows, "column": "value", "inputs": {"input": data}})


def test_the_examples_are_short() -> None:
    lines = (SOURCE / "examples/modules/sample_module.cc").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 100


def test_services_are_listed(client: Client) -> None:
    services = client.action("ListServices")["services"]
    listed = {entry["name"]: entry for entry in services}
    assert {"sample", "top", "storage"} <= set(listed)
    assert [field["name"] for field in listed["sample"]["fields"]] == ["rows", "seed"]


def test_sample_makes_data(client: Client) -> None:
    table = client.run(sample(200_000, seed=7))
    assert table.num_rows == 200_000
    assert table["id"].to_pylist() == list(range(200_000))
    assert client.run(sample(200_000, seed=7)).equals(table)
    assert not client.run(sample(200_000, seed=8)).equals(table)
    assert client.run(sample(0)).num_rows == 0


def test_top_over_sample(client: Client) -> None:
    expected = client.run(sample(5000, seed=3)).sort_by([("value", "descending")]).slice(0, 4)
    assert client.run(top(4, {"command": sample(5000, seed=3)})).equals(expected)
    # Three levels: the top of a top of a sample.
    nested = top(2, {"command": top(4, {"command": sample(5000, seed=3)})})
    assert client.run(nested).equals(expected.slice(0, 2))


def test_top_over_a_stored_flight(client: Client) -> None:
    path = ["sdk", "numbers"]
    client.stored(path, table_of(id=[1, 2, 3, 4], value=[0.5, 2.5, None, 1.5]))
    assert client.run(top(2, {"path": path}))["id"].to_pylist() == [2, 4]


def test_wrong_commands(client: Client) -> None:
    with expect_error(Code.BAD_ARGUMENT, message="rows"):
        client.run(command("sample"))
    with expect_error(Code.BAD_ARGUMENT, message="less than 0"):
        client.run(sample(-1))
    with expect_error(Code.NOT_FOUND, message="nowhere"):
        client.run(top(1, {"path": ["sdk", "nowhere"]}))
    with expect_error(Code.BAD_ARGUMENT, message="no column 'colour'"):
        client.run(
            command(
                "top", {"rows": 1, "column": "colour", "inputs": {"input": {"command": sample(1)}}}
            )
        )
    with expect_error(Code.BAD_ARGUMENT, message="seeed"):
        client.run(sample(1, seeed=1))


def test_top_over_what_an_exchange_sends(client: Client) -> None:
    table = table_of(id=[1, 2, 3], value=[0.25, 0.75, 0.5])
    by_value = command("top", {"rows": 2, "column": "value"})
    assert client.exchange(by_value, table)["id"].to_pylist() == [2, 3]


def test_raw_action(client: Client) -> None:
    (answer,) = client.action_bytes("time", b"")
    assert int(answer) > 1_600_000_000
    names = [action.type for action in client.flight.list_actions(client.options())]
    assert "time" in names
    assert "ListServices" in names
    with expect_error(Code.NOT_IMPLEMENTED, message="weather"):
        client.action_bytes("weather", b"")


def test_raw_ticket(client: Client) -> None:
    chunks = list(client.flight.do_get(fl.Ticket("count:3"), client.options()))
    assert [chunk.data.to_pydict() for chunk in chunks] == [
        {"number": [number]} for number in (1, 2, 3)
    ]
    assert [chunk.app_metadata.to_pybytes() for chunk in chunks] == [
        f"number {number}".encode() for number in (1, 2, 3)
    ]
    with expect_error(Code.INVALID_TICKET, message="count"):
        client.get(b"count:many")
    with expect_error(Code.UNSUPPORTED_SERVICE, Code.INVALID_TICKET):
        client.get(b"amount:3")


def test_raw_exchange(client: Client) -> None:
    # Dictionaries too: their messages come before the batches that need them.
    words = pa.array(["a", "b", "a", None]).dictionary_encode()
    table = pa.table({"id": [1, 2, 3, 4], "word": words})
    descriptor = fl.FlightDescriptor.for_command("echo")
    writer, reader = client.flight.do_exchange(descriptor, client.options())
    received = []
    with writer:
        writer.begin(table.schema)
        for start in (0, 2):
            batch = table.slice(start, 2).combine_chunks().to_batches()[0]
            writer.write_with_metadata(batch, f"from {start}".encode())
            chunk = reader.read_chunk()
            assert chunk.app_metadata.to_pybytes() == f"from {start}".encode()
            received.append(chunk.data)
        writer.done_writing()
        end = reader.read_chunk()
        assert end.data is None
        assert end.app_metadata.to_pybytes() == b"2"
        with pytest.raises(StopIteration):
            reader.read_chunk()
    assert pa.Table.from_batches(received).equals(table)


def test_raw_exchange_of_metadata_alone(client: Client) -> None:
    descriptor = fl.FlightDescriptor.for_command("echo")
    writer, reader = client.flight.do_exchange(descriptor, client.options())
    with writer:
        writer.write_metadata(b"hello")
        assert reader.read_chunk().app_metadata.to_pybytes() == b"hello"
        writer.done_writing()
        assert reader.read_chunk().app_metadata.to_pybytes() == b"0"
