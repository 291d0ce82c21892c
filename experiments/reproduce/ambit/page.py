"""The page of ``pimsim reproduce ambit``, written from its tables alone."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.output.markdown import Cells, filled, markdown
from experiments.reproduce.ambit.tables import MEANS, PAIRED, PAIRS, SEVEN, pair
from experiments.reproduce.table import PAPER, Published, Table, digits, in_words
from pimsim.baselines.systems import SYSTEMS
from pimsim.dram.standard.standard import load


def page(found: Mapping[str, Table], pictures: str) -> str:
    """Return the page; ``pictures`` is the folder of the figures, with its slash."""
    stated = next(row.options for row in found["throughput"].rows if row.of[0] == "Ambit")
    tables = {name: markdown(cells) for name, (_, cells) in summary(found).items()}
    as_published = stated == in_words(load("ddr3-1600-8-8-8"), PAPER)
    return filled(
        __package__,
        "page.md",
        stated=stated,
        pictures=pictures,
        systems=markdown(_systems()),
        **{name: tables[name] for name in ("throughput", "averages", "faw", "refresh")},
        discussion=_discussion(found["averages"]) if as_published else "",
        energy=_of_paper(tables.get("ambit-paper")),
        datasheet=_datasheet(tables.get("datasheet")),
    )


def summary(found: Mapping[str, Table]) -> dict[str, tuple[str, Cells]]:
    """Return the tables of the page, each with its title."""
    throughput, averages, energy, faw, refresh = (
        found[name] for name in ("throughput", "averages", "energy", "faw", "refresh")
    )
    averaged = "On average over seven operations, processors at their peak"
    tables = {
        "throughput": ("Throughput of results, GB/s", _throughput(throughput)),
        "averages": (averaged, _by_mean(averages)),
        "ambit-paper": ("Energy, model ambit-paper", _energy(energy, "ambit-paper")),
        "faw": ("What tFAW leaves of an AND", faw.cells(lambda row: row.of[0] == "and")),
        "refresh": ("What refresh leaves", _refresh(refresh)),
        "datasheet": ("Energy, model datasheet", _energy(energy, "datasheet")),
    }
    return {name: table for name, table in tables.items() if table[1]}


def _throughput(table: Table) -> Cells:
    """Systems down, operations across, the published ones above ours."""
    cells: list[tuple[str, ...]] = [("system", *(name.upper() for name in SEVEN))]
    for title in table.distinct(0):
        rows = {row.of[1]: row for row in table.rows if row.of[0] == title}
        hand = [row.published for row in rows.values() if row.published]
        if len(hand) == len(SEVEN):
            cells.append((f"{title}, published", *(digits(one.value, 3) for one in hand)))
        cells.append((title, *(digits(rows[name].simulated, 3) for name in SEVEN)))
    return cells


def _systems() -> Cells:
    heads = ("processor", "peak, GB/s", "efficiency", "source of the peak", "of the efficiency")
    return [heads] + [
        (one.title, f"{one.peak_gb_per_s:.1f}", f"{one.efficiency:g}", one.peak_source,
         one.efficiency_source)
        for one in SYSTEMS.values()
    ]  # fmt: skip


def _by_mean(table: Table) -> Cells:
    cells: list[tuple[str, ...]] = [("", "timing", "published", *MEANS)]
    for name, timing in dict.fromkeys((row.of[0], row.of[1]) for row in table.rows):
        values = (table.find("throughput ratio", name, timing, "peak", mean) for mean in MEANS)
        published = digits(_published(table, name).value, 3)
        cells.append((name, timing, published, *(f"{digits(value, 3)}" for value in values)))
    return cells


def _published(table: Table, name: str) -> Published:
    return next(row.published for row in table.rows if row.of[0] == name and row.published)


def _discussion(table: Table) -> str:
    skylake, gtx, hmc, ambit_3d = (_share(table, index) for index in range(len(PAIRS)))
    return filled(
        __package__,
        "averages.md",
        skylake=skylake,
        gtx=gtx,
        hmc=hmc,
        ambit_3d=1 / ambit_3d,
        cube=1 / hmc,
    )


def _share(table: Table, index: int) -> float:
    name = pair(*PAIRS[index])
    timing = table.rows[0].of[1]
    simulated = table.find("throughput ratio", name, timing, "peak", "geometric")
    return simulated / _published(table, name).value


def _of_paper(table: str | None) -> str:
    if table is None:
        return (
            "The paper's energies (`--energy ambit-paper`) are those of DDR3, which this is not.\n"
        )
    return f"""\
{table}
The table follows from three numbers (`--energy ambit-paper`): 44.2 nJ/KB to read and 49.5 to
write over DDR3, activation included, 0.786 for a row command. The paper's ratios hold 1.575,
3.141, 3.929 and 5.494 nJ/KB, so that its column of energies in DRAM seems to be rounded up; the
ratios decide. "35x" is the harmonic mean over the seven operations.
"""


def _datasheet(table: str | None) -> str:
    if table is None:
        return "The standard has no currents, so that there is no second table from them.\n"
    return f"""\
From the currents of a named part (`--energy datasheet`), which the paper does not print: ACT, PRE
and bursts with their interface over the channel; as many full activations for an AAP as it counts
for and a precharge in DRAM; neither side with background or refresh. The two models are never
mixed.

{table}"""


def _energy(table: Table, mode: str) -> Cells:
    """Operations down; published beside simulated, if anything is; empty without that model."""
    rows = {(row.quantity, row.of[1]): row for row in table.rows if row.of[0] == mode}
    if not rows:
        return []
    quantities = {"over the channel": ", nJ/KB", "in DRAM": ", nJ/KB", "energy ratio": ""}
    compared = any(row.published for row in rows.values())
    header = ["operation"]
    for quantity, unit in quantities.items():
        header += [f"{quantity}{unit}"] if not compared else [f"{quantity}{unit}", "published"]
    cells = [header]
    for name in [*(" ".join(names) for names in PAIRED), "harmonic mean"]:
        line = [name]
        for quantity in quantities:
            row = rows.get((quantity, name))
            line.append(digits(row.simulated, 4 if compared else 3) if row else "")
            if compared:
                line.append(digits(row.published.value, 4) if row and row.published else "")
        cells.append(line)
    return cells


def _refresh(table: Table) -> Cells:
    cells: list[tuple[str, ...]] = [("operation", "off, GB/s", "on, GB/s", "left, %")]
    for name in SEVEN:
        off, on = (table.find("throughput", name, state) for state in ("off", "on"))
        cells.append((name, digits(off, 4), digits(on, 4), f"{100 * on / off:.1f}"))
    return cells
