"""What the tests of networks share: Keras, imported once, and the seeded networks."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def fixtures() -> ModuleType:
    """The module ``make_fixtures``, which made the saved models."""
    path = Path(__file__).parents[1] / "saved_models" / "make_fixtures.py"
    spec = importlib.util.spec_from_file_location("make_fixtures", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def libraries(fixtures):
    """Keras and Larq; importing them takes seconds, so only tests marked ``larq`` ask for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fixtures.load()
