"""What a study is; a module has one as ``STUDY``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.studies.found import Found


def _nothing(folder: Path, chips: Path | None) -> None:
    """Write nothing: bundled specifications are all that it takes."""


def _no_more(found: Mapping[str, Found], folder: Path) -> dict[str, Path]:
    """Draw nothing beyond the figures of the sweeps."""
    return {}


@dataclass(frozen=True, slots=True)
class Study:
    """A question, the sweeps that answer it, and the answer in words."""

    name: str
    """The word on the command line; the page is ``study-NAME.md``."""
    title: str
    """Title of the page."""
    question: str
    """What is asked, and how it is answered: a paragraph."""
    sweeps: Mapping[str, str]
    """Specifications, bundled or written by :attr:`prepare`, and what each looks at."""
    finding: Callable[[Mapping[str, Found]], str]
    """What came out, with its numbers, in words."""
    prepare: Callable[[Path, Path | None], None] = _nothing
    """Writes what the specifications read into the folder of the study; one that is not bundled is
    written there, too, as ``SWEEP.toml``. The second path is a folder with measurements of real
    chips, if one is named."""
    draw: Callable[[Mapping[str, Found], Path], dict[str, Path]] = _no_more
    """Draws figures beyond those of the sweeps; returns their paths by name."""
    chips: str | None = None
    """The file of measurements of real chips that it reads, if it does."""
