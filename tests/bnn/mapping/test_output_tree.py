"""Numbers of the output-tree mapping, and where a fault in a shared adder arrives."""

from __future__ import annotations

import functools
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn import zoo
from bnn.backends.prepare import prepare
from bnn.backends.streamed import MEMORY_BYTES, StreamedStage
from bnn.larq.model_file import read_model
from bnn.lowering.lower import lower
from bnn.lowering.stage import Stage, each_pixel, offsets
from bnn.lowering.thresholds import Thresholds
from bnn.mapped.mapped_stage import Result, StageInputs
from bnn.mapping import MAPPINGS
from bnn.mapping.dataflows.output_tree.division import cheapest, exchanged
from bnn.mapping.dataflows.output_tree.numbers import signed_digits
from bnn.model.network import BatchNorm, Conv2D, Dense, Flatten, Layer, Merge, Network
from bnn.reference.checker import SumChecker
from bnn.run.estimate import of_network
from bnn.run.execute import Execution, run
from bnn.system.ledger import CommandLedger
from bnn.system.mitigation import NONE, Mitigation
from bnn.system.system import System
from bnn.values.bitstrings import unpacked
from bnn.values.encoding import ENCODINGS
from pimsim.circuit.failure_tables.table import Rate
from pimsim.dram.array.faults import Access, Draws, Faults, Job, Site
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.executors.faulty.dealing import END, Noise
from pimsim.executors.faulty.program import Block, Program
from pimsim.microprogram.output_tree.tree import leaves

from ..planned_once import planned_once

SIGN = "ste_sign"


@given(st.lists(st.integers(-600, 600), min_size=1, max_size=9), st.booleans())
def test_digits_of_minus_and_plus_one_make_every_number(halves: list[int], odd: bool) -> None:
    numbers = 2 * np.array(halves, np.int64) + odd
    found = signed_digits(numbers)
    total = np.zeros(len(numbers), np.int64)
    for weight, digits in found:
        assert set(digits.tolist()) <= {-1, 1}
        total += digits.astype(np.int64) << weight
    assert total.tolist() == numbers.tolist()
    weights = [weight for weight, _ in found]
    assert weights == sorted(weights)
    assert weights.count(0) == (1 if odd else 2)


@given(st.lists(st.integers(-600, 600), min_size=1, max_size=9))
def test_digits_of_odd_and_even_numbers_may_be_0(numbers: list[int]) -> None:
    found = signed_digits(np.array(numbers, np.int64))
    total = sum((digits.astype(np.int64) << weight for weight, digits in found), np.int64(0))
    assert (total + np.zeros(len(numbers), np.int64)).tolist() == numbers
    assert all(set(digits.tolist()) <= {-1, 0, 1} for _, digits in found)


class Blind(SumChecker):
    """Looks at no sum."""

    images, reads_rows = None, True

    def __init__(self) -> None:
        """Have nothing to look at."""

    def compare_rows(self, *_: object) -> None:
        """Compare nothing."""


def test_what_sums_are_made_of_is_held_for_a_few_images_at_a_time() -> None:
    system = System(load("ddr3-1600-8-8-8"), ModelOptions())
    network = read_model(zoo.locate("mnist-cnn"))
    stage = lower(network, ENCODINGS["symmetric"], system.data_rows)[0]
    assert isinstance(stage, Stage)
    (mapped,) = MAPPINGS["output-tree"].map_stage(stage, system, 2000)
    tracemalloc.start()
    try:
        ready = StreamedStage(mapped, 2000, looking=True)
        operands = np.zeros((2000, 28 * 28, 1), np.uint16)
        ready.run(operands, checker=Blind(), threads=1)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < operands.nbytes + 2 * MEMORY_BYTES


def test_outputs_are_exchanged_where_few_rows_are_added_and_the_same_each_time() -> None:
    system = System(load("ddr3-1600-8-8-8"), ModelOptions())
    network = read_model(zoo.locate("mnist-cnn"))
    first, second = lower(network, ENCODINGS["symmetric"], system.data_rows)[:2]
    assert isinstance(first, Stage)
    assert isinstance(second, Stage)
    _, layout, groups = cheapest(first, system, 2000)
    found = exchanged(layout, groups)
    assert found == exchanged(layout, groups)
    assert sorted(n for tree in found for n in leaves(tree)) == list(range(first.outputs))
    assert sum(map(layout.commands, found)) < 0.96 * sum(map(layout.commands, groups))
    _, layout, groups = cheapest(second, system, 2000)
    assert exchanged(layout, groups) is groups


