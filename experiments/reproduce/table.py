"""Tables of a reproduction: published beside simulated, as CSV, Markdown and JSON.

>>> table = Table("speed", "How fast", ("system",), (
...     Row(("Ambit",), "throughput", 334.4, "GB/s", "8 banks", Published(334, "by hand")),
...     Row(("Skylake",), "throughput", 6.25, "GB/s", "bandwidth"),
... ))
>>> print(table.csv_text(), end="")
quantity,system,published,simulated,ratio,unit,switches,source
throughput,Ambit,334,334.4,1.0012,GB/s,8 banks,by hand
throughput,Skylake,,6.25,,GB/s,bandwidth,
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from experiments.output import sheets
from experiments.output.markdown import Cells, markdown
from pimsim.errors import InputError


@dataclass(frozen=True, slots=True)
class Published:
    """A published number, or one worked by hand from published ones."""

    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity, simulated."""

    of: tuple[str, ...]
    """What it is a quantity of: one text for each of the table's keys."""
    quantity: str
    simulated: float
    unit: str
    options: str
    """What the simulated value rests on."""
    published: Published | None = None

    @property
    def ratio(self) -> float | None:
        """Simulated over published."""
        return None if self.published is None else self.simulated / self.published.value


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one kind."""

    name: str
    """Name of its CSV file, without the suffix."""
    title: str
    keys: tuple[str, ...]
    """Columns that identify a row, besides its quantity."""
    rows: tuple[Row, ...]
    value: str = "simulated"
    """What its values are: simulated, or measured."""

    def find(self, quantity: str, *of: str) -> float:
        """Return the one simulated value of that quantity and key."""
        (row,) = (row for row in self.rows if row.quantity == quantity and row.of == of)
        return row.simulated

    def records(self) -> list[dict[str, object]]:
        """Rows as dicts, every number in full."""
        return [
            {
                "quantity": row.quantity,
                **dict(zip(self.keys, row.of, strict=True)),
                "published": row.published and row.published.value,
                self.value: row.simulated,
                "ratio": row.ratio,
                "unit": row.unit,
                "switches": row.options,
                "source": row.published.source if row.published else "",
            }
            for row in self.rows
        ]

    def csv_text(self) -> str:
        """Return the rows as CSV, numbers to five digits."""
        return sheets.of_records(
            [
                {
                    key: digits(value, 5) if isinstance(value, int | float) else value
                    for key, value in record.items()
                }
                for record in self.records()
            ]
        )

    def cells(self, only: Callable[[Row], bool] = lambda _: True) -> Cells:
        """Return header and rows as texts for a reader, without options and sources.

        A unit that all rows share stands in the header; columns that none fills are left out.
        """
        chosen = [row for row in self.rows if only(row)]
        units = {row.unit for row in chosen}
        unit = f", {units.pop()}" if len(units) == 1 else ""
        records = [
            {
                "quantity": row.quantity,
                **dict(zip(self.keys, row.of, strict=True)),
                f"published{unit}": digits(row.published.value, 4) if row.published else "",
                f"{self.value}{unit}": digits(row.simulated, 4)
                + (f" {row.unit}" if not unit and row.unit else ""),
                "ratio": "" if row.ratio is None else f"{row.ratio:.3f}",
            }
            for row in chosen
        ]
        names = [name for name in records[0] if any(record[name] for record in records)]
        if len({row.quantity for row in chosen}) == 1:
            names.remove("quantity")
        return [names, *([record[name] for name in names] for record in records)]

    def markdown(self, only: Callable[[Row], bool] = lambda _: True) -> str:
        """Return the rows as a table for a page."""
        return markdown(self.cells(only))


def digits(value: float, places: int) -> str:
    """Significant digits without a power of ten; whole numbers in full.

    >>> digits(1234.56, 3), digits(0.012345, 3), digits(8104, 2), digits(2.0, 4), digits(0.0, 3)
    ('1235', '0.0123', '8104', '2', '0')
    """
    if value == 0 or isinstance(value, int):
        return str(int(value))
    decimals = max(places - 1 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@cache
def published(experiment: str) -> Mapping[tuple[str, str], Callable[[int], Published]]:
    """Return the published numbers of an experiment by table and key, as functions of a width.

    >>> published("simdram")["commands", "add"](32).value
    257.0
    """
    name = f"{experiment}.csv"
    text = files(__package__).joinpath("published", name).read_text("utf-8")
    found: dict[tuple[str, str], Callable[[int], Published]] = {}
    for row in csv.DictReader(text.splitlines()):
        place = row["table"], row["key"]
        if place in found:
            raise InputError(f"{name} must not have {' '.join(place)!r} twice")
        found[place] = _of_width(float(row["per_bit"] or 0), float(row["value"]), row["source"])
    return found


def _of_width(per_bit: float, fixed: float, source: str) -> Callable[[int], Published]:
    return lambda width: Published(per_bit * width + fixed, source)


def look_up(experiment: str, table: str, *key: str, width: int = 0) -> Published | None:
    """Return the published number of that table and key; None if there is none."""
    entry = published(experiment).get((table, " ".join(key)))
    return entry(width) if entry else None
