"""The page of the playground, open in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from experiments import cli

from ...browser_fixtures import Visit, _browser, browser_page  # noqa: F401


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("playground") / "mine.html"
    assert cli.main(["playground", "--out", str(path)]) == 0
    return path


@pytest.fixture
def opened(
    browser_page: Callable[..., Visit],  # noqa: F811
    file: Path,
) -> Iterator[Visit]:
    visit = browser_page(file)
    yield visit
    visit.require_quiet()
