"""Parses texts that say what a program computes: names, constants, operators, assignments.

``s = a ^ b ^ c; carry = maj(a, b, c)`` assigns two outputs. Names that are read before they are
assigned are inputs. Operators, the strongest first: ``~`` or ``not``; ``&`` or ``and``; ``^``,
``xor`` or ``xnor``; ``|`` or ``or``. Functions: ``maj(a, b, c)``, and ``and``, ``or``, ``xor``,
``nand``, ``nor``, ``xnor`` of two or more, ``not`` of one. Constants: ``0`` and ``1``.

A function of n inputs is a truth table: an integer of ``2**n`` bits. Its bit x is the value of the
function if input i is bit i of x. Texts are parsed by hand and never run as code.

>>> found = assignments("s = a ^ b; c = a & b")
>>> found.inputs, found.outputs
(('a', 'b'), {'s': 6, 'c': 8})
>>> assignments("s = a ^")
Traceback (most recent call last):
...
pimsim.errors.InputError: an expression must go on with a name, a constant or `(`, not end, \
behind 's = a ^'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_, xor

from pimsim.documents import meant
from pimsim.errors import InputError

MOST_INPUTS = 5
"""Inputs of a search: a truth table then takes 32 bits."""
_MOST_CHARACTERS = 2_000
_MOST_DEPTH = 50
_TOKEN = re.compile(r"\s*(?:([A-Za-z_]\w*)|([01])(?!\w)|([~&^|()=;,]))", re.ASCII)
_LEVELS = ({"|": "or", "or": "or"}, {"^": "xor", "xor": "xor", "xnor": "xnor"},
           {"&": "and", "and": "and"})  # fmt: skip
"""Operators between two operands, the weakest first, with what they compute."""
_FUNCTIONS = ("maj", "and", "or", "xor", "nand", "nor", "xnor", "not")
_WORDS = frozenset(_FUNCTIONS)

Node = tuple[str, tuple["Node", ...]]
"""An operator and its operands; a name or a constant has no operands."""


@dataclass(frozen=True)
class Functions:
    """Outputs over inputs."""

    inputs: tuple[str, ...]
    """Inputs, in the order in which they are first read."""
    outputs: Mapping[str, int]
    """Truth table of every assigned name, in the order of assignment."""


def assignments(text: str) -> Functions:
    """Return the functions that a text assigns.

    Raises :class:`~pimsim.errors.InputError` for a text that is not an expression, a text without
    an assignment, and more than :data:`MOST_INPUTS` inputs.
    """
    parsed = [_assignment(part) for part in re.split(r"[;\n]", text) if part.strip()]
    if not parsed:
        raise InputError(f"an expression must assign an output, as `s = a ^ b` does, not {text!r}")
    inputs: dict[str, None] = {}
    assigned: set[str] = set()
    for name, node in parsed:
        inputs.update(dict.fromkeys(read for read in names(node) if read not in assigned))
        if name in assigned:
            raise InputError(f"an expression must assign every output once, not {name!r} twice")
        assigned.add(name)
    if not 1 <= len(inputs) <= MOST_INPUTS:
        raise InputError(
            f"an expression must have 1 to {MOST_INPUTS} inputs, not {len(inputs)}"
            + (f": {', '.join(inputs)}" if inputs else "")
        )
    values = input_tables(tuple(inputs))
    known = dict(values)
    outputs = {}
    for name, node in parsed:
        known[name] = outputs[name] = evaluate(node, known, len(inputs))
    return Functions(tuple(inputs), outputs)


def input_tables(inputs: tuple[str, ...]) -> dict[str, int]:
    """Return the truth table of every input over all of them.

    >>> input_tables(("a", "b"))
    {'a': 10, 'b': 12}
    """
    columns = range(1 << len(inputs))
    return {
        name: sum((column >> at & 1) << column for column in columns)
        for at, name in enumerate(inputs)
    }


def evaluate(node: Node, known: Mapping[str, int], inputs: int) -> int:
    """Return the truth table of an expression over ``inputs``; ``known`` has those of its names.

    Raises :class:`~pimsim.errors.InputError` for an unknown name.
    """
    everywhere = (1 << (1 << inputs)) - 1
    kind, parts = node
    if kind in ("0", "1"):
        return everywhere * int(kind)
    if not parts:
        if kind not in known:
            raise InputError(
                f"an expression must have names of inputs and outputs only ({', '.join(known)}), "
                f"not {kind!r}{meant(kind, known)}"
            )
        return known[kind]
    values = [evaluate(part, known, inputs) for part in parts]
    if kind == "maj":
        a, b, c = values
        return (a & b) | (a & c) | (b & c)
    operator, complemented = _MEANINGS[kind]
    found = reduce(operator, values)
    return found ^ everywhere if complemented else found


_MEANINGS: Mapping[str, tuple[Callable[[int, int], int], bool]] = {
    "and": (and_, False), "or": (or_, False), "xor": (xor, False), "not": (or_, True),
    "nand": (and_, True), "nor": (or_, True), "xnor": (xor, True),
}  # fmt: skip


def names(node: Node) -> Iterable[str]:
    """Give the names that an expression reads, from left to right."""
    kind, parts = node
    if not parts and kind not in ("0", "1"):
        yield kind
    for part in parts:
        yield from names(part)


def named(text: str, what: str) -> dict[str, Node]:
    """Return the expressions of ``T0 = v, DCC0 = ~v``, by name; ``what`` names the text in errors.

    >>> named("T0 = v, DCC0 = ~v", "start")
    {'T0': ('v', ()), 'DCC0': ('not', (('v', ()),))}
    """
    found: dict[str, Node] = {}
    for part in _split(text):
        name, node = _assignment(part)
        if name in found:
            raise InputError(f"`{what}` must name every cell once, not {name!r} twice")
        found[name] = node
    return found


def _split(text: str) -> list[str]:
    """Split at commas (except those of functions), semicolons and line ends."""
    parts, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character in ";\n" or (character == "," and depth == 0):
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part.strip()]


def _assignment(text: str) -> tuple[str, Node]:
    parser = _Parser(text)
    name = parser.next()
    if parser.kind != "name" or parser.next() != "=":
        raise InputError(
            f"an expression must be `NAME = ...`, such as `s = a ^ b`, not {text.strip()!r}"
        )
    return name, parser.whole()


class _Parser:
    """A text, token by token."""

    def __init__(self, text: str) -> None:
        if len(text) > _MOST_CHARACTERS:
            raise InputError(
                f"an expression must be of at most {_MOST_CHARACTERS:,} characters, "
                f"not {len(text):,}"
            )
        self._text, self._at, self._depth = text.rstrip(), 0, 0
        self.token = ""
        self.kind = ""

    def next(self) -> str:
        """Go on to the next token, and return it; "" at the end."""
        if self._at >= len(self._text):
            self.token, self.kind = "", "end"
            return ""
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            rest = self._text[self._at :].strip()
            raise InputError(
                "an expression must consist of names, 0, 1 and the operators ~ & ^ |, "
                f"not {rest[:1]!r} in {self._text.strip()!r}"
            )
        self._at = found.end()
        self.token = found[0].strip()
        self.kind = "name" if found[1] and found[1] not in _WORDS else "other"
        return self.token

    def whole(self) -> Node:
        """Return the expression that the rest of the text is."""
        self.next()
        node = self._level(0)
        if self.token:
            self._refuse("with an operator or end")
        return node

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        node = self._level(level + 1)
        while self.token in _LEVELS[level]:
            kind = _LEVELS[level][self.token]
            self.next()
            node = (kind, (node, self._level(level + 1)))
        return node

    def _unary(self) -> Node:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise InputError(f"an expression must be nested at most {_MOST_DEPTH} deep")
        try:
            return self._operand()
        finally:
            self._depth -= 1

    def _operand(self) -> Node:
        token = self.token
        if token == "~" or (token == "not" and not self._opens()):
            self.next()
            return ("not", (self._unary(),))
        if token in _WORDS and self._opens():
            self.next()
            return self._call(token)
        if token == "(":
            self.next()
            node = self._level(0)
            self._close()
            return node
        if self.kind == "name" or token in ("0", "1"):
            self.next()
            return (token, ())
        return self._refuse("with a name, a constant or `(`")

    def _opens(self) -> bool:
        return self._text[self._at :].lstrip().startswith("(")

    def _call(self, function: str) -> Node:
        parts: list[Node] = []
        while not parts or self.token == ",":
            self.next()
            parts.append(self._level(0))
        self._close()
        wanted = {"maj": (3, 3), "not": (1, 1)}.get(function, (2, MOST_INPUTS * 4))
        if not wanted[0] <= len(parts) <= wanted[1]:
            number = "two or more" if wanted[0] == 2 else str(wanted[0])
            raise InputError(f"`{function}` must be of {number} operands, not {len(parts)}")
        return (function, tuple(parts))

    def _close(self) -> None:
        if self.token != ")":
            self._refuse("with an operator or `)`")
        self.next()

    def _refuse(self, expected: str) -> Node:
        before = self._text[: self._at].strip()
        if self.kind == "end":
            raise InputError(f"an expression must go on {expected}, not end, behind {before!r}")
        raise InputError(
            f"an expression must go on {expected}, not {self.token!r}, "
            f"behind {before.removesuffix(self.token).strip()!r}"
        )
