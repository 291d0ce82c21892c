"""What a network would cost: its commands are counted and scheduled, and none is executed.

Time and energy are exactly those of :func:`bnn.run.execute.run` for the same number of images. No
images are needed. Nor are weights, because the number of commands depends only on shapes: a network
may be given as a table of its layers.

>>> from pimsim.dram.standard.standard import load
>>> from pimsim.dram.options import ModelOptions
>>> from bnn.tables.catalog import entry
>>> system = System(load("ddr3-1600-8-8-8"), ModelOptions())
>>> done = of_table(entry("lenet5"), 1, system, "output-stationary")
>>> [(layer.name, layer.macs, layer.ledger.counts("compute").aap > 0) for layer in done.layers][-1]
('output', 840, True)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bnn.backends.account import occupancy
from bnn.backends.prepare import Draft, booked
from bnn.lowering.stage import HostStage, Stage
from bnn.mapped.mapped_stage import Mapping
from bnn.mapping import MAPPINGS, choice, frontier
from bnn.mapping.chain.choice import CHAINING, Choice
from bnn.mapping.chain.execute import book as book_chain
from bnn.mapping.chain.layout import Layout
from bnn.mapping.choice import DEFAULT, Candidate, advised
from bnn.model.network import Network
from bnn.run import kept
from bnn.run.plan import CarryOut, LayerRun, Plan, Step, open_ledgers, plan, walk
from bnn.system.ledger import CommandLedger
from bnn.system.system import Occupancy, System
from bnn.tables.graph import Table
from bnn.tables.stages import Work, fetched_by_host, works
from bnn.values.encoding import Encoding
from pimsim.errors import require_positive

if TYPE_CHECKING:
    from pimsim.dram.traces.recorder import Target


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What running a network would take."""

    images: int
    layers: tuple[LayerRun, ...]
    host: tuple[str, ...]
    """Max poolings, by name, that rows have no room for and the host carries out."""
    chains: tuple[Choice, ...] = ()
    """What was chosen for stages that can be chained; nothing if that was not asked for."""


def of_network(
    network: Network,
    encoding: Encoding | None,
    images: int,
    system: System,
    mapping: str = DEFAULT,
    *,
    chain: str = CHAINING[0],
    traces: Sequence[Target] = (),
) -> Estimate:
    """Return what :func:`bnn.run.execute.run` would take for so many images, without running it.

    The network has weights. For the arguments, and for what else is raised, see
    :func:`bnn.run.plan.plan`; raises InputError for no images.
    """
    require_positive(images=images)
    planned = plan(network, encoding, images, system, mapping, chain=chain, traces=traces)
    layers, _ = walk(planned.steps(_booking(planned, mapping)), images)
    planned.keep()
    return Estimate(images, layers, (), planned.choices)


def of_table(
    table: Table,
    images: int,
    system: System,
    mapping: str = DEFAULT,
    *,
    traces: Sequence[Target] = (),
) -> Estimate:
    """Return what a network would take that is known by its shapes alone.

    Its stages are those of :mod:`bnn.tables.stages`, and none are chained. A trace needs weights to
    name rows: all are taken as +1, or as random ones where outputs share adders.

    Args:
        table: the network.
        images: how many.
        system: the DRAM.
        mapping: a mapping, or a way to choose one for every layer, of
            :func:`bnn.mapping.choice.names`.
        traces: what takes every command, in order.

    Raises:
        InputError: unknown mapping, no images, a layer too large for the DRAM.
    """
    require_positive(images=images)
    every = list(works(table))
    record = None if traces else kept.record_of_table(table, images, system, mapping)
    if record is not None and record.found is not None:
        drafts = [_read(some) for some in record.found["selection"]["products"]]
    else:
        with advised(mapping):
            drafts = _drafts(every, mapping, system, images)
    ledgers = open_ledgers(system, [True] * len(every), traces)
    if record is not None:
        record.settle(ledgers)
    befores = [None, *table.products[:-1]]
    fetched = [
        fetched_by_host(table, work.product, before)
        for work, before in zip(every, befores, strict=True)
    ]
    parts = zip(every, drafts, ledgers, fetched, strict=True)
    layers, _ = walk((_step(*part) for part in parts), images)
    if record is not None:
        products = [_written(*both) for both in zip(drafts, layers, strict=True)]
        record.keep({"products": products}, ledgers)
    pools = [(work.pool, drafted.pools) for work, drafted in zip(every, drafts, strict=True)]
    host = tuple(pool.name for pool, in_dram in pools if pool is not None and not in_dram)
    return Estimate(images, layers, host)


