"""Commands that take their time, and how to wait for them in steps."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import pyarrow.flight as fl

from tests.e2e.client import Client, Json, Path, descriptor_of, eventually, metadata_of, sql
from tests.e2e.errors import Code, WireError, expect_error

# Hours of work; to be cancelled.
ENDLESS = "SELECT sum(hash(a.range + b.range) % 7) AS s FROM range(10000000) a, range(10000000) b"
# Seconds of work.
LONG = "SELECT count(*) AS n FROM range(200000000) WHERE hash(range) % 3 = 5"
LONG_RESULT = [(0,)]


def endless(path: Path, **sink: Any) -> Json:
    """A command whose GetFlightInfo does not end, because its result would be stored first."""
    return sql(ENDLESS, sink={"path": list(path), **sink})


@dataclass
class Waiting:
    """What the body of POLL holds."""

    task: str
    info: fl.FlightInfo
    retry: fl.FlightDescriptor
    cancel: fl.FlightDescriptor


def parse_poll(error: WireError) -> Waiting:
    """Reads the body of an error POLL in JSON."""
    body = {name: base64.b64decode(text) for name, text in json.loads(error.body).items()}
    assert set(body) == {"flight_info", "retry_descriptor", "cancel_descriptor"}
    info = fl.FlightInfo.deserialize(body["flight_info"])
    return Waiting(
        metadata_of(info)["task"],
        info,
        fl.FlightDescriptor.deserialize(body["retry_descriptor"]),
        fl.FlightDescriptor.deserialize(body["cancel_descriptor"]),
    )


def start(client: Client, what: Json | fl.FlightDescriptor, wait_ms: int = 0) -> Waiting:
    """Starts a command, or asks for it again, and expects that it is not done in that time."""
    with expect_error(Code.POLL) as error:
        client.info(descriptor_of(what), {"x-longbow-wait-ms": str(wait_ms)})
    assert isinstance(error.exception, fl.FlightTimedOutError)
    return parse_poll(error)


def wait_for_state(client: Client, task: str, *states: str) -> Json:
    """Waits until a task is in one of the states."""

    def check() -> Json | None:
        known = client.task(task)
        return known if known is not None and known["state"] in states else None

    found: Json = eventually(f"task {task} is {' or '.join(states)}", check)
    return found


def only_running(client: Client) -> str:
    """Waits for the one task of a server that runs, and returns its id."""

    def check() -> str | None:
        running = [t["task"] for t in client.tasks() if t["state"] in ("STARTING", "STREAMING")]
        return running[0] if len(running) == 1 else None

    found: str = eventually("one task runs", check)
    return found
