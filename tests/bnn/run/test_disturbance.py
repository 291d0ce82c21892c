"""Activations that a run counts, against its books and against every command that it issues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bnn import zoo
from bnn.larq.model_file import read_model
from bnn.run import disturbance, estimate
from bnn.run.plan import open_ledgers
from bnn.system.activations import ActivationCounter
from bnn.system.ledger import PHASES, CommandLedger, ledger_alone
from bnn.system.system import System
from bnn.values.encoding import Encoding
from experiments.report.inputs import encoding_by_name
from pimsim.dram.array.address_map import DEFAULT_MAP
from pimsim.dram.array.faults import Site
from pimsim.dram.commands import Kind
from pimsim.dram.disturbance.chip_classes import ChipClass, bundled
from pimsim.dram.disturbance.hammer import Loss
from pimsim.dram.disturbance.row_order import RowOrder
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.dram.traces.event import Event
from pimsim.microprogram.logic import AND, NOT, OR, XOR
from pimsim.microprogram.schedule import Schedule

from ...kept_commands import Kept

STANDARD = load("ddr3-1600-8-8-8")
MAPPINGS = ("output-stationary", "weight-stationary", "no-local-reuse", "output-tree", "auto")


def _digits() -> tuple[Any, Encoding | None]:
    network = read_model(zoo.locate("digits-mlp"), lambda: (64,))
    return network, encoding_by_name(network, "digits", None)


def _booked(
    mapping: str, images: int = 3, traces: Sequence[Any] = (), moves: str = "host", banks: int = 4
) -> tuple[ActivationCounter, estimate.Estimate, System]:
    system = System(STANDARD, ModelOptions(banks=banks), moves=moves)
    counter = ActivationCounter(system.address_map, system.subarray_rows)
    system = replace(system, counter=counter)
    network, encoding = _digits()
    done = estimate.of_network(network, encoding, images, system, mapping, traces=traces)
    return counter, done, system


@pytest.mark.parametrize("images", [3, 5_000])  # one batch, and many that are booked once
@pytest.mark.parametrize(
    ("mapping", "moves"),
    [*((name, "host") for name in MAPPINGS), ("output-stationary", "psm"), ("output-tree", "psm")],
)
def test_as_many_activations_are_counted_as_are_booked(
    mapping: str, moves: str, images: int
) -> None:
    counter, done, _ = _booked(mapping, images, moves=moves)
    counted = sum(int(e.acts.sum()) for layer in counter.done.values() for e in layer.values())
    counts = [layer.ledger.counts(phase) for layer in done.layers for phase in PHASES]
    streamed = sum(layer.weights for layer in done.layers if layer.where == "host")
    assert counted > 0
    assert not streamed
    assert counted == sum(2 * one.aap + one.ap + one.act + one.extra_wordlines for one in counts)


def _replayed(events: list[Event], order: RowOrder) -> dict[tuple[int, int], dict[str, Any]]:
    """What every row of every subarray sees, command by command."""
    rows = STANDARD.rows_per_subarray
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for event in events:
        if event.kind not in (Kind.AAP, Kind.AP, Kind.ACT):
            continue
        for row in (event.row, event.row2):
            if row is None:
                continue
            number, address = divmod(row, rows)
            size = len(order.labels)
            seen = found.setdefault(
                (event.bank, number),
                {"acts": [0] * size, "since": [[0, 0] for _ in range(size)], "one": [0] * size},
            )
            if address < order.first_constant:
                raised, restored = order.raised[address], order.restored[address]
            else:
                raised = restored = (int(order.stored[address - order.first_constant]),)
            for place in raised:
                seen["acts"][place] += 1
                for other, side in ((place + 1, 0), (place - 1, 1)):
                    if 0 <= other < size:
                        seen["since"][other][side] += 1
            for place in restored:
                seen["one"][place] = max(seen["one"][place], *seen["since"][place])
                seen["since"][place] = [0, 0]
    for seen in found.values():
        seen["one"] = [
            max(most, *since) for most, since in zip(seen["one"], seen["since"], strict=True)
        ]
    return found


def _random(seed: int, outputs: int) -> Schedule:
    """Steps with rows of their own for every output, among some rows."""
    rng, first = np.random.default_rng(seed), DEFAULT_MAP.first_data
    schedule = Schedule(outputs)
    for _ in range(12):
        rows = rng.integers(first, first + 8, (3, outputs))
        two = rng.integers(0, 2, outputs)
        schedule.append((AND, OR), two, a=rows[0], b=rows[1], out=rows[2])
        schedule.append((NOT,), a=rows[2], out=rows[0])
        schedule.append((XOR,), a=rows[0], b=rows[1], out=rows[2])
    return schedule


def _told(ledger: CommandLedger) -> None:
    """Batches are written, and outputs computed and read, in two subarrays of two banks."""
    schedules = [_random(seed, outputs=6) for seed in (1, 2, 3)]

    def output(outputs: NDArray[np.intp]) -> None:
        for schedule, number in zip(schedules, (0, 1, 0), strict=True):
            ledger.run(schedule, outputs, [0, 1], number)
        ledger.access(Kind.RD, [3, 4], 512, [0, 1], 1)

    def batch() -> None:
        ledger.enter("inputs")
        ledger.access(Kind.WR, range(8), 512, [0, 1], 1)
        ledger.enter("compute")
        ledger.repeat(np.array([[0, 3], [1, 4], [2, 5]]), output)

    ledger.again(4, batch)
    ledger.finish()


def test_rows_see_what_the_commands_of_a_trace_do() -> None:
    """Command by command as they were issued, with rows as a trace names them."""
    counters = []
    kept = Kept()
    for traces in ([kept], []):
        system = System(STANDARD, ModelOptions(banks=2))
        counters.append(ActivationCounter(system.address_map, system.subarray_rows))
        (ledger,) = open_ledgers(replace(system, counter=counters[-1]), [False], traces)
        _told(ledger)
    counter, together = counters
    replayed = _replayed(kept.events, counter.order)
    assert set(counter.sites()) == set(replayed) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    for site, seen in replayed.items():
        whole = counter.whole(site)
        assert sum(seen["acts"]) > 500
        assert whole.acts.tolist() == seen["acts"]
        assert whole.worst(again=False)[1].tolist() == seen["one"]
        # Without a trace batches are booked once, and their outputs together.
        assert together.whole(site).acts.tolist() == seen["acts"]
        assert together.whole(site).worst(again=False)[1].tolist() == seen["one"]


def test_what_is_counted_changes_nothing() -> None:
    _, done, system = _booked("auto")
    network, encoding = _digits()
    plain = estimate.of_network(network, encoding, 3, replace(system, counter=None), "auto")
    for one, other in zip(done.layers, plain.layers, strict=True):
        for phase in PHASES:
            assert one.ledger.counts(phase) == other.ledger.counts(phase)
            assert one.ledger.cost(phase) == other.ledger.cost(phase)
    assert replace(system, counter=None) == system
    assert ledger_alone(system).system.counter is None


def _hammered(times: int, row: int = 7) -> ActivationCounter:
    counter = ActivationCounter(System(STANDARD, ModelOptions()).address_map, 1024)
    counter.layer("a")
    counter.rows([row], (0, 0), times)
    counter.layer("b")
    counter.rows([row + 100], (1, 2), 1)
    return counter


def test_a_window_has_what_fits_into_it() -> None:
    """64 ms of a layer that lasts 640 have a tenth of its activations."""
    times = {"a": 640 * 10**9, "b": 10**9}
    chip = ChipClass("x", 1_000, 2_000)
    for again in (False, True):
        seen = disturbance.exposures(_hammered(20_000), times, 64 * 10**9, again=again)
        worst = seen.worst(chip)
        assert (worst.bank, worst.subarray, worst.row, worst.share) == (0, 0, "D6", 1.0)
        assert worst.beside == (0, 2_000)
        assert not worst.opened
        assert seen.hottest(1)[0][:3] == (0, 0, "D7")
    assert disturbance.window_ps(STANDARD) == 8192 * 7_800_000


def test_preventions_follow_from_the_rows_in_danger() -> None:
    counter, done, system = _booked("weight-stationary", images=1)
    taken = disturbance.latencies_ps(done.layers)
    window = disturbance.window_ps(STANDARD)
    seen = disturbance.exposures(counter, taken, window, again=True)
    most = seen.worst(bundled()[0])
    frail = ChipClass("frail", max(1, most.one // 2), max(1, most.one // 2))
    refreshes, counters = disturbance.preventions(seen, counter, done.layers, system, frail)
    assert most.share < seen.worst(frail).share
    assert refreshes.refreshes > 0
    timing = STANDARD.timing
    least_ps = refreshes.refreshes / system.banks * (timing.t_ras_ps + timing.t_rp_ps)
    assert refreshes.latency_ps >= 0.999 * least_ps
    assert counters.latency_ps > 0
    strong = ChipClass("strong", 10**9, 10**9)
    nothing = disturbance.preventions(seen, counter, done.layers, system, strong)
    assert nothing[0].refreshes == 0.0
    assert nothing[1].refreshes < counters.refreshes


def test_shares_are_those_of_both_neighbours_and_of_one() -> None:
    counter = ActivationCounter(System(STANDARD, ModelOptions()).address_map, 1024)
    counter.layer("a")
    counter.rows([4, 6], (0, 0), 500)
    counter.rows([6], (0, 0), 300)
    seen = disturbance.exposures(counter, {"a": 10**9}, 64 * 10**9, again=False)
    worst = seen.victims(ChipClass("x", 1_000, 3_000), 3)
    by_row = {one.row: one for one in worst}
    assert by_row["D5"].share == pytest.approx(0.5 + 0.1)
    assert (by_row["D5"].pair, by_row["D5"].one) == (500, 800)
    assert by_row["D7"].share == pytest.approx(800 / 3_000)
    assert np.isclose(seen.shares(ChipClass("x", 1_000, 3_000)).max(), 0.6)


def test_constants_have_had_beside_them_what_earlier_layers_did() -> None:
    """Of a row of constants that a layer opens for the first time, and of no other."""
    counter = ActivationCounter(DEFAULT_MAP, STANDARD.rows_per_subarray)
    counter.layer("before")
    counter.rows([0], (1, 0), times=3_000)  # beside D0 lies the last constant
    system = System(STANDARD, ModelOptions(banks=4), counter=counter)
    hammer = disturbance.hammer(system, bundled()[0], seed=1)
    constant = counter.order.first_data - 1
    loss = Loss(9, part=0, place=constant, beside=(4, 5), first=True, cell=-1, address=17)
    assert hammer.share_of(loss, Site(1, 0)) == hammer.share(4, 3_005)
    for other, site in ((loss, Site(0, 0)), (loss._replace(first=False), Site(1, 0))):
        assert hammer.share_of(other, site) == hammer.share(4, 5)
