"""Stages of any kind with operands and what they must give, and a run that is held against that."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn.backends.prepare import prepare
from bnn.lowering.stage import Stage, Windows, each_pixel, lay, offsets
from bnn.lowering.thresholds import Thresholds
from bnn.mapped.mapped_stage import StageInputs
from bnn.mapping import MAPPINGS
from bnn.mapping.dataflows.output_tree import division
from bnn.mapping.dataflows.output_tree.layout import Way
from bnn.model.geometry import Padding, WindowAxis
from bnn.model.network import Dense
from bnn.reference.checker import SumChecker
from bnn.system.ledger import PHASES, CommandLedger
from bnn.system.mitigation import NONE, Mitigation
from bnn.system.system import System
from bnn.values.bitstrings import unpacked
from pimsim.dram.array.address_map import ambit
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.errors import InputError, OutOfRowsError, OutOfSubarraysError

from .executed import executing

STANDARD = replace(load("ddr3-1600-8-8-8"), row_bytes=64, chips_per_rank=1)
OPERAND_ENCODINGS = [
    (1, 2, -1, True),  # -1 and +1, padded with 0, which is neither
    (1, 2, -1, True),
    (1, 2, -1, False),
    (1, 1, 0, False),  # heaviside
    (2, 1, -1, False),  # ternary
    (3, 1, 0, False),  # DoReFa
    (8, 1, 0, False),  # pixels
    (3, 2, -7, False),  # sums of seven signs
    (2, 3, 5, False),
]
"""Planes, step, lowest operand, and whether padding is a 0 that no operand is."""
ROWS = st.sampled_from([1024, 100, 60])
"""Of a subarray: many, and so few that fan-ins are cut."""
SLOW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Case:
    """A stage, integers stored for its operands, and what it must give."""

    stage: Stage
    operands: NDArray[np.uint16]
    """``(images, pixels, channels)``."""
    sums: NDArray[np.int64]
    """``(images, positions of the product, outputs)``."""
    values: NDArray[np.int64]
    """``(images, positions, outputs)``: bits, or the sums themselves."""


class Expected(SumChecker):
    """An audit that knows the sums of a case, instead of asking the reference for a layer's."""

    def __init__(self, case: Case) -> None:
        self._stage, self._sums = case.stage, case.sums
        self._rows = self.images = None
        self.compared = self.wrong = 0

    def expected(self, images: slice, outputs: slice, places: NDArray[np.intp]) -> NDArray[Any]:
        """Return the sums of the case."""
        return self._sums[images][:, places, outputs].transpose(2, 0, 1)


@st.composite
def cases(draw: st.DrawFn, *, decided: bool | None = None) -> Case:
    """Draw a stage with its operands; ``decided``: many outputs, which have thresholds or not."""
    many = decided is not None
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    groups = draw(st.sampled_from([1, 1, 2, 3] if many else [1, 1, 2, 3, 5]))
    width, each = draw(st.integers(1, 4)), draw(st.integers(1, 12 if many else 3))
    shifts = tuple(draw(st.sampled_from([(0,), (0,), (0, 1), (0, 1, 2), (2,), (3, 0)])))
    planes, step, low, zero_padding = draw(st.sampled_from(OPERAND_ENCODINGS))
    sides = draw(st.lists(_sides(), min_size=0, max_size=2))
    thresholds = decided if decided is not None else draw(st.booleans())
    pool = [draw(_pools(side.out)) for side in sides] if sides and thresholds else None
    if pool is not None and draw(st.booleans()):
        pool = None
    channels, outputs = groups * width, groups * each
    taps = int(np.prod([side.kernel for side in sides]))
    zeros = draw(st.sampled_from([0.0, 0.0, 0.5, 0.9, 1.0][: 3 if many else 5]))
    weights = rng.choice([-1, 1], (len(shifts), taps, width, outputs))
    weights[rng.random(weights.shape) < zeros] = 0
    weights = weights.astype(np.int8)
    pixels = int(np.prod([side.size for side in sides])) if sides else draw(st.integers(1, 5))
    shape = (*(side.size for side in sides), channels) if sides else (pixels, channels)
    images = draw(st.integers(1, 6))
    stored = rng.integers(0, 1 << planes, (images, pixels, channels)).astype(np.uint16)
    pad = 0 if zero_padding else int(rng.integers(0, 1 << planes))
    windows = lay(channels, sides, pool) if sides else each_pixel(pixels, channels)
    outside = 0 if zero_padding else step * pad + low
    sums = _sums(step * stored.astype(np.int64) + low, sides, weights, shifts, groups, outside)
    found = None
    conjunction = np.zeros(outputs, np.bool_)
    if thresholds:
        reach = np.abs(sums).max(initial=1) + 2
        at = rng.choice(sums.reshape(-1, outputs), axis=0)  # ties
        far = rng.random(outputs) < 0.3
        at[far] = rng.integers(-reach, reach + 1, outputs)[far]
        found = Thresholds(at, rng.random(outputs) < 0.5)
        if pool is not None:
            conjunction = rng.random(outputs) < 0.5
    stage = Stage(
        "stage", Dense("none", np.ones((1, 1), np.float32), None), 0, 1, shape,
        windows, weights, shifts, groups, planes, False, pad, zero_padding, step,
        offsets(weights, shifts, planes, step, low), found, conjunction,
    )  # fmt: skip
    return Case(stage, stored, sums, values_of(sums, sides, pool, found, conjunction))


