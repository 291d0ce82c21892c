"""Failure tables of measurements: what each number becomes, and files that are refused."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.circuit.failure_tables.chips import Wanted, read, table
from pimsim.circuit.failure_tables.chips.summary import ActivationDelays
from pimsim.circuit.failure_tables.table import FailureTable, Rate
from pimsim.errors import InputError

SIMRA = """\
op,rows_activated,data_pattern,t1_ns,t2_ns,metric,mean,min,p25
MAJ3,4,random,1.5,3.0,pct_bitlines_always_correct,68,10,45
MAJ3,8,random,1.5,3,pct_bitlines_always_correct,85.5,24,79.57
MAJ3,8,all0/1,1.5,3.0,pct_bitlines_always_correct,90,34,87
MAJ3,8,random,1.5,4.5,pct_bitlines_always_correct,11,0,0.5
MAJ5,8,random,1.5,3.0,pct_bitlines_always_correct,22,0.14,10
multi-row-copy,2,random,36,3,pct_cells_correct,99.9,93,100
multi-row-copy,4,random,36,3,pct_cells_correct,99.5,90,100
multi-row-copy,16,random,36,3,pct_cells_correct,99,90,100
"""
COPIES = """\
op,rows_activated,data_pattern,t1_ns,t2_ns,mean,ci95_low
multi-row-copy,2,all0,54,3.0,99.9,99.8
multi-row-copy,2,all1,54,3.0,98.8,98.7
"""
NOTS = """\
op,first_subarray_distance,second_subarray_distance,mean_success_pct
NOT,close,far,45
NOT,far,close,85
AND,close,far,99
"""
REPORTED = """\
source,quantity,value,unit,note,confidence
SiMRA,MAJ3_32rows_mean,99.0,%,"best timing, all",reported
FCDRAM,NOT_1_dest_mean,98.37,%,,reported
FCDRAM,NOT_32_dest_mean,7.95,%,,reported
"""
EVERY = Wanted(rows=(8,))


def _table(tmp_path: Path, wanted: Wanted, *texts: str) -> FailureTable:
    summaries = []
    for number, text in enumerate(texts):
        path = tmp_path / f"f{number}.csv"
        path.write_text(text, "utf-8")
        summaries.append(read(path))
    return table(summaries, wanted)


def _static(made: FailureTable) -> dict[tuple[int, int, int], Rate]:
    return {(e.rows, e.ones, e.halves): e.rate for e in made.entries if e.kind == "sense"}


def test_bitlines_that_are_not_always_right_are_static_faults(tmp_path: Path) -> None:
    made = _table(tmp_path, Wanted(), SIMRA)
    never = Rate(0.0, 0.0)
    assert _static(made) == {
        (1, 0, 0): never, (1, 1, 0): never,
        (4, 0, 1): never, (4, 1, 1): Rate(0.16, 0.0), (4, 2, 1): Rate(0.16, 0.0),
        (4, 3, 1): never,
        (8, 0, 2): never, (8, 2, 2): Rate(0.0725, 0.0), (8, 4, 2): Rate(0.0725, 0.0),
        (8, 6, 2): never,
    }  # fmt: skip
    assert made.kinds == {"sense"}
    source = made.entry(8, 4).source  # type: ignore[union-attr]
    assert source == (
        "a half of the bitlines that fail: f0.csv, line 3: MAJ3, 8 rows, data random, "
        "t1 1.5 ns, t2 3 ns, mean 85.5 %"
    )
    assert made.provenance["files"] == ["f0.csv"]
    assert FailureTable.from_json(made.to_json()) == made


@pytest.mark.parametrize(
    ("wanted", "share"),
    [
        (replace(EVERY, pattern="all0/1"), 0.05),
        (replace(EVERY, statistic="min"), 0.38),
        (replace(EVERY, statistic="p25"), 0.10215),
        (replace(EVERY, majority=ActivationDelays(1.5, 4.5)), 0.445),
        (replace(EVERY, split="sixth"), 0.145 / 6),
    ],
)
def test_what_is_wanted_is_taken(tmp_path: Path, wanted: Wanted, share: float) -> None:
    made = _table(tmp_path, wanted, SIMRA)
    assert made.rate("sense", 8, 2) == made.rate("sense", 8, 4) == Rate(pytest.approx(share), 0.0)


def test_copies_fail_in_the_access_and_unmeasured_ones_as_the_next_larger(tmp_path: Path) -> None:
    made = _table(tmp_path, replace(EVERY, copies=ActivationDelays(36, 3)), SIMRA)
    assert made.kinds == {"sense", "copy"}
    rates = [made.rate("copy", rows, rows).access for rows in range(1, 16)]
    assert rates == pytest.approx([0.001] + [0.005] * 2 + [0.01] * 12)
    assert rates == [made.rate("copy", rows, 0).access for rows in range(1, 16)]
    assert {made.rate("copy", rows, 0).static for rows in range(1, 16)} == {0.0}
    with pytest.raises(InputError, match="no entry of 16 rows and 0 ones of the kind copy"):
        made.rate("copy", 16, 0)


def test_copies_of_zeros_and_ones_are_told_apart_with_their_interval(tmp_path: Path) -> None:
    wanted = replace(EVERY, copies=ActivationDelays(54, 3), pattern="all0/1")
    made = _table(tmp_path, wanted, SIMRA, COPIES)
    zero, one = made.entry(1, 0, "copy"), made.entry(1, 1, "copy")
    assert (zero.rate, one.rate) == (Rate(0.0, 0.001), Rate(0.0, pytest.approx(0.012)))
    assert (zero.low, zero.high) == pytest.approx((0.0, 0.002))
    assert (one.low, one.high) == pytest.approx((0.011, 0.013))


def test_not_fails_in_the_access(tmp_path: Path) -> None:
    for wanted, text, rate in (
        (Wanted(), NOTS, 0.35),
        (Wanted(distance=("far", "close")), NOTS, 0.15),
        (Wanted(), REPORTED, 0.0163),
    ):
        made = _table(tmp_path, wanted, text)
        assert made.kinds == {"sense", "not"}
        for rows in (1, 2, 3):
            for ones in (0, rows):
                assert made.rate("not", rows, ones) == Rate(0.0, pytest.approx(rate))


@given(st.decimals(0, 100, places=2))
def test_every_percentage_becomes_a_probability(percent: object) -> None:
    from pimsim.circuit.failure_tables.chips.summary import SummaryRow

    failing = SummaryRow("f, line 2", {"mean": str(percent)}).failing("mean")
    assert 0.0 <= failing <= 1.0
    assert 100 - 100 * failing == pytest.approx(float(str(percent)), abs=1e-9)


@pytest.mark.parametrize(
    ("wanted", "texts", "message"),
    [
        (EVERY, [], "`files` must be at least one file of measurements, not none"),
        (EVERY, [""], "f0.csv must begin with a line of column names, but is empty"),
        (EVERY, ["op,op\n"], "f0.csv must have every column once, not 'op' twice"),
        (EVERY, ["a,b\n1\n"], "f0.csv, line 2 must have 2 values, not 1"),
        (EVERY, ['a,b\n1,"2\n'], "f0.csv is not a CSV file: unexpected end of data"),
        (EVERY, ["a,b\n1,2\n"],
         "f0.csv must have the columns op, rows_activated, data_pattern, t1_ns, t2_ns, mean; or "
         "op, first_subarray_distance, second_subarray_distance, mean_success_pct; or source, "
         "quantity, value, unit"),
        (EVERY, [SIMRA.replace("MAJ5", "XOR")],
         "f0.csv, line 6: `op` must be one of MAJ3, MAJ5, MAJ7, MAJ9, many-row-activation, "
         "multi-row-copy, not 'XOR'"),
        (EVERY, [SIMRA.replace(",85.5,", ",185.5,")],
         "f0.csv, line 3: `mean` must be a percentage from 0 to 100, not '185.5'"),
        (EVERY, [SIMRA.replace(",85.5,", ",-1,")],
         "f0.csv, line 3: `mean` must be a percentage from 0 to 100, not '-1'"),
        (EVERY, [SIMRA.replace(",85.5,", ",nan,")],
         "f0.csv, line 3: `mean` must be a number, not 'nan'"),
        (EVERY, [SIMRA.replace(",85.5,", ",,")], "f0.csv, line 3: `mean` must be a number, not ''"),
        (EVERY, [SIMRA.replace("MAJ3,4,", "MAJ3,2,")],
         "f0.csv, line 2: `rows_activated` must be 3 to 512 for MAJ3, not 2"),
        (EVERY, [SIMRA.replace("MAJ3,4,", "MAJ3,4.5,")],
         "f0.csv, line 2: `rows_activated` must be a positive integer, not '4.5'"),
        (EVERY, [SIMRA.replace("bitlines_always", "cells")],
         "f0.csv, line 2: `metric` must be pct_bitlines_always_correct for MAJ3, not "
         "'pct_cells_correct'"),
        (EVERY, [SIMRA + "MAJ3,8,random,1.5,3,pct_bitlines_always_correct,86,1,1\n"],
         "f0.csv, line 10 contradicts f0.csv, line 3: MAJ3, 8 rows, data random, t1 1.5 ns, "
         "t2 3 ns, mean 85.5 %: 85.5 % there, 86 % here"),
        (replace(EVERY, rows=(32,)), [SIMRA],
         "`rows` must be of 4, 8, on which MAJ3 was measured, not 32"),
        (replace(EVERY, statistic="p99"), [SIMRA], "f0.csv must have the column `p99`"),
        (replace(EVERY, majority=ActivationDelays(9, 9)), [SIMRA],
         "no MAJ3 was measured with the data random at t1 9 ns, t2 9 ns (there is: all0/1 at "
         "t1 1.5 ns, t2 3 ns; random at t1 1.5 ns, t2 3 ns; random at t1 1.5 ns, t2 4.5 ns)"),
        (replace(EVERY, copies=ActivationDelays(1, 1)), [SIMRA],
         "no multi-row-copy was measured with the data random at t1 1 ns, t2 1 ns (there is: "
         "random at t1 36 ns, t2 3 ns)"),
        (Wanted(), [COPIES],
         "no MAJ3 was measured with the data random at t1 1.5 ns, t2 3 ns; there is no MAJ3 in "
         "the files at all"),
        (replace(EVERY, copies=ActivationDelays(54, 3), pattern="all0/1"),
         [SIMRA, COPIES.replace("99.8\n", "99.95\n")],
         "f1.csv, line 2: `ci95_low` must be at most the mean, 99.9, not 99.95"),
        (EVERY, [NOTS],
         "`rows` needs a file of majorities, with the columns op, rows_activated, data_pattern, "
         "t1_ns, t2_ns, mean"),
        (Wanted(copies=ActivationDelays(36, 3)), [NOTS],
         "`copies` needs a file of copies, with the columns op, rows_activated, data_pattern, "
         "t1_ns, t2_ns, mean"),
        (Wanted(distance=("far", "far")), [SIMRA],
         "`distance` needs a file of NOT, with the columns op, first_subarray_distance, "
         "second_subarray_distance, mean_success_pct"),
        (Wanted(distance=("far", "far")), [NOTS], "the files have no NOT of the distance far,far"),
        (Wanted(), [NOTS, REPORTED],
         "NOT must have one success rate, not that of f0.csv: NOT, mean of 2 distances and others"),
        (Wanted(), [NOTS.replace("AND", "XOR")],
         "f0.csv, line 4: `op` must be one of NOT, AND, OR, NAND, NOR, not 'XOR'"),
        (Wanted(), [NOTS.replace("NOT,close", "NOT,near")],
         "f0.csv, line 2: `first_subarray_distance` must be one of close, middle, far, not 'near'"),
        (Wanted(), [REPORTED.replace("98.37", "983.7")],
         "f0.csv, line 3: `value` must be a percentage from 0 to 100, not '983.7'"),
        (Wanted(), [REPORTED.replace("_1_", "_2_")], "the files have no NOT"),
    ],
)  # fmt: skip
def test_what_was_not_measured_or_cannot_be_is_refused(
    tmp_path: Path, wanted: Wanted, texts: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        _table(tmp_path, wanted, *texts)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    with pytest.raises(InputError, match=r"f\.csv' cannot be read: No such file or directory$"):
        read(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"^f\.csv is not a CSV file: not UTF-8$"):
        read(path)
    path.write_bytes(b"a\n" * (5 << 20))
    with pytest.raises(InputError, match=r"^f\.csv must be at most 8 MiB, which it exceeds$"):
        read(path)


@pytest.mark.chips
def test_the_published_summaries_become_tables() -> None:
    folder = Path(os.environ["PIMSIM_DATA"]) / "real-chips"
    simra = read(folder / "simra_success_boxstats.csv")
    made = table([simra], Wanted())
    shares = [made.rate("sense", rows, 2 * (rows // 3)).static for rows in (4, 8, 16, 32)]
    assert shares == pytest.approx([0.16035, 0.0717, 0.0646, 0.00515])
    copies = read(folder / "simra_multirowcopy_datapattern.csv")
    reported = read(folder / "paper_reported.csv")
    wanted = Wanted(rows=(32,), pattern="all0/1", copies=ActivationDelays(54, 3))
    made = table([simra, copies, reported], wanted)
    assert made.kinds == {"sense", "copy", "not"}
    assert made.rate("sense", 32, 10).static == pytest.approx(0.0016)
    assert made.rate("copy", 3, 3).access == pytest.approx(0.0013)
    assert made.rate("copy", 2, 0).access == pytest.approx(0.00127)
    assert made.rate("not", 1, 1).access == pytest.approx(0.0163)
    distances = read(folder / "fcdram_success_by_distance.csv")
    made = table([simra, distances], Wanted(distance=("middle", "far")))
    assert made.rate("not", 1, 0).access == pytest.approx(0.1498)
