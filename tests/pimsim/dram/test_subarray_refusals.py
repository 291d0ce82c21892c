"""What a subarray refuses, each message in full; a refused command is not counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from pimsim.bits import pack, unpack
from pimsim.dram.array.address_map import ambit
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.commands import CommandCounts
from pimsim.errors import DramError, InputError

D = ambit().first_data
B = {f"B{i}": i for i in range(16)}
UNWRITTEN = "was never written and cannot be activated"


@contextmanager
def _refuses(message: str, kind: type[Exception] = DramError) -> Iterator[None]:
    with pytest.raises(kind) as caught:
        yield
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (lambda s: s.aap(D + 3, B["B0"]), f"D3 {UNWRITTEN}"),
        (lambda s: s.ap(D + 3), f"D3 {UNWRITTEN}"),
        (lambda s: s.activate(D + 1005), f"D1005 {UNWRITTEN}"),
        (lambda s: s.read(4), f"D4 {UNWRITTEN}"),
        (lambda s: s.read_bits(4), f"D4 {UNWRITTEN}"),
        (lambda s: s.peek(4), f"D4 {UNWRITTEN}"),
        (lambda s: s.aap(B["B1"], D), f"T1 {UNWRITTEN}"),
        (lambda s: s.aap(B["B4"], D), f"DCC0 {UNWRITTEN}"),
        (lambda s: s.aap(B["B7"], D), f"DCC1 {UNWRITTEN}"),
        (lambda s: s.ap(B["B8"]), f"DCC0 {UNWRITTEN}"),
        (lambda s: s.ap(B["B10"]), f"T2 {UNWRITTEN}"),
        (lambda s: s.aap(B["B12"], D), f"T0 {UNWRITTEN}"),
        (lambda s: s.ap(1024), "row address must be 0 to 1023 (D1005), not 1024"),
        (lambda s: s.aap(D, 1024), "row address must be 0 to 1023 (D1005), not 1024"),
        (lambda s: s.activate(-1), "row address must be 0 to 1023 (D1005), not -1"),
        (lambda s: s.read(1006), "data row must be 0 to 1005, not 1006"),
        (lambda s: s.read(-1), "data row must be 0 to 1005, not -1"),
        (
            lambda s: s.write_bits(1006, np.zeros((1, 4), np.uint8)),
            "data row must be 0 to 1005, not 1006",
        ),
        (lambda s: s.data_address(-3), "data row must be 0 to 1005, not -3"),
        (lambda s: s.aap(D, 16), "C0 holds a constant and must not be overwritten"),
        (lambda s: s.aap(16, 17), "C1 holds a constant and must not be overwritten"),
        (lambda s: s.aap(D, np.array([17])), "C1 holds a constant and must not be overwritten"),
        (
            lambda s: s.ap(np.array([B["B15"]])),
            "lanes may differ in C- and D-group rows only, 16 to 1023, not addresses 15 to 15",
        ),
        (
            lambda s: s.aap(D, np.array([1024])),
            "lanes may differ in C- and D-group rows only, 16 to 1023, not addresses 1024 to 1024",
        ),
        (lambda s: s.ap(np.array([D + 7])), f"D7 {UNWRITTEN}"),
        (
            lambda s: s.aap(B["B4"], B["B8"]),
            "B4 and B8 must not be open together: they connect DCC0 to the bitline and to its "
            "complement",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_and_not_counted(
    do: Callable[[Subarray], object], message: str
) -> None:
    subarray = Subarray(columns=4)
    subarray.write_bits(0, np.array([[0, 1, 0, 1]]))
    subarray.clear_counts()
    with _refuses(message):
        do(subarray)
    assert subarray.counts() == [CommandCounts()]
    subarray.ap(D)  # precharged still


def test_a_subarray_has_a_column_a_lane_and_a_data_row() -> None:
    sizes = [(0, 1, 1024), (1, 0, 1024), (1, 1, 18), (-1, 1, 1024)]
    for columns, lanes, rows in sizes:
        message = (
            "a subarray must have at least 1 column, 1 lane and 19 rows, one more than addresses "
            f"and constants of the address map 'ambit', not {columns}, {lanes} and {rows}"
        )
        with _refuses(message, InputError):
            Subarray(columns, lanes=lanes, rows=rows)
    assert Subarray(1, rows=19).data_rows == 1


def test_bits_that_do_not_fit_are_refused() -> None:
    subarray = Subarray(columns=3, lanes=2)
    for bits in (np.zeros((2, 2), int), np.zeros((3, 3), int), np.zeros(4, int), np.zeros((), int)):
        with _refuses(f"bits must have the shape (2, 3), not {bits.shape}", InputError):
            subarray.write_bits(0, bits)
    with _refuses("bits must be 0 or 1, not -1 to 1", InputError):
        subarray.write_bits(0, np.array([[1, -1, 1]]))
    with _refuses("bits must be 0 or 1, not 0 to 2", InputError):
        subarray.write_bits(0, np.array([[0, 1, 2]]))
    assert subarray.counts() == [CommandCounts()] * 2


def test_bits_for_all_lanes_may_be_given_once() -> None:
    subarray = Subarray(columns=3, lanes=2)
    subarray.write_bits(0, np.array([[1, 0, 1]]))
    assert subarray.read_bits(0).tolist() == [[1, 0, 1], [1, 0, 1]]


@pytest.mark.parametrize(
    "do",
    [
        lambda s: s.read(0),
        lambda s: s.write_bits(0, np.zeros((1, 2), np.uint8)),
        lambda s: s.aap(D, D + 1),
        lambda s: s.ap(D),
        lambda s: s.run([], []),
    ],
)
def test_an_open_row_is_precharged_before_anything_else(do: Callable[[Subarray], object]) -> None:
    subarray = Subarray(columns=2)
    subarray.write_bits(0, np.array([[0, 1]]))
    subarray.activate(D)
    with _refuses("a row is open: PRECHARGE comes before the next row command"):
        do(subarray)
    subarray.precharge()
    do(subarray)


def test_two_cells_that_differ_cannot_be_sensed_together() -> None:
    subarray = Subarray(columns=70)
    different = np.zeros((1, 70), dtype=np.uint8)
    different[0, 69] = 1
    subarray.write_bits(0, different)
    subarray.aap(16, B["B2"])
    subarray.aap(D, B["B3"])
    subarray.clear_counts()
    with _refuses(
        "two cells that differ cannot be sensed together: charge sharing leaves the bitline at "
        "its precharge level"
    ):
        subarray.aap(B["B10"], D + 1)
    assert subarray.counts() == [CommandCounts()]
    subarray.aap(B["B2"], B["B3"])
    subarray.aap(B["B10"], D + 1)
    assert not subarray.read_bits(1).any()


def test_a_cell_must_not_stand_open_to_both_bitlines() -> None:
    subarray = Subarray(columns=2)
    subarray.write_bits(0, np.array([[0, 1]]))
    subarray.activate(D)
    subarray.activate(B["B8"])
    with _refuses(
        "B8 and B4 must not be open together: they connect DCC0 to the bitline and to its "
        "complement"
    ):
        subarray.activate(B["B4"])
    subarray.activate(B["B5"])  # the same wordline once more does no harm
    subarray.precharge()
    subarray.activate(B["B4"])


def test_lanes_must_not_change_while_a_row_is_open() -> None:
    subarray = Subarray(columns=2, lanes=3)
    subarray.write_bits(0, np.array([[0, 1]]))
    subarray.activate(D, np.array([0, 2]))
    for lanes in (None, np.array([0]), np.array([0, 1])):
        with _refuses("lanes must not change while a row is open"):
            subarray.activate(D + 1, lanes)
    subarray.activate(D + 1, np.array([0, 2]))
    subarray.precharge()
    for lane, counts in enumerate(subarray.counts()):
        own = int(lane != 1)
        assert counts == CommandCounts(act=1 + 2 * own, wr=1, pre=1 + own)
    with _refuses(f"D1 {UNWRITTEN}"):
        subarray.read(1)
    assert unpack(subarray.read(1, None, np.array([2])), 2).tolist() == [[0, 1]]


def test_a_row_written_in_some_lanes_is_unwritten_in_the_others() -> None:
    subarray = Subarray(columns=2, lanes=2)
    subarray.write(0, pack(np.array([[1, 1]])), None, np.array([1]))
    subarray.aap(D, B["B0"], np.array([1]))
    with _refuses(f"D0 {UNWRITTEN}"):
        subarray.ap(D)
    with _refuses(f"D0 {UNWRITTEN}"):
        subarray.ap(np.array([16, D])[::-1])
    with _refuses(f"T0 {UNWRITTEN}"):
        subarray.aap(B["B0"], D + 1)
    subarray.aap(B["B0"], D + 1, np.array([1]))
    subarray.aap(17, D + 1, np.array([0]))
    assert subarray.read_bits(1).tolist() == [[1, 1], [1, 1]]


def test_column_accesses_are_counted_in_bursts() -> None:
    subarray = Subarray(columns=1025, lanes=2)
    bits = np.ones((1, 1025), dtype=np.uint8)
    subarray.write_bits(0, bits)
    subarray.write(0, pack(bits), columns=512)
    subarray.read(0, columns=513, lanes=np.array([1]))
    subarray.peek(0)
    assert subarray.counts() == [
        CommandCounts(act=2, pre=2, wr=4),
        CommandCounts(act=3, pre=3, wr=4, rd=2),
    ]
