"""The studies that there are: to add one, add a module beside this one, and its name here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.studies.study import Study

STUDIES = ("variation", "layers", "circuit", "chips", "mitigation")
"""Modules beside this one, in the order in which they are best read."""


def study(name: str) -> Study:
    """Return the study of that name, which must be one of :data:`STUDIES`."""
    found: Study = import_module(f"experiments.studies.{name}").STUDY
    return found
