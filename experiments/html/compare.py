"""The page of a comparison: first the settings that differ, then the results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from experiments.html import words
from experiments.html.blocks import (
    Bar,
    Block,
    Cell,
    Code,
    Column,
    Page,
    Section,
    Table,
    Text,
    number_cell,
)
from experiments.html.run import setting
from experiments.output.words import more_energy, quantity, slower
from experiments.report import host
from experiments.report.compared import Contender, against, differences, layers

NAME = "compare.html"
"""Name of the page's file."""


def page(contenders: Sequence[Contender], command: str) -> Page:
    """Return the page.

    Args:
        contenders: two or more.
        command: what was typed.
    """
    return Page(
        " beside ".join([", ".join(one.name for one in contenders[:-1]), contenders[-1].name]),
        "pimsim compare",
        f"{len(contenders)} side by side; ratios are to the first, {contenders[0].name}",
        [*answer(contenders)],
        [
            Section("What differs in the settings", [_settings(contenders)]),
            Section("What came out", [_results(contenders)]),
            Section("Layer by layer", [_layers(contenders)]),
            Section("Make it again", [*_commands(contenders, command)]),
        ],
    )


def answer(contenders: Sequence[Contender]) -> Iterator[str]:
    """Yield which is fastest and which takes least energy, in sentences."""
    differing = [name for name, _ in differences(contenders)]
    if not differing:
        yield "All settings that reports state are the same; a part from a file may differ in more."
    else:
        names = [name.replace("_", " ") for name in differing]
        shown = ", ".join(names[:6])
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        yield f"What differs in the settings: {shown}{more}."
    if batches := {one.report["assumptions"].get("batch", "") for one in contenders} - {""}:
        yield f"Costed is a batch of {' and '.join(sorted(batches))}."
    for one in contenders:
        if host.unused(one.report):
            yield f"{one.name}: {host.NOTHING}, and it is not ranked."
    timed = [one for one in contenders if one.time_ps and not host.unused(one.report)]
    if len({one.report["network"] for one in contenders}) > 1:
        yield "Networks differ, so that neither times nor energies are compared."
        timed = []
    if timed:
        who, least = _least([(one.time_ps, one.name) for one in timed], "ps")
        yield f"Fastest: {who}, {least} an image."
    modes = {one.mode for one in timed}
    stated = [(one.energy_pj, one.name) for one in timed if one.energy_pj is not None]
    if stated and len(modes) == 1:
        who, least = _least(stated, "pJ")
        yield f"Least energy: {who}, {least} an image."
    elif len(modes) == 1:
        yield "Energies are not stated."
    elif timed:
        by_mode: dict[str, list[str]] = {}
        for one in timed:
            by_mode.setdefault(one.mode, []).append(one.name)
        said = "; ".join(f"{', '.join(names)}: {mode}" for mode, names in by_mode.items())
        yield (
            f"Energies are of different models ({said}) and are not compared. Currents of data "
            "sheets are known of most parts: give --energy datasheet to `pimsim run` for each run, "
            "and to `pimsim compare` for parts."
        )
    known = [one for one in contenders if one.report["accuracy"] is not None]
    if len({one.report["accuracy"] for one in known}) > 1:
        best = max(known, key=lambda one: one.report["accuracy"])
        yield f"{best.name} is right most often: {words.percent(best.report['accuracy'])}."


def _least(found: list[tuple[float, str]], unit: str) -> tuple[str, str]:
    """The names of those of which the least is shown, and what is shown.

    >>> _least([(24_100.2, "part"), (24_100.1, "hbm2"), (30_000.0, "ddr4-2400")], "ps")
    ('hbm2 and part', '24.1 ns')
    """
    ranked = [(quantity(value, unit), name) for value, name in sorted(found)]
    shown, _ = ranked[0]
    return " and ".join(name for text, name in ranked if text == shown), shown


def _settings(contenders: Sequence[Contender]) -> Table | Text:
    rows = [
        [Cell(name.replace("_", " ")), *(Cell(setting(value)) for value in values)]
        for name, values in differences(contenders)
    ]
    if not rows:
        return Text("Nothing that reports state; a part from a file may differ in more.")
    columns = (Column("setting"), *(Column(one.name) for one in contenders))
    return Table("Settings that are not the same everywhere", columns, rows)


def _results(contenders: Sequence[Contender]) -> Table:
    first = contenders[0]
    most_ps = max(one.time_ps for one in contenders) or 1.0
    most_pj = max(one.energy_pj or 0.0 for one in contenders) or 1.0
    comparable = len({one.mode for one in contenders}) == 1
    exact = {True: "yes", False: "NO", None: "not compared"}
    rows = []
    for one in contenders:
        accuracy = one.report["accuracy"]
        time_ps = one.time_ps
        rows.append([
            Cell(one.name),
            number_cell(accuracy, "" if accuracy is None else words.percent(accuracy)),
            Cell(exact[one.report["bit_exact"]]),
            number_cell(time_ps, quantity(time_ps, "ps"), bars=(Bar(time_ps / most_ps),)),
            number_cell(
                one.energy_pj,
                quantity(one.energy_pj, "pJ"),
                bars=(Bar(one.energy_pj / most_pj, 2),) if comparable and one.energy_pj else (),
            ),
            Cell(one.mode),
            Cell(beside(one, first)),
        ])  # fmt: skip
    columns = (
        Column("run or part"), Column("accuracy", number=True), Column("bit exact"),
        Column("time an image", number=True), Column("energy an image", number=True),
        Column("energy model"), Column(f"beside {first.name}"),
    )  # fmt: skip
    return Table("An image, its share of the batch", columns, rows)


def beside(one: Contender, first: Contender) -> str:
    """Return how one compares with the first, in words."""
    if one is first:
        return ""
    time, energy = against(one, first)
    if one.report["network"] != first.report["network"]:
        return "another network"
    said = ["no time" if time is None else slower(time).replace("the same", "as fast")]
    if energy is not None:
        said.append(f"{more_energy(energy)} energy".replace("the same", "as much"))
    return ", ".join(said)


def _layers(contenders: Sequence[Contender]) -> Table:
    rows = []
    for name, each in layers(contenders):
        cells = [Cell(name.replace("+", " + "))]
        for one, layer in zip(contenders, each, strict=True):
            if layer is None:
                cells += [Cell("-"), number_cell(None, "")]
                continue
            time_ps = layer["latency_ps"] / one.report["images"]
            cells.append(Cell(layer["mapping"] or f"on the {layer['where']}"))
            cells.append(number_cell(time_ps, quantity(time_ps, "ps") if time_ps else "none"))
        rows.append(cells)
    columns = [Column("layer")]
    for one in contenders:
        columns += [Column(one.name), Column(f"time, {one.name}", number=True)]
    return Table("Mapping and time of every layer, for an image", tuple(columns), rows)


def _commands(contenders: Sequence[Contender], command: str) -> Iterator[Block]:
    yield Code(command, "The command that made this page")
    for one in contenders:
        if one.command:
            yield Code(one.command, f"What {one.name} was costed by")
