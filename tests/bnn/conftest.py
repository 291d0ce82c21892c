"""What the tests of networks share: Keras, imported once, and the seeded networks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def fixtures(module_at: Callable[[Path], ModuleType]) -> ModuleType:
    """The module ``make_fixtures``, which made the saved models."""
    return module_at(Path(__file__).parents[1] / "saved_models" / "make_fixtures.py")


@pytest.fixture(scope="session")
def naive(module_at: Callable[[Path], ModuleType]) -> ModuleType:
    """The module ``naive_checker``: a check of commands that shares nothing with pimsim."""
    return module_at(Path(__file__).parents[1] / "pimsim" / "dram" / "naive_checker.py")


@pytest.fixture(scope="session")
def libraries(fixtures):
    """Keras and Larq; importing them takes seconds, so only tests marked ``larq`` ask for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fixtures.load()


@pytest.fixture
def untraced() -> Iterator[None]:
    """Have Keras train and predict operation by operation.

    Small models are computed faster so than the graph of each is made, which takes longest.
    """
    from bnn import train

    config = train.backend().tensorflow.config
    config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Even though the `tf.config", UserWarning)
            yield
    finally:
        config.run_functions_eagerly(False)
