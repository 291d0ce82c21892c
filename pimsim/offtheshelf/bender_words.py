"""Instruction words of DRAM Bender, written and read.

DRAM Bender (Olgun et al., TCAD 2023; CMU-SAFARI/DRAM-Bender) executes words of 64 bits on an FPGA
beside a memory module: scalar ones, or four DRAM commands of 16 bits, the first in the lowest bits,
each taking one slot of the DRAM's command clock. Where the bits are is from its definitions,
``hw/rtl/header_verilog/encoding.vh`` and ``src/api/program/instruction.cpp`` (v2, and the same in
``sources/api/instruction.cpp`` before), and from ``docs/reference/isa.md``. SLEEP's word holds two
cycles less than it waits.

>>> hex(encoded(Word("LI", rt=3, value=0x12345678)))
'0x6001234356780'
>>> hex(encoded(Word("DDR", slots=(Command("ACT", bank=7, row=10), *[Command("NOP")] * 3))))
'0xf000f000f000b0a7'
>>> str(decoded(0x6001234356780))
'LI r3, 0x12345678'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pimsim.errors import InputError

NOP, SLOTS = "NOP", 4
_COMMANDS = {"WR": 8, "RD": 9, "PRE": 10, "ACT": 11, "REF": 13, NOP: 15}
_NAMES = {code: name for name, code in _COMMANDS.items()}
_MOST_CYCLES = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Command:
    """A DRAM command; registers hold its addresses."""

    name: str
    bank: int = 0
    """Register of the bank."""
    row: int = 0
    """Register of the row, or of the column of a RD or WR."""
    more: bool = False
    """Whether the column (RD, WR) or row (ACT) register goes on by its stride, or all banks are
    precharged (PRE)."""

    def __str__(self) -> str:
        if self.name in (NOP, "REF"):
            return self.name
        if self.name == "PRE":
            return "PRE all" if self.more else f"PRE r{self.bank}"
        return f"{self.name} r{self.bank} r{self.row}{'++' * self.more}"


@dataclass(frozen=True, slots=True)
class Word:
    """An instruction."""

    name: str
    """DDR, LI, ADDI, LDWD, BL, SLEEP, INFO or END."""
    rt: int = 0
    """Register that is written; of LDWD, which 32 bits of the wide register."""
    rs1: int = 0
    rs2: int = 0
    value: int = 0
    """Immediate; target of a BL; cycles of a SLEEP; bursts that an INFO announces."""
    slots: tuple[Command, ...] = ()
    """The four commands of a DDR word."""

    def __str__(self) -> str:
        told = {
            "DDR": " | ".join(map(str, self.slots)),
            "LI": f"LI r{self.rt}, {self.value:#x}",
            "ADDI": f"ADDI r{self.rt}, r{self.rs1}, {self.value}",
            "LDWD": f"LDWD {self.rt}, r{self.rs1}",
            "BL": f"BL r{self.rs1}, r{self.rs2}, {self.value}",
            "END": "END",
        }
        return told.get(self.name, f"{self.name} {self.value}")


def _field(name: str, value: int, most: int, least: int = 0) -> int:
    if type(value) is not int or not least <= value <= most:
        raise InputError(f"`{name}` must be an integer from {least} to {most}, not {value!r}")
    return value


def _register(value: int) -> int:
    return _field("register", value, 15)


def _command(one: Command) -> int:
    if one.name not in _COMMANDS:
        raise InputError(f"DRAM command must be one of {', '.join(_COMMANDS)}, not {one.name!r}")
    word = _COMMANDS[one.name] << 12
    if one.name in (NOP, "REF"):
        return word
    word |= _register(one.bank) | int(one.more) << 11
    return word if one.name == "PRE" else word | _register(one.row) << 4


def _slots(word: Word) -> int:
    if len(word.slots) != SLOTS:
        raise InputError(f"`slots` must be {SLOTS} commands, not {len(word.slots)}")
    return sum(_command(one) << 16 * number for number, one in enumerate(word.slots))


_ENCODERS: Mapping[str, Callable[[Word], int]] = {
    "DDR": _slots,
    "LI": lambda w: 6 << 48 | (_field("value", w.value, (1 << 32) - 1) & 0xFFFF) << 4
    | (w.value >> 16) << 24 | _register(w.rt) << 20,
    "ADDI": lambda w: 1 << 48 | _register(w.rs1) | _field("value", w.value, 0xFFFF) << 4
    | _register(w.rt) << 20,
    "LDWD": lambda w: 7 << 48 | _register(w.rs1) | _register(w.rt) << 20,
    "BL": lambda w: 1 << 62 | _register(w.rs1) | _register(w.rs2) << 4
    | _field("target", w.value, 0x7FFFF) << 8,
    "SLEEP": lambda w: 1 << 62 | 3 << 48 | _field("cycles", w.value, _MOST_CYCLES, 3) - 2,
    "INFO": lambda w: 1 << 61 | _field("reads", w.value, 1023),
    "END": lambda w: 0,
}  # fmt: skip


def encoded(word: Word) -> int:
    """Return an instruction as 64 bits; InputError for a field that does not fit."""
    if word.name not in _ENCODERS:
        raise InputError(f"instruction must be one of {', '.join(_ENCODERS)}, not {word.name!r}")
    return _ENCODERS[word.name](word)


def decoded(bits: int) -> Word:
    """Return the instruction of 64 bits; InputError, naming them, for one that is not known here.

    An instruction that would not be encoded to the same bits is not known.
    """
    if bits >> 63:
        found = Word("DDR", slots=tuple(_slot(bits >> 16 * n & 0xFFFF, bits) for n in range(SLOTS)))
    else:
        rs1, rs2, rt = bits & 15, bits >> 4 & 15, bits >> 20 & 15
        low, function = bits >> 4 & 0xFFFF, bits >> 48 & 0x7FF
        kinds = {
            (0, 6): lambda: Word("LI", rt=rt, value=(bits >> 24 & 0xFFFF) << 16 | low),
            (0, 1): lambda: Word("ADDI", rt=rt, rs1=rs1, value=low),
            (0, 7): lambda: Word("LDWD", rt=rt, rs1=rs1),
            (8, 0): lambda: Word("BL", rs1=rs1, rs2=rs2, value=bits >> 8 & 0x7FFFF),
            (8, 3): lambda: Word("SLEEP", value=(bits & 0xFFFFFFFF) + 2),
            (4, 0): lambda: Word("INFO", value=bits & 1023),
            (0, 0): lambda: Word("END"),
        }
        make = kinds.get((bits >> 59, function))
        if make is None:
            raise _unknown(bits)
        found = make()
    if encoded(found) != bits:
        raise _unknown(bits)
    return found


def _slot(bits: int, word: int) -> Command:
    name = _NAMES.get(bits >> 12)
    if name is None:
        raise _unknown(word)
    if name in (NOP, "REF"):
        return Command(name)
    more = bool(bits >> 11 & 1)
    return Command(name, bits & 15, 0 if name == "PRE" else bits >> 4 & 15, more)


def _unknown(bits: int) -> InputError:
    return InputError(f"{bits:#018x} must be an instruction that pimsim writes")
