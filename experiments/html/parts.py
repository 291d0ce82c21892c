"""What the same run would have cost on other parts: costed, not executed."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from experiments.html.blocks import Cell, Code, Column, Section, Table, number_cell
from experiments.html.words import each
from experiments.output.words import more_energy, quantity, slower
from pimsim.errors import InputError

if TYPE_CHECKING:
    from experiments.report.witness import Witness

TITLE = "What other parts would have cost"


@dataclass(frozen=True, slots=True)
class Part:
    """The run on another part."""

    name: str
    latency_ps: int = 0
    energy_pj: float | None = 0.0
    """None if the part has no currents to derive it from."""
    energy: str = ""
    """The energy model, by default that of the part."""
    refused: str = ""
    """Why it cannot be run there."""


def costed(
    witness: Witness,
    args: argparse.Namespace,
    tell: Callable[[str, int, int], None] | None = None,
) -> Iterator[Part]:
    """Cost a run on every part but its own, with the options that it was given."""
    from experiments.options import dram
    from experiments.report.run import passes
    from pimsim.dram.energy import stated_pj
    from pimsim.dram.standard import standard

    assert witness.system is not None
    assert witness.estimated is not None
    names = [name for name in standard.names() if name != witness.system.standard.name]
    for place, name in enumerate(names):
        if tell is not None:
            tell("costing other parts", place, len(names))
        try:
            part, options = dram.chosen_dram(argparse.Namespace(**{**vars(args), "standard": name}))
            other = replace(
                witness.system, standard=part, options=options, faults=None, counter=None
            )
            latency_ps, energy_pj = passes(witness.estimated(other).layers)
        except InputError as error:
            yield Part(name, refused=str(error))
        else:
            yield Part(name, latency_ps, stated_pj(energy_pj), options.energy)


def section(report: Mapping[str, Any], parts: list[Part], command: str) -> Section:
    """Return the section; without parts, the command that costs some.

    Args:
        report: that of the run.
        parts: what it would take on other parts.
        command: compares the run with parts.
    """
    if not report["latency_ps"]:
        return Section(TITLE, ())
    if not parts:
        return Section(
            TITLE,
            [Code(command, "Put this run beside other parts")] if command else [],
            "Costing the run on other parts takes seconds to minutes; --parts does it for all.",
        )
    stated = report["assumptions"]
    own = Part(
        stated["standard"], report["latency_ps"], report["energy_pj"]["total"], stated["energy"]
    )
    rows = [_row(one, own, report["images"]) for one in (own, *parts)]
    columns = (
        Column("part"), Column("time an image", number=True),
        Column("energy an image", number=True), Column("energy model"), Column("that would be"),
    )  # fmt: skip
    return Section(
        TITLE,
        [Table("The same run on other parts, costed and not executed", columns, rows)],
        "Options that were given hold everywhere; banks, speed bin and energy model are otherwise "
        "those of the part. Energies of different models are not compared.",
    )


def _row(one: Part, own: Part, images: int) -> list[Cell]:
    if one.refused or not one.latency_ps:
        none = number_cell(None, "-")
        return [Cell(one.name), none, none, Cell(""), Cell(one.refused or "no commands there")]
    said = "this run"
    if one is not own:
        said = slower(own.latency_ps / one.latency_ps).replace("the same", "as fast")
        if one.energy == own.energy and one.energy_pj and own.energy_pj:
            ratio = more_energy(own.energy_pj / one.energy_pj)
            said += f", {ratio} energy".replace("the same", "as much")
    return [
        Cell(one.name, strong=one is own),
        number_cell(one.latency_ps, quantity(one.latency_ps / images, "ps")),
        number_cell(one.energy_pj, quantity(each(one.energy_pj, images), "pJ")),
        Cell(one.energy),
        Cell(said),
    ]
