"""Running a network: stages in DRAM, the rest on the host, every sum checked.

Values reach the next layer only through simulated rows: the results of a stage are what was read
out of them. The integer reference runs separately and never provides values.

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

import gc
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bnn.backends.prepare import prepare
from bnn.backends.stream_tapes import made
from bnn.lowering.stage import HostStage, Stage
from bnn.mapped.mapped_stage import Execute, StageInputs
from bnn.mapping.chain import execute as chain_execution
from bnn.mapping.chain.choice import CHAINING, Choice
from bnn.mapping.choice import DEFAULT, advised
from bnn.model.network import Network
from bnn.run.flow import Flow
from bnn.run.plan import LayerRun, Plan, plan, walk
from bnn.system.system import System
from bnn.values.encoding import Encoding, encode

if TYPE_CHECKING:
    from bnn.run.audit import Audit
    from pimsim.dram.traces.recorder import Target

Progress = Callable[[str, int, int], None]
"""Called with the layer's name, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Execution:
    """How values are computed. Commands, time and energy do not depend on it."""

    check: bool | int = True
    """Compare everything with the integer reference: of all images (True), of so many, or of none
    (False). With faults nothing is compared, for no sum has to be right."""
    compiled: bool = True
    """Compute with vector code, not row command by row command."""
    threads: int | None = None
    """Processors that vector code uses, all if None."""
    faulty: Collection[str] | None = None
    """Layers in DRAM that the faults reach, all if None."""
    progress: Progress | None = None

    def tell(self, what: str, done: int, total: int) -> None:
        """Report progress."""
        if self.progress is not None:
            self.progress(what, done, total)


_LARGE_BYTES = 64 << 20
"""Number of images from which on it pays to collect garbage of planning before memory is taken."""

COMPILED = Execution()
"""As fast as can be, and every sum checked."""


@dataclass(frozen=True, slots=True, eq=False)
class NetworkRun:
    """What running a network gave."""

    logits: NDArray[np.float32]
    """``(images, classes)``: output of the last layer before a softmax."""
    layers: tuple[LayerRun, ...]
    bit_exact: bool | None
    """Whether, of all images that were checked, every operand, sum and logit equals that of the
    integer reference; None if no image was checked."""
    prepare_s: float
    """Wall time of laying out all layers, writing their schedules and compiling them."""
    execute_s: float
    """Wall time from the images to the logits."""
    schedule_s: float
    """Wall time of scheduling the commands for their time."""
    check_s: float
    """Wall time of the integer reference and of comparing every sum with it."""
    checked: int
    """Images that were checked."""
    chains: tuple[Choice, ...] = ()
    """What was chosen for stages that can be chained; nothing if that was not asked for."""
    disputed: dict[str, int] = field(default_factory=dict)
    """By layer, values of its activation that Keras gives either sign, with a sign behind it; see
    :class:`bnn.run.doubts.Disputes`."""

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
    chain: str = CHAINING[0],
    traces: Sequence[Target] = (),
    execution: Execution = COMPILED,
) -> NetworkRun:
    """Run a network in simulated DRAM.

    Args:
        network: the layers.
        x: ``(images, ...)`` in the shape that the Keras model takes, float32 or uint8.
        encoding: which integers stand for the values of ``x``. None: they are real numbers, and a
            first layer that multiplies them runs on the host.
        system: the DRAM. If it has faults, nothing is checked or chained.
        mapping: a mapping, or a way to choose one for every layer, of
            :func:`bnn.mapping.choice.names`.
        chain: whether stages are chained, of :data:`bnn.mapping.chain.choice.CHAINING`.
        traces: what takes every command, in order of execution.
        execution: how values are computed and checked.

    Raises:
        InputError: ``x`` that does not fit, and what :func:`bnn.run.plan.plan` raises.
    """
    check = execution.check is not False and system.faults is None
    started = time.perf_counter()
    planned = plan(
        network, encoding, len(x), system, mapping,
        chain=chain, traces=traces, faulty=execution.faulty,
    )  # fmt: skip
    if x.nbytes >= _LARGE_BYTES:
        gc.collect()
    with advised(mapping):
        prepared = _prepare(planned, compiled=execution.compiled, looking=check)
    if execution.compiled and encoding is not None:
        encode(x[:1], encoding)  # so that its code is made now
    prepare_s = time.perf_counter() - started
    started = time.perf_counter()
    flow = Flow(planned.network, x, encoding, execution.threads)
    some = None if execution.check is True else int(execution.check)
    audit: Audit | None = None
    if check:
        from bnn.run import audit as auditing

        audit = auditing.Audit(flow, execution.tell, execution.threads, some)
    executor = _Executor(flow, prepared, audit, execution)
    layers, scheduling_s = walk(planned.steps(executor.carry_out), len(x))
    planned.keep()
    logits = flow.logits()
    if audit is not None:
        audit.logits(logits)
    check_s = 0.0 if audit is None else audit.check_s
    booked_s = sum(layer.result.book_s for layer in layers if layer.result is not None)
    schedule_s = scheduling_s + booked_s
    execute_s = time.perf_counter() - started - schedule_s - check_s
    return NetworkRun(
        logits,
        layers,
        None if audit is None else audit.exact,
        prepare_s,
        execute_s,
        schedule_s,
        check_s,
        0 if audit is None else audit.checked,
        planned.choices,
        flow.disputes.counts,
    )


