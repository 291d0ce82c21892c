"""Drawing the figure of a sweep into files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from matplotlib.figure import Figure

from experiments.figures.style import style
from experiments.figures.sweep import bars, heatmap, lines, tornado
from experiments.figures.sweep.settings import Settings, read
from experiments.output import sheets
from experiments.sweep.results import Results
from experiments.sweep.table import Cell

_KINDS: Mapping[str, Callable[[Results, Settings], tuple[Figure, list[dict[str, Cell]]]]] = {
    "lines": lines.figure,
    "heatmap": heatmap.figure,
    "bars": bars.figure,
    "tornado": tornado.figure,
}
# Without dates and versions, the same results are the same bytes.
_METADATA = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Producer": None}}


def draw(
    results: Results, folder: Path, figure: Mapping[str, object] | None = None
) -> list[Path]:  # fmt: skip
    """Write the figure as PNG and PDF, and as CSV what is drawn; return the paths.

    Args:
        results: at least one point; those without trials are gaps, or hatched.
        folder: must exist.
        figure: the table ``[figure]`` of the specification; see
            :data:`~experiments.figures.sweep.settings.KEYS`.

    Raises :class:`~pimsim.errors.InputError` if ``figure`` does not fit the sweep.
    """
    settings = read(figure, results)
    with style():
        drawn, rows = _KINDS[settings.kind](results, settings)
        paths = []
        for suffix, metadata in _METADATA.items():
            paths.append(folder / f"{settings.name}.{suffix}")
            drawn.savefig(paths[-1], metadata=metadata)
    return [*paths, sheets.write(folder / f"{settings.name}.csv", rows)]


def check(results: Results, figure: Mapping[str, object] | None = None) -> None:
    """Raise :class:`~pimsim.errors.InputError` if ``figure`` does not fit the sweep.

    For before the sweep runs: its points need no trials yet. Nothing is written.
    """
    settings = read(figure, results)
    with style():
        _KINDS[settings.kind](results, settings)
