"""The status page in a real browser: what it shows, by keyboard, on a phone, and without a server."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.flight as fl
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.e2e.client import Client, Json, command, eventually, sql, table_of
from tests.e2e.conftest import MakeServer
from tests.e2e.operations import module_path, stubborn, with_modules
from tests.e2e.server import PATIENCE_SEC, LongbowServer
from tests.e2e.test_lifecycle import Background, states

Browser = webdriver.Chrome


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, as Debian packages it."""
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    # A stranger's name that leads to this machine.
    options.add_argument("--host-resolver-rules=MAP evil.example 127.0.0.1")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    driver.set_window_size(1280, 900)
    yield driver
    driver.quit()


def text_of(browser: Browser) -> str:
    """All that a reader can see."""
    return str(browser.execute_script("return document.body.innerText"))


def wait_for(browser: Browser, *texts: str) -> None:
    """Until the page shows all of them."""
    waiting = WebDriverWait(browser, PATIENCE_SEC)
    waiting.until(lambda b: all(text.lower() in text_of(b).lower() for text in texts))


def log_of(browser: Browser, kind: str) -> list[dict[str, Any]]:
    """What the browser has noted since this was last called."""
    entries: list[dict[str, Any]] = browser.get_log(kind)  # type: ignore[no-untyped-call]
    return entries


def requested(browser: Browser) -> set[str]:
    """The addresses that the browser has asked since this was last called."""
    urls = set()
    for entry in log_of(browser, "performance"):
        message: dict[str, Any] = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            urls.add(message["params"]["request"]["url"])
    return urls


def test_shows_what_goes_on(make_server: MakeServer, browser: Browser) -> None:
    server = make_server({"http": {"port": 0}, "server": {"task_threads": 1}})
    client = Client(server.uri)
    client.run(sql("SELECT 1", sink={"path": ["shown"]}))
    with contextlib.suppress(Exception):
        client.info(["not-there"])
    # Nobody reads this result.
    client.info(sql("SELECT range FROM range(100000000)"))
    requested(browser)
    browser.get(server.http)
    wait_for(browser, "sql", "storage", "connector", "GetFlightInfo", "NOT_FOUND", "not-there")
    wait_for(browser, "nobody reads its result yet")
    assert all(url.startswith((server.http, "data:")) for url in requested(browser))
    assert [e for e in log_of(browser, "browser") if e["level"] == "SEVERE"] == []
    client.close()


# What it shows, in detail. Each test has the numbers from elsewhere, too.

# The labels of the columns and what stands below, of each row; with the value of a bar, if there is one.
READ_TABLE = """
return [...document.querySelectorAll("#" + arguments[0] + " tbody tr")].map((row) => {
  const cells = [...row.children].map((cell) => [cell.dataset.label, cell.innerText.trim()]);
  const bar = row.querySelector("progress:not([hidden])");
  return {...Object.fromEntries(cells), bar: bar ? bar.value / bar.max : null};
});
"""
READ_TILES = """
return Object.fromEntries([...document.querySelectorAll("#tiles > div")].map((tile) => {
  const bar = tile.querySelector("progress:not([hidden])");
  const [value, , detail] = [...tile.querySelectorAll("dd")].map((part) => part.innerText.trim());
  return [tile.querySelector("dt").innerText, {value, detail, bar: bar ? bar.value / bar.max : null}];
}));
"""


def rows_of(browser: Browser, table: str) -> list[Json]:
    """A table's rows."""
    rows: list[Json] = browser.execute_script(READ_TABLE, table)
    return rows


def row_of(browser: Browser, table: str, label: str, value: str) -> Json | None:
    """The row that has this below that label."""
    return next((row for row in rows_of(browser, table) if row[label] == value), None)


def tile_of(browser: Browser, name: str) -> Json:
    """One of the numbers at the top."""
    tiles: dict[str, Json] = browser.execute_script(READ_TILES)
    return tiles[name]


