"""Figures of a sweep: lines with intervals, heat maps, bars and tornados, with their tables.

They are drawn only from :class:`~experiments.sweep.results.Results`.

:mod:`~experiments.figures.sweep.settings` reads the table ``[figure]`` of a specification.
:mod:`~experiments.figures.sweep.roles` gives each axis its role. One of
:mod:`~experiments.figures.sweep.lines`, :mod:`~experiments.figures.sweep.heatmap`,
:mod:`~experiments.figures.sweep.bars` and :mod:`~experiments.figures.sweep.tornado` draws. These
share the other modules. None depends on what the quantity means, or how it was measured.

>>> import tempfile
>>> from experiments.sweep.results import Axis, Point, Quantity
>>> axis = Axis("variation_percent", "process variation", "%", (0, 10))
>>> points = (
...     Point({"variation_percent": 0}, 200, 97.0, 94.0, 99.0),
...     Point({"variation_percent": 10}, 200, 81.0, 75.0, 86.0),
... )
>>> results = Results("demo", Quantity("accuracy", "accuracy", "%", 100.0), (axis,), {}, points, {})
>>> with tempfile.TemporaryDirectory() as folder:
...     [path.name for path in draw(results, Path(folder), {"level": {"variation_percent": 0}})]
['lines.png', 'lines.pdf', 'lines.csv']
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.figures.sweep.settings import Settings, read
from experiments.figures.wanted import current
from experiments.output import sheets
from experiments.sweep.results import Cell, Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

USUAL = ("png", "pdf")
"""Formats of a figure if the user asked for none."""


def draw(
    results: Results, folder: Path, figure: Mapping[str, object] | None = None
) -> list[Path]:  # fmt: skip
    """Write the figure, as PNG and PDF by default, and its numbers as CSV.

    Returns the paths.

    Args:
        results: at least one point; points without trials are gaps, or hatched.
        folder: must exist.
        figure: the table ``[figure]`` of the specification; see
            :data:`~experiments.figures.sweep.settings.KEYS`.

    Raises :class:`~pimsim.errors.InputError` if ``figure`` does not fit the sweep.
    """
    from experiments.figures.style import write

    settings = read(figure, results)
    with _made(results, settings) as (drawn, rows):
        write(drawn, folder / f"{settings.name}.png", USUAL)
        paths = [folder / f"{settings.name}.{one}" for one in current(USUAL).formats]
    return [*paths, sheets.write(folder / f"{settings.name}.csv", rows)]


def check(results: Results, figure: Mapping[str, object] | None = None) -> None:
    """Raise :class:`~pimsim.errors.InputError` if ``figure`` does not fit the sweep.

    To call before the sweep runs: points need no trials yet. Nothing is written.
    """
    settings = read(figure, results)
    if figure is not None:  # what axes call for fits: no sweep has to wait for Matplotlib
        with _made(results, settings):
            pass


@contextmanager
def _made(results: Results, settings: Settings) -> Iterator[tuple[Figure, list[dict[str, Cell]]]]:
    """Yield the figure and the rows of its table, with the style set for writing it."""
    from experiments.figures.style import style
    from experiments.figures.sweep import bars, heatmap, lines, tornado

    kinds: Mapping[str, Callable[[Results, Settings], tuple[Figure, list[dict[str, Cell]]]]] = {
        "lines": lines.figure,
        "heatmap": heatmap.figure,
        "bars": bars.figure,
        "tornado": tornado.figure,
    }
    with style():
        yield kinds[settings.kind](results, settings)
