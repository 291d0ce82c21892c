"""What a varying sense amplifier decides: charge sharing plus an input-referred offset.

A sample is wrong when the sign of ``swing + offset`` is not that of the right answer. The swing is
the exact charge sharing of every cell (:mod:`pimsim.circuit.statistics.charge_sharing`); the offset
is

    a_n dVt_n + a_p dVt_p + b_n dln(W/L)_n + b_p dln(W/L)_p + c dln Cb + latch.offset + sense.noise

with d the bitline's device minus the complement's, and coefficients that depend on the common mode
of the two bitlines (:data:`OFFSET`). Time plays no part. For a latch that is too slow, or for
sensing earlier than about 2 ns after the word line, use the transient path.

>>> from pimsim.circuit.model.parameters import load
>>> from pimsim.circuit.model import variation
>>> path = DecisionPath(load("rambus55"), variation.load("ambit-like"), majority(3))
>>> rng = np.random.default_rng(1)
>>> units = path.layout.draw(rng, rng, samples=1000)
>>> wrong = path.wrong(units, 0.25)
>>> wrong.shape, path.operation.names
((2, 1000), ('110', '100'))
>>> 0.1 < wrong.any(axis=0).mean() < 0.4
True
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pimsim.circuit.model import retention
from pimsim.circuit.model.parameters import Circuit
from pimsim.circuit.model.variation import Floats, Process, UnitLayout
from pimsim.circuit.statistics.charge_sharing import replication
from pimsim.errors import InputError

LEAST_SHARE = 0.01
"""Least share of its nominal value that a width or capacitance keeps, where a Gaussian draw would
make it zero or negative."""

COMMON_MODE_MV = (556.3, 643.7)
"""Common mode of the patterns 100 and 110 of a TRA."""

OFFSET = {
    "a_n": (0.80, 0.99, 0.0, 1.0),
    "a_p": (-0.21, 0.01, -1.0, 0.0),
    "b_n_mv": (-18.0, -37.0, -np.inf, 0.0),
    "b_p_mv": (9.0, 0.0, 0.0, np.inf),
    "c_mv": (30.0, 23.0, 0.0, np.inf),
}
"""Coefficients of the input-referred offset, each with four values: at the two common modes of
:data:`COMMON_MODE_MV`, and its least and its most.

``a``: mV per mV of difference between the thresholds (for the pMOS, between their magnitudes);
``b``: mV per unit of ln(W/L); ``c``: mV per unit of ln of the bitline capacitance. The limits keep
the signs and ranges that the physics of the latch allows: the nMOS decide at a high common mode,
the pMOS at a low one, and the weights of both together are at most one.

Source: sensitivities of the reference circuit ``rambus55`` measured with ngspice, for the
patterns 110 and 100 of a TRA.
"""


def offset_coefficient(name: str, common_mode_mv: Floats) -> Floats:
    """Return a coefficient of :data:`OFFSET`: linear in the common mode, between its limits.

    >>> offset_coefficient("a_n", np.array([100.0, 556.3, 643.7, 900.0])).round(2).tolist()
    [0.0, 0.8, 0.99, 1.0]
    """
    low_mv, high_mv = COMMON_MODE_MV
    first, second, least, most = OFFSET[name]
    slope = (second - first) / (high_mv - low_mv)
    value: Floats = np.clip(common_mode_mv * slope + (first - low_mv * slope), least, most)
    return value


@dataclass(frozen=True, slots=True)
class Majority:
    """A majority (or, of one input, a read) and the input patterns that are looked at."""

    inputs: int
    """Operands; 1 is a read."""
    rows: int
    """Rows opened: each operand on ``rows // inputs`` of them, the rest at vdd/2."""
    patterns: tuple[tuple[bool, ...], ...]
    """Values of the operands, one tuple a pattern."""

    @property
    def names(self) -> tuple[str, ...]:
        """The patterns as text, such as ``110``."""
        return tuple("".join("01"[bit] for bit in pattern) for pattern in self.patterns)

    @property
    def answers(self) -> NDArray[np.bool_]:
        """What is right, one a pattern."""
        return np.array([2 * sum(pattern) > self.inputs for pattern in self.patterns])


