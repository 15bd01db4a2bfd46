"""A server all of whose output is kept: for tests of what must not be in it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.client import eventually
from tests.e2e.server import PATIENCE_SEC, Settings, binary, clean_environment, write_settings


class CapturedServer:
    """A `longbow start` whose standard output, standard error and log are files of `folder`."""

    def __init__(self, folder: Path, settings: Settings, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.settings_file = folder / "longbow.toml"
        self.log_file = folder / "longbow.log"
        self.stdout_file = folder / "stdout"
        self.stderr_file = folder / "stderr"
        self.spill_folder = folder / "spill"
        self.spill_folder.mkdir()
        self.environment = clean_environment() | dict(environment)
        self.write(settings)
        with self.stdout_file.open("wb") as out, self.stderr_file.open("wb") as err:
            self._process = subprocess.Popen(
                [str(binary()), "start", "--config", str(self.settings_file)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                env=self.environment,
            )
        try:
            eventually("the server is ready or has ended", self._decided)
            (ready,) = [e for e in self.log() if " is ready on " in e["message"]]
        except BaseException:
            self.kill()
            raise
        self.uri: str = ready["location"]
        self.http: str = ready.get("http", "")

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def write(self, settings: Settings) -> None:
        """Writes its settings, with what every such server has."""
        merged: dict[str, dict[str, Any]] = {
            "server": {
                "listen_host": "127.0.0.1",
                "listen_port": 0,
                "node_id": "e2e",
                "shutdown_grace_sec": 1,
            },
            "sql": {"query_threads": 1, "spill_folder": str(self.spill_folder)},
            "log": {"file": str(self.log_file), "level": "debug"},
        }
        for section, table in settings.items():
            merged.setdefault(section, {}).update(table)
        write_settings(self.settings_file, merged)

    def log(self) -> list[dict[str, Any]]:
        """The whole lines of its log so far."""
        if not self.log_file.exists():
            return []
        text = self.log_file.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def count(self, message: str) -> int:
        """How many lines of the log have this in their message."""
        return sum(message in entry["message"] for entry in self.log())

    def output(self) -> dict[str, bytes]:
        """All that it has written, by where it went."""
        files = [self.stdout_file, self.stderr_file, *self.folder.glob("longbow.log*")]
        return {file.name: file.read_bytes() for file in files}

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        self._process.send_signal(number)

    def reload(self) -> None:
        """Has it read its settings again, and waits until it has."""
        says = "The settings were read again"
        before = self.count(says)
        self.signal(signal.SIGHUP)
        eventually("the settings were read again", lambda: self.count(says) > before)

    def stop(self) -> None:
        """Stops it, and checks that it does so cleanly."""
        self.signal(signal.SIGTERM)
        code = self._process.wait(PATIENCE_SEC)
        assert code == 0, self.stderr_file.read_text(encoding="utf-8")

    def kill(self) -> None:
        """Ends it at once, if it still runs. Idempotent."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE_SEC)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """GET; the status, and all that came: headers and body."""
        address = urlsplit(self.http)
        assert address.hostname is not None
        connection = http.client.HTTPConnection(address.hostname, address.port, PATIENCE_SEC)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            response = connection.getresponse()
            fields = "".join(f"{name}: {value}\n" for name, value in response.getheaders())
            return response.status, fields.encode() + response.read()
        finally:
            connection.close()

    def _decided(self) -> bool:
        if self._process.poll() is not None:
            told = self.stderr_file.read_text(encoding="utf-8")
            raise AssertionError(f"it ended with {self._process.returncode}:\n{told}")
        return self.count(" is ready on ") > 0


def make_private(path: Path, content: str) -> str:
    """Writes a file that only its owner may read; returns the reference to it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    return f"file:{path}"
