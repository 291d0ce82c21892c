"""Reads untrusted TOML and JSON files within limits, and words the messages about mistakes.

All TOML and JSON is read here, so that any bad file is refused in one line: one that is too large,
is not UTF-8, is nested too deeply, or has numbers beyond 64 bits.

>>> require_known(["distributoin"], ("quantity", "distribution"), "mine.toml")
Traceback (most recent call last):
...
pimsim.errors.InputError: mine.toml has the unknown key `distributoin`; did you mean \
`distribution`?
>>> toml("amount = 1e999", "mine.toml")
Traceback (most recent call last):
...
pimsim.errors.InputError: mine.toml: `amount` must be a finite number, not inf
"""

from __future__ import annotations

import csv
import difflib
import itertools
import json
import math
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pimsim.errors import InputError, unreadable

MOST_TOML_BYTES = 1 << 20
"""Largest TOML file; a standard takes 5 KB, a sweep over 100,000 values 700 KB."""

_MOST_INTEGER = 2**63 - 1  # TOML 1.0.0, section Integer: 64 bits, signed
_MOST_DIGITS = 40
"""Most digits of an integer in JSON; seeds have up to 39."""
_MOST_DEPTH = 32
# The parser's time grows with the square of the number of parts of a dotted key.
_DOTTED = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*"|'[^'\n]*')[ \t]*+\.[ \t]*+){32}""")
_Row = TypeVar("_Row")


def bundled_rows(kind: type[_Row], package: str, *path: str) -> tuple[_Row, ...]:
    """Return the rows of a CSV file of a package as objects of a dataclass of texts and numbers."""
    numbers = {"int": int, "float": float}
    text = files(package).joinpath(*path).read_text("utf-8")
    columns = [(one.name, numbers.get(str(one.type), str)) for one in fields(kind)]  # type: ignore[arg-type]
    return tuple(
        kind(**{name: read(row[name]) for name, read in columns})
        for row in csv.DictReader(text.splitlines())
    )


def meant(wanted: object, names: Iterable[str], mark: str = "'", cutoff: float = 0.6) -> str:
    """Return the end of a message that lists known names: the nearest one, if one is near.

    The nearest name begins with ``wanted``, or else is the one that :func:`likest` finds. ``mark``
    is put before and after it.

    >>> meant("aut", ("output-stationary", "auto", "auto-energy"))
    "; did you mean 'auto'?"
    >>> meant("", ("auto",)), meant("nix", ("auto",)), meant(3, ("auto",))
    ('', '', '')
    """
    wanted, names = str(wanted), tuple(names)
    near = [name for name in names if wanted and name.startswith(wanted)]
    near = near or likest(wanted, names, cutoff)
    return f"; did you mean {mark}{near[0]}{mark}?" if near else ""


