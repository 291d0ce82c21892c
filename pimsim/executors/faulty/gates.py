"""Machine code for functions of vectors of bits: counts of levels, and look-ups by count."""

from __future__ import annotations

from collections.abc import Sequence

from pimsim.executors.compiled.codegen.emit import Emit


class Gates:
    """Adds to code what combines vectors of 512 bits."""

    def __init__(self, code: Emit) -> None:
        self._code = code

    def count(self, levels: Sequence[str]) -> list[str]:
        """Number of levels that are ones: a vector for each bit of the number, lowest first."""
        planes, more = list[str](), list(levels)
        while more:
            pending, more = more, []
            while len(pending) > 2:
                odd = self._code.two(
                    "xor", self._code.two("xor", pending[0], pending[1]), pending[2]
                )
                more.append(self.majority(*pending[:3]))
                pending = [*pending[3:], odd]
            if len(pending) == 2:
                more.append(self._code.two("and", *pending))
                pending = [self._code.two("xor", *pending)]
            planes += pending
        return planes

    def most(self, planes: Sequence[str], levels: int) -> str:
        """Whether a count is more than half of so many levels."""
        if levels in (1, 3):
            return planes[-1]
        zero, one = "zeroinitializer", "splat (i64 -1)"
        return self.at(planes, [one if 2 * ones > levels else zero for ones in range(levels + 1)])

    def at(self, planes: Sequence[str], values: Sequence[str]) -> str:
        """Bits of the value at index ``count``."""
        if all(value == values[0] for value in values):
            return values[0]
        *lower, highest = planes
        half = 1 << len(lower)
        if len(values) <= half:
            return self.at(lower, values)
        return self.choose(highest, self.at(lower, values[half:]), self.at(lower, values[:half]))

    def majority(self, first: str, second: str, third: str) -> str:
        """The majority of three."""
        either = self._code.two("or", second, third)
        both = self._code.two("and", second, third)
        return self._code.two("or", self._code.two("and", first, either), both)

    def choose(self, which: str, one: str, zero: str) -> str:
        """Bits of ``one`` where ``which`` has a one, else of ``zero``."""
        differ = self._code.two("and", self._code.two("xor", one, zero), which)
        return self._code.two("xor", differ, zero)
