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


@pytest.fixture(scope="module")
def _browser() -> Iterator[Any]:
    """A browser for the tests of a module: its loop of events must not outlive them.

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
        yield browser
        browser.close()


@pytest.fixture
def browser_page(_browser: Any) -> Iterator[Callable[..., Visit]]:
    """Open a file: ``browser_page(path, width=1200, height=900, dark=False)``."""
    contexts: list[Any] = []

    def opened(path: Path, *, width: int = 1200, height: int = 900, dark: bool = False) -> Visit:
        context = _browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        visit = Visit(context.new_page())
        own = path.resolve().as_uri()

        def route(route: Any) -> None:
            url = route.request.url
            if url.partition("#")[0] == own:
                route.continue_()
                return
            visit.asked.append(url)
            route.abort()

        context.route("**/*", route)
        visit.page.on("console", lambda message: _note(visit, message))
        visit.page.on("pageerror", lambda error: visit.said.append(str(error)))
        visit.page.goto(own)
        return visit

    yield opened
    for context in contexts:
        context.close()


def _note(visit: Visit, message: Any) -> None:
    if message.type in ("error", "warning"):
        visit.said.append(message.text)
