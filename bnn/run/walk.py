"""The layers of a network, carried out one after the other on one timeline.

Running a network, and booking one that is known by its weights or by its shapes alone, differ in
what is done for a layer. In what order, in whose ledger and what comes of it is the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from bnn.mapping.choice import Candidate
from bnn.mapping.stage_inputs import Occupancy, Result
from bnn.mapping.sum_checker import SumChecker
from bnn.system.ledger import CommandLedger
from bnn.system.system import System
from pimsim.dram.timeline.timeline import Timeline
from pimsim.dram.traces.recorder import Recorder
from pimsim.dram.traces.trace import Trace


@dataclass(frozen=True, slots=True, eq=False)
class LayerRun:
    """What one layer, or what the DRAM or the host does of a network in one go, took."""

    name: str
    macs: int
    """Multiply-accumulates of an image."""
    weights: int
    """Number of weights."""
    operand_bits: int
    """Bits of an operand: 32 on the host."""
    inputs: int
    """Operands that an image brings in."""
    outputs: int
    """Values that an image gives."""
    ledger: CommandLedger
    """Books of the rank."""
    mapping: str | None = None
    """Name of its mapping; None on the host."""
    candidates: tuple[Candidate, ...] = ()
    """What every mapping would have taken; nothing where none was chosen."""
    refused: dict[str, str] = field(default_factory=dict)
    """Layers that the DRAM could take, had it room for them, and why it has not."""
    occupancy: Occupancy | None = None
    """How much of the DRAM it takes; None on the host."""
    result: Result | None = None
    """None where nothing was computed in DRAM."""
    checker: SumChecker | None = None
    wall_s: float = 0.0
    """Wall time of computing its values."""

    @property
    def where(self) -> str:
        """``dram`` or ``host``."""
        return "host" if self.mapping is None else "dram"


class Step(NamedTuple):
    """A layer that is to be carried out."""

    layer: LayerRun
    """What is known of it before."""
    carry_out: Callable[[LayerRun], LayerRun]
    """Books in the layer's ledger what is done in DRAM; returns what is known then."""
    fetched: int = 0
    """Numbers that the host fetches for each image for a layer of its own, beside the weights."""


def open_ledgers(
    system: System, faulty: Sequence[bool], traces: Sequence[Trace] = ()
) -> list[CommandLedger]:
    """Return a ledger for every layer, all on one timeline.

    Args:
        system: the DRAM.
        faulty: of each layer, whether the faults of the system reach it.
        traces: what takes every command, in order.
    """
    timeline = Timeline(system.standard, system.options)
    recorder = Recorder(system.standard, system.options, traces) if traces else None
    faultless = replace(system, faults=None)
    return [CommandLedger(system if here else faultless, timeline, recorder) for here in faulty]


def walk(steps: Iterable[Step], images: int) -> tuple[tuple[LayerRun, ...], float]:
    """Carry layers out in order, for so many images.

    Returns:
        What each of them took, and the wall time of scheduling what was put off to its end.
    """
    layers: list[LayerRun] = []
    scheduling_s = 0.0
    for step in steps:
        layer = step.layer
        if layer.where == "host":
            _stream(layer.weights, step.fetched, images, layer.ledger)
        layers.append(step.carry_out(layer))
        started = time.perf_counter()
        layer.ledger.finish()
        scheduling_s += time.perf_counter() - started
    return tuple(layers), scheduling_s


def _stream(weights: int, fetched: int, images: int, ledger: CommandLedger) -> None:
    """Book what the host fetches for layers of its own, in float32.

    Behind a layer in DRAM the sums were read out with that layer, and what a next layer in DRAM
    needs is written with that one.
    """
    if weights:
        ledger.enter("weights")
        ledger.stream(weights * 32)
    if fetched:
        ledger.enter("inputs")
        ledger.stream(images * fetched * 32)
