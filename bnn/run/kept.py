"""Plans of networks that an earlier process made, with the results of booking them.

A plan depends on the network, the DRAM, the number of images, the options, and the code that plans.
All of that is part of the name of its record. A record has the mapping of every stage and what
other mappings would take, how stages are chained, the programs of groups of outputs, and the books.
Everything else is made again from these, by the same code as at first. The cost of streaming over
the channel, for baselines, is kept in the same way.

No plan is kept where commands go wrong, where they are recorded, and where activations are counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bnn.mapping.dataflows.output_tree import division
from bnn.model.network import Network
from bnn.system.ledger import CommandLedger
from bnn.system.system import System
from bnn.tables.graph import Table
from bnn.values.encoding import Encoding
from pimsim.cost import Cost, Elapsed
from pimsim.dram.commands import CommandCounts
from pimsim.kept import LARGEST_BYTES, PACKAGE, Shelf, digest, sources
from pimsim.microprogram.output_tree import known

_Value = TypeVar("_Value")


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
        room = LARGEST_BYTES if laid_out else 0
        self._plans = None if found else known.PLANS.notes(room)
        self._divisions = None if found else division.DIVISIONS.notes(room)
        self._laid_out = laid_out

    def keep(self, selection: Mapping[str, Any], ledgers: Sequence[CommandLedger]) -> None:
        """Keep a plan whose ledgers are complete, unless it was found."""
        if self._plans is None or self._divisions is None:
            return
        plans, divisions = self._plans.values, self._divisions.values
        self._plans = self._divisions = None
        if not self._laid_out:
            plans, divisions = {}, {}
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
        Shelf.own().put(self.name, {**value, "programs": known.packed(_in_order(plans))})

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
        except (ValueError, KeyError, TypeError, AttributeError):
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
    if found.keys() != {"selection", "divisions", "books", "programs"}:
        raise ValueError("a record must have all parts of a plan")
    for key, planned in known.unpacked(found["programs"]).items():
        known.PLANS.give(key, planned, known.size_bytes(planned))
    for key, value in found["divisions"].items():
        division.DIVISIONS.give(key, value, 0)


@cache
def code() -> list[str]:
    """All that plans and costs depend on besides what they are of; OSError if it cannot be read."""
    folders = PACKAGE, Path(__file__).parents[1]
    return [sources(folders), sys.version, np.__version__, sys.byteorder]
