"""Chains of dense stages: nothing crosses the channel from the first operands to the last sums."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bnn.mapping.chain import choice as chains
from bnn.mapping.chain.layout import Layout, Spot
from bnn.model.network import Dense, Network
from bnn.run import estimate
from bnn.run.execute import Execution, NetworkRun, run
from bnn.system.ledger import PHASES
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
from pimsim.bits import Words
from pimsim.dram.array.row_storage import Lanes
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.timeline.command_stream import Segment
from pimsim.dram.traces import Event
from pimsim.errors import InputError

from ...kept_commands import Kept
from ..planned_once import planned_once
from .chained import DDR3, MAPPING, NARROW, SHALLOW, TREE, mlp, ran
from .executed import assert_booked, assert_scheduled, executing, scheduling

# Widths, banks, images, standard: side by side in one subarray, in others, split over several.
CASES = {
    "one subarray, one bank": ((40, 20, 10), 1, 70, DDR3),
    "one subarray, outputs shared": ((40, 20, 10), 3, 70, DDR3),
    "three stages in one subarray": ((30, 20, 25, 10), 8, 9, DDR3),
    "the next stage elsewhere": ((20, 16, 5), 8, 9, SHALLOW),
    "images over banks": ((20, 16, 5), 3, 1200, SHALLOW),
    "a fan-in of two subarrays": ((34, 32, 6, 3), 8, 9, SHALLOW),
    "that, images over banks": ((34, 32, 6, 3), 3, 1100, SHALLOW),
    "batches of tiles": ((12, 9, 4), 2, 2000, SHALLOW),
    "teams in two ranks": ((20, 16, 5), 11, 900, replace(SHALLOW, ranks=2)),
}
cases = pytest.mark.parametrize("name", CASES)
mappings = pytest.mark.parametrize("mapping", [MAPPING, TREE])


@pytest.fixture(scope="module", autouse=True)
def _planned_once() -> Iterator[None]:
    """A case is chained in the same way however it is carried out."""
    with planned_once():
        yield


@dataclass(frozen=True, slots=True)
class Literal:
    """What was done in a case that was carried out literally."""

    run: NetworkRun
    events: list[Event]
    """Every command of its trace."""
    executed: list[Subarray]
    segments: list[Segment]
    layout: Layout
    written: dict[int, list[Words]]
    """Rows that were written, by bank."""
    read: dict[int, list[Words]]
    """Rows that were read, by bank."""


@functools.cache
def literal(name: str, mapping: str) -> Literal:
    """A case, carried out once for all who look at it."""
    widths, banks, count, standard = CASES[name]
    written, read = defaultdict[int, list[Words]](list), defaultdict[int, list[Words]](list)
    write_row, read_row = Subarray.write, Subarray.read

    def bank_of(part: Subarray, lane: int, step: int) -> int:
        number = next(n for n, each in enumerate(executed) if each is part)
        own, coming = (one.parts for one in layout.mapped[:2])
        if layout.steps[0].placed:
            coming = 0  # else subarrays of the next stage are made first, turn by turn
        return layout.at(Spot(step, number % (own + coming) - coming, lane, 0)).bank

    def write(
        part: Subarray, row: int, words: Words, width: int | None = None, lanes: Lanes | None = None
    ) -> None:
        each = np.broadcast_to(words, (part.lanes, words.shape[1]))
        for lane, own in enumerate(each):
            written[bank_of(part, lane, 0)].append(own)
        write_row(part, row, words, width, lanes)

    def read_back(
        part: Subarray, row: int, width: int | None = None, lanes: Lanes | None = None
    ) -> Words:
        words = read_row(part, row, width, lanes)
        active = range(part.lanes) if lanes is None else lanes.tolist()
        bank_of_lane = layout.mapped[-1].banks(0, range(part.lanes))
        for lane, own in zip(active, words, strict=True):
            read[bank_of_lane[lane]].append(own)
        return words

    network, system = mlp(*widths), System(standard, ModelOptions(banks=banks))
    guess = estimate.of_network(network, None, count, system, mapping, chain="always")
    assert guess.chains[0].layout is not None
    layout, kept = guess.chains[0].layout, Kept()
    with executing() as executed, scheduling() as segments, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Subarray, "write", write)
        patch.setattr(Subarray, "read", read_back)
        done = ran(network, count, mapping=mapping, standard=standard, banks=banks,
                   compiled=False, traces=[kept])  # fmt: skip
    return Literal(done, kept.events, executed, segments, layout, written, read)


@functools.cache
def compiled(name: str, mapping: str) -> NetworkRun:
    """A case by vector code, without a trace."""
    widths, banks, count, standard = CASES[name]
    return ran(mlp(*widths), count, mapping=mapping, standard=standard, banks=banks)


@functools.cache
def stages_apart(name: str, mapping: str) -> NetworkRun:
    """A case that is not chained."""
    widths, banks, count, standard = CASES[name]
    return ran(mlp(*widths), count, "never", mapping, standard=standard, banks=banks)


@cases
@mappings
@pytest.mark.slow
def test_nothing_is_read_or_written_between_the_first_operands_and_the_last_sums(
    name: str, mapping: str
) -> None:
    widths = CASES[name][0]
    done, events = literal(name, mapping).run, literal(name, mapping).events
    assert done.bit_exact
    (choice,) = done.chains
    layout = choice.layout
    assert layout is not None
    phases = [
        kind for kind, _ in itertools.groupby(
            event.kind for event in events if event.kind in (Kind.RD, Kind.WR)
        )
    ]  # fmt: skip
    assert phases == [Kind.WR, Kind.RD] * len(layout.turns(0))
    assert done.layers[0].name == choice.names[0]
    for number, layer in enumerate(done.layers):
        counts = [layer.ledger.counts(phase) for phase in PHASES]
        total = sum(counts, CommandCounts())
        assert (total.wr > 0) == (number == 0)
        assert (total.rd > 0) == (number == len(done.layers) - 1)
    # Rows of operands, once a bank of the team; bits of the last sums, once.
    bursts = -(-layout.turns(0)[0].columns // 512)
    lanes = sum(turn.lanes for turn in layout.turns(0))
    assert done.layers[0].ledger.counts("inputs").wr == widths[0] * lanes * bursts


@cases
@mappings
@pytest.mark.parametrize("vector", [False, True])
@pytest.mark.slow
def test_values_are_those_of_stages_apart(name: str, mapping: str, vector: bool) -> None:
    chained = compiled(name, mapping) if vector else literal(name, mapping).run
    apart = stages_apart(name, mapping)
    assert chained.bit_exact
    assert np.array_equal(chained.logits, apart.logits)
    for one, other in zip(chained.layers, apart.layers, strict=True):
        assert one.checker is not None
        assert other.checker is not None
        assert one.checker.compared == other.checker.compared > 0
    assert apart.chains == ()


@pytest.mark.slow
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_chains_of_any_widths_are_exact(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    widths = data.draw(st.lists(st.integers(1, 40), min_size=3, max_size=5))
    network = mlp(*widths, seed=int(rng.integers(2**31)))
    shallow = data.draw(st.sampled_from([1024, 60, 48]))  # rows: stages lie side by side or not
    standard = replace(
        NARROW,
        rows_per_subarray=shallow,
        ranks=data.draw(st.sampled_from([1, 2])),
        banks=data.draw(st.sampled_from([3, 4])),
    )
    banks = data.draw(st.integers(1, standard.all_banks))
    several = ["uint8"] if shallow == 1024 else []  # eight rows a pixel, else one
    encoding = ENCODINGS[data.draw(st.sampled_from([*several, "bipolar"]))]
    count = data.draw(st.sampled_from([1, 7, 600, 1700]))
    pixels = rng.integers(0, encoding.largest + 1, (count, widths[0])).astype(np.uint16)
    first = network.layers[0]
    assert isinstance(first, Dense)
    first = replace(first, input_quantizer=None)
    network = Network("mlp", network.input_shape, (first, *network.layers[1:]))
    compiled, mapping = data.draw(st.booleans()), data.draw(st.sampled_from([MAPPING, TREE]))
    x = encoding.levels()[pixels]
    options = ModelOptions(banks=banks)

    def done(chain: str) -> NetworkRun:
        return run(
            network,
            x,
            encoding,
            System(standard, options),
            mapping,
            chain=chain,
            execution=Execution(compiled=compiled),
        )

    try:
        chained = done("always")
    except InputError as error:
        message = str(error)
        assert (
            "one bank of a rank" in message or "another bank" in message or "data rows" in message
        )
        assume(False)
    assert chained.bit_exact
    assert np.array_equal(chained.logits, done("never").logits)


@cases
@mappings
@pytest.mark.slow
def test_booked_is_what_subarrays_executed_and_time_that_of_each_command_scheduled(
    name: str, mapping: str
) -> None:
    _, banks, _, standard = CASES[name]
    done = literal(name, mapping)
    ledgers = [layer.ledger for layer in done.run.layers]
    assert_booked(done.executed, *ledgers)
    assert_scheduled(done.segments, ledgers, standard, ModelOptions(banks=banks))


@cases
@mappings
def test_estimates_are_those_of_runs(name: str, mapping: str) -> None:
    """A run whose trace is taken books output by output, others book what repeats once."""
    widths, banks, count, standard = CASES[name]
    traced, plain = literal(name, mapping).run, compiled(name, mapping)
    guess = estimate.of_network(
        mlp(*widths), None, count, System(standard, ModelOptions(banks=banks)), mapping,
        chain="always",
    )  # fmt: skip
    for done in (traced, plain):
        assert [choice.text for choice in guess.chains] == [choice.text for choice in done.chains]
        for one, other in zip(done.layers, guess.layers, strict=True):
            for phase in PHASES:
                assert one.ledger.counts(phase) == other.ledger.counts(phase)
                assert one.ledger.cost(phase) == other.ledger.cost(phase)


@cases
@mappings
@pytest.mark.slow
def test_replaying_a_trace_reads_what_the_run_read(name: str, mapping: str) -> None:
    """Rows that the trace names, from the first operands to the last sums, hold the values."""
    done, rows = literal(name, mapping), CASES[name][3].rows_per_subarray
    assert done.run.bit_exact
    columns = done.layout.turns(0)[0].columns
    written = {bank: deque(some) for bank, some in done.written.items()}
    read = {bank: deque(some) for bank, some in done.read.items()}
    memory: dict[tuple[int, int], Subarray] = {}

    def at(bank: int, row: int) -> tuple[Subarray, int]:
        number, address = divmod(row, rows)
        part = memory.setdefault((bank, number), Subarray(columns, rows=rows))
        return part, address

    compared = 0
    for event in done.events:
        if event.kind in (Kind.REF, Kind.ACT, Kind.PRE) or event.column:
            continue
        assert event.row is not None
        part, address = at(event.bank, event.row)
        data = address - part.rows.first_data
        if event.kind is Kind.WR:
            part.write(data, written[event.bank].popleft()[None])
        elif event.kind is Kind.RD:
            assert np.array_equal(part.read(data)[0], read[event.bank].popleft())
            compared += 1
        elif event.kind is Kind.TRANSFER:
            assert event.to is not None
            assert event.row2 is not None
            there, into = at(event.to, event.row2)
            there.receive(into - there.rows.first_data, part.send(data))
        elif event.kind is Kind.AP:
            part.ap(address)
        else:
            assert event.row2 is not None
            assert event.row2 // rows == event.row // rows
            part.aap(address, event.row2 % rows)
    assert compared > 0
    assert not any(read.values())
    assert not any(written.values())


def test_bits_of_groups_are_decided_where_the_next_stage_wants_them() -> None:
    """No command copies them in the subarray: they are those of stages apart."""
    network = mlp(40, 24, 16, 10)
    chained, apart = (ran(network, 90, chain, TREE) for chain in ("always", "never"))
    (choice,) = chained.chains
    assert choice.layout is not None
    assert [step.placed for step in choice.layout.steps] == [True, True, False]
    for one, other in zip(chained.layers[:-1], apart.layers, strict=False):
        done, alone = (layer.ledger.counts("compute") for layer in (one, other))
        assert (done.aap, done.ap, done.rd) == (alone.aap, alone.ap, 0)
        assert alone.rd > 0


def test_three_hundred_stages_are_chained_under_either_mapping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chains, "apart_ps", lambda *_: 1)  # which takes as long as the chain does
    network = mlp(*[2] * 301)  # so few outputs that there are few ways to share an adder
    for mapping in (MAPPING, TREE):
        done = ran(network, 4, mapping=mapping, banks=2)
        assert done.bit_exact
        assert [len(choice.names) for choice in done.chains] == [300]
        assert done.chains[0].layout is not None
