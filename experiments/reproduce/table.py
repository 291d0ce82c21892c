"""Tables of a reproduction: published numbers beside numbers simulated or measured here.

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
from typing import Any

from experiments.output import sheets
from experiments.output.markdown import Cells, markdown
from experiments.output.words import counted
from pimsim.baselines.measured import CACHES, Measurement
from pimsim.cost import PrimitiveCost, primitive_cost
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.errors import InputError
from pimsim.microprogram.primitives import PRIMITIVES
from pimsim.microprogram.program import Program


@dataclass(frozen=True, slots=True)
class Published:
    """A published number, or one computed by hand from published numbers."""

    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity, simulated."""

    of: tuple[str, ...]
    """Its key: one text for each of the table's keys."""
    quantity: str
    simulated: float
    unit: str
    options: str
    """Options and assumptions of the simulated value."""
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

    def distinct(self, key: int) -> list[str]:
        """Return the texts of one of its keys, each once, in order."""
        return list(dict.fromkeys(row.of[key] for row in self.rows))

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
    """Return the published numbers of an experiment, by table and key, as functions of the width.

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


PAPER = ModelOptions(faw=False, refresh=False)
"""Options that the papers assume: eight banks, without tFAW and refresh."""


@cache
def program(name: str, width: int | None = None) -> Program:
    """Return the program of a primitive, at ``width`` or by default at the width of the tables."""
    return PRIMITIVES[name].program(width)


@cache
def cost(chosen: Program, standard: Standard, options: ModelOptions) -> PrimitiveCost:
    """Return the cost of a program on one row, and its sustained rate on all banks."""
    return primitive_cost(chosen, standard, options)


def throughput_gb_per_s(
    name: str, standard: Standard, options: ModelOptions, width: int | None = None
) -> float:
    """Return the throughput of a primitive on all banks, in 1e9 bytes of results per second.

    >>> from pimsim.dram.standard.standard import load
    >>> round(throughput_gb_per_s("and", load("ddr3-1600-8-8-8"), PAPER))
    334
    """
    return cost(program(name, width), standard, options).throughput_gb_per_s


def in_words(standard: Standard, options: ModelOptions, *, energy: str | None = None) -> str:
    """Return the options behind a value as text, for the column ``switches``.

    >>> from pimsim.dram.standard.standard import load
    >>> in_words(load("ddr3-1600-8-8-8"), PAPER)
    'ddr3-1600-8-8-8; 8 banks; tFAW off; refresh off; split decoder'
    """
    words = [standard.name]
    if standard.channels > 1:
        words.append(f"{standard.channels} channels")
    if standard.ranks > 1:
        words.append(f"{standard.ranks} ranks")
    words.append(counted(options.banks, "bank"))
    if options.faw:
        words.append(f"tFAW {standard.timing.t_faw_ps / 1e3:g} ns")
        words.append(f"{options.acts_per_aap} ACT{'s'[: options.acts_per_aap - 1]} an AAP")
    else:
        words.append("tFAW off")
    words.append(f"refresh {'on' if options.refresh else 'off'}")
    words.append("split decoder" if options.split_decoder else "shared decoder")
    if options.clocked:
        words.append("clocked")
    if energy is not None:
        words.append(f"energy {energy}")
        if options.extra_wordline_factor:
            words.append(f"{options.extra_wordline_factor:g} an extra wordline")
    return "; ".join(words)


def measured_table(measured: Measurement, rivals: Mapping[str, float]) -> Table:
    """Return the best rates of the machine that this runs on.

    ``rivals`` are rates in DRAM, in bits per second; they are divided by the measured ones.
    """
    rows = []
    for operation, rate in measured.best().items():
        of = operation, rate.library, str(rate.threads), f"{rate.spread_percent:.0f}"
        words = f"best of {len(rate.seconds)}; arrays of {measured.caches:.1f} caches together"
        if rate.output_gb_per_s is not None:
            rows.append(Row(of, "result", rate.output_gb_per_s, "GB/s", words))
        rows.append(Row(of, "operands and result", rate.moved_gb_per_s, "GB/s", words))
        rows.append(Row(of, "bits a second", rate.binary_ops_per_s / 1e9, "G/s", words))
        if operation in rivals:
            ratio = rivals[operation] / rate.binary_ops_per_s
            rows.append(Row(of, "DRAM over this machine", ratio, "x", words))
    title = f"This machine, measured: {measured.machine.model}"
    keys = ("operation", "with", "threads", "spread %")
    return Table("machine", title, keys, tuple(rows), value="measured")


def in_cache(measured: Measurement) -> str:
    """Return a note if the arrays may fit the cache; otherwise ''."""
    if measured.caches >= CACHES:
        return ""
    least = -(-CACHES * measured.machine.cache_bytes // 2**20)
    return (
        f"The arrays together have {measured.caches:.1f} times the size of the last-level cache, "
        f"so that some may be found in it: `--measure-mib {least}` measures memory alone."
    )


_MACHINE = ("model", "threads", "cache_bytes", "cache_source")
_RATE = (
    "operation", "library", "threads", "output_gb_per_s", "moved_gb_per_s", "binary_ops_per_s",
    "best_s", "spread_percent",
)  # fmt: skip


def measured_record(measured: Measurement) -> dict[str, Any]:
    """Return everything that was measured, ready for JSON."""
    return {
        **{name: getattr(measured.machine, name) for name in _MACHINE},
        "total_bytes": measured.total_bytes,
        "caches": measured.caches,
        "rates": [
            {**{name: getattr(rate, name) for name in _RATE}, "repeats": len(rate.seconds)}
            for rate in measured.rates
        ],
    }


def measured_section(found: Table, measured: Measurement) -> str:
    """Return the section of an experiment's page about this machine."""
    machine = measured.machine
    short = in_cache(measured)
    short = f" **{short}**" if short else ""
    return f"""\

## This machine

{machine.model}, {machine.threads} hardware threads, last-level cache of
{machine.cache_bytes / 2**20:.0f} MiB ({machine.cache_source}); two operands and a result of
{measured.total_bytes / 2**20:,.0f} MiB together.{short} numpy on one thread or compiled loops on
all, whichever is faster; the best of several runs, and how much longer the longest took. Counting
the ones of an XNOR is a dot product of signs.

{markdown(found.cells())}"""
