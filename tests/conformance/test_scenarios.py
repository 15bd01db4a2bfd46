"""Apache Arrow's cross-language scenarios: arrow-go's client, which no one here wrote, against the module
`conformance` on the server as it is."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from tests.e2e.client import Client
from tests.e2e.server import PATIENCE_SEC, LongbowServer

DATA = Path(__file__).resolve().parent / "data"
SCENARIOS = (
    "auth:basic_proto",
    "middleware",
    "ordered",
    "expiration_time:do_get",
    "expiration_time:list_actions",
    "expiration_time:cancel_flight_info",
    "expiration_time:renew_flight_endpoint",
    "location:reuse_connection",
    "session_options",
    "poll_flight_info",
    "app_metadata_flight_info_endpoint",
)


@pytest.fixture(scope="module")
def conformance_server() -> Iterator[LongbowServer]:
    """A server with nothing but the module `conformance`, so that paths are the module's too."""
    server = LongbowServer(arguments=["--module", "conformance"])
    try:
        yield server.start()
        errors = server.log("error")
        server.stop()
        assert errors == []
    finally:
        server.kill()


@pytest.fixture(scope="module")
def go_client() -> Path:
    """arrow-go's client. It must be there: a run without it has proved nothing."""
    default = Path(__file__).resolve().parents[2] / ".deps"
    deps = Path(os.environ.get("LONGBOW_DEPS_DIR", default))
    client = deps / "conformance/arrow-flight-integration-client"
    if not client.exists():
        pytest.fail(f"{client} is missing; `tools/setup.sh check` installs it")
    return client


def play(go_client: Path, server: LongbowServer, *arguments: str) -> None:
    """Runs the client, which ends with a panic that says what was wrong."""
    match = re.fullmatch(r"grpc(?:\+tcp)?://127\.0\.0\.1:(\d+)", server.uri)
    assert match is not None, server.uri
    done = subprocess.run(
        [str(go_client), "-host", "127.0.0.1", "-port", match[1], *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SEC,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(go_client: Path, conformance_server: LongbowServer, scenario: str) -> None:
    play(go_client, conformance_server, "-scenario", scenario)


def test_json_data(go_client: Path, conformance_server: LongbowServer) -> None:
    source = DATA / "types.json"
    play(go_client, conformance_server, "-path", str(source))
    # The client does not look at how its reading ended, so what came through the server is read again
    # here: against the file from which the JSON was made.
    client = Client(conformance_server.uri)
    try:
        info = client.info([str(source)])
        ticket = info.endpoints[0].ticket
        chunks = list(client.flight.do_get(ticket, client.options()))
    finally:
        client.close()
    with pa.ipc.open_file(DATA / "types.arrow") as expected:
        assert info.schema.equals(expected.schema, check_metadata=True)
        assert info.total_records == 12
        assert len(chunks) == expected.num_record_batches
        for index, chunk in enumerate(chunks):
            chunk.data.validate(full=True)
            assert chunk.data.equals(expected.get_batch(index), check_metadata=True)
            assert chunk.app_metadata.to_pybytes() == str(index).encode()


def test_actions_that_are_not_listed_answer(conformance_server: LongbowServer) -> None:
    """Without a service or a store none of Longbow's actions is listed; who knows one may ask."""
    client = Client(conformance_server.uri)
    try:
        assert client.action("HealthCheck")["status"] == "SERVING"
    finally:
        client.close()
