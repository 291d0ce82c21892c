r"""Failure tables from what was measured on real chips: readers of published summaries.

A summary is a CSV file of success rates in percent. :func:`read` reads one, and
:func:`table` makes a failure table from several; the modules
:mod:`~pimsim.circuit.failure_tables.chips.simra` and
:mod:`~pimsim.circuit.failure_tables.chips.fcdram` know what the numbers of each publication mean.
The data themselves are not part of pimsim. Read
:mod:`~pimsim.circuit.failure_tables.chips.summary` first, and then :data:`FORMS`.

Nothing here knows of the simulated circuit.

>>> import tempfile
>>> from pathlib import Path
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder) / "mine.csv"
...     _ = path.write_text("op,rows_activated,data_pattern,t1_ns,t2_ns,metric,mean\n"
...                         "MAJ3,8,random,1.5,3.0,pct_bitlines_always_correct,90\n")
...     made = table([read(path)], Wanted(rows=(8,)))
>>> [(e.rows, e.ones, round(e.static, 3)) for e in made.entries]
[(1, 0, 0.0), (1, 1, 0.0), (8, 0, 0.0), (8, 2, 0.05), (8, 4, 0.05), (8, 6, 0.0)]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from pimsim import __version__
from pimsim.circuit.failure_tables.chips import fcdram, simra
from pimsim.circuit.failure_tables.chips.summary import Summary, Wanted, read
from pimsim.circuit.failure_tables.entry import Estimate
from pimsim.circuit.failure_tables.table import FailureTable
from pimsim.errors import InputError

__all__ = ["Summary", "Wanted", "read", "table"]

FORMS = (
    ((simra.COLUMNS,), simra.entries),
    ((fcdram.BY_DISTANCE, fcdram.REPORTED), fcdram.entries),
)
"""For every publication: the sets of columns by which its files are known (a file fits one
publication at most), and the function that makes entries from them. That function is called even
if there is no such file."""

MODEL = (
    "measured: SiMRA's share of bitlines that are wrong in some trial as static faults, divided "
    "over patterns by assumption; mean rates of copies and FCDRAM's NOT as faults of the access; "
    "reads of a single row and unanimous operands never fail"
)
"""What a converted table rests on, in words."""


def table(summaries: Sequence[Summary], wanted: Wanted) -> FailureTable:
    """Return the failure table of measurements: each kind that the summaries and ``wanted`` have.

    Raises :class:`~pimsim.errors.InputError` for a file of no known form, and for what was not
    measured.
    """
    if not summaries:
        raise InputError("`files` must be at least one file of measurements, not none")
    known = [columns for form, _ in FORMS for columns in form]
    for one in summaries:
        if not any(one.has(*columns) for columns in known):
            listed = "; or ".join(", ".join(columns) for columns in known)
            raise InputError(f"{one.file} must have the columns {listed}")
    entries = [
        Estimate(1, ones, 0, 0.0, 0.0, source="assumed: reading one row never fails")
        for ones in (0, 1)
    ]
    for form, make in FORMS:
        own = [one for one in summaries if any(one.has(*columns) for columns in form)]
        entries += make(own, wanted)
    stated = asdict(wanted)
    provenance = {
        "pimsim": __version__,
        "model": MODEL,
        "files": [summary.file for summary in summaries],
        "wanted": {k: list(v) if isinstance(v, tuple) else v for k, v in stated.items()},
    }
    return FailureTable(tuple(entries), provenance)
