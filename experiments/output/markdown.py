"""Pages in Markdown: their tables, and lines of one width."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from importlib.resources import files

Cells = Sequence[Sequence[str]]
"""A header and rows of texts."""


_AS_IT_IS = ("#", "!", "|", "    ")
"""Headings, pictures, tables and code begin with these."""


def filled(package: str, name: str, **slots: object) -> str:
    """Return the text of a Markdown file in a package, its slots such as ``{table}`` filled."""
    return files(package).joinpath(name).read_text("utf-8").format(**slots)


def markdown(cells: Cells) -> str:
    """Return a header and rows of texts as a Markdown table.

    >>> print(markdown([("a", "b"), ("x", "1")]), end="")
    | a | b |
    |---|---|
    | x | 1 |
    """
    header, *rows = cells
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def flowed(page: str, width: int = 118) -> str:
    r"""Return a Markdown page with its paragraphs and list items broken at ``width``.

    >>> print(flowed("# A page\n\n- one two\nthree\n- four\n", 10), end="")
    # A page
    <BLANKLINE>
    - one two
      three
    - four
    """
    blocks = []
    for block in page.strip("\n").split("\n\n"):
        if block.lstrip("\n").startswith(_AS_IT_IS):
            blocks.append(block.strip("\n"))
            continue
        items = re.split(r"\n(?=- )", block.strip("\n"))
        blocks.append("\n".join(_wrapped(item, width) for item in items))
    return "\n\n".join(blocks) + "\n"


def _wrapped(text: str, width: int) -> str:
    indent = "  " if text.startswith("- ") else ""
    return textwrap.fill(
        " ".join(text.split()),
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
