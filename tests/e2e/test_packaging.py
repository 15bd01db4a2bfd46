"""What is shipped beside the program works: settings, the unit of systemd, and the steps of the image."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.captured_server import make_private
from tests.e2e.certificates import Authority
from tests.e2e.client import Client, command, connector, rows, sql, table_of
from tests.e2e.conftest import MakeServer
from tests.e2e.errors import Code, expect_error
from tests.e2e.operations import free_ports, http_get, module_path, with_modules
from tests.e2e.secure_client import SecureClient
from tests.e2e.server import (
    PATIENCE_SEC,
    LongbowServer,
    binary,
    clean_environment,
    write_settings,
)
from tests.e2e.test_health import ask

SOURCE = Path(os.environ.get("LONGBOW_SOURCE_DIR", Path(__file__).resolve().parents[2]))
BUILD = Path(os.environ.get("LONGBOW_BUILD_DIR", SOURCE / "build/release"))
PACKAGING = SOURCE / "packaging"
UNIT = PACKAGING / "systemd/longbow.service"
DOCKERFILE = PACKAGING / "container/Dockerfile"
CREDENTIALS = "/run/credentials/longbow.service/"
PROGRAM = "/opt/longbow/bin/longbow"


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end."""
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SEC,
        env=clean_environment() | environment,
        check=False,
    )


def instructions() -> list[str]:
    """Those of the Dockerfile, each in one line."""
    lines = DOCKERFILE.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def directives(name: str) -> list[str]:
    """The values of one directive of the unit."""
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)


# Settings.


def test_every_settings_file_is_looked_at() -> None:
    """One more would need a test."""
    found = {str(file.relative_to(PACKAGING)) for file in PACKAGING.rglob("*.toml")}
    assert found == {"container/longbow.toml", "systemd/longbow.toml"}


def test_the_settings_of_the_container(tmp_path: Path) -> None:
    file = str(PACKAGING / "container/longbow.toml")
    # As it is, nobody listens in plain text by accident.
    refused = run(str(binary()), "check-config", "--config", file)
    assert refused.returncode == 2
    assert "allow_plaintext" in refused.stderr
    meant = {"LONGBOW_SERVER__ALLOW_PLAINTEXT": "true"}
    good = run(str(binary()), "check-config", "--config", file, **meant)
    assert good.returncode == 0, good.stderr
    explained = run(str(binary()), "check-config", "--explain", "--config", file, **meant).stdout
    assert re.search(r'host = "0\.0\.0\.0"', explained), explained


def tls_files(folder: Path, authority: Authority) -> None:
    """The certificate and the key of a node."""
    certificate, key = authority.server().write(folder, "node")
    key.rename(folder / "node-key.pem")
    assert certificate.name == "node.pem"


@pytest.fixture
def authority() -> Authority:
    """Who has signed the node's certificate."""
    return Authority()


