"""How figures are wanted: their files, their width, and how much is said below them.

Asked for once, where a command begins, and known wherever a figure is written. Matplotlib is not
imported here.

>>> with wanted(Wanted(("svg", "pdf"), width_in=3.5)):
...     current().formats
('svg', 'pdf')
>>> current().formats
('png',)
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from pimsim.errors import InputError

FORMATS = ("png", "svg", "pdf")
NOTES = ("short", "all", "none")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How figures are wanted."""

    formats: tuple[str, ...] = ("png",)
    """Endings of the files of each figure; the table behind it is written anyway."""
    width_in: float | None = None
    """Width in inches; letters stay as large. None: each its own."""
    notes: str = "short"
    """What stands small below or above a figure: at most two lines, all there is, or nothing."""


_wanted: ContextVar[Wanted | None] = ContextVar("wanted", default=None)


def current(usual: tuple[str, ...] = ("png",)) -> Wanted:
    """Return what is wanted; ``usual`` are the formats where nobody has asked for any."""
    return _wanted.get() or Wanted(usual)


@contextmanager
def wanted(one: Wanted | None) -> Iterator[None]:
    """Draw figures as ``one`` says; None: as usual."""
    token = _wanted.set(one)
    try:
        yield
    finally:
        _wanted.reset(token)


_FIGURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]*)\.png\)")


def linked(text: str) -> str:
    """Return Markdown with the figures that are wanted in place of those in PNG.

    An SVG is shown as a PNG is; to a PDF, which no page can show, leads a link.

    >>> with wanted(Wanted(("pdf", "svg"))):
    ...     linked("see ![cost](a-cost.png)")
    'see ![cost](a-cost.svg)'
    >>> with wanted(Wanted(("pdf",))):
    ...     linked("see ![cost](a-cost.png)")
    'see [cost](a-cost.pdf)'
    """
    chosen = current().formats
    if "png" in chosen:
        return text
    return _FIGURE.sub(r"![\1](\2.svg)" if "svg" in chosen else r"[\1](\2.pdf)", text)


def formats(text: str) -> tuple[str, ...]:
    """Return the formats of a list with commas, each once.

    Raises :class:`~pimsim.errors.InputError` for another one.

    >>> formats("svg,pdf")
    ('svg', 'pdf')
    >>> formats("jpg")
    Traceback (most recent call last):
    ...
    pimsim.errors.InputError: `--format` must be png, svg, pdf or several with commas, not 'jpg'
    """
    found = tuple(dict.fromkeys(text.split(",")))
    if not set(found) <= set(FORMATS):
        raise InputError(
            f"`--format` must be {', '.join(FORMATS)} or several with commas, not {text!r}"
        )
    return found


def of(args: argparse.Namespace) -> Wanted | None:
    """Return what the options of a command ask for; None if it has none, or none is given."""
    given = getattr(args, "given", {})
    if not {"formats", "width_in", "notes"} & set(given):
        return None
    text = args.formats
    return Wanted(formats(text) if text else ("png",), args.width_in, args.notes)
