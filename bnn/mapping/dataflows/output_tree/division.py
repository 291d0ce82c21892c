"""Which outputs share a group, and how a fan-in is divided among subarrays: chosen by cost."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from functools import partial
from itertools import groupby, product
from typing import Any, NamedTuple

import numpy as np

from bnn.backends import account
from bnn.lowering.blocks import in_blocks, shapes
from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.placement.fan_in import Chunk, fewest, fit
from bnn.mapped.placement.placement import tiles_of
from bnn.mapping.dataflows.output_tree.bound import bound
from bnn.mapping.dataflows.output_tree.layout import MOST, Layout, Way, subarrays_of
from bnn.mapping.dataflows.output_tree.room import likeness, require_room
from bnn.system.ledger import ledger_alone
from bnn.system.system import System
from pimsim.errors import InputError, OutOfRowsError, OutOfSubarraysError, PimsimError
from pimsim.kept import digest
from pimsim.microprogram.output_tree import known
from pimsim.microprogram.output_tree.grouping import climbed, clustered, halved
from pimsim.microprogram.output_tree.stream import Stream
from pimsim.microprogram.output_tree.tree import Tree, leaves, numbered
from pimsim.remembered import Known

_EXCHANGES, _FEW_ROWS = 300, 128
"""How many exchanges of outputs between groups are tried, and for up to how many rows: a try takes
a millisecond there. For 9 pixels of 8 bits and 32 outputs, 300 tries save 5 % of the commands."""


DIVISIONS: Known[Any] = Known(size_bytes=16 << 20)
"""The most recent choices, as JSON values: prices, what parts hold, groups, and what fits."""
DIVIDED: Known[list[Chunk]] = Known(size_bytes=1 << 18)
"""What parts hold of the most recent fan-ins: stages often differ in positions alone."""
_CHUNK_BYTES = 200
"""Memory of what a part holds, about."""
_TREE_BYTES = 100
"""Memory of an output of a group, about."""


def cheapest(
    stage: Stage, system: System, images: int, copies: int = 1
) -> tuple[float, Layout, list[Tree]]:
    """Return the cheapest layout, and its groups, judged by a first stream.

    The product of time and energy decides.

    All groups are there ``copies`` times. Blocks of positions are not tried if they would take more
    subarrays than single positions, because digits would be moved between these. If several groups
    of channels share a subarray, groups of outputs are as large as possible.
    """

    def made() -> tuple[Any, int]:
        price, layout, groups = _cheapest(stage, system, images, copies)
        chunks = [(c.channels.start, c.channels.stop, c.places.start, c.places.stop)
                  for c in layout.chunks]  # fmt: skip
        return [price, chunks, layout.way, groups], _TREE_BYTES * stage.outputs

    if system.faults is not None:  # each chip is another
        return _cheapest(stage, system, images, copies)
    key = digest("cheapest", content(stage), replace(system, counter=None), images, copies)
    price, chunks, (apart, planes, block), groups = DIVISIONS.of(key, made)
    way = Way(apart, planes, tuple(block))
    held = [Chunk(slice(a, b), slice(c, d)) for a, b, c, d in chunks]
    shared = _over_all_channels(stage)
    layout = Layout(in_blocks(shared, way.block) if block else shared, system, held, way)
    return price, layout, [_tree(group) for group in groups]


def content(stage: Stage) -> list[Any]:
    """Everything of a stage that planning depends on."""
    return [getattr(stage, one.name) for one in fields(stage) if one.name != "layer"]


def _tree(value: Any) -> Tree:
    """A group, made again from its JSON value."""
    return value if isinstance(value, int) else tuple(_tree(half) for half in value)


def _cheapest(
    stage: Stage, system: System, images: int, copies: int, *, thorough: bool = False
) -> tuple[float, Layout, list[Tree]]:
    """See :func:`cheapest`; ``thorough``: small groups that cannot be cheapest are tried, too."""
    sizes, together = [_trees(stage)], stage.groups > 1
    for _ in range(0 if together else MOST.bit_length() - 1):
        sizes.append(halved(sizes[-1]))
    given, stage = stage, _over_all_channels(stage)
    best: tuple[float, Layout, list[Tree]] | None = None
    refused: PimsimError | None = None
    priced: list[_Takes] = []
    passed: list[_Takes] = []
    every = system.subarrays_per_bank
    for block, some in groupby(ways(stage, system), key=lambda way: way.block):
        shared = in_blocks(stage, block) if block else stage
        most = best[1].subarrays if best and block else every
        seen = set[tuple[Way, int]]()
        least, fitting = 0, set[int]()
        for way, (number, largest) in product(some, enumerate(sizes)):
            if not number:
                if any(parts == 1 for _, parts in seen):
                    break  # no digit is moved
                least, fitting = _fewest(shared, system, way, whole=together), set()
            if subarrays_of(shared, system, least, way) > most and most < every:
                continue
            if number in fitting:
                continue  # has been seen: it fits as few parts
            small = partial(_beaten, shared, system, images, way)
            alone = least > 1 or any(parts == 1 for _, parts in seen)
            if best and alone and not thorough:
                beaten = [small(each, len(each) * copies, best[0]) for each in sizes[number:]]
                if all(beaten):
                    passed += filter(None, beaten)
                    continue
            try:
                layout = _divided(shared, system, largest[0], way, most, whole=together)
            except (OutOfRowsError, OutOfSubarraysError) as error:
                refused = refused or error
                continue
            if (way, len(layout.parts)) in seen:
                continue
            seen.add((way, len(layout.parts)))
            for size, groups in enumerate(sizes[number:], number):
                units = len(groups) * copies
                if best and not thorough and (lost := small(groups, units, best[0])):
                    passed.append(lost)
                    continue
                try:
                    sample = layout.sample(groups[0])
                except OutOfRowsError:
                    continue
                if len(layout.chunks) == least:
                    fitting.add(size)
                units *= layout.each
                takes = _Takes.of(layout, sample, units, images)
                if any(map(takes.no_less_than, priced)):
                    continue
                if any(map(takes.no_less_than, passed)):  # it may not be priced, were they tried
                    return _cheapest(given, system, images, copies, thorough=True)
                priced.append(takes)
                try:
                    price = _price(layout.mapped([sample], units, images))
                except InputError as error:  # with that many subarrays, no column passed the tests
                    refused = error
                    continue
                if best is None or price < best[0]:
                    best = price, layout, groups
    if best is None:
        raise refused or OutOfRowsError("groups of outputs need more rows")
    return best


def _beaten(
    stage: Stage,
    system: System,
    images: int,
    way: Way,
    groups: list[Tree],
    units: int,
    least: float,
) -> _Takes | None:
    """What groups take at least, if they cost more than ``least`` in any case; None if unknown."""
    streams = units * (stage.windows.offsets if way.block else 1)
    found = bound(stage, system, images, way, len(leaves(groups[0])), streams)
    if found is None or found.price <= least:
        return None
    return _Takes(found.commands, 0, found.written)


def exchanged(layout: Layout, groups: list[Tree]) -> list[Tree]:
    """Return groups improved by exchanging outputs, which saves commands.

    If an output adds up many rows, exchanges save about 1 % for seconds of planning, so groups stay
    as they are.
    """
    if layout.counted > _FEW_ROWS:
        return groups

    def cost(tree: Tree) -> int:
        try:
            return layout.commands(tree)
        except OutOfRowsError:  # never kept
            return 1 << 60

    def made() -> tuple[Any, int]:
        found = climbed(groups, cost, _EXCHANGES, np.random.default_rng(0))
        return found, _TREE_BYTES * sum(len(leaves(tree)) for tree in found)

    # how rows get from subarray to subarray, and what is refreshed, changes no program
    rows = layout.system.address_map, layout.system.data_rows, layout.system.mitigation
    key = digest("exchanged", content(layout.stage), rows, layout.chunks, layout.way, groups)
    return [_tree(group) for group in DIVISIONS.of(key, made)]


class _Takes(NamedTuple):
    """What all streams take, if all were like the first one."""

    commands: int
    """Row commands."""
    moved: int
    """Rows, counted by columns."""
    written: int
    """Likewise."""

    @classmethod
    def of(cls, layout: Layout, sample: Stream, units: int, images: int) -> _Takes:
        """Count ``units`` units of a layout."""
        tiles = tiles_of(images, layout.columns, layout.system.columns)
        every = images * layout.columns
        runs = [run for part in sample.tally.parts for run in part.runs]
        commands = sum(run.times * times for run in runs for _, times in run.cycle)
        moved = sum(sample.tally.moved.values())
        written = sum(len(part.rows) for part in layout.parts)
        return cls(tiles * units * commands, every * units * moved, every * written)

    def no_less_than(self, other: _Takes) -> bool:
        """Whether it takes at least as much of everything."""
        return all(own >= least for own, least in zip(self, other, strict=True))


def _trees(stage: Stage) -> list[Tree]:
    """Groups of outputs of each group of channels."""
    each, weights = stage.outputs // stage.groups, stage.weights.reshape(-1, stage.outputs).T

    def made() -> tuple[Any, int]:
        found = [
            numbered(tree, first)
            for first in range(0, stage.outputs, each)
            for tree in clustered(weights[first : first + each], MOST)
        ]
        return found, _TREE_BYTES * stage.outputs

    return [_tree(group) for group in DIVISIONS.of(digest("trees", each, stage.weights), made)]


def _over_all_channels(stage: Stage) -> Stage:
    """The same with one group of channels: weights of those that an output does not read are 0."""
    if stage.groups == 1:
        return stage
    digits, taps, width, outputs = stage.weights.shape
    apart = stage.group_of == np.arange(stage.groups)[:, None]
    weights = stage.weights[:, :, None] * apart[:, None].astype(np.int8)
    shape = digits, taps, stage.groups * width, outputs
    return replace(stage, weights=weights.reshape(shape), groups=1)


def ways(stage: Stage, system: System) -> list[Way]:
    """Return the ways to be tried, in turn; places in banks of their own cannot be apart."""
    found = [Way(False, stage.planes)]
    if stage.windows.offsets > 1 and system.moves == "host":
        found.append(Way(True, stage.planes))
    if stage.planes > 1:
        found.append(Way(False, 1))
    return found + [
        Way(False, planes, block)
        for block in reversed(shapes(stage.windows))
        for planes in dict.fromkeys((stage.planes, 1))
    ]


def _price(mapped: MappedStage) -> float:
    """Latency times energy (if stated), if all streams were like the first one."""
    placement, nothing = mapped.placement, np.zeros(0, np.intp)
    turn = placement.turns[0]
    lanes = range(turn.lanes)
    slots = sum(max(block.size[0] for block in one.blocks) for one in placement.turns)
    latency_ps = energy_pj = 0.0
    for times, phase in ((len(placement.turns), "inputs"), (slots, "compute")):
        ledger = ledger_alone(mapped.system)
        ledger.enter(phase)
        if phase == "inputs":
            account.book_phase(mapped, phase, ledger, turn, lanes, nothing)
        else:
            account.book_streams(mapped, ledger, turn, lanes, [0] * turn.lanes)
        cost = ledger.cost_together([phase], refresh=mapped.system.options.refresh)
        latency_ps += times * cost.latency_ps
        energy_pj += times * cost.total_pj
    return latency_ps * (1.0 if math.isnan(energy_pj) else energy_pj)


def _divided(
    stage: Stage, system: System, group: Tree, way: Way, most: int, *, whole: bool
) -> Layout:
    """Divide the fan-in among the fewest subarrays in which a group can be planned.

    With ``whole`` it is not divided. Raises OutOfSubarraysError if these are more than ``most``, or
    more than a bank has.
    """
    windows, places = stage.windows, _places(stage, way)

    def fitting(subarrays: int) -> None:
        if subarrays > most:
            raise OutOfSubarraysError(
                f"operands of {stage.name!r} must fit the {most} subarrays of a bank, "
                f"not need {subarrays}"
            )

    def write(chunks: list[Chunk]) -> Layout:
        # If other layouts fit, nobody reads why this one does not: no need to lay it out.
        needed = subarrays_of(stage, system, len(chunks), way)
        if most < system.subarrays_per_bank:
            fitting(needed)
        # Nor does anybody where smaller parts are left to be tried.
        unread = not whole and needed <= most and len(chunks) < windows.channels * places
        if unread:
            require_room(stage, system, chunks, way, group)
        layout = Layout(stage, system, chunks, way)
        fitting(layout.subarrays)
        if not unread:
            require_room(stage, system, chunks, way, group)
        layout.sample(group)
        return layout

    if whole:
        return write([Chunk(slice(0, windows.channels), slice(0, places))])
    alike = likeness(stage) if system.faults is None else ""
    machine = system.data_rows, system.subarrays_per_bank, system.mitigation
    key = f"{alike}-{known.name_of(system.address_map)}-{machine}-{way}-{most}-{group}"
    held = DIVIDED.get(key) if alike else None
    if held is not None:
        return Layout(stage, system, held, way)
    layout = fit(
        stage.name,
        windows.channels,
        places,
        system.data_rows,
        write,
        lambda chunk: chunk.operands * way.planes,
        lambda chunk: min(len(leaves(group)), 2) * chunk.operands.bit_length(),
    )
    if alike:
        DIVIDED.give(key, layout.chunks, _CHUNK_BYTES * len(layout.chunks))
    return layout


def _places(stage: Stage, way: Way) -> int:
    """Places of the patch that a fan-in is cut of."""
    return int(stage.windows.taps.shape[1]) if way.apart else stage.windows.patch


def _fewest(stage: Stage, system: System, way: Way, *, whole: bool) -> int:
    """The fewest parts that :func:`_divided` may divide a fan-in among, whatever the group."""
    if whole:
        return 1
    channels, places = stage.windows.channels, _places(stage, way)
    return fewest(channels, places, system.data_rows, lambda one: one.operands * way.planes)
