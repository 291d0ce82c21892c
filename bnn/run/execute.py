"""Running a network: stages in DRAM, the rest on the host, every sum checked.

Values reach the next layer only through simulated rows: what a stage gives is what was read out of
them. The integer reference runs beside it and never feeds it.

>>> from bnn.values.encoding import ENCODINGS
>>> from bnn.model.network import Dense
>>> from pimsim.dram.options import ModelOptions
>>> from pimsim.dram.standard.standard import load
>>> kernel = np.float32([[1, -1, 1], [1, 1, -1]])
>>> net = Network("n", (2,), (
...     Dense("a", kernel, None, None, "ste_sign", "ste_sign"),
...     Dense("b", kernel.T, None, "ste_sign", "ste_sign"),
... ))
>>> x = np.float32([[0, 1], [0.2, 1]])
>>> system = System(load("ddr3-1600-8-8-8"), ModelOptions())
>>> done = run(net, x, ENCODINGS["unit"], system, "output-stationary")
>>> done.logits.tolist(), done.bit_exact
([[-1.0, 3.0], [-1.0, 3.0]], True)
>>> [(layer.name, layer.where, layer.macs) for layer in done.layers]
[('a', 'dram', 6), ('b', 'dram', 6)]
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bnn import reference
from bnn.lowering.stage import HostStage, Stage
from bnn.mapping import Execute, Mapping, Result, SumChecker, Usage, Work, chain_execution
from bnn.mapping import chain as chains
from bnn.mapping.choice import DEFAULT, Candidate, advised
from bnn.mapping.selection import lay_out, select
from bnn.model.network import Network
from bnn.run.flow import Flow
from bnn.system.ledger import CommandLedger
from bnn.system.system import System
from bnn.values.bitstrings import unpacked
from bnn.values.encoding import Encoding, encode
from pimsim.documents import nearest
from pimsim.dram.array.faults import MAJORITY, Faults
from pimsim.dram.timeline.timeline import Timeline
from pimsim.dram.traces.recorder import Recorder, Sink
from pimsim.errors import InputError

Progress = Callable[[str, int, int], None]
"""Called with the layer's name, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerRun:
    """What one stage did."""

    name: str
    where: str
    """``dram`` or ``host``."""
    macs: int
    """Multiply-accumulates of an image."""
    weights: int
    """Number of weights."""
    operand_bits: int
    """Bits of an operand: 32 on the host."""
    inputs: int
    """Operands that an image brings in."""
    outputs: int
    """Values that an image gives."""
    mapping: str | None
    machine: CommandLedger
    """Books of the rank."""
    result: Result | Usage | None
    """A usage where nothing was computed."""
    audit: SumChecker | None
    candidates: tuple[Candidate, ...] = ()
    """What every mapping would have taken; nothing where none was chosen."""
    wall_s: float = 0.0
    """Wall time of computing its values."""
    refused: dict[str, str] = field(default_factory=dict)
    """Layers that the DRAM could take, had it room for them, and why it has not."""


@dataclass(frozen=True, slots=True, eq=False)
class NetworkRun:
    """What running a network gave."""

    logits: NDArray[np.float32]
    """``(images, classes)``: output of the last layer before a softmax."""
    layers: tuple[LayerRun, ...]
    bit_exact: bool | None
    """Whether every operand, every sum and every logit is the reference's; None if unchecked."""
    prepare_s: float
    """Wall time of laying out all layers, writing their schedules and compiling them."""
    execute_s: float
    """Wall time from the images to the logits."""
    schedule_s: float
    """Wall time of scheduling the commands for their time."""
    check_s: float
    """Wall time of the integer reference and of comparing every sum with it."""
    chains: tuple[chains.Choice, ...] = ()
    """What was chosen for stages that can be chained; nothing if that was not asked for."""
    disputed: dict[str, int] = field(default_factory=dict)
    """By layer, values of its activation that Keras gives either sign, with a sign behind it; see
    :mod:`bnn.run.disputes`."""

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.logits)


