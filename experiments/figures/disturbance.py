"""Figure of read disturbance: every row of a subarray, from the report of ``--disturbance``.

>>> import tempfile
>>> found = {
...     "chip": {"name": "x", "hc_double_sided": 50, "hc_single_sided": 90}, "window_ps": 64e9,
...     "subarray": {"bank": 0, "subarray": 1, "rows": ["T0", "C0", "D0"],
...                  "activations": [900, 40, 3], "pair": [0, 3, 0], "one": [20, 60, 30]},
... }
>>> with tempfile.TemporaryDirectory() as folder:
...     [path.name for path in draw("tiny", found, Path(folder))]
['disturbance.png', 'disturbance.csv']
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from experiments.figures.style import INK, PUBLISHED, save, style
from experiments.output import sheets
from experiments.output.words import quantity

_FIRST = 24
"""Rows that are shown large: compute rows, constants and the first data rows."""


def draw(network: str, found: Mapping[str, Any], folder: Path) -> tuple[Path, ...]:
    """Write ``disturbance.png`` and ``.csv``; nothing if nothing was activated.

    The left panel shows the first rows of the subarray one by one, the right panel all rows.
    """
    own = found["subarray"]
    if own is None:
        return ()
    keys = ("activations", "pair", "one")
    rows = [
        {"row": row, **dict(zip(keys, counts, strict=True))}
        for row, *counts in zip(own["rows"], *(own[key] for key in keys), strict=True)
    ]
    table = sheets.write(folder / "disturbance.csv", rows)
    chip = found["chip"]
    with style():
        figure = Figure(figsize=(6.8, 2.9))
        axes = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        for panel, count in ((axes[0], min(_FIRST, len(rows))), (axes[1], len(rows))):
            places, small = range(count), 3 if count <= _FIRST else 1
            panel.plot(places, own["activations"][:count], "o", markersize=small, color=INK,
                       label="activated")  # fmt: skip
            panel.plot(places, own["one"][:count], "s", markersize=small, color=PUBLISHED,
                       label="a neighbour, before the row is opened")  # fmt: skip
            for hammers, line in (("hc_double_sided", "--"), ("hc_single_sided", ":")):
                panel.axhline(chip[hammers], linestyle=line, linewidth=0.9, color="0.4")
            panel.set_yscale("symlog", linthresh=1)
            panel.set_ylim(0, 50 * max(*own["activations"], chip["hc_single_sided"]))
            panel.yaxis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
        axes[0].set_xticks(
            range(min(_FIRST, len(rows))), own["rows"][:_FIRST], rotation=90, fontsize=6.5
        )
        axes[0].set_ylabel(f"times in {quantity(found['window_ps'], 'ps')}")
        axes[1].set_xlabel("row, in the order in which they lie")
        axes[0].set_title(f"Bank {own['bank']}, subarray {own['subarray']}")
        axes[0].legend(loc="upper right", fontsize=6.5)
        caption = (
            f"{network}, repeated without a pause · {chip['name']}: HC_first "
            f"{chip['hc_double_sided']:,} on both sides (dashed), {chip['hc_single_sided']:,} on "
            "one (dotted)"
        )
        return save(figure, caption, folder / "disturbance.png"), table
