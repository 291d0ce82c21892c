"""Figures of a sweep: lines with intervals, heat maps, bars and tornados, with their tables.

Drawn from :class:`~experiments.sweep.results.Results` alone: what was stored is what is shown.

Read :mod:`~experiments.figures.sweep.drawing`, which leads:
:mod:`~experiments.figures.sweep.settings` reads what is wanted,
:mod:`~experiments.figures.sweep.roles` gives each axis its place,
:mod:`~experiments.figures.sweep.shown` scales the points, and one of
:mod:`~experiments.figures.sweep.lines`, :mod:`~experiments.figures.sweep.heatmap`,
:mod:`~experiments.figures.sweep.bars` and :mod:`~experiments.figures.sweep.tornado` draws. The
others are what these share. None knows what the quantity means, or how it was measured.

>>> import tempfile
>>> from pathlib import Path
>>> from experiments.sweep.results import Axis, Point, Quantity, Results
>>> axis = Axis("variation_percent", "process variation", "%", (0, 10))
>>> points = (
...     Point({"variation_percent": 0}, 200, 0.97, 0.94, 0.99),
...     Point({"variation_percent": 10}, 200, 0.81, 0.75, 0.86),
... )
>>> results = Results("demo", Quantity("accuracy", "accuracy", "%", 100.0), (axis,), {}, points, {})
>>> with tempfile.TemporaryDirectory() as folder:
...     [path.name for path in draw(results, Path(folder), {"level": {"variation_percent": 0}})]
['lines.png', 'lines.pdf', 'lines.csv']
"""

from experiments.figures.sweep.drawing import check, draw

__all__ = ["check", "draw"]
