"""Tables as CSV. All rows whose cells may hold text from input files are written here.

>>> text(["layer", "commands"], [["dense", 3], ["=1+1", -2.5]]).splitlines()
['layer,commands', 'dense,3', "'=1+1,-2.5"]
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.output.escaping import in_cell, of_cell


def text(header: Sequence[str], rows: Iterable[Iterable[object]], *, newline: str = "\n") -> str:
    """Return the table as CSV."""
    sheet = io.StringIO()
    out = csv.writer(sheet, lineterminator=newline)
    out.writerow([in_cell(name) for name in header])
    out.writerows([in_cell(value) for value in row] for row in rows)
    return sheet.getvalue()


def of_records(records: Sequence[Mapping[str, Any]], *, newline: str = "\n") -> str:
    """Return records, all with the keys of the first, as CSV."""
    header = list(records[0]) if records else []
    return text(header, ([record[key] for key in header] for record in records), newline=newline)


def write(path: Path, records: Sequence[Mapping[str, Any]]) -> Path:
    """Write records, all with the keys of the first, into a file; return its path."""
    path.write_text(of_records(records, newline="\r\n"), encoding="utf-8", newline="")
    return path


def parsed(text: str) -> list[dict[str, str]]:
    r"""Return the rows of a table as texts by column.

    >>> parsed("part,unit\nhbm2,ns\n")
    [{'part': 'hbm2', 'unit': 'ns'}]
    """
    return _rows(io.StringIO(text))


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a file as texts by column."""
    with path.open(newline="", encoding="utf-8") as file:
        return _rows(file)


def _rows(lines: Iterable[str]) -> list[dict[str, str]]:
    """Rows as they were before :func:`~experiments.output.escaping.in_cell`."""
    return [
        {of_cell(name): of_cell(cell) for name, cell in row.items()}
        for row in csv.DictReader(lines)
    ]