def _prepare(planned: Plan, *, compiled: bool, looking: bool) -> dict[str, Execute]:
    """Lay all stages out, so that anything that does not fit is refused before the long part."""
    prepared: dict[str, Execute] = {}
    tapes = None if planned.record is None else planned.record.tapes(looking=looking)
    find = made if tapes is None else tapes.of
    for names, layout, ledgers in planned.chained():
        executes = chain_execution.prepare(
            layout, ledgers, planned.images, compiled=compiled, looking=looking, find=find
        )
        prepared.update(zip(names, executes, strict=True))
    for stage, ledger in planned.apart():
        mapped = planned.mapped(stage, ledger)
        prepared[stage.name] = prepare(
            mapped, planned.images, compiled=compiled, looking=looking, find=find
        )
    if tapes is not None:
        tapes.keep()
    return prepared


class _Executor:
    """Carries out stage by stage, and has each checked if there is an audit."""

    def __init__(
        self, flow: Flow, prepared: dict[str, Execute], audit: Audit | None, how: Execution
    ) -> None:
        self._flow, self._prepared, self._audit, self._how = flow, prepared, audit, how

    def carry_out(self, stage: Stage | HostStage, layer: LayerRun) -> LayerRun:
        """Compute the values of a stage, and go on with them."""
        started_s, audit = self._clock_s(), self._audit
        if isinstance(stage, HostStage):
            self._flow.run_on_host(stage)
            return replace(layer, wall_s=self._clock_s() - started_s)
        checker = None
        # unless all are checked, vector code has a few images encoded at a time
        few = self._how.compiled and layer.ledger.system.faults is None
        few &= audit is None or audit.images is not None
        pictures = self._flow.pictures(stage) if few else None
        operands = self._flow.operands(stage) if pictures is None else pictures
        if audit is not None:
            some = slice(len(operands)) if audit.images is None else audit.images
            checker = audit.checker(stage, operands.chosen(some))
        report = partial(self._how.tell, stage.name)
        execute = self._prepared.pop(stage.name)  # schedules are large: one goes with its layer
        result = execute(StageInputs(operands, layer.ledger, self._how.threads, checker, report))
        if audit is not None and checker is not None:
            audit.result(stage, checker, result)
        self._flow.take(stage, result)
        return replace(
            layer,
            occupancy=result.occupancy,
            result=result,
            checker=checker,
            wall_s=self._clock_s() - started_s - result.book_s,
        )

    def _clock_s(self) -> float:
        """A clock that stands still while the audit's runs."""
        return time.perf_counter() - (0.0 if self._audit is None else self._audit.check_s)