def _residual(outputs: int) -> Network:
    """Three binary convolutions, each added to what it was fed with, and a dense layer."""
    rng, layers, inputs = np.random.default_rng(4), list[Layer](), list[tuple[int, ...]]()
    for number in range(3):
        before = len(layers) - 1
        kernel = rng.normal(size=(3, 3, outputs, outputs)).astype(np.float32)
        layers.append(Conv2D(f"c{number}", kernel, None, SIGN, SIGN, padding="same"))
        norm = rng.uniform(0.5, 2, (4, outputs)).astype(np.float32)
        layers.append(BatchNorm(f"n{number}", *norm, epsilon=1e-3))
        layers.append(Merge(f"m{number}", "add"))
        inputs += [(before,), (before + 1,), (before, before + 2)]
    kernel = rng.normal(size=(36 * outputs, 10)).astype(np.float32)
    layers += [Flatten("flat"), Dense("last", kernel, None, SIGN, SIGN)]
    inputs += [(len(layers) - 3,), (len(layers) - 2,)]
    return Network("residual", (6, 6, outputs), tuple(layers), inputs=tuple(inputs))


@pytest.mark.parametrize("compiled", [False, True], ids=["literal", "compiled"])
def test_sums_of_a_residual_network_are_read_of_its_trees(compiled: bool) -> None:
    network, system = _residual(24), System(load("ddr3-1600-8-8-8"), ModelOptions(banks=3))
    x = np.random.default_rng(5).normal(size=(6, *network.input_shape)).astype(np.float32)
    execution = Execution(compiled=compiled)
    found = {
        mapping: run(network, x, None, system, mapping, execution=execution)
        for mapping in ("output-stationary", "output-tree")
    }
    booked = of_network(network, None, len(x), system, "output-tree")
    logits = [done.logits for done in found.values()]
    np.testing.assert_array_equal(*logits)
    apart, shared = found.values()
    assert shared.bit_exact
    for one, other, alone in zip(apart.layers, shared.layers, booked.layers, strict=True):
        if other.mapping is None:
            continue
        assert other.mapping == "output-tree"
        assert other.gives_sums
        before, after = (layer.ledger.counts("compute") for layer in (one, other))
        assert after == alone.ledger.counts("compute")
        assert other.checker is not None
        assert other.checker.compared
        assert (after.aap + after.ap) < 0.4 * (before.aap + before.ap)
        # about as many digits as counts have; what is moved is read and written
        assert after.rd - after.wr < 1.15 * (before.rd - before.wr)


STANDARD = replace(load("ddr3-1600-8-8-8"), row_bytes=64, chips_per_rank=1)
FAN_IN, OUTPUTS, IMAGES, STRUCK = 33, 8, 30, 17


