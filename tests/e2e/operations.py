"""What an operator's tools ask of a node over HTTP, and a service that takes as long as it is told."""

from __future__ import annotations

import json
import os
import re
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pyarrow.flight as fl

from tests.e2e.client import Client, Json, command, sql
from tests.e2e.server import PATIENCE_SEC

# What a busy machine adds to any time that a test looks at.
NOISE_SEC = 3.0

_BUILD = Path(__file__).resolve().parents[2] / "build/release"
MODULES = Path(os.environ.get("LONGBOW_BUILD_DIR", _BUILD)) / "tests/modules"


def module_path(name: str) -> str:
    """The path of a module that is built for tests."""
    return str(MODULES / f"liblongbow_{name}.so")


def with_modules(*names_or_paths: str) -> list[str]:
    """The program's arguments that load these modules, and no others."""
    return [word for name in names_or_paths for word in ("--module", name)]


def free_ports(count: int) -> list[int]:
    """Ports that are free now, for servers that are asked before they have told theirs."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def stubborn(**payload: Any) -> Json:
    """A command of the test module's service: `untilFile`, `seconds`, `inStream`, `heedsCancel`,
    `progress`."""
    return command("stubborn", payload)


def held_result(client: Client, size: int) -> fl.FlightInfo:
    """A repeatable result of so many bytes, read once, so that all of it is kept."""
    query = f"SELECT range AS x FROM range({size // 8})"
    info = client.info(sql(query, sink={"repeatable": True}))
    read_away(client, info)
    return info


def read_away(client: Client, info: fl.FlightInfo) -> int:
    """Reads a result, keeps nothing of it, and returns how many rows there were."""
    stream = client.flight.do_get(info.endpoints[0].ticket, client.options())
    return sum(chunk.data.num_rows for chunk in stream)


def http_get(url: str) -> tuple[int, str]:
    """Status and body; status 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SEC) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def health(base: str) -> Json:
    """The JSON of `/health`."""
    parsed: Json = json.loads(http_get(base + "health")[1])
    return parsed


_SAMPLE = re.compile(r"longbow_(\w+)(?:\{(.*)\})? (\S+)")


class Metrics:
    """One reading of `/metrics`."""

    def __init__(self, base: str) -> None:
        status, text = http_get(base + "metrics")
        assert status == 200, text
        self._samples: list[tuple[str, frozenset[str], float]] = []
        for line in text.splitlines():
            if match := _SAMPLE.fullmatch(line):
                labels = frozenset(re.findall(r'\w+="[^"]*"', match[2] or ""))
                self._samples.append((match[1], labels, float(match[3])))

    def __call__(self, metric: str, **labels: str) -> float:
        """The sum of all series with that name, without `longbow_`, and those labels.

        A series that does not count anything yet need not be there, but the metric must.
        """
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        found = [(has, value) for name, has, value in self._samples if name == metric]
        assert found, f"there is no metric {metric}"
        return sum(value for has, value in found if wanted <= has)
