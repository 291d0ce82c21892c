"""The style of all figures, and what several kinds of them draw alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from experiments.figures.colours import Fill


@contextmanager
def style() -> Iterator[None]:
    """Draw with pimsim's style sheet, and take no name for mathematics: a ``$`` is a dollar."""
    with (
        as_file(files(__package__).joinpath("pimsim.mplstyle")) as sheet,
        matplotlib.rc_context(fname=sheet),
        matplotlib.rc_context({"text.parse_math": False, "pdf.fonttype": 42}),
    ):
        yield


def save(figure: Figure, caption: str, path: Path, size: float = 6.5) -> Path:
    """Write a figure under a caption that says what it rests on; return ``path``."""
    figure.suptitle(caption, fontsize=size, x=0.01, ha="left")
    figure.savefig(path)
    return path


def log_ticks(axis: Axis, text: Callable[[float], str] = "{:g}".format) -> None:
    """Tick a logarithmic axis at its decades, with texts in full."""
    axis.set_major_locator(LogLocator(numticks=12))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))


def stacked(
    axes: Axes, parts: Mapping[str, Sequence[float]], fills: Sequence[Fill], line: float
) -> list[float]:
    """Draw lying bars, one below the other, each of parts side by side; return their lengths.

    ``parts`` are lengths by label, one for each bar; ``line`` is the width of the edges.
    """
    lengths = [0.0] * max(map(len, parts.values()), default=0)
    for (label, widths), (colour, hatch) in zip(parts.items(), fills, strict=True):
        axes.barh(
            range(len(widths)), widths, left=lengths, height=0.62, color=colour, hatch=hatch,
            label=label, linewidth=line,
        )  # fmt: skip
        lengths = [start + width for start, width in zip(lengths, widths, strict=True)]
    return lengths


def beside(axes: Axes, text: str, x: float, y: float) -> None:
    """Write what a lying bar comes to, behind its end."""
    axes.annotate(
        text, (x, y), xytext=(3, 0), textcoords="offset points", va="center", fontsize=7.5
    )
