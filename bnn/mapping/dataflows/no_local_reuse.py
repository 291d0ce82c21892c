"""No local reuse: DRAM multiplies, the host counts.

Columns and weights are those of :mod:`bnn.mapping.dataflows.weight_stationary`: an XNOR multiplies
an activation row with a weight row. But nothing is added up in DRAM. Every row of products is read
over the channel, and the host counts its ones, compares and pools. The data on the channel are
booked, but the host's counting is not.

All columns run one program, which writes products to the rows that operands and weights leave free.
When these are full, they are read out, and the next products take their place.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import Count, MappedStage, ReadBack
from bnn.mapped.placement.fan_in import Chunk
from bnn.mapped.placement.placement import cut
from bnn.mapping.dataflows.resident_weights import (
    Plan,
    Residence,
    constants,
    fitted,
    placed,
    products,
)
from bnn.system.system import System
from pimsim.dram.array.address_map import AddressMap
from pimsim.microprogram.row_program import RowProgram
from pimsim.microprogram.schedule import Schedule

name: str = "no-local-reuse"
summary: str = "columns = (output, image or position); weights in rows; XNOR; the host counts"
popcount: str = "on the host, costed as traffic only"
rank: int = 2


def map_stage(stage: Stage, system: System, images: int) -> list[MappedStage]:
    """Lay the stage out; see :class:`bnn.mapped.mapped_stage.Mapping`."""
    system.mitigation.refuse(name)
    found = fitted(stage, system, lambda chunks: plan(stage, system, chunks), lambda _: 1)
    return placed(stage, system, images, found)


def plan(stage: Stage, system: System, chunks: Sequence[Chunk]) -> Plan:
    """Write what is done in every column; OutOfRowsError if a chunk leaves no row for a product."""
    held, program = Residence(stage, system.data_rows, chunks), RowProgram(1)
    held.write(program)
    program.enter("compute")
    counts = []
    rows = [free.take(1, "products") for free in held.free]
    for place in range(stage.windows.offsets):
        bits: list[tuple[int, int]] = []
        for part, own in enumerate(rows):
            bits += _fetch(program, held, (place, part), own, system.address_map)
        counts.append(Count(place, bits, 0, constants(stage, place)))
    return program, ReadBack(stage.scale, counts, on_host=True), held


def _fetch(
    program: RowProgram,
    held: Residence,
    where: tuple[int, int],
    rows: list[int],
    address_map: AddressMap,
) -> list[tuple[int, int]]:
    """Compute the products of a part, as many at a time as find room, and read them.

    Args:
        program: what it is added to.
        held: where operands and weights are.
        where: place of the pooling window, and part.
        rows: data rows that have held products before; others are taken as long as there are some.
        address_map: of the subarrays.

    Returns the exponent of each product, and the number of what reads it.
    """
    (place, part), first = where, address_map.first_data
    free, bits = held.free[part], []
    every = list(products(held.stage, place, held.chunks[part], held.weights[part].start))
    more = min(len(every) - len(rows), free.left)
    rows += free.take(max(more, 0), "products")
    for some in cut(len(every), len(rows)):
        schedule, fetched = Schedule(1, address_map), list(zip(every[some], rows, strict=False))
        for product, row in fetched:
            operands = {name: first + number for name, number in product.rows.items()}
            schedule.append((product.program,), None, **operands, out=first + row)
        program.run(schedule, part)
        bits += [(product.level, program.read(row, part)) for product, row in fetched]
    return bits
