"""The style of all figures. Colours differ for colour-blind people and in greyscale, too."""

from __future__ import annotations

import textwrap
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

from experiments.figures import wanted

INK, RUST, PUBLISHED = "#1d3f66", "#d55e00", "#a8471b"
"""Colours of simulated values, of values they are compared with, and of published points."""
MAP = "cividis"
"""Colour map: perceptually uniform, also for people with a colour vision deficiency."""

_COLOURS = (INK, RUST, "#00684c", "#56b4e9", "#6b6b6b", "#e69f00", "#7b3f66")
"""The house's blue, then Okabe and Ito's palette for the colour-blind (2008), two of it darkened:
neighbours differ in lightness, and so in greyscale."""

Fill = tuple[str, str]
"""Colour and hatching of a bar."""

FILLS: tuple[Fill, ...] = (
    (INK, ""),
    ("#8fb0cf", "///"),
    (PUBLISHED, "\\\\\\"),
    ("#f7e3b0", "..."),
    ("#6b6b6b", ""),
    ("#f4efe4", ""),
    ("#a9a9a9", "xxx"),
    ("#ffffff", "---"),
)
"""Bars of one figure: dark and light in turn, so that neighbours differ in greyscale."""

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
    """Draw with pimsim's style sheet; a ``$`` in a name does not begin a formula."""
    with (
        as_file(files(__package__).joinpath("pimsim.mplstyle")) as sheet,
        matplotlib.rc_context(fname=sheet),
        matplotlib.rc_context({"text.parse_math": False, "pdf.fonttype": 42}),
    ):
        yield


NOTE_LINES = 2
"""Most lines of a note above or below a figure."""
_LETTER_SHARE = 0.0082
"""Width of a letter of such a note, in inches for each point of its size."""

# Without dates and versions, the same numbers are the same bytes.
_METADATA: Mapping[str, Mapping[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None},
    "svg": {"Date": None},
}


def save(figure: Figure, caption: str, path: Path, size: float = 6.5) -> Path:
    """Write a figure as :func:`write` does, with a caption that states its assumptions."""
    chosen = wanted.current()
    fit(figure)
    if chosen.notes != "none":
        lines = NOTE_LINES if chosen.notes == "short" else 99
        text = lines_of(caption, figure.get_figwidth(), size, lines)
        figure.suptitle(text, fontsize=size, x=0.01, ha="left")
    return write(figure, path)


def fit(figure: Figure) -> None:
    """Give a figure the width that the user asked for; a wider one gets higher, too."""
    width_in = wanted.current().width_in
    if width_in is not None:
        share = width_in / figure.get_figwidth()
        figure.set_size_inches(width_in, figure.get_figheight() * max(1.0, share))


def write(figure: Figure, path: Path, usual: tuple[str, ...] = ("png",)) -> Path:
    """Write a figure in every format that the user asked for; return the path of the first.

    Args:
        figure: the figure.
        path: path of the file; its ending is replaced by that of each format.
        usual: formats if the user asked for none.
    """
    chosen = wanted.current(usual)
    paths = [path.with_suffix(f".{one}") for one in chosen.formats]
    # As wide as is wanted, or else without an empty margin.
    box = "tight" if chosen.width_in is None else "standard"
    for one in paths:
        with matplotlib.rc_context({"svg.hashsalt": path.stem, "savefig.bbox": box}):
            figure.savefig(one, metadata=dict(_METADATA[one.suffix[1:]]))
    return paths[0]


def lines_of(text: str, width_in: float, size: float, most: int) -> str:
    """Return a note in lines of the width of a figure, cut with an ellipsis after ``most``.

    >>> lines_of("a line that is far too long for a small figure", 1.0, 6.5, 2).splitlines()
    ['a line that is far', 'too long for a …']
    """
    letters = max(18, int(width_in / (size * _LETTER_SHARE)))
    text = text.replace(" · ", "\u00a0· ")  # no line begins with a dot
    return "\n".join(
        textwrap.wrap(text, letters, break_on_hyphens=False, max_lines=most, placeholder=" …")
    )


def log_ticks(axis: Axis, text: Callable[[float], str] = "{:g}".format) -> None:
    """Tick a logarithmic axis at its decades, with texts in full."""
    axis.set_major_locator(LogLocator(numticks=12))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))


def stacked(
    axes: Axes, parts: Mapping[str, Sequence[float]], fills: Sequence[Fill], line: float
) -> list[float]:
    """Draw horizontal bars, each of parts side by side; return their lengths.

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
