"""The page of unmodified chips: a network on row groups drawn from measurements.

The boxes are read from the user's data folder. Only results are stored, in
``docs/figures/off-the-shelf.csv``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from experiments.api.options import parsed
from experiments.commands.chips.network import Network
from experiments.options.chips import STANDARD
from experiments.output.markdown import markdown
from experiments.pages.page import Page, Row, worded
from experiments.report import chip_run
from pimsim.errors import InputError
from pimsim.offtheshelf.boxes import NEEDED, location

TABLE = "figures/off-the-shelf.csv"
NETWORK, CHIPS, BETTER = "digits-mlp", 5, 0.5
CASES = tuple((rows, t2_ns) for rows in (4, 8, 16, 32) for t2_ns in (3.0, 1.5))
"""Rows that a majority opens, and the delay from PRE to the second ACT."""
_COUNTS = {5: "five"}


def simulated(cases: Iterable[tuple[int, float]] = CASES) -> list[Row]:
    """Run the network on drawn chips; return a row for each of ``cases``.

    Raises :class:`~pimsim.errors.InputError` where there are no boxes to draw groups from.
    """
    if location() is None:
        raise InputError(f"the page of chips needs {NEEDED}")
    return [_row(*case) for case in cases]


def _row(rows: int, t2_ns: float) -> Row:
    given = {"rows": rows, "t2": t2_ns, "chips": CHIPS, "best": BETTER}
    found = chip_run.simulate(parsed(Network(), [NETWORK], given))

    def right(best: float) -> str:
        return f"{100 * fmean(c['accuracy'] for c in found['chips'] if c['best'] == best):.4f}"

    return {
        "rows": str(rows),
        "t1_ns": f"{found['assumptions']['t1_ns']:g}",
        "t2_ns": f"{t2_ns:g}",
        "images": str(found["images"]),
        "error_free_percent": f"{100 * found['accuracy_error_free']:.4f}",
        "all_percent": right(1.0),
        "better_percent": right(BETTER),
        "latency_ms": f"{found['latency_ps'] / 1e9:.2f}",
        "energy_mj": f"{found['energy_pj']['total'] / 1e9:.2f}",
        "ambit_ms": f"{found['ambit']['latency_ps'] / 1e9:.1f}",
        "ambit_mj": f"{found['ambit']['energy_pj'] / 1e9:.1f}",
    }


def text(rows: Sequence[Row]) -> str:
    """Return the page."""
    head = ("rows, t1 and t2", "all groups", "better half", "time, ms", "energy, mJ")
    columns = ("all_percent", "better_percent", "latency_ms", "energy_mj")
    cells = [(_setting(row), *(f"{float(row[key]):.0f}" for key in columns)) for row in rows]
    usual = max(rows, key=lambda row: float(row["all_percent"]))
    wanted = round(float(usual["all_percent"]))
    good = [row for row in rows if round(float(row["better_percent"])) >= wanted]
    cheapest = min(good, key=lambda row: float(row["latency_ms"]))
    return worded(
        "chips",
        network=NETWORK,
        images=rows[0]["images"],
        right=f"{float(rows[0]['error_free_percent']):.1f}",
        chips=_COUNTS[CHIPS],
        standard=STANDARD,
        table=markdown([head, *cells]).strip(),
        csv=TABLE,
        unscreened=_setting(usual, " rows at"),
        screened=_setting(cheapest, " rows at"),
        share=f"{float(cheapest['latency_ms']) / float(usual['latency_ms']):.0%}",
        ambit_ms=rows[0]["ambit_ms"],
        ambit_mj=rows[0]["ambit_mj"],
    )


def _setting(row: Row, at: str = ",") -> str:
    return f"{row['rows']}{at} {row['t1_ns']} and {row['t2_ns']} ns"


PAGE = Page("off-the-shelf.md", {TABLE: simulated}, text)
"""``docs/off-the-shelf.md``."""
