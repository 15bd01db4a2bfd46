"""Modules that must not be loaded: each is refused with a sentence, and nothing runs afterwards."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.server import PATIENCE_SEC, binary, clean_environment, write_settings

FAILURE, WRONG_MODULE = 1, 2


@dataclass
class Ended:
    """How a `longbow start` that should not run ended."""

    code: int
    text: str
    port: int


def modules() -> Path:
    """Where the build puts the modules of the loader's tests."""
    build = Path(os.environ.get("LONGBOW_BUILD_DIR", binary().parents[1]))
    return build / "tests/modules"


def module(name: str) -> str:
    """The path of one of them."""
    return str(modules() / f"liblongbow_{name}.so")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_and_end(folder: Path, *names: str) -> Ended:
    """Starts a server with these modules in a process group of its own, of which nothing may remain."""
    port = free_port()
    settings = folder / "longbow.toml"
    write_settings(settings, {"server": {"listen_host": "127.0.0.1", "listen_port": port}})
    arguments = [str(binary()), "start", "--config", str(settings)]
    for name in names:
        arguments += ["--module", name]
    process = subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env=clean_environment(),
        start_new_session=True,
    )
    try:
        text, _ = process.communicate(timeout=PATIENCE_SEC)
    except subprocess.TimeoutExpired:
        process.kill()
        text, _ = process.communicate()
        raise AssertionError(f"it runs, though a module is bad:\n{text}") from None
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "the port answers"
    return Ended(process.returncode, text, port)


# The module, the exit code, what happened, and what to do about it.
REFUSED = [
    ("other_build", WRONG_MODULE, "it was built as", "build the module again"),
    ("create_throws", WRONG_MODULE, "no coffee", "ask its author"),
    ("create_null", WRONG_MODULE, "gave nothing", "ask its author"),
    ("register_throws", WRONG_MODULE, "no coffee", "module"),
    ("register_twice", WRONG_MODULE, "register_twice", "module"),
    ("register_half", WRONG_MODULE, "the other half is missing", "register_half"),
    ("plain", WRONG_MODULE, "liblongbow_plain.so", "LONGBOW_MODULE"),
    ("start_throws", FAILURE, "no coffee", "start_throws"),
    ("start_fails", FAILURE, "the disk is full", "start_fails"),
]


@pytest.mark.parametrize(("name", "code", "what", "remedy"), REFUSED)
def test_a_bad_module_is_refused(
    tmp_path: Path, name: str, code: int, what: str, remedy: str
) -> None:
    ended = start_and_end(tmp_path, module(name))
    assert ended.code == code, ended.text
    assert what in ended.text, ended.text
    assert remedy in ended.text, ended.text
    assert "is ready" not in ended.text


@pytest.mark.parametrize(("name", "code", "what", "remedy"), REFUSED)
def test_a_good_module_does_not_run_beside_a_bad_one(
    tmp_path: Path, name: str, code: int, what: str, remedy: str
) -> None:
    ended = start_and_end(tmp_path, module("alpha"), module(name))
    assert ended.code == code, ended.text
    assert what in ended.text, ended.text
    # What was started is stopped.
    assert ended.text.count("start alpha") == ended.text.count("stop alpha"), ended.text


def test_two_modules_of_one_name(tmp_path: Path) -> None:
    ended = start_and_end(tmp_path, module("alpha"), module("alpha"))
    assert ended.code == WRONG_MODULE, ended.text
    assert "alpha" in ended.text


def test_a_module_that_is_not_there(tmp_path: Path) -> None:
    ended = start_and_end(tmp_path, "storag")
    assert ended.code == WRONG_MODULE, ended.text
    assert "storage" in ended.text, "the nearest name helps"
