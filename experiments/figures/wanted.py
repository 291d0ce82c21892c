"""What a user asks for in figures: formats, width, and how much text is below them.

A command sets it once, and every figure that is written then follows it. Matplotlib is not imported
here.

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
    """What a user asks for in figures."""

    formats: tuple[str, ...] = ("png",)
    """Endings of the files of each figure; the table behind it is written anyway."""
    width_in: float | None = None
    """Width in inches; the size of letters does not change. None: each figure has its own width."""
    notes: str = "short"
    """Notes below or above a figure: at most two lines, all of them, or none."""


_wanted: ContextVar[Wanted | None] = ContextVar("wanted", default=None)


def current(usual: tuple[str, ...] = ("png",)) -> Wanted:
    """Return what is asked for; ``usual`` are the formats if none are."""
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
    """Return the formats in a text with commas between them, each once.

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
    """Return what the options of a command ask for; None if no such option is given."""
    given = getattr(args, "given", {})
    if not {"formats", "width_in", "notes"} & set(given):
        return None
    text = args.formats
    return Wanted(formats(text) if text else ("png",), args.width_in, args.notes)
