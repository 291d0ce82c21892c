"""The page of ``pimsim reproduce pluto``, written from its tables alone."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.output.markdown import Cells, filled, markdown
from experiments.reproduce.pluto.network import BATCHES, NETWORK, RIVALS
from experiments.reproduce.pluto.tables import (
    ENTRIES,
    OPERATIONS,
    PART,
    SUBARRAYS,
    SYSTEMS,
    label,
)
from experiments.reproduce.table import Row, Table, digits, in_words, look_up
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load


def page(found: Mapping[str, Table], pictures: str) -> str:
    """Return the page; ``pictures`` is the folder of the figures, with its slash."""
    stated = found["operations"].rows[0].options
    tables = {name: markdown(cells) for name, (_, cells) in summary(found).items()}
    network = found["network"]
    return filled(
        __package__,
        "page.md",
        stated=stated,
        pictures=pictures,
        energy=next((r.options for r in network.rows if r.quantity == "energy an image"), _NONE),
        network_name=NETWORK,
        batch=f"{BATCHES[-1]:,}",
        ambit=_between(found["operations"], "ambit", "simdram"),
        drisa=_between(found["operations"], "drisa", "lacc"),
        conventions_read=_conventions_read(found),
        named=_NAMED if stated == _assumed() else "",
        lookup=_lookup(found["operations"]),
        counted=_counted(network),
        lenet=_lenet(network),
        **tables,
    )


def _assumed() -> str:
    part = load(PART)
    return in_words(part, ModelOptions.of(part, faw=False, refresh=False))


_NONE = "not stated, for the part has no currents"
_NAMED = """\
It is what table 3 of the paper names: DDR4 at 2400 MHz, one rank of four bank groups of four banks,
8 KB a row, 17-17-17 (14.16 ns), rows activated without limit. Its subarrays have 512 rows, ours
1,024, which changes no operation and little of LeNet-5."""


def summary(found: Mapping[str, Table]) -> dict[str, tuple[str, Cells]]:
    """Return the tables of the page, each with its title."""
    return {
        "programs": ("Our programs", _programs(found["programs"])),
        "operations": ("Latency of a row of results, ns", _operations(found["operations"])),
        "commands": ("A row command on average, ns", found["commands"].cells()),
        "conventions": (
            "Times what is published, by what AAP and AP take",
            _conventions(found["conventions"]),
        ),
        "network": ("LeNet-5 with one bit, an image of MNIST", _network(found["network"])),
    }


def _programs(table: Table) -> Cells:
    quantities = table_quantities(table)
    cells: list[tuple[str, ...]] = [
        ("operation", "program", "published commands", *quantities.values())
    ]
    for of in dict.fromkeys(row.of for row in table.rows):
        rows = {row.quantity: row for row in table.rows if row.of == of}
        published = rows["row commands"].published
        said = digits(published.value, 4) if published else ""
        cells.append((*of, said, *(digits(rows[name].simulated, 4) for name in quantities)))
    return cells


def table_quantities(table: Table) -> dict[str, str]:
    """Return the quantities of a table, each with the head of its column."""
    return {
        row.quantity: row.quantity + (f", {row.unit}" if row.unit else "") for row in table.rows
    }


def _operations(table: Table) -> Cells:
    """A line for each program: our latency, then each published one and ours over it."""
    cells: list[tuple[str, ...]] = [("operation", "program", "ours", *SYSTEMS.values())]
    latencies = [row for row in table.rows if row.quantity == "latency"]
    for of in dict.fromkeys(row.of[:2] for row in latencies):
        rows = {row.of[2]: row for row in latencies if row.of[:2] == of}
        ours = digits(next(iter(rows.values())).simulated, 4)
        cells.append((*of, ours, *(_beside(rows.get(title)) for title in SYSTEMS.values())))
    return cells


def _beside(row: Row | None) -> str:
    """The published value, and ours over it."""
    if row is None or row.published is None or row.ratio is None:
        return ""
    return f"{digits(row.published.value, 5)} ({row.ratio:.2f})"


def _conventions(table: Table) -> Cells:
    heads = [label(*one) for one in OPERATIONS]
    cells: list[tuple[str, ...]] = [(*table.keys[:3], *heads)]
    for of in dict.fromkeys(row.of[:3] for row in table.rows):
        rows = {row.of[3]: row for row in table.rows if row.of[:3] == of}
        cells.append((*of, *(f"{rows[name].ratio:.2f}" for name in heads)))
    return cells


def _conventions_read(found: Mapping[str, Table]) -> str:
    """Conclusions from the average times of a row command, with the numbers."""
    table = found["commands"]
    each = {row.of[0]: row.published.value for row in table.rows if row.published}
    sized = [value for name, value in each.items() if " " in name]
    ours = [row.simulated for row in table.rows if " " in row.of[0]]
    commands = found["programs"].find("row commands", "xor", "xor")
    left = each["xor"] * commands - (commands - 2) * each["not"]
    return f"""\
