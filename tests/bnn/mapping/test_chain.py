"""Chains of dense stages: nothing crosses the channel from the first operands to the last sums."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn.lowering.lower import consecutive, lower
from bnn.lowering.stage import Stage
from bnn.mapping.chain import choice as chains
from bnn.mapping.chain import counted
from bnn.mapping.chain.counted import Counted
from bnn.mapping.chain.laid import MakePlanner
from bnn.mapping.chain.layout import Layout, Spot, Step, lay_out, steps
from bnn.mapping.chain.trees import Trees
from bnn.model.network import BatchNorm, Conv2D, Dense, Flatten, Layer, Merge, Network
from bnn.run import estimate
from bnn.run.estimate import Estimate
from bnn.run.execute import Execution, NetworkRun, run
from bnn.system.ledger import PHASES
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
from pimsim.bits import Words
from pimsim.dram.array.row_storage import Lanes
from pimsim.dram.array.subarray import Subarray
from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard, load
from pimsim.dram.traces import Event
from pimsim.dram.traces.trace import Trace
from pimsim.errors import InputError

from ...kept_commands import Kept
from .executed import assert_booked, assert_scheduled, executing, scheduling

SIGN = "ste_sign"
DDR3 = load("ddr3-1600-8-8-8")
NARROW = replace(DDR3, row_bytes=64, chips_per_rank=1)  # 512 columns, a burst a row
SHALLOW = replace(NARROW, rows_per_subarray=48)  # 30 data rows
MAPPING = "output-stationary"
TREE = "output-tree"


def mlp(*widths: int, seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    layers: list[Layer] = []
    for number, (fan_in, outputs) in enumerate(itertools.pairwise(widths)):
        kernel = rng.normal(size=(fan_in, outputs)).astype(np.float32)
        layers.append(Dense(f"d{number}", kernel, None, SIGN, SIGN))
        if number < len(widths) - 2:
            gamma, beta = rng.normal(size=(2, outputs)).astype(np.float32)
            mean = rng.integers(-3, 4, outputs).astype(np.float32)
            layers.append(BatchNorm(f"n{number}", mean, gamma**2 + 1, gamma, beta, 1e-3))
    return Network("mlp", (widths[0],), tuple(layers))


def images(network: Network, count: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(count)
    return rng.normal(size=(count, *network.input_shape)).astype(np.float32)


def ran(
    network: Network,
    count: int,
    chain: str = "always",
    mapping: str = MAPPING,
    *,
    standard: Standard = DDR3,
    banks: int = 8,
    compiled: bool = True,
    check: bool = True,
    traces: Sequence[Trace] = (),
) -> NetworkRun:
    system, x = System(standard, ModelOptions(banks=banks)), images(network, count)
    how = Execution(check=check, compiled=compiled)
    return run(network, x, None, system, mapping, chain=chain, traces=traces, execution=how)


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


@functools.cache
def compiled_with_a_trace(name: str, mapping: str) -> tuple[NetworkRun, list[Event]]:
    """A case, and every command of it."""
    widths, banks, count, standard = CASES[name]
    kept = Kept()
    done = ran(mlp(*widths), count, mapping=mapping, standard=standard, banks=banks, traces=[kept])
    return done, kept.events


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
    done, events = compiled_with_a_trace(name, mapping)
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
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.slow
def test_values_are_those_of_stages_apart(name: str, mapping: str, compiled: bool) -> None:
    widths, banks, count, standard = CASES[name]
    chained = ran(
        mlp(*widths), count, mapping=mapping, standard=standard, banks=banks, compiled=compiled
    )
    apart = stages_apart(name, mapping)
    assert chained.bit_exact
    assert np.array_equal(chained.logits, apart.logits)
    for one, other in zip(chained.layers, apart.layers, strict=True):
        assert one.checker is not None
        assert other.checker is not None
        assert one.checker.compared == other.checker.compared > 0
    assert apart.chains == ()


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
    widths, banks, count, standard = CASES[name]
    with executing() as executed, scheduling() as segments:
        done = ran(
            mlp(*widths), count, mapping=mapping, standard=standard, banks=banks, compiled=False
        )
    ledgers = [layer.ledger for layer in done.layers]
    assert_booked(executed, *ledgers)
    assert_scheduled(segments, ledgers, standard, ModelOptions(banks=banks))


@cases
@mappings
def test_estimates_are_those_of_runs(name: str, mapping: str) -> None:
    """A run whose trace is taken books output by output, an estimate books what repeats once."""
    widths, banks, count, standard = CASES[name]
    network = mlp(*widths)
    done, _ = compiled_with_a_trace(name, mapping)
    guess = estimate.of_network(
        network, None, count, System(standard, ModelOptions(banks=banks)), mapping, chain="always"
    )
    assert [choice.text for choice in guess.chains] == [choice.text for choice in done.chains]
    for one, other in zip(done.layers, guess.layers, strict=True):
        for phase in PHASES:
            assert one.ledger.counts(phase) == other.ledger.counts(phase)
            assert one.ledger.cost(phase) == other.ledger.cost(phase)


@cases
@mappings
@pytest.mark.slow
def test_replaying_a_trace_reads_what_the_run_read(
    name: str, mapping: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that the trace names, from the first operands to the last sums, hold the values."""
    widths, banks, count, standard = CASES[name]
    written: dict[int, deque[Words]] = defaultdict(deque)
    read: dict[int, deque[Words]] = defaultdict(deque)
    write_row, read_row, make = Subarray.write, Subarray.read, System.subarrays
    made: list[Subarray] = []
    layouts: list[Layout] = []
    prepare = chains.choose

    def choose(*args: Any) -> chains.Choice:
        choice = prepare(*args)
        assert choice.layout is not None
        layouts.append(choice.layout)
        return choice

    def subarrays(system: System, columns: int, lanes: int) -> Subarray:
        made.append(make(system, columns, lanes))
        return made[-1]

    def bank_of(part: Subarray, lane: int, step: int) -> int:
        number = next(n for n, each in enumerate(made) if each is part)
        own, coming = (one.parts for one in layouts[0].mapped[:2])
        if layouts[0].steps[0].placed:
            coming = 0  # else subarrays of the next stage are made first, turn by turn
        return layouts[0].at(Spot(step, number % (own + coming) - coming, lane, 0)).bank

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
        last = layouts[0].mapped[-1]
        bank_of_lane = last.banks(0, range(part.lanes))
        for lane, own in zip(active, words, strict=True):
            read[bank_of_lane[lane]].append(own)
        return words

    with monkeypatch.context() as patch:
        patch.setattr(chains, "choose", choose)
        patch.setattr(Subarray, "write", write)
        patch.setattr(Subarray, "read", read_back)
        patch.setattr(System, "subarrays", subarrays)
        kept = Kept()
        done = ran(mlp(*widths), count, mapping=mapping, standard=standard, banks=banks,
                   compiled=False, traces=[kept])  # fmt: skip
    assert done.bit_exact
    columns, rows = layouts[0].turns(0)[0].columns, standard.rows_per_subarray

    memory: dict[tuple[int, int], Subarray] = {}

    def at(bank: int, row: int) -> tuple[Subarray, int]:
        number, address = divmod(row, rows)
        part = memory.setdefault((bank, number), Subarray(columns, rows=rows))
        return part, address

    compared = 0
    for event in kept.events:
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


