"""AND and OR between neighbouring bitlines, as FCDRAM has them, on sense amplifiers that vary.

Operands are opened on a bitline, and the same number of reference cells on its complement: one at
vdd/2, the others all ones (AND) or all zeros (OR). The process says how the amplifier's offset and
the cells' capacitances vary; they are drawn once for each bitline. Operands are drawn anew in every
trial.

>>> from pimsim.circuit.model import variation
>>> from pimsim.circuit.model.parameters import load
>>> circuit, process = load("ddr4-like"), variation.load("ddr4-like")
>>> found = logic_success(circuit, process, "and", 2, LogicTrials(bitlines=2000, trials=50, seed=1))
>>> 0.9 < found.right < 1.0, found.always < found.right
(True, True)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pimsim.circuit.model.parameters import Circuit
from pimsim.circuit.model.variation import Process
from pimsim.circuit.statistics.sense_decision import LEAST_SHARE
from pimsim.documents import require_one_of
from pimsim.errors import InputError, require_positive

OPERANDS = ("random", "all")
"""What operands hold: any number of ones, each as likely as the next, in any order (as the programs
of CMU-SAFARI/FCDRAM draw them), or all the same."""
_ACTING = ("latch.offset", "cell.capacitance")
_IDLE = ("cell.retention",)
"""Acts only on cells that have leaked."""


@dataclass(frozen=True, slots=True)
class LogicTrials:
    """What is drawn."""

    bitlines: int
    trials: int
    seed: int
    operands: str = OPERANDS[0]
    """Kind of operands, one of :data:`OPERANDS`."""


@dataclass(frozen=True, slots=True)
class LogicSuccess:
    """How often a result was right."""

    right: float
    """Share of all results that were right: the mean over trials and bitlines."""
    always: float
    """Share of bitlines that were right in every trial."""


def logic_success(
    circuit: Circuit, process: Process, operation: str, inputs: int, drawn: LogicTrials
) -> LogicSuccess:
    """Return how often ``and`` or ``or`` of ``inputs`` cells is right at 100 % variation.

    Raises :class:`~pimsim.errors.InputError` for another operation, no inputs, and a process that
    varies any quantity but latch offset, cell capacitance and retention.
    """
    require_one_of("operation", operation, ("and", "or"))
    require_one_of("operands", drawn.operands, OPERANDS)
    require_positive(inputs=inputs, bitlines=drawn.bitlines, trials=drawn.trials)
    circuit.require_rows(inputs)
    amounts = {one.quantity: one.amount for one in process.varied if one.quantity not in _IDLE}
    known = {one.quantity for one in process.varied if one.distribution == "gaussian"}
    for quantity in amounts:
        if quantity not in _ACTING or quantity not in known:
            raise InputError(
                f"`process` must vary {' and '.join(_ACTING)} alone, as a Gaussian, for AND and "
                f"OR, not {quantity} of {process.name}"
            )
    random = np.random.default_rng(drawn.seed)
    offset_mv = random.standard_normal(drawn.bitlines) * amounts.get(_ACTING[0], 0.0)
    shares = random.standard_normal((2, inputs, drawn.bitlines)) * amounts.get(_ACTING[1], 0.0)
    cells_ff = circuit.cell.capacitance_ff * np.maximum(1.0 + shares, LEAST_SHARE)
    held_mv = np.array([circuit.zero_mv, circuit.one_mv])
    references_mv = np.full(inputs, held_mv[int(operation == "and")])
    references_mv[0] = circuit.precharge_mv
    reference_mv = _level_mv(circuit, cells_ff[1], references_mv[:, None])
    right = np.zeros(drawn.bitlines, np.int64)
    for _ in range(drawn.trials):
        bits = _operands(random, inputs, drawn)
        level_mv = _level_mv(circuit, cells_ff[0], held_mv[bits])
        wanted = bits.all(axis=0) if operation == "and" else bits.any(axis=0)
        right += (level_mv + offset_mv > reference_mv) == wanted
    return LogicSuccess(float(right.mean() / drawn.trials), float((right == drawn.trials).mean()))


def _level_mv(
    circuit: Circuit, cells_ff: NDArray[np.float64], held_mv: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Level of bitlines, ``(bitlines,)``, shared with ``(cells, bitlines)`` at some level."""
    line_ff = circuit.bitline.capacitance_ff
    charge_fc = (cells_ff * held_mv).sum(axis=0) + line_ff * circuit.precharge_mv
    level: NDArray[np.float64] = charge_fc / (cells_ff.sum(axis=0) + line_ff)
    return level


def _operands(random: np.random.Generator, inputs: int, drawn: LogicTrials) -> NDArray[np.int64]:
    shape = (inputs, drawn.bitlines)
    if drawn.operands == "all":
        return np.broadcast_to(random.integers(0, 2, drawn.bitlines), shape)
    ones = random.integers(0, inputs + 1, drawn.bitlines)
    order = random.random(shape).argsort(axis=0).argsort(axis=0)
    return (order < ones).astype(np.int64)
