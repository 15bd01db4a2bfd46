"""A `longbow start` process of the tests: started on a free port, watched, and stopped by its id."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# For the slowest machine on its worst day; nothing waits for so long where all is well.
PATIENCE_SEC = 60

Settings = Mapping[str, Mapping[str, Any]]


def binary() -> Path:
    """The program that is tested, as the build says."""
    default = Path(__file__).resolve().parents[2] / "build/release/bin/longbow"
    return Path(os.environ.get("LONGBOW_BINARY", default))


def write_settings(path: Path, settings: Settings) -> None:
    """Writes `[section]` tables; JSON's texts, numbers, booleans and lists of texts are TOML's."""
    lines = []
    for section, table in settings.items():
        lines.append(f"[{section}]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in table.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def clean_environment() -> dict[str, str]:
    """This process's environment without anything that would be a setting."""
    return {
        name: value
        for name, value in os.environ.items()
        if not (name.startswith("LONGBOW_") and "__" in name)
    }


class LongbowServer:
    """One server with a folder of its own, from `start` to `stop`. Used by one thread."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        arguments: Sequence[str] = (),
        program: Path | None = None,
    ) -> None:
        """`program`: another than the built one. With `--module` among the arguments, settings of
        modules are the caller's business."""
        self.folder = Path(tempfile.mkdtemp(prefix="longbow-e2e-"))
        self.spill_folder = self.folder / "spill"
        self.spill_folder.mkdir()
        self.uri = ""
        self.http = ""  # where the settings name a port: `http://127.0.0.1:17002/`
        self._program = program or binary()
        self._arguments = list(arguments)
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        merged: dict[str, dict[str, Any]] = {
            "server": {"listen_host": "127.0.0.1", "listen_port": 0, "node_id": "e2e"},
        }
        if "--module" not in self._arguments:
            # One thread for a query: two servers of two tests share few cores.
            merged["sql"] = {"query_threads": 1, "spill_folder": str(self.spill_folder)}
        for section, table in (settings or {}).items():
            merged.setdefault(section, {}).update(table)
        self.settings_file = self.folder / "longbow.toml"
        write_settings(self.settings_file, merged)

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    @property
    def stderr(self) -> str:
        """All that it has written to standard error so far."""
        with self._changed:
            return "".join(self._lines)

    def log(self, level: str | None = None) -> list[dict[str, str]]:
        """Its log lines, those of one level if given. Lines that are no JSON are not of the log."""
        entries = []
        for line in self.stderr.splitlines():
            if not line.startswith("{"):
                continue
            entry = json.loads(line)
            if level is None or entry["level"] == level:
                entries.append(entry)
        return entries

    def launch(self) -> None:
        """Begins its process, and waits for nothing."""
        command = [
            str(self._program),
            "start",
            "--config",
            str(self.settings_file),
            *self._arguments,
        ]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=clean_environment(),
        )
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def start(self) -> LongbowServer:
        """Returns when it has said that it is ready."""
        self.launch()
        with self._changed:
            self._changed.wait_for(self._is_decided, PATIENCE_SEC)
        if not self.uri:
            self.kill()
            raise AssertionError(f"{self._program} did not become ready:\n{self.stderr}")
        return self

    def wait(self, patience: float = PATIENCE_SEC) -> int:
        """Waits for the process to end by itself, and returns its exit code."""
        assert self._process is not None
        code = self._process.wait(patience)
        self._join_reader()
        return code

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Asks it to stop, and checks that it does so cleanly and leaves nothing behind."""
        process = self._process
        if process is None:
            return
        try:
            process.send_signal(how)
            code = process.wait(PATIENCE_SEC)
            self._join_reader()
            assert code == 0, f"exit code {code}:\n{self.stderr}"
            assert "has stopped" in self.stderr, self.stderr
            # gRPC writes lines of its own about clients that speak no HTTP/2.
            known = re.compile(r"\{|$|[DIWE]\d{4} ")
            strange = [line for line in self.stderr.splitlines() if not known.match(line)]
            assert strange == [], f"only its log belongs on standard error: {strange[:5]}"
            assert not list(self.spill_folder.iterdir()), "spilled data is left"
            assert not self._listens(), "the port still answers"
        finally:
            self.kill()

    def kill(self) -> None:
        """Ends it at once, if it still runs, and removes its folder. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                process.kill()
                process.wait(PATIENCE_SEC)
            self._join_reader()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_decided(self) -> bool:
        return bool(self.uri) or (self._reader is not None and self._lines[-1:] == [""])

    def _collect(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._changed:
                self._lines.append(line)
                if " is ready on " in line and not self.uri:
                    entry = json.loads(line)
                    self.http = entry.get("http", "")
                    self.uri = entry["location"]
                self._changed.notify_all()
        with self._changed:
            self._lines.append("")  # the end
            self._changed.notify_all()

    def _join_reader(self) -> None:
        if self._reader is not None:
            self._reader.join(PATIENCE_SEC)

    def _listens(self) -> bool:
        match = re.fullmatch(r"grpc(?:\+tcp)?://127\.0\.0\.1:(\d+)", self.uri)
        if match is None:
            return False
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(match[1]))) == 0
