"""The command-line client: what it prints, how it ends, and what it leaves behind on the server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.e2e.client import Client, eventually
from tests.e2e.polling import ENDLESS, only_running
from tests.e2e.server import PATIENCE_SEC, LongbowServer, binary, clean_environment

SALES = pa.table({"region": ["north", "south", "north"], "amount": [1.5, 2.0, None]})


class Shell:
    """Runs client commands against one server, in a folder of its own."""

    def __init__(self, uri: str, folder: Path) -> None:
        self.folder = folder
        self.environment = clean_environment() | {"LONGBOW_SERVER": uri, "LC_ALL": "C.UTF-8"}

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(binary()), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self.environment,
        )

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [str(binary()), *arguments],
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env=self.environment,
            timeout=PATIENCE_SEC,
            check=False,
        )

    def answer(self, *arguments: str, stdin: bytes = b"") -> str:
        """Standard output of a command that must end well."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()


@pytest.fixture
def shell(server: LongbowServer, tmp_path: Path) -> Shell:
    pq.write_table(SALES, tmp_path / "sales.parquet")
    return Shell(server.uri, tmp_path)


@pytest.fixture
def stored(shell: Shell, path: list[str]) -> str:
    """The sales under a path of their own."""
    name = "/".join(path)
    shell.answer("put", name, "sales.parquet")
    return name


def test_rows_come_in_every_format(shell: Shell, stored: str) -> None:
    assert shell.answer("get", stored) == "region,amount\nnorth,1.5\nsouth,2.0\nnorth,\n"
    rows = [json.loads(line) for line in shell.answer("get", stored, "-f", "json").splitlines()]
    assert rows == SALES.to_pylist()
    assert " south  │    2.0\n" in shell.answer("get", stored, "-f", "table")
    stream = shell.run("get", stored, "-f", "arrow").stdout
    assert pa.ipc.open_stream(stream).read_all().equals(SALES)
    shell.answer("get", stored, "-o", "out.parquet")
    assert pq.read_table(shell.folder / "out.parquet").equals(SALES)


def test_a_query_reads_stored_flights_sources_and_local_files(shell: Shell, stored: str) -> None:
    query = "SELECT count(*) AS n FROM s JOIN l USING (region)"
    for local in ("l=sales.parquet", "l=@sales.parquet", "l=./sales.parquet"):
        assert shell.answer("sql", query, "-i", f"s={stored}", "-i", local) == "n\n5\n"
    # What was uploaded for the time of the query is gone.
    assert shell.answer("ls", "tmp") == "path,rows,bytes,created,expires\n"


def test_a_sink_says_where_the_result_is(shell: Shell, stored: str) -> None:
    arguments = ["sql", "SELECT 1 AS one FROM s", "-i", f"s={stored}", "--sink", stored + "/sink"]
    first = json.loads(shell.answer(*arguments, "-f", "json"))
    assert (first["stored"], first["rows"], first["reused"]) == (stored + "/sink", 3, False)
    again = shell.run(*arguments)
    assert again.returncode == 1
    assert again.stderr.decode().startswith("error ALREADY_EXISTS: ")
    reused = json.loads(shell.answer(*arguments, "-f", "json", "--if-exists", "reuse"))
    assert (reused["reused"], reused["revision"]) == (True, first["revision"])


def test_the_printed_command_does_the_same(shell: Shell, client: Client, stored: str) -> None:
    printed = shell.answer("sql", "SELECT * FROM s", "-i", f"s={stored}", "--print-command")
    assert shell.answer("get", printed.strip()) == shell.answer("get", stored)


def test_put_lists_tells_and_removes(shell: Shell, stored: str) -> None:
    listed = [json.loads(line) for line in shell.answer("ls", stored, "-f", "json").splitlines()]
    assert [(flight["path"], flight["rows"]) for flight in listed] == [(stored, 3)]
    told = json.loads(shell.answer("info", stored, "-f", "json"))
    assert [column["name"] for column in told["columns"]] == ["region", "amount"]
    assert told["revision"] > 0
    taken = shell.run("put", stored, "sales.parquet")
    assert taken.returncode == 1
    assert b"ALREADY_EXISTS" in taken.stderr
    assert b"kept" in shell.run("put", stored, "sales.parquet", "--if-exists", "reuse").stderr
    assert shell.run("put", stored, "sales.parquet", "--if-exists", "replace").returncode == 0
    assert shell.run("rm", stored).returncode == 0
    assert shell.run("rm", stored).returncode == 1
    gone = shell.run("get", stored)
    assert gone.returncode == 1
    assert gone.stderr.decode().startswith("error NOT_FOUND: ")


