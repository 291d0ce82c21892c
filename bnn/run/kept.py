"""Plans of networks that an earlier process made, with the results of booking them.

A plan depends on the network, the DRAM, the number of images, the options, and the code that plans.
All of that is part of the name of its record. A record has the mapping of every stage and what
other mappings would take, how stages are chained, and the books. Two more records have the programs
of groups of outputs, and the tapes that were written of them; programs are only read where tapes do
not suffice. Everything else is made again from these, by the same code as at first. The cost of
streaming over the channel, for baselines, is kept in the same way.

No plan is kept where commands go wrong, where they are recorded, and where activations are counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from bnn.backends import stream_tapes
from bnn.backends.stream_tapes import StreamTapes
from bnn.mapping.dataflows.output_tree import division
from bnn.model.network import Network
from bnn.system.ledger import CommandLedger
from bnn.system.system import System
from bnn.values.encoding import Encoding
from pimsim.cost import Cost, Elapsed
from pimsim.dram.commands import CommandCounts
from pimsim.kept import LARGEST_BYTES, PACKAGE, Shelf, digest, sources
from pimsim.microprogram.output_tree import known
from pimsim.remembered import Source

if TYPE_CHECKING:
    from bnn.tables.graph import Table

_Value = TypeVar("_Value")


_BROKEN = ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError
"""What comes of a record that does not have what a record has."""


class Record:
    """What is kept of a plan.

    Args:
        name: of the record.
        found: what is in it; None if there is none.
        laid_out: stages will be laid out again, and what planners work out from now on is noted for
            a record that is not there yet.

    """

    def __init__(
        self, name: str, found: Mapping[str, Any] | None, *, laid_out: bool = True
    ) -> None:
        self.name, self.found = name, found
        self._room = LARGEST_BYTES if laid_out else 0
        self._plans = None if found else known.PLANS.notes(self._room)
        self._divisions = None if found else division.DIVISIONS.notes(self._room)
        self._laid_out = laid_out
        self._source = Source(self._give_programs)
        if found and laid_out:
            known.PLANS.ask(self._source)

    def keep(self, selection: Mapping[str, Any], ledgers: Sequence[CommandLedger]) -> None:
        """Keep what was not found of a plan whose ledgers are complete."""
        noted, self._plans = self._plans, None
        plans = {} if noted is None or not self._laid_out else noted.values
        if plans:
            Shelf.own().put(self._programs, known.packed(_in_order(plans)))
        if self._divisions is None:
            return
        noted_divisions, self._divisions = self._divisions, None
        divisions = noted_divisions.values if self._laid_out else {}
        if plans is None or divisions is None:
            return
        books = [
            {
                phase: [astuple(counts), astuple(elapsed)]
                for phase, (counts, elapsed) in ledger.books().items()
            }
            for ledger in ledgers
        ]
        value = {"selection": selection, "divisions": _in_order(divisions), "books": books}
        Shelf.own().put(self.name, value)

    @property
    def _programs(self) -> str:
        """Name of the record of programs."""
        return digest(self.name, "programs")

    def _give_programs(self) -> None:
        """Give kept programs to the planner; if there are none, note those that it makes."""
        try:
            plans = known.unpacked(Shelf.own().get(self._programs))
            for key, planned in plans.items():
                known.PLANS.give(key, planned, known.size_bytes(planned))
        except _BROKEN:
            self._plans = known.PLANS.notes(self._room)

    def tapes(self, *, looking: bool) -> Tapes:
        """Return the tapes that were kept of its stages; ``looking`` says if digits are read."""
        return Tapes(digest(self.name, "tapes", looking))

    def settle(self, ledgers: Sequence[CommandLedger]) -> None:
        """Fill the ledgers of a plan that was found."""
        if self.found is None:
            return
        for ledger, phases in zip(ledgers, self.found["books"], strict=True):
            ledger.settle(
                {
                    phase: (CommandCounts(*counts), Elapsed(*elapsed))
                    for phase, (counts, elapsed) in phases.items()
                }
            )


class Tapes:
    """Tapes of stages: found in a record, or else written and kept.

    Args:
        name: of the record.

    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._found: Mapping[str, StreamTapes] | None = None
        self._written: dict[str, StreamTapes] = {}
        self._left = LARGEST_BYTES
        with suppress(*_BROKEN):
            self._found = stream_tapes.unpacked(Shelf.own().get(name))

    def of(self, stage: str, write: stream_tapes.Make) -> StreamTapes:
        """Return the tapes of a stage, by its name."""
        found = None if self._found is None else self._found.get(stage)
        if found is not None:
            return found
        written = write()
        self._left -= stream_tapes.size_bytes(written)
        if self._found is None and self._left >= 0:
            self._written[stage] = written
        else:
            self._written.clear()
        return written

    def keep(self) -> None:
        """Keep those that were written, if all of them were."""
        if self._written and self._left >= 0:
            Shelf.own().put(self._name, stream_tapes.packed(self._written))
        self._written.clear()


def _in_order(values: dict[str, _Value]) -> dict[str, _Value]:
    """The same by keys, whichever thread came first."""
    return dict(sorted(values.items(), key=lambda one: one[0]))


def record(
    network: Network,
    encoding: Encoding | None,
    images: int,
    system: System,
    mapping: str,
    chain: str,
) -> Record | None:
    """Return the record of a plan, for arguments see :func:`bnn.run.plan.plan`.

    None if it is not to be kept, or if it cannot be said what the network depends on.
    """
    return _record(system, network, encoding, images, system, mapping, chain)


def record_of_table(table: Table, images: int, system: System, mapping: str) -> Record | None:
    """Return likewise the record of a table, see :func:`bnn.run.estimate.of_table`.

    Where it is found, no stage is laid out.
    """
    return _record(system, "table", table, images, system, mapping, laid_out=False)


def _record(system: System, *depends: Any, laid_out: bool = True) -> Record | None:
    """The record of a plan on a system, which depends on so much besides code."""
    if system.faults is not None or system.counter is not None:
        return None
    shelf = Shelf.own()
    if not shelf.open:
        return None
    try:
        name = digest(code(), *depends)
    except (OSError, TypeError):
        return None
    found = shelf.get(name)
    if found is not None:
        try:
            _remember(found)
        except _BROKEN:
            found = None
    return Record(name, found, laid_out=laid_out)


def cost(name: Sequence[Any], work_out: Callable[[], Cost]) -> Cost:
    """Return a cost that an earlier process has kept, or work it out and keep it.

    ``name`` says all that it depends on besides code.
    """
    shelf, key = Shelf.own(), None
    if shelf.open:
        with suppress(OSError, TypeError):
            key = digest(code(), "cost", *name)
    found = None if key is None else shelf.get(key)
    if isinstance(found, dict) and found.keys() == {"latency_ps", "energy_pj", "refreshes"}:
        return Cost(**found)
    worked_out = work_out()
    if key is not None:
        parts = {one.name: getattr(worked_out, one.name) for one in fields(worked_out)}
        shelf.put(key, {**parts, "energy_pj": dict(worked_out.energy_pj)})
    return worked_out


def _remember(found: Mapping[str, Any]) -> None:
    """Give the contents of a record to the planners."""
    if found.keys() != {"selection", "divisions", "books"}:
        raise ValueError("a record must have all parts of a plan")
    for key, value in found["divisions"].items():
        division.DIVISIONS.give(key, value, 0)


@cache
def code() -> list[str]:
    """All that plans and costs depend on besides what they are of; OSError if it cannot be read."""
    folders = PACKAGE, Path(__file__).parents[1]
    return [sources(folders), sys.version, np.__version__, sys.byteorder]
