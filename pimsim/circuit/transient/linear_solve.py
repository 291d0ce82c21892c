"""The linear equations of an implicit step, ``(scale C - J) x = b``, compiled.

The cells are eliminated first, each on its own; that leaves a matrix of the nodes with three
diagonals to either side of the main one.
"""

from __future__ import annotations

from pimsim.circuit.transient.bitline_ode import Floats, Rates, Sample, Wiring
from pimsim.circuit.transient.devices import called, compiled

BAND = 3
"""Diagonals to either side: the nodes at the sense amplifier are coupled, bl with SAP furthest."""


@called
def factorise(rates: Rates, wiring: Wiring, sample: Sample, scale: float) -> None:
    """Turn the Jacobian in ``rates`` into the factors of ``scale C - J``, cells eliminated.

    Without exchange of rows: a ladder's matrix is diagonally dominant, and at the sense amplifier
    the step is short enough to follow the regeneration, which keeps the pivots positive.
    """
    a, nodes, contact_of = rates.jacobian, 2 * wiring.segments + 4, wiring.contact_of
    for i in range(nodes):
        for j in range(max(0, i - BAND), min(nodes, i + BAND + 1)):
            a[i, j] = -a[i, j]
        a[i, i] += scale * sample.charge[i]
    for cell in range(rates.pivot.size):
        one, other = contact_of[cell, 0], contact_of[cell, 1]
        diagonal = scale * sample.charge[nodes + cell] - rates.by_cell[one]
        if other >= 0:
            diagonal -= rates.by_cell[other]
        rates.pivot[cell] = diagonal
        _eliminate(rates, wiring, one, one, diagonal)
        if other >= 0:
            _eliminate(rates, wiring, one, other, diagonal)
            _eliminate(rates, wiring, other, one, diagonal)
            _eliminate(rates, wiring, other, other, diagonal)
    for k in range(nodes):
        end = min(nodes, k + BAND + 1)
        inverse = 1.0 / a[k, k]
        a[k, k] = inverse
        for i in range(k + 1, end):
            ratio = a[i, k] * inverse
            a[i, k] = ratio
            for j in range(k + 1, end):
                a[i, j] -= ratio * a[k, j]


@compiled
def _eliminate(rates: Rates, wiring: Wiring, one: int, other: int, diagonal: float) -> None:
    """Subtract what the cell between two of its contacts (or one, twice) conducts."""
    product = rates.by_cell[one] * rates.by_tap[other] / diagonal
    if product == 0.0:
        return
    for i in range(2):
        row_share = wiring.share[one] if i else 1.0 - wiring.share[one]
        for j in range(2):
            share = wiring.share[other] if j else 1.0 - wiring.share[other]
            rates.jacobian[wiring.tap[one, i], wiring.tap[other, j]] += row_share * share * product


@called
def solve(rates: Rates, wiring: Wiring, x: Floats) -> None:
    """Replace the right-hand side ``x`` (nodes + cells,) by the solution."""
    a, nodes, contact_of = rates.jacobian, 2 * wiring.segments + 4, wiring.contact_of
    tap, share, by_cell, by_tap = wiring.tap, wiring.share, rates.by_cell, rates.by_tap
    for cell in range(rates.pivot.size):
        for which in range(2):
            c = contact_of[cell, which]
            if c >= 0 and by_cell[c] != 0.0:
                given = by_cell[c] * x[nodes + cell] / rates.pivot[cell]
                x[tap[c, 0]] -= (1.0 - share[c]) * given
                x[tap[c, 1]] -= share[c] * given
    for i in range(nodes):
        total = x[i]
        for j in range(max(0, i - BAND), i):
            total -= a[i, j] * x[j]
        x[i] = total
    for i in range(nodes - 1, -1, -1):
        total = x[i]
        for j in range(i + 1, min(nodes, i + BAND + 1)):
            total -= a[i, j] * x[j]
        x[i] = total * a[i, i]
    for cell in range(rates.pivot.size):
        total = x[nodes + cell]
        for which in range(2):
            c = contact_of[cell, which]
            if c >= 0:
                level = (1.0 - share[c]) * x[tap[c, 0]] + share[c] * x[tap[c, 1]]
                total += by_tap[c] * level
        x[nodes + cell] = total / rates.pivot[cell]