@pytest.fixture
def as_installed(tmp_path: Path, authority: Authority) -> Path:
    """The service's settings, with the files that they name: below this folder, not at the root."""
    text = (PACKAGING / "systemd/longbow.toml").read_text(encoding="utf-8")
    for folder in ("/etc/longbow/tls", CREDENTIALS, "/var/cache/longbow", "/srv/sales"):
        (tmp_path / folder.strip("/")).mkdir(parents=True)
        assert f"{folder.rstrip('/')}" in text, folder
        text = text.replace(folder, f"{tmp_path}{folder}")
    tls_files(tmp_path / "etc/longbow/tls", authority)
    for name in provided():
        make_private(tmp_path / CREDENTIALS.strip("/") / name, secret_of(name) + "\n")
    (tmp_path / "srv/sales/a.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    settings = tmp_path / "longbow.toml"
    settings.write_text(text, encoding="utf-8")
    return settings


def provided() -> set[str]:
    """The names of the secrets that the unit provides."""
    return {credential.split(":")[0] for credential in directives("LoadCredential")}


def secret_of(name: str) -> str:
    """What stands in a credential's file here."""
    return f"{name}-of-the-tests"


def test_the_settings_of_the_service(as_installed: Path) -> None:
    good = run(str(binary()), "check-config", "--config", str(as_installed))
    assert good.returncode == 0, good.stderr
    text = (PACKAGING / "systemd/longbow.toml").read_text(encoding="utf-8")
    assert set(re.findall(rf"file:{CREDENTIALS}([\w-]+)", text)) == provided()
    assert re.findall(r'spill_folder = "/var/cache/(.*)"', text) == directives("CacheDirectory")


def test_a_node_with_the_settings_of_the_service(as_installed: Path, authority: Authority) -> None:
    """It starts, and its rules are what their names say."""
    # Only where it listens is not for this machine.
    here = as_installed.with_name("here.toml")
    local = {"listen_host": "127.0.0.1", "listen_port": 0, "advertise_host": "127.0.0.1"}
    write_settings(here, {"server": local, "http": {"port": 0}})
    server = LongbowServer(arguments=["--config", str(as_installed), "--config", str(here)])
    try:
        server.start()
        etl, analyst, operator = (
            SecureClient(server.uri, secret_of(f"token-{name}"), trusts=authority)
            for name in ("etl", "analyst", "operator")
        )
        etl.run(connector("sales", sink={"path": ["raw", "sales"]}))
        over_raw = sql("SELECT a + b AS n FROM t", {"t": {"path": ["raw", "sales"]}})
        assert rows(analyst.run(over_raw)) == [(3,)]
        for forbidden in (
            lambda: analyst.run(connector("sales")),
            lambda: analyst.put(["raw", "x"], table_of(x=[1])),
            lambda: etl.put(["reports", "x"], table_of(x=[1])),
            lambda: operator.put(["raw", "x"], table_of(x=[1])),
        ):
            with expect_error(Code.PERMISSION_DENIED):
                forbidden()
        assert operator.info(["raw", "sales"]).total_records == 1
        for token, status in ((secret_of("http-token"), 200), (secret_of("token-etl"), 401)):
            headers = [("Authorization", f"Bearer {token}")]
            assert ask(server.http, "metrics", headers)[0] == status
        for client in (etl, analyst, operator):
            client.close()
        server.stop()
    finally:
        server.kill()


# The unit.

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, of a program that is there."""
    text = UNIT.read_text(encoding="utf-8")
    assert text.count(PROGRAM) == 1
    made = tmp_path / "longbow.service"
    made.write_text(text.replace(PROGRAM, str(binary())), encoding="utf-8")
    return made


@needs_systemd
def test_systemd_takes_the_unit(unit: Path) -> None:
    verdict = run("systemd-analyze", "verify", "--man=no", str(unit))
    assert verdict.returncode == 0, verdict.stderr
    # What it does not know is a warning only.
    told = [line for line in verdict.stderr.splitlines() if "longbow" in line]
    assert told == []


@needs_systemd
def test_the_unit_is_hardened(unit: Path) -> None:
    """Of the ten points of exposure, two at most."""
    verdict = run("systemd-analyze", "security", "--offline=yes", "--threshold=20", str(unit))
    assert verdict.returncode == 0, verdict.stdout
    assert "Overall exposure level" in verdict.stdout


def test_the_unit_fits_the_program() -> None:
    [start] = directives("ExecStart")
    program, *words = start.split()
    assert program == PROGRAM
    assert words == ["start", "--config", "/etc/longbow/longbow.toml"]
    # The grace time and its last second are over before systemd kills.
    explained = run(str(binary()), "check-config", "--explain").stdout
    grace = re.search(r"shutdown_grace_sec = (\d+)", explained)
    assert grace is not None
    [limit] = directives("TimeoutStopSec")
    assert int(limit) > int(grace[1]) + 1
    assert directives("ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert directives("LimitCORE") == ["1"]


# The image.


def test_what_the_image_copies_is_there() -> None:
    ignored = (SOURCE / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in ignored if line and not line.startswith("#")]
    copied = [
        word
        for line in instructions()
        if line.startswith("COPY ") and "--from=" not in line
        for word in line.split()[1:-1]
    ]
    assert len(copied) >= 2
    for name in copied:
        assert (SOURCE / name).exists(), name
        assert not any(fnmatch(name, each) or fnmatch(Path(name).name, each) for each in patterns)


def build_step() -> str:
    """The step that compiles."""
    [step] = [line for line in instructions() if "cmake --build" in line]
    return step


def targets() -> list[str]:
    """What is compiled."""
    match = re.search(r"--target((?:\s+\w+)+)", build_step())
    assert match is not None
    return match[1].split()


def test_the_steps_of_the_image_are_those_of_the_repository() -> None:
    step = build_step()
    script, group = re.search(r"RUN (\S+) (\w+)", step).groups()  # type: ignore[union-attr]
    assert os.access(SOURCE / script, os.X_OK), script
    setup = (SOURCE / script).read_text(encoding="utf-8")
    assert re.search(rf"^\s*{group}\)", setup, re.MULTILINE), f"{script} knows no {group}"
    presets = json.loads((SOURCE / "CMakePresets.json").read_text(encoding="utf-8"))
    for kind in ("configurePresets", "buildPresets"):
        names = {preset["name"] for preset in presets[kind]}
        assert set(re.findall(r"--preset (\w+)", step)) <= names
    assert "cmake --install build/release --prefix /opt/longbow" in step


def test_the_image_builds_all_that_it_installs() -> None:
    """What is missing would only be seen after an hour of compiling."""
    if not (BUILD / "build.ninja").exists():
        pytest.skip(f"{BUILD} is no build of Ninja's")
    found = run("ninja", "-C", str(BUILD), "-t", "commands", *targets())
    assert found.returncode == 0, found.stderr or found.stdout
    installed = set()
    for script in BUILD.rglob("cmake_install.cmake"):
        text = script.read_text(encoding="utf-8")
        installed |= set(
            re.findall(rf'TYPE (?:MODULE|EXECUTABLE|SHARED_LIBRARY) FILES "{BUILD}/([^"]+)"', text)
        )
    made = {name for name in installed if re.search(rf"-o {name}[.\d]* ", found.stdout)}
    assert made == installed
    default = run(str(binary()), "check-config", "--explain").stdout
    modules = re.search(r"modules = (\[.*?\])", default)
    assert modules is not None
    names = {f"lib/longbow/modules/liblongbow_{name}.so" for name in json.loads(modules[1])}
    assert {"bin/longbow", *names} <= installed


def health_check(port: int) -> int:
    """What the image's own look at its node says of one at this port."""
    [line] = [each for each in instructions() if each.startswith("HEALTHCHECK")]
    words = json.loads(line[line.index("CMD") + 3 :])
    assert words[-1].count("17002") == 1
    words[-1] = words[-1].replace("17002", str(port))
    return run(*words).returncode


def test_the_health_check_of_the_image(make_server: MakeServer) -> None:
    modules = with_modules("storage", "sql", module_path("moody"))
    server = make_server({"http": {"port": 0}}, arguments=modules)
    port = urlsplit(server.http).port
    assert port is not None
    assert health_check(port) == 0
    client = Client(server.uri)
    client.run(command("mood", {"status": "down", "reason": "for a test"}))
    assert http_get(server.http + "ready")[0] == 500
    assert health_check(port) != 0
    client.close()
    [unused] = free_ports(1)
    assert health_check(unused) != 0
    exposed = next(line for line in instructions() if line.startswith("EXPOSE")).split()[1:]
    assert exposed == ["17001", "17002"]