# ------------------------------------------------------------------------------------- layouts


def planned(planner: MakePlanner, stages: Sequence[Stage], system: System) -> list[Step]:
    return steps(stages, system, planner(stages, system, 600))


def stages(network: Network) -> list[Stage]:
    return [stage for stage in lower(network, None) if isinstance(stage, Stage)]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_bank_of_a_team_gets_every_operand_once(data: st.DataObject) -> None:
    widths = data.draw(st.lists(st.integers(1, 24), min_size=3, max_size=4))
    standard = replace(
        NARROW,
        rows_per_subarray=data.draw(st.sampled_from([1024, 52])),
        ranks=data.draw(st.sampled_from([1, 2])),
        banks=data.draw(st.sampled_from([3, 5, 8])),
    )
    banks = data.draw(st.integers(1, standard.ranks).map(lambda n: n * standard.banks))
    system = System(standard, ModelOptions(banks=banks), moves="psm")
    team = data.draw(st.integers(1, standard.banks))
    planner = data.draw(st.sampled_from([Counted, Trees]))
    tried = planned(planner, stages(mlp(*widths)), system)
    layout = lay_out(tried, system, data.draw(st.sampled_from([1, 600, 3000])), team)
    for turn in range(len(layout.turns(0))):
        for step in range(layout.last):
            this, after = layout.steps[step], layout.steps[step + 1]
            seen: set[Spot] = set()
            for lanes, units in layout.slots(step, turn):
                arrived = {
                    Spot(step, 0, lane, bit.row)
                    for lane, unit in zip(lanes, units.tolist(), strict=True)
                    for bit in this.laid.units[unit]
                }
                seen |= arrived if this.placed else set()
                for wave in layout.hand_on(step, lanes, units.tolist()):
                    for source, target in wave:
                        assert source in arrived
                        one, two = layout.at(source), layout.at(target)
                        assert one.bank != two.bank
                        assert one.bank // standard.banks == two.bank // standard.banks
                        assert target not in seen
                    arrived |= {target for _, target in wave}
                    seen |= {target for _, target in wave}
            places = [layout.at(spot) for spot in seen]
            assert len(set(places)) == len(places)
            wanted = {
                Spot(step + (not this.placed), part, lane, row)
                for lane in range(layout.turns(0)[turn].lanes)
                for part, row in map(after.target, range(this.stage.outputs))
            }
            assert seen == wanted


