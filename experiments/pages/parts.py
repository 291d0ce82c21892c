"""The page of DRAM parts: all values beside those of other tools, and energies by convention.

Values of other tools are in ``experiments/pages/tools.csv``: looked up by hand, with file and
commit, and with the reason where ours differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files

from experiments.output import sheets
from experiments.output.markdown import markdown
from experiments.pages.page import Page, Row, digits, worded
from pimsim.dram.energy import command_energies
from pimsim.dram.standard.standard import Standard, load, names

VALUES, CONVENTIONS = "figures/parts.csv", "figures/part-conventions.csv"
_ALIKE = 0.002
"""Times that differ by less count as the same: tools round the clock to 3 or 4 digits."""
_UNITS = {"ps": "ps", "clocks": "clocks", "ma": "mA", "mv": "mV", "mw": "mW"}
_COMPARED = ("timing", "currents", "second_supply")


def tools() -> list[Row]:
    """Return values of other tools: part, value, tool, theirs, unit, why ours differs, source."""
    text = files(__package__).joinpath("tools.csv").read_text("utf-8")
    return sheets.parsed(text)


def value_of(standard: Standard, path: str) -> int | float | None:
    """Return a value of a part by its ``section.key``."""
    section, key = path.split(".")
    owner = standard if section == "geometry" else getattr(standard, section)
    found: int | float | None = getattr(owner, key)
    return found


def alike(standard: Standard, path: str, theirs: float, unit: str) -> bool:
    """Return whether a tool has our value; times agree if they are the same whole clocks, or close.

    >>> ddr3 = load("ddr3-1600-8-8-8")  # tRRD is 6 ns, 4.8 clocks
    >>> alike(ddr3, "timing.t_rrd_s_ps", 5, "clocks"), alike(ddr3, "timing.t_rrd_s_ps", 7.5, "ns")
    (True, False)
    """
    ours = value_of(standard, path)
    if ours is None or not path.endswith("_ps"):
        return ours == theirs
    clock_ps = standard.timing.t_ck_ps
    theirs_ps = theirs * (1000 if unit == "ns" else clock_ps)
    in_clocks = unit == "clocks" and -(-ours // clock_ps) == theirs
    return in_clocks or abs(ours - theirs_ps) <= _ALIKE * ours


def values() -> list[Row]:
    """Return every value of every part: a row for each tool that has it, or one if none has."""
    known: dict[tuple[str, str], list[Row]] = {}
    for row in tools():
        known.setdefault((row["part"], row["value"]), []).append(row)
    return [row for name in names() for row in _of_part(load(name), known)]


def _of_part(standard: Standard, known: dict[tuple[str, str], list[Row]]) -> Iterable[Row]:
    for path in standard.sources:
        ours = _shown(standard, path)
        row = {"part": standard.name, "value": path, "pimsim": ours}
        beside = known.get((standard.name, path), [])
        for other in beside:
            same = alike(standard, path, float(other["theirs"]), other["unit"])
            yield row | {
                "tool": other["tool"],
                "theirs": f"{other['theirs']} {other['unit']}",
                "verdict": "same" if same else "differs",
                "why": other["why"],
                "source": other["source"],
            }
        if not beside:
            yield row | dict.fromkeys(("tool", "theirs", "verdict", "why", "source"), "")


def _shown(standard: Standard, path: str) -> str:
    """A value with its unit; for a time also its clocks."""
    ours = value_of(standard, path)
    unit = _UNITS.get(path.rsplit("_", 1)[-1], "")
    if path.startswith("timing.") and path.endswith("_ps"):
        assert isinstance(ours, int)
        clocks = -(-ours // standard.timing.t_ck_ps)
        return f"{ours / 1000:g} ns ({clocks} clocks)"
    return f"{ours:g} {unit}".strip()


def conventions() -> list[Row]:
    """Return the energy of an AAP in every part, by the standby share of the first open bank."""
    rows = []
    for standard in map(load, names()):
        if standard.currents is None:
            continue
        per_kb = 1.024 / standard.row_bytes
        shares = (standard.open_bank_share, *standard.open_bank_shares)
        own, least, most = (
            command_energies("datasheet", standard, open_bank_share=share).aap_pj * per_kb
            for share in shares
        )
        rows.append(
            {
                "part": standard.name,
                "share": f"{shares[0]:g}",
                "aap_nj_per_kb": digits(own),
                "at_0": digits(least),
                "largest_share": f"{shares[2]:.3g}",
                "at_largest": digits(most),
                "because": standard.sources["currents.open_bank_share"],
            }
        )
    return rows


def text(of_values: Sequence[Row], of_conventions: Sequence[Row]) -> str:
    """Return the page."""
    compared = [row for row in of_values if row["tool"]]
    sections = [_section(name, [r for r in of_values if r["part"] == name]) for name in names()]
    differing = sum(row["verdict"] == "differs" for row in compared)
    return worded(
        "parts",
        compared=len(compared),
        same=len(compared) - differing,
        differing=differing,
        conventions=markdown(
            [
                ("part", "share", "AAP, nJ/KB", "at 0", "largest share", "there", "because"),
                *(tuple(row.values()) for row in of_conventions),
            ]
        ).strip(),
        sections="\n\n".join(sections),
        table=VALUES,
    )


def _section(name: str, rows: Sequence[Row]) -> str:
    """The table of one part, and the values that no tool has."""
    cells: list[tuple[str, ...]] = [("value", "pimsim", "tools", "verdict")]
    for path in dict.fromkeys(row["value"] for row in rows):
        beside = [row for row in rows if row["value"] == path and row["tool"]]
        if beside:
            key = path.removeprefix("timing.").removesuffix("_ps").removesuffix("_clocks")
            theirs = ", ".join(f"{row['tool']} {row['theirs']}" for row in beside)
            cells.append((f"`{key}`", beside[0]["pimsim"], theirs, _verdict(beside)))
    alone = [
        f"`{row['value']}`"
        for row in rows
        if not row["tool"] and row["value"].split(".")[0] in _COMPARED
    ]
    sources = "; ".join(dict.fromkeys(f"{r['tool']}, {r['source']}" for r in rows if r["tool"]))
    lines = [
        f"### {name}",
        f"{load(name).description}. Beside: {sources}.",
        markdown(cells).strip(),
    ]
    if alone:
        lines.append(f"In none of their tables: {', '.join(alone)}.")
    return "\n\n".join(lines)


def _verdict(beside: Sequence[Row]) -> str:
    """How the tools agree on one value: all the same, or which differ and why."""
    other = [row for row in beside if row["verdict"] == "differs"]
    if not other:
        return "same"
    return "; ".join(f"{row['tool']} differs: {row['why']}" for row in other)


PAGE = Page("parts.md", {VALUES: values, CONVENTIONS: conventions}, text)
"""``docs/parts.md``."""
