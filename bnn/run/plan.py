"""A network, planned for a system: its stages, the mapping of each, and which are chained."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bnn.lowering.stage import HostStage, Stage
from bnn.mapping.chain import choice as chains
from bnn.mapping.chain.layout import Layout
from bnn.mapping.choice import advised
from bnn.mapping.mapped_stage import Mapping
from bnn.mapping.selection import Selection, select
from bnn.model.network import Network
from bnn.run.walk import LayerRun, Step, open_ledgers
from bnn.system.ledger import CommandLedger
from bnn.system.system import System
from bnn.values.encoding import Encoding
from pimsim.documents import nearest
from pimsim.dram.array.faults import MAJORITY, Faults
from pimsim.dram.traces.trace import Trace
from pimsim.errors import InputError

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

    def apart(self) -> Iterator[tuple[Stage, Mapping, CommandLedger]]:
        """Yield every stage in DRAM that is in no chain, its mapping and its ledger."""
        held = {name for names, _, _ in self.chained() for name in names}
        for stage, ledger in zip(self.selected.stages, self.ledgers, strict=True):
            if isinstance(stage, Stage) and stage.name not in held:
                yield stage, self.selected.taken[stage.name], ledger

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
                stage.name, stage.macs, stage.weights, 32, inputs, outputs, ledger,
                refused=stage.refused,
            )  # fmt: skip
        return LayerRun(
            stage.name,
            stage.macs,
            int(stage.weights[0].size),
            stage.planes,
            int(np.prod(stage.shape)),
            stage.windows.positions * stage.outputs,
            ledger,
            self.selected.taken[stage.name].name,
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
    traces: Sequence[Trace] = (),
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
        chain: whether dense stages are chained, of :data:`bnn.mapping.chain.choice.CHAINING`.
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
    with advised(mapping):
        selected = select(mapping, network, encoding, system, images, chain)
    ledgers = open_ledgers(system, _reached(selected.stages, system.faults, faulty), traces)
    return Plan(network, images, selected, ledgers)


def _opening(faults: Faults, activation_rows: int) -> Faults:
    """The same faults where a majority opens so many rows."""
    if faults.rows not in (MAJORITY, activation_rows):
        raise InputError(
            f"faults must be those of {activation_rows} rows, the `activation_rows`, "
            f"not of {faults.rows}"
        )
    return replace(faults, rows=activation_rows)


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
