"""What the tests of Keras share."""

from __future__ import annotations

import pytest

from bnn.keras import check


@pytest.fixture(autouse=True)
def _timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predict once: how long the fastest of several runs takes is in no test."""
    monkeypatch.setattr(check, "PREDICT_RUNS", 1)