@pytest.mark.parametrize("banks", [3, 4])
def test_images_over_banks_with_a_fan_in_of_more_parts_than_banks(banks: int) -> None:
    """No part lies where the bank that comes before has to copy within itself."""
    standard = replace(NARROW, rows_per_subarray=64, banks=banks)
    system = System(standard, ModelOptions(banks=banks), moves="psm")
    layout = lay_out(planned(Counted, stages(mlp(3, 160, 2)), system), system, 1500, team=1)
    assert layout.mapped[1].parts > banks
    for lanes, outputs in layout.slots(0, 0):
        (wave,) = layout.hand_on(0, lanes, outputs.tolist())
        assert len(wave) == len(lanes)
        assert all(layout.at(one).bank != layout.at(two).bank for one, two in wave)


def test_stages_lie_side_by_side_where_they_fit() -> None:
    system = System(DDR3, ModelOptions(), moves="psm")
    found = planned(Counted, stages(mlp(300, 200, 250, 500, 10)), system)
    # 300, then 200 above it, then 250 from 0 on again; 500 more do not fit beside 250 of 1,006.
    assert [step.laid.first_row for step in found] == [0, 300, 0, 300]
    found = planned(Counted, stages(mlp(600, 500, 10)), system)
    assert [(step.first, step.placed) for step in found] == [(0, False), (1, False)]
    found = planned(Trees, stages(mlp(300, 200, 250, 500, 10)), system)
    assert [step.laid.first_row for step in found] == [0, 300, 0, 300]


def test_what_follows() -> None:
    rng = np.random.default_rng(0)
    conv = Conv2D("c", rng.normal(size=(3, 3, 1, 4)).astype(np.float32), None, None, SIGN)
    one = np.ones(4, np.float32)
    norm = BatchNorm("n", one, one, one, one, 1e-3)
    dense = [
        Dense(f"d{n}", rng.normal(size=shape).astype(np.float32), None, SIGN, SIGN)
        for n, shape in enumerate([(64, 8), (8, 6), (6, 3)])
    ]
    network = Network("mixed", (6, 6, 1), (conv, norm, Flatten("flat"), *dense))
    found = lower(network, ENCODINGS["uint8"])
    assert [stage.name for stage in found] == ["c", "d0", "d1", "d2"]
    # Positions are columns, and no operands of others.
    assert consecutive(network, found, [True] * 4) == [range(1, 4)]
    assert consecutive(network, found, [True, True, False, True]) == []
    assert consecutive(network, found, [True, True, True, False]) == [range(1, 3)]
    network = mlp(9, 8, 7)
    apart = lower(network, None)
    assert consecutive(network, apart, [True] * 2) == [range(2)]
    assert consecutive(network, apart[:1], [True]) == []


def test_what_several_layers_read_is_read_out() -> None:
    rng = np.random.default_rng(0)
    dense = [
        Dense(f"d{n}", rng.normal(size=shape).astype(np.float32), None, SIGN, SIGN)
        for n, shape in enumerate([(9, 8), (8, 8), (8, 8), (8, 3)])
    ]
    layers = (*dense[:3], Merge("add", "add"), dense[3])
    network = Network("residual", (9,), layers, inputs=((-1,), (0,), (1,), (0, 2), (3,)))
    found = lower(network, None)
    runs = [[stage.name for stage in found[run.start : run.stop]] for run in
            consecutive(network, found, [True] * len(found))]  # fmt: skip
    assert runs == [["d1", "d2"]]  # d0 is added, and the sum is the host's
    x = rng.normal(size=(20, 9)).astype(np.float32)
    done = run(network, x, None, System(DDR3, ModelOptions()), MAPPING, chain="always")
    assert done.bit_exact
    assert [choice.names for choice in done.chains] == [("d1", "d2")]


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