def run(
    network: Network,
    x: NDArray[np.float32] | NDArray[np.uint8],
    encoding: Encoding | None,
    system: System,
    mapping: str = DEFAULT,
    *,
    chain: str = chains.CHAINING[0],
    check: bool = True,
    compiled: bool = True,
    threads: int | None = None,
    traces: Sequence[Sink] = (),
    faulty: Collection[str] | None = None,
    progress: Progress | None = None,
) -> NetworkRun:
    """Run ``network`` on images ``x`` (n, ...), as the Keras model would be fed.

    Args:
        network: the layers.
        x: float32 or uint8.
        encoding: how ``x`` is integers; None leaves a first layer with real inputs to the host.
        system: the DRAM. Where faults are part of it nothing is checked or chained, for no sum has
            to be the reference's.
        mapping: a mapping, or a way to choose one for every layer, of
            :func:`bnn.mapping.choice.names`.
        chain: whether dense stages are chained, of :data:`bnn.mapping.chain.CHAINING`.
        check: run the integer reference beside it and compare everything.
        compiled: compute with vector code, not row command by row command.
        threads: processors that vector code uses, all if None.
        traces: what takes every command, in order of execution.
        faulty: layers in DRAM that the faults reach, all if None.
        progress: see :data:`Progress`.

    Raises:
        InputError: unknown mapping, ``x`` that does not fit, a layer too large for the DRAM,
            faults in a layer that there is not, or in stages that must be chained.
    """
    if system.faults is not None:
        check, chain = False, _unchained(chain)
        system = replace(system, faults=_opening(system.faults, system.mitigation.activation_rows))
    network = network.before_softmax()
    timeline = Timeline(system.standard, system.options)
    started = time.perf_counter()
    empty = CommandLedger(system, timeline)
    stages, prices = lay_out(mapping, network, encoding, empty, len(x))
    recorder = Recorder(system.standard, system.options, traces) if traces else None
    faultless = replace(system, faults=None)
    machines = [
        CommandLedger(system if here else faultless, timeline, recorder)
        for here in _reached(stages, system.faults, faulty)
    ]
    with advised(mapping):
        selected = select(mapping, network, stages, prices, empty, len(x), chain)
        taken, choices = selected.taken, selected.chains
        prepared = _prepare(stages, machines, len(x), taken, choices, compiled=compiled)
    if compiled and encoding is not None:
        encode(x[:1], encoding)  # so that its code is made now
    prepare_s = time.perf_counter() - started
    started = time.perf_counter()
    expected = None
    if check:
        expected = reference.forward(
            network, x, encoding, progress=lambda done: _tell(progress, "reference", done, len(x))
        )
    reference_s = checking_s = time.perf_counter() - started
    started = time.perf_counter()
    flow = Flow(network, x, encoding, threads)
    layers, exact, aside_s = [], True, 0.0
    for stage, machine in zip(stages, machines, strict=True):
        began, before_s = time.perf_counter(), aside_s
        audit = None
        if isinstance(stage, HostStage):
            flow.run_on_host(stage)
            stream_host(stage.weights, stage.fetched, len(x), machine)
            layer = host_run(network, stage, machine)
        else:
            operands = flow.operands(stage)
            if expected is not None:
                fed, compared = expected.operands[stage.layer.name], time.perf_counter()
                told = partial(_tell, progress, f"{stage.name}: every sum")
                audit = SumChecker(stage, fed, told, flow.analysis.fed[stage.index].pad)
                same = flow.analysis.fed[stage.index].encoding.stored(fed)
                exact &= np.array_equal(unpacked(operands).reshape(fed.shape), same)
                checking_s += time.perf_counter() - compared
                aside_s += time.perf_counter() - compared

            report = partial(_tell, progress, stage.name)
            execute = prepared.pop(stage.name)  # schedules are large: one goes with its layer
            result = execute(Work(stage, operands, machine, threads, audit, report))
            flow.take(stage, result)
            exact &= audit is None or audit.wrong == 0
            layer = dram_run(
                stage, taken[stage.name].name, machine, result, audit, selected.of(stage)
            )
            checking_s += result.check_s
            aside_s += result.check_s + result.book_s
        finished = time.perf_counter()
        machine.finish()
        aside_s += time.perf_counter() - finished
        wall_s = time.perf_counter() - began - (aside_s - before_s)
        layers.append(replace(layer, wall_s=wall_s))
    logits = flow.logits()
    execute_s = time.perf_counter() - started - aside_s
    schedule_s = time.perf_counter() - started - execute_s - (checking_s - reference_s)
    if expected is not None:
        exact &= np.array_equal(logits, expected.logits)
    return NetworkRun(
        logits,
        tuple(layers),
        exact if check else None,
        prepare_s,
        execute_s,
        schedule_s,
        checking_s,
        tuple(choice for _, choice in choices),
        flow.disputes.counts,
    )