SHARED = cases(decided=True) | cases(decided=False)
"""Stages whose outputs can share adders."""


@st.composite
def _sides(draw: st.DrawFn) -> WindowAxis:
    """An ordinary, causal or transposed convolution along an axis, or something stranger."""
    size, kernel = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    out, before = draw(st.integers(1, 5)), draw(st.integers(-1, 3))
    stride, dilation = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    return WindowAxis(size, kernel, out, stride, dilation, before, draw(st.integers(1, 3)))


@st.composite
def _pools(draw: st.DrawFn, size: int) -> WindowAxis:
    padding: Padding = draw(st.sampled_from(["valid", "same"]))
    kernel = draw(st.integers(1, 3 if padding == "same" else min(size, 3)))
    try:
        return WindowAxis.padded(size, kernel, draw(st.integers(1, 2)), 1, padding)
    except InputError:
        return WindowAxis.padded(size, 1, 1, 1, "valid")


def _sums(
    operands: NDArray[np.int64],
    sides: Sequence[WindowAxis],
    weights: NDArray[np.int8],
    shifts: tuple[int, ...],
    groups: int,
    outside: int,
) -> NDArray[np.int64]:
    """Sums of products, one window after the other."""
    images, pixels, channels = operands.shape
    values = sum(2**s * digit.astype(np.int64) for s, digit in zip(shifts, weights, strict=True))
    kernel = np.asarray(values)
    taps, width, outputs = kernel.shape
    if not sides:
        reads = [[pixel] for pixel in range(pixels)]
    else:
        sizes = [side.size for side in sides]
        reads = [
            [_read(sides, sizes, window, tap) for tap in _all([side.kernel for side in sides])]
            for window in _all([side.out for side in sides])
        ]
    seen = np.full((images, len(reads), taps, channels), outside, np.int64)
    for position, tap in itertools.product(range(len(reads)), range(taps)):
        if reads[position][tap] >= 0:
            seen[:, position, tap] = operands[:, reads[position][tap]]
    apart = seen.reshape(images, len(reads), taps, groups, width)
    grouped = kernel.reshape(taps, width, groups, outputs // groups)
    total = np.einsum("nptgc,tcgo->npgo", apart, grouped)
    return total.reshape(images, len(reads), outputs)


def _all(sizes: Sequence[int]) -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(size) for size in sizes)))


def _read(
    sides: Sequence[WindowAxis], sizes: list[int], window: tuple[int, ...], tap: tuple[int, ...]
) -> int:
    """Pixel that a tap of a window reads, -1 for padding."""
    pixel = 0
    for side, size, o, k in zip(sides, sizes, window, tap, strict=True):
        place = o * side.stride + k * side.dilation - side.before
        spread = {number * side.spacing: number for number in range(size)}
        if place not in spread:
            return -1
        pixel = pixel * size + spread[place]
    return pixel


