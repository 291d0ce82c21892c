r"""Texts of other people where they may do harm: names of layers, files and networks.

A terminal obeys control characters, and shows text backwards if told so; a spreadsheet computes
what begins like a formula.

>>> print(visible("dense\x1b[2J\u202e"), in_cell("=1+1"), in_cell("-1.5"), in_cell(-2))
dense\x1b[2J\u202e '=1+1 -1.5 -2
"""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@")


def visible(text: str) -> str:
    r"""The text with every character that is not printed written as :func:`repr` does.

    >>> visible("two\nlines, 10 µm")
    'two\\nlines, 10 µm'
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def in_cell(value: object) -> object:
    """A value as the cell of a sheet: no text in it is a formula; numbers stay what they are.

    >>> in_cell("-"), in_cell("+-1"), in_cell("@SUM(A1)")
    ('-', "'+-1", "'@SUM(A1)")
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.startswith(_FORMULA) and len(text) > 1 and not _number(text) else text


def of_cell(text: str) -> str:
    """The text that :func:`in_cell` wrote, where all of it is printed.

    >>> of_cell("'--tmr time"), of_cell("'quoted'")
    ('--tmr time', "'quoted'")
    """
    return text[1:] if text[:1] == "'" and in_cell(text[1:]) == text else text


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
