"""What a study is: a module with these names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from experiments.studies.found import Found


class Study(Protocol):
    """What a module in :data:`experiments.studies.catalog.STUDIES` has.

    One that reads measurements of real chips has ``CHIPS``, too: the file that it looks for.
    """

    @property
    def NAME(self) -> str:
        """The word on the command line; the page is ``study-NAME.md``."""

    @property
    def TITLE(self) -> str:
        """Title of the page."""

    @property
    def QUESTION(self) -> str:
        """What is asked, and how it is answered: a paragraph."""

    @property
    def SWEEPS(self) -> Mapping[str, str]:
        """Specifications, bundled or written by :meth:`prepare`, and what each looks at."""

    def finding(self, found: Mapping[str, Found]) -> str:
        """Return what came out, with its numbers, in words."""

    def prepare(self, folder: Path, chips: Path | None) -> None:
        """Write what the specifications read into the folder of the study.

        A specification that is not bundled is written there, too, as ``SWEEP.toml``. ``chips`` is a
        folder with measurements of real chips, if one is named.
        """

    def draw(self, found: Mapping[str, Found], folder: Path) -> dict[str, Path]:
        """Draw figures beyond those of the sweeps; return their paths by name."""
