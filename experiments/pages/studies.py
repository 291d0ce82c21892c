"""The pages of all studies, of sweeps that `pimsim study` has left in ``out/study-NAME``."""

from __future__ import annotations

from pathlib import Path

from experiments.studies import write as studies
from experiments.studies.catalog import STUDIES, study


def write(folder: Path) -> None:
    """Write pages, tables and figures into ``folder``."""
    for name in STUDIES:
        print(studies.write(study(name), Path("out") / f"study-{name}", folder))
