"""What a page is made of: sections of texts, figures in numbers, tables, pictures, code.

A block says what is shown, and not how it looks; the template has a form for each ``kind``. Markup
in a text is shown as text.

Charts are bars in cells of tables, and bands of a timeline, drawn as inline SVG by the template.
No library for charts is used: a bar beside its number can be read on a phone, aloud and in print,
and follows light and dark mode. It needs neither a second to import Matplotlib nor megabytes of
script in every page.

>>> columns = Column("part"), Column("energy", number=True)
>>> table = Table("costs", columns, [[Cell("x"), Cell("3")]])
>>> table.kind, table.columns[1].number, table.rows[0][1].text
('table', True, '3')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from markupsafe import Markup

SERIES = 8
"""Number of colours of bars in the style sheet."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a bar."""

    share: float
    """Share of the length of a whole bar, 0 to 1."""
    series: int = 0
    """Its colour, below :data:`SERIES`."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table."""

    text: str
    sort: float | str | None = None
    """Value that the column is sorted by; None: the text."""
    bars: tuple[Bar, ...] = ()
    """A bar below the text, pieces from left to right."""
    shade: int | None = None
    """How strongly it is coloured, 0 to 9."""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    number: bool = False
    """Whether its cells are numbers: they stand on the right."""
    middle: bool = False
    """Whether they stand in the middle."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table, which sorts by any column if it has several rows."""

    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    sortable: bool = True
    legend: tuple[tuple[str, int], ...] = ()
    """Names of pieces of its bars, with their series."""
    note: str = ""
    kind: ClassVar[str] = "table"


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str
    kind: ClassVar[str] = "text"


@dataclass(frozen=True, slots=True)
class Fact:
    """A number that is shown large."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Large numbers beside each other."""

    facts: Sequence[Fact]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is part of the page."""

    uri: str
    """A ``data:`` address."""
    alt: str
    caption: str = ""
    pixels: bool = False
    """Whether it is small and shown large, pixel by pixel."""
    kind: ClassVar[str] = "picture"


@dataclass(frozen=True, slots=True)
class Gallery:
    """Small pictures with their captions."""

    pictures: Sequence[Picture]
    kind: ClassVar[str] = "gallery"


@dataclass(frozen=True, slots=True)
class Band:
    """A command on a lane of a timeline."""

    lane: int
    start: float
    width: float
    """Both as shares of the whole, 0 to 1."""
    series: int
    title: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Lanes above each other, and time from left to right."""

    caption: str
    alt: str
    """The same in words."""
    lanes: Sequence[str]
    bands: Sequence[Band]
    ticks: Sequence[tuple[float, str]]
    """Ticks: each place from 0 to 1, and its time."""
    legend: tuple[tuple[str, int], ...]
    kind: ClassVar[str] = "timeline"


@dataclass(frozen=True, slots=True)
class Code:
    """A command to type."""

    text: str
    label: str
    kind: ClassVar[str] = "code"


@dataclass(frozen=True, slots=True)
class Definitions:
    """Names, and what each is."""

    items: Sequence[tuple[str, str]]
    label: str
    kind: ClassVar[str] = "definitions"


@dataclass(frozen=True, slots=True)
class Prose:
    """HTML from trusted code that has escaped all text in it."""

    markup: Markup
    kind: ClassVar[str] = "prose"


Block = (
    Table | Text | Facts | Picture | Gallery | Timeline | Code | Definitions | Prose
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page, with a heading; one without blocks is not shown."""

    title: str
    blocks: Sequence[Block]
    lead: str = ""
    """Its first paragraph."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page."""

    title: str
    kicker: str
    """What kind of page it is, above the title."""
    summary: str
    """The settings in a line, under the title."""
    answer: Sequence[str]
    """The result in sentences, at the top of the page."""
    sections: Sequence[Section]
    facts: Sequence[Fact] = field(default_factory=tuple)


def number_cell(value: float | None, text: str, **more: object) -> Cell:
    """Return a cell with a number, sorted by its value; None sorts below every number.

    >>> number_cell(1200.0, "1.2 k").sort, number_cell(None, "").sort
    (1200.0, -inf)
    """
    return Cell(text, sort=float("-inf") if value is None else float(value), **more)  # type: ignore[arg-type]