@dataclass(frozen=True)
class Majorities:
    """A failure table in which majorities alone can fail."""

    wrong: Rate
    kinds: frozenset[str] = frozenset({"sense"})

    def rate(self, kind: str, rows: int, ones: int) -> Rate:
        """As of a table."""
        return self.wrong if rows > 1 else Rate(0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Planted(Faults):
    """Noise that strikes one majority in one column, and nothing else."""

    at: int = 0
    part: int | None = None
    """The only one that it strikes, and there what is computed for the first time."""
    most: list[int] = field(default_factory=list)
    """How many majorities there are in a part, each time that it is asked."""

    def draws(self, job: Job, access: Access, events: int, block: int, width: int) -> Draws:
        """The planted one, if there are so many."""
        self.most.append(events * (access.rows > 1))
        strikes = access.rows > 1 and self.at < events
        strikes &= self.part is None or (job.part, job.attempt) == (self.part, 0)
        found = np.array([self.at] if strikes else [], np.int64)
        return Draws(found, np.full_like(found, STRUCK), np.zeros(len(found)))


@pytest.fixture(scope="module", autouse=True)
def _planned_once() -> Iterator[None]:
    """What noise strikes changes no plan."""
    with planned_once():
        yield


@pytest.fixture
def dealt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the compiled executor take the noise of :class:`Planted`, and not draw its own."""

    def streams(program: Program, job: Job, block: Block) -> Noise:
        struck, places = list[tuple[int, int, float]](), iter(program.places)
        for part, access in product(range(program.tape.layout.parts), program.noisy):
            own, job = next(places), replace(job, part=part)
            drawn = program.faults.draws(job, access, len(own), block.number, block.width)
            every = own[drawn.event], drawn.column, drawn.draw
            struck += zip(*(each.tolist() for each in every), strict=True)
        struck.sort()
        times = Counter(place for place, _, _ in struck)
        return Noise(
            np.array([*times, END]),
            np.array([*times.values()], np.int64),
            np.array([column for _, column, _ in struck], np.int64),
            np.array([draw for *_, draw in struck]),
        )

    monkeypatch.setattr(Program, "streams", streams)


def _stage() -> tuple[Stage, NDArray[np.uint16], NDArray[np.int64]]:
    """Outputs that count all operands but one of each alike; operands, and bits.

    In the column that is struck, every sum is just at its threshold.
    """
    rng = np.random.default_rng(6)
    weights = np.ones((1, 1, FAN_IN, OUTPUTS), np.int8)
    weights[0, 0, np.arange(OUTPUTS), np.arange(OUTPUTS)] = -1
    stored = rng.integers(0, 2, (IMAGES, 1, FAN_IN)).astype(np.uint16)
    stored[STRUCK, 0] = np.repeat([0, 1, 0], [OUTPUTS, FAN_IN // 2, FAN_IN // 2 + 1 - OUTPUTS])
    sums = (2 * stored[:, 0].astype(np.int64) - 1) @ weights[0, 0].astype(np.int64)
    found = Thresholds(np.full(OUTPUTS, 1), np.zeros(OUTPUTS, np.bool_))
    stage = Stage(
        "stage", Dense("none", np.ones((1, 1), np.float32), None), 0, 1, (1, FAN_IN),
        each_pixel(1, FAN_IN), weights, (0,), 1, 1, False, 0, False, 2,
        offsets(weights, (0,), 1, 2, -1), found, np.zeros(OUTPUTS, np.bool_),
    )  # fmt: skip
    return stage, stored, (sums >= 1).astype(np.int64)


def _wrong(mapping: str, faults: Faults, *, compiled: bool) -> tuple[NDArray[np.bool_], int]:
    """(images, outputs) that are wrong, and how often noise struck."""
    stage, stored, right = _stage()
    machine = CommandLedger(System(STANDARD, ModelOptions(banks=1), faults=faults))
    mapped = MAPPINGS[mapping].map_stage(stage, machine.system, IMAGES)
    result = prepare(mapped, IMAGES, compiled=compiled)(StageInputs(stored, machine, 1))
    return unpacked(result.values)[:, 0] != right, result.flips


@pytest.mark.usefixtures("dealt")
@pytest.mark.parametrize("compiled", [False, True], ids=["literal", "compiled"])
def test_one_wrong_bit_of_a_shared_adder_reaches_several_outputs(compiled: bool) -> None:
    table = Majorities(Rate(0.0, 1.0))
    reached = []
    for at in range(80):
        faults = Planted(table, chip=0, noise=0, at=at)  # type: ignore[arg-type]
        wrong, strikes = _wrong("output-tree", faults, compiled=compiled)
        assert strikes == 1
        assert set(np.flatnonzero(wrong.any(axis=1))) <= {STRUCK}
        reached.append(int(wrong.sum()))
    assert set(reached) == {0, 2, 4, 8}  # adders of the whole group, its halves, pairs
    apart = Planted(table, chip=0, noise=0, at=0)  # type: ignore[arg-type]
    wrong, strikes = _wrong("output-stationary", apart, compiled=compiled)
    assert strikes == OUTPUTS  # each output has a first majority of its own


@pytest.mark.parametrize("compiled", [False, True], ids=["literal", "compiled"])
def test_a_weak_column_spoils_its_image_and_no_other(compiled: bool) -> None:
    faults = Faults(Majorities(Rate(0.04, 0.0)), chip=5, noise=0)  # type: ignore[arg-type]
    lean = faults.weak(Site(0, 0), IMAGES)
    weak = (lean < 0.04) | (lean >= 0.96)
    wrong, strikes = _wrong("output-tree", faults, compiled=compiled)
    assert strikes == 0
    assert 0 < weak.sum() < IMAGES
    assert wrong[weak].sum() > 1
    assert not wrong[~weak].any()


def _struck(
    at: int,
    mitigation: Mitigation = NONE,
    *,
    compiled: bool,
    part: int = 0,
    mapping: str = "output-tree",
    sums: bool = False,
) -> tuple[NDArray[np.bool_], Result, int]:
    """(images, outputs) that are wrong where noise strikes one majority of a part; the result.

    And how many majorities a part has at most. Outputs alike are struck alike, where each is
    computed on its own.
    """
    faults = Planted(Majorities(Rate(0.0, 1.0)), 0, 0, at=at, part=part)  # type: ignore[arg-type]
    stage, stored, right = _stage()
    if sums:
        stage = replace(stage, thresholds=None)
        right = (2 * stored[:, 0].astype(np.int64) - 1) @ stage.weights[0, 0].astype(np.int64)
    system = System(STANDARD, ModelOptions(banks=1), mitigation=mitigation, faults=faults)
    mapped = MAPPINGS[mapping].map_stage(stage, system, IMAGES)
    work = StageInputs(stored, CommandLedger(system), 1)
    result = prepare(mapped, IMAGES, compiled=compiled)(work)
    found = result.values if sums else unpacked(result.values)
    return found.reshape(right.shape) != right, result, max(faults.most)


@functools.cache
def _spoilt(at: int, *, compiled: bool) -> NDArray[np.bool_]:
    """What is wrong where nothing is done about it."""
    return _struck(at, compiled=compiled)[0]


STRIKES = range(0, 80, 3)


@pytest.mark.usefixtures("dealt")
@pytest.mark.parametrize(
    "compiled",
    [pytest.param(False, marks=pytest.mark.slow, id="literal"), pytest.param(True, id="compiled")],
)
@pytest.mark.parametrize("tmr", ["time", "banks"])
@pytest.mark.parametrize("sums", [False, True], ids=["bits", "sums"])
@pytest.mark.parametrize("mapping", ["output-stationary", "output-tree"])
def test_what_is_wrong_once_of_three_times_is_outvoted(
    mapping: str, sums: bool, tmr: str, compiled: bool
) -> None:
    """Whichever of the three it is: no two of them share a row until all are voted."""
    strikes = STRIKES[:: 3 if compiled else 5]
    struck = functools.partial(_struck, compiled=compiled, mapping=mapping, sums=sums)
    alone = [struck(at) for at in strikes]
    assert sum(bool(wrong.any()) for wrong, *_ in alone) > len(strikes) / 3
    _, once, each = alone[0]
    for number in range(3):
        part, first = (0, number * each) if tmr == "time" else (number, 0)
        for at in strikes:
            wrong, result, _ = struck(first + at, Mitigation(tmr), part=part)
            assert result.flips == once.flips > 0
            assert not wrong.any()


@pytest.mark.usefixtures("dealt")
@pytest.mark.parametrize("compiled", [False, True], ids=["literal", "compiled"])
def test_what_a_checksum_tells_is_computed_again(compiled: bool) -> None:
    seen = unseen = 0
    for at in STRIKES:
        spoilt = _spoilt(at, compiled=compiled)
        wrong, result, _ = _struck(at, Mitigation(retries=2), compiled=compiled)
        assert result.repeated in (0, 1)  # what is computed again is not struck again
        assert not (result.repeated and wrong.any())
        if not result.repeated:
            np.testing.assert_array_equal(wrong, spoilt)
        seen += result.repeated
        unseen += int(wrong.any())
    assert seen > 5
    assert unseen > 0  # in a higher digit, or behind the digits
