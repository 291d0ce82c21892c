"""What tests of kept plans run: small networks, as by a process that has planned nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bnn.backends import stream_tapes
from bnn.mapping import MAPPINGS
from bnn.mapping.dataflows.output_tree import division
from bnn.mapping.frontier import OBJECTIVES
from bnn.model.network import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, Network
from bnn.run import estimate
from bnn.run import plan as planning
from bnn.run.execute import run
from bnn.run.plan import LayerRun
from bnn.system.ledger import PHASES
from bnn.system.mitigation import Mitigation
from bnn.system.system import System
from bnn.tables.graph import Drawing, Table
from bnn.values.encoding import ENCODINGS
from pimsim.dram.array.address_map import load as load_map
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.kept import VARIABLE, Shelf
from pimsim.microprogram.output_tree import known
from pimsim.microprogram.output_tree.stream import Stream
from pimsim.remembered import Known

SIGN = "ste_sign"
SMALL = replace(load("ddr3-1600-8-8-8"), row_bytes=64)
IMAGES = 20
WAYS = [*MAPPINGS, *OBJECTIVES]


def _kernel(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.choice(np.float32([-1, 1]), shape)


def _norm(rng: np.random.Generator, name: str, size: int) -> Layer:
    gamma, beta, mean = rng.normal(size=(3, size)).astype(np.float32)
    return BatchNorm(name, mean, gamma**2 + 1, gamma, beta, 1e-3)


def dense() -> Network:
    """Four dense layers, which can be chained, the first fed with bits."""
    rng = np.random.default_rng(0)
    layers: list[Layer] = []
    for number, (fan_in, outputs) in enumerate([(40, 24), (24, 24), (24, 16), (16, 5)]):
        layers.append(Dense(f"d{number}", _kernel(rng, fan_in, outputs), None, SIGN, SIGN))
        if number < 3:
            layers.append(_norm(rng, f"n{number}", outputs))
    return Network("dense", (40,), tuple(layers))


def _pictures() -> Network:
    """A convolution of pixels, one with padding and pooling, and dense layers."""
    rng = np.random.default_rng(1)
    return Network(
        "pictures",
        (6, 6, 1),
        (
            Conv2D("c0", _kernel(rng, 3, 3, 1, 8), None, None, SIGN),
            _norm(rng, "n0", 8),
            Conv2D("c1", _kernel(rng, 3, 3, 8, 8), None, SIGN, SIGN, padding="same"),
            MaxPool2D("p1", (2, 2), (2, 2)),
            _norm(rng, "n1", 8),
            Flatten("f"),
            Dense("d0", _kernel(rng, 32, 12), None, SIGN, SIGN),
            _norm(rng, "n2", 12),
            Dense("d1", _kernel(rng, 12, 4), None, SIGN, SIGN),
        ),
    )


def _large() -> Network:
    """A layer whose fan-in takes several subarrays, and one that stays on the host."""
    rng = np.random.default_rng(2)
    return Network(
        "large",
        (700,),
        (
            Dense("d0", _kernel(rng, 700, 18), None, SIGN, SIGN),
            _norm(rng, "n0", 18),
            Dense("d1", _kernel(rng, 18, 4), None, SIGN, SIGN),
            Dense("host", rng.normal(size=(4, 3)).astype(np.float32), None, None, None),
        ),
    )


def table(outputs: int = 5) -> Table:
    """A convolution with a pooling behind it, and a dense layer."""
    drawing = Drawing("small", (8, 8, 4), "two layers")
    x = drawing.pool("p", drawing.conv("c", drawing.input, outputs=12, size=3), 2, 2)
    return (drawing.dense("d", drawing.flatten(x), outputs=outputs), drawing.table())[1]


NETWORKS = {"dense": dense, "pictures": _pictures, "large": _large}
SYSTEMS = {
    "as it is": System(SMALL, ModelOptions()),
    "psm": System(SMALL, ModelOptions(banks=4), moves="psm"),
    "without refresh": System(SMALL, ModelOptions(refresh=False)),
    "another map": System(SMALL, ModelOptions(), load_map("three-dcc")),
    "three times": System(SMALL, ModelOptions(), mitigation=Mitigation(tmr="time")),
}


def images(network: Network, count: int = IMAGES) -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    if len(network.input_shape) == 3:
        return (rng.integers(0, 256, (count, *network.input_shape)) / 255).astype(np.float32)
    return rng.choice(np.float32([-1, 1]), (count, *network.input_shape))


def told(layers: tuple[LayerRun, ...]) -> list[Any]:
    """All that reports have of layers."""
    return [
        [
            one.name, one.mapping, one.where, one.candidates, one.refused, one.gives_sums,
            one.occupancy, one.ledger.system.moves,
            [(one.ledger.counts(phase), one.ledger.cost(phase)) for phase in PHASES],
            one.ledger.cost_together(PHASES, refresh=True),
        ]
        for one in layers
    ]  # fmt: skip


def ran(name: str, mapping: str, system: System, chain: str = "auto", **how: Any) -> Any:
    network = NETWORKS[name]()
    encoding = ENCODINGS["unit" if len(network.input_shape) == 3 else "bipolar"]
    done = run(network, images(network), encoding, system, mapping, chain=chain, **how)
    operands = [one.operands(layer.name) for one in done.chains for layer in done.layers]
    chains = [(one.found, one.text) for one in done.chains]
    return done.logits.tolist(), done.bit_exact, told(done.layers), chains, operands


def costed(name: str, mapping: str, system: System, chain: str = "auto") -> Any:
    network = NETWORKS[name]()
    encoding = ENCODINGS["unit" if len(network.input_shape) == 3 else "bipolar"]
    done = estimate.of_network(network, encoding, IMAGES, system, mapping, chain=chain)
    return told(done.layers), [(one.found, one.text) for one in done.chains]


def fresh(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be as a process without records; return where they will be."""
    monkeypatch.setenv(VARIABLE, str(folder / "kept"))
    monkeypatch.setattr(division, "_EXCHANGES", 10)  # which take most of the time
    forget(monkeypatch)
    return folder / "kept"


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be as a process that has planned nothing yet."""
    monkeypatch.setattr(known, "PLANS", Known(size_bytes=48 << 20))
    monkeypatch.setattr(division, "DIVISIONS", Known(size_bytes=16 << 20))


def only_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be as another process, which must plan and book nothing itself."""

    def planned(*_: object) -> None:
        raise AssertionError("nothing must be planned where a plan was kept")

    forget(monkeypatch)
    for module, what in ((planning, "select"), (known, "attempt"), (division, "_cheapest")):
        monkeypatch.setattr(module, what, planned)
    monkeypatch.setattr("bnn.system.ledger.CommandLedger._note", planned)


def only_tapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be as another process, which must not even look at programs."""

    def seen(*_: object, **__: object) -> None:
        raise AssertionError("no stream must be made where its tape was kept")

    only_records(monkeypatch)
    for what in ("renamed", "unpacked"):
        monkeypatch.setattr(known, what, seen)
    for what in ("deeds", "tape", "read"):
        monkeypatch.setattr(Stream, what, seen)
    monkeypatch.setattr(stream_tapes, "write", seen)


def held(folder: Path) -> dict[str, Any]:
    """What lies in a folder: by kind of record, its name and its content."""
    kinds = {"selection": "plan", "plans": "programs"}
    shelf, found = Shelf(folder), {}
    for path in folder.iterdir():
        value = shelf.get(path.stem)
        (kind,) = {kinds.get(key, "tapes") for key in value if key in kinds} or {"tapes"}
        assert kind not in found
        found[kind] = path, value
    return found
