"""Writes programs of unmodified chips for DRAM Bender, and executes such programs.

A program writes operands and constants (a pattern of 32 bits, repeated along each row), carries out
the steps with their violated delays in slots of 1.5 ns, and reads the results. All other delays are
at least as long as the part needs, in whole cycles of four slots. :func:`commands` executes the
words independently, and says which command is issued when.

>>> from pimsim.dram.standard.standard import load
>>> from pimsim.offtheshelf.primitives import PRIMITIVES
>>> ddr4 = load("ddr4-2400")
>>> words = assembled(PRIMITIVES["copy"].program(4), ddr4)
>>> acts = [each for each in commands(words) if each.name == "ACT"]
>>> [(each.row, each.at_slot - acts[1].at_slot) for each in acts[1:3]]  # 36 and 3 ns
[(0, 0), (7, 26)]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pimsim.dram.standard.standard import Standard
from pimsim.errors import InputError, unreadable
from pimsim.offtheshelf.bender_words import NOP, SLOTS, Command, Word, decoded, encoded
from pimsim.offtheshelf.program import FRAC_NS, ChipProgram, Frac, Row, Step

SLOT_PS = 1_500
"""Duration of a slot on an Alveo U200 at 666.67 MHz (docs/reference/isa.md)."""
BRANCH_CYCLES = 6
"""Cycles that a branch takes (same source)."""
PATTERNS = (0xAAAAAAAA, 0xCCCCCCCC, 0xF0F0F0F0, 0xFF00FF00, 0xFFFF0000)
"""Bits of the first operands in 32 columns: five operands have every combination of bits once."""
_MIXED = 0x9E3779B9
"""Further operands hold multiples of this number modulo 2^32; it is odd, so all differ."""
BURST_COLUMNS = 8
"""Column addresses of a burst."""
_CASR, _BANK, _ROW, _SECOND, _COLUMN, _PATTERN, _COUNT, _ENDS = 0, 3, 4, 5, 6, 7, 8, 9
"""Registers; 0 is the stride of columns (docs/reference/isa.md)."""
_MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Issued:
    """A command as the memory sees it."""

    at_slot: int
    name: str
    bank: int
    row: int
    """Row of an ACT, first column of a RD or WR; 0 of a PRE."""
    data: tuple[int, ...] = ()
    """What a WR writes: 16 words of 32 bits."""


def pattern(operand: int) -> int:
    """Return the 32 bits that an operand repeats along its row.

    >>> hex(pattern(2)), hex(pattern(5))
    ('0xf0f0f0f0', '0x1715609d')
    """
    return PATTERNS[operand] if operand < len(PATTERNS) else operand * _MIXED & 0xFFFFFFFF


def assembled(
    program: ChipProgram, standard: Standard, *, bank: int = 0, first_row: int = 0
) -> tuple[Word, ...]:
    """Return a program with operands, in the two subarrays from ``first_row`` on.

    Raises :class:`~pimsim.errors.InputError` for a bank or rows that the part does not have, and
    for delays that are no whole slots.
    """
    rows = standard.subarrays_per_bank * standard.rows_per_subarray
    most = rows - 2 * standard.rows_per_subarray
    if type(bank) is not int or not 0 <= bank < standard.banks:
        raise InputError(f"`bank` must be 0 to {standard.banks - 1} for {standard.name}")
    if first_row % standard.rows_per_subarray or not 0 <= first_row <= most:
        raise InputError(
            f"`first_row` must be the first row of a subarray, a multiple of "
            f"{standard.rows_per_subarray} from 0 to {most}, not {first_row!r}"
        )
    made = _Assembler(standard, first_row)
    made.add(Word("LI", rt=_CASR, value=BURST_COLUMNS), Word("LI", rt=_BANK, value=bank))
    for number, row in enumerate(program.inputs):
        made.write(row, pattern(number))
    for row, held in program.constants:
        made.write(row, 0xFFFFFFFF * held)
    for step in program.steps:
        made.step(step)
    for row in program.outputs:
        made.read(row)
    made.add(Word("END"))
    return tuple(made.words)


class _Assembler:
    def __init__(self, standard: Standard, first_row: int) -> None:
        self._timing, self._first = standard.timing, first_row
        self._rows = standard.rows_per_subarray
        self._bursts = standard.row_bytes // standard.burst_bytes
        self.words: list[Word] = []

    def add(self, *words: Word) -> None:
        self.words += words

    def step(self, step: Step) -> None:
        """ACT, PRE, ACT in their slots, and the PRECHARGE that ends it; or ACT and PRE."""
        act = Command("ACT", _BANK, _ROW)
        if isinstance(step, Frac):
            self._load(_ROW, step.row)
            self._slots({0: act, _in_slots(FRAC_NS): Command("PRE", _BANK)})
            self._sleep(self._timing.t_rp_ps)
            return
        self._load(_ROW, step.first)
        self._load(_SECOND, step.second)
        pre = _in_slots(step.delays.t1_ns)
        second = pre + _in_slots(step.delays.t2_ns)
        self._slots({0: act, pre: Command("PRE", _BANK), second: Command("ACT", _BANK, _SECOND)})
        self._close()

    def write(self, row: Row, held: int) -> None:
        """Write a row, burst by burst."""
        self.add(Word("LI", rt=_PATTERN, value=held))
        self.add(*(Word("LDWD", rt=part, rs1=_PATTERN) for part in range(16)))
        self._columns(row, Command("WR", _BANK, _COLUMN, True))
        self._sleep(self._timing.t_wr_ps + self._timing.cwl_clocks * self._timing.t_ck_ps)
        self._close()

    def read(self, row: Row) -> None:
        """Read a row; an INFO before each burst says how many there are to send back."""
        self._columns(row, Command("RD", _BANK, _COLUMN, True), Word("INFO", value=1))
        self._close()

    def _columns(self, row: Row, command: Command, *before: Word) -> None:
        self._load(_ROW, row)
        for register, value in ((_COLUMN, 0), (_COUNT, 0), (_ENDS, self._bursts)):
            self.add(Word("LI", rt=register, value=value))
        self._slots({0: Command("ACT", _BANK, _ROW)})
        self._sleep(self._timing.t_rcd_ps)
        target = len(self.words)
        self.add(*before)
        self._slots({0: command})
        self.add(Word("ADDI", rt=_COUNT, rs1=_COUNT, value=1))
        self.add(Word("BL", rs1=_COUNT, rs2=_ENDS, value=target))

    def _close(self) -> None:
        self._sleep(self._timing.t_ras_ps)
        self._slots({0: Command("PRE", _BANK)})
        self._sleep(self._timing.t_rp_ps)

    def _load(self, register: int, row: Row) -> None:
        address = self._first + row.subarray * self._rows + row.row
        self.add(Word("LI", rt=register, value=address))

    def _slots(self, commands: dict[int, Command]) -> None:
        for start in range(0, max(commands) + 1, SLOTS):
            some = tuple(commands.get(at, Command(NOP)) for at in range(start, start + SLOTS))
            self.add(Word("DDR", slots=some))

    def _sleep(self, time_ps: int) -> None:
        self.add(Word("SLEEP", value=max(3, -(-time_ps // (SLOTS * SLOT_PS)))))


def _in_slots(delay_ns: float) -> int:
    slots = delay_ns * 1000 / SLOT_PS
    if slots != int(slots) or slots < 1:
        raise InputError(
            f"delays must be whole slots of {SLOT_PS / 1000:g} ns for DRAM Bender, not "
            f"{delay_ns:g} ns"
        )
    return int(slots)


def commands(words: Sequence[Word], most: int = 10_000_000) -> Iterator[Issued]:
    """Return what a program sends to the memory, in order, by executing it.

    A word takes a cycle of four slots, a SLEEP as many cycles as it says, a branch six.

    Raises :class:`~pimsim.errors.InputError` for a program that does not end within ``most`` words.
    """
    registers, wide = [0] * 16, [0] * 16
    at, cycle = 0, 0
    for _ in range(most):
        if not 0 <= at < len(words):
            raise InputError(f"a program must end with END, not run into word {at}")
        word = words[at]
        at += 1
        took = 1
        match word.name:
            case "END":
                return
            case "LI":
                registers[word.rt] = word.value
            case "ADDI":
                registers[word.rt] = registers[word.rs1] + word.value & 0xFFFFFFFF
            case "LDWD":
                wide[word.rt] = registers[word.rs1]
            case "SLEEP":
                took = word.value
            case "BL":
                took = BRANCH_CYCLES
                if registers[word.rs1] < registers[word.rs2]:
                    at = word.value
            case "DDR":
                for slot, one in enumerate(word.slots):
                    if one.name == NOP:
                        continue
                    row = 0 if one.name == "PRE" else registers[one.row]
                    data = tuple(wide) if one.name == "WR" else ()
                    yield Issued(cycle * SLOTS + slot, one.name, registers[one.bank], row, data)
                    if one.more and one.name in ("RD", "WR"):
                        registers[one.row] += registers[_CASR]
        cycle += took
    raise InputError(f"a program must end within {most:,} words")


def written(words: Iterable[Word]) -> str:
    """Return a program as text: a word a line, in hexadecimal, and what it means behind it."""
    return "".join(f"{encoded(word):016x}  # {word}\n" for word in words)


def read_words(path: Path) -> tuple[Word, ...]:
    """Read a program: the text of :func:`written`, or raw words, the lowest byte first.

    Raises :class:`~pimsim.errors.InputError`, with file and line, for what is no such program.
    """
    try:
        held = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    if len(held) > _MOST_BYTES:
        raise InputError(f"{path.name} must be at most {_MOST_BYTES >> 20} MiB, which it exceeds")
    if path.suffix == ".bin":
        if len(held) % 8 or not held:
            raise InputError(f"{path.name} must be words of 8 bytes, not {len(held)} bytes")
        numbers = [(f"{path.name}, word {n // 8}", int.from_bytes(held[n : n + 8], "little"))
                   for n in range(0, len(held), 8)]  # fmt: skip
    else:
        numbers = [*_lines(held, path.name)]
    found = []
    for where, number in numbers:
        try:
            found.append(decoded(number))
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    return tuple(found)


def _lines(held: bytes, name: str) -> Iterator[tuple[str, int]]:
    lines = held.decode("utf-8", "replace").splitlines()
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        if len(text) != 16 or set(text.lower()) - set("0123456789abcdef"):
            raise InputError(f"{name}, line {number} must be 16 hexadecimal digits, not {text!r}")
        yield f"{name}, line {number}", int(text, 16)


def save(words: Sequence[Word], path: Path) -> None:
    """Write a program: raw words if the name ends in ``.bin``, else text.

    Raises :class:`~pimsim.errors.InputError` if that cannot be done.
    """
    raw = b"".join(encoded(word).to_bytes(8, "little") for word in words)
    try:
        path.write_bytes(raw if path.suffix == ".bin" else written(words).encode())
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"a program must be a file that can be written: {reason}") from error