def test_tasks_their_progress_and_why_they_wait(
    make_server: MakeServer, browser: Browser, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    modules = with_modules("storage", "sql", module_path("stubborn"))
    server = make_server({"http": {"port": 0}, "server": {"task_threads": 1}}, arguments=modules)
    client = Client(server.uri)
    runs = Background(lambda: client.info(stubborn(untilFile=str(go), progress=0.25)))
    eventually("it runs", lambda: states(client) == ["STARTING"])
    waits = Background(lambda: client.info(sql("SELECT 1 AS x")))
    eventually("one waits", lambda: states(client) == ["QUEUED", "STARTING"])
    browser.get(server.http)
    eventually("both are shown", lambda: len(rows_of(browser, "tasks")) == 2)
    running = row_of(browser, "tasks", "Service", "stubborn")
    assert running is not None
    assert (running["Progress"], running["bar"]) == ("25 %", 0.25)
    assert "STARTING" in running["State"]
    waiting = row_of(browser, "tasks", "Service", "sql")
    assert waiting is not None
    assert "QUEUED" in waiting["State"]
    assert "all 1 threads are at work" in waiting["State"]
    running_tile, queued_tile = (
        tile_of(browser, f"Tasks {what}") for what in ("running", "queued")
    )
    assert (running_tile["value"], running_tile["bar"]) == ("1 of 1", 1)
    assert queued_tile["value"] == "1 of 1,024"
    go.touch()
    client.get(runs.result())
    client.get(waits.result())
    wait_for(browser, "No task is running or waiting")
    client.close()


def test_calls_a_second_and_latency(make_server: MakeServer, browser: Browser) -> None:
    server = make_server({"http": {"port": 0}})
    client = Client(server.uri)
    for _ in range(120):
        client.action("HealthCheck")
    browser.get(server.http)
    eventually("they are shown", lambda: row_of(browser, "calls", "All calls", "120"))
    row = row_of(browser, "calls", "Method", "DoAction")
    assert row is not None
    # Of the last ten to fifteen seconds, or of those since the start.
    assert 120 / 15 <= float(row["Calls/s"]) <= 120
    assert float(tile_of(browser, "Calls a second")["value"]) >= float(row["Calls/s"]) - 0.1
    p50, p99 = (in_ms(row[name]) for name in ("p50", "p99"))
    assert 0 < p50 <= p99 < PATIENCE_SEC * 1000
    assert (row["Running"].split()[0], row["Errors"]) == ("0", "0")
    curve = browser.execute_script(
        "return document.querySelector('#calls tbody svg polyline').getAttribute('points')"
    )
    assert "," in curve
    client.close()


def in_ms(shown: str) -> float:
    """A duration as the page writes it."""
    value, unit = shown.split()
    return float(value) * {"ms": 1, "s": 1000}[unit]


def test_stored_bytes_and_memory_against_their_limits(
    make_server: MakeServer, browser: Browser
) -> None:
    gib = 1 << 30
    server = make_server(
        {
            "http": {"port": 0},
            "storage": {"memory_limit": "64MiB"},
            "server": {"memory_high_bytes": 40 * gib, "memory_critical_bytes": 50 * gib},
        }
    )
    client = Client(server.uri)
    client.stored(["big"], table_of(x=range(2 << 20)))  # 16 MiB
    client.stored(["small"], table_of(x=[1]))
    browser.get(server.http)
    eventually("they are shown", lambda: tile_of_stored(browser)["detail"] == "2 flights")
    stored = tile_of_stored(browser)
    assert re.fullmatch(r"16\.\d MiB of 64\.0 MiB", stored["value"]), stored
    assert stored["bar"] == pytest.approx(0.25, abs=0.01)
    memory = tile_of(browser, "Memory (RSS)")
    assert memory["detail"] == "high mark 40.0 GiB, critical 50.0 GiB"
    statm = Path(f"/proc/{server.pid}/statm").read_text(encoding="ascii")
    resident = int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert memory["bar"] * 50 * gib == pytest.approx(resident, rel=0.3)
    shown = (
        float(memory["value"].split()[0]) * {"MiB": 1 << 20, "GiB": gib}[memory["value"].split()[1]]
    )
    assert shown == pytest.approx(memory["bar"] * 50 * gib, rel=0.01)
    client.close()


def tile_of_stored(browser: Browser) -> Json:
    """That of what is stored; the page may still have to ask for it."""
    tiles: dict[str, Json] = browser.execute_script(READ_TILES)
    return tiles.get("Stored flights", {"detail": ""})


def test_a_module_says_how_it_is_and_why(make_server: MakeServer, browser: Browser) -> None:
    modules = with_modules("storage", "sql", module_path("moody"))
    server = make_server({"http": {"port": 0}}, arguments=modules)
    client = Client(server.uri)
    browser.get(server.http)
    wait_for(browser, "● Ready", "3 of 3 OK", "Nothing needs attention")
    # The open page follows by itself.
    for status, state, told in (
        ("degraded", "● Ready", "▲ DEGRADED"),
        ("down", "■ Not ready", "■ DOWN"),
    ):
        reason = f"it is {status}, <b>for</b> a reason"
        client.run(command("mood", {"status": status, "reason": reason}))
        wait_for(browser, state, told, "2 of 3 OK", f"Module moody is {status.upper()}: {reason}")
        row = row_of(browser, "modules", "Module", "moody")
        assert row is not None
        assert (row["Health"], row["Reason"]) == (told, reason)
        other = row_of(browser, "modules", "Module", "sql")
        assert other is not None
        assert (other["Health"], other["Reason"]) == ("● OK", "")
    client.run(command("mood", {"status": "ok", "reason": ""}))
    wait_for(browser, "● Ready", "3 of 3 OK")
    client.close()


# By keyboard, and on a phone.

LIST_CONTROLS = """
return [...document.querySelectorAll("a[href], button, input, [tabindex]:not([tabindex='-1'])")]
  .filter((control) => control.checkVisibility());
"""
IS_MARKED = """
const style = getComputedStyle(document.activeElement), box = document.activeElement.getBoundingClientRect();
return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
  && box.left >= 0 && box.right <= innerWidth && box.width > 0 && box.height > 0;
"""


def press(browser: Browser, *keys: str) -> WebElement:
    """Presses keys, and returns what has the focus then."""
    ActionChains(browser).send_keys(*keys).perform()
    return browser.switch_to.active_element


def tab_to(browser: Browser, words: str) -> WebElement:
    """Tab, until the control of that name has the focus."""
    browser.execute_script("document.activeElement.blur(); getSelection().removeAllRanges()")
    for _ in range(20):
        if (control := press(browser, Keys.TAB)).text == words:
            return control
    raise AssertionError(f"no Tab leads to {words}")


def test_by_keyboard(make_server: MakeServer, browser: Browser) -> None:
    server = make_server({"http": {"port": 0}})
    browser.get(server.http)
    wait_for(browser, "sql", "Pause updates")
    controls: list[WebElement] = browser.execute_script(LIST_CONTROLS)
    names = [control.text for control in controls]
    expected = ["Pause updates", "Modules", "Calls", "Tasks", "Errors", "health", "metrics"]
    assert names[1:] == expected
    # One after the other, in the order of the page, and each can be seen to have the focus.
    for control in controls:
        assert press(browser, Keys.TAB) == control
        eventually(
            f"'{control.text}' is marked", lambda: browser.execute_script(IS_MARKED), patience=5
        )

    browser.get(server.http)
    wait_for(browser, "Pause updates")
    first = press(browser, Keys.TAB)
    assert first.text == "Skip to the status"
    assert press(browser, Keys.ENTER).get_attribute("id") == "main"
    for part in expected[1:5]:
        tab_to(browser, part)
        press(browser, Keys.ENTER)
        assert browser.current_url == f"{server.http}#{part.lower()}"
    for before, after in (("Pause", "Resume"), ("Resume", "Pause")):
        tab_to(browser, before + " updates")
        assert press(browser, Keys.ENTER).text == after + " updates"
        assert text_of(browser).count("Paused. Updated") == (after == "Resume")
    for page, told in (("health", '"status"'), ("metrics", "longbow_ready")):
        tab_to(browser, page)
        press(browser, Keys.ENTER)
        wait_for(browser, told)
        assert browser.current_url == server.http + page
        browser.back()
        wait_for(browser, "Pause updates")


# Text that cannot be read: out of the screen, cut off by what it is in, too small, or upon other text.
UNREADABLE = """
const found = [], boxes = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const node = walk.currentNode, owner = node.parentElement;
  if (!node.data.trim() || !owner.checkVisibility() || owner.closest(".unseen, .skip, thead, script, style, template" + arguments[0])) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  const told = (what) => found.push(what + ": " + node.data.trim().slice(0, 60));
  if (parseFloat(getComputedStyle(owner).fontSize) < 12) told("small");
  for (const box of range.getClientRects()) {
    if (box.width < 1 || box.height < 1) continue;
    if (box.left < -0.5 || box.right > innerWidth + 0.5) told("outside");
    for (let around = owner; around; around = around.parentElement) {
      const clip = around.getBoundingClientRect();
      if (getComputedStyle(around).overflowX !== "visible" && around !== document.documentElement && around !== document.body
        && (box.left < clip.left - 0.5 || box.right > clip.right + 0.5)) told("cut");
    }
    boxes.push([box, node]);
  }
}
for (let i = 0; i < boxes.length; ++i) {
  for (let j = i + 1; j < boxes.length; ++j) {
    const [a, b] = [boxes[i][0], boxes[j][0]];
    const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (boxes[i][1] !== boxes[j][1] && x > 1 && y > 4) {
      found.push("upon each other: " + boxes[i][1].data.trim().slice(0, 40) + " / " + boxes[j][1].data.trim().slice(0, 40));
    }
  }
}
return {found, texts: boxes.length, small: [...document.querySelectorAll("button, input")]
  .filter((control) => control.checkVisibility() && control.getBoundingClientRect().height < 36).length};
"""


@contextlib.contextmanager
def phone(browser: Browser, width: int) -> Iterator[None]:
    """The browser as one of a telephone so wide; windows have a smallest width of their own."""
    size = {"width": width, "height": 740, "deviceScaleFactor": 3, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture
def crowded(make_server: MakeServer, tmp_path: Path) -> Iterator[LongbowServer]:
    """A server with as much to show as there can be, and with long words."""
    modules = with_modules("storage", "sql", module_path("stubborn"), module_path("moody"))
    node = {"node_id": "node-" + "x" * 50}
    server = make_server({"http": {"port": 0}, "server": node}, arguments=modules)
    client = Client(server.uri)
    long_word = "W" * 300
    client.run(command("mood", {"status": "degraded", "reason": f"a reason, {long_word}"}))
    for path in ("not-there", long_word):
        with pytest.raises(fl.FlightError):
            client.info([path])
    go = tmp_path / "go"
    runs = Background(lambda: client.info(stubborn(untilFile=str(go), progress=0.5)))
    eventually("it runs", lambda: "STARTING" in states(client))
    yield server
    go.touch()
    runs.result()
    client.close()


def look_by_phone(browser: Browser, server: LongbowServer, width: int, but_for: str = "") -> Json:
    """What cannot be read of the page on a screen so wide."""
    with phone(browser, width):
        browser.get(server.http)
        wait_for(browser, "50 %", "a reason, WWW", "not-there")
        assert browser.execute_script("return innerWidth") == width
        assert browser.execute_script("return document.scrollingElement.scrollWidth") <= width
        seen: Json = browser.execute_script(UNREADABLE, but_for)
        assert seen["texts"] > 100
        return seen


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone(crowded: LongbowServer, browser: Browser, width: int) -> None:
    seen = look_by_phone(browser, crowded, width, but_for=", td.code")
    assert not seen["found"], "\n".join(seen["found"])
    assert seen["small"] == 0, "a finger does not hit it"


def test_ids_on_a_phone(crowded: LongbowServer, browser: Browser) -> None:
    """They are what an operator copies into a search of the log."""
    seen = look_by_phone(browser, crowded, 390)
    assert not seen["found"], "\n".join(seen["found"])


def test_asks_for_the_token(make_server: MakeServer, browser: Browser) -> None:
    token = "status-page-token-1234"
    server = make_server({"http": {"port": 0, "token": token}})
    browser.get(server.http)

    def shown_fields(b: Browser) -> list[WebElement]:
        return [e for e in b.find_elements(By.TAG_NAME, "input") if e.is_displayed()]

    [field] = WebDriverWait(browser, PATIENCE_SEC).until(shown_fields)
    assert "GetFlightInfo" not in text_of(browser)
    field.send_keys(token + Keys.ENTER)
    wait_for(browser, "sql", "GetFlightInfo")


def test_a_page_under_another_name_reads_nothing(make_server: MakeServer, browser: Browser) -> None:
    """DNS rebinding: to the browser, what the name leads to is the stranger's page."""
    server = make_server({"http": {"port": 0}})
    for path in ("", "status.json", "metrics"):
        browser.get(server.http.replace("127.0.0.1", "evil.example") + path)
        wait_for(browser, "allowed_hosts of [http]")
        assert "GetFlightInfo" not in browser.page_source
    browser.get(server.http.replace("127.0.0.1", "localhost"))
    wait_for(browser, "GetFlightInfo")


def test_says_when_the_server_is_gone(make_server: MakeServer, browser: Browser) -> None:
    server = make_server({"http": {"port": 0}})
    browser.get(server.http)
    wait_for(browser, "GetFlightInfo")
    server.stop()
    wait_for(browser, "not answer")
