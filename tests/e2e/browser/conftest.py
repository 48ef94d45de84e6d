"""Debian's chromium, headless, logged in to the real stack.

Each test leaves a screenshot in tests/screenshots, which git ignores: CI keeps the folder.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

SCREENSHOTS = Path(__file__).resolve().parents[2] / "screenshots"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium: install Debian's package `chromium` to run the browser tests")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def login(stack) -> dict[str, str]:
    """The UI's address, and who may log in."""
    found = re.search(r"(http\S+)\s+user (\S+)\s+password (\S+)", stack("status").stdout)
    return dict(zip(("url", "user", "password"), found.groups(), strict=True))


@pytest.fixture(scope="session")
def session(chromium, login) -> dict:
    """What the browser keeps of a login through the form."""
    context = chromium.new_context(base_url=login["url"])
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto("/")
    page.fill("input[name=username]", login["user"])
    page.fill("input[name=password]", login["password"])
    page.click("button[type=submit]")
    page.get_by_text("Pre-annotation").first.wait_for()
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(chromium, login, session, request) -> Iterator[Page]:
    """A logged-in page that remembers what it asked other hosts for: nothing, in the end."""
    context = chromium.new_context(
        base_url=login["url"], storage_state=session, viewport={"width": 1280, "height": 900}
    )
    page = context.new_page()
    page.set_default_timeout(120_000)
    strangers: list[str] = []
    page.on("request", lambda sent: strangers.append(sent.url) if _strange(sent.url, login["url"]) else None)
    yield page
    SCREENSHOTS.mkdir(exist_ok=True)
    name = re.sub(r"\W+", "_", request.node.name).strip("_")
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    context.close()
    assert strangers == [], "the pages asked other hosts"


def _strange(url: str, own: str) -> bool:
    return not url.removeprefix("blob:").startswith((own, "data:"))
