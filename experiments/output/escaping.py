r"""Makes texts from input files harmless: names of layers, files and networks.

A terminal obeys control characters, and some reverse the text; a spreadsheet computes a cell that
begins like a formula.

>>> print(visible("dense\x1b[2J\u202e"), in_cell("=1+1"), in_cell("-1.5"), in_cell(-2))
dense\x1b[2J\u202e '=1+1 -1.5 -2
"""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@")


def visible(text: str) -> str:
    r"""Return the text with every non-printable character escaped as :func:`repr` does.

    >>> visible("two\nlines, 10 µm")
    'two\\nlines, 10 µm'
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def in_cell(value: object) -> object:
    """Return a value for a cell of a spreadsheet: texts are never formulas, numbers are unchanged.

    >>> in_cell("-"), in_cell("+-1"), in_cell("@SUM(A1)")
    ('-', "'+-1", "'@SUM(A1)")
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.startswith(_FORMULA) and len(text) > 1 and not _number(text) else text


def of_cell(text: str) -> str:
    """Return the text that :func:`in_cell` was given, if it had only printable characters.

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
