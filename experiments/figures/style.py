"""The style of all figures, told apart by colour-blind people and in greyscale too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

INK, RUST, PUBLISHED = "#1d3f66", "#d55e00", "#a8471b"
"""Of what is simulated, of what stands against it, and of published points."""
MAP = "cividis"
"""Perceptually uniform, and the same to people with a colour vision deficiency."""

_COLOURS = (INK, RUST, "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#6b6b6b")
"""The house's blue, then Okabe and Ito's palette for the colour-blind (2008)."""

Fill = tuple[str, str]
"""Colour and hatching of a bar."""

FILLS: tuple[Fill, ...] = (
    (INK, ""),
    ("#8fb0cf", "///"),
    ("#f4efe4", ""),
    ("#f7e3b0", "..."),
    (PUBLISHED, "\\\\\\"),
    ("#c9c9c9", "xxx"),
    ("#ffffff", "---"),
    ("#6b6b6b", ""),
)
"""Bars of one figure: dark for the first, light and hatched in turn for the others."""

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DASHES: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")
_HATCHES = ("", "///", "...", "\\\\\\", "xxx", "---", "ooo")


@dataclass(frozen=True, slots=True)
class Look:
    """How one line, or one kind of bar, looks."""

    colour: str
    marker: str
    dash: Literal["-", "--", ":", "-."]
    hatch: str


def looks(count: int, *, ordered: bool) -> list[Look]:
    """Return ``count`` looks: a ramp for ``ordered`` values, else colours that differ.

    They are all different up to 196; a ramp's colours always are.

    >>> [look.colour for look in looks(2, ordered=False)]
    ['#1d3f66', '#d55e00']
    >>> len(set(looks(196, ordered=False)))
    196
    """
    if ordered and count >= 3:
        ramp = matplotlib.colormaps["viridis"]
        shades = [
            matplotlib.colors.to_hex(ramp(0.88 * index / (count - 1))) for index in range(count)
        ]
    else:
        shades = [_COLOURS[index % len(_COLOURS)] for index in range(count)]
    turn = len(_COLOURS)
    return [
        Look(
            shade,
            _MARKERS[(index + index // turn) % turn],
            "-" if ordered and count >= 3 else _DASHES[index // turn % len(_DASHES)],
            _HATCHES[(index + index // turn) % turn],
        )
        for index, shade in enumerate(shades)
    ]


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


def note(
    axes: Axes, text: str, at: tuple[float, float], shift: tuple[float, float], **look: Any
) -> None:
    """Write a text beside a place, ``shift`` points away."""
    axes.annotate(text, at, xytext=shift, textcoords="offset points", **look)
