"""What changes while a server runs is taken over part by part: what cannot be holds up nothing else."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.certificates import replace_file
from tests.e2e.client import eventually
from tests.e2e.conftest import MakeServer
from tests.e2e.errors import Code, expect_error
from tests.e2e.operations import health, module_path, with_modules
from tests.e2e.secure_client import SecureClient, gets_in
from tests.e2e.server import PATIENCE_SEC, LongbowServer
from tests.e2e.test_tls import (
    SEEN_WITHIN_SEC,
    TOKENS,
    TlsFiles,
    await_serial,
    reload,
    rule,
    settings_with,
)


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    """An identity on disk."""
    return TlsFiles.make(tmp_path)


def problems(server: LongbowServer) -> list[str]:
    """Those of `/health`, which is degraded where there is one."""
    told = health(server.http)
    assert told["status"] == ("DEGRADED" if told["problems"] else "OK")
    return [str(problem) for problem in told["problems"]]


def server_with_token_file(make_server: MakeServer, files: TlsFiles) -> tuple[LongbowServer, Path]:
    """A server with TLS and HTTP whose one token is in a file, and that file."""
    token = files.folder / "token"
    replace_file(token, TOKENS["first"])
    settings = settings_with(rule("token:*"))
    settings["server"].update(files.settings())
    settings["auth.token.of_file"] = {"token": f"file:{token}"}
    settings["http"] = {"port": 0}
    return make_server(settings), token


OLD_KEYS = "changed certificates or keys of [server] cannot be used"
OLD_TOKENS = "changed tokens, keys or rules cannot be used"


def told_of_keys(server: LongbowServer) -> bool:
    """Whether its log says that the private key cannot be used."""
    return any("server.tls_private_key is not PEM" in str(line) for line in server.log("error"))


def test_a_broken_key_keeps_no_token_alive(make_server: MakeServer, files: TlsFiles) -> None:
    server, token = server_with_token_file(make_server, files)
    assert problems(server) == []
    replace_file(files.folder / "server.key", b"no key at all")
    eventually("the log says so", lambda: told_of_keys(server), SEEN_WITHIN_SEC)
    replace_file(token, TOKENS["second"])
    eventually(
        "the old token is refused",
        lambda: not gets_in(server.uri, TOKENS["first"], files.authority),
        SEEN_WITHIN_SEC,
    )
    assert gets_in(server.uri, TOKENS["second"], files.authority)
    assert [problem.startswith(OLD_KEYS) for problem in problems(server)] == [True]
    # Neither does it hold up what the settings say.
    text = server.settings_file.read_text(encoding="utf-8")
    server.settings_file.write_text(text.replace("token:*", "token:nobody"), encoding="utf-8")
    reload(server)
    client = SecureClient(server.uri, TOKENS["second"], trusts=files.authority)
    with expect_error(Code.PERMISSION_DENIED):
        client.action("HealthCheck")
    client.close()
    assert [problem.startswith(OLD_KEYS) for problem in problems(server)] == [True]
    (line,) = [e for e in server.log("info") if e["message"] == "The settings were read again"]
    assert (line["changed"], line["not_used"]) == ("access.rule.r.principals", "tls")

    files.identity.write(files.folder)
    eventually("the key is good again", lambda: not problems(server), SEEN_WITHIN_SEC)


def test_broken_tokens_keep_no_certificate_alive(make_server: MakeServer, files: TlsFiles) -> None:
    server, token = server_with_token_file(make_server, files)
    replace_file(token, "sh0rt!x")
    eventually("that is told", lambda: problems(server), SEEN_WITHIN_SEC)
    new = files.authority.server("renewed")
    new.write(files.folder)
    await_serial(server, files, new)
    assert [problem.startswith(OLD_TOKENS) for problem in problems(server)] == [True]
    assert gets_in(server.uri, TOKENS["first"], files.authority)


def test_wrong_settings_hold_up_no_secret(make_server: MakeServer, files: TlsFiles) -> None:
    """Settings that cannot be used stay a problem, but what is in use follows its file."""
    server, token = server_with_token_file(make_server, files)
    good = server.settings_file.read_text(encoding="utf-8")
    server.settings_file.write_text(good.replace("token:*", "tokn:x"), encoding="utf-8")
    reload(server)
    assert [problem.startswith(OLD_TOKENS) for problem in problems(server)] == [True]
    replace_file(token, TOKENS["second"])
    eventually(
        "the new token gets in",
        lambda: gets_in(server.uri, TOKENS["second"], files.authority),
        SEEN_WITHIN_SEC,
    )
    assert not gets_in(server.uri, TOKENS["first"], files.authority)
    assert [problem.startswith(OLD_TOKENS) for problem in problems(server)] == [True]
    server.settings_file.write_text("this is no TOML", encoding="utf-8")
    reload(server, "The settings could not be read again")
    assert len(problems(server)) == 2
    server.settings_file.write_text(good, encoding="utf-8")
    reload(server)
    assert problems(server) == []


def test_a_secret_that_is_no_longer_named_is_no_problem(
    make_server: MakeServer, files: TlsFiles
) -> None:
    server, token = server_with_token_file(make_server, files)
    text = server.settings_file.read_text(encoding="utf-8")
    token.unlink()
    eventually("it is missed", lambda: problems(server), SEEN_WITHIN_SEC)
    assert f"file:{token} could not be read again" in problems(server)[0]
    server.settings_file.write_text(
        text.replace(f"file:{token}", TOKENS["third"]), encoding="utf-8"
    )
    reload(server)
    assert problems(server) == []
    assert gets_in(server.uri, TOKENS["third"], files.authority)
    assert not gets_in(server.uri, TOKENS["first"], files.authority)


HTTP_TOKEN = "http-0123456789abcdef"


def asked(server: LongbowServer, token: str = "") -> int:
    """The status of `/health`, with that token."""
    request = urllib.request.Request(server.http + "health")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SEC) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("had_token", [False, True])
def test_whether_http_asks_for_a_token_takes_a_restart(
    make_server: MakeServer, had_token: bool
) -> None:
    """It says so, instead of leaving the operator to believe that the endpoint is closed."""
    with_token = {"http": {"port": 0, "token": HTTP_TOKEN}}
    server = make_server(with_token if had_token else {"http": {"port": 0}})
    text = server.settings_file.read_text(encoding="utf-8")
    line = f'token = "{HTTP_TOKEN}"\n'
    changed = text.replace(line, "") if had_token else text.replace("[http]\n", "[http]\n" + line)
    assert changed != text
    server.settings_file.write_text(changed, encoding="utf-8")
    reload(server)
    (error,) = [e for e in server.log("error") if "cannot be used" in e["message"]]
    assert error["part"] == "http"
    assert "takes a restart" in error["error"]
    token = HTTP_TOKEN if had_token else ""
    assert asked(server, token) == 200, "as before"
    assert asked(server) == (401 if had_token else 200)
    server.settings_file.write_text(text, encoding="utf-8")
    reload(server)
    assert asked(server, token) == 200


def test_a_module_that_fails_to_take_over_is_a_problem(make_server: MakeServer) -> None:
    """The others have what is new, so that nobody is told the old again."""
    modules = with_modules("sql", module_path("settings_throws"))
    server = make_server({"http": {"port": 0}}, arguments=modules)
    reload(server)
    (problem,) = problems(server)
    assert problem.startswith("a module failed when it was told of changed settings")
    (error,) = server.log("error")
    assert "settings_throws" in error["error"]
    (line,) = [e for e in server.log("info") if e["message"] == "The settings were read again"]
    assert "not_used" not in line
