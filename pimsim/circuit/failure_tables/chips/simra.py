"""SiMRA: majorities and copies with up to 32 rows open at once, measured on 120 DDR4 chips.

Yuksel et al., Simultaneous Many-Row Activation in Off-the-Shelf DRAM Chips, DSN 2024. What its
numbers mean:

* a majority's ``pct_bitlines_always_correct`` is the share of bitlines that are right in *every*
  trial. The others are taken to be wrong for good: faults of the bitline, not of the access;
* a copy's ``pct_cells_correct`` is the share of cells that hold the copied value. Nothing says
  that the same cells fail again, so these are taken to be faults of the access.
"""

from __future__ import annotations

from collections.abc import Sequence

from pimsim.circuit.failure_tables.chips.summary import (
    SPLITS,
    ActivationDelays,
    Summary,
    SummaryRow,
    Wanted,
)
from pimsim.circuit.failure_tables.entry import Estimate
from pimsim.documents import shown
from pimsim.errors import InputError

COLUMNS = ("op", "rows_activated", "data_pattern", "t1_ns", "t2_ns", "mean")
"""Columns by which a file of SiMRA is known."""
_FILE = f"with the columns {', '.join(COLUMNS)}"
_COPY = "multi-row-copy"
_OPERATIONS = ("MAJ3", "MAJ5", "MAJ7", "MAJ9", "many-row-activation", _COPY)
_ALWAYS = "pct_bitlines_always_correct"
_MOST_ROWS = 512

MeasuredShare = tuple[float, float | None, str]
"""Share that fails, its upper bound (or None), and file and line where both stand."""


def entries(summaries: Sequence[Summary], wanted: Wanted) -> list[Estimate]:
    """Return entries of majorities and of copies.

    Raises :class:`~pimsim.errors.InputError` for an operation that this module does not know,
    naming file and line, and if what ``wanted`` asks for was not measured.
    """
    for summary in summaries:
        for row in summary.rows:
            row.one_of("op", _OPERATIONS)
    return [*_majorities(summaries, wanted), *_copies(summaries, wanted)]


def _majorities(summaries: Sequence[Summary], wanted: Wanted) -> list[Estimate]:
    """Entries of the majority of three on each wanted number of rows.

    A bitline counts as failed if any of the six patterns in which operands differ is wrong. How
    that share f is divided over patterns is not measured: a pattern fails on f/2 of the bitlines
    if those that fail do so for all patterns with as many ones, and on f/6 if each of them fails
    for a single pattern (:data:`~pimsim.circuit.failure_tables.chips.summary.SPLITS`); hardly any
    bitline fails both ways. Unanimous operands are taken never to fail.
    """
    if not summaries:
        if wanted.rows:
            raise InputError(f"`rows` needs a file of majorities, {_FILE}")
        return []
    found = _readings(summaries, "MAJ3", wanted.pattern, wanted.majority, wanted.statistic)
    if not found:
        raise InputError(
            f"no MAJ3 was measured with the data {wanted.pattern} at {wanted.majority}"
            + _known(summaries, "MAJ3")
        )
    parts = SPLITS[wanted.split]
    made = []
    for rows in wanted.rows or tuple(sorted(found)):
        if rows not in found:
            raise InputError(
                f"`rows` must be of {', '.join(map(str, sorted(found)))}, on which MAJ3 was "
                f"measured, not {rows}"
            )
        failing, most, source = found[rows]
        copies = rows // 3
        for ones in range(4):
            differ = ones in (1, 2)
            share = failing / parts if differ else 0.0
            high = None if most is None or not differ else most / parts
            made.append(
                Estimate(
                    rows=rows,
                    ones=ones * copies,
                    halves=rows - 3 * copies,
                    static=share,
                    access=0.0,
                    low=None if high is None else max(0.0, 2 * share - high),
                    high=high,
                    source=f"a {wanted.split} of the bitlines that fail: {source}"
                    if differ
                    else "assumed: unanimous operands never fail",
                )
            )
    return made


