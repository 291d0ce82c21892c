"""A page as one file: style and script inside, nothing loaded, all text escaped.

Three things keep a name such as ``<img onerror=...>`` from doing harm. Jinja escapes every text.
The policy in the head allows only this page's own style and script (by their hashes) and embedded
pictures; other scripts, styles and event handlers do not run. And the policy names no source, so
nothing can be fetched or sent.

>>> made = render(Page("<b>", "run", "", ["fine"], []))
>>> "<b>" in made, "&lt;b&gt;" in made, "://" in made
(False, True, False)
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from experiments.html.blocks import Bar, Cell, Page, Section, Table
from experiments.output.escaping import visible
from pimsim import __version__

NAME = "report.html"
"""Name of the page's file, for every command."""

FRAMES_STYLE, FRAMES = "frames.css", "frames.js"
"""Style and script of what scrolls sideways."""

_TEMPLATES = Path(__file__).parent / "templates"


def render(page: Page) -> str:
    """Return the page as the text of a file."""
    style, script = _text("style.css") + _text(FRAMES_STYLE), _text("page.js") + _text(FRAMES)
    return _template().render(
        page=page,
        sections=[*_numbered(page.sections)],
        style=style,
        script=script,
        policy=policy(style, script),
        version=__version__,
    )


def write(page: Page, folder: Path) -> Path:
    """Write the page into a folder; return its path."""
    path = folder / NAME
    path.write_text(render(page), encoding="utf-8")
    return path


def policy(style: str, script: str) -> str:
    """Return the content security policy of a page with this style and script.

    >>> policy("", "")[:19]
    "default-src 'none';"
    """
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _numbered(sections: Iterable[Section]) -> Iterable[tuple[str, Section]]:
    """Sections that have something to show, each with the name by which it is linked."""
    shown = (section for section in sections if section.blocks)
    return ((f"s{number}", section) for number, section in enumerate(shown, 1))


@cache
def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text("utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.globals["rows_of"] = rows
    return environment.get_template("page.html")


def rows(table: Table) -> Markup:
    """Return the rows of a table, without the template: a sweep has tens of thousands of cells.

    >>> from experiments.html.blocks import Column
    >>> columns = Column("part"), Column("energy", number=True)
    >>> print(rows(Table("costs", columns, [[Cell("<x>"), Cell("3", sort=3.0)]])), end="")
        <tr>
          <th scope=row class="">&lt;x&gt;</th>
          <td class="n" data-sort="3.0">3</td>
        </tr>
    """
    known: dict[str, str] = {}

    def text(value: float | str) -> str:
        if type(value) is not str:
            return str(escape(value)) if type(value) is not float else str(value)
        found = known.get(value)
        if found is None:
            found = known[value] = str(escape(visible(value)))
        return found

    sides = ["n" * column.number + "c" * column.middle for column in table.columns]
    lines = []
    for row in table.rows:
        lines.append("    <tr>\n")
        begin, end = "      <th scope=row", "</th>\n"
        for side, cell in zip(sides, row, strict=False):
            look = side if cell.shade is None and not cell.strong else _look(side, cell)
            sort = "" if cell.sort is None else f' data-sort="{text(cell.sort)}"'
            bars = _bars(cell.bars) if cell.bars else ""
            lines.append(f'{begin} class="{look}"{sort}>{text(cell.text)}{bars}{end}')
            begin, end = "      <td", "</td>\n"
        lines.append("    </tr>\n")
    return Markup("".join(lines))  # all text in it has been escaped


def _look(side: str, cell: Cell) -> str:
    shade = "" if cell.shade is None else f" shade h{cell.shade}"
    return f"{side}{shade}{' strong' if cell.strong else ''}"


def _bars(bars: Sequence[Bar]) -> str:
    """Pieces of a bar, from left to right."""
    pieces, left = [], 0.0
    for bar in bars:
        size = f'x="{left:.2f}" width="{100 * bar.share:.2f}" height="6"'
        pieces.append(f'<rect class="f{bar.series}" {size}/>\n')
        left += 100 * bar.share
    box = 'class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"'
    return f"<svg {box}>\n{''.join(pieces)}</svg>\n"
