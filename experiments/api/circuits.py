"""The circuit from Python: transients of whole cycles, and failures under process variation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from experiments.api.options import parsed
from experiments.api.records import Records
from experiments.api.wording import in_python
from experiments.commands.circuit import failures as circuit_failures
from experiments.commands.circuit import transient as circuit_transient
from experiments.report import failure_rows
from pimsim.documents import meant
from pimsim.errors import InputError

if TYPE_CHECKING:
    from pimsim.circuit.transient.simulation import Transient


def transient(kind: str, **options: Any) -> Transient:
    """Simulate the voltages of one bitline pair over time, as ``pimsim circuit KIND`` does.

    Args:
        kind: ``read``, ``tra``, ``not``, ``copy``, ``majority``, ``and`` or ``or``.
        options: those of ``pimsim circuit KIND --help``, such as ``pattern="110"``,
            ``preset="crow22"`` or ``set={"cell.capacitance_ff": 20}``.

    Returns:
        The transient. ``dv_at_sense_mv`` (the swing), ``latch_ns``, ``value`` (the bit that was
        read), ``restored_mv`` and ``energy_fj`` are arrays of one number, for there is one pair;
        ``waveforms`` has the voltages over time.

    Raises:
        InputError: an unknown kind or option, or a value out of range.

    >>> import pimsim
    >>> tra = pimsim.transient("tra", pattern="110")
    >>> round(float(tra.dv_at_sense_mv[0]), 1), int(tra.value[0])
    (87.4, 1)
    """
    parts = {part.NAME: part for part in circuit_transient.PARTS}
    if kind not in parts:
        raise InputError(
            f"`kind` must be one of {', '.join(parts)}, not {kind!r}{meant(kind, parts, '`')}"
        )
    with in_python():
        return parts[kind].simulate(parsed(parts[kind], [], options))


def failures(variation: float | Sequence[float] | None = None, **options: Any) -> Records:
    """Count how often an operation is wrong, as ``pimsim circuit failures`` does.

    Args:
        variation: process variation in percent, one or several.
        options: those of ``pimsim circuit failures --help``, such as ``samples=10_000``,
            ``preset="ddr4-like"``, ``seed=2``.

    Returns:
        A row for each variation: ``variation_percent``, ``failure_percent``, the ends of its 95 %
        interval ``low_percent`` and ``high_percent``, ``samples``.

    Raises:
        InputError: an unknown option, or a value out of range.

    >>> import pimsim
    >>> rows = pimsim.failures(variation=(5, 20), samples=20_000)
    >>> [row["failure_percent"] > 10 for row in rows]
    [False, True]
    """
    with in_python():
        args = parsed(circuit_failures, [], {"variation": variation, **options})
        return Records(failure_rows.result(circuit_failures.asked(args))["rows"])
