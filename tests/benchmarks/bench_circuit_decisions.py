"""How many decisions a second: ``pytest -s tests/benchmarks/bench_circuit_decisions.py``.

Off by default: pytest collects ``test_*.py`` only, and a busy machine would make it fail.
"""

from __future__ import annotations

import time

from pimsim.circuit.model import parameters, variation
from pimsim.circuit.statistics.monte_carlo import Sampling, count
from pimsim.circuit.statistics.sense_decision import majority

GOAL_PER_S = 3e6


def test_decisions_a_second() -> None:
    """Draws included, one process: triple-row activations of the Ambit-like process."""
    circuit, process = parameters.load("rambus55"), variation.load("ambit-like")
    for criterion in ("110", "either", "all"):
        operation, samples = majority(3, criterion=criterion), 500_000
        start = time.perf_counter()
        count(circuit, process, operation, 15.0, Sampling(samples, 1))
        rate = samples * len(operation.patterns) / (time.perf_counter() - start)
        print(f"{criterion}: {rate / 1e6:.1f} million decisions a second")
        assert rate >= GOAL_PER_S