def test_three_hundred_stages_are_chained_under_either_mapping() -> None:
    network = mlp(*[3] * 301)  # so few outputs that there are few ways to share an adder
    for mapping in (MAPPING, TREE):
        done = ran(network, 20, mapping=mapping)
        assert done.bit_exact
        assert [len(choice.names) for choice in done.chains] == [300]
        assert done.chains[0].layout is not None


@pytest.mark.slow
def test_it_is_chosen_among_mappings_by_the_product_of_time_and_energy() -> None:
    network, system = mlp(200, 120, 100, 10), System(DDR3, ModelOptions())

    def booked(mapping: str, chain: str) -> Estimate:
        return estimate.of_network(network, None, 60_000, system, mapping, chain=chain)

    def price(done: Estimate) -> float:
        costs = [layer.ledger.cost(phase) for layer in done.layers for phase in PHASES]
        latency_ps = sum(cost.latency_ps for cost in costs)
        return latency_ps * sum(cost.total_pj for cost in costs)

    every = {(m, c): booked(m, c) for m in (MAPPING, TREE) for c in ("never", "always")}
    chosen = booked("auto", "auto")
    assert price(chosen) <= min(map(price, every.values()))
    (choice,) = chosen.chains
    assert choice.layout is not None
    assert choice.mapping == TREE
    assert {layer.mapping for layer in chosen.layers} == {TREE}


@pytest.mark.slow
def test_it_is_chosen_by_time() -> None:
    few, many = mlp(40, 20, 10), mlp(200, 100, 10)
    auto, never = (ran(few, 70, chain) for chain in ("auto", "never"))
    (choice,) = auto.chains
    assert choice.layout is None
    assert choice.text == "d0 to d1 not chained: it would gain nothing"
    assert choice.chained_ps is not None
    assert choice.chained_ps >= choice.apart_ps
    assert auto.layers[0].ledger.cost("compute") == never.layers[0].ledger.cost("compute")
    auto, always = (ran(many, 60_000, chain, check=False) for chain in ("auto", "always"))
    never = ran(many, 60_000, "never", check=False)

    def latency_ps(done: NetworkRun) -> int:
        return sum(layer.ledger.cost(p).latency_ps for layer in done.layers for p in PHASES)

    assert latency_ps(auto) == latency_ps(always) < latency_ps(never)
    assert auto.chains[0].text.startswith("d0 to d1 chained: outputs over ")
    assert auto.chains[0].operands("d1") == "the layer before, in the same subarray"
    assert auto.chains[0].operands("d0") is None


@pytest.mark.parametrize(
    ("chain", "mapping", "widths", "banks", "message"),
    [
        ("maybe", MAPPING, (9, 8, 7), 8, "`chain` must be one of never, auto, always, not 'maybe'"),
        (
            "always",
            "weight-stationary",
            (9, 8, 7),
            8,
            "`chain` must be never or auto for weight-stationary, not 'always'",
        ),
        (
            "always",
            MAPPING,
            (40, 1100, 5),
            1,
            "a chain through 'd1' must have another bank to copy through",
        ),
    ],
)
def test_refused(
    chain: str, mapping: str, widths: tuple[int, ...], banks: int, message: str
) -> None:
    network = mlp(*widths)
    with pytest.raises(InputError) as caught:
        run(
            network,
            images(network, 3),
            None,
            System(DDR3, ModelOptions(banks=banks)),
            mapping,
            chain=chain,
        )
    assert str(caught.value) == message
    done = run(
        network,
        images(network, 3),
        None,
        System(DDR3, ModelOptions(banks=banks)),
        mapping,
        chain="auto",
    )
    assert done.bit_exact


def test_a_stage_is_planned_twice_however_many_share_its_subarray(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once as the last of them, and once with operands of the next beside its own."""
    network, system = mlp(*[4] * 13), System(SHALLOW, ModelOptions())
    stages = [one for one in lower(network, None, system.data_rows) if isinstance(one, Stage)]
    times: dict[str, int] = defaultdict(int)
    plan = counted.plan

    def watched(stage: Stage, *args: Any, **options: Any) -> Any:
        times[stage.name] += 1
        return plan(stage, *args, **options)

    monkeypatch.setattr(counted, "plan", watched)
    found = planned(Counted, stages, system)
    assert sum(step.placed for step in found) == len(stages) - 1  # all of them share one
    assert max(times.values()) == 2
