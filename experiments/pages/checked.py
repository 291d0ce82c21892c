"""The page that compares with other tools, on the same streams of commands.

Energies of DRAMPower are in ``experiments/pages/drampower.csv``, in pJ by part, with the options of
the run whose trace it read; ours are simulated anew. ``experiments/pages/ramulator.csv`` says
whether traces keep the distances between commands that Ramulator requires.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files

from experiments.api.runs import estimate
from experiments.output import sheets
from experiments.output.markdown import markdown
from experiments.pages.page import Page, Row, worded
from pimsim.dram.standard.standard import load

ENERGIES = "figures/checked-energies.csv"
PARTS = ("activate_precharge", "read_write", "refresh", "background")
"""Parts of the energy that both have; DRAMPower models pins in another way."""
MOST_APART = 1e-3
"""Energies that differ by less count as the same: commands shift on the command bus."""


def stored() -> list[Row]:
    """Return the energies of DRAMPower, a row for each trace."""
    return sheets.parsed(files(__package__).joinpath("drampower.csv").read_text("utf-8"))


def distances() -> list[Row]:
    """Return whether traces keep the distances of Ramulator, a row for each part."""
    return sheets.parsed(files(__package__).joinpath("ramulator.csv").read_text("utf-8"))


def simulated(rows: Iterable[Row] | None = None) -> list[Row]:
    """Return for each trace our energies by part, and the ratio of theirs to ours."""
    return [_beside(row) for row in (stored() if rows is None else rows)]


def _beside(row: Row) -> Row:
    """Run the command of a trace: first rank of one channel, commands on clock edges."""
    report = estimate(
        row["network"],
        standard=row["part"],
        banks=load(row["part"]).banks,
        energy="datasheet",
        clocked=True,
        mapping="weight-stationary",
        acts_per_aap=int(row["acts_per_aap"]),
        open_bank_share=float(row["open_bank_share"]),
    ).report
    once = report["weights_once"]["energy_parts_pj"]
    found = {key: row[key] for key in list(row)[:6]}
    for part in PARTS:
        ours_pj = report["energy_pj"][part] + once[part]
        found[f"{part}_pj"] = f"{ours_pj:.0f}"
        found[f"{part}_ratio"] = f"{float(row[f'{part}_pj']) / ours_pj:.5f}"
    return found


def text(rows: Sequence[Row]) -> str:
    """Return the page."""
    words = [part.replace("_", ", ") for part in PARTS]
    cells = [
        (
            *(row[key] for key in ("network", "part", "open_bank_share", "acts_per_aap")),
            f"{int(row['commands']):,}",
            *(row[f"{part}_ratio"] for part in PARTS),
        )
        for row in rows
    ]
    header = ("network", "part", "share", "ACTs an AAP", "commands", *words)
    kept = [
        (row["part"], *(f"{int(row[key]):,}" for key in ("commands", "violations", "exact")))
        for row in distances()
    ]
    return worded(
        "checked",
        energies=markdown([header, *cells]).strip(),
        table=ENERGIES,
        distances=markdown([("part", "commands", "too early", "just in time"), *kept]).strip(),
    )


def apart(row: Row) -> list[str]:
    """Return the parts of the energy in which the two differ."""
    return [part for part in PARTS if abs(float(row[f"{part}_ratio"]) - 1) > MOST_APART]


PAGE = Page("checked.md", {ENERGIES: simulated}, text)
"""``docs/checked.md``."""
