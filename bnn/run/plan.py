"""A network, planned for a system, and its layers carried out one after the other on one timeline.

A network may be run, or only booked, with weights or as a table of shapes. These differ in what is
done for a layer. The order of layers, their ledgers and the form of the results are the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bnn.lowering.stage import HostStage, Stage
from bnn.mapped.mapped_stage import MappedStage, Result
from bnn.mapping.chain import choice as chains
from bnn.mapping.chain.layout import Layout
from bnn.mapping.choice import Candidate, advised
from bnn.mapping.selection import Selection, select, selected
from bnn.model.network import Network
from bnn.run import kept
from bnn.system.ledger import CommandLedger
from bnn.system.system import Occupancy, System
from bnn.values.encoding import Encoding
from pimsim.documents import nearest
from pimsim.dram.array.faults import MAJORITY, Faults
from pimsim.dram.timeline.timeline import Timeline
from pimsim.errors import InputError

if TYPE_CHECKING:
    from bnn.reference.checker import SumChecker
    from pimsim.dram.traces.recorder import Target


@dataclass(frozen=True, slots=True, eq=False)
class LayerRun:
    """The cost of one layer, or of several layers that the DRAM or the host computes together."""

    name: str
    macs: int
    """Multiply-accumulates of an image."""
    weights: int
    """Number of weights."""
    operand_bits: int
    """Bits of an operand: 32 on the host."""
    bits_of_weight: int
    """Bits of a weight: its binary digits, 32 on the host."""
    inputs: int
    """Operands that an image brings in."""
    outputs: int
    """Values that an image gives."""
    ledger: CommandLedger
    """Books of the rank."""
    mapping: str | None = None
    """Name of its mapping; None on the host."""
    gives_sums: bool = False
    """Whether sums are read out of DRAM, not their signs."""
    candidates: tuple[Candidate, ...] = ()
    """What every mapping would have taken; nothing where none was chosen."""
    refused: dict[str, str] = field(default_factory=dict)
    """Layers that could run in DRAM if it had room for them, and why it has none."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Layers that run on the host, and why."""
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


CarryOut = Callable[[Stage | HostStage, LayerRun], LayerRun]
"""Carries out a stage, and books in the ledger of its layer."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is done for every part of a network, and in whose ledger."""

    network: Network
    """Up to its softmax, if it has one."""
    images: int
    selected: Selection
    ledgers: list[CommandLedger]
    """Ledgers of the stages."""
    record: kept.Record | None = None
    """What later processes are told of it; None: nothing."""

    def keep(self) -> None:
        """Keep it for later processes, now that all of it is booked."""
        if self.record is not None:
            self.record.keep(self.selected.found, self.ledgers)

    @property
    def choices(self) -> tuple[chains.Choice, ...]:
        """What was chosen for stages that can be chained; nothing if that was not asked for."""
        return tuple(choice for _, choice in self.selected.chains)

    def chained(
        self,
    ) -> Iterator[tuple[tuple[str, ...], Layout, list[CommandLedger]]]:
        """Yield every chain: the names of its stages, where it lies, and their ledgers."""
        for places, choice in self.selected.chains:
            if choice.layout is not None:
                yield choice.names, choice.layout, self.ledgers[places.start : places.stop]

    def mapped(self, stage: Stage, ledger: CommandLedger) -> list[MappedStage]:
        """Lay a stage out under the mapping that was chosen for it."""
        return self.selected.mapped(stage, ledger.system, self.images)

    def apart(self) -> Iterator[tuple[Stage, CommandLedger]]:
        """Yield every stage in DRAM that is in no chain, and its ledger."""
        held = {name for names, _, _ in self.chained() for name in names}
        for stage, ledger in zip(self.selected.stages, self.ledgers, strict=True):
            if isinstance(stage, Stage) and stage.name not in held:
                yield stage, ledger

    def steps(self, carry_out: CarryOut) -> Iterator[Step]:
        """Yield the step of every stage, each of which ``carry_out`` is called for."""
        for stage, ledger in zip(self.selected.stages, self.ledgers, strict=True):
            fetched = stage.fetched if isinstance(stage, HostStage) else 0
            yield Step(self._layer(stage, ledger), partial(carry_out, stage), fetched)

    def _layer(self, stage: Stage | HostStage, ledger: CommandLedger) -> LayerRun:
        if isinstance(stage, HostStage):
            network, (first, *_, last) = self.network, (stage.places[0], *stage.places)
            inputs = sum(int(np.prod(shape)) for shape in network.shapes_before(first))
            outputs = int(np.prod(network.shapes()[last]))
            return LayerRun(
                stage.name, stage.macs, stage.weights, 32, 32, inputs, outputs, ledger,
                refused=stage.refused, reasons=stage.reasons,
            )  # fmt: skip
        return LayerRun(
            stage.name,
            stage.macs,
            int(stage.weights[0].size),
            stage.planes,
            len(stage.weights),
            int(np.prod(stage.shape)),
            stage.windows.positions * stage.outputs,
            ledger,
            self.selected.taken[stage.name].name,
            stage.thresholds is None,
            self.selected.of(stage),
        )


