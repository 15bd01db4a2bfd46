"""The status page in a real browser: what it shows, by keyboard, on a phone, and without a server."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.e2e.client import Client, sql
from tests.e2e.conftest import MakeServer
from tests.e2e.server import PATIENCE_SEC

Browser = webdriver.Chrome


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, as Debian packages it."""
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
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
    # Nobody reads the one result; and a second command waits behind a long one.
    client.info(sql("SELECT range FROM range(100000000)"))
    requested(browser)
    browser.get(server.http)
    wait_for(browser, "sql", "storage", "connector", "GetFlightInfo", "NOT_FOUND", "not-there")
    wait_for(browser, "nobody reads its result yet")
    assert all(url.startswith((server.http, "data:")) for url in requested(browser))
    assert [e for e in log_of(browser, "browser") if e["level"] == "SEVERE"] == []
    client.close()


def test_by_keyboard_and_on_a_phone(make_server: MakeServer, browser: Browser) -> None:
    server = make_server({"http": {"port": 0}})
    browser.set_window_size(360, 740)
    browser.get(server.http)
    wait_for(browser, "sql", "GetFlightInfo")
    width = browser.execute_script(
        "return [document.scrollingElement.scrollWidth, window.innerWidth]"
    )
    assert width[0] <= width[1]
    focused = []
    for _ in range(6):
        browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
        element = browser.switch_to.active_element
        focused.append((element.tag_name, element.text))
    assert focused[0][0] == "a", "the first stop is the link that skips to the content"
    assert len(set(focused)) > 1
    browser.set_window_size(1280, 900)


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


def test_says_when_the_server_is_gone(make_server: MakeServer, browser: Browser) -> None:
    server = make_server({"http": {"port": 0}})
    browser.get(server.http)
    wait_for(browser, "GetFlightInfo")
    server.stop()
    wait_for(browser, "not answer")
