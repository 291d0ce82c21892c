"""Machine code that executes a tape, for a few vectors of columns, with held values in registers.

A record of a tape is the number of a template, and a place for each of its symbols. Three more
numbers follow those of the templates: to read a row into a slot; to move a row to another place;
and to end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import count

from pimsim.executors.compiled.codegen.emit import VECTOR, Emit
from pimsim.executors.compiled.codegen.truth_table import looked_up
from pimsim.executors.compiled.lower.symbolic import PlaceKind
from pimsim.executors.compiled.run.processors import VECTOR_WORDS
from pimsim.executors.compiled.tape.template import TemplateFunction

_NUMBER = count()
_PROMISES = 'nounwind "prefer-vector-width"="512"'
_VECTOR_BYTES = 64
_ANYWHERE, _IN_PLACE = "align 8", f"align {_VECTOR_BYTES}"
_STREAMING = f"{_IN_PLACE}, !nontemporal !{{i32 1}}"
MOST = 8
"""Most vectors that are walked together, so that the held values of each stay in registers."""
_RECORD = 3
"""Vectors that could be computed in the time that it takes to read a record (fitted to rates of
576 inputs at 1 to 8 vectors, which differ by a factor of 3)."""


def width(tile_words: int) -> int:
    """Vectors of a tile's rows that are walked together, so that none are left.

    >>> [width(8 * vectors) for vectors in (1, 5, 8, 10, 11)]
    [1, 5, 8, 5, 1]
    """
    vectors = tile_words // VECTOR_WORDS
    return max(one for one in range(1, MOST + 1) if not vectors % one)


def best_tile_words(words: int, *, threads: int) -> int:
    """Words of a row that should lie together: those with which the slowest thread is done first.

    Tapes are walked once for every tile, so that all rows of what is walked at once lie together.

    Args:
        words: of a whole row.
        threads: threads that share the tiles.

    >>> [best_tile_words(words, threads=2) for words in (1024, 157, 3)]
    [64, 40, 8]
    """

    def time(vectors: int) -> int:
        tiles = -(-words // (vectors * VECTOR_WORDS))
        return -(-tiles // threads) * (vectors + _RECORD)

    return VECTOR_WORDS * min(range(1, MOST + 1), key=time)


@cache
def walker(
    functions: tuple[TemplateFunction, ...], entry_bytes: int, vectors: int, *, streaming: bool
) -> int:
    """Address of the machine code for a table; compiled when first asked for.

    It is ``void walk(tape, tile, out, step, row_bytes)``: records of a tape up to the one that
    stops, numbers of ``entry_bytes`` bytes, on the first ``vectors`` vectors of each row of a tile;
    what is read goes to ``out + slot * step``, and where ``streaming``, past the caches: for that
    it must begin at a multiple of 64. Tapes are trusted, see
    :class:`~pimsim.executors.compiled.tape.records.CompiledTapes`.
    """
    arguments = "noalias-readonly*tape noalias*tile noalias*out step row_bytes"
    code = Emit(f"pimsim_walk_{next(_NUMBER)}", arguments, _PROMISES)
    _Writer(code, entry_bytes, vectors, _STREAMING if streaming else _ANYWHERE).write(functions)
    return code.address()


class _Writer:
    def __init__(self, code: Emit, entry_bytes: int, vectors: int, delivery: str) -> None:
        self._code, self._bytes, self._vectors = code, entry_bytes, range(vectors)
        self._kind, self._delivery = f"i{entry_bytes * 8}", delivery
        self._ways: list[tuple[str, str, list[str]]] = [
            ("entry", "%tape", ["zeroinitializer" for _ in self._names()])
        ]
        """Where the next record is reached from, where it is then, and what is held."""

    def write(self, functions: Sequence[TemplateFunction]) -> None:
        """Add the instructions: a case of a switch for each function, of whatever templates."""
        code, kind = self._code, self._kind
        unique = list(dict.fromkeys(functions))
        for number, function in enumerate(unique):
            with self._case(f"function{number}", function.symbols) as held:
                self._function(function, held)
        with self._case("read", 2):
            slot = code.mul(self._number(2), "%step")
            self._copy(self._row(1), code.at("i8", "%out", slot), self._delivery)
        with self._case("move", 2):
            self._copy(self._row(1), self._row(2), _IN_PLACE)
        code.do("br label %next\nnext:")
        labels, records, left = zip(*self._ways, strict=True)
        self._phi("%record", "ptr", records, labels)
        for i, name in enumerate(self._names()):
            self._phi(name, VECTOR, [values[i] for values in left], labels)
        code.do(f"%code = load {kind}, ptr %record, align {self._bytes}")
        cases = [f"function{unique.index(function)}" for function in functions]
        cases += ["read", "move", "stop"]
        listed = [f"{kind} {n}, label %{case}" for n, case in enumerate(cases)]
        code.do(f"switch {kind} %code, label %never [ {' '.join(listed)} ]")
        code.do("never:\n  unreachable\nstop:")

    def _names(self) -> list[str]:
        """Names of what is held: two values of each vector."""
        return [f"%held{which}_{i}" for i in self._vectors for which in range(2)]

    def _phi(self, name: str, kind: str, values: Sequence[str], labels: Sequence[str]) -> None:
        ways = [f"[ {value}, %{label} ]" for value, label in zip(values, labels, strict=True)]
        self._code.do(f"{name} = phi {kind} {', '.join(ways)}")

    @contextmanager
    def _case(self, label: str, places: int) -> Iterator[list[str]]:
        """A record of so many places; gives what is held, which the case may replace."""
        self._code.do(f"br label %next\n{label}:")
        held = self._names()
        yield held
        following = self._code.at(self._kind, "%record", 1 + places)
        self._ways.append((label, following, held))

    def _number(self, index: int) -> str:
        """A number of the record."""
        number = self._code.get(self._kind, "%record", index, self._bytes)
        return self._code.put(f"zext {self._kind} {number} to i64")

    def _row(self, index: int) -> str:
        """Address of the row that a number of the record names."""
        offset = self._code.mul(self._number(index), "%row_bytes")
        return self._code.at("i8", "%tile", offset)

    def _function(self, function: TemplateFunction, held: list[str]) -> None:
        code, network = self._code, function.network
        used = {number for kind, number in network.inputs if kind == PlaceKind.ROW}
        rows = {number: self._row(1 + number) for number in sorted({*used, *function.stores})}
        for i in self._vectors:
            values = [
                code.get(VECTOR, rows[number], i, _VECTOR_BYTES)
                if kind == PlaceKind.ROW
                else f"%held{number}_{i}"
                for kind, number in network.inputs
            ]
            for table, operands in network.nodes:
                values.append(looked_up(code, table, [values[operand] for operand in operands]))
            results = [values[result] for result in network.results]
            for symbol, value in zip(function.stores, results, strict=False):
                code.store(value, rows[symbol], i)
            for which, value in enumerate(results[len(results) - function.keeps :]):
                held[2 * i + which] = value

    def _copy(self, source: str, target: str, how: str) -> None:
        for i in self._vectors:
            value = self._code.get(VECTOR, source, i, _VECTOR_BYTES)
            where = self._code.at(VECTOR, target, i)
            self._code.do(f"store {VECTOR} {value}, ptr {where}, {how}")


@cache
def drive() -> Callable[..., None]:
    """The loop over tiles, columns and tapes, as a function of 12 numbers and addresses.

    Tiles ``first`` to ``last``; walker, and bytes of a row that it walks; rows and bytes of a tile;
    of each tape its records and its first slot; how many tapes; results, bytes from one slot to the
    next, bytes of a row in a tile.
    """
    code = Emit(
        "pimsim_drive_tapes",
        "first last *walk size *data tile_bytes *starts *slots count *out step row_bytes",
    )
    pieces = code.put("udiv i64 %row_bytes, %size")
    with code.loop("%last", "%first") as tile, code.loop(pieces) as piece:
        offset = code.mul(piece, "%size")
        base = code.at("i8", "%data", code.add(code.mul(tile, "%tile_bytes"), offset))
        out = code.at("i8", "%out", code.add(code.mul(tile, "%row_bytes"), offset))
        with code.loop("%count") as number:
            start = code.get("ptr", "%starts", number, 8)
            first = code.mul(code.get("i64", "%slots", number, 8), "%step")
            mine = code.at("i8", out, first)
            memory = f"ptr {start}, ptr {base}, ptr {mine}"
            code.do(f"call void %walk({memory}, i64 %step, i64 %row_bytes)")
    return code.function()