def _copies(summaries: Sequence[Summary], wanted: Wanted) -> list[Estimate]:
    """Entries of driving 1, 2, ... destination rows, of zeros and of ones.

    Numbers of rows that were not measured are taken to fail as the next larger one that was.
    """
    if wanted.copies is None:
        return []
    if not summaries:
        raise InputError(f"`copies` needs a file of copies, {_FILE}")
    made = []
    for value in (0, 1):
        pattern = "random" if wanted.pattern == "random" else f"all{value}"
        found = _readings(summaries, _COPY, pattern, wanted.copies, wanted.statistic)
        if not found:
            raise InputError(
                f"no {_COPY} was measured with the data {pattern} at {wanted.copies}"
                + _known(summaries, _COPY)
            )
        # The rows of a copy count the source.
        for rows in range(1, max(found)):
            measured = min(count for count in found if count > rows)
            failing, most, source = found[measured]
            note = "" if measured - 1 == rows else f"as {measured - 1} destinations: "
            made.append(
                Estimate(
                    kind="copy",
                    rows=rows,
                    ones=value * rows,
                    halves=0,
                    static=0.0,
                    access=failing,
                    low=None if most is None else max(0.0, 2 * failing - most),
                    high=most,
                    source=note + source,
                )
            )
    return made


def _readings(
    summaries: Sequence[Summary], op: str, pattern: str, timing: ActivationDelays, statistic: str
) -> dict[int, MeasuredShare]:
    """Share that fails, by rows activated."""
    found: dict[int, MeasuredShare] = {}
    for summary in summaries:
        for row in summary.rows:
            if (row.text("op"), row.text("data_pattern")) != (op, pattern):
                continue
            if _delays(row) != timing:
                continue
            rows = row.count("rows_activated")
            least = 3 if op == "MAJ3" else 2
            if not least <= rows <= _MOST_ROWS:
                raise InputError(
                    f"{row.where}: `rows_activated` must be {least} to {_MOST_ROWS} for {op}, "
                    f"not {rows}"
                )
            reading = _reading(summary, row, statistic)
            before = found.setdefault(rows, reading)
            if before[0] != reading[0]:
                raise InputError(
                    f"{row.where} contradicts {before[2]}: {100 - 100 * before[0]:g} % there, "
                    f"{100 - 100 * reading[0]:g} % here"
                )
    return found


def _delays(row: SummaryRow) -> ActivationDelays:
    return ActivationDelays(row.number("t1_ns"), row.number("t2_ns"))


def _reading(summary: Summary, row: SummaryRow, statistic: str) -> MeasuredShare:
    op = row.text("op")
    if statistic not in summary.columns:
        raise InputError(f"{summary.file} must have the column `{statistic}`")
    if op == "MAJ3" and "metric" in summary.columns and row.text("metric") != _ALWAYS:
        raise InputError(
            f"{row.where}: `metric` must be {_ALWAYS} for {op}, not {shown(row.text('metric'))}"
        )
    failing = row.failing(statistic)
    most = None
    if statistic == "mean" and "ci95_low" in summary.columns:
        most = row.failing("ci95_low")
        if most < failing:
            raise InputError(
                f"{row.where}: `ci95_low` must be at most the mean, {row.text('mean')}, "
                f"not {row.text('ci95_low')}"
            )
    source = (
        f"{row.where}: {op}, {row.text('rows_activated')} rows, data {row.text('data_pattern')}, "
        f"{_delays(row)}, {statistic} {row.text(statistic)} %"
    )
    return failing, most, source


def _known(summaries: Sequence[Summary], op: str) -> str:
    """The end of a message: what was measured of an operation."""
    kinds = {
        (row.text("data_pattern"), str(_delays(row)))
        for summary in summaries
        for row in summary.rows
        if row.text("op") == op
    }
    if not kinds:
        return f"; there is no {op} in the files at all"
    listed = "; ".join(f"{pattern} at {timing}" for pattern, timing in sorted(kinds)[:12])
    return f" (there is: {listed}{'; ...' if len(kinds) > 12 else ''})"
