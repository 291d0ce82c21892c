"""A run that several modules look at, and plans that several tests of a module do."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from experiments import cli
from tests.bnn.planned_once import planned_once

from .one_run import Parse, Run


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory, parse: Parse) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "new" / "digits"
    started = time.perf_counter()
    assert cli.main(["run", "digits-mlp", "--out", str(folder)]) == 0
    wall_s = time.perf_counter() - started
    report = parse((folder / "report.json").read_text("utf-8"))
    return Run(folder, report, np.load(folder / "logits.npy"), wall_s)


@pytest.fixture(scope="module", autouse=True)
def _planned_once() -> Iterator[None]:
    """Many commands are about the same network on the same DRAM."""
    with planned_once():
        yield