def majority(inputs: int, rows: int | None = None, criterion: str = "either") -> Majority:
    """Return the majority of ``inputs`` on ``rows`` rows with the patterns of a criterion.

    The criterion says which patterns a bitline must get right: ``either`` the two closest votes,
    a single pattern such as ``110``, or ``all`` patterns in which operands differ (for a read:
    both values).

    Raises :class:`~pimsim.errors.InputError` for an unknown criterion or a pattern of another
    length.

    >>> majority(3, criterion="all").names
    ('001', '010', '011', '100', '101', '110')
    >>> majority(5, rows=32).names, majority(1).names
    (('11100', '11000'), ('1', '0'))
    """
    if type(inputs) is not int or inputs < 1 or inputs % 2 == 0:
        raise InputError(f"`inputs` must be an odd positive integer, not {inputs!r}")
    half = inputs // 2
    if criterion == "either":
        patterns = [tuple(index < ones for index in range(inputs)) for ones in (half + 1, half)]
    elif criterion == "all":
        if inputs > _MOST_INPUTS:
            raise InputError(
                f"`inputs` must be at most {_MOST_INPUTS} for the criterion all, not {inputs}"
            )
        patterns = [
            pattern
            for pattern in itertools.product((False, True), repeat=inputs)
            if inputs == 1 or 0 < sum(pattern) < inputs
        ]
    elif criterion and set(criterion) <= {"0", "1"}:
        if len(criterion) != inputs:
            raise InputError(
                f"`criterion` must be a pattern of {inputs} inputs, either or all, not "
                f"{criterion!r}"
            )
        patterns = [tuple(letter == "1" for letter in criterion)]
    else:
        raise InputError(
            f"`criterion` must be either, all or a pattern such as 110, not {criterion!r}"
        )
    return Majority(inputs, inputs if rows is None else rows, tuple(patterns))


def by_ones(inputs: int, rows: int) -> Majority:
    """Return the majority of ``inputs`` on ``rows`` rows with one pattern for each number of ones.

    Cells are alike, so one pattern stands for all with the same number of ones.

    >>> by_ones(3, 3).names
    ('000', '100', '110', '111')
    """
    patterns = (tuple(index < ones for index in range(inputs)) for ones in range(inputs + 1))
    return Majority(inputs, rows, tuple(patterns))


_MOST_INPUTS = 11


