"""Programs of DRAM Bender: words against its definitions, and steps that come out again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pimsim.dram.standard.standard import load
from pimsim.errors import InputError
from pimsim.offtheshelf.bender_program import (
    SLOT_PS,
    assembled,
    commands,
    pattern,
    read_words,
    save,
)
from pimsim.offtheshelf.bender_words import Command, Word, decoded, encoded
from pimsim.offtheshelf.primitives import PRIMITIVES
from pimsim.offtheshelf.program import Activate

DDR4 = load("ddr4-2400")
NOPS = (Command("NOP"),) * 3

GOLDEN = [
    # By hand from encoding.vh and instruction.cpp of CMU-SAFARI/DRAM-Bender: function code from bit
    # 48, rs1 from 0, rs2 and the low half of an immediate from 4, rt from 20, its high half from
    # 24, branch target from 8; bit 63 DDR, 62 branch, 61 info. SMC_SLEEP stores two cycles less.
    (Word("END"), 0x0000000000000000),
    (Word("LI", rt=3, value=0x12345678), 0x0006001234356780),
    (Word("LI", rt=15, value=1), 0x0006000000F00010),
    (Word("ADDI", rt=8, rs1=8, value=1), 0x0001000000800018),
    (Word("LDWD", rt=5, rs1=7), 0x0007000000500007),
    (Word("BL", rs1=8, rs2=9, value=0x123), 0x4000000000012398),
    (Word("SLEEP", value=6), 0x4003000000000004),
    (Word("INFO", value=1), 0x2000000000000001),
    # DDR: command code from bit 12 (WR 8, RD 9, PRE 10, ACT 11, REF 13, NOP 15), column or row
    # register from 4, bank register from 0; bit 11 goes on with the column, or precharges all.
    (Word("DDR", slots=(Command("NOP"), *NOPS)), 0xF000F000F000F000),
    (Word("DDR", slots=(Command("ACT", 7, 10), *NOPS)), 0xF000F000F000B0A7),
    (Word("DDR", slots=(Command("NOP"), Command("PRE", 7), *NOPS[:2])), 0xF000F000A007F000),
    (Word("DDR", slots=(Command("WR", 3, 6, True), *NOPS)), 0xF000F000F0008863),
    (Word("DDR", slots=(*NOPS, Command("RD", 3, 6, True))), 0x9863F000F000F000),
    (Word("DDR", slots=(Command("PRE", 0, 0, True), Command("REF"), *NOPS[:2])),
     0xF000F000D000A800),
]  # fmt: skip


@pytest.mark.parametrize(("word", "bits"), GOLDEN, ids=str)
def test_words_are_those_of_the_definitions(word: Word, bits: int) -> None:
    assert encoded(word) == bits
    assert decoded(bits) == word


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_program_sends_its_steps_with_their_delays(name: str) -> None:
    program = PRIMITIVES[name].program()
    issued = list(commands(assembled(program, DDR4, bank=5, first_row=2048)))
    assert {one.bank for one in issued} == {5}
    bursts = 8192 // 64
    acts = [one for one in issued if one.name == "ACT"]
    others = [one for one in issued if one.name == "WR"]
    assert len(others) == bursts * (len(program.inputs) + len(program.constants))
    assert [one.row for one in others[:3]] == [0, 8, 16]
    assert others[0].data == (pattern(0),) * 16
    assert sum(one.name == "RD" for one in issued) == bursts * len(program.outputs)
    at = len(program.inputs) + len(program.constants)
    number = {id(one): place for place, one in enumerate(issued)}
    for step in program.steps:
        first = acts[at]
        behind = issued[number[id(first)] :]
        rows = [step.first, step.second] if isinstance(step, Activate) else [step.row]
        assert [one.row for one in acts[at : at + len(rows)]] == [
            2048 + row.subarray * 1024 + row.row for row in rows
        ]
        assert behind[1].name == "PRE"
        t1_ps = (behind[1].at_slot - first.at_slot) * SLOT_PS
        last = behind[1]
        if isinstance(step, Activate):
            assert t1_ps == step.delays.t1_ns * 1000
            assert behind[2].name == "ACT"
            t2_ps = (behind[2].at_slot - behind[1].at_slot) * SLOT_PS
            assert t2_ps == step.delays.t2_ns * 1000
            last = behind[3]
            assert last.name == "PRE"
            assert (last.at_slot - behind[2].at_slot) * SLOT_PS >= DDR4.timing.t_ras_ps
        else:
            assert t1_ps == 1_500
        at += len(rows)
        if at < len(acts):
            assert (acts[at].at_slot - last.at_slot) * SLOT_PS >= DDR4.timing.t_rp_ps


def test_column_accesses_keep_what_the_part_needs() -> None:
    issued = list(commands(assembled(PRIMITIVES["not"].program(1), DDR4)))
    timing = DDR4.timing
    last: dict[str, int] = {}
    for one in issued:
        now = one.at_slot * SLOT_PS
        if one.name in ("RD", "WR"):
            assert now - last["ACT"] >= timing.t_rcd_ps
            assert now - last.get(one.name, -(10**9)) >= timing.t_ccd_l_clocks * timing.t_ck_ps
        if one.name == "PRE" and last.get("WR", -1) > last["ACT"]:
            done = timing.cwl_clocks * timing.t_ck_ps + DDR4.burst_ps + timing.t_wr_ps
            assert now - last["WR"] >= done
        last[one.name] = now
    assert [one.name for one in issued].count("RD") == 128


@pytest.mark.parametrize("suffix", [".hex", ".bin"])
@pytest.mark.parametrize("name", ["maj9", "nand"])
def test_a_file_is_read_back(tmp_path: Path, name: str, suffix: str) -> None:
    words = assembled(PRIMITIVES[name].program(), DDR4)
    path = tmp_path / f"program{suffix}"
    save(words, path)
    assert read_words(path) == words
    if suffix == ".bin":
        raw = np.fromfile(path, "<u8")
        assert raw.tolist() == [encoded(word) for word in words]


def test_five_operands_have_every_combination_and_no_two_the_same_pattern() -> None:
    columns = {tuple(pattern(n) >> at & 1 for n in range(5)) for at in range(32)}
    assert len(columns) == 32
    assert len({pattern(n) for n in range(16)}) == 16


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zz", "mine.hex, line 1 must be 16 hexadecimal digits, not 'zz'"),
        ("# nothing\n0009000000000000",
         "mine.hex, line 2: 0x0009000000000000 must be an instruction that pimsim writes"),
        ("f000f000f000c000", "0xf000f000f000c000 must be an instruction"),
        ("0001000100800018", "0x0001000100800018 must be an instruction"),
    ],
)  # fmt: skip
def test_what_is_no_program_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.hex"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as refused:
        read_words(path)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (Word("LI", rt=16), "`register` must be an integer from 0 to 15, not 16"),
        (Word("LI", value=1 << 32), "`value` must be an integer from 0 to 4294967295"),
        (Word("SLEEP", value=2), "`cycles` must be an integer from 3 to"),
        (Word("DDR", slots=NOPS), "`slots` must be 4 commands, not 3"),
        (Word("JUMP"), "instruction must be one of DDR, LI"),
        (Word("DDR", slots=(Command("ZQ"), *NOPS)), "DRAM command must be one of WR, RD, PRE"),
    ],
)
def test_what_does_not_fit_is_refused(word: Word, message: str) -> None:
    with pytest.raises(InputError) as refused:
        encoded(word)
    assert str(refused.value).startswith(message)


def test_programs_that_do_not_fit_are_refused() -> None:
    program = PRIMITIVES["copy"].program(2)
    with pytest.raises(InputError, match="`first_row` must be the first row of a subarray"):
        assembled(program, DDR4, first_row=5)
    with pytest.raises(InputError, match="`bank` must be 0 to 15 for ddr4-2400"):
        assembled(program, DDR4, bank=16)
    with pytest.raises(InputError, match="a program must end with END, not run into word 1"):
        list(commands([Word("LI")]))
    with pytest.raises(InputError, match="a program must end within 10 words"):
        list(commands([Word("LI", rt=2, value=1), Word("BL", rs1=1, rs2=2, value=0)], most=10))
