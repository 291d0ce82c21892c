"""A page in a browser, for tests of what is written as HTML: headless Chromium, by playwright.

The fixture ``browser_page`` is had by ``from tests.browser_fixtures import *`` (or by name) in a
``conftest.py``. A test is skipped, with the reason, where there is no Chromium, unless
``PIMSIM_REQUIRE_BROWSER=1`` says that there must be one. ``PIMSIM_CHROMIUM`` names another file
than the first of :data:`NAMES` on the path.

Whatever a page opened so asks for from elsewhere is refused and noted; what it says on the
console is noted, too. :meth:`Visit.require_quiet` holds both against nothing.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGS = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass(eq=False)
class Visit:
    """A page that is open in the browser."""

    page: Any
    """The page, as playwright has it."""
    said: list[str] = field(default_factory=list)
    """Errors and warnings of the console, and errors of scripts."""
    asked: list[str] = field(default_factory=list)
    """What it asked for, itself and ``data:`` excepted."""
    own: str = ""
    """The address of the file."""

    def require_quiet(self) -> None:
        """Hold that nothing was said or asked for."""
        assert self.said == []
        assert self.asked == []

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        found: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return found


def why_no_browser() -> str | None:
    """Why there is no browser; None if there is one."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed (pip install '.[test]')"
    if _chromium() is None:
        return f"none of {', '.join(NAMES)} is installed (apt-get install chromium)"
    return None


def _chromium() -> str | None:
    named = os.environ.get("PIMSIM_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


@dataclass(eq=False)
class _Tab:
    """A page that one visit after the other opens files in: it takes long to make one."""

    page: Any
    visit: Visit = field(init=False)

    def __post_init__(self) -> None:
        self.visit = Visit(self.page)
        self.page.route("**/*", self._route)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.visit.said.append(str(error)))

    def open(self, path: Path, width: int, height: int, *, dark: bool) -> Visit:
        """Begin a visit: nothing is left of the one before."""
        self.visit = Visit(self.page, own=path.resolve().as_uri())
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(
            media="null", reduced_motion="null", color_scheme="dark" if dark else "light"
        )
        self.page.goto(self.visit.own)
        return self.visit

    def _route(self, route: Any) -> None:
        url = route.request.url
        if url.partition("#")[0] == self.visit.own:
            route.continue_()
            return
        self.visit.asked.append(url)
        route.abort()

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.visit.said.append(message.text)


@pytest.fixture(scope="module")
def _browser() -> Iterator[tuple[Any, list[_Tab]]]:
    """A browser for the tests of a module, and its tabs: its loop of events must not outlive them.

    While it runs, nothing else in this process may begin a loop, as sweeps on a cluster do.
    """
    reason = why_no_browser()
    if reason is not None:
        if os.environ.get("PIMSIM_REQUIRE_BROWSER") == "1":
            pytest.fail(f"PIMSIM_REQUIRE_BROWSER=1, but there is no browser: {reason}")
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_chromium(), args=[*_ARGS], chromium_sandbox=False
        )
        yield browser, []
        browser.close()


@pytest.fixture
def browser_page(_browser: tuple[Any, list[_Tab]]) -> Iterator[Callable[..., Visit]]:
    """Open a file: ``browser_page(path, width=1200, height=900, dark=False)``."""
    browser, tabs = _browser
    used: list[_Tab] = []

    def opened(path: Path, *, width: int = 1200, height: int = 900, dark: bool = False) -> Visit:
        used.append(tabs.pop() if tabs else _Tab(browser.new_page()))
        return used[-1].open(path, width, height, dark=dark)

    yield opened
    for tab in used:
        tab.page.goto("about:blank")
    tabs += used
