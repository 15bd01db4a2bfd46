"""The program: how it starts, what it says when it cannot, and how it stops."""

from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pyarrow.flight as fl
import pytest

from tests.e2e.client import Client, eventually, rows, sql, table_of
from tests.e2e.conftest import MakeServer
from tests.e2e.polling import endless
from tests.e2e.server import (
    PATIENCE_SEC,
    LongbowServer,
    binary,
    clean_environment,
    write_settings,
)


def run_longbow(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the program to its end."""
    return subprocess.run(
        [str(binary()), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SEC,
        env=clean_environment() | environment,
    )


def test_two_servers_at_once(make_server: MakeServer) -> None:
    servers = [make_server({"server": {"node_id": name}}) for name in ("one", "two")]
    clients = [Client(server.uri) for server in servers]
    clients[0].stored(["a"], table_of(x=[1]))
    assert [client.paths() for client in clients] == [[["a"]], []]
    assert [client.action("HealthCheck")["node"] for client in clients] == ["one", "two"]
    for client in clients:
        client.close()


def test_a_unix_socket(make_server: MakeServer, tmp_path: Path) -> None:
    socket = tmp_path / "l.sock"
    server = make_server({"server": {"listen_unix_socket": str(socket)}})
    for uri in (server.uri, f"grpc+unix://{socket}"):
        client = Client(uri)
        assert rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]
        client.close()


def test_only_a_unix_socket(make_server: MakeServer, tmp_path: Path) -> None:
    socket = tmp_path / "l.sock"
    server = make_server({"server": {"listen_unix_socket": str(socket), "listen_host": ""}})
    assert server.uri == f"grpc+unix://{socket}"
    client = Client(server.uri)
    info = client.info(sql("SELECT 1 AS x"))
    assert info.endpoints[0].locations[0].uri.decode() == server.uri
    assert rows(client.get(info)) == [(1,)]
    client.close()


def test_endpoints_name_the_advertised_address(make_server: MakeServer) -> None:
    server = make_server({"server": {"advertise_host": "data.example", "advertise_port": 99}})
    port = next(
        entry["message"].split("127.0.0.1:")[1].split()[0].split("(")[0]
        for entry in server.log()
        if " is ready on " in entry["message"]
    )
    client = Client(f"grpc://127.0.0.1:{port}")
    info = client.info(sql("SELECT 1 AS x"))
    assert info.endpoints[0].locations[0].uri.decode().endswith("://data.example:99")
    assert rows(client.get(info)) == [(1,)]
    client.close()


def test_a_port_in_use(server: LongbowServer, tmp_path: Path) -> None:
    port = int(server.uri.rsplit(":", 1)[1])
    settings = tmp_path / "longbow.toml"
    write_settings(settings, {"server": {"listen_port": port}})
    result = run_longbow("start", "--config", str(settings))
    assert result.returncode == 1
    assert str(port) in result.stderr
    assert "another program is using it" in result.stderr


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"server": {"listen_prot": 1}}, ["listen_prot", "listen_port"]),
        ({"server": {"listen_port": 70000}}, ["listen_port", "65535"]),
        ({"server": {"listen_port": "x"}}, ["listen_port"]),
        ({"servr": {"listen_port": 1}}, ["servr", "server"]),
        ({"sql": {"query_memory_limit": "many"}}, ["query_memory_limit"]),
        ({"connector.source.a": {"path": "/x", "format": "xls"}}, ["format", "xls"]),
        ({"connector.source.a": {"format": "csv"}}, ["path"]),
        ({"server": {"modules": ["sqll"]}}, ["sqll"]),
    ],
)
def test_wrong_settings_start_nothing(
    tmp_path: Path, settings: dict[str, dict[str, Any]], named: list[str]
) -> None:
    file = tmp_path / "wrong.toml"
    write_settings(file, settings)
    for command in ("start", "check-config"):
        result = run_longbow(command, "--config", str(file))
        assert result.returncode == 2, result.stderr
        for text in named:
            assert text in result.stderr
        assert "ready" not in result.stderr


def test_settings_from_the_environment(tmp_path: Path) -> None:
    result = run_longbow("check-config", "--explain", LONGBOW_SERVER__LISTEN_PORT="4711")
    assert result.returncode == 0, result.stderr
    assert "4711" in result.stdout
    assert "LONGBOW_SERVER__LISTEN_PORT" in result.stdout
    result = run_longbow("check-config", LONGBOW_SERVER__LISTEN_PROT="4711")
    assert result.returncode == 2
    assert "LONGBOW_SERVER__LISTEN_PORT" in result.stderr


def test_later_files_are_merged_over_earlier_ones(tmp_path: Path) -> None:
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    write_settings(first, {"server": {"task_threads": 3, "task_queue_length": 5}})
    write_settings(second, {"server": {"task_threads": 4}})
    result = run_longbow("check-config", "--explain", "-c", str(first), "-c", str(second))
    assert result.returncode == 0, result.stderr
    assert "task_threads = 4" in result.stdout
    assert "task_queue_length = 5" in result.stdout


def test_without_the_storage_module(make_server: MakeServer) -> None:
    server = make_server(arguments=["--module", "sql"])
    client = Client(server.uri)
    assert rows(client.run(sql("SELECT 1 AS x"))) == [(1,)]
    for call in (
        lambda: client.info(sql("SELECT 1 AS x", sink={"path": ["a"]})),
        lambda: client.info(["a"]),
        lambda: client.get({"path": ["a"]}),
        lambda: client.put(["a"], table_of(x=[1])),
        lambda: client.action("DescribeFlight", {"path": ["a"]}),
    ):
        with pytest.raises((fl.FlightError, KeyError, NotImplementedError)) as raised:
            call()
        assert getattr(raised.value, "extra_info", b"")
    client.close()


def running(client: Client) -> list[str]:
    """The tasks that have begun and not ended."""
    return [t["task"] for t in client.tasks() if t["state"] in ("STARTING", "STREAMING")]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_while_readers_and_writers_stand_still(
    make_server: MakeServer, stop: signal.Signals
) -> None:
    server = make_server()
    client = Client(server.uri)
    # A reader that does not read, a put that does not go on, and a command that waits.
    info = client.info(sql("SELECT range AS x FROM range(1000000000)"))
    reader = client.flight.do_get(info.endpoints[0].ticket, client.options())
    assert reader.read_chunk().data.num_rows > 0
    table = table_of(x=[1])
    writer, _ = client.flight.do_put(
        fl.FlightDescriptor.for_path("a"), table.schema, client.options()
    )
    writer.write_table(table)
    seen: list[Exception] = []

    def ask() -> None:
        try:
            client.info(endless(["b"]))
        except fl.FlightError as error:
            seen.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    eventually("both tasks run", lambda: len(running(client)) == 2)
    server.stop(stop)
    asking.join(PATIENCE_SEC)
    assert len(seen) == 1
    with pytest.raises(fl.FlightError):
        reader.read_all()
    with pytest.raises(fl.FlightError):
        writer.close()
    client.close()


def test_the_log_is_json_lines(server: LongbowServer, client: Client) -> None:
    client.action("HealthCheck")
    entries = server.log()
    assert entries
    assert all({"time", "level", "message"} <= set(entry) for entry in entries)


def test_the_version(server: LongbowServer, client: Client) -> None:
    result = run_longbow("version")
    assert result.returncode == 0
    assert f"longbow {client.action('HealthCheck')['version']}" in result.stdout
