"""Charge sharing: exact voltages after cells are connected to a precharged bitline.

``V = (sum Cs V_i + Cb Vpre) / (sum Cs + Cb)``, for any number of cells at any level, on either
bitline of the pair. The *swing* is the difference that the sense amplifier sees: bitline minus
complement. A TRA with k ones of equal cells swings ``(2k - 3) Cs vdd / (6 Cs + 2 Cb)``
(Seshadri et al., Ambit, MICRO 2017).

>>> from pimsim.circuit.model.parameters import load
>>> circuit = load("rambus55")
>>> one, zero = circuit.one_mv, circuit.zero_mv
>>> [round(level_mv(circuit, cells) - 600, 1) for cells in ([one], [zero], [one, zero, one])]
[123.4, -123.4, 87.4]
>>> round(majority_margin_mv(circuit, inputs=5, rows=32), 1)
100.4
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pimsim.circuit.model.parameters import Circuit
from pimsim.errors import InputError


def level_mv(circuit: Circuit, cells_mv: Sequence[float]) -> float:
    """Return the level of a precharged bitline shared with nominal cells at ``cells_mv``.

    Raises :class:`~pimsim.errors.InputError` for more cells than a bitline has.

    >>> from pimsim.circuit.model.parameters import load
    >>> level_mv(load("rambus55"), [600.0])  # a cell at vdd/2 changes nothing
    600.0
    """
    if len(cells_mv) > 0:
        circuit.require_rows(len(cells_mv))
    line_ff = circuit.bitline.capacitance_ff
    cells_ff = np.full(len(cells_mv), circuit.cell.capacitance_ff)
    charge_fc = (cells_ff * np.asarray(cells_mv)).sum() + line_ff * circuit.precharge_mv
    return float(charge_fc / (cells_ff.sum() + line_ff))


def replication(circuit: Circuit, inputs: int, rows: int) -> int:
    """Return how many rows hold each of ``inputs`` operands of a majority on ``rows`` rows.

    Raises :class:`~pimsim.errors.InputError` unless ``inputs`` is odd and there are
    as many rows as inputs and no more than the bitline has.
    """
    if type(inputs) is not int or inputs < 1 or inputs % 2 == 0:
        raise InputError(f"`inputs` must be an odd positive integer, not {inputs!r}")
    circuit.require_rows(rows)
    if rows < inputs:
        raise InputError(f"`rows` must be at least {inputs}, the inputs, not {rows}")
    return rows // inputs


def majority_margin_mv(circuit: Circuit, inputs: int = 3, rows: int | None = None) -> float:
    """Return the smallest swing towards the right answer of a majority, in mV.

    The swing is smallest where the vote is closest: with (``inputs`` +- 1) / 2 ones. A negative
    value means that even equal cells and a perfect sense amplifier get it wrong. Each operand is
    stored ``rows // inputs`` times; left-over rows are neutral: they hold the precharge level,
    vdd/2, as FracDRAM leaves them.

    Raises :class:`~pimsim.errors.InputError` as :func:`replication`.
    """
    rows = inputs if rows is None else rows
    copies = replication(circuit, inputs, rows)
    swings = [
        level_mv(
            circuit,
            [circuit.one_mv] * (copies * ones)
            + [circuit.zero_mv] * (copies * (inputs - ones))
            + [circuit.precharge_mv] * (rows - copies * inputs),
        )
        - circuit.precharge_mv
        for ones in (inputs // 2, inputs // 2 + 1)
    ]
    return min(swings[1], -swings[0])


def logic_margin_mv(circuit: Circuit, operation: str, inputs: int) -> float:
    """Return the smallest swing towards the right answer of AND or OR of ``inputs`` cells, in mV.

    As in FCDRAM (Yuksel et al., HPCA 2024), the operands are opened on the bitline, and the same
    number of reference cells on its complement. One of these is neutral, at vdd/2; the others are
    all ones (AND) or all zeros (OR).

    Raises :class:`~pimsim.errors.InputError` for another operation or no inputs.

    >>> from pimsim.circuit.model.parameters import load
    >>> [round(logic_margin_mv(load("rambus55"), name, 16), 2) for name in ("and", "or")]
    [30.21, 30.21]
    """
    if operation not in ("and", "or"):
        raise InputError(f'`operation` must be "and" or "or", not {operation!r}')
    circuit.require_rows(inputs)
    reference = circuit.one_mv if operation == "and" else circuit.zero_mv
    complement_mv = level_mv(circuit, [circuit.precharge_mv] + [reference] * (inputs - 1))
    closest = (inputs - 1, inputs) if operation == "and" else (0, 1)  # answers 0 and 1
    swings = [
        level_mv(circuit, [circuit.one_mv] * ones + [circuit.zero_mv] * (inputs - ones))
        - complement_mv
        for ones in closest
    ]
    return min(swings[1], -swings[0])
