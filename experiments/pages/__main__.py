"""Write pages of docs anew: ``python -m experiments.pages [NAME ...]``, all if none is named."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from experiments.commands.reproduce import EXPERIMENTS
from experiments.pages import checked, chips, mappings, mitigations, networks, parts, redraw
from experiments.reproduce.table import Table
from experiments.studies import page as studies
from experiments.studies.study import STUDIES, study
from pimsim.errors import InputError
from pimsim.offtheshelf.boxes import NEEDED, location

FIGURES = "figures"
"""Folder of figures and tables, inside the folder of the pages."""

Reproduced = Mapping[str, Mapping[str, Table]]
"""The tables of every experiment of ``pimsim reproduce``, by its name."""


def reproduced() -> Reproduced:
    """Simulate the assumptions of the publications; numbers of this machine are left out."""
    return {one.NAME: one.reproduce(*one.assumed()) for one in EXPERIMENTS}


def texts(found: Reproduced) -> dict[str, str]:
    """Return pages and tables of the experiments by their paths in the folder of the pages."""
    return {
        name if name.endswith(".md") else f"{FIGURES}/{name}": text
        for one in EXPERIMENTS
        for name, text in one.documents(found[one.NAME], f"{FIGURES}/").items()
    }


def write_reproduced(folder: Path) -> None:
    """Write ``reproduce-NAME.md`` for every experiment of ``pimsim reproduce``.

    Raises :class:`~pimsim.errors.InputError` if there are no boxes to draw groups from: pages of
    docs have all rows.
    """
    if location() is None:
        raise InputError(f"pages of reproductions need {NEEDED}")
    found = reproduced()
    (folder / FIGURES).mkdir(parents=True, exist_ok=True)
    for name, text in texts(found).items():
        (folder / name).write_text(text, "utf-8")
    for one in EXPERIMENTS:
        one.part("figures").draw(found[one.NAME], folder / FIGURES)


def write_studies(folder: Path) -> None:
    """Write the page of every study, from sweeps in ``out/study-NAME``."""
    for name in STUDIES:
        print(studies.write(study(name), Path("out") / f"study-{name}", folder))


def write_figures(folder: Path) -> None:
    """Draw every figure of sweeps and costs again, from the stored tables."""
    for path in redraw.redraw(folder):
        print(path)


PAGES: Mapping[str, Callable[[Path], None]] = {
    "mappings": mappings.PAGE.write,
    "checked": checked.PAGE.write,
    "chips": chips.PAGE.write,
    "networks": networks.PAGE.write,
    "parts": parts.PAGE.write,
    "mitigations": mitigations.PAGE.write,
    "reproduce": write_reproduced,
    "studies": write_studies,
    "figures": write_figures,
}
"""Functions that simulate and write page, tables and figures into a folder, by page name."""


def main(words: Sequence[str], folder: Path) -> None:
    """Write the pages that are named, or all, into ``folder``.

    An unknown name ends the program with a list of names, and missing data with their name.
    """
    parser = argparse.ArgumentParser(
        "python -m experiments.pages", description="Write pages of docs anew."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PAGES)}")
    names = parser.parse_args(words).names or list(PAGES)
    for name in names:
        if name not in PAGES:
            parser.error(f"`NAME` must be one of {', '.join(PAGES)}, not {name!r}")
    for name in names:
        try:
            PAGES[name](folder)
        except InputError as error:
            parser.error(str(error))


if __name__ == "__main__":
    main(sys.argv[1:], Path("docs"))
