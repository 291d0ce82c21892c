"""What a run is checked by sees whatever goes wrong, in one image of many as well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bnn.backends import streamed
from bnn.backends.compiled import CompiledStage
from bnn.backends.streamed import StreamedStage
from bnn.lowering import lower as lowering
from bnn.lowering import thresholds
from bnn.lowering.thresholds import Thresholds
from bnn.reference.checker import SumChecker
from bnn.run import audit
from bnn.run.execute import run
from bnn.run.flow import Flow
from bnn.values.bitstrings import BitStrings
from bnn.values.encoding import ENCODINGS
from pimsim.errors import InputError

from .audited import SYSTEM, network, pixels

IMAGES, STRUCK = 40, 6
"""The struck image is none of those that are taken from end to end."""


def _exact(mapping: str = "auto") -> bool | None:
    return run(network(), pixels(IMAGES), ENCODINGS["unit"], SYSTEM, mapping).bit_exact


@pytest.mark.parametrize("mapping", ["output-stationary", "output-tree", "weight-stationary"])
def test_nothing_is_wrong_unless_something_is(mapping: str) -> None:
    assert STRUCK not in np.linspace(0, IMAGES - 1, audit.END_TO_END).astype(int)
    assert _exact(mapping) is True


def _flipped(values: BitStrings) -> BitStrings:
    if len(values) == IMAGES:
        values.data[STRUCK, 0, 0] ^= 1
    return values


@pytest.mark.parametrize("kind", [CompiledStage, StreamedStage])
def test_a_bit_of_one_image_is_seen(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = kind.run

    def bent(self: Any, *args: Any, **named: Any) -> Any:
        found = real(self, *args, **named)
        return _flipped(found) if isinstance(found, BitStrings) else found

    monkeypatch.setattr(kind, "run", bent)  # the same bit each time that it is computed
    mapping = "output-tree" if kind is StreamedStage else "output-stationary"
    assert _exact(mapping) is False


def _broken(tapes: list[Any], table: Sequence[Any], number: int) -> bool:
    """Break a record of a tape: its program takes a row that it was not to take."""
    tape, sizes = tapes[number], [len(one.program.symbols) for one in table] + [2, 2]
    at = 0
    while at < len(tape):
        code = int(tape[at])
        if code < len(table) and sizes[code] >= 3 and tape[at + 1] != tape[at + 2]:
            tape[at + 1] = tape[at + 2]
            return True
        at += 1 + sizes[code]
    return False


def test_a_wrong_command_of_what_is_executed_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the first program that a stage has made, and of no other."""
    real, made = streamed.CompiledTapes, []

    def bent(table: Any, cells: Any, tapes: list[Any], *others: Any) -> Any:
        made.append(len(tapes))
        if len(made) == 1:
            assert _broken(tapes, table, 0)
        return real(table, cells, tapes, *others)

    assert _exact("output-tree") is True
    monkeypatch.setattr(streamed, "CompiledTapes", bent)
    assert _exact("output-tree") is False
    assert made


def test_what_is_checked_is_what_is_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is executed, or compiled, a second time."""
    ran: Counter[str] = Counter()
    for kind in (CompiledStage, StreamedStage):

        def counted(self: Any, operands: Any, *, real: Any = kind.run, **named: Any) -> Any:
            ran[self._mapped.stage.name] += len(operands)
            assert named["checker"] is not None
            return real(self, operands, **named)

        monkeypatch.setattr(kind, "run", counted)
    assert _exact("output-tree") is True
    assert ran == dict.fromkeys("cde", IMAGES)


@pytest.mark.parametrize("which", ["bits", "digits"])
def test_a_row_that_is_read_wrongly_is_seen(which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bit that is given, or a digit that is looked at, of one column after the commands."""
    real, struck = streamed.run_tapes, []

    def bent(*args: Any, into: Any, **named: Any) -> Any:
        found = real(*args, into=into, **named)
        if not struck:
            struck.append(True)
            given = stages[0]._given
            row = given[4] if which == "bits" else np.setdiff1d(np.arange(len(into)), given)[0]
            column = 9 * STRUCK + 2
            into[row, column // 64] ^= np.uint64(1) << np.uint64(column % 64)
        return found

    stages: list[StreamedStage] = []
    made = StreamedStage.__init__

    def noted(self: StreamedStage, *args: Any, **named: Any) -> None:
        made(self, *args, **named)
        stages.append(self)

    monkeypatch.setattr(StreamedStage, "__init__", noted)
    monkeypatch.setattr(streamed, "run_tapes", bent)
    assert _exact("output-tree") is False


def test_sums_that_nobody_reads_in_rows_are_shown_a_few_images_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[slice] = []
    real = SumChecker.compare

    def noted(self: SumChecker, images: slice, *others: Any) -> None:
        if self.layer == "c":
            shown.append(images)
        real(self, images, *others)

    monkeypatch.setattr(SumChecker, "reads_rows", False)
    monkeypatch.setattr(SumChecker, "compare", noted)
    monkeypatch.setattr(streamed, "_SUM_BYTES", 1 << 40)
    x = np.concatenate([pixels(IMAGES), pixels(IMAGES)])
    done = run(network(), x, ENCODINGS["unit"], SYSTEM, "output-tree")
    assert done.bit_exact is True
    assert {(some.start, some.stop) for some in shown} == {(0, 64), (64, 2 * IMAGES)}


def test_a_sum_of_one_image_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = SumChecker.compare

    def bent(self: SumChecker, images: slice, offset: int, outputs: slice, sums: Any) -> None:
        if images.start <= STRUCK < images.stop and self.layer == "e":
            sums = sums.copy()
            sums[1, STRUCK - images.start, 0] += 2
        real(self, images, offset, outputs, sums)

    monkeypatch.setattr(SumChecker, "compare", bent)
    assert _exact("output-stationary") is False


def test_a_threshold_that_is_moved_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = thresholds.crossing

    def moved(*args: Any) -> Thresholds:
        found = real(*args)
        return Thresholds(found.at + 2 * (np.arange(found.at.size) == 3), found.falling)

    monkeypatch.setattr(lowering.thresholds, "crossing", moved)
    assert _exact() is False


def test_padding_that_is_another_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = lowering.lower

    def padded(*args: Any, **named: Any) -> Any:
        first, *others = real(*args, **named)
        return (replace(first, pad=1), *others)

    monkeypatch.setattr("bnn.mapping.selection.lower", padded)
    assert _exact("output-stationary") is False


def test_operands_that_are_not_the_values_before_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Flow.operands

    def bent(self: Flow, stage: Any) -> BitStrings:
        found = real(self, stage)
        if stage.name != "c":
            return found
        made = BitStrings.of(found.integers().copy(), found.planes)
        made.data[STRUCK, 3, 0] ^= 4
        return made

    monkeypatch.setattr(Flow, "operands", bent)
    assert _exact() is False


def test_images_that_do_not_fit_are_refused_wherever_they_are() -> None:
    x = pixels(IMAGES)
    x[STRUCK, 2, 2, 0] = np.nan
    with pytest.raises(InputError, match=r"^`x` must hold finite values, not NaN or infinity$"):
        run(network(), x, None, SYSTEM, "output-stationary")
