"""Messages in the words of Python: a keyword where the command line has an option.

>>> python_words("`--limit` must be 1 or more, not 0")
'`limit` must be 1 or more, not 0'
>>> python_words("`--no-faw` needs --energy; see `pimsim run --help`")
'`faw=False` needs `energy`; see `pimsim run --help`'
>>> python_words("`--data` must be given", {"data": "x"})
'`x` must be given'
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from pimsim.errors import PimsimError

_FLAG = r"--(no-)?([a-z][a-z0-9]*(?:-[a-z0-9]+)*)"
_ALONE = re.compile(rf"(?<![\w'\"=-]){_FLAG}(?![\w-])")
_QUOTED = re.compile(rf"{_FLAG}(?: (\S+))?")
_NONE: Mapping[str, str] = MappingProxyType({})


def python_words(message: str, names: Mapping[str, str] = _NONE) -> str:
    """Return a message about options as one about keywords.

    Args:
        message: message of the command line. Text that it quotes from a user stays as it is.
        names: keywords whose name differs from that of the option.
    """

    def keyword(found: re.Match[str]) -> str:
        name = found[2].replace("-", "_")
        value = found[3] if found.re is _QUOTED else None
        said = names.get(name, name)
        return f"`{said}=False`" if found[1] else f"`{said}={value!r}`" if value else f"`{said}`"

    parts = message.split("`")
    for place, part in enumerate(parts):
        if place % 2 and place < len(parts) - 1:
            whole = _QUOTED.fullmatch(part)
            parts[place] = keyword(whole) if whole else f"`{part}`"
        elif place % 2:  # a mark that is not closed
            parts[place] = f"`{part}"
        else:
            parts[place] = _ALONE.sub(keyword, part)
    return "".join(parts)


@contextmanager
def in_python(names: Mapping[str, str] = _NONE, texts: Mapping[str, str] = _NONE) -> Iterator[None]:
    """Make errors of pimsim name keywords, and replace ``texts`` such as temporary paths."""
    try:
        yield
    except PimsimError as error:
        message = str(error)
        for text, said in texts.items():
            message = message.replace(text, said)
        error.args = (python_words(message, names),)
        raise
