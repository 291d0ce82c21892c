r"""A page of Markdown, such as a study or a reproduction writes, as a page for a browser.

Its tables can be sorted, and its pictures are embedded. HTML in the text stays text, because the
Markdown reader has HTML switched off. Links lead to files beside the page, or to the web.

>>> text = "# Title\n\nWhy?\n\n## Finding\n\nSo `it` is.\n\n## More\n\n<b>"
>>> made = page(text, Path("."))
>>> made.title, made.answer, [section.title for section in made.sections]
('Title', ['So it is.'], ['The question', 'More'])
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from experiments.html import pictures
from experiments.html.blocks import Block, Cell, Column, Page, Picture, Prose, Section, Table

ANSWER = "Finding"
"""Heading of the section that is the answer."""
_NUMBER = re.compile(r"[-\N{MINUS SIGN}]?[\d,]*\.?\d+(?:e[-+]?\d+)?", re.IGNORECASE)


def page(text: str, folder: Path, kicker: str = "", summary: str = "") -> Page:
    """Return the page.

    Args:
        text: Markdown with one ``#`` heading; its ``##`` sections become those of the page.
        folder: folder that its pictures and links are relative to.
        kicker: what kind of page it is.
        summary: the settings in a line.
    """
    tokens = _reader().parse(text)
    title, answer, sections = "", [], []
    for heading, part in _parts(tokens):
        if heading is not None and heading.tag == "h1":
            title = _plain(part[0])
            before = [*_blocks(part[2:], folder, title)]
            if before:
                sections.append(Section("The question", before))
            continue
        name = _plain(part[0]) if heading is not None else ""
        if name == ANSWER:
            answer = [_plain(token) for token in part[2:] if token.type == "inline"]
            rest = [one for one in _blocks(part[2:], folder, name) if not isinstance(one, Prose)]
            sections += [Section("Figures", rest)] if rest else []
        elif heading is not None:
            sections.append(Section(name, [*_blocks(part[2:], folder, name)]))
    return Page(title, kicker, summary, answer, sections)


@cache
def _reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _parts(tokens: Sequence[Token]) -> Iterator[tuple[Token | None, list[Token]]]:
    """Headings of the first two levels, each with its text and what is below it."""
    heading: Token | None = None
    part: list[Token] = []
    for token in tokens:
        if token.type == "heading_open" and token.tag in ("h1", "h2"):
            if part:
                yield heading, part
            heading, part = token, []
            continue
        part.append(token)
    if part:
        yield heading, part


def _plain(token: Token) -> str:
    """The text of a paragraph, a heading or a cell."""
    texts = []
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak"):
            texts.append(" ")
        elif child.type in ("text", "code_inline"):
            texts.append(child.content)
    return "".join(texts)


def _blocks(tokens: Sequence[Token], folder: Path, heading: str) -> Iterator[Block]:
    """Yield pictures and tables as blocks, and the text between them as it is."""
    prose: list[Token] = []
    several = sum(token.type == "table_open" for token in tokens) > 1
    tables = 0

    def told() -> Iterator[Block]:
        if prose:
            markup = _reader().renderer.render(_led(prose, folder), _reader().options, {})
            prose.clear()
            yield Prose(Markup(markup))  # it escapes all text

    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token.type == "table_open":
            end = next(i for i in range(place, len(tokens)) if tokens[i].type == "table_close")
            yield from told()
            tables += 1
            yield _table(tokens[place:end], f"{heading}, table {tables}" if several else heading)
            place = end + 1
            continue
        images = [one for one in token.children or () if one.type == "image"]
        if token.type == "inline" and images and len(token.children or ()) == len(images):
            prose.pop()  # the paragraph that holds nothing but the picture
            yield from told()
            for one in images:
                shown = _picture(one, folder)
                if shown is not None:
                    yield shown
            place += 2
            continue
        prose.append(token)
        place += 1
    yield from told()


def _picture(token: Token, folder: Path) -> Picture | None:
    """A picture that lies in the folder; None if it does not."""
    path = folder / str(token.attrGet("src"))
    if path.suffix not in pictures.KINDS or not path.is_file() or not _inside(path, folder):
        return None
    name = token.content or path.stem
    return Picture(
        pictures.of_file(path), f"Figure {name}; the tables of this page have its numbers"
    )


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _led(tokens: Sequence[Token], folder: Path) -> list[Token]:
    """Turn links to files that do not exist into texts."""
    for token in tokens:
        children, kept, dropped = token.children, [], 0
        if children is None:
            continue
        for child in children:
            if child.type == "link_open":
                href = str(child.attrGet("href"))
                if not href.startswith(("https://", "http://")) and not (folder / href).is_file():
                    dropped += 1
                    continue
            elif child.type == "link_close" and dropped:
                dropped -= 1
                continue
            elif child.type == "image":
                continue
            kept.append(child)
        token.children = kept
    return [*tokens]


def _table(tokens: Sequence[Token], caption: str) -> Table:
    header: list[str] = []
    rows: list[list[str]] = []
    for place, token in enumerate(tokens):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            text = _plain(tokens[place + 1]) or ("what" if token.type == "th_open" else "")
            (header if token.type == "th_open" else rows[-1]).append(text)
    rows = [row for row in rows if row]
    numbers = [all(_number(row[column]) is not None or row[column] in ("", "-") for row in rows)
               for column in range(len(header))]  # fmt: skip
    columns = tuple(Column(name, number) for name, number in zip(header, numbers, strict=True))
    cells = [
        [_cell(text, number) for text, number in zip(row, numbers, strict=True)] for row in rows
    ]
    return Table(caption, columns, cells)


def _cell(text: str, number: bool) -> Cell:
    if not number:
        return Cell(text)
    value = _number(text)
    return Cell(text, float("-inf") if value is None else value)


def _number(text: str) -> float | None:
    """The number that a cell begins with, such as that of ``97.1 (96.0 to 98.2)``.

    >>> _number("1,200 ns"), _number("2.5e-3"), _number("8-8-8"), _number("n/a")
    (1200.0, 0.0025, None, None)
    """
    found = _NUMBER.match(text)
    if found is None or not re.fullmatch(r"(?:[\s(%x].*)?", text[found.end() :], re.DOTALL):
        return None
    return float(found[0].replace(",", "").replace("\N{MINUS SIGN}", "-"))