def _prepare(
    stages: Sequence[Stage | HostStage],
    machines: Sequence[CommandLedger],
    images: int,
    taken: dict[str, Mapping],
    choices: Sequence[tuple[range, chains.Choice]],
    *,
    compiled: bool,
) -> dict[str, Execute]:
    """Lay all stages out, so that what does not fit is refused before the long part."""
    prepared: dict[str, Execute] = {}
    for places, choice in choices:
        if choice.layout is not None:
            some = machines[places.start : places.stop]
            executes = chain_execution.prepare(choice.layout, some, images, compiled=compiled)
            prepared.update(zip(choice.names, executes, strict=True))
    for stage, machine in zip(stages, machines, strict=True):
        if isinstance(stage, Stage) and stage.name not in prepared:
            mapping = taken[stage.name]
            prepared[stage.name] = mapping.prepare(stage, machine, images, compiled=compiled)
    return prepared


def _opening(faults: Faults, activation_rows: int) -> Faults:
    """The same faults where a majority opens so many rows."""
    if faults.rows not in (MAJORITY, activation_rows):
        raise InputError(
            f"faults must be those of {activation_rows} rows, the `activation_rows`, "
            f"not of {faults.rows}"
        )
    return replace(faults, rows=activation_rows)


def _unchained(chain: str) -> str:
    """What is done about chains where commands go wrong."""
    if chain == "always":
        raise InputError("`chain` must be auto or never where faults are injected, not 'always'")
    return "never"


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


def _tell(progress: Progress | None, what: str, done: int, total: int) -> None:
    if progress is not None:
        progress(what, done, total)


def dram_run(
    stage: Stage,
    mapping: str,
    machine: CommandLedger,
    result: Result | Usage,
    audit: SumChecker | None,
    candidates: tuple[Candidate, ...] = (),
) -> LayerRun:
    """Return what a stage in DRAM did."""
    return LayerRun(
        stage.name,
        "dram",
        stage.macs,
        int(stage.weights[0].size),
        stage.planes,
        int(np.prod(stage.shape)),
        stage.windows.positions * stage.outputs,
        mapping,
        machine,
        result,
        audit,
        candidates,
    )


def stream_host(weights: int, fetched: int, images: int, machine: CommandLedger) -> None:
    """Book what the host fetches for layers of its own, in float32.

    Behind a layer in DRAM the sums were read out with that layer, and what a next layer in DRAM
    needs is written with that one.

    Args:
        weights: numbers that are fetched once.
        fetched: numbers that are fetched for each image.
        images: how many.
        machine: whose books.
    """
    if weights:
        machine.enter("weights")
        machine.stream(weights * 32)
    if fetched:
        machine.enter("inputs")
        machine.stream(images * fetched * 32)


def host_run(network: Network, stage: HostStage, machine: CommandLedger) -> LayerRun:
    """Return what layers on the host did."""
    return LayerRun(
        stage.name,
        "host",
        stage.macs,
        stage.weights,
        32,
        sum(int(np.prod(shape)) for shape in network.shapes_before(stage.places[0])),
        int(np.prod(network.shapes()[stage.places[-1]])),
        None,
        machine,
        None,
        None,
        refused=stage.refused,
    )