def values_of(
    sums: NDArray[np.int64],
    sides: Sequence[WindowAxis],
    pool: list[WindowAxis] | None,
    found: Thresholds | None,
    conjunction: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Bits, pooled, or the sums."""
    if found is None:
        return sums
    bits = (sums >= found.at) ^ found.falling
    if pool is None:
        return bits.astype(np.int64)
    sizes = [side.out for side in sides]
    pooled = []
    for window in itertools.product(*(axis.taps() for axis in pool)):
        inside = [m for m in itertools.product(*window) if min(m) >= 0]
        members = bits[:, [np.ravel_multi_index(m, sizes) for m in inside]]
        pooled.append(np.where(conjunction, members.all(axis=1), members.any(axis=1)))
    return np.stack(pooled, axis=1).astype(np.int64)


def machine_with(
    rows: int, banks: int, mitigation: Mitigation = NONE, moves: str = "host"
) -> CommandLedger:
    """The books of a machine whose subarrays have so many rows."""
    standard = replace(STANDARD, rows_per_subarray=rows)
    options = ModelOptions(banks=banks)
    return CommandLedger(System(standard, options, moves=moves, mitigation=mitigation))


def system_with(data_rows: int, mitigation: Mitigation = NONE) -> System:
    """A system of eight banks, whose subarrays have so many rows for data."""
    return machine_with(data_rows + ambit().first_data, 8, mitigation).system


def run_case(mapping: str, case: Case, machine: CommandLedger, *, compiled: bool) -> list[Subarray]:
    """Run a case, compare all that comes out, and give the subarrays that executed."""
    stage, images = case.stage, len(case.operands)
    mapped = MAPPINGS[mapping].map_stage(stage, machine.system, images)
    execute = prepare(mapped, images, compiled=compiled)
    audit = Expected(case)
    with executing() as executed:
        result = execute(StageInputs(case.operands, machine, 1, audit))
    np.testing.assert_array_equal(unpacked(result.values), case.values)
    assert audit.wrong == 0
    times = 1 if machine.system.mitigation.tmr == "off" else 3
    reachable = int((stage.windows.outputs >= 0).sum())
    assert audit.compared == times * images * stage.outputs * reachable
    return executed


def books_of(machine: CommandLedger) -> list[Any]:
    """Commands of every phase, and what they cost."""
    return [(machine.counts(phase), machine.cost(phase)) for phase in PHASES]


@st.composite
def blocks(draw: st.DrawFn) -> tuple[Case, tuple[int, ...]]:
    """Draw a convolution that is not pooled, and a block of its positions."""
    case = draw(SHARED.filter(lambda one: one.stage.windows.sides))
    sizes = [draw(st.integers(1, min(side.out, 4))) for side in case.stage.windows.sides]
    assume(np.prod(sizes) > 1)
    return case, tuple(sizes)


def stage_of(
    weights: NDArray[np.int8],
    windows: Windows,
    *,
    shape: tuple[int, ...] = (1,),
    groups: int = 1,
    planes: int = 1,
    step: int = 2,
    low: int = -1,
    shifts: tuple[int, ...] = (0,),
    zero_padding: bool = False,
) -> Stage:
    """A stage of which every output is compared with 0."""
    outputs = weights.shape[3]
    return Stage(
        "stage", Dense("none", np.ones((1, 1), np.float32), None), 0, 1,
        (*shape, windows.channels), windows, weights, shifts, groups,
        planes, False, 0, zero_padding, step, offsets(weights, shifts, planes, step, low),
        Thresholds(np.zeros(outputs, np.int64), np.zeros(outputs, np.bool_)),
        np.zeros(outputs, np.bool_),
    )  # fmt: skip


def case_of(stage: Stage, sides: Sequence[WindowAxis], images: int, low: int) -> Case:
    """A stage that nothing pools, with random operands."""
    rng = np.random.default_rng(0)
    pixels, channels = int(np.prod(stage.shape[:-1])), stage.windows.channels
    stored = rng.integers(0, stage.largest + 1, (images, pixels, channels)).astype(np.uint16)
    operands = stage.scale * stored.astype(np.int64) + low
    sums = _sums(operands, sides, stage.weights, stage.shifts, stage.groups, 0)
    return Case(
        stage, stored, sums, values_of(sums, sides, None, stage.thresholds, np.array(False))
    )


def random_signs(*shape: int, zeros: float = 0.0) -> NDArray[np.int8]:
    """Weights of -1 and +1, and so many zeros."""
    rng = np.random.default_rng(1)
    weights = rng.choice([-1, 1], shape).astype(np.int8)
    weights[rng.random(shape) < zeros] = 0
    return weights


@st.composite
def wide_windows(draw: st.DrawFn) -> Case:
    """Draw a convolution, pooled or not, whose patch of one channel no subarray holds."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    planes, step, low, zero_padding = draw(st.sampled_from([(8, 1, 0, False), (1, 2, -1, True)]))
    kernel = (4, 5) if planes > 1 else (11, 13)
    sides = [
        WindowAxis(12, size, draw(st.integers(2, 3)), stride, 1, draw(st.integers(0, 2)))
        for size, stride in zip(kernel, draw(st.permutations([1, 2])), strict=True)
    ]
    pooled = [WindowAxis.padded(side.out, 2, 1, 1, "same") for side in sides]
    pool = pooled if draw(st.booleans()) else None
    width, each, groups = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    channels, outputs, taps = groups * width, groups * each, kernel[0] * kernel[1]
    shifts = draw(st.sampled_from([(0,), (0, 1)]))
    weights = rng.choice([-1, 1], (len(shifts), taps, width, outputs))
    weights[rng.random(weights.shape) < draw(st.sampled_from([0.0, 0.3]))] = 0
    weights = weights.astype(np.int8)
    pad = 0 if zero_padding else int(rng.integers(0, 1 << planes))
    stored = rng.integers(0, 1 << planes, (2, 144, channels)).astype(np.uint16)
    outside = 0 if zero_padding else step * pad + low
    sums = _sums(step * stored.astype(np.int64) + low, sides, weights, shifts, groups, outside)
    found, conjunction = None, np.zeros(outputs, np.bool_)
    if pool is not None or draw(st.booleans()):
        at = rng.choice(sums.reshape(-1, outputs), axis=0)
        found = Thresholds(at, rng.random(outputs) < 0.5)
        if pool is not None:
            conjunction = rng.random(outputs) < 0.5
    stage = Stage(
        "stage", Dense("none", np.ones((1, 1), np.float32), None), 0, 1, (12, 12, channels),
        lay(channels, sides, pool), weights, shifts, groups, planes, False, pad, zero_padding,
        step, offsets(weights, shifts, planes, step, low), found, conjunction,
    )  # fmt: skip
    return Case(stage, stored, sums, values_of(sums, sides, pool, found, conjunction))


WAYS = st.sampled_from(["any", "apart", "planes", "block"])
"""Of dividing a fan-in, see :func:`divided`."""
MITIGATIONS = st.sampled_from(
    [
        Mitigation("time"),
        Mitigation("banks"),
        Mitigation(retries=2),
        Mitigation(screening=1),
        Mitigation("banks", screening=1),
    ]
)
"""What changes the layout of a stage."""


@contextmanager
def divided(case: Case, kind: str) -> Iterator[None]:
    """Have a fan-in divided in one way alone."""
    stage, sides = case.stage, case.stage.windows.sides
    way = {
        "any": None,
        "apart": Way(True, stage.planes),
        "planes": Way(False, 1),
        "block": Way(False, stage.planes, tuple(min(side.out, 2) for side in sides)),
    }[kind]
    assume(kind != "block" or any(side.out > 1 for side in sides))
    with pytest.MonkeyPatch.context() as patch:
        if way is not None:
            patch.setattr(division, "ways", lambda *_: [way])
        try:
            yield
        except (OutOfRowsError, OutOfSubarraysError):
            assume(False)


def assume_checkable(case: Case, mitigation: Mitigation) -> None:
    """Take no stage that has no checksum, where one is asked for."""
    shifts, weights = case.stage.shifts, case.stage.weights
    lowest = [number for number, shift in enumerate(shifts) if shift == 0]
    assume(not mitigation.retries or (len(lowest) == 1 and bool(weights[lowest].all())))
