"""Pages that are a few tables: advice, and a network on unmodified chips.

>>> from experiments.advice.ideas import Setup
>>> from experiments.advice.ranking import advise
>>> found = advise(Setup("lenet5", {"--limit": "1"}), only=("batch",))
>>> [section.title for section in advised(found, "pimsim advise lenet5").sections][:2]
['Changes that help', 'Commands that show the same numbers']
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments.advice import told
from experiments.advice.ranking import Advice, Advised
from experiments.html import words
from experiments.html.blocks import (
    Cell,
    Code,
    Column,
    Fact,
    Page,
    Section,
    Table,
    Text,
    number_cell,
)
from experiments.html.run import PARTS, assumed, reproduced
from experiments.output.words import counted, quantity, sentence
from experiments.report import host

FILE = "report.json"
_EACH = "What each would change for an image"
_EVERY = f"{FILE} has every number of this page."


def advised(found: Advised, command: str) -> Page:
    """Return the page of changes to a run.

    Args:
        found: all changes, ranked.
        command: what was typed.
    """
    stated, best = found.report["assumptions"], found.helpful
    others = [one for one in found.ranked if one not in best]
    said = [f"As it is: {told.as_it_is(found)}.", f"{sentence(told.looked_at(found))}."]
    if best:
        said.insert(0, f"Most would be had by {best[0].text}: {told.ratio(best[0])}.")
    if host.unused(found.report):
        said.insert(0, f"{sentence(host.NOTHING)}.")
    return Page(
        found.setup.network,
        "pimsim advise",
        f"{words.images_text(found.report)} · {stated['standard']} · mapping {stated['mapping']}",
        said,
        [
            Section(
                "Changes that help",
                [_changes(best, f"{_EACH}, the best first")] if best else [],
            ),
            Section(
                "Commands that show the same numbers",
                [Code(one.setup.command(), sentence(f"{one.text}: {one.idea.why}"))
                 for one in best],
            ),
            Section(
                "Changes that do not help, or cannot be",
                [_changes(others, _EACH)] if others else [],
            ),
            assumed(stated),
            reproduced(command, _EVERY),
        ],
    )  # fmt: skip


def _changes(changes: tuple[Advice, ...] | list[Advice], caption: str) -> Table:
    rows = [
        [
            Cell(one.text),
            number_cell(one.speedup or 0.0, told.time(one) or "-"),
            number_cell(one.saved_pj, told.energy(one) if one.after else "-"),
            Cell(told.ratio(one) if one.after else one.refused),
            Cell(one.idea.answers),
        ]
        for one in changes
    ]
    columns = (
        Column("change"), Column("time", number=True),
        Column("energy", number=True), Column("that is"), Column("answers"),
    )  # fmt: skip
    return Table(caption, columns, rows)


def chips(report: Mapping[str, Any], command: str) -> Page:
    """Return the page of a network on unmodified chips.

    Args:
        report: what ``pimsim chips run`` reports.
        command: what was typed.
    """
    stated = report["assumptions"]
    return Page(
        f"{report['network']} on {report['data']}",
        "pimsim chips run",
        f"{words.images_text(report)} · {stated['standard']} · {stated['rows']} rows a majority",
        [*_said_of_chips(report)],
        [
            Section("Chip by chip", [_drawn_chips(report)]),
            Section("Layer by layer", [_chip_layers(report)]),
            Section("Where the energy went", [_energies(report)]),
            Section(
                "Assumptions of the model",
                [Text(f"{sentence(one)}.") for one in report["assumed"]],
            ),
            assumed(stated),
            reproduced(command, _EVERY),
        ],
        [*_chip_facts(report)],
    )


def _chip_facts(report: Mapping[str, Any]) -> Iterator[Fact]:
    if report["accuracy_error_free"] is not None:
        yield Fact("accuracy without errors", words.percent(report["accuracy_error_free"]))
    yield Fact("time, the batch", quantity(report["latency_ps"], "ps"))
    yield Fact("energy, the batch", quantity(report["energy_pj"]["total"], "pJ"))


def _said_of_chips(report: Mapping[str, Any]) -> Iterator[str]:
    for best in dict.fromkeys(one["best"] for one in report["chips"]):
        found = [one["accuracy"] for one in report["chips"] if one["best"] == best]
        share = f"the best {100 * best:g} % of" if best < 1 else "all"
        if None in found:
            continue
        ends = [words.percent(end(found)) for end in (min, max)]
        right = ends[0] if ends[0] == ends[1] else " to ".join(ends)
        yield (
            f"With {share} row groups, {counted(len(found), 'chip')} classified {right} of the "
            "images correctly."
        )
    ambit = report["ambit"]
    yield (
        f"The batch takes {quantity(report['latency_ps'], 'ps')} and "
        f"{quantity(report['energy_pj']['total'], 'pJ')}; on Ambit's rows in the same part, "
        f"{quantity(ambit['latency_ps'], 'ps')} and {quantity(ambit['energy_pj'], 'pJ')}."
    )


def _drawn_chips(report: Mapping[str, Any]) -> Table:
    rows = [
        [
            Cell(f"best {100 * one['best']:g} %", one["best"]),
            number_cell(one["chip"], str(one["chip"])),
            number_cell(
                one["accuracy"],
                "not known" if one["accuracy"] is None else words.percent(one["accuracy"]),
            ),
            number_cell(one["success_mean"], words.percent(one["success_mean"])),
            number_cell(one["success_least"], words.percent(one["success_least"])),
        ]
        for one in report["chips"]
    ]
    columns = (
        Column("row groups"), Column("chip", number=True), Column("accuracy", number=True),
        Column("bitlines always right, mean", number=True), Column("least", number=True),
    )  # fmt: skip
    return Table("Accuracy of every chip, with and without screening", columns, rows)


def _chip_layers(report: Mapping[str, Any]) -> Table:
    rows = [
        [
            Cell(one["name"]),
            number_cell(one["banks"], str(one["banks"])),
            *(number_cell(one[name], f"{one[name]:,}") for name in ("majorities", "copies")),
            *(number_cell(one[name], quantity(one[name], "ps"))
              for name in ("compute_ps", "channel_ps")),
            number_cell(one["energy_pj"], quantity(one["energy_pj"], "pJ")),
        ]
        for one in report["layers"]
    ]  # fmt: skip
    columns = (
        Column("layer"),
        *(Column(name, number=True)
          for name in ("banks", "majorities", "copies", "computing", "channel", "energy")),
    )  # fmt: skip
    return Table("Every layer, for the batch", columns, rows)


def _energies(report: Mapping[str, Any]) -> Table:
    rows = [
        [Cell(PARTS.get(name, name)), number_cell(pj, quantity(pj, "pJ"))]
        for name, pj in report["energy_pj"].items()
        if name != "total"
    ]
    return Table("Energy of the batch", (Column("for"), Column("energy", number=True)), rows)
