"""Writing the page of a study, with its figures and tables."""

from __future__ import annotations

import shutil
from pathlib import Path

from experiments.studies.found import Found
from experiments.studies.page import page
from experiments.studies.study import Study

FIGURES = "figures"
"""Folder of figures and tables, in that of the page."""


def write(one: Study, folder: Path, to: Path | None = None) -> Path:
    """Write the page of a study; return its path.

    Args:
        one: the study.
        folder: where its sweeps have been run.
        to: where the page goes, to ``folder`` if None.

    Raises InputError where a sweep has not been run.
    """
    target = folder if to is None else to
    (target / FIGURES).mkdir(parents=True, exist_ok=True)
    found = {name: Found.read(folder / name / "results.json") for name in one.sweeps}
    figures = {
        name: f"{FIGURES}/{_kept(path, target)}" for name, path in one.draw(found, folder).items()
    }
    own = set(figures)
    for name in one.sweeps:
        shutil.copyfile(folder / name / "results.json", target / FIGURES / f"{name}.json")
        # A study that draws for itself has no use for what a sweep alone can show.
        pictures = [] if own else sorted((folder / name).glob("*.png"))
        for picture in pictures:
            table = picture.with_suffix(".csv")
            shutil.copyfile(table, target / FIGURES / f"{name}.csv")
            shutil.copyfile(picture, target / FIGURES / f"{name}.png")
            figures[name] = f"{FIGURES}/{name}.png"
    path = target / f"study-{one.name}.md"
    path.write_text(page(one, found, figures), "utf-8")
    return path


def _kept(path: Path, target: Path) -> str:
    """Copy a figure and its table to where the page names them; return the name."""
    for one in (path, path.with_suffix(".csv")):
        if one.exists() and one.parent != target / FIGURES:
            shutil.copyfile(one, target / FIGURES / one.name)
    return path.name