class DecisionPath:
    """The decision of one circuit, process and operation for any units and variation.

    Raises :class:`~pimsim.errors.InputError` if the rows do not fit the operation or the bitline.
    """

    def __init__(self, circuit: Circuit, process: Process, operation: Majority) -> None:
        self._copies = replication(circuit, operation.inputs, operation.rows)
        self.circuit = circuit
        self.operation = operation
        self.layout = UnitLayout(retention.acting(circuit, process), operation.rows)
        self._held = np.array(operation.patterns, dtype=np.float64)  # (patterns, inputs)
        self._answers = operation.answers

    def difference_mv(self, units: Floats, variation: float) -> Floats:
        """Return swing plus offset, positive for 1, shape ``(patterns, samples)``, in mV.

        ``units`` has shape ``(dims, samples)``; ``variation`` is 0.10 for 10 %.
        """
        circuit, layout = self.circuit, self.layout
        samples = units.shape[1]
        cells_ff = self._scaled(units, "cell.capacitance", variation)
        cells_ff = np.broadcast_to(cells_ff * circuit.cell.capacitance_ff, (layout.cells, samples))
        bitlines_ff = self._scaled(units, "bitline.capacitance", variation)
        bitlines_ff = np.broadcast_to(bitlines_ff * circuit.bitline.capacitance_ff, (2, samples))
        precharge_mv = self._scaled(units, "bitline.precharge", variation) * circuit.precharge_mv
        precharge_mv = np.broadcast_to(precharge_mv, (2, samples))
        one_mv, zero_mv = self._levels(units, variation)

        ones_fc, zeros_fc = self._charge(cells_ff, one_mv), self._charge(cells_ff, zero_mv)
        left_over_fc = cells_ff[self._copies * self.operation.inputs :].sum(axis=0)
        left_over_fc = left_over_fc * circuit.precharge_mv
        # A one in place of a zero adds the difference: one product serves all patterns.
        charge_fc = self._held @ (ones_fc - zeros_fc)
        charge_fc += zeros_fc.sum(axis=0) + left_over_fc + bitlines_ff[0] * precharge_mv[0]
        charge_fc /= cells_ff.sum(axis=0) + bitlines_ff[0]
        bitline_mv = charge_fc
        difference: Floats = bitline_mv - precharge_mv[1]
        self._add_offset(difference, bitline_mv, precharge_mv[1], bitlines_ff, units, variation)
        return difference

    def margin_mv(self, units: Floats, variation: float) -> Floats:
        """Return swing plus offset, positive towards the right answer and negative if wrong, in mV.

        Shapes are those of :meth:`difference_mv`.
        """
        difference = self.difference_mv(units, variation)
        difference[~self._answers] *= -1.0
        return difference

    def wrong(self, units: Floats, variation: float) -> NDArray[np.bool_]:
        """Return which samples get which pattern wrong, shape ``(patterns, samples)``."""
        decided: NDArray[np.bool_] = self.difference_mv(units, variation) > 0
        decided ^= self._answers[:, np.newaxis]
        return decided

    def _levels(self, units: Floats, variation: float) -> tuple[Floats | float, Floats | float]:
        """Levels of a stored one and a stored zero, each cell's after it has leaked."""
        circuit, layout = self.circuit, self.layout
        one_share = self._scaled(units, "cell.one", variation)
        shift_mv = layout.values(units, "cell.zero", variation)
        longer = layout.values(units, "cell.retention", variation)
        if longer is None:
            one_mv, zero_mv = one_share * circuit.one_mv, circuit.zero_mv
            return one_mv, zero_mv if shift_mv is None else zero_mv + shift_mv
        restored_mv: Floats | float = circuit.restored_zero_mv
        if shift_mv is not None:
            restored_mv = restored_mv + shift_mv
        return (
            retention.left_mv(circuit, one_share * circuit.restored_one_mv, longer),
            retention.left_mv(circuit, restored_mv, longer),
        )

    def _scaled(self, units: Floats, quantity: str, variation: float) -> Floats:
        """The quantity relative to its nominal value, shape ``(instances, samples)``."""
        spread = self.layout.values(units, quantity, variation)
        if spread is None:
            return np.ones((1, 1))
        spread += 1.0
        return np.maximum(spread, LEAST_SHARE, out=spread)

    def _charge(self, cells_ff: Floats, level_mv: Floats | float) -> Floats:
        """Charge of each operand if all of its cells hold that level, ``(inputs, samples)``."""
        inputs, copies = self.operation.inputs, self._copies
        if np.isscalar(level_mv) and not level_mv:
            return np.zeros((inputs, 1))
        charge_fc = (cells_ff * level_mv)[: inputs * copies]
        if copies == 1:
            return charge_fc
        return np.asarray(charge_fc.reshape(inputs, copies, -1).sum(axis=1))

    def _add_offset(
        self,
        difference: Floats,
        bitline_mv: Floats,
        complement_mv: Floats,
        bitlines_ff: Floats,
        units: Floats,
        variation: float,
    ) -> None:
        terms: list[tuple[str, Floats]] = []
        for device, vt, ratio in (("latch_n", "a_n", "b_n_mv"), ("latch_p", "a_p", "b_p_mv")):
            vt_mv = self.layout.values(units, f"{device}.vt", variation)
            if vt_mv is not None and len(vt_mv) == 2:  # shared by both sides: no difference
                terms.append((vt, vt_mv[0] - vt_mv[1]))
            shape = self._log_ratio(units, device, variation)
            if shape is not None:
                terms.append((ratio, shape))
        if bitlines_ff.strides[0]:  # otherwise both are the same
            terms.append(("c_mv", np.log(bitlines_ff[0] / bitlines_ff[1])))
        if terms:
            common_mode_mv = (bitline_mv + complement_mv) * 0.5
            for name, value in terms:
                coefficient = offset_coefficient(name, common_mode_mv)
                coefficient *= value
                difference += coefficient
        for quantity in ("latch.offset", "sense.noise"):
            direct_mv = self.layout.values(units, quantity, variation)
            if direct_mv is not None:
                difference += direct_mv

    def _log_ratio(self, units: Floats, device: str, variation: float) -> Floats | None:
        """ln(W/L) of the bitline's device minus the complement's; None if they are the same."""
        ratio: Floats | None = None
        for quantity, power in (("w", 1), ("l", -1)):
            share = self._scaled(units, f"{device}.{quantity}", variation)
            if len(share) == 2:
                one = share[0] / share[1] if power > 0 else share[1] / share[0]
                ratio = one if ratio is None else ratio * one
        return None if ratio is None else np.log(ratio)
