"""Tickets are never trusted."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.e2e.client import Client, connector, rows, sql, table_of
from tests.e2e.errors import Code, expect_error

WRONG_TICKETS: list[Any] = [
    {},
    {"path": "a"},
    {"path": [1]},
    {"path": []},
    {"paths": ["a"]},
    {"path": ["a"], "task": "t"},
    {"path": ["a"], "revision": "x"},
    {"path": ["a"], "revision": -1},
    {"path": ["a"], "revision": 1.5},
    {"task": ""},
    {"task": "0123456789abcdef"},
    {"task": "0123456789abcdef", "node": "another"},
    {"task": "t", "revision": 1},
    {"task": "t\u0000"},
    b"",
    b"x",
    b"{",
    b'{"path": ["a"]',
    b'{"path": ["a"], "path": ["a"]}',
    b'{"path": ["\xff"]}',
    b"\x0a\x01",
    b"\xff\xff\xff\xff",
    b"{" + b" " * 70_000,
    b"\x00" * 70_000,
    b'{"a":' * 10_000,
]


@pytest.mark.parametrize("ticket", WRONG_TICKETS, ids=[str(n) for n in range(len(WRONG_TICKETS))])
def test_wrong_tickets(client: Client, ticket: Any) -> None:
    with expect_error(Code.INVALID_TICKET):
        client.get(ticket)


def test_a_ticket_of_a_revision_that_is_gone(client: Client, path: list[str]) -> None:
    client.stored(path, table_of(x=[1]))
    ticket = client.info(path).endpoints[0].ticket
    assert rows(client.get(ticket)) == [(1,)]
    client.stored(path, table_of(x=[2]), ifExists="REPLACE")
    with expect_error(Code.INVALID_TICKET, detail="GetFlightInfo"):
        client.get(ticket)
    assert rows(client.get(client.info(path))) == [(2,)]
    client.action("DeleteFlights", {"paths": [path]})
    with expect_error(Code.INVALID_TICKET):
        client.get(ticket)


def test_tickets_of_revisions(client: Client, path: list[str]) -> None:
    revision = client.stored(path, table_of(x=[1]))["revision"]
    assert rows(client.get({"path": path, "revision": revision})) == [(1,)]
    for wrong in (revision + 1, revision - 1, 0, 2**62):
        with expect_error(Code.INVALID_TICKET):
            client.get({"path": path, "revision": wrong})


def test_a_ticket_without_a_flight(client: Client) -> None:
    with expect_error(Code.NOT_FOUND, message="e2e/nothing"):
        client.get({"path": ["e2e", "nothing"]})


def test_forged_tickets_of_a_task(client: Client) -> None:
    info = client.info(sql("SELECT 1 AS x"))
    real = json.loads(info.endpoints[0].ticket.ticket)
    task = real["task"]
    changed = task[:-1] + ("0" if task[-1] != "0" else "1")
    for forged in ({**real, "task": changed}, {**real, "node": "another"}, {"task": task[:-1]}):
        with expect_error(Code.INVALID_TICKET):
            client.get(forged)
    # None of this used the result up.
    assert rows(client.get(real)) == [(1,)]


def test_truncated_and_changed_tickets(client: Client, path: list[str]) -> None:
    client.stored(path, table_of(x=[1]))
    chance = random.Random(11)
    for info in (client.info(path), client.info(connector("fx"))):
        real = info.endpoints[0].ticket.ticket
        wrong = [real[:size] for size in range(0, len(real), 5)]
        for _ in range(40):
            changed = bytearray(real)
            changed[chance.randrange(len(real))] ^= 1 << chance.randrange(8)
            wrong.append(bytes(changed))
        for ticket in wrong:
            with expect_error(Code.INVALID_TICKET, Code.NOT_FOUND):
                client.get(ticket)
        assert client.get(info).num_rows > 0


def test_the_ticket_of_a_stored_result(client: Client, path: list[str]) -> None:
    info = client.info(sql("SELECT 1 AS x", sink={"path": path}))
    assert json.loads(info.endpoints[0].ticket.ticket)["path"] == path
    for _ in range(2):
        assert rows(client.get(info)) == [(1,)]
