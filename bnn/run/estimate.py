"""What a network would cost: every command planned and booked, none executed, no values.

Commands depend on shapes, and on weights only as far as rows and complements are concerned, so that
a network needs neither images nor, as a table of layers, weights. What is booked here is what
:func:`bnn.run.execute.run` books for as many images, command by command.

>>> from pimsim.dram.standard.standard import load
>>> from pimsim.dram.options import ModelOptions
>>> from bnn.tables.catalog import entry
>>> system = System(load("ddr3-1600-8-8-8"), ModelOptions())
>>> done = of_table(entry("lenet5"), 1, system, "output-stationary")
>>> [(layer.name, layer.macs, layer.machine.counts("compute").aap > 0) for layer in done.layers][-1]
('output', 840, True)
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bnn.lowering.stage import HostStage
from bnn.mapping import MAPPINGS, Draft, chain_books, choice, frontier
from bnn.mapping import chain as chains
from bnn.mapping.choice import DEFAULT, Candidate, advised
from bnn.mapping.selection import lay_out, select
from bnn.model.network import Network
from bnn.run.execute import LayerRun, dram_run, host_run, stream_host
from bnn.system.ledger import CommandLedger
from bnn.system.system import System
from bnn.tables.graph import Table
from bnn.tables.stages import Work, fetched_by_host, works
from bnn.values.encoding import Encoding
from pimsim.dram.timeline.timeline import Timeline
from pimsim.dram.traces.recorder import Recorder, Sink
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What running a network would take."""

    images: int
    layers: tuple[LayerRun, ...]
    host: tuple[str, ...]
    """Max poolings, by name, that rows have no room for and the host carries out."""
    wall_s: float
    """Wall time of planning and booking."""
    chains: tuple[chains.Choice, ...] = ()
    """What was chosen for stages that can be chained; nothing if that was not asked for."""


def of_network(
    network: Network,
    encoding: Encoding | None,
    images: int,
    system: System,
    mapping: str = DEFAULT,
    *,
    chain: str = chains.CHAINING[0],
    traces: Sequence[Sink] = (),
) -> Estimate:
    """Book what :func:`bnn.run.execute.run` would for so many images.

    Args:
        network: the network, with weights.
        encoding: how its inputs are integers; None leaves a first layer with real inputs to the
            host.
        images: how many.
        system: the DRAM.
        mapping: a mapping, or a way to choose one for every layer, of
            :func:`bnn.mapping.choice.names`.
        chain: whether dense stages are chained, of :data:`bnn.mapping.chain.CHAINING`.
        traces: what takes every command, in order.

    Raises:
        InputError: unknown mapping, no images, a layer too large for the DRAM.
    """
    books = _Books(images, system, traces)
    network = network.before_softmax()
    empty = books.machine()
    stages, prices = lay_out(mapping, network, encoding, empty, images)
    machines = [books.machine() for _ in stages]
    with advised(mapping):
        selected = select(mapping, network, stages, prices, empty, images, chain)
    taken, choices = selected.taken, selected.chains
    chained = {place: choice.layout for run, choice in choices for place in run}
    starts = {run.start: run for run, choice in choices if choice.layout is not None}
    for place, (stage, machine) in enumerate(zip(stages, machines, strict=True)):
        if isinstance(stage, HostStage):
            stream_host(stage.weights, stage.fetched, images, machine)
            books.close(host_run(network, stage, machine))
            continue
        layout, mapping_of = chained.get(place), taken[stage.name]
        if layout is None:
            with advised(mapping):
                draft = mapping_of.draft(stage, machine, images)
            usage = draft(machine)
        else:
            if place in starts:
                first = place
                chain_books.book(layout, machines[first : starts[first].stop])
            usage = chain_books.usage(layout, place - first)
        books.close(dram_run(stage, mapping_of.name, machine, usage, None, selected.of(stage)))
    return replace(books.total(), chains=tuple(choice for _, choice in choices))


