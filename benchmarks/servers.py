"""The servers that are compared: each is started on a free port, and stopped by its process id."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.flight as flight

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("LONGBOW_BUILD_DIR", ROOT / "build" / "release"))
START_LIMIT_SEC = 60.0


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    name: str
    uri: str
    pid: int
    start_sec: float  # from the start of its process to the first answered call


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(uri: str) -> bool:
    """Whether a Flight server answers there, with whatever."""
    try:
        with flight.connect(uri) as client:
            list(client.list_actions(flight.FlightCallOptions(timeout=1.0)))
    except flight.FlightUnavailableError:
        return False
    except (flight.FlightError, NotImplementedError, KeyError, ValueError):
        return True
    return True


@contextlib.contextmanager
def running(name: str, command: list[str], uri: str) -> Iterator[Server]:
    """Runs a server until the block ends. Its output is shown where it does not start."""
    with tempfile.TemporaryFile() as log:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            while not answers(uri):
                late = time.perf_counter() - begin > START_LIMIT_SEC
                if late or process.poll() is not None:
                    log.seek(0)
                    sys.stderr.write(log.read().decode(errors="replace"))
                    raise RuntimeError(f"{name} did not start: {' '.join(command)}")
                time.sleep(0.002)
            yield Server(name, uri, process.pid, time.perf_counter() - begin)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def longbow(memory_limit: str = "6GB") -> Iterator[Server]:
    """Longbow with storage and SQL, otherwise as it comes."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "longbow.toml"
        config.write_text(
            f'[server]\nlisten_port = {port}\n\n[storage]\nmemory_limit = "{memory_limit}"\n'
        )
        command = [str(BUILD / "bin" / "longbow"), "start", "--config", str(config)]
        with running("longbow", command, f"grpc://127.0.0.1:{port}") as server:
            yield server


@contextlib.contextmanager
def bare() -> Iterator[Server]:
    """The least that an Arrow C++ Flight server can do: the limit."""
    port = free_port()
    command = [str(BUILD / "benchmarks" / "bare_flight_server"), str(port)]
    with running("bare", command, f"grpc://127.0.0.1:{port}") as server:
        yield server


@contextlib.contextmanager
def peer() -> Iterator[Server]:
    """`gooddata-flight-server` with methods that keep tables in a dictionary."""
    port = free_port()
    script = str(Path(__file__).with_name("peer_server.py"))
    with running("peer", [sys.executable, script, str(port)], f"grpc://127.0.0.1:{port}") as server:
        yield server
