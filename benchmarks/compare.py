"""Compares Longbow with a bare Arrow C++ Flight server and with gooddata-flight-server.

    ./dev bench            all of it, some minutes; the machine should do nothing else
    ./dev bench --quick    every part once and small: shows that it works, and means nothing
    ./dev bench --only bulk,calls,sql,tpch,start

Every comparison runs in one go, in turn, on the same machine; what counts is the ratio and its spread.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks import servers, tpch
from benchmarks.report import HEAD, Comparison, interleave

REPLACE = json.dumps({"ifExists": "REPLACE"})
SMALL_QUERY = "SELECT id, grp, value FROM t WHERE id >= 0"


@dataclass(frozen=True)
class Plan:
    """How much is done."""

    rounds: int
    seconds: float
    rows: int
    tpch_rounds: int
    tpch_scale: float


# Many short rounds: a shared machine changes its speed within seconds, and neighbours compare best.
FULL = Plan(rounds=11, seconds=1.5, rows=16 * 1024 * 1024, tpch_rounds=3, tpch_scale=1.0)
QUICK = Plan(rounds=1, seconds=0.2, rows=64 * 1024, tpch_rounds=1, tpch_scale=0.01)


def load(uri: str, mode: str, clients: int, seconds: float, **options: str) -> dict[str, float]:
    """Runs the load program and returns what it counted."""
    program = str(servers.BUILD / "benchmarks" / "flight_load")
    words = [program, uri, mode, str(clients), str(seconds)]
    words += [f"{name}={value}" for name, value in options.items()]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the load failed: {' '.join(words)}")
    counted: dict[str, float] = json.loads(done.stdout)
    return counted


def calls_a_second(uri: str, mode: str, clients: int, seconds: float, **options: str) -> float:
    counted = load(uri, mode, clients, seconds, **options)
    return counted["calls"] / counted["seconds"]


def megabytes_a_second(uri: str, mode: str, clients: int, seconds: float, **options: str) -> float:
    counted = load(uri, mode, clients, seconds, **options)
    return counted["bytes"] / counted["seconds"] / 1e6


def put(server: servers.Server, shape: str, rows: int, path: str) -> None:
    metadata = REPLACE if server.name == "longbow" else ""
    load(server.uri, "put", 1, 0, shape=shape, rows=str(rows), path=path, metadata=metadata)


def in_turn(
    comparison: Comparison,
    plan: Plan,
    measure: Callable[..., float],
    ours: tuple[object, ...],
    theirs: tuple[object, ...],
    **options: str,
) -> Comparison:
    """Measures both servers in turn; each is given as the first words of `measure`."""
    return interleave(
        comparison,
        plan.rounds,
        partial(measure, *ours, plan.seconds, **options),
        partial(measure, *theirs, plan.seconds, **options),
    )


def bulk(plan: Plan) -> Iterator[Comparison]:
    """DoGet and DoPut of large flights."""
    with servers.longbow() as ours, servers.bare() as bare:
        for shape in ("numbers", "mixed"):
            for server in (ours, bare):
                put(server, shape, plan.rows, f"bench/{shape}")
            for streams in (1, 4):
                yield in_turn(
                    Comparison(f"DoGet, {shape}, {streams} streams", "bare", "MB/s", "1.0"),
                    plan,
                    megabytes_a_second,
                    (ours.uri, "get", streams),
                    (bare.uri, "get", streams),
                    path=f"bench/{shape}",
                )
            # The bare server does not look at the metadata.
            yield in_turn(
                Comparison(f"DoPut, {shape}", "bare", "MB/s", "0.95"),
                plan,
                megabytes_a_second,
                (ours.uri, "put", 1),
                (bare.uri, "put", 1),
                shape=shape,
                rows=str(plan.rows),
                path="bench/put",
                metadata=REPLACE,
            )


def small_calls(plan: Plan) -> Iterator[Comparison]:
    """Calls in which there is nothing to do but to answer."""
    with servers.longbow() as ours, servers.bare() as bare, servers.peer() as peer:
        for server in (ours, bare, peer):
            put(server, "numbers", 100, "bench/small")
        for mode, clients, other, target in (
            ("info", 1, bare, "1.0"),
            ("info", 8, bare, "1.15"),
            ("small", 8, bare, "1.15"),
            ("info", 8, peer, "2.5"),
            ("small", 8, peer, "2.5"),
        ):
            name = "GetFlightInfo" if mode == "info" else "DoGet of 100 rows"
            yield in_turn(
                Comparison(f"{name}, {clients} clients", other.name, "calls/s", target),
                plan,
                calls_a_second,
                (ours.uri, mode, clients),
                (other.uri, mode, clients),
                path="bench/small",
            )


def small_sql(plan: Plan) -> Iterator[Comparison]:
    """A query over 100 rows: GetFlightInfo of the command, and DoGet."""
    with servers.longbow() as ours, servers.bare() as bare:
        tpch.put_table(ours.uri, ["bench", "t"], tpch.small_table())
        command = json.dumps(
            {
                "service": "sql",
                "payload": {"query": SMALL_QUERY, "inputs": {"t": {"path": ["bench", "t"]}}},
            }
        )
        yield interleave(
            Comparison("SQL over 100 rows, 8 clients", "bare", "calls/s", "0.6"),
            plan.rounds,
            lambda: calls_a_second(ours.uri, "sql", 8, plan.seconds, command=command),
            lambda: calls_a_second(bare.uri, "sql", 8, plan.seconds, command=SMALL_QUERY),
        )


def start_times(plan: Plan) -> Iterator[Comparison]:
    """From the start of the process to the first answered call."""

    def started(make: contextlib.AbstractContextManager[servers.Server]) -> float:
        with make as server:
            return server.start_sec * 1000

    comparison = Comparison("start to first answer", "peer", "ms", "200 ms", True)
    yield interleave(
        comparison,
        plan.rounds,
        lambda: started(servers.longbow()),
        lambda: started(servers.peer()),
    )


def tpch_times(plan: Plan) -> Iterator[Comparison]:
    with servers.longbow() as ours:
        yield tpch.compare(ours.uri, plan.tpch_scale, plan.tpch_rounds)


PARTS = {
    "bulk": bulk,
    "calls": small_calls,
    "sql": small_sql,
    "tpch": tpch_times,
    "start": start_times,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="small and once; the figures mean nothing"
    )
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"--only knows {', '.join(PARTS)}, not {', '.join(sorted(unknown))}")
    plan = QUICK if arguments.quick else FULL
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(
        f"{datetime.date.today()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}"
    )
    print(f"rounds: {plan.rounds}, seconds a measurement: {plan.seconds}, rows: {plan.rows:,}\n")
    print(HEAD, flush=True)
    for part in wanted:
        for comparison in PARTS[part](plan):
            print(comparison.row(), flush=True)


if __name__ == "__main__":
    main()
