"""Holds one thread of another process at each of its system calls, while its other threads go on: for
tests of what can be seen between two steps that follow each other closely.

Linux's ptrace, of a process that the test has started. All of it belongs to one thread of the test.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Generator

import pytest

from tests.e2e.client import eventually

SEIZE, TO_NEXT_SYSTEM_CALL, DETACH = 0x4206, 24, 17
TELL_OF_CLONES, ON_CLONE = 1 << 3, 3
THREADS_TOO = 0x40000000


def _ptrace(request: int, thread: int, data: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(request, thread, None, data) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace: {os.strerror(ctypes.get_errno())}")


def watch_threads(pid: int) -> None:
    """From now on, the next thread that the process's main thread begins is held at its begin."""
    try:
        _ptrace(SEIZE, pid, TELL_OF_CLONES)
    except PermissionError as error:
        pytest.skip(f"no process may be watched here: {error}")


def steps_of_new_thread(pid: int) -> Generator[int, None, None]:
    """Lets that thread go from one system call to the next, and yields its id at each, where it stands
    still. When the caller is content and closes this, the thread goes on as if nothing had been."""
    assert _stopped(pid) >> 16 == ON_CLONE
    (held,) = _traced(pid)
    _ptrace(DETACH, pid)
    try:
        while True:
            _stopped(held)
            yield held
            _ptrace(TO_NEXT_SYSTEM_CALL, held)
    finally:
        _ptrace(DETACH, held)


def _traced(pid: int) -> set[int]:
    """The threads, beside the main one, that this process holds."""
    threads = set()
    for name in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{name}/status", encoding="utf-8") as status:
            if f"TracerPid:\t{os.getpid()}\n" in status.read() and int(name) != pid:
                threads.add(int(name))
    return threads


def _stopped(thread: int) -> int:
    """Waits until it stands still; the status says why."""

    def look() -> int | None:
        found, status = os.waitpid(thread, os.WNOHANG | THREADS_TOO)
        return status if found == thread else None

    status: int = eventually("the thread stands still", look)
    assert os.WIFSTOPPED(status), "the thread has ended"
    return status
