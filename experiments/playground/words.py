"""Says in words what a command does, and what each row then holds, as a formula of the inputs.

>>> told = Teller({"a": "a", "b": "b", "C0": "0"})
>>> told.command((("a", False),), (("T0", False), ("DCC0", True)))
'AAP. The wordline of a opens: the bitlines take a. The amplifiers hold that while a second \
address opens: T0 takes a copy, and DCC0, by its n-wordline, takes the complement.'
>>> told.holds("DCC0")
'NOT a'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Lines = tuple[tuple[str, bool], ...]
"""Rows that an address opens; for each, whether it is on the complement bitline."""

LONGEST = 31
"""Longest formula, in characters, that is shown in full; a longer one gets a name."""


@dataclass(frozen=True, slots=True)
class _Formula:
    text: str
    inverted: bool = False

    def __str__(self) -> str:
        if not self.inverted:
            return self.text
        return f"NOT ({self.text})" if self._joined else f"NOT {self.text}"

    @property
    def part(self) -> str:
        """The formula as a part of a longer one: in parentheses where needed."""
        return f"({self})" if self._joined and not self.inverted else str(self)

    @property
    def _joined(self) -> bool:
        """Whether it is an AND or an OR, which needs parentheses after a NOT."""
        return " " in self.text and not self.text.startswith("MAJ(")

    def complement(self) -> _Formula:
        if self.text in ("0", "1"):
            return _Formula("10"[int(self.text)])
        return _Formula(self.text, not self.inverted)


class Teller:
    """Follows a program, command by command.

    Args:
        held: content of rows before the program, as text; ``0`` and ``1`` are the constants.

    """

    def __init__(self, held: Mapping[str, str]) -> None:
        self._held = {row: _Formula(text) for row, text in held.items()}
        self._named = 0

    def holds(self, row: str) -> str:
        """Return the content of a row as a formula; '' if it was never written."""
        return str(self._held.get(row, ""))

    def command(self, source: Lines, destination: Lines | None) -> str:
        """Carry out AAP, or AP without a destination, and return what it does in words."""
        value, words = self._sensed(source)
        if destination is None:
            return f"AP. {words}"
        taken = self._driven(destination, value)
        return (
            f"AAP. {words} The amplifiers hold that while a second address opens: {_listed(taken)}."
        )

    def _sensed(self, lines: Lines) -> tuple[_Formula, str]:
        values = [self._on_bitline(row, inverted) for row, inverted in lines]
        if len(lines) == 1:
            ((row, inverted),) = lines
            if inverted:
                words = f"The n-wordline of {row} opens: the bitlines take its complement"
            else:
                words = f"The wordline of {row} opens: the bitlines take {_of(row, values[0])}"
            return values[0], f"{words}."
        value, why = self._majority(values)
        for row, inverted in lines:
            self._held[row] = value.complement() if inverted else value
        cells = _listed([f"{row} ({held})" for (row, _), held in zip(lines, values, strict=True)])
        words = (
            f"A triple-row activation: {cells} share their charge, and every column settles on "
            f"their majority{why}. All of these cells now hold it."
        )
        return value, words

    def _on_bitline(self, row: str, inverted: bool) -> _Formula:
        held = self._held[row]
        return held.complement() if inverted else held

    def _majority(self, values: list[_Formula]) -> tuple[_Formula, str]:
        texts = [str(value) for value in values]
        for constant, word in (("0", "AND"), ("1", "OR")):
            if texts.count(constant) == 1:
                first, second = (value for value in values if str(value) != constant)
                formula = _Formula(f"{first.part} {word} {second.part}")
                digits = {"0": "zeros", "1": "ones"}[constant]
                return self._short(formula, f". One of them holds only {digits}, so this is {word}")
        return self._short(_Formula(f"MAJ({', '.join(texts)})"), "")

    def _short(self, formula: _Formula, why: str) -> tuple[_Formula, str]:
        if len(formula.text) <= LONGEST:
            return formula, f"{why}: {formula}"
        self._named += 1
        name = f"m{self._named}"
        return _Formula(name), f"{why}: {formula}, from here on {name}"

    def _driven(self, lines: Lines, value: _Formula) -> list[str]:
        for row, inverted in lines:
            self._held[row] = value.complement() if inverted else value
        plain = [row for row, inverted in lines if not inverted]
        taken = [f"{row}, by its n-wordline, takes the complement" for row, inverted in lines
                 if inverted]  # fmt: skip
        if plain:
            taken.insert(0, f"{_listed(plain)} {'takes' if len(plain) == 1 else 'take'} a copy")
        return taken


def _of(row: str, value: _Formula) -> str:
    """What the bitlines take from a row: its name, and a formula where the name does not say it."""
    if str(value) == row:
        return row
    if value.text in ("0", "1"):
        return {"0": "zeros", "1": "ones"}[value.text]
    return f"what it holds, {value}"


def _listed(parts: list[str]) -> str:
    """Join as a sentence does.

    >>> _listed(["one", "two", "three"])
    'one, two and three'
    """
    if len(parts) == 1:
        return parts[0]
    joint = ", and " if ", " in parts[-1] else " and "
    return f"{', '.join(parts[:-1])}{joint}{parts[-1]}"
