r"""Failure tables from what was measured on real chips: readers of published summaries.

A summary is a CSV file of success rates in percent. :func:`read` makes one of a file, and
:func:`table` a failure table of several; the modules
:mod:`~pimsim.circuit.failure_tables.chips.simra` and
:mod:`~pimsim.circuit.failure_tables.chips.fcdram` know what the numbers of each publication mean.
The data themselves are not part of pimsim. Read
:mod:`~pimsim.circuit.failure_tables.chips.summary` first, and then
:mod:`~pimsim.circuit.failure_tables.chips.convert`.

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

from pimsim.circuit.failure_tables.chips.convert import table
from pimsim.circuit.failure_tables.chips.summary import Summary, Wanted, read

__all__ = ["Summary", "Wanted", "read", "table"]