def _booking(planned: Plan, mapping: str) -> CarryOut:
    """Return what books a stage, and those that are chained with the first of them."""
    in_chain = {
        name: partial(_book_chained, layout, place, ledgers)
        for names, layout, ledgers in planned.chained()
        for place, name in enumerate(names)
    }

    def book(stage: Stage | HostStage, layer: LayerRun) -> LayerRun:
        if isinstance(stage, HostStage):
            return layer
        if stage.name in in_chain:
            return replace(layer, occupancy=in_chain[stage.name]())
        with advised(mapping):
            mapped = planned.mapped(stage, layer.ledger)
        return replace(layer, occupancy=booked(mapped, layer.ledger))

    return book


def _book_chained(layout: Layout, place: int, ledgers: Sequence[CommandLedger]) -> Occupancy:
    if place == 0:
        book_chain(layout, ledgers)
    return occupancy(layout.mapped[place])


def _step(work: Work, drafted: _Drafted, ledger: CommandLedger, fetched: int) -> Step:
    """The product of a table, in DRAM with the pooling behind it or on the host."""
    product, shape = work.product, work.product.shape
    if work.pool is not None and drafted.pools:
        shape = work.pool.shape
    refused = {product.name: drafted.refused} if drafted.refused else {}
    layer = LayerRun(
        product.name,
        product.macs,
        product.weights,
        work.planes if drafted.draft else 32,
        1 if drafted.draft else 32,
        int(np.prod(product.input)),
        int(np.prod(shape)),
        ledger,
        drafted.mapping,
        drafted.gives_sums,
        drafted.candidates,
        refused,
        refused,
    )
    draft = drafted.draft
    return Step(layer, lambda one: replace(one, occupancy=draft and draft(ledger)), fetched)


@dataclass(frozen=True, slots=True, eq=False)
class _Drafted:
    """How a product is booked."""

    mapping: str | None
    pools: bool
    """Whether the pooling behind it is carried out with it."""
    draft: Draft | None
    """None where no mapping has room for it."""
    candidates: tuple[Candidate, ...] = ()
    """What every mapping would take; nothing where none was chosen."""
    refused: str = ""
    """Why no mapping has room for it."""
    gives_sums: bool = False
    """Whether sums are read out, not their signs."""


def _written(drafted: _Drafted, layer: LayerRun) -> list[Any]:
    """How a product was booked, as a value of JSON."""
    used = None if layer.occupancy is None else astuple(layer.occupancy)
    candidates = choice.written(drafted.candidates)
    return [drafted.mapping, drafted.pools, used, candidates, drafted.refused, drafted.gives_sums]


def _read(value: Sequence[Any]) -> _Drafted:
    """What :func:`_written` was given; there is nothing left to book."""
    mapping, pools, used, candidates, *rest = value
    draft: Draft | None = None
    if used is not None:
        occupied = Occupancy(*used)

        def draft(_: CommandLedger) -> Occupancy:
            return occupied

    return _Drafted(mapping, pools, draft, choice.read(candidates), *rest)


def _drafts(products: Sequence[Work], mapping: str, system: System, images: int) -> list[_Drafted]:
    """Lay all products out, those that are alike once."""
    choice.check(mapping)
    distinct = {work.alike: work for work in products}
    if mapping in MAPPINGS:
        named = {
            alike: _draft(work, MAPPINGS[mapping], system, images)[0]
            for alike, work in distinct.items()
        }
        return [named[work.alike] for work in products]
    offer = partial(_offered, system=system, images=images)
    offered = {alike: offer(work) for alike, work in distinct.items()}
    ways = [
        offered[work.alike] if offered[work.alike][0][0].draft else offer(work)
        for work in products  # what is refused is so by its own name
    ]
    picks = frontier.least(mapping, [[offer for _, offer in each] for each in ways])
    return [each[pick][0] for each, pick in zip(ways, picks, strict=True)]


def _offered(work: Work, system: System, images: int) -> list[tuple[_Drafted, frontier.Offer]]:
    """A product under every mapping that takes it."""
    drafts: dict[str, _Drafted] = {}

    def laid_out(name: str) -> Draft:
        drafts[name], draft = _draft(work, MAPPINGS[name], system, images)
        return draft

    found = choice.priced(laid_out, work.stage(system.data_rows), system)
    why = choice.why_none(found)
    if why:
        return [(_Drafted(None, False, None, refused=why), frontier.Offer(0, 0.0))]
    return [(replace(drafts[name], candidates=found), offer) for name, offer in choice.able(found)]


def _draft(work: Work, dataflow: Mapping, system: System, images: int) -> tuple[_Drafted, Draft]:
    stage = work.stage(system.data_rows)
    mapped = dataflow.map_stage(stage, system, images)
    draft = partial(booked, mapped)
    sums = stage.thresholds is None
    drafted = _Drafted(dataflow.name, stage.windows.offsets > 1, draft, gives_sums=sums)
    return drafted, draft
