"""Known shortest programs, each an entry of ``known.toml``; for one, it is not proven.

An entry has the arguments of :func:`~pimsim.synthesis.task.task`, the program, and ``bound``: no
program has fewer commands under the rules of :mod:`~pimsim.synthesis.task`. If the program has more
commands than that, the search ran out of memory. To add an entry, write the arguments; ``pimsim
synthesize --recompute NAME --json`` prints the rest.

>>> entry = load()["xor"]
>>> print(entry.program())
(a,B8)(b,B9)(C0,B10)[B14][B15](C1,B1)(B12,out)
>>> entry.bound, entry.optimal
(7, True)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pimsim import documents
from pimsim.dram.array import address_map
from pimsim.microprogram.program import Program, parse
from pimsim.synthesis import objective, search
from pimsim.synthesis.encoding import scratch_names
from pimsim.synthesis.task import Task, task


@dataclass(frozen=True)
class Known:
    """A program that was found, and the bound on others."""

    name: str
    summary: str
    functions: str
    commands: str
    """The program, as the literature writes it."""
    bound: int
    """No program has fewer commands."""
    map: str = "ambit"
    either: tuple[str, ...] = ()
    start: str = ""
    end: str = ""
    scratch: int = 0
    complemented: tuple[str, ...] = ()

    def task(self) -> Task:
        """What is searched for."""
        return task(
            self.functions,
            address_map.load(self.map),
            either=self.either,
            start=self.start,
            end=self.end,
            scratch=self.scratch,
        )

    def program(self) -> Program:
        """The program, on its address map."""
        of = self.task()
        return Program(
            self.name,
            tuple(parse(self.commands)),
            of.rows,
            tuple(one.name for one in of.stored),
            scratch_names(of),
            of.address_map,
        )

    @property
    def optimal(self) -> bool:
        """Whether no program has fewer commands."""
        return len(tuple(parse(self.commands))) == self.bound

    def recomputed(
        self, memory_mb: int = search.MEMORY_MB, tell: search.Tell = lambda _: None
    ) -> search.Found:
        """Search for it again; if memory runs out, return this program with the proven bound.

        Raises :class:`~pimsim.synthesis.search.TooLargeError` if memory runs out before a program
        is found that is known to be shortest.
        """
        wanted = self.task()
        try:
            return search.synthesize(
                wanted, objective.COMMANDS, name=self.name, memory_mb=memory_mb, tell=tell
            )
        except search.TooLargeError as error:
            if self.optimal:
                raise
            return search.Found(
                wanted,
                self.program(),
                self.complemented,
                objective.COMMANDS,
                optimal=False,
                bound=error.bound,
                states=error.states,
            )

    def agrees(self, found: search.Found) -> bool:
        """Whether a search agrees with the entry; if unproven, whether it found nothing better."""
        own, length = len(self.program()), len(found.program)
        if self.optimal:
            return (length, found.bound) == (own, self.bound)
        return length >= own and found.bound <= self.bound


@cache
def load() -> Mapping[str, Known]:
    """Return every entry by its name."""
    text = files(__package__).joinpath("known.toml").read_text("utf-8")
    return {
        name: Known(name=name, **{key: _value(value) for key, value in one.items()})
        for name, one in documents.toml(text, "known.toml").items()
    }


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
