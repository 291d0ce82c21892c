"""Colours, markers and dashes: told apart by colour-blind people, and in greyscale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import matplotlib

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
