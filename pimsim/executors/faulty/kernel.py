"""Machine code for the steps of a form: compute cells stay in registers while its commands run.

A kernel does the same to each column as the interpreter, in the same order, and leaves the same
rows and cells. It is compiled for the faults that may occur: columns that are always wrong are
flipped in the accesses they get wrong, and noise is first drawn into rows (:mod:`.masks`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count

from pimsim.dram.array.faults import Access
from pimsim.executors.compiled.codegen.emit import VECTOR, Emit
from pimsim.executors.faulty.forms import Command, Constant, Form, Opened, Symbol, accesses
from pimsim.executors.faulty.gates import Gates
from pimsim.executors.faulty.interpreter import Kinds
from pimsim.executors.faulty.masks import Masks, Stream

ARGUMENTS = (
    "*tile vectors row_bytes *rows *masks *rates *streams *tables *most width columns "
    "*struck *flips"
)
"""The tile from the part's first row on; see :func:`.interpreter.interpret`. Rows for noise are all
zeros before and after."""
_PROMISES = 'nounwind "prefer-vector-width"="512"'
_NUMBER = count()


@dataclass(frozen=True)
class Faulty:
    """The faults that may occur on a tape, and what kernels need to know about its rows."""

    most: int
    """Wordlines that an address raises at most."""
    opened: int
    """First address beyond those of compute cells."""
    always: frozenset[int]
    """Patterns that some columns may always get wrong, numbered as in :class:`Kinds`."""
    noisy: tuple[tuple[int, tuple[int, ...]], ...]
    """Kinds of accesses that noise strikes, each with its patterns, the most probable first."""


def rows_struck(form: Form, faulty: Faulty) -> int:
    """Rows of noise that a kernel needs."""
    events = _events(form, Kinds(faulty.most))
    return sum(events[kind] * len(patterns) for kind, patterns in faulty.noisy)


@cache
def address(form: Form, faulty: Faulty) -> int:
    """Address of the machine code for a form, with :data:`ARGUMENTS`."""
    return _Kernel(form, faulty).address()


def _events(form: Form, kinds: Kinds) -> Counter[int]:
    """How many accesses of each kind a form has."""
    every = (access for command in form for access in accesses(command))
    return Counter(kinds.accesses.index(access) for access in every)


class _Kernel:
    def __init__(self, form: Form, faulty: Faulty) -> None:
        self._form, self._faulty, self._kinds = form, faulty, Kinds(faulty.most)
        self._events = _events(form, self._kinds)
        self._code = code = Emit(f"pimsim_step_{next(_NUMBER)}", ARGUMENTS, _PROMISES)
        code.declare(f"{VECTOR} @llvm.ctpop.v8i64({VECTOR})")
        code.declare(f"i64 @llvm.vector.reduce.add.v8i64({VECTOR})")
        self._gates = Gates(code)
        self._carry_out()

    def address(self) -> int:
        return self._code.address()

    # -- before the columns ------------------------------------------------------------------

    def _rows(self) -> dict[Opened, str]:
        """Addresses of rows beyond the compute cells."""
        code, found = self._code, dict[Opened, str]()
        for opened in (each for command in self._form for each in command):
            if isinstance(opened, Constant):
                found[opened] = code.at("i8", "%tile", code.mul("%row_bytes", opened.place))
            elif isinstance(opened, Symbol):
                own = code.get("i16", "%rows", opened.number, 2)
                row = code.add(code.put(f"sext i16 {own} to i64"), -self._faulty.opened)
                found[opened] = code.at("i8", "%tile", code.mul(row, "%row_bytes"))
        return found

    def _draw(self) -> dict[tuple[int, int], str]:
        """Draw noise into rows; return their addresses by kind and pattern."""
        code, found, first = self._code, dict[tuple[int, int], str](), 0
        masks = Masks(code) if any(self._events[kind] for kind, _ in self._faulty.noisy) else None
        for kind, patterns in self._faulty.noisy:
            events = self._events[kind]
            if masks is None or not events:
                continue
            rows = []
            for pattern in patterns:
                target = code.at("i8", "%struck", code.mul("%row_bytes", first))
                found[kind, pattern] = target
                rows.append((code.get("double", "%rates", pattern, 8), target))
                first += events
            stream = Stream(
                code.at("[2 x i64]", "%streams", kind),
                code.get("ptr", "%tables", kind, 8),
                code.get("double", "%most", kind, 8),
            )
            masks.fill(stream, events, rows)
        return found

    # -- column by column --------------------------------------------------------------------

    def _carry_out(self) -> None:
        code = self._code
        self._own, struck = self._rows(), self._draw()
        patterns = sorted(self._faulty.always)
        always = {pattern: code.get("ptr", "%masks", pattern, 8) for pattern in patterns}
        events = {
            (kind, pattern, event): code.at("i8", target, code.mul("%row_bytes", event))
            for (kind, pattern), target in struck.items()
            for event in range(self._events[kind])
        }
        with code.carry("%vectors", VECTOR, ["zeroinitializer"]) as (vector, (flips,), after):
            self._cells: dict[int, str] = {}
            self._changed: set[int] = set()
            self._flips, self._vector = flips, vector
            self._always, self._struck, self._met = always, events, Counter[int]()
            for command in self._form:
                self._command(command)
            for place in sorted(self._changed):
                code.store(self._cells[place], self._cell(place), vector)
            after.append(self._flips)
        if events:
            reduced = code.put(f"call i64 @llvm.vector.reduce.add.v8i64({VECTOR} {flips})")
            total = code.add(code.put("load i64, ptr %flips"), reduced)
            code.do(f"store i64 {total}, ptr %flips")

    def _command(self, command: Command) -> None:
        gates = self._gates
        levels = self._levels(command.sensed)
        planes = gates.count(levels)
        access = Access("sense", len(levels))
        held, certain = self._wrong(access, planes, gates.most(planes, len(levels)))
        if len(levels) > 1 or not certain:
            self._store(command.sensed, [held] * len(levels))
        values = []
        for access in list(accesses(command))[1:]:
            flip, certain = self._wrong(access, [held], "zeroinitializer")
            values.append(held if certain else self._code.two("xor", held, flip))
        self._store(command.driven, values)

    def _wrong(self, access: Access, planes: Sequence[str], right: str) -> tuple[str, bool]:
        """The wrong columns of an access, by the count of ones; and whether that is all.

        Noise strikes only what is not always wrong.
        """
        code, gates = self._code, self._gates
        kind = self._kinds.accesses.index(access)
        first, event = self._kinds.first_pattern[kind], self._met[kind]
        self._met[kind] += 1
        levels = access.rows + 1 if access.kind == "sense" else 2
        always = [self._always.get(first + ones) for ones in range(levels)]
        struck = [self._struck.get((kind, first + ones, event)) for ones in range(levels)]
        found = right
        wrong = None
        if any(always):
            wrong = gates.at(planes, [self._mask(mask) for mask in always])
            found = code.two("xor", found, wrong)
        if any(struck):
            noise = gates.at(planes, [self._mask(mask, clear=True) for mask in struck])
            if wrong is not None:
                noise = code.two("and", noise, code.two("xor", wrong, "splat (i64 -1)"))
            found = code.two("xor", found, noise)
            ones = code.put(f"call {VECTOR} @llvm.ctpop.v8i64({VECTOR} {noise})")
            self._flips = code.put(f"add {VECTOR} {self._flips}, {ones}")
        return found, not any(always) and not any(struck)

    def _mask(self, row: str | None, *, clear: bool = False) -> str:
        if row is None:
            return "zeroinitializer"
        found = self._code.get(VECTOR, row, self._vector, 64)
        if clear:
            self._code.store("zeroinitializer", row, self._vector)
        return found

    # -- rows and cells ----------------------------------------------------------------------

    def _cell(self, place: int) -> str:
        return self._code.at("i8", "%tile", self._code.mul("%row_bytes", place))

    def _levels(self, opened: Opened) -> list[str]:
        code = self._code
        if isinstance(opened, (Symbol, Constant)):
            return [code.get(VECTOR, self._own[opened], self._vector, 64)]
        found = []
        for place, complement in opened:
            if place not in self._cells:
                self._cells[place] = code.get(VECTOR, self._cell(place), self._vector, 64)
            found.append(self._turned(self._cells[place], complement))
        return found

    def _store(self, opened: Opened, values: Sequence[str]) -> None:
        if isinstance(opened, (Symbol, Constant)):
            self._code.store(values[0], self._own[opened], self._vector)
            return
        for (place, complement), value in zip(opened, values, strict=True):
            self._cells[place] = self._turned(value, complement)
            self._changed.add(place)

    def _turned(self, value: str, complement: int) -> str:
        return self._code.two("xor", value, "splat (i64 -1)") if complement else value
