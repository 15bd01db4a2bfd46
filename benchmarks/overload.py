"""Shows what a node does under ten times the load that it can take.

    ./dev bench overload            some two minutes; the machine should do nothing else
    ./dev bench overload --quick    20 s: shows that it works, and means little

The work is a SQL command of some 20 ms of one processor, whose result is read. First comes full load:
two clients for each processor, each of which waits for its result before it asks again. Then ten times
what that came to, sent by separate processes at a fixed rate, whatever the node answers. Then full load
again. Exit code 1 if a target is missed.

The node's limits are those of a machine of this size, with P processors, that is to answer soon or not
at all: P threads for tasks, 2 P tasks that wait for one, 2 P calls of GetFlightInfo at a time with as
many that wait for 20 ms, and a high mark of 1 GiB of memory. The processes that make the load run on
the same processors; how late they were is told, and counts against the node.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import servers

PROCESSORS = os.cpu_count() or 1
TASK_THREADS = PROCESSORS
TASK_QUEUE = 2 * PROCESSORS
FULL_LOAD_CLIENTS = 2 * PROCESSORS
MEMORY_HIGH_BYTES = 1 << 30
OVERLOAD = 10
# Of the load, so that neither the processes nor their threads are what it waits for.
LOAD_PROCESSES = 2
LOAD_THREADS = 96
WORK_MS = 20.0
# A client that sends this late is a bottleneck itself.
LATE_LIMIT_MS = 10.0

P99_FACTOR = 3.0
REFUSAL_LIMIT_MS = 50.0
RECOVERY_FACTOR = 1.5
RECOVERY_LIMIT_SEC = 5.0


@dataclass(frozen=True)
class Plan:
    """How long each phase takes, in seconds."""

    calibrate: float
    full: float
    over: float
    after: float


FULL = Plan(calibrate=2, full=30, over=60, after=20)
QUICK = Plan(calibrate=0.5, full=5, over=7, after=6)


@dataclass(frozen=True)
class Sample:
    """One command. Times in milliseconds but for `due`, in seconds since its phase began."""

    due: float
    late: float
    total: float  # since it was due
    last_call: float  # of its last call, which is the one that was refused
    outcome: str


def parse(text: str) -> list[Sample]:
    """What the load program prints."""
    samples = []
    for line in text.splitlines():
        due, late, total, last_call, outcome = line.split()
        samples.append(
            Sample(int(due) / 1e6, int(late) / 1e3, int(total) / 1e3, int(last_call) / 1e3, outcome)
        )
    return samples


def load(uri: str, command: str, rate: float, seconds: float, threads: int) -> list[Sample]:
    """Runs the load program; `rate` 0: each thread waits for its last result."""
    program = str(servers.BUILD / "benchmarks" / "paced_load")
    words = [program, uri, command, str(rate), str(seconds), str(threads)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the load failed: {' '.join(words)}")
    return parse(done.stdout)


def heavy_load(uri: str, command: str, rate: float, seconds: float) -> list[Sample]:
    """The same from several processes at once."""
    found: list[list[Sample]] = []

    def run() -> None:
        share = rate / LOAD_PROCESSES
        found.append(load(uri, command, share, seconds, LOAD_THREADS))

    threads = [threading.Thread(target=run) for _ in range(LOAD_PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(found) != LOAD_PROCESSES:
        raise SystemExit("a load process failed")
    return [sample for samples in found for sample in samples]


def p99(values: Sequence[float]) -> float:
    """The 99th percentile; infinite where there is nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))] if ordered else float("inf")


def accepted(samples: Sequence[Sample]) -> list[float]:
    """How long those took that were answered."""
    return [sample.total for sample in samples if sample.outcome == "ok"]


@contextlib.contextmanager
def limited_node() -> Iterator[servers.Server]:
    """Longbow with the limits that are described above."""
    port = servers.free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "longbow.toml"
        config.write_text(
            f"[server]\nlisten_port = {port}\nmodules = ['sql']\n"
            f"task_threads = {TASK_THREADS}\ntask_queue_length = {TASK_QUEUE}\n"
            f"max_running_info = {2 * PROCESSORS}\nmax_waiting_calls = {2 * PROCESSORS}\n"
            f"max_call_wait_ms = 20\nmemory_high_bytes = {MEMORY_HIGH_BYTES}\n"
            "[sql]\nquery_threads = 1\n[log]\ncalls = 'failed'\nfile = '/dev/null'\n"
        )
        command = [str(servers.BUILD / "bin" / "longbow"), "start", "--config", str(config)]
        with servers.running("longbow", command, f"grpc://127.0.0.1:{port}") as server:
            yield server


def command_of(numbers: int) -> str:
    """A command that hashes so many numbers, and has a result of a thousand rows."""
    query = (
        "SELECT g, sum(h) AS s FROM (SELECT range % 1000 AS g, hash(range) % 1000 AS h "
        f"FROM range({numbers})) GROUP BY g"
    )
    return json.dumps({"service": "sql", "payload": {"query": query}})


