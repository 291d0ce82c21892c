"""A run that is checked on some images sees whatever goes wrong on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bnn.backends.compiled import CompiledStage
from bnn.backends.streamed import StreamedStage
from bnn.lowering import lower as lowering
from bnn.lowering import thresholds
from bnn.lowering.thresholds import Thresholds
from bnn.reference.checker import SumChecker
from bnn.run.audit import END_TO_END, spread
from bnn.run.execute import Execution, NetworkRun, run
from bnn.values.bitstrings import BitStrings, Pictures
from bnn.values.encoding import ENCODINGS
from pimsim.dram.array import subarray

from .audited import SYSTEM, network, pixels

IMAGES, SAMPLED = 61, 21
SAMPLE = spread(IMAGES, SAMPLED).tolist()
ENDS = spread(IMAGES, SAMPLED)[spread(SAMPLED, END_TO_END)].tolist()
INSIDE = next(image for image in SAMPLE if image not in ENDS)
"""An image that is checked, though not from end to end."""
OUTSIDE = next(image for image in range(IMAGES) if image not in SAMPLE)


def _ran(
    mapping: str, *, check: bool | int = SAMPLED, compiled: bool = True, images: int = IMAGES
) -> NetworkRun:
    how = Execution(check=check, compiled=compiled)
    return run(
        network(), pixels(IMAGES)[:images], ENCODINGS["unit"], SYSTEM, mapping, execution=how
    )


MAPPINGS = ("output-stationary", "output-tree", "weight-stationary", "no-local-reuse")


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("mapping", MAPPINGS)
def test_the_same_share_of_sums_is_compared(mapping: str, compiled: bool) -> None:
    if compiled:
        whole, some, parts = _ran(mapping, check=True), _ran(mapping), (IMAGES, SAMPLED)
    else:  # command by command takes long
        whole = _ran(mapping, check=True, compiled=False, images=5)
        some, parts = _ran(mapping, check=2, compiled=False, images=5), (5, 2)
    assert (whole.checked, some.checked) == parts
    assert whole.bit_exact is some.bit_exact is True
    assert (whole.logits == some.logits).all()
    for one, other in zip(whole.layers, some.layers, strict=True):
        if one.checker is not None:
            assert other.checker is not None
            assert other.checker.compared * parts[0] == one.checker.compared * parts[1] > 0


@pytest.mark.parametrize(("asked", "checked"), [(1, 1), (IMAGES - 1, IMAGES - 1),
                                                (IMAGES, IMAGES), (10_000, IMAGES)])  # fmt: skip
def test_no_more_images_are_checked_than_there_are(asked: int, checked: int) -> None:
    done = _ran("auto", check=asked)
    assert (done.checked, done.bit_exact) == (checked, True)


def test_nothing_is_checked_where_that_is_not_asked_for() -> None:
    done = _ran("auto", check=False)
    assert (done.checked, done.bit_exact) == (0, None)


Break = Callable[[pytest.MonkeyPatch, int], None]


def _bits(kind: Any) -> Break:
    """Flip a bit of an image, each time that it is computed."""

    def bend(monkeypatch: pytest.MonkeyPatch, image: int) -> None:
        real = kind.run

        def bent(self: Any, *args: Any, **named: Any) -> Any:
            found = real(self, *args, **named)
            if isinstance(found, BitStrings):
                whole = len(found) == IMAGES
                if whole or image in SAMPLE:
                    found.data[image if whole else SAMPLE.index(image), 0, 0] ^= 1
            return found

        monkeypatch.setattr(kind, "run", bent)

    return bend


def _sum(monkeypatch: pytest.MonkeyPatch, image: int) -> None:
    """Have a sum of an image read wrongly where it is looked at."""
    real = SumChecker.compare

    def bent(self: SumChecker, images: slice, offset: int, outputs: slice, sums: Any) -> None:
        place = SAMPLE.index(image) if image in SAMPLE else -1
        if images.start <= place < images.stop and self.layer == "e":
            sums = sums.copy()
            sums[1, place - images.start, 0] += 2
        real(self, images, offset, outputs, sums)

    monkeypatch.setattr(SumChecker, "compare", bent)


def _pictures(monkeypatch: pytest.MonkeyPatch, image: int) -> None:
    """Encode a pixel of an image wrongly, each time that it is encoded."""
    real = Pictures.chosen

    def bent(self: Pictures, images: Any) -> BitStrings:
        found = real(self, images)
        if not isinstance(images, slice) and image in images:
            found.data[images.tolist().index(image), 3, 0] ^= 4
        return found

    monkeypatch.setattr(Pictures, "chosen", bent)


BREAKS: dict[str, tuple[Break, str]] = {
    "a bit": (_bits(CompiledStage), "output-stationary"),
    "a bit of shared adders": (_bits(StreamedStage), "output-tree"),
    "a sum": (_sum, "output-stationary"),
    "a pixel": (_pictures, "output-stationary"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_wrong_in_one_image_is_seen_if_it_is_checked(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bend, mapping = BREAKS[name]
    bend(monkeypatch, INSIDE)
    assert _ran(mapping).bit_exact is False


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_wrong_in_one_image_is_not_seen_if_it_is_not_checked(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bend, mapping = BREAKS[name]
    bend(monkeypatch, OUTSIDE)
    assert _ran(mapping).bit_exact is True


def _threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    real = thresholds.crossing

    def moved(*args: Any) -> Thresholds:
        found = real(*args)
        return Thresholds(found.at + 2 * (np.arange(found.at.size) == 3), found.falling)

    monkeypatch.setattr(lowering.thresholds, "crossing", moved)


def _pad(monkeypatch: pytest.MonkeyPatch) -> None:
    real = lowering.lower

    def padded(*args: Any, **named: Any) -> Any:
        first, *others = real(*args, **named)
        return (replace(first, pad=1), *others)

    monkeypatch.setattr("bnn.mapping.selection.lower", padded)


@pytest.mark.parametrize("bend", [_threshold, _pad])
def test_a_stage_that_computes_something_else_is_seen(
    bend: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    bend(monkeypatch)
    assert _ran("output-stationary").bit_exact is False


def test_an_adder_that_is_broken_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows settle on what any of them holds, and no longer on the majority."""
    monkeypatch.setattr(subarray, "_majority", lambda levels: levels[0] | levels[1] | levels[2])
    assert _ran("output-stationary", check=2, compiled=False, images=5).bit_exact is False