def plan(
    network: Network,
    encoding: Encoding | None,
    images: int,
    system: System,
    mapping: str,
    *,
    chain: str = chains.CHAINING[0],
    traces: Sequence[Target] = (),
    faulty: Collection[str] | None = None,
) -> Plan:
    """Choose how to carry out a network, of which nothing is booked yet.

    Args:
        network: the layers.
        encoding: how its inputs are integers; None leaves a first layer with real inputs to the
            host.
        images: how many.
        system: the DRAM. Nothing is chained where faults are part of it.
        mapping: a mapping, or a way to choose one for every layer, of
            :func:`bnn.mapping.choice.names`.
        chain: whether stages are chained, of :data:`bnn.mapping.chain.choice.CHAINING`.
        traces: what takes every command, in order.
        faulty: layers in DRAM that the faults reach, all if None.

    Raises:
        InputError: unknown mapping, a layer too large for the DRAM, faults in a layer that there is
            not, or in stages that must be chained.
    """
    if system.faults is not None:
        if chain == "always":
            raise InputError(
                "`chain` must be auto or never where faults are injected, not 'always'"
            )
        chain = "never"
        system = replace(system, faults=_opening(system.faults, system.mitigation.activation_rows))
    network = network.before_softmax()
    record = None if traces else kept.record(network, encoding, images, system, mapping, chain)
    with advised(mapping):
        if record is not None and record.found is not None:
            chosen = selected(record.found["selection"], network, encoding, system, images)
        else:
            chosen = select(mapping, network, encoding, system, images, chain)
    ledgers = open_ledgers(system, _reached(chosen.stages, system.faults, faulty), traces)
    if record is not None:
        record.settle(ledgers)
    return Plan(network, images, chosen, ledgers, record)


def _opening(faults: Faults, activation_rows: int) -> Faults:
    """The same faults where a majority opens so many rows."""
    if faults.rows not in (MAJORITY, activation_rows):
        raise InputError(
            f"faults must be those of {activation_rows} rows, the `activation_rows`, "
            f"not of {faults.rows}"
        )
    return faults if faults.rows == activation_rows else replace(faults, rows=activation_rows)


def _reached(
    stages: Sequence[Stage | HostStage], faults: Faults | None, faulty: Collection[str] | None
) -> list[bool]:
    """Stages that faults reach."""
    names = [stage.name for stage in stages if isinstance(stage, Stage)]
    unknown = sorted(set(faulty or ()) - set(names))
    if unknown:
        hint = nearest(unknown[0], tuple(names))
        raise InputError(f"unknown layer in DRAM `{unknown[0]}`{hint}")
    if faults is not None and not names:
        raise InputError("faults must have a layer in DRAM to reach, and there is none")
    return [
        faults is not None and stage.name in (names if faulty is None else faulty)
        for stage in stages
    ]


def open_ledgers(
    system: System, faulty: Sequence[bool], traces: Sequence[Target] = ()
) -> list[CommandLedger]:
    """Return a ledger for every layer, all on one timeline.

    Args:
        system: the DRAM.
        faulty: of each layer, whether the faults of the system reach it.
        traces: what takes every command, in order.
    """
    timeline = Timeline(system.standard, system.options)
    recorder = None
    if traces:
        from pimsim.dram.traces.recorder import Recorder

        recorder = Recorder(system.standard, system.options, traces)
    faultless = system if system.faults is None else replace(system, faults=None)
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
        if layer.where == "host" and not layer.ledger.settled:
            _stream(layer.weights, step.fetched, images, layer.ledger)
        layers.append(step.carry_out(layer))
        started = time.perf_counter()
        layer.ledger.finish()
        scheduling_s += time.perf_counter() - started
    return tuple(layers), scheduling_s


def _stream(weights: int, fetched: int, images: int, ledger: CommandLedger) -> None:
    """Book what the host fetches for layers of its own, in float32.

    Sums of a layer in DRAM are read out with that layer, and operands of a layer in DRAM are
    written with that layer, so neither is booked here.
    """
    if weights:
        ledger.enter("weights")
        ledger.stream(weights * 32)
    if fetched:
        ledger.enter("inputs")
        ledger.stream(images * fetched * 32)
