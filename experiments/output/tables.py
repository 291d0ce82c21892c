"""Tables on the terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.output.escaping import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_PLAIN_WIDTH = 120
"""Width of a table if the output is not a terminal."""
_LEAST_WRAPPED = 16
"""Least width of a column that is wrapped; if less is left, rows are shown as paragraphs."""
_KB = "KB: 1,024 bytes of the row that a command leaves, or of what the channel carries"


def console() -> Console:
    """Return a console that writes to stdout: as wide as the terminal, or as ``COLUMNS`` says."""
    from rich.console import Console

    class Raising(Console):
        def on_broken_pipe(self) -> None:
            raise  # noqa: PLE0704  (called while handling it; rich itself would exit with code 1)

    probe = Raising(highlight=False)
    if probe.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return probe
    return Raising(highlight=False, width=_PLAIN_WIDTH)


def show(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str | None = None,
    wide: int | None = None,
) -> None:
    """Print ``rows`` (texts, as many as ``header``) under ``header``; numbers align right.

    If the terminal is too narrow, only column ``wide`` is wrapped, or, if that is None, every
    column of texts but the first. If that is not enough, every row becomes a paragraph: no digit is
    ever cut. Non-printable characters are escaped.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    cells = [[visible(cell) for cell in row] for row in rows]
    numeric = [
        bool(rows) and all(_is_number(row[at]) for row in cells) for at in range(len(header))
    ]
    whole = [
        at != wide if wide is not None else numeric[at] or at == 0 for at in range(len(header))
    ]
    heading = None if title is None else Text(visible(title), style="italic")
    out = console()
    if _width(header, cells, whole) > out.width:
        _show_stacked(out, header, cells, heading)
        return
    table = Table(box=box.SIMPLE_HEAD, title=heading, title_justify="left", pad_edge=False)
    for name, is_number, is_whole in zip(header, numeric, whole, strict=True):
        table.add_column(
            Text(name),
            justify="right" if is_number else "left",
            no_wrap=is_whole,
            overflow="fold",
        )
    for row in cells:
        table.add_row(*map(Text, row))
    out.print(table)


def say(text: str) -> None:
    """Print a line, wrapped if it must be; non-printable characters are escaped."""
    from rich.text import Text

    console().print(Text(visible(text)))


def show_assumptions(stated: Mapping[str, object]) -> None:
    """Print assumptions as ``key value`` pairs, on as few lines as they need."""
    pairs = [f"{key} {_as_text(value)}" for key, value in stated.items() if key != "model"]
    say("assumptions: " + ", ".join(pairs))
    if any(key.endswith("_per_kb") for key in stated):
        say(_KB)
    if "model" in stated:
        say(f"model: {stated['model']}")


def _width(header: Sequence[str], rows: Sequence[Sequence[str]], whole: Sequence[bool]) -> int:
    """The least width of a table."""
    from rich.cells import cell_len

    widths = []
    for name, column, is_whole in zip(header, zip(*rows, strict=True), whole, strict=False):
        texts = [*name.split("\n"), *column]
        if is_whole:
            widths.append(max(map(cell_len, texts)))
        else:
            words = [word for text in texts for word in text.split()]
            widths.append(min(_LEAST_WRAPPED, max(map(cell_len, words), default=0)))
    return sum(widths) + 3 * len(widths) - 1


def _show_stacked(
    out: Console, header: Sequence[str], rows: Sequence[Sequence[str]], title: Text | None
) -> None:
    """Print every row as a paragraph: its first cell, and the others under their headings."""
    from rich.text import Text

    if title is not None:
        out.print(title)
    names = [name.replace("\n", " ") for name in header]
    for first, *others in rows:
        out.print(Text(f"{names[0]} {first}" if first else names[0], style="bold"))
        for name, cell in zip(names[1:], others, strict=True):
            if cell:
                out.print(Text(f"  {name}: {cell}"))
    out.print()


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return "none"
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", ""))
    except ValueError:
        return cell in ("", "-")
    return True
