"""Charge sharing: exact voltages after cells are connected to a precharged bitline.

``V = (sum Cs_i V_i + Cb Vpre) / (sum Cs_i + Cb)``, for any number of cells at any level, on either
bitline of the pair. The *swing* is the difference that the sense amplifier sees: bitline minus
complement. A TRA with k ones of equal cells swings ``(2k - 3) Cs vdd / (6 Cs + 2 Cb)``
(Seshadri et al., Ambit, MICRO 2017).

>>> from pimsim.circuit.model.parameters import load
>>> circuit = load("rambus55")
>>> [round(float(share(circuit, bits).swing_mv), 1) for bits in ([1], [0], [1, 0, 1], [0, 0, 0])]
[123.4, -123.4, 87.4, -262.3]
>>> round(majority_margin_mv(circuit, inputs=5, rows=32), 1)
100.4
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pimsim.circuit.model.parameters import Circuit
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True)
class Shared:
    """Both bitlines after charge sharing; arrays of the broadcast shape of what was shared."""

    bitline_mv: NDArray[np.float64]
    """Of the bitline."""
    complement_mv: NDArray[np.float64]
    """Of its complement."""

    @property
    def swing_mv(self) -> NDArray[np.float64]:
        """Bitline minus complement: the amplifier decides 1 if it is positive."""
        return self.bitline_mv - self.complement_mv


def mix_mv(
    capacitance_ff: ArrayLike, level_mv: ArrayLike, line_ff: ArrayLike, line_mv: ArrayLike
) -> NDArray[np.float64]:
    """Return the common level of a line and the cells connected to it, in mV.

    ``capacitance_ff`` and ``level_mv`` have shape ``(..., cells)``, ``line_ff`` and ``line_mv``
    shape ``(...)``; all broadcast. No cells at all leave the line as it is. Capacitances must be
    positive.

    Raises :class:`~pimsim.errors.InputError` for a capacitance that is not positive.

    >>> float(mix_mv([30.0], [1800.0], 300.0, 900.0)) - 900.0  # doctest: +ELLIPSIS
    81.8...
    """
    cells_ff = np.asarray(capacitance_ff, dtype=np.float64)
    cells_mv = np.asarray(level_mv, dtype=np.float64)
    bitline_ff = np.asarray(line_ff, dtype=np.float64)
    for name, value in (("capacitance_ff", cells_ff), ("line_ff", bitline_ff)):
        if not np.all((value > 0) & np.isfinite(value)):
            worst = float(np.min(value))
            raise InputError(f"`{name}` must be positive, not {worst!r}")
    cells_ff, cells_mv = np.broadcast_arrays(cells_ff, cells_mv)
    charge = (cells_ff * cells_mv).sum(axis=-1) + bitline_ff * np.asarray(line_mv)
    mixed: NDArray[np.float64] = np.asarray(charge / (cells_ff.sum(axis=-1) + bitline_ff))
    return mixed


def share(
    circuit: Circuit, bits: Sequence[int | bool], complement_bits: Sequence[int | bool] = ()
) -> Shared:
    """Share the charge of cells that hold ``bits``, each opened onto the bitline.

    ``complement_bits`` are those of cells opened onto the complement: the n-wordlines of
    dual-contact cells, or the reference cells of the neighbouring subarray.

    Raises :class:`~pimsim.errors.InputError` for more cells than a bitline has.
    """
    sides = [
        levels_mv(circuit, [circuit.one_mv if bit else circuit.zero_mv for bit in side])
        for side in (bits, complement_bits)
    ]
    return Shared(*sides)


def levels_mv(circuit: Circuit, level_mv: Sequence[float]) -> NDArray[np.float64]:
    """Return the level of a precharged bitline shared with nominal cells at ``level_mv``.

    >>> from pimsim.circuit.model.parameters import load
    >>> float(levels_mv(load("rambus55"), [600.0]))  # a cell at vdd/2 changes nothing
    600.0
    """
    if len(level_mv) > 0:
        circuit.require_rows(len(level_mv))
    return mix_mv(
        np.full(len(level_mv), circuit.cell.capacitance_ff),
        np.asarray(level_mv, dtype=np.float64),
        circuit.bitline.capacitance_ff,
        circuit.precharge_mv,
    )


def majority_levels_mv(circuit: Circuit, inputs: int, rows: int, ones: int) -> list[float]:
    """Return what the cells hold for a majority of ``inputs`` on ``rows`` rows, ``ones`` true.

    Each operand is stored ``rows // inputs`` times; left-over rows are neutral: they hold the
    precharge level, vdd/2, as FracDRAM leaves them.

    Raises :class:`~pimsim.errors.InputError` unless ``inputs`` is odd and there are
    as many rows as inputs and no more than the bitline has.

    >>> from pimsim.circuit.model.parameters import load
    >>> majority_levels_mv(load("rambus55"), inputs=3, rows=4, ones=2)
    [1200.0, 1200.0, 0.0, 600.0]
    """
    copies = replication(circuit, inputs, rows)
    if not 0 <= ones <= inputs:
        raise InputError(f"`ones` must be from 0 to {inputs}, not {ones}")
    return (
        [circuit.one_mv] * (copies * ones)
        + [circuit.zero_mv] * (copies * (inputs - ones))
        + [circuit.precharge_mv] * (rows - copies * inputs)
    )


def replication(circuit: Circuit, inputs: int, rows: int) -> int:
    """Return how many rows hold each of ``inputs`` operands of a majority on ``rows`` rows.

    Raises :class:`~pimsim.errors.InputError` as :func:`majority_levels_mv`.
    """
    if type(inputs) is not int or inputs < 1 or inputs % 2 == 0:
        raise InputError(f"`inputs` must be an odd positive integer, not {inputs!r}")
    circuit.require_rows(rows)
    if rows < inputs:
        raise InputError(f"`rows` must be at least {inputs}, the inputs, not {rows}")
    return rows // inputs


def majority_margin_mv(circuit: Circuit, inputs: int = 3, rows: int | None = None) -> float:
    """Return the smallest swing towards the right answer of a majority, in mV.

    It is that of the closest votes, (``inputs`` +- 1) / 2 ones; negative means that even equal
    cells and a perfect sense amplifier get it wrong.
    """
    rows = inputs if rows is None else rows
    swings = [
        float(levels_mv(circuit, majority_levels_mv(circuit, inputs, rows, ones)))
        - circuit.precharge_mv
        for ones in (inputs // 2, inputs // 2 + 1)
    ]
    return min(swings[1], -swings[0])


def logic_margin_mv(circuit: Circuit, operation: str, inputs: int) -> float:
    """Return the smallest swing towards the right answer of AND or OR of ``inputs`` cells, in mV.

    As in FCDRAM (Yuksel et al., HPCA 2024): the operands are opened on the bitline, and on its
    complement as many reference cells: one neutral, the others all ones (AND) or all zeros (OR).

    Raises :class:`~pimsim.errors.InputError` for another operation or no inputs.

    >>> from pimsim.circuit.model.parameters import load
    >>> [round(logic_margin_mv(load("rambus55"), name, 16), 2) for name in ("and", "or")]
    [30.21, 30.21]
    """
    if operation not in ("and", "or"):
        raise InputError(f'`operation` must be "and" or "or", not {operation!r}')
    circuit.require_rows(inputs)
    reference = circuit.one_mv if operation == "and" else circuit.zero_mv
    complement_mv = float(levels_mv(circuit, [circuit.precharge_mv] + [reference] * (inputs - 1)))
    closest = (inputs - 1, inputs) if operation == "and" else (0, 1)  # answers 0 and 1
    swings = [
        float(levels_mv(circuit, [circuit.one_mv] * ones + [circuit.zero_mv] * (inputs - ones)))
        - complement_mv
        for ones in closest
    ]
    return min(swings[1], -swings[0])
