"""One function for all variants of a step, with what differs moved into masks.

The full adder with a complemented operand is the plain one with a mask on that operand; an OR is an
AND with masks on operands and result. A mask is a bit that depends on the output alone, so outputs
with different weights share one piece of machine code. Where masks cannot express the difference,
all variants are computed and a mask chooses.

>>> from pimsim.executors.compiled.lower.symbolic import Graph, PlaceKind
>>> from pimsim.microprogram.logic import AND, OR
>>> slots = {name: (PlaceKind.ROW, k) for k, name in enumerate(AND.symbols)}
>>> both = [Graph(program.commands, slots, program.address_map) for program in (AND, OR)]
>>> one = unify(both, [(PlaceKind.ROW, 2)])
>>> [f"{tt:04b}" for tt, _ in one.nodes], one.input_masks, one.result_masks
(['1000'], ((0, 0), (1, 1)), ((0,), (1,)))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import permutations

from pimsim.executors.compiled.lower.symbolic import (
    FunctionNetwork,
    Graph,
    PlaceKind,
    SymbolPlace,
    applied,
)

_MAX_TABLE = 6
_MAX_DUAL = 4
_CHOOSE = 0b1100_1010  # operand 2 ? operand 1 : operand 0


@dataclass(frozen=True, eq=False)
class StepFunction:
    """Values written by a step, from the values it reads.

    Values are numbered: inputs, then immediates (masks as values), then nodes.
    """

    inputs: tuple[SymbolPlace, ...]
    immediates: int
    nodes: tuple[tuple[int, tuple[int, ...]], ...]
    results: tuple[tuple[SymbolPlace, int], ...]
    """Places and their values."""
    input_masks: tuple[tuple[int, ...], ...]
    """Per variant: inputs that are complemented first."""
    result_masks: tuple[tuple[int, ...], ...]
    """Per variant: results that are complemented last."""
    immediate_masks: tuple[tuple[int, ...], ...]
    """Per variant."""
    duals: dict[int, int] = field(default_factory=dict)
    """Sets of inputs whose complement only complements results, as bit sets, with those results."""
    symmetric: bool = False
    """Whether inputs may be exchanged."""

    @cached_property
    def input_sites(self) -> tuple[int, ...]:
        """Where inputs come from, see :func:`sites`."""
        return sites(self.inputs)

    @cached_property
    def input_columns(self) -> tuple[tuple[int, ...], ...]:
        """Per input, variants for which it is complemented first."""
        return tuple(zip(*self.input_masks, strict=True))

    @cached_property
    def result_columns(self) -> tuple[tuple[int, ...], ...]:
        """Per result, variants for which it is complemented last."""
        return tuple(zip(*self.result_masks, strict=True))

    @cached_property
    def result_sites(self) -> tuple[int, ...]:
        """Where results go."""
        return sites(place for place, _ in self.results)


CLASH_SITE = -1 << 30


def sites(places: Iterable[SymbolPlace]) -> tuple[int, ...]:
    """Places as numbers: those of names from 0, those of cells from -1 down; or ``CLASH_SITE``."""
    cells = {PlaceKind.CELL: -1, PlaceKind.CLASH: CLASH_SITE}
    return tuple(n if kind == PlaceKind.ROW else cells[kind] - n for kind, n in places)


def unify(graphs: Sequence[Graph], places: Sequence[SymbolPlace]) -> StepFunction:
    """One function that gives ``places`` as every one of ``graphs`` leaves them.

    Raises ValueError for a graph that was refused.
    """
    if any(graph.refused for graph in graphs):
        raise ValueError("`graphs` must not write constants")
    networks = [
        graph.network([graph.written.get(p, graph.before(p)) for p in places]) for graph in graphs
    ]
    inputs = tuple(sorted({place for network in networks for place in network.inputs}))
    networks = [_widened(network, inputs) for network in networks]
    if len(inputs) > _MAX_TABLE:
        return _chosen(networks, places)
    tables = [_tables(network) for network in networks]
    found = [_masks(tables[0], table, len(inputs)) for table in tables]
    masks = [each for each in found if each is not None]
    if len(masks) < len(found):
        return _chosen(networks, places)
    first = networks[0]
    small = len(inputs) <= _MAX_DUAL
    return StepFunction(
        inputs,
        0,
        first.nodes,
        tuple(zip(places, first.results, strict=True)),
        tuple(each[0] for each in masks),
        tuple(each[1] for each in masks),
        ((),) * len(networks),
        _duals(tables[0], len(inputs)) if small else {},
        small and _symmetric(tables[0], inputs),
    )


def _widened(network: FunctionNetwork, inputs: tuple[SymbolPlace, ...]) -> FunctionNetwork:
    """The same network with more ``inputs``, among them its own."""
    place = [inputs.index(each) for each in network.inputs]
    place += range(len(inputs), len(inputs) + len(network.nodes))
    return FunctionNetwork(
        inputs,
        tuple((table, tuple(place[i] for i in operands)) for table, operands in network.nodes),
        tuple(place[i] for i in network.results),
    )


def _tables(network: FunctionNetwork) -> list[int]:
    """Truth tables of the results over all inputs."""
    count = len(network.inputs)
    rows = 1 << count
    values = [sum(1 << row for row in range(rows) if row >> i & 1) for i in range(count)]
    for table, operands in network.nodes:
        values.append(applied(table, [values[operand] for operand in operands], rows))
    return [values[i] for i in network.results]


def _masked(table: int, flipped: int, count: int) -> int:
    """The function of inputs of which the set ``flipped`` is complemented first."""
    return sum((table >> (row ^ flipped) & 1) << row for row in range(1 << count))


def _masks(
    canonical: list[int], wanted: list[int], count: int
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    every = (1 << (1 << count)) - 1
    for flipped in sorted(range(1 << count), key=lambda s: (s.bit_count(), s)):
        results = []
        for have, want in zip(canonical, wanted, strict=True):
            masked = _masked(have, flipped, count)
            if masked == want:
                results.append(0)
            elif masked ^ every == want:
                results.append(1)
            else:
                break
        else:
            return tuple(flipped >> i & 1 for i in range(count)), tuple(results)
    return None


def _duals(tables: list[int], count: int) -> dict[int, int]:
    found = {}
    for flipped in range(1 << count):
        inputs = tuple(flipped >> i & 1 for i in range(count))
        masked = [_masked(table, flipped, count) for table in tables]
        every = (1 << (1 << count)) - 1
        results = [have ^ want for have, want in zip(masked, tables, strict=True)]
        if all(each in (0, every) for each in results):
            found[sum(bit << i for i, bit in enumerate(inputs))] = sum(
                bool(each) << i for i, each in enumerate(results)
            )
    return found


def _symmetric(tables: list[int], inputs: tuple[SymbolPlace, ...]) -> bool:
    if len(inputs) < 2 or any(kind != PlaceKind.ROW for kind, _ in inputs):
        return False
    count = len(inputs)
    for order in permutations(range(count)):
        for table in tables:
            for row in range(1 << count):
                other = sum((row >> i & 1) << j for i, j in enumerate(order))
                if (table >> row & 1) != (table >> other & 1):
                    return False
    return True


def _chosen(networks: Sequence[FunctionNetwork], places: Sequence[SymbolPlace]) -> StepFunction:
    """All variants side by side; immediate v - 1 chooses variant v over those before it."""
    inputs, variants = networks[0].inputs, len(networks)
    first_node = len(inputs) + variants - 1
    nodes: list[tuple[int, tuple[int, ...]]] = []
    columns: list[list[int]] = []
    for network in networks:
        shift = first_node + len(nodes) - len(inputs)

        def moved(value: int, shift: int = shift) -> int:
            return value if value < len(inputs) else value + shift

        nodes += [(table, tuple(map(moved, operands))) for table, operands in network.nodes]
        columns.append([moved(value) for value in network.results])
    results = []
    for place, *values in zip(places, *columns, strict=True):
        chosen = values[0]
        for immediate, value in enumerate(values[1:], start=len(inputs)):
            if value != chosen:
                nodes.append((_CHOOSE, (chosen, value, immediate)))
                chosen = first_node + len(nodes) - 1
        results.append((place, chosen))
    none = ((0,) * len(inputs),) * variants
    return StepFunction(
        inputs,
        variants - 1,
        tuple(nodes),
        tuple(results),
        none,
        ((0,) * len(places),) * variants,
        tuple(tuple(int(v == i + 1) for i in range(variants - 1)) for v in range(variants)),
    )


def settle(
    function: StepFunction, extra: Sequence[int], inside: int, every: int
) -> tuple[Sequence[int], list[int]]:
    """Complement inputs so that few complements of inputs in registers remain.

    Complements that pass through a function to its results need no work.

    Args:
        function: what is computed.
        extra: for each input, the outputs for which it must be complemented, a set as in
            :mod:`pimsim.microprogram.bitsets`.
        inside: bit set of the inputs that are in registers.
        every: all outputs.

    Returns:
        The remaining complements of each input, and the resulting ones of each result.
    """
    results = [0] * len(function.results)
    at_hand = [i for i in range(len(extra)) if inside >> i & 1 and extra[i]]
    if not function.duals or not at_hand:
        return extra, results
    codes = {0: every}
    for i in at_hand:
        wanted = extra[i]
        parts = {code: some & ~wanted for code, some in codes.items()}
        parts |= {code | 1 << i: some & wanted for code, some in codes.items()}
        codes = {code: some for code, some in parts.items() if some}
    remaining = list(extra)
    for code, some in codes.items():
        inputs, outputs = _choice(function, inside, code)
        for i in range(len(remaining)):
            if inputs >> i & 1:
                remaining[i] ^= some
        for number in range(len(results)):
            if outputs >> number & 1:
                results[number] |= some
    return remaining, results


@cache
def _choice(function: StepFunction, inside: int, code: int) -> tuple[int, int]:
    """Inputs to complement if those of ``code`` must be, and results that are then."""
    best = min(
        function.duals,
        key=lambda s: (((s ^ code) & inside).bit_count(), (s & ~inside).bit_count(), s),
    )
    return best, function.duals[best]
