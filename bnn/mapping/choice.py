"""Choosing a mapping for every layer by what it would cost.

A layer is laid out and booked under every mapping there is, for as many images as will be run, on a
timeline of its own; nothing is executed. The one with the least latency, energy, or product of both
is taken. Weights that are written once, however many images follow, do not count. Mappings that
leave counting to the host do not take part: what it takes there is not costed, so they would win.

>>> names()[-3:]
('auto', 'auto-latency', 'auto-energy')
"""

from __future__ import annotations

from collections.abc import Callable

from bnn.machine import Machine
from bnn.mapping import MAPPINGS, Mapping
from bnn.stage import Stage
from pimsim.cost import Cost
from pimsim.errors import InputError, OutOfRowsError, PimsimError

PER_PASS = ("inputs", "compute")
"""Phases that every pass over images goes through."""

IN_DRAM = "in DRAM"

OBJECTIVES: dict[str, Callable[[Cost], float]] = {
    "auto": lambda cost: cost.latency_ps * cost.total_pj,
    "auto-latency": lambda cost: cost.latency_ps,
    "auto-energy": lambda cost: cost.total_pj,
}
"""What each way of choosing keeps small."""

Choose = Callable[[Stage, Machine, int, int], Mapping]
"""Gives the mapping of a stage for a machine, so many images, and how many outputs each of its own
stands for (see :meth:`bnn.mapping.work.Mapping.draft`)."""


def candidates() -> dict[str, Mapping]:
    """Mappings that are chosen among, by name."""
    return {name: one for name, one in MAPPINGS.items() if one.popcount == IN_DRAM}


def popcount(name: str) -> str:
    """Where ones are counted, for reports."""
    return MAPPINGS[name].popcount if name in MAPPINGS else IN_DRAM


def names() -> tuple[str, ...]:
    """What a mapping may be asked for as: the mappings, and the ways to choose among them."""
    return *MAPPINGS, *OBJECTIVES


def chooser(name: str) -> Choose:
    """How stages get their mappings.

    Args:
        name: one of :func:`names`.

    Raises:
        InputError: another name.
    """
    if name in MAPPINGS:
        return lambda stage, machine, images, each: MAPPINGS[name]
    if name not in OBJECTIVES:
        raise InputError(f"`mapping` must be one of {', '.join(names())}, not {name!r}")
    objective = OBJECTIVES[name]

    def least(stage: Stage, machine: Machine, images: int, each: int) -> Mapping:
        found: dict[str, float] = {}
        refused: PimsimError | None = None
        for one, mapping in candidates().items():
            try:
                found[one] = objective(_cost(mapping, stage, machine, images, each))
            except (InputError, OutOfRowsError) as error:
                refused = refused or error
        if not found:
            raise refused or ValueError("there must be a mapping")
        return MAPPINGS[min(found, key=found.__getitem__)]

    return least


def _cost(mapping: Mapping, stage: Stage, machine: Machine, images: int, each: int) -> Cost:
    """What a stage would cost on a machine like ``machine``, alone."""
    books = Machine(
        machine.standard, machine.switches, moves=machine.moves, mitigation=machine.mitigation
    )
    mapping.draft(stage, books, images, each=each)(books)
    books.finish()
    inputs, compute = (books.cost(phase) for phase in PER_PASS)
    return inputs + compute