def test_a_pipe_carries_an_arrow_stream(shell: Shell, stored: str) -> None:
    stream = shell.run("get", stored, "-f", "arrow").stdout
    shell.answer("put", stored + "/copy", "-", stdin=stream)
    assert shell.answer("get", stored + "/copy") == shell.answer("get", stored)
    broken = shell.run("put", stored + "/broken", "-", stdin=stream[:-100])
    assert broken.returncode == 1
    assert shell.run("get", stored + "/broken").returncode == 1


def test_a_put_that_cannot_be_read_to_its_end_stores_nothing(shell: Shell, stored: str) -> None:
    rows = "\n".join(f"{i},x{i}" for i in range(1_500_000))
    (shell.folder / "bad.csv").write_text(f"a,b\n{rows}\n1,2,3\n", encoding="utf-8")
    done = shell.run("put", stored + "/bad", "bad.csv")
    assert done.returncode == 1
    assert b"Expected 2 columns" in done.stderr
    # The path is free.
    shell.answer("put", stored + "/bad", "sales.parquet")
    assert len(shell.answer("get", stored + "/bad").splitlines()) == 1 + len(SALES)


def test_who_reads_a_few_lines_ends_the_rest_quietly(shell: Shell) -> None:
    query = shell.start("sql", "SELECT range AS n FROM range(1000000000)")
    assert query.stdout is not None
    assert query.stderr is not None
    assert query.stdout.readline() == b"n\n"
    query.stdout.close()
    assert query.wait(PATIENCE_SEC) == 0
    assert query.stderr.read() == b""
    query.stderr.close()


@pytest.mark.parametrize(
    "query",
    [
        ENDLESS,
        "SELECT range FROM range(20000000000)",
    ],
    ids=["running", "receiving"],
)
def test_an_interrupt_cancels_on_the_server(shell: Shell, client: Client, query: str) -> None:
    running = shell.start("sql", query, "-o", "out.csv")
    only_running(client)
    os.kill(running.pid, signal.SIGINT)
    assert running.wait(PATIENCE_SEC) == 130
    running.communicate()
    assert list(shell.folder.glob("out.csv*")) == []
    await_idle(client)


def await_idle(client: Client) -> None:
    """Returns when no task of the server is at work."""

    def check() -> bool:
        return not any(t["state"] in ("QUEUED", "STARTING", "STREAMING") for t in client.tasks())

    eventually("no task is at work", check)


def test_a_time_limit_ends_a_query(shell: Shell, client: Client) -> None:
    done = shell.run("sql", ENDLESS, "--timeout", "1")
    assert done.returncode == 1
    assert done.stderr.startswith(b"error TIMEOUT: ")
    await_idle(client)


@pytest.mark.parametrize(
    "arguments",
    [
        ["sql", ""],
        ["sql", "SELECT 1", "-i", "x"],
        ["sql", "SELECT 1", "-i", "x=@missing.csv"],
        ["sql", "SELECT 1", "--sink", "a//b"],
        ["sql", "SELECT 1", "--ttl", "5"],
        ["sql", "SELECT 1", "-f", "xml"],
        ["get"],
        ["get", "a", "--limit", "-1"],
        ["get", "a", "--server", "http://x"],
        ["get", "a", "--header", "no"],
        ["put", "a", "missing.csv"],
        ["rm"],
        ["frobnicate"],
    ],
)
def test_wrong_usage_is_two(shell: Shell, arguments: list[str]) -> None:
    done = shell.run(*arguments)
    assert done.returncode == 2, done
    assert done.stderr
    assert not done.stdout


def test_no_server_is_three(shell: Shell) -> None:
    done = shell.run("ls", "--server", "grpc://127.0.0.1:1")
    assert done.returncode == 3
    assert b"longbow start" in done.stderr


def test_an_error_of_sql_shows_where(shell: Shell) -> None:
    done = shell.run("sql", "SELECT 1 FRM x")
    assert done.returncode == 1
    assert done.stderr.startswith(b"error BAD_ARGUMENT: ")
    assert b"^" in done.stderr


def test_actions_are_listed_and_run(shell: Shell) -> None:
    assert "HealthCheck" in shell.answer("actions")
    assert json.loads(shell.answer("actions", "HealthCheck"))["status"] == "SERVING"


@pytest.mark.parametrize("command", ["sql", "get", "put", "ls", "info", "rm", "actions"])
def test_help_has_examples(shell: Shell, command: str) -> None:
    text = shell.answer(command, "--help")
    assert f"longbow {command}" in text
    assert "Examples:" in text
