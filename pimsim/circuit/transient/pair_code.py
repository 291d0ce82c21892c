"""Currents of a bitline pair, and the linear equations of an implicit step, as machine code.

The equation is that of :mod:`pimsim.circuit.transient.bitline_ode`; nodes and columns are numbered
there. Square-law transistors are SPICE's level 1 without body effect and gate charge. The code has
no branches and no loops: it is made for one wiring, and every entry of a matrix is a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pimsim.circuit.transient.bitline_ode import (
    BITLINE_US,
    EQUALISER,
    EQUALISER_GATE,
    EQUALISER_LINE,
    EQUALISER_VT,
    FROM_GROUND,
    FROM_PRECHARGE,
    FROM_VDD,
    LATCH_N,
    LATCH_N_VT,
    LATCH_P,
    LATCH_P_VT,
    MOD_ACCESS,
    MOD_EQUALISER,
    MOD_LATCH_N,
    MOD_LATCH_P,
    MOD_SET_N,
    MOD_SET_P,
    PRECHARGE,
    SET,
    SET_LINE,
    SET_VT,
    VDD,
    VPP,
    Structure,
)
from pimsim.circuit.transient.lanes import Lanes, Value

Current = tuple[Value, Value, Value]
"""From drain to source, in uA, and its derivatives by gate and drain voltage, in uA/V."""

BAND = 3
"""Diagonals to either side: the nodes at the sense amplifier are coupled, bl with SAP furthest."""


@dataclass
class Parameters:
    """Values of the pairs in memory; each is loaded when it is first asked for."""

    code: Lanes
    base: str
    structure: Structure
    _read: dict[int, Value] = field(default_factory=dict)

    def _at(self, index: int) -> Value:
        if index not in self._read:
            self._read[index] = self.code.load(self.base, index)
        return self._read[index]

    def column(self, column: int) -> Value:
        """A packed value."""
        return self._at(column)

    def charge(self, node: int) -> Value:
        """Capacitance of a node or cell."""
        return self._at(self.structure.charge_at + node)

    def access(self, contact: int) -> Value:
        """Strength of an access transistor."""
        return self._at(self.structure.access_at + contact)

    def access_vt(self, contact: int) -> Value:
        """Threshold voltage of an access transistor."""
        return self._at(self.structure.access_vt_at + contact)

    def share(self, contact: int) -> Value:
        """How far a contact is from the nearer ladder node to the other."""
        return self._at(self.structure.share_at + contact)

    def modulation(self, kind: int) -> Value:
        """Channel-length modulation of a kind of device."""
        return self._at(self.structure.modulation_at + kind)


@dataclass
class Currents:
    """Currents into every node, and their derivatives where these are asked for."""

    out: list[Value]
    by_time: list[Value]
    jacobian: dict[tuple[int, int], Value]
    by_tap: list[Value]
    by_cell: list[Value]
    supplied: list[Value]
    supplied_by: list[list[Value]]
    supplied_by_time: list[Value]


def nmos(
    code: Lanes, gate: Value, drain: Value, source: Value, beta: Value, vt: Value, modulation: Value
) -> Current:
    """Return the current from drain to source and its derivatives by gate and drain voltage.

    Voltages in V, ``beta`` = kp W/L in uA/V2, ``modulation`` (lambda) in 1/V. The derivative by
    the source voltage is minus the sum of the others. Drain and source change roles where the
    drain is the lower one.
    """
    forward = code.compare("oge", drain, source)
    low, high = code.choose(forward, source, drain), code.choose(forward, drain, source)
    drive = code.high(code.minus(code.minus(gate, low), vt), 0.0)
    span = code.minus(high, low)
    longer = code.plus(1.0, code.times(modulation, span))
    linear = code.low(drive, span)  # up to the pinch-off of the channel
    beta_linear = code.times(beta, linear)
    plain = code.times(beta_linear, code.minus(drive, code.times(0.5, linear)))
    current, by_gate = code.times(plain, longer), code.times(beta_linear, longer)
    by_drain = code.plus(
        code.times(code.times(beta, code.minus(drive, linear)), longer),
        code.times(plain, modulation),
    )
    return (
        code.choose(forward, current, code.negative(current)),
        code.choose(forward, by_gate, code.negative(by_gate)),
        code.choose(forward, by_drain, code.plus(by_gate, by_drain)),
    )


def pmos(
    code: Lanes, gate: Value, drain: Value, source: Value, beta: Value, vt: Value, modulation: Value
) -> Current:
    """As :func:`nmos`, for a pMOS with a negative ``vt``.

    Its current flows from source to drain. What is returned is still the current from drain to
    source, and so it is negative.
    """
    current, by_gate, by_drain = nmos(
        code,
        code.negative(gate),
        code.negative(drain),
        code.negative(source),
        beta,
        code.negative(vt),
        modulation,
    )
    return code.negative(current), by_gate, by_drain


class _Sums:
    """Adds up the currents of all devices, node by node."""

    def __init__(self, code: Lanes, structure: Structure, derive: bool) -> None:
        self.code, self.derive, self.bl = code, derive, 2 * structure.segments
        size, contacts = structure.size, len(structure.cell_of)
        self.found = Currents(
            [0.0] * size, [0.0] * size, {}, [0.0] * contacts, [0.0] * contacts, [0.0] * 3,
            [[0.0] * 4 for _ in range(3)], [0.0] * 3,
        )  # fmt: skip

    def into(self, node: int, current: Value) -> None:
        self.found.out[node] = self.code.plus(self.found.out[node], current)

    def out_of(self, node: int, current: Value) -> None:
        self.found.out[node] = self.code.minus(self.found.out[node], current)

    def entry(self, row: int, column: int, value: Value) -> None:
        place = row, column
        self.found.jacobian[place] = self.code.plus(self.found.jacobian.get(place, 0.0), value)

    def turn(self, node: int, value: Value) -> None:
        self.found.by_time[node] = self.code.plus(self.found.by_time[node], value)

    def between(self, through: Current, drain: int, source: int, slope: Value) -> None:
        """Add a transistor between two nodes, all but its gate."""
        current, by_gate, by_drain = through
        self.out_of(drain, current)
        self.into(source, current)
        if not self.derive:
            return
        code, turn = self.code, self.code.times(by_gate, slope)
        by_source = code.negative(code.plus(by_gate, by_drain))
        self.entry(drain, drain, code.negative(by_drain))
        self.entry(drain, source, code.negative(by_source))
        self.entry(source, drain, by_drain)
        self.entry(source, source, by_source)
        self.turn(drain, code.negative(turn))
        self.turn(source, turn)

    def from_supply(self, supply: int, through: Current, node: int, slope: Value) -> None:
        """Add a transistor with its drain on a node and its source on a supply."""
        current, by_gate, by_drain = through
        code, found = self.code, self.found
        self.out_of(node, current)
        found.supplied[supply] = code.minus(found.supplied[supply], current)
        if not self.derive:
            return
        turn, core = code.times(by_gate, slope), node - self.bl
        self.entry(node, node, code.negative(by_drain))
        self.turn(node, code.negative(turn))
        found.supplied_by[supply][core] = code.minus(found.supplied_by[supply][core], by_drain)
        found.supplied_by_time[supply] = code.minus(found.supplied_by_time[supply], turn)


def currents(
    p: Parameters, v: Sequence[Value], gates: Sequence[Value], slopes: Sequence[Value], derive: bool
) -> Currents:
    """Return the currents at the voltages ``v``, with control lines at ``gates``.

    ``gates`` and ``slopes``, one a line, are shares of the full level, and shares per ns.
    """
    sums = _Sums(p.code, p.structure, derive)
    _add_ladders(sums, p, v)
    _add_latch(sums, p, v)
    _add_set_devices(sums, p, v, gates[SET_LINE], slopes[SET_LINE])
    _add_equaliser(sums, p, v, gates[EQUALISER_LINE], slopes[EQUALISER_LINE])
    _add_cells(sums, p, v, gates, slopes)
    return sums.found


def _add_ladders(sums: _Sums, p: Parameters, v: Sequence[Value]) -> None:
    code, segments = p.code, p.structure.segments
    for side in range(2):
        conductance = code.times(p.column(BITLINE_US + side), float(segments))
        for k in range(segments):
            far = 2 * k + side
            near = far + 2
            current = code.times(conductance, code.minus(v[near], v[far]))
            sums.into(far, current)
            sums.out_of(near, current)
            if sums.derive:
                for one, other in ((far, near), (near, far)):
                    sums.entry(one, one, code.negative(conductance))
                    sums.entry(one, other, conductance)


def _add_latch(sums: _Sums, p: Parameters, v: Sequence[Value]) -> None:
    code, bl = p.code, sums.bl
    kinds = (
        (nmos, bl + 2, LATCH_N, LATCH_N_VT, MOD_LATCH_N),
        (pmos, bl + 3, LATCH_P, LATCH_P_VT, MOD_LATCH_P),
    )
    for side in range(2):
        drain, gate = bl + side, bl + 1 - side
        for device, source, beta, vt, modulation in kinds:
            through = device(
                code, v[gate], v[drain], v[source], p.column(beta + side), p.column(vt + side),
                p.modulation(modulation),
            )  # fmt: skip
            sums.between(through, drain, source, 0.0)
            if sums.derive:
                sums.entry(drain, gate, code.negative(through[1]))
                sums.entry(source, gate, through[1])


def _add_set_devices(
    sums: _Sums, p: Parameters, v: Sequence[Value], level: Value, slope: Value
) -> None:
    code, (san, sap), vdd = p.code, (sums.bl + 2, sums.bl + 3), p.column(VDD)
    gate, turn = code.times(vdd, level), code.times(vdd, slope)
    through = nmos(
        code, gate, v[san], 0.0, p.column(SET), p.column(SET_VT), p.modulation(MOD_SET_N)
    )
    sums.from_supply(FROM_GROUND, through, san, turn)
    through = pmos(
        code, code.minus(vdd, gate), v[sap], vdd, p.column(SET + 1), p.column(SET_VT + 1),
        p.modulation(MOD_SET_P),
    )  # fmt: skip
    sums.from_supply(FROM_VDD, through, sap, code.negative(turn))


def _add_equaliser(
    sums: _Sums, p: Parameters, v: Sequence[Value], level: Value, slope: Value
) -> None:
    code, bl, modulation = p.code, sums.bl, p.modulation(MOD_EQUALISER)
    gate = code.times(p.column(EQUALISER_GATE), level)
    turn = code.times(p.column(EQUALISER_GATE), slope)
    for k in range(4):
        through = nmos(
            code, gate, v[bl + k], p.column(PRECHARGE), p.column(EQUALISER + k),
            p.column(EQUALISER_VT + k), modulation,
        )  # fmt: skip
        sums.from_supply(FROM_PRECHARGE, through, bl + k, turn)
    through = nmos(
        code, gate, v[bl], v[bl + 1], p.column(EQUALISER + 4), p.column(EQUALISER_VT + 4),
        modulation,
    )  # fmt: skip
    sums.between(through, bl, bl + 1, turn)


def _add_cells(
    sums: _Sums, p: Parameters, v: Sequence[Value], gates: Sequence[Value], slopes: Sequence[Value]
) -> None:
    code, structure, found = p.code, p.structure, sums.found
    for c, line in enumerate(structure.line_of):
        cell = structure.nodes + structure.cell_of[c]
        near, far = structure.tap[c]
        to_far = p.share(c)
        to_near = code.minus(1.0, to_far)
        level = code.plus(code.times(to_near, v[near]), code.times(to_far, v[far]))
        current, by_gate, by_drain = nmos(
            code, code.times(p.column(VPP), gates[line]), level, v[cell], p.access(c),
            p.access_vt(c), p.modulation(MOD_ACCESS),
        )  # fmt: skip
        sums.into(cell, current)
        sums.out_of(near, code.times(to_near, current))
        sums.out_of(far, code.times(to_far, current))
        if not sums.derive:
            continue
        turn = code.times(by_gate, code.times(p.column(VPP), slopes[line]))
        found.by_tap[c] = by_drain
        found.by_cell[c] = code.negative(code.plus(by_gate, by_drain))
        sums.turn(cell, turn)
        ways = ((near, to_near), (far, to_far))
        for one, share in ways:
            sums.turn(one, code.negative(code.times(share, turn)))
            for other, other_share in ways:
                product = code.times(code.times(share, other_share), by_drain)
                sums.entry(one, other, code.negative(product))


class Factors:
    """The factors of ``scale C - J``. Cells are eliminated first, each by itself.

    That leaves a matrix of the nodes with three diagonals to either side of the main one. Rows are
    not exchanged: a ladder's matrix is diagonally dominant, and at the sense amplifier the step is
    short enough to follow the regeneration, which keeps the pivots positive.
    """

    def __init__(self, p: Parameters, now: Currents, scale: Value) -> None:
        code, structure = p.code, p.structure
        self._p, self._now = p, now
        self._to = [
            [(near, code.minus(1.0, p.share(c))), (far, p.share(c))]
            for c, (near, far) in enumerate(structure.tap)
        ]
        a = {place: code.negative(value) for place, value in now.jacobian.items()}
        for i in range(structure.nodes):
            a[i, i] = code.plus(a.get((i, i), 0.0), code.times(scale, p.charge(i)))
        self._pivots: list[Value] = []
        for cell, contacts in enumerate(structure.contacts_of):
            diagonal = code.times(scale, p.charge(structure.nodes + cell))
            for c in contacts:
                diagonal = code.minus(diagonal, now.by_cell[c])
            pivot = code.over(1.0, diagonal)
            self._pivots.append(pivot)
            for one in contacts:
                for other in contacts:
                    product = code.times(code.times(now.by_cell[one], now.by_tap[other]), pivot)
                    for row, row_share in self._to[one]:
                        for column, share in self._to[other]:
                            more = code.times(code.times(row_share, share), product)
                            a[row, column] = code.plus(a.get((row, column), 0.0), more)
        for k in range(structure.nodes):
            inverse = code.over(1.0, a[k, k])
            a[k, k] = inverse
            for i in range(k + 1, min(structure.nodes, k + BAND + 1)):
                if (i, k) not in a:
                    continue
                ratio = a[i, k] = code.times(a[i, k], inverse)
                for j in range(k + 1, min(structure.nodes, k + BAND + 1)):
                    if (k, j) in a:
                        a[i, j] = code.minus(a.get((i, j), 0.0), code.times(ratio, a[k, j]))
        self._a = a

    def solve(self, right: Sequence[Value]) -> list[Value]:
        """Return the solution of a right-hand side (nodes + cells)."""
        p, code, now, a = self._p, self._p.code, self._now, self._a
        nodes, x = p.structure.nodes, list(right)
        for cell, contacts in enumerate(p.structure.contacts_of):
            for c in contacts:
                given = code.times(code.times(now.by_cell[c], x[nodes + cell]), self._pivots[cell])
                for node, share in self._to[c]:
                    x[node] = code.minus(x[node], code.times(share, given))
        for i in range(nodes):
            for j in range(max(0, i - BAND), i):
                if (i, j) in a:
                    x[i] = code.minus(x[i], code.times(a[i, j], x[j]))
        for i in reversed(range(nodes)):
            for j in range(i + 1, min(nodes, i + BAND + 1)):
                if (i, j) in a:
                    x[i] = code.minus(x[i], code.times(a[i, j], x[j]))
            x[i] = code.times(x[i], a[i, i])
        for cell, contacts in enumerate(p.structure.contacts_of):
            total = x[nodes + cell]
            for c in contacts:
                for node, share in self._to[c]:
                    total = code.plus(total, code.times(now.by_tap[c], code.times(share, x[node])))
            x[nodes + cell] = code.times(total, self._pivots[cell])
        return x