Table 6 has no single duration of an AAP. NOT and AND take {each["not"]:.1f} ns a command, XOR and
XNOR {each["xor"]:.1f}, and what SIMDRAM computes {min(sized):.2f} to {max(sized):.2f}. With
{each["not"]:.1f} ns for its five AAPs, an XOR would leave {left:.0f} ns for two APs, which are
shorter than AAPs. All of the upper half are whole multiples of 45 ns: 3, 6 and 13, where the
sequences that Ambit publishes have 2, 4 and 7 commands. The lower half follows from SIMDRAM's
counts at one duration of a command; on the part of this page pimsim schedules {min(ours):.2f} to
{max(ours):.2f}."""


def _lookup(table: Table) -> str:
    """Conclusions from pLUTo's own column, with the numbers."""
    formula = {row.of[0]: row for row in table.rows if row.quantity == "by its formula"}
    of_256, of_16 = (formula[label(*one)] for one in (("add", 4), ("popcount", 4)))
    assert of_256.published is not None
    assert of_16.published is not None
    each = of_256.published.value * SUBARRAYS / ENTRIES["add", 4]
    return f"""\
pLUTo-BSA itself takes (tRCD + tRP) x N for a table of N entries. The {of_256.published.value:,.0f}
ns of 256 entries, and the {of_16.published.value:g} ns of 16, are {each:g} ns an entry over
{SUBARRAYS} subarrays: two times {each / 2:g} ns, not the 14.16 ns that table 3 names. On the part
of this page the formula gives {of_256.simulated:,.0f} and {of_16.simulated:.0f} ns. So its column
is of a row of results in each of {SUBARRAYS} subarrays, and the others, as far as we can follow
them, of one. Ours is of one bank; {SUBARRAYS} banks give as many rows in the same time. That tables
have to be loaded, and operands interleaved before they are looked up, is not in it."""


def _between(table: Table, one: str, other: str) -> str:
    """Ratios of the latencies of two systems in table 6, from the least to the greatest."""
    said = {(row.of[0], row.of[2]): row.published.value for row in table.rows if row.published}
    ratios = [
        said[name, SYSTEMS[one]] / said[name, SYSTEMS[other]]
        for name in (label(*each) for each in OPERATIONS if each[1] > 1 or one == "drisa")
        if (name, SYSTEMS[other]) in said
    ]
    low, high = (f"{value:.2f}" for value in (min(ratios), max(ratios)))
    return low if low == high else f"{low} to {high}"


def _network(table: Table) -> Cells:
    """A line for each batch: ours, then each published value and ours over it."""
    cells: list[tuple[str, ...]] = [
        ("an image", "images together", "ours", *RIVALS.values()),
    ]
    for quantity in ("time an image", "energy an image"):
        for images in BATCHES:
            rows = {
                row.of[1]: row
                for row in table.rows
                if row.quantity == quantity and row.of[0] == str(images)
            }
            if not rows:
                continue
            one = next(iter(rows.values()))
            name = f"{quantity.partition(' ')[0]}, {one.unit}"
            beside = (_beside_small(rows[title]) for title in RIVALS.values())
            cells.append((name, f"{images:,}", digits(one.simulated, 3), *beside))
    right = next(row for row in table.rows if row.quantity == "right")
    blank = ("",) * (len(RIVALS) - 1)
    cells.append(("right, %", "", f"{right.simulated:.2f}", *blank, _beside(right)))
    return cells


def _beside_small(row: Row) -> str:
    """The published value, and ours over it, in two digits."""
    assert row.published is not None
    assert row.ratio is not None
    return f"{digits(row.published.value, 3)} ({digits(row.ratio, 2)})"


def _counted(table: Table) -> str:
    row = next(row for row in table.rows if row.quantity.startswith("multiply-accumulates"))
    assert row.published is not None
    published = look_up("pluto", "network", "energy", "pluto")
    assert published is not None
    energy = digits(published.value, 3)
    return f"""\
Table 7 does not say how many images it is about. The program that is published with the paper
(CMU-SAFARI/pLUTo, pluto_sim) has these {_said(table, "time an image")} us and
{energy} mJ for one image, 16 subarrays and no tFAW
(pysim_reference/pysim_BSA.csv: 23,165.76 ns, 20,328.9 nJ). In its workload_instructions.py it looks
up {row.published.value:,.0f} products of one bit. LeNet-5 has {row.simulated:,}: its second
convolution sees six channels, its third sixteen, and its dense layers all that is before them, of
which the program counts one each. Sums are left to the processor, four bytes a clock."""


def _said(table: Table, quantity: str) -> str:
    row = next(
        row for row in table.rows if row.quantity == quantity and row.of[1] == RIVALS["pluto"]
    )
    assert row.published is not None
    return digits(row.published.value, 3)


def _lenet(table: Table) -> str:
    columns = [row.simulated for row in table.rows if row.quantity == "columns that hold data"]
    alone, together = columns[0], columns[-1]
    return f"""\
A single image leaves DRAM idle: of the columns that are opened, {alone:.2g} % hold data, and its
time is that of opening rows. {BATCHES[-1]:,} images fill {together:.0f} %."""
