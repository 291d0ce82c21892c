"""The trace of a run is the computation: whoever replays it reads what the run read."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from bnn.mapping import MAPPINGS
from bnn.model.network import BatchNorm, Dense, Network
from bnn.run.estimate import of_network
from bnn.run.execute import Execution, run
from bnn.system.ledger import PHASES
from bnn.system.mitigation import NONE, Mitigation
from bnn.system.system import System
from pimsim.bits import Words
from pimsim.dram.array.row_storage import Lanes
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.commands import Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load

from ...kept_commands import Kept

STANDARD = replace(load("ddr3-1600-8-8-8"), rows_per_subarray=192)
ROWS = STANDARD.rows_per_subarray
SIGN = "ste_sign"
A_STREAM_EACH = "output-tree"
"""Books tell kinds of its commands apart, a trace does not."""


def _network(fan_in: int, outputs: int) -> Network:
    rng = np.random.default_rng(0)
    first, last = (
        np.where(rng.random(shape) < 0.5, -1, 1).astype(np.float32)
        for shape in ((fan_in, outputs), (outputs, 3))
    )
    shift, scale = rng.normal(size=(2, outputs)).astype(np.float32)
    norm = BatchNorm("norm", shift, scale**2 + 1, scale, None, 1e-3)
    return Network(
        "traced",
        (fan_in,),
        (Dense("first", first, None, SIGN, SIGN), norm, Dense("last", last, None, SIGN, SIGN)),
    )


@pytest.mark.parametrize(
    ("mapping", "moves", "mitigation"),
    [
        *((mapping, "host", NONE) for mapping in MAPPINGS),
        ("output-stationary", "psm", NONE),
        ("output-tree", "psm", NONE),
        ("output-tree", "host", Mitigation("time")),
        ("output-tree", "host", Mitigation("banks")),
        ("output-tree", "host", Mitigation(retries=1)),
    ],
)
@pytest.mark.parametrize("fan_in", [40, 200])  # in one subarray, and split over two
def test_replaying_a_trace_reads_what_the_run_read(
    mapping: str, moves: str, mitigation: Mitigation, fan_in: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: dict[int, deque[Words]] = defaultdict(deque)
    read: dict[int, deque[Words]] = defaultdict(deque)
    columns: dict[int, deque[int]] = defaultdict(deque)
    write_row, read_row = Subarray.write, Subarray.read
    parts = 2 if fan_in > ROWS else 1  # of the first layer; the last has one
    made: list[Subarray] = []

    def subarrays(system: System, width: int, lanes: int) -> Subarray:
        made.append(make(system, width, lanes))
        return made[-1]

    def bank_of(part: Subarray, lane: int) -> int:
        """The second part of a fan-in lies in the next bank if its count goes from bank to bank."""
        second = moves == "psm" and parts == 2 and part is made[1]
        return (lane + 1) % STANDARD.banks if second else lane

    def write(
        part: Subarray, row: int, words: Words, width: int | None = None, lanes: Lanes | None = None
    ) -> None:
        active = range(part.lanes) if lanes is None else lanes.tolist()
        each = np.broadcast_to(words, (len(active), words.shape[1]))
        for lane, own in zip(active, each, strict=True):
            written[bank_of(part, lane)].append(own)
            columns[bank_of(part, lane)].append(part.columns)
        write_row(part, row, words, width, lanes)

    def read_back(
        part: Subarray, row: int, width: int | None = None, lanes: Lanes | None = None
    ) -> Words:
        words = read_row(part, row, width, lanes)
        active = range(part.lanes) if lanes is None else lanes.tolist()
        for lane, own in zip(active, words, strict=True):
            read[lane].append(own)
        return words

    with monkeypatch.context() as patch:
        patch.setattr(Subarray, "write", write)
        patch.setattr(Subarray, "read", read_back)
        make = System.subarrays
        patch.setattr(System, "subarrays", subarrays)
        kept = Kept()
        x = np.random.default_rng(1).normal(size=(70, fan_in)).astype(np.float32)
        network = _network(fan_in, 11)
        options = ModelOptions()
        done = run(
            network,
            x,
            None,
            System(STANDARD, options, moves=moves, mitigation=mitigation),
            mapping,
            traces=[kept],
            execution=Execution(compiled=False),
        )
    assert done.bit_exact
    moved = sum(event.kind is Kind.TRANSFER for event in kept.events)
    assert (moved > 0) == (moves == "psm" and parts == 2)

    memory: dict[tuple[int, int], Subarray] = {}
    compared = 0
    for event in kept.events:
        if event.kind in (Kind.REF, Kind.ACT, Kind.PRE) or event.column:
            continue
        assert event.row is not None
        number, row = divmod(event.row, ROWS)
        if event.kind is Kind.WR:
            width = columns[event.bank].popleft()
            part = memory.setdefault((event.bank, number), Subarray(width, rows=ROWS))
            if part.columns != width:  # the next layer begins here
                part = memory[event.bank, number] = Subarray(width, rows=ROWS)
            words = written[event.bank].popleft()
            part.write(row - part.rows.first_data, words[None])
            continue
        part = memory[event.bank, number]
        if event.kind is Kind.TRANSFER:
            assert event.to is not None
            assert event.row2 is not None
            number, into = divmod(event.row2, ROWS)
            moved_words = part.peek(row - part.rows.first_data)
            there = memory[event.to, number]
            there.receive(into - there.rows.first_data, moved_words)
        elif event.kind is Kind.RD:
            expected = read[event.bank].popleft()
            assert np.array_equal(part.read(row - part.rows.first_data)[0], expected)
            compared += 1
        elif event.kind is Kind.AP:
            part.ap(row)
        else:
            assert event.row2 is not None
            assert event.row2 // ROWS == number
            part.aap(row, event.row2 % ROWS)
    assert compared > 0
    assert not any(read.values())
    assert not any(written.values())


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_a_trace_has_the_commands_and_the_time_of_the_report(mapping: str) -> None:
    kept, short, alone = Kept(), Kept(limit=500), Kept(limit=500)
    x = np.random.default_rng(1).normal(size=(70, 40)).astype(np.float32)
    done = run(
        _network(40, 11), x, None, System(STANDARD, ModelOptions()), mapping, traces=[kept, short]
    )
    booked = [layer.ledger.counts(phase) for layer in done.layers for phase in PHASES]
    for kind in Kind:
        traced = sum(event.kind is kind for event in kept.events)
        told = sum(getattr(counts, kind.name.lower()) for counts in booked)
        assert abs(traced - told) <= (kind is Kind.REF and mapping == A_STREAM_EACH)
    extra = sum(counts.extra_wordlines for counts in booked)
    assert sum(event.extra_wordlines for event in kept.events) == extra
    latency_ps = sum(
        layer.ledger.cost(phase).latency_ps for layer in done.layers for phase in PHASES
    )
    *_, last = kept.events
    assert last.kind is Kind.PRE  # the logits are read out last
    ended_ps = last.at_ps + STANDARD.timing.t_rp_ps
    assert latency_ps == pytest.approx(ended_ps, rel=0.02 if mapping == A_STREAM_EACH else 0)
    assert short.events == kept.events[:500]
    assert short.skipped == len(kept.events) - 500
    run(_network(40, 11), x, None, System(STANDARD, ModelOptions()), mapping, traces=[alone])
    assert alone.events == short.events
    refreshes = sum(event.kind is Kind.REF for event in kept.events[500:])
    assert alone.skipped == len(kept.events) - 500 - refreshes  # no longer walked: no REFs


@pytest.mark.parametrize("moves", ["host", "psm"])
@pytest.mark.parametrize("mapping", ["output-stationary", "output-tree"])
def test_a_traced_run_is_booked_as_any_other(mapping: str, moves: str) -> None:
    network, system = _network(200, 11), System(STANDARD, ModelOptions(), moves=moves)
    traced, plain = (
        of_network(network, None, 700, system, mapping, traces=traces) for traces in ([Kept()], [])
    )
    for one, other in zip(traced.layers, plain.layers, strict=True):
        for phase in PHASES:
            assert one.ledger.counts(phase) == other.ledger.counts(phase)
            assert one.ledger.cost(phase) == other.ledger.cost(phase)


@pytest.mark.parametrize(("fan_in", "moves"), [(12, "host"), (200, "psm")])
def test_lanes_with_a_stream_each_keep_every_constraint(
    fan_in: int, moves: str, naive: ModuleType
) -> None:
    kept, system = Kept(), System(STANDARD, ModelOptions(refresh=False), moves=moves)
    of_network(_network(fan_in, 20), None, 9, system, "output-tree", traces=[kept])
    kinds = [event.kind for event in kept.events]
    until = 100 + (kinds.index(Kind.TRANSFER) if moves == "psm" else kinds.index(Kind.AAP))
    some = kept.events[max(until - 250, kinds.index(Kind.AAP)) : until]
    assert len({event.bank for event in some}) > 2
    assert {Kind.AAP, Kind.AP} <= {event.kind for event in some}
    commands = [(event.at_ps, event.kind, event.bank, event.to) for event in some]
    assert naive.violations(STANDARD, system.options, commands) == []
