"""What the tests of pages share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bnn.planned_once import planned_once


@pytest.fixture(scope="module", autouse=True)
def _planned_once() -> Iterator[None]:
    """Many pages are about the same network on the same DRAM."""
    with planned_once():
        yield
