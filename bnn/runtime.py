"""Running a network: stages in DRAM, the rest on the host, every sum checked.

Values reach the next layer only through simulated rows: what a stage gives is what was read out of
them. The integer reference runs beside it and never feeds it.

>>> from bnn.encoding import ENCODINGS
>>> from bnn.network import Dense
>>> from pimsim.dram.switches import Switches
>>> from pimsim.dram.standards import load
>>> kernel = np.float32([[1, -1, 1], [1, 1, -1]])
>>> net = Network("n", (2,), (
...     Dense("a", kernel, None, None, "ste_sign", "ste_sign"),
...     Dense("b", kernel.T, None, "ste_sign", "ste_sign"),
... ))
>>> x = np.float32([[0, 1], [0.2, 1]])
>>> done = run(net, x, ENCODINGS["unit"], load("ddr3-1600-8-8-8"), Switches(), "output-stationary")
>>> done.logits.tolist(), done.bit_exact
([[-1.0, 3.0], [-1.0, 3.0]], True)
>>> [(layer.name, layer.where, layer.macs) for layer in done.layers]
[('a', 'dram', 6), ('b', 'dram', 6)]
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn import host, quantizers, reference
from bnn.alphabet import binary_layers
from bnn.bitstrings import BitStrings, unpacked
from bnn.encoding import Encoding
from bnn.lower import HostStage, Stage, lower
from bnn.machine import Machine
from bnn.mapping import MAPPINGS, Audit, Result, Usage, Work
from bnn.network import Conv2D, Dense, Network
from pimsim.dram.standards import Standard
from pimsim.dram.switches import Switches
from pimsim.dram.timeline import Timeline
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
    machine: Machine
    """Books of the rank."""
    result: Result | Usage | None
    """A usage where nothing was computed."""
    audit: Audit | None
    wall_s: float = 0.0
    """Wall time of computing its values."""


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

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.logits)


def run(
    network: Network,
    x: NDArray[np.float32] | NDArray[np.uint8],
    encoding: Encoding | None,
    standard: Standard,
    switches: Switches,
    mapping: str,
    *,
    check: bool = True,
    compiled: bool = True,
    threads: int | None = None,
    traces: Sequence[Sink] = (),
    progress: Progress | None = None,
) -> NetworkRun:
    """Run ``network`` on images ``x`` (n, ...), as the Keras model would be fed.

    Args:
        network: the chain of layers.
        x: float32 or uint8.
        encoding: how ``x`` is integers; None leaves a first layer with real inputs to the host.
        standard: the DRAM.
        switches: what changes headline numbers.
        mapping: name in :data:`bnn.mapping.MAPPINGS`.
        check: run the integer reference beside it and compare everything.
        compiled: compute with vector code, not row command by row command.
        threads: processors that vector code uses, all if None.
        traces: what takes every command, in order of execution.
        progress: see :data:`Progress`.

    Raises:
        InputError: unknown mapping, ``x`` that does not fit, a layer too large for the DRAM.
    """
    if mapping not in MAPPINGS:
        raise InputError(f"`mapping` must be one of {', '.join(MAPPINGS)}, not {mapping!r}")
    network = network.before_softmax()
    stages = lower(network, encoding)
    timeline = Timeline(standard, switches)
    recorder = Recorder(standard, switches, traces) if traces else None
    machines = [Machine(standard, switches, timeline, recorder) for _ in stages]
    started = time.perf_counter()
    prepared = {  # all of them first, so that what does not fit is refused before the long part
        stage.name: MAPPINGS[mapping].prepare(stage, machine, len(x), compiled=compiled)
        for stage, machine in zip(stages, machines, strict=True)
        if isinstance(stage, Stage)
    }
    prepare_s = time.perf_counter() - started
    started = time.perf_counter()
    expected = None
    if check:
        expected = reference.forward(
            network, x, encoding, progress=lambda done: _tell(progress, "reference", done, len(x))
        )
    reference_s = checking_s = time.perf_counter() - started
    started = time.perf_counter()
    flow = _Flow(network, x, encoding, threads)
    layers, exact, aside_s = [], True, 0.0
    for stage, machine in zip(stages, machines, strict=True):
        began, before_s = time.perf_counter(), aside_s
        audit = None
        if isinstance(stage, HostStage):
            flow.run_on_host(stage)
            stream_host(stage, network, len(x), machine)
            layer = host_run(network, stage, machine)
        else:
            operands = flow.operands(stage)
            if expected is not None:
                fed, compared = expected.operands[stage.name], time.perf_counter()
                audit = Audit(stage, fed, partial(_tell, progress, f"{stage.name}: every sum"))
                same = fed if stage.encoded else fed > 0
                exact &= np.array_equal(unpacked(operands).reshape(fed.shape), same)
                checking_s += time.perf_counter() - compared
                aside_s += time.perf_counter() - compared

            report = partial(_tell, progress, stage.name)
            execute = prepared.pop(stage.name)  # schedules are large: one goes with its layer
            result = execute(Work(stage, operands, machine, threads, audit, report))
            flow.take(stage, result)
            exact &= audit is None or audit.wrong == 0
            layer = dram_run(stage, mapping, machine, result, audit)
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
    )


def _tell(progress: Progress | None, what: str, done: int, total: int) -> None:
    if progress is not None:
        progress(what, done, total)


class _Flow:
    """Values on their way from stage to stage: bits out of DRAM, or numbers on the host."""

    def __init__(
        self,
        network: Network,
        x: NDArray[np.float32] | NDArray[np.uint8],
        encoding: Encoding | None,
        threads: int | None = None,
    ) -> None:
        self._network, self._x, self._encoding = network, x, encoding
        self._threads = threads
        self._binary = binary_layers(network, encoding)
        self._bits: BitStrings | None = None
        self._shape: tuple[int, ...] = x.shape
        self._numbers: NDArray[Any] = x

    def operands(self, stage: Stage) -> BitStrings:
        """Integers whose bits the stage is fed with, (images, pixels, channels)."""
        channels = stage.windows.channels
        if self._bits is not None:
            return self._bits.reshaped(
                self._bits.pixels * self._bits.channels // channels, channels
            )
        if stage.encoded and self._encoding is not None:
            return BitStrings.encoded(self._numbers, self._encoding, channels, self._threads)
        values = (quantizers.sign(self._numbers) > 0).astype(np.uint8)
        return BitStrings.of(values.reshape(len(values), -1, channels))

    def take(self, stage: Stage, result: Result) -> None:
        """Go on with what the stage's rows held."""
        shape = (len(self._x), *self._network.shape_before(stage.end))
        if stage.end == len(self._network.layers):
            shape = (len(self._x), *self._network.shapes()[-1])
        values = result.values
        if stage.thresholds is not None:
            self._bits = values if isinstance(values, BitStrings) else BitStrings.of(values)
            self._shape = shape
            return
        sums = unpacked(values).reshape(shape)
        self._bits = None
        encoding = self._encoding if stage.encoded else None
        exact = reference.exact_after(self._network, stage.index, self._binary)
        self._numbers = host.behind(stage.layer, sums, encoding, exact=exact)

    def run_on_host(self, stage: HostStage) -> None:
        """Carry out the layers that the DRAM does not."""
        self._numbers = host.apply(stage.layers, self._unpacked())
        self._bits = None

    def logits(self) -> NDArray[np.float32]:
        """Output of the network."""
        return self._unpacked().astype(np.float32, copy=False)

    def _unpacked(self) -> NDArray[Any]:
        """What the last stage gave, as numbers."""
        if self._bits is not None:
            return self._bits.integers().reshape(self._shape).astype(np.float32) * 2 - 1
        return self._numbers.astype(np.float32) if self._numbers is self._x else self._numbers


def dram_run(
    stage: Stage, mapping: str, machine: Machine, result: Result | Usage, audit: Audit | None
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
    )


def stream_host(stage: HostStage, network: Network, images: int, machine: Machine) -> None:
    """Book what the host fetches for layers of its own.

    Behind a layer in DRAM the sums were read out with that layer, and what a next layer in DRAM
    needs is written with that one. Left are the images of a first layer, and weights, in float32.
    """
    weights = sum(layer.kernel.size for layer in stage.layers if isinstance(layer, Dense | Conv2D))
    if weights:
        machine.enter("weights")
        machine.stream(weights * 32)
        if stage.index == 0:
            machine.enter("inputs")
            machine.stream(images * int(np.prod(network.input_shape)) * 32)


def host_run(network: Network, stage: HostStage, machine: Machine) -> LayerRun:
    """Return what layers on the host did."""
    shapes = network.shapes()
    weights = sum(layer.kernel.size for layer in stage.layers if isinstance(layer, Dense | Conv2D))
    return LayerRun(
        stage.name,
        "host",
        stage.macs,
        weights,
        32,
        int(np.prod(network.shape_before(stage.index))),
        int(np.prod(shapes[stage.end - 1])),
        None,
        machine,
        None,
        None,
    )