def calibrated(uri: str, seconds: float) -> str:
    """The command that takes one processor WORK_MS."""
    numbers = 500_000
    for _ in range(2):
        times = sorted(accepted(load(uri, command_of(numbers), 0, seconds, 1)))
        if not times:
            raise SystemExit("the node answers nothing")
        numbers = max(1000, int(numbers * WORK_MS / times[len(times) // 2]))
    return command_of(numbers)


def peak_memory(pid: int) -> int:
    """The most that the process had in memory, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("the system does not tell a process's memory")


def recovery(samples: Sequence[Sample], limit_ms: float, seconds: float) -> float:
    """When the first second without refusals and with good times ended; infinite if none did."""
    for second in range(int(seconds)):
        part = [sample for sample in samples if second <= sample.due < second + 1]
        good = part and all(sample.outcome == "ok" for sample in part)
        if good and p99(accepted(part)) < limit_ms:
            return second + 1.0
    return float("inf")


@dataclass(frozen=True)
class Phases:
    """What was measured."""

    full: list[Sample]
    over: list[Sample]
    after: list[Sample]
    peak_bytes: int
    plan: Plan


@dataclass(frozen=True)
class Figure:
    """A row of the table: what was measured, and what it must not exceed, if anything."""

    what: str
    value: float
    unit: str
    limit: float | None = None
    why: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is reached."""
        return self.limit is None or self.value <= self.limit

    def row(self) -> str:
        """In Markdown."""
        target = "" if self.limit is None else f"≤ {self.limit:,.3g} {self.unit}{self.why}"
        verdict = "" if self.limit is None else "yes" if self.met else "**no**"
        value = f"{self.value:,.0f}" if self.value >= 100 else f"{self.value:.3g}"
        return f"| {self.what} | {value} | {self.unit} | {target} | {verdict} |"


HEAD = "| what | measured | unit | target | met |\n| --- | --- | --- | --- | --- |"


def figures(phases: Phases) -> list[Figure]:
    """All rows of the table."""
    full, over = accepted(phases.full), accepted(phases.over)
    refused = [sample.last_call for sample in phases.over if sample.outcome == "refused"]
    failed = sum(
        sample.outcome == "failed" for sample in (*phases.full, *phases.over, *phases.after)
    )
    of_full = f" ({P99_FACTOR:g} x full load)"
    back = recovery(phases.after, RECOVERY_FACTOR * p99(full), phases.plan.after)
    return [
        Figure(
            f"full load, {FULL_LOAD_CLIENTS} clients", len(full) / phases.plan.full, "commands/s"
        ),
        Figure("full load, refused", len(phases.full) - len(full), "commands"),
        Figure("full load, p99", p99(full), "ms"),
        Figure("overload, offered", len(phases.over) / phases.plan.over, "commands/s"),
        Figure("overload, accepted", len(over) / phases.plan.over, "commands/s"),
        Figure("overload, p99 of those accepted", p99(over), "ms", P99_FACTOR * p99(full), of_full),
        Figure("overload, p99 of refusals", p99(refused), "ms", REFUSAL_LIMIT_MS),
        Figure("commands that failed otherwise", failed, "commands", 0),
        Figure(
            "peak of the process's memory",
            phases.peak_bytes / 2**20,
            "MiB",
            MEMORY_HIGH_BYTES / 2**20,
            " (high mark)",
        ),
        Figure("back to normal after", back, "s", RECOVERY_LIMIT_SEC),
        Figure(
            "the load itself: sent late, p99",
            p99([s.late for s in phases.over]),
            "ms",
            LATE_LIMIT_MS,
        ),
    ]


def measure(plan: Plan, say: Callable[[str], None]) -> Phases:
    """Runs all phases on one node."""
    with limited_node() as node:
        command = calibrated(node.uri, plan.calibrate)
        full = load(node.uri, command, 0, plan.full, FULL_LOAD_CLIENTS)
        rate = OVERLOAD * len(accepted(full)) / plan.full
        say(f"full load: {rate / OVERLOAD:,.0f} commands/s; now {rate:,.0f}")
        over = heavy_load(node.uri, command, rate, plan.over)
        after = load(node.uri, command, 0, plan.after, FULL_LOAD_CLIENTS)
        return Phases(full, over, after, peak_memory(node.pid), plan)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="20 s; the figures mean little")
    plan = QUICK if parser.parse_args().quick else FULL
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(f"{datetime.date.today()}, {PROCESSORS} cores, {memory:.0f} GiB, {platform.machine()}")
    rows = figures(measure(plan, lambda text: print(text, flush=True)))
    print(f"\n{HEAD}")
    for row in rows:
        print(row.row())
    if missed := [row.what for row in rows if not row.met]:
        raise SystemExit(f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
