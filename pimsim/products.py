"""Commands, time and energy of a binary product, for several ways to count products.

A product has one bit of an operand and a weight of -1 or +1. Its cost includes its share of
counting, of adding up the counts of several subarrays, and of comparing the sum with a threshold,
as in a run of a layer. A row command works on all columns, so it computes as many products as a row
has columns. Moving a row from one subarray to another is not a row command, but takes time and
energy: the row is read and written over the channel.

>>> weights = np.random.default_rng(0).choice([-1, 1], (8, 64))
>>> for way in folded(weights):
...     print(way.name, round(way.commands_per_product, 2))
full adders 8.23
chains 6.36
output tree 2.12
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pimsim.cost import price
from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap
from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.timeline.command_stream import Run, Segment, issue_order, row_cycle
from pimsim.errors import InputError, OutOfRowsError
from pimsim.microprogram.divided import ands, full_adders, xnors
from pimsim.microprogram.output_tree.grouping import climbed, clustered
from pimsim.microprogram.output_tree.layer import GroupProgram, Layer
from pimsim.microprogram.output_tree.tree import Tree, leaves

MOST_GROUP = 8
"""Most outputs of a group that are tried; larger groups have never been better."""
_SPARE = 24
"""Least number of data rows beside operands; parts with fewer are not tried."""

Told = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Products:
    """A way to count products, and its cost."""

    name: str
    summary: str
    products: int
    """Products of a column: outputs times fan-in times bits, without weights of 0."""
    aap: int
    """ACTIVATE-ACTIVATE-PRECHARGEs of all products."""
    ap: int
    """ACTIVATE-PRECHARGEs of all products."""
    data_rows: int
    """Most data rows that a subarray needs."""
    subarrays: int = 1
    """Subarrays that share the fan-in."""
    group: int = 1
    """Outputs that share a stream of commands."""
    rows_moved: int = 0
    """Rows moved from one subarray to another, for all products; they are not row commands."""

    @property
    def commands_per_product(self) -> float:
        """AAP and AP."""
        return (self.aap + self.ap) / self.products

    @property
    def acts_per_product(self) -> float:
        """Activations: two for each AAP and one for each AP. tFAW limits their rate."""
        return (2 * self.aap + self.ap) / self.products

    def cost(self, standard: Standard, options: ModelOptions) -> tuple[float, float]:
        """Return latency in ps and energy in pJ of a product, if all banks do the same.

        Moved rows are read and written completely. APs are assumed to be spread evenly among AAPs.
        """
        often = max(1, self.ap)
        each, rest = divmod(self.aap, often)
        runs = [Run(((Kind.AAP, each), (Kind.AP, 1)) if self.ap else ((Kind.AAP, each),), often)]
        if rest:
            runs.append(Run(((Kind.AAP, rest),), 1))
        bursts = -(-standard.columns // (8 * standard.burst_bytes))
        if self.rows_moved:
            runs += [Run(row_cycle(kind, bursts), self.rows_moved) for kind in (Kind.RD, Kind.WR)]
        banks = issue_order(standard, range(options.banks))
        total = price([Segment(tuple(runs), banks)], standard, options)
        products = self.products * standard.columns * options.banks
        return total.latency_ps / products, total.total_pj / products


def folded(
    weights: NDArray[np.integer[Any]],
    *,
    planes: int = 1,
    data_rows: int = 1006,
    address_map: AddressMap = DEFAULT_MAP,
    minimise: str = "commands",
    tries: int = 0,
    seed: int = 0,
    told: Told | None = None,
) -> Iterator[Products]:
    """Yield the ways to count with weights in the command stream, the published one first.

    Args:
        weights: ``(outputs, fan-in)`` of -1, 0 and +1.
        planes: bits of an operand.
        data_rows: data rows of a subarray.
        address_map: address map of the subarrays.
        minimise: ``commands`` or ``activations``.
        tries: number of exchanges of outputs between groups.
        seed: seed of the exchanges.
        told: called with the name of a task, how much of it is done, and how much there is.

    Raises InputError if operands do not fit, or for other weights.
    """
    if weights.ndim != 2 or not weights.size or not np.isin(weights, (-1, 0, 1)).all():
        raise InputError("`weights` must be a table of -1, 0 and +1: (outputs, fan-in)")
    outputs = len(weights)
    products = np.count_nonzero(weights) * planes
    if not products:
        raise InputError("`weights` must not all be 0")
    yield _published(weights, planes, products, data_rows, address_map)
    for name, summary, most in (
        ("chains", "six commands an adder, one output at a time", 1),
        ("output tree", "an adder serves the outputs of a group", MOST_GROUP),
    ):
        layer, groups, size = _layer(weights, planes, data_rows, address_map, minimise, most)
        if tries and most > 1:
            groups = _climbed(layer, groups, tries, seed, told)
        made: list[GroupProgram] = []
        for number, group in enumerate(groups):
            if told is not None:
                told(name, number, len(groups))
            made.append(layer.program(group))
        ap = sum(one.ap for one in made)
        yield Products(
            name, summary, products, sum(one.commands for one in made) - ap, ap,
            data_rows=max(one.rows for one in made),
            subarrays=layer.parts,
            group=min(size, outputs),
            rows_moved=sum(one.moves for one in made),
        )  # fmt: skip


def rows(
    fan_in: int, *, data_rows: int = 1006, address_map: AddressMap = DEFAULT_MAP
) -> Iterator[Products]:
    """Yield the ways to count products of two rows, the published one first.

    Args:
        fan_in: products of an output.
        data_rows: data rows of a subarray.
        address_map: address map of the subarrays.
     Raises InputError if operands do not fit.
    """
    for name, summary, count in (
        ("XNOR, full adders", "a product, then the published count", xnors),
        ("AND, chains", "ones of x AND w, those of x and of w being known", ands),
    ):
        taken = count(fan_in, data_rows=data_rows, address_map=address_map)
        yield Products(
            name, summary, fan_in, taken.aap, taken.ap,
            data_rows=taken.rows, subarrays=taken.parts, rows_moved=taken.moved,
        )  # fmt: skip


def _published(
    weights: NDArray[np.integer[Any]],
    planes: int,
    products: int,
    data_rows: int,
    address_map: AddressMap,
) -> Products:
    """One output after the other, by full adders as in SIMDRAM."""
    parts = aap = ap = moved = highest = 0
    for number, times in Counter(np.count_nonzero(weights, axis=1).tolist()).items():
        taken = full_adders(number, planes, data_rows=data_rows, address_map=address_map)
        aap, ap = aap + times * taken.aap, ap + times * taken.ap
        moved, highest = moved + times * taken.moved, max(highest, taken.rows)
        parts = max(parts, taken.parts)
    return Products(
        "full adders", "eight commands an adder, one output at a time", products,
        aap, ap, data_rows=highest, subarrays=parts, rows_moved=moved,
    )  # fmt: skip


def _layer(
    weights: NDArray[np.integer[Any]],
    planes: int,
    data_rows: int,
    address_map: AddressMap,
    minimise: str,
    most: int,
) -> tuple[Layer, list[Tree], int]:
    """The layer and its groups: as few subarrays and as large groups as rows allow."""
    # half of the largest sum, as if operands of -1 and +1 were compared with 0
    least = -((1 - (1 << planes)) * weights.sum(axis=1, dtype=np.int64) // 2)
    parts = -(-weights.shape[1] * planes // max(1, data_rows - _SPARE))
    best: tuple[int, Layer, list[Tree], int] | None = None
    refusal: OutOfRowsError | None = None
    for number in (parts, parts + 1):
        if number > weights.shape[1]:
            continue
        layer = Layer(
            weights, least, planes=planes, parts=number, data_rows=data_rows,
            address_map=address_map, minimise=minimise,
        )  # fmt: skip
        size = most
        while size:
            groups = clustered(weights, size)
            # the remainder comes last, so the sample has the first and the last
            sample = [groups[0], groups[-1]] if len(groups) > 1 else groups
            try:
                spent = sum(_spent(layer, layer.program(group)) for group in sample)
            except OutOfRowsError as error:
                refusal = error
            else:
                counted = [one for group in sample for one in leaves(group)]
                each = spent * 1000 // max(1, np.count_nonzero(weights[counted]))
                if best is None or each < best[0]:
                    best = each, layer, groups, size
            size //= 2
    if best is None:
        raise refusal or OutOfRowsError("`data_rows` must hold the operands")
    return best[1:]


def _spent(layer: Layer, made: GroupProgram) -> int:
    return made.activations if layer.minimise == "activations" else made.commands


def _climbed(
    layer: Layer, groups: list[Tree], tries: int, seed: int, told: Told | None
) -> list[Tree]:
    def progress(done: int, of: int) -> None:
        if told is not None:
            told("exchanging outputs", done, of)

    def cost(tree: Tree) -> int:
        try:
            return _spent(layer, layer.program(tree))
        except OutOfRowsError:  # too many rows for this group: never kept
            return 1 << 60

    return climbed(groups, cost, tries, np.random.default_rng(seed), progress)
