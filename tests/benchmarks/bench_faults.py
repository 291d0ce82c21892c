"""How fast networks run in which commands go wrong: ``pytest -s tests/benchmarks/bench_faults.py``.

Needs MNIST in ``PIMSIM_DATA``. The contenders take turns; every figure is the least of three.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from bnn import zoo
from bnn.data import datasets
from bnn.larq import model_file
from bnn.run.execute import Execution, run
from bnn.system.system import System
from experiments.options import data as data_options
from experiments.report.inputs import encoding_of
from pimsim.circuit.failure_tables.table import Rate
from pimsim.dram.array.faults import Faults
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load

TURNS = 3


@dataclass(frozen=True)
class Rates:
    """A failure table in which the two closest votes are wrong at a rate."""

    static: float
    access: float
    kinds: frozenset[str] = frozenset({"sense"})

    def rate(self, kind: str, rows: int, ones: int) -> Rate:
        """As of a table."""
        close = rows > 1 and abs(2 * ones - rows) == 1
        return Rate(self.static, self.access) if close else Rate(0.0, 0.0)


CASES = {
    "no faults, compiled": None,
    "no faults, command by command": (0.0, 0.0),
    "weak columns, 1 in 500": (0.002, 0.0),
    "noise, 1 in 1,000,000": (0.0, 1e-6),
    "noise, 1 in 10,000": (0.0, 1e-4),
    "noise, 1 in 1,000": (0.0, 1e-3),
}


def test_networks_with_faults(page: Any) -> None:
    """Execution of all images, all layers, on all processors."""
    rows = []
    for name in ("mnist-mlp", "mnist-cnn"):
        network = model_file.read_model(zoo.locate(name))
        data = data_options.open_data("mnist", None)
        data = datasets.reshape_for(data, network.input_shape)
        encoding = encoding_of(network, data.x)
        best: dict[str, tuple[float, float, int]] = {}
        for _ in range(TURNS):
            for case, rates in CASES.items():
                faults = None
                if rates is not None:
                    faults = Faults(Rates(*rates), chip=1, noise=2)  # type: ignore[arg-type]
                started = time.perf_counter()
                done = run(
                    network,
                    data.x,
                    encoding,
                    System(load("ddr3-1600-8-8-8"), ModelOptions(), faults=faults),
                    "output-stationary",
                    execution=Execution(check=False),
                )
                whole = time.perf_counter() - started
                struck = sum(getattr(layer.result, "flips", 0) for layer in done.layers)
                before = best.get(case, (whole, done.execute_s, struck))
                best[case] = min(whole, before[0]), min(done.execute_s, before[1]), struck
        first = best[next(iter(CASES))][1]
        rows += [
            [f"{name}: {case}", f"{whole:.2f}", f"{execute:.2f}", f"{execute / first:.0f}",
             f"{struck:,}"]
            for case, (whole, execute, struck) in best.items()
        ]  # fmt: skip
    page.table(
        "Faults, 10,000 images, seconds",
        ["network", "compile and execute", "execute", "its ratio to no faults", "flips by noise"],
        rows,
    )
