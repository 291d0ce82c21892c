"""Transients a second, against ngspice: ``pytest -s tests/benchmarks/bench_circuit_transients.py``.

Off by default: pytest collects ``test_*.py`` only. Both use every core they are given, pimsim
with threads and ngspice with one process a core, one after the other on the same machine; a
process of ngspice runs the same deck again and again, so that its start is not counted. The deck as
exported has steps of at most 20 ps; the goal is against steps as long as ngspice likes, which are
as exact on this scenario, and several times faster.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from pimsim.circuit.model.parameters import load
from pimsim.circuit.transient import spice
from pimsim.circuit.transient.instances import nominal
from pimsim.circuit.transient.scenarios import tra
from pimsim.circuit.transient.simulation import simulate

GOAL = 20.0
"""Times as many as ngspice."""
SAMPLES = 4000
RUNS = 30
"""Of each process of ngspice."""


def _ngspice_per_s(folder: Path, cores: int, longest: str) -> float:
    """Transients a second of ``cores`` processes; ``longest`` is the step that .tran allows."""
    deck = spice.netlist(load("rambus55"), tra("110"))
    looped = "\n".join(
        f"repeat {RUNS}\nrun\ndestroy all\nend"
        if line == "run"
        else f".tran {longest} 53.5n 0 {longest} uic"
        if line.startswith(".tran")
        else line
        for line in deck.splitlines()
        if not line.startswith(("wrdata", "set "))
    )
    (folder / "deck.cir").write_text(looped + "\n", "utf-8")
    started = time.perf_counter()
    processes = [
        subprocess.Popen(["ngspice", "-n", "-b", "deck.cir"], cwd=folder, stdout=subprocess.PIPE)
        for _ in range(cores)
    ]
    for process in processes:
        said = process.communicate()[0].decode("utf-8", "replace")
        assert said.count("No. of Data Rows") == RUNS
    return RUNS * cores / (time.perf_counter() - started)


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
def test_transients_a_second(tmp_path: Path) -> None:
    """A whole TRA of 110 on the reference circuit, cells that vary."""
    circuit, scenario, cores = load("rambus55"), tra("110"), len(os.sched_getaffinity(0))
    pairs = nominal(circuit, scenario, SAMPLES)
    pairs.cell_ff[:] *= np.random.default_rng(1).uniform(0.9, 1.1, pairs.cell_ff.shape)
    simulate(circuit, scenario)  # compiles
    started = time.perf_counter()
    done = simulate(circuit, scenario, pairs)
    ours = SAMPLES / (time.perf_counter() - started)
    assert done.value.all()
    print(f"\n{cores} cores: pimsim {ours:,.0f} transients a second")
    rates = {longest: _ngspice_per_s(tmp_path, cores, longest) for longest in ("0.02n", "0.5n")}
    for longest, theirs in rates.items():
        print(
            f"ngspice, steps of at most {longest}s: {theirs:,.0f}, pimsim {ours / theirs:.1f} times"
        )
    assert ours >= GOAL * rates["0.5n"]