def likest(wanted: str, names: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """Return the name that was meant, as a list of one; an empty list if none is like it.

    Of those that are like it, it is the one that the fewest slips of a hand lead to. Capital
    letters and dashes in place of underscores are no slips, and a word left out or too many is
    a small one.

    Args:
        wanted: what was typed.
        names: what there is.
        cutoff: how like a name must be, 0 to 1, see :func:`difflib.get_close_matches`.

    >>> likest("t_rdc_ps", ("t_rc_ps", "t_rcd_ps")), likest("T-RC-PS", ("t_rc_ps", "t_rcd_ps"))
    (['t_rcd_ps'], ['t_rc_ps'])
    """
    plain = {name: _plain(name) for name in names}
    typed = _plain(wanted)
    near = difflib.get_close_matches(typed, plain.values(), n=len(plain) or 1, cutoff=cutoff)
    order = {name: place for place, name in reversed([*enumerate(near)])}
    like = [name for name in plain if plain[name] in order]
    return sorted(like, key=lambda one: (_far(typed, plain[one]), order[plain[one]]))[:1]


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")


_MOST_FILES = 1_000
"""Files of a folder among which a misspelt name is looked for."""


def beside(path: Path) -> str:
    """Return the end of a message about a file that is not there: the one that may be meant.

    It is one of the same folder and the same ending, see :func:`likest`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "mine.toml").write_text("")
    ...     beside(Path(folder, "mien.toml")).replace(folder, "parts"), beside(Path(folder, "x"))
    ("; did you mean 'parts/mine.toml'?", '')
    """
    try:
        with os.scandir(path.parent) as found:
            names = [one.name for one in itertools.islice(found, _MOST_FILES)]
    except (OSError, ValueError):
        return ""
    alike = [Path(name).stem for name in sorted(names) if Path(name).suffix == path.suffix]
    near = likest(path.stem, alike)
    return f"; did you mean {str(path.with_name(near[0] + path.suffix))!r}?" if near else ""


def _far(typed: str, meant: str) -> float:
    """How far one name is from the other, letter by letter or word by word."""
    short, long = sorted((typed.split("_"), meant.split("_")), key=len)
    rest = iter(long)
    if all(word in rest for word in short):  # in this order
        return SMALL * (len(long) - len(short))
    return slips(typed, meant)


SMALL = 0.5
"""Weight of a slip that leaves all letters right: neighbours exchanged, or a word left out."""


def slips(typed: str, meant: str) -> float:
    """Return how many slips lead from what was meant to what was typed.

    A slip is a letter too many, a letter too few or a wrong one; neighbours that changed places
    count :data:`SMALL`. It is the optimal string alignment distance (Damerau, 1964).

    >>> slips("t_rdc", "t_rcd"), slips("t_rdc", "t_rc"), slips("t_rdc", "t_faw")
    (0.5, 1.0, 3.0)
    """
    above: list[float] = []
    line = [float(place) for place in range(len(meant) + 1)]
    for i, letter in enumerate(typed):
        twice, above, line = above, line, [i + 1.0]
        for j, wanted in enumerate(meant):
            least = min(above[j] + (letter != wanted), above[j + 1] + 1, line[j] + 1)
            if i and j and letter != wanted and (letter, typed[i - 1]) == (meant[j - 1], wanted):
                least = min(least, twice[j - 1] + SMALL)
            line.append(least)
    return line[-1]


def read_text(path: Path, what: str, form: str, most_bytes: int) -> str:
    """Return the text of a file, without the byte order mark that some editors put before it.

    In messages, ``what`` names the file, and ``form`` its format.

    Raises :class:`~pimsim.errors.InputError` if it cannot be read, is larger or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            found = file.read(most_bytes + 1)
    except FileNotFoundError as error:
        raise InputError(f"{unreadable(what, error)}{beside(path)}") from error
    except (OSError, ValueError) as error:  # ValueError for a path with a null character
        raise unreadable(what, error) from error
    if len(found) > most_bytes:
        raise InputError(f"{what} must be at most {most_bytes >> 20} MiB, which it exceeds")
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{what} is not a {form} file: not UTF-8") from error


def toml(text: str, file: str) -> dict[str, Any]:
    """Return the table of a TOML text; ``file`` names it in messages.

    Raises :class:`~pimsim.errors.InputError` if it is not TOML, is nested too deeply, or has
    numbers that are not finite or beyond 64 bits; the message names all such numbers.
    """
    if _DOTTED.search(text):
        raise _too_deep(file)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file} is not a TOML file: {error}") from error
    except RecursionError:
        raise _too_deep(file) from None
    except ValueError as error:  # Python reads no integer of more than 4,300 digits
        raise InputError(f"{file} must have no number of thousands of digits") from error
    wrong = []
    for path, value in _leaves(document, file):
        if isinstance(value, int) and abs(value) > _MOST_INTEGER:
            wrong.append(f"`{path}` must be an integer of 64 bits, not {shown(value)}")
        elif isinstance(value, float) and not math.isfinite(value):
            wrong.append(f"`{path}` must be a finite number, not {value!r}")
    if wrong:
        raise InputError.of(wrong, file)
    return document


def json_value(text: str, where: str) -> Any:
    """Return the value of a JSON text; an object must not have a key twice.

    Raises :class:`~pimsim.errors.InputError`, naming ``where``, if it is not JSON, is nested too
    deeply, or has numbers that are not finite or have more than 40 digits.

    >>> json_value('{"a": [1, NaN]}', "mine.json")
    Traceback (most recent call last):
    ...
    pimsim.errors.InputError: mine.json must have no number NaN
    """

    def refuse(word: str) -> NoReturn:
        raise InputError(f"{where} must have no number {word}")

    def integer(digits: str) -> int:
        if len(digits) > _MOST_DIGITS:
            raise InputError(f"{where} must have no integer of {len(digits)} digits")
        return int(digits)

    def number(digits: str) -> float:
        if not math.isfinite(float(digits)):
            raise InputError(f"{where} must have no number beyond 1e308, as {shown(digits)} is")
        return float(digits)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise InputError(f"{where} must have every key once, not {shown(twice)} twice")
        return found

    try:
        return json.loads(
            text,
            object_pairs_hook=once,
            parse_int=integer,
            parse_float=number,
            parse_constant=refuse,
        )
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{where} is not a JSON file: {error}") from error
    except RecursionError:
        raise _too_deep(where) from None


def require_one_of(name: str, value: object, known: Iterable[str], *, hint: bool = False) -> str:
    """Return a value if it is a known one; otherwise raise an error that lists them.

    ``hint``: also name the nearest, if one is near.

    >>> require_one_of("mapping", "aut", ("auto", "auto-energy"), hint=True)
    Traceback (most recent call last):
    ...
    pimsim.errors.InputError: `mapping` must be one of auto, auto-energy, not 'aut'; did you mean \
'auto'?
    """
    known = tuple(known)
    if isinstance(value, str) and value in known:
        return value
    near = meant(value, known) if hint else ""
    raise InputError(f"`{name}` must be one of {', '.join(known)}, not {value!r}{near}")


def require_known(keys: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raise :class:`~pimsim.errors.InputError` for an unknown key, with the nearest known one."""
    known = tuple(known)
    for key in keys:
        if key not in known:
            raise InputError(f"{where} has the unknown key `{key}`{nearest(key, known)}")


def nearest(
    key: str,
    known: Iterable[str],
    otherwise: str | None = None,
    also: Sequence[str] = (),
    cutoff: float = 0.6,
) -> str:
    """Return the end of a message about an unknown key: the nearest known one, or all.

    Args:
        key: the unknown key.
        known: the known keys.
        otherwise: text in place of the list of all keys, if none is near.
        also: further names that may be meant if no known key is similar.
        cutoff: least similarity of a near key, see :func:`likest`.

    >>> nearest("cell.cap", ("cell.row", "cell.capacitance_ff"))  # it is the beginning of that
    '; did you mean `cell.capacitance_ff`?'
    """
    known = tuple(known)
    begun = [name for name in known if key and name.startswith(key)]
    close = begun if len(begun) == 1 else likest(key, known, cutoff)
    for name in (*close, *also):
        return f"; did you mean `{name}`?"
    return f" (known: {', '.join(known)})" if otherwise is None else otherwise


def shown(value: object) -> str:
    """Return a value as messages show it, cut if long, because it may come from a file.

    >>> shown("x" * 99)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..."
    """
    if isinstance(value, int) and value.bit_length() > 128:  # too long to be written out
        return f"an integer of {value.bit_length()} bits"
    words = repr(value)
    return words if len(words) <= 40 else words[:37] + "..."


def _leaves(document: dict[str, Any], file: str) -> Iterator[tuple[str, Any]]:
    """Yield all values that are not tables or lists, each with its path."""
    waiting: list[tuple[str, int, Any]] = [("", 0, document)]
    while waiting:
        path, depth, value = waiting.pop()
        if not isinstance(value, dict | list):
            yield path, value
            continue
        if depth >= _MOST_DEPTH:
            raise _too_deep(file)
        if isinstance(value, dict):
            inner = [
                (f"{path}.{key}" if path else key, depth + 1, one) for key, one in value.items()
            ]
        else:
            inner = [(f"{path}[{at}]", depth + 1, one) for at, one in enumerate(value)]
        waiting.extend(reversed(inner))


def _too_deep(where: str) -> InputError:
    return InputError(f"{where} must not be nested as deeply as it is")
