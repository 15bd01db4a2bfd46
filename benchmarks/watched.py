"""What it costs to look after a node: small calls with everything on, against all of it off.

    ./dev bench watched [--rounds N] [--seconds N]

On: a token for each call, rules, a limit for each caller, metrics (scraped once a second), traces of
1 % of the calls to a collector that takes them, and a JSON line for each call in a file. TLS is off on
both sides. Exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.flight as flight

from benchmarks import servers
from benchmarks.compare import calls_a_second
from benchmarks.report import HEAD, Comparison, interleave

TOKEN = "a-token-of-the-benchmark"
TARGET = 0.85
ROWS = 100


class _Collector(http.server.BaseHTTPRequestHandler):
    """Takes spans, and throws them away."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def collector() -> Iterator[str]:
    """A collector of traces, and where it is."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@contextlib.contextmanager
def scraped(port: int) -> Iterator[None]:
    """Asks for the metrics once a second until the block ends."""
    over = threading.Event()

    def scrape() -> None:
        while not over.wait(1.0):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                answer.read()

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def longbow(*, watched: bool) -> Iterator[servers.Server]:
    """Longbow with everything on, or off."""
    port = servers.free_port()
    http_port = servers.free_port()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lines = ["[server]", f"listen_port = {port}", "[log]", f'file = "{folder / "log"}"']
        if not watched:
            lines += ['calls = "none"']
        else:
            endpoint = stack.enter_context(collector())
            lines += ["[auth]", 'method = "token"', "[auth.token.bench]", f'token = "{TOKEN}"']
            lines += ["[access.rule.bench]", 'principals = ["token:bench"]', 'services = ["sql"]']
            lines += ['read = ["bench"]', 'write = ["bench"]', "[http]", f"port = {http_port}"]
            lines += ["[trace]", f'endpoint = "{endpoint}"', 'protocol = "http/protobuf"']
            lines += ["ratio = 0.01"]
        config = folder / "longbow.toml"
        config.write_text("\n".join(lines) + "\n")
        command = [str(servers.BUILD / "bin" / "longbow"), "start", "--config", str(config)]
        name = "watched" if watched else "unwatched"
        uri = f"grpc://127.0.0.1:{port}"
        server = stack.enter_context(servers.running(name, command, uri))
        if watched:
            stack.enter_context(scraped(http_port))
        yield server


def put(server: servers.Server) -> None:
    """The flight that is asked for."""
    table = pa.table({f"f{i}": [float(row) for row in range(ROWS)] for i in range(4)})
    options = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {TOKEN}".encode())])
    with flight.connect(server.uri) as client:
        writer, _ = client.do_put(
            flight.FlightDescriptor.for_path("bench", "data"), table.schema, options
        )
        with writer:
            writer.write_table(table)


def main() -> None:
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=1.5)
    arguments = parser.parse_args()
    with longbow(watched=True) as on, longbow(watched=False) as off:
        for server in (on, off):
            put(server)
        time.sleep(1)
        print(HEAD)
        missed = []
        for work, mode, clients in (
            ("GetFlightInfo, 1 client", "info", 1),
            ("GetFlightInfo, 8 clients", "info", 8),
            (f"DoGet of {ROWS} rows, 8 clients", "small", 8),
        ):

            def measure(server: servers.Server, mode: str = mode, clients: int = clients) -> float:
                return calls_a_second(server.uri, mode, clients, arguments.seconds, token=TOKEN)

            comparison = Comparison(work, "all off", "calls/s", str(TARGET))
            interleave(comparison, arguments.rounds, lambda: measure(on), lambda: measure(off))
            print(comparison.row(), flush=True)
            if statistics.median(comparison.ratios()) < TARGET:
                missed.append(work)
    if missed:
        raise SystemExit(f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
