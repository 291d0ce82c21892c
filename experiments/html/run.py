"""The page of a run, from its report and from what was recorded during the run.

Only the answers and the timeline are not from the report.

>>> from experiments.api.runs import estimate
>>> report = estimate("lenet5", images=2).report
>>> made = page(report, "pimsim run lenet5 --cost-only --limit 2")
>>> made.title, [section.title for section in made.sections if section.blocks][:2]
('lenet5', ['Layer by layer', 'Where time and energy went'])
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments.html import answers, parts, timeline, words
from experiments.html.blocks import (
    Bar,
    Block,
    Cell,
    Code,
    Column,
    Definitions,
    Fact,
    Page,
    Section,
    Table,
    Text,
    number_cell,
)
from experiments.html.parts import Part
from experiments.html.words import Report
from experiments.output.words import NOT_STATED, counted, more_energy, quantity, sentence, slower
from experiments.report import break_even, host
from experiments.report.witness import Witness

_PHASES = {
    "inputs": "writing the inputs",
    "compute": "computing, and reading results",
}
PARTS = {
    "activate_precharge": "opening and closing rows",
    "read_write": "reading and writing bursts",
    "io": "driving the channel",
    "refresh": "refresh",
    "background": "standby",
}
"""Parts of the energy, in words."""


def page(
    report: Report,
    command: str,
    witness: Witness | None = None,
    others: tuple[list[Part], str] = ([], ""),
) -> Page:
    """Return the page of a run.

    Args:
        report: the report of the run.
        command: what was typed.
        witness: what was recorded during the run; None if only the report is left.
        others: what other parts would have cost, and a command that compares with some.
    """
    data = "" if report["data"] is None else f" on {report['data']}"
    return Page(
        f"{report['network']}{data}",
        "pimsim run" + (", cost only" if report["cost_only"] else ""),
        settings(report),
        [*words.answer(report)],
        [
            _layers(report),
            _spent(report),
            _mappings(report),
            parts.section(report, *others),
            *([] if witness is None else [answers.section(witness), _timeline(witness)]),
            _processors(report),
            assumed(report["assumptions"]),
            reproduced(command),
        ],
        [*facts(report)],
    )


def settings(report: Report) -> str:
    """Return what was run on what, in a line."""
    stated = report["assumptions"]
    said = [words.images_text(report), str(stated["standard"]), f"mapping {stated['mapping']}"]
    said.append(counted(stated["banks"], "bank"))
    said += [f"{name} {'on' if stated[key] else 'off'}" for key, name in
             (("faw", "tFAW"), ("refresh", "refresh"))]  # fmt: skip
    return " · ".join([*said, f"energy: {stated['energy']}"])


def facts(report: Report) -> Iterator[Fact]:
    """Yield the key numbers, which are shown large."""
    if report["accuracy"] is not None:
        of = words.images_text(report)
        yield Fact("accuracy", words.percent(report["accuracy"]), of)
    if report["bit_exact"] is not None:
        said = "yes" if report["bit_exact"] else "NO"
        if report["bit_exact"] and not report["sums_checked"]:
            said = "nothing to compare"
        yield Fact("bit exact", said, f"{counted(report['sums_checked'], 'sum')} compared")
    elif report["faults"] is not None:
        yield Fact("bit exact", "not asked", "commands go wrong on purpose")
    if report["latency_ps"] and not host.unused(report):
        images = report["images"]
        per_s = words.rate(report["throughput_images_per_s"])
        yield Fact(
            "time an image", quantity(report["latency_ps"] / images, "ps"), f"{per_s} a second"
        )
        total_pj = report["energy_pj"]["total"]
        batch = "" if total_pj is None else f"{quantity(total_pj, 'pJ')} the batch"
        yield Fact(
            "energy an image",
            quantity(words.each(total_pj, images), "pJ"),
            batch if images > 1 else "",
        )


def _layers(report: Report) -> Section:
    images, layers = report["images"], report["layers"]
    total_ps, total_pj = report["latency_ps"], report["energy_pj"]["total"]
    rows = []
    for layer in layers:
        used = layer["column_utilisation"]
        count = sum(layer["commands"].values()) / images
        rows.append([
            Cell(layer["name"].replace("+", " + ")),
            Cell(layer["mapping"] or f"on the {layer['where']}"),
            number_cell(layer["macs"], f"{layer['macs']:,}"),
            number_cell(used, "" if used is None else _share(used)),
            number_cell(count, f"{count:,.0f}" if count >= 100 else f"{count:.3g}"),
            _spent_cell(layer["latency_ps"], total_ps, images, "ps", 0),
            _spent_cell(layer["energy_pj"], total_pj, images, "pJ", 2),
        ])  # fmt: skip
    columns = (
        Column("layer"), Column("mapping"), Column("products", number=True),
        Column("columns used", number=True), Column("commands", number=True),
        Column("time", number=True), Column("energy", number=True),
    )  # fmt: skip
    return Section(
        "Layer by layer",
        [
            Table(
                "Every layer, for an image; bars are shares of the whole run",
                columns, rows, legend=(("time", 0), ("energy", 2)),
            ),
            *_on_host(report),
        ],
    )  # fmt: skip


def _spent_cell(
    value: float | None, total: float | None, images: int, unit: str, series: int
) -> Cell:
    if value is None:
        return number_cell(None, NOT_STATED)
    if not value or not total:
        return number_cell(0.0, "none")
    share = value / total
    return number_cell(
        value, f"{quantity(value / images, unit)} ({_share(share)})", bars=(Bar(share, series),)
    )


def _share(share: float) -> str:
    """A share in percent; a share above 0 never reads as 0.

    >>> _share(0.0001), _share(0.391)
    ('< 0.1 %', '39.1 %')
    """
    return "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def _on_host(report: Report) -> Iterator[Text]:
    """Which layers are on the host, and why."""
    if said := host.words(report):
        yield Text(f"Layers on the host, and why - {said}.")


def _spent(report: Report) -> Section:
    if not report["latency_ps"]:
        return Section("Where time and energy went", ())
    return Section(
        "Where time and energy went",
        [_by_command(report), _by_phase(report), *_by_part(report)],
        "The whole batch, without the weights that are loaded once.",
    )


def _by_command(report: Report) -> Table:
    counts = {kind: count for kind, count in report["commands"].items() if count}
    total = sum(counts.values())
    rows = [
        [
            Cell(kind),
            number_cell(count, f"{count:,}"),
            number_cell(count / total, _share(count / total), bars=(Bar(count / total, 3),)),
        ]
        for kind, count in counts.items()
    ]
    columns = Column("command"), Column("issued", number=True), Column("share", number=True)
    return Table("Commands by kind, over all banks", columns, rows)


def _by_phase(report: Report) -> Table:
    total_ps, total_pj = report["latency_ps"], report["energy_pj"]["total"]
    rows = []
    for phase, name in _PHASES.items():
        spent = [layer["phases"][phase] for layer in report["layers"]]
        time_ps = sum(one["latency_ps"] for one in spent)
        energies = [one["energy_pj"] for one in spent]
        energy_pj = None if None in energies else sum(energies)
        rows.append([
            Cell(name),
            _spent_cell(time_ps, total_ps, 1, "ps", 0),
            _spent_cell(energy_pj, total_pj, 1, "pJ", 2),
        ])  # fmt: skip
    columns = Column("phase"), Column("time", number=True), Column("energy", number=True)
    return Table("Time and energy by phase", columns, rows)


def _by_part(report: Report) -> Iterator[Table]:
    total_pj = report["energy_pj"]["total"]
    if total_pj is None:
        return
    rows = [
        [Cell(PARTS.get(name, name.replace("_", " "))), _spent_cell(pj, total_pj, 1, "pJ", 2)]
        for name, pj in report["energy_pj"].items()
        if name != "total"
    ]
    columns = Column("for"), Column("energy", number=True)
    yield Table(f"Energy by what it is for (mode {report['assumptions']['energy']})", columns, rows)


def _mappings(report: Report) -> Section:
    """Time and energy of each layer under the mappings that were not chosen."""
    rows = []
    for layer in report["layers"]:
        for other in layer["alternatives"]:
            if other["refused"] or not other["latency_ps"]:
                rows.append([
                    Cell(layer["name"]), Cell(other["mapping"]), number_cell(None, "-"),
                    number_cell(None, "-"), Cell(other["refused"] or ""),
                ])  # fmt: skip
                continue
            time = layer["latency_ps"] / other["latency_ps"]
            stated = layer["energy_pj"] is not None and other["energy_pj"]
            energy = layer["energy_pj"] / other["energy_pj"] if stated else None
            rows.append([
                Cell(layer["name"]),
                Cell(other["mapping"]),
                number_cell(other["latency_ps"], quantity(other["latency_ps"], "ps")),
                number_cell(other["energy_pj"], quantity(other["energy_pj"], "pJ")),
                Cell(_against(time, energy)),
            ])  # fmt: skip
    columns = (
        Column("layer"), Column("instead"), Column("time", number=True),
        Column("energy", number=True), Column("that would be"),
    )  # fmt: skip
    blocks: list[Block] = [Table("The batch under other mappings", columns, rows)] if rows else []
    return Section(
        "What other mappings would have cost",
        blocks,
        "Each layer alone on a timeline, as the choice of mappings compared them.",
    )


def _against(time: float, energy: float | None) -> str:
    """Compare a mapping with the chosen one; it is better where a ratio is above 1."""
    taken = "" if energy is None else f" {more_energy(energy)} energy"
    said = f"{slower(time)},{taken}" if taken else slower(time)
    return said.replace("the same,", "as fast,").replace("the same energy", "as much energy")


def _timeline(witness: Witness) -> Section:
    blocks: list[Block] = []
    if isinstance(witness.first, timeline.FirstCommands) and witness.system is not None:
        blocks += timeline.blocks(witness.first, witness.system.standard, witness.system.options)
    return Section(
        "The first commands of the banks",
        blocks,
        "Each band is a command, or several of a kind in one row, from its issue until the bank "
        "can take another one. Pointing at a band names it.",
    )


def _processors(report: Report) -> Section:
    rows = [
        [
            Cell(name),
            number_cell(one["latency_ps"], quantity(one["latency_ps"], "ps")),
            number_cell(one["energy_pj"], quantity(one["energy_pj"], "pJ")),
            Cell(_against(one["speedup"], one["energy_ratio"])),
        ]
        for name, one in report["baselines"].items()
    ]
    columns = (
        Column("processor behind the same DRAM"), Column("time", number=True),
        Column("energy", number=True), Column("the DRAM is"),
    )  # fmt: skip
    blocks: list[Block] = [Table("The same batch on a processor", columns, rows)] if rows else []
    if rows and report["energy_pj"]["total"] is not None:
        said = sentence(break_even.words(report)).replace("`", "")
        blocks.append(Text(f"{said}."))
    return Section("Beside a processor", blocks)


def assumed(stated: Mapping[str, Any]) -> Section:
    """Return the section of assumptions."""
    items = [(name.replace("_", " "), setting(value)) for name, value in stated.items()]
    block = Definitions(items, "assumptions")
    return Section("What these numbers rest on", [block] if items else [])


def setting(value: object) -> str:
    """Return the value of an assumption as text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:,.5g}" if abs(value) < 1e5 else f"{value:,.10g}"  # as on the terminal
    return f"{value:,}" if isinstance(value, int) else str(value)


def reproduced(command: str, folder: str = "report.json has every number of this page.") -> Section:
    """Return the section that says how to get the same result again."""
    blocks: list[Block] = [Code(command, "The command that made this page")] if command else []
    return Section("Make it again", [*blocks, Text(folder)] if blocks else [])
