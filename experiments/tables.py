"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

_PLAIN_WIDTH = 120
"""Columns of a table that is piped into a file, where there is no terminal to ask."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704  (called while handling it; rich itself would exit with code 1)


def console() -> Console:
    """Return a console that writes to stdout."""
    probe = _Console(highlight=False)
    return probe if probe.is_terminal else _Console(highlight=False, width=_PLAIN_WIDTH)


def show(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str | None = None,
    wide: int | None = None,
) -> None:
    """Print ``rows`` (texts, as many as ``header``) under ``header``; numbers align right.

    Where the terminal is too narrow, only column ``wide`` is wrapped; if that is None, every
    column of texts but the first.
    """
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for index, name in enumerate(header):
        numeric = bool(rows) and all(_is_number(row[index]) for row in rows)
        whole = index != wide if wide is not None else numeric or index == 0
        justify: JustifyMethod = "right" if numeric else "left"
        table.add_column(Text(name), justify=justify, no_wrap=whole, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)


def show_assumptions(stated: Mapping[str, object]) -> None:
    """Print what a result rests on, as ``key value`` pairs on as few lines as they need."""
    pairs = [f"{key} {_as_text(value)}" for key, value in stated.items() if key != "model"]
    console().print(Text("assumptions: " + ", ".join(pairs)))
    if "model" in stated:
        console().print(Text(f"model: {stated['model']}"))


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", ""))
    except ValueError:
        return cell in ("", "-")
    return True
