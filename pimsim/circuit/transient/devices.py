"""Square-law transistors, compiled: SPICE's level 1 without body effect and gate charge.

>>> current_ua, *_ = nmos(1.2, 0.6, 0.0, 100.0, 0.4, 0.0)  # vgs - vt = 0.8 V > vds: linear
>>> round(current_ua, 6)
30.0
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., object])

Current: TypeAlias = tuple[float, float, float]
"""From drain to source, in uA, and its derivatives by gate and drain voltage, in uA/V."""


def _part(function: _Function, **others: Any) -> _Function:
    """Compile a function as a part of those that call it; it cannot be called from Python.

    What would make that possible takes longer to compile than the function does. Division by zero
    gives infinity, as in numpy; a product and a sum may become one operation. ``others`` are
    further options of numba.
    """
    options: dict[str, Any] = {
        "fastmath": {"contract", "nsz", "arcp"},
        "no_cpython_wrapper": True,
        "no_cfunc_wrapper": True,
        **others,
    }
    return cast(_Function, njit(error_model="numpy", **options)(function))


def of_numbers(function: _Function) -> _Function:
    """Compile a function of numbers into those that call it, Python among them."""
    return _part(function, forceinline=True, _nrt=False, no_cpython_wrapper=False)


def compiled(function: _Function) -> _Function:
    """Compile a function into those that call it; it allocates nothing."""
    return _part(function, forceinline=True, _nrt=False)


def called(function: _Function) -> _Function:
    """Compile a function that is long and called from several places; it allocates nothing."""
    return _part(function, _nrt=False)


def allocating(function: _Function) -> _Function:
    """Compile a function that makes arrays."""
    return _part(function, forceinline=True)


def strict(function: _Function) -> _Function:
    """Compile a function in which every operation is one; it allocates nothing."""
    return _part(function, fastmath=False, _nrt=False)


def strict_allocating(function: _Function) -> _Function:
    """The same of one that makes arrays."""
    return _part(function, fastmath=False)


def merged(function: _Function) -> _Function:
    """Have a function compiled anew wherever it stands: with constants, it is another each time."""
    return _part(function, inline="always", _nrt=False)


@of_numbers
def nmos(
    gate: float, drain: float, source: float, beta: float, vt: float, modulation: float
) -> Current:
    """Return the current from drain to source and its derivatives by gate and drain voltage.

    Voltages in V, ``beta`` = kp W/L in uA/V2, ``modulation`` (lambda) in 1/V. The derivative by
    the source voltage is minus the sum of the others.
    Drain and source change roles where the drain is the lower one.
    """
    if drain >= source:
        return _forward(gate - source - vt, drain - source, beta, modulation)
    current, by_gate, by_drain = _forward(gate - drain - vt, source - drain, beta, modulation)
    return -current, -by_gate, by_gate + by_drain


@of_numbers
def pmos(
    gate: float, drain: float, source: float, beta: float, vt: float, modulation: float
) -> Current:
    """As :func:`nmos` for a pMOS with a negative ``vt``; the current flows from source to drain.

    The current returned is from drain to source all the same, so that it is negative here.
    """
    current, by_gate, by_drain = nmos(-gate, -drain, -source, beta, -vt, modulation)
    return -current, by_gate, by_drain


@of_numbers
def _forward(drive: float, span: float, beta: float, modulation: float) -> Current:
    """Current and derivatives for ``span`` = vds >= 0, ``drive`` = vgs - vt."""
    if drive <= 0.0:
        return 0.0, 0.0, 0.0
    longer = 1.0 + modulation * span
    if drive <= span:
        plain = 0.5 * beta * drive * drive
        return plain * longer, beta * drive * longer, plain * modulation
    plain = beta * span * (drive - 0.5 * span)
    return plain * longer, beta * span * longer, beta * (drive - span) * longer + plain * modulation