def of_table(
    table: Table,
    images: int,
    system: System,
    mapping: str = DEFAULT,
    *,
    traces: Sequence[Sink] = (),
) -> Estimate:
    """Book a network that is known by its shapes alone; see :mod:`bnn.tables.stages`.

    A trace names the rows of a network all of whose weights are +1. Stages are not chained.

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
    books = _Books(images, system, traces)
    every = list(works(table))
    with advised(mapping):
        drafts = _drafts(every, mapping, books.machine(), images)
    befores = [None, *table.products[:-1]]
    for before, work, drafted in zip(befores, every, drafts, strict=True):
        machine = books.machine()
        if drafted.draft is None:
            if work.pool is not None:
                books.on_host(work.pool.name)
            fetched = fetched_by_host(table, work.product, before)
            stream_host(work.product.weights, fetched, images, machine)
            books.close(_on_host(work, machine, choice.why_none(drafted.candidates)))
            continue
        usage = drafted.draft(machine)
        if work.pool is not None and not drafted.pools:
            books.on_host(work.pool.name)
        pooled = work.pool is not None and drafted.pools
        shape = work.pool.shape if work.pool is not None and pooled else work.product.shape
        books.close(
            LayerRun(
                work.product.name,
                "dram",
                work.product.macs,
                work.product.weights,
                work.planes,
                int(np.prod(work.product.input)),
                int(np.prod(shape)),
                drafted.mapping,
                machine,
                usage,
                None,
                drafted.candidates,
            )
        )
    return books.total()


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


def _drafts(
    products: Sequence[Work], mapping: str, machine: CommandLedger, images: int
) -> list[_Drafted]:
    """Lay all products out, those that are alike once."""
    choice.check(mapping)
    distinct = {work.alike: work for work in products}
    if mapping in MAPPINGS:
        named = {
            alike: _draft(work, mapping, machine, images)[0] for alike, work in distinct.items()
        }
        return [named[work.alike] for work in products]
    offered = {alike: _offered(work, machine, images) for alike, work in distinct.items()}
    ways = [
        offered[work.alike] if offered[work.alike][0][0].draft else _offered(work, machine, images)
        for work in products  # what is refused is so by its own name
    ]
    picks = frontier.least(mapping, [[offer for _, offer in each] for each in ways])
    return [each[pick][0] for each, pick in zip(ways, picks, strict=True)]


def _offered(
    work: Work, machine: CommandLedger, images: int
) -> list[tuple[_Drafted, frontier.Offer]]:
    """A product under every mapping that takes it."""
    drafts: dict[str, _Drafted] = {}

    def laid_out(name: str) -> Draft:
        drafts[name], draft = _draft(work, name, machine, images)
        return draft

    found = choice.priced(laid_out, machine)
    if choice.why_none(found):
        return [(_Drafted(None, False, None, found), frontier.Offer(0, 0.0))]
    return [(replace(drafts[name], candidates=found), offer) for name, offer in choice.able(found)]


def _draft(work: Work, mapping: str, machine: CommandLedger, images: int) -> tuple[_Drafted, Draft]:
    stage = work.stage(machine.data_rows)
    draft = MAPPINGS[mapping].draft(stage, machine, images, each=work.each)
    return _Drafted(mapping, stage.windows.offsets > 1, draft), draft


def _on_host(work: Work, machine: CommandLedger, why: str) -> LayerRun:
    """What the host does with a product that no mapping has room for."""
    product = work.product
    inputs, outputs = int(np.prod(product.input)), int(np.prod(product.shape))
    return LayerRun(
        product.name,
        "host",
        product.macs,
        product.weights,
        32,
        inputs,
        outputs,
        None,
        machine,
        None,
        None,
        refused={product.name: why},
    )


class _Books:
    """Machines of layers that follow one another, on one timeline."""

    def __init__(self, images: int, system: System, traces: Sequence[Sink]) -> None:
        if images < 1:
            raise InputError(f"`images` must be a positive integer, not {images}")
        self._images, self._system = images, system
        self._timeline = Timeline(system.standard, system.options)
        self._recorder = Recorder(system.standard, system.options, traces) if traces else None
        self._layers: list[LayerRun] = []
        self._host: list[str] = []
        self._started = time.perf_counter()

    def machine(self) -> CommandLedger:
        """The books of the next layer."""
        return CommandLedger(self._system, self._timeline, self._recorder)

    def on_host(self, name: str) -> None:
        """Note a pooling that the host carries out."""
        self._host.append(name)

    def close(self, layer: LayerRun) -> None:
        """End a layer."""
        layer.machine.finish()
        self._layers.append(layer)

    def total(self) -> Estimate:
        """All layers."""
        wall_s = time.perf_counter() - self._started
        return Estimate(self._images, tuple(self._layers), tuple(self._host), wall_s)
