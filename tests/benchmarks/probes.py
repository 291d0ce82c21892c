"""Small programs whose processes ``make bench`` measures, or which print what they measured.

    python tests/benchmarks/probes.py transients

Each is a function of :data:`PROBES`; what it returns is printed as JSON. They import only what
every checkout has, and :mod:`tests.benchmarks.kernels` where kernels are measured.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SAMPLES = 2000
"""Transients that are timed, on one processor."""
RUNS = 30
"""Of ngspice in one process, so that its start does not count."""
TURNS = 3
RATE = "transients a processor s"

Found = dict[str, float]


def imports(module: str) -> Found:
    """Import one module, for the time of the whole process."""
    importlib.import_module(module)
    return {}


def predicts(network: str) -> Found:
    """Load a bundled network with Larq and predict its test images, as its user would."""
    import larq  # noqa: F401  (its layers must be known)
    import tf_keras as keras

    from bnn import zoo
    from bnn.data import datasets

    entry = next(one for one in map(zoo.entry, zoo.names()) if one.name == network)
    model = keras.models.load_model(entry.path)
    shape = tuple(model.input_shape[1:])
    data = datasets.reshape_for(datasets.load(entry.data), shape)
    model.predict(data.x, batch_size=1000, verbose=0)
    return {}


def checked(images: str) -> Found:
    """Processor time of a checked run in this process, whose modules are imported."""
    from experiments import cli

    def run(count: str) -> float:
        started = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            if cli.main(["run", "cifar10-binarynet", "--limit", count, "--json"]):
                raise SystemExit("the rows differ from the integer reference")
        return time.process_time() - started

    run("1")
    return {"run_s": run(images)}


def keras(images: str) -> Found:
    """Processor time of Keras's predict of as many images, warmed up."""
    import larq  # noqa: F401
    import tf_keras

    from bnn import zoo
    from bnn.data import datasets

    entry = next(one for one in map(zoo.entry, zoo.names()) if one.name == "cifar10-binarynet")
    model = tf_keras.models.load_model(entry.path)
    x = datasets.load(entry.data).x[: int(images)]
    model.predict(x[:32], verbose=0)
    started = time.process_time()
    model.predict(x, batch_size=256, verbose=0)
    return {"predict_s": time.process_time() - started}


def transients() -> Found:
    """Triple-row activations of varied cells a processor second."""
    os.environ["NUMBA_NUM_THREADS"] = "1"
    import numpy as np

    from pimsim.circuit.model.parameters import load
    from pimsim.circuit.transient.instances import nominal
    from pimsim.circuit.transient.scenarios import tra
    from pimsim.circuit.transient.simulation import simulate

    circuit, scenario = load("rambus55"), tra("110")
    pairs = nominal(circuit, scenario, SAMPLES)
    pairs.cell_ff[:] *= np.random.default_rng(1).uniform(0.9, 1.1, pairs.cell_ff.shape)
    simulate(circuit, scenario)  # compiles
    took = []
    for _ in range(TURNS):
        started = time.process_time()
        done = simulate(circuit, scenario, pairs)
        took.append(time.process_time() - started)
        assert done.value.all()
    return {RATE: SAMPLES / min(took)}


def ngspice(longest: str) -> Found:
    """The same scenario in ngspice a processor second, with steps of at most ``longest``."""
    from pimsim.circuit.model.parameters import load
    from pimsim.circuit.transient import spice
    from pimsim.circuit.transient.scenarios import tra

    deck = spice.netlist(load("rambus55"), tra("110")).splitlines()
    (asked,) = (line for line in deck if line.startswith(".tran"))
    end = asked.split()[2]
    changed = {"run": f"repeat {RUNS}\nrun\ndestroy all\nend"}
    changed[asked] = f".tran {longest} {end} 0 {longest} uic"
    lines = [changed.get(x, x) for x in deck if not x.startswith(("wrdata", "set "))]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "deck.cir").write_text("\n".join(lines) + "\n", "utf-8")
        done = subprocess.run(
            ["ngspice", "-n", "-b", "deck.cir"],
            cwd=folder, check=True, capture_output=True, text=True, errors="replace",
        )  # fmt: skip
    assert done.stdout.count("No. of Data Rows") == RUNS
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {RATE: RUNS / (used.ru_utime + used.ru_stime)}


def kernel(name: str) -> Found:
    """Rates of a kernel and its rivals, in 10^12 products a second of wall time."""
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    from tests.benchmarks import kernels

    rates: dict[str, Callable[[], Found]] = {
        "folded": kernels.folded_rates, "rows": kernels.rows_rates, "tapes": kernels.tape_rates,
    }  # fmt: skip
    return rates[name]()


PROBES: dict[str, Callable[..., Found]] = {
    one.__name__: one for one in (imports, predicts, checked, keras, transients, ngspice, kernel)
}


def main(name: str, *words: str) -> None:
    """Run one, and print what it found."""
    found: Any = PROBES[name](*words)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
