"""Which parts and homes have room for an output tree, found out before it is laid out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn.lowering.lower import lower
from bnn.lowering.stage import Stage
from bnn.mapped.placement.fan_in import Chunk, fit
from bnn.mapped.placement.placement import tiles_of, tiling
from bnn.mapping.dataflows.output_tree import division
from bnn.mapping.dataflows.output_tree.division import cheapest
from bnn.mapping.dataflows.output_tree.items import Items
from bnn.mapping.dataflows.output_tree.layout import Layout, Way
from bnn.mapping.dataflows.output_tree.room import likeness
from bnn.model.network import Conv2D, Dense, Flatten, Layer, MaxPool2D, Network
from bnn.system.mitigation import NONE, Mitigation
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
from pimsim.dram.array.address_map import ambit
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.errors import OutOfRowsError
from pimsim.microprogram.output_tree import group, known
from pimsim.microprogram.output_tree.group import FanIn
from pimsim.microprogram.output_tree.tree import Tree, shaped
from pimsim.remembered import Known

SIGN = "ste_sign"


def _divided_stages() -> Iterator[Stage]:
    """Stages whose fan-in is over several subarrays, some with zero padding and pooling."""
    rng = np.random.default_rng(2)

    def signs(*shape: int) -> NDArray[np.float32]:
        return rng.choice(np.float32([-1, 1]), shape)

    wide = Network("wide", (900,), (Dense("d", signs(900, 16), None, SIGN, SIGN),))
    for padding in (0.0, -1.0):
        conv = Conv2D("c", signs(3, 3, 40, 9), None, SIGN, SIGN, padding="same", pad_values=padding)
        layers: list[Layer] = [conv, MaxPool2D("p", (2, 2), (2, 2))]
        for some in (layers, layers[:1]):
            yield _lowered(Network("pictures", (6, 6, 40), (*some, Flatten("f"))))
    yield _lowered(wide)


def _lowered(network: Network) -> Stage:
    first = lower(network, ENCODINGS["bipolar"], 500)[0]
    assert isinstance(first, Stage)
    return first


def _every_block(error: group.NoRoomError, free: int, _: int) -> None:
    """Have every block attempted, also if it can make no difference."""
    OutOfRowsError.__init__(error, group.too_few(free))
    error.longest = 1 << 62


@pytest.mark.parametrize("rows", [144, 192])
def test_what_has_no_room_is_found_out_sooner_and_nothing_else_is_chosen(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ddr3 = replace(load("ddr3-1600-8-8-8"), rows_per_subarray=rows)
    refused, tried, homes = 0, 0, 0

    def chosen(stage: Stage) -> object:
        monkeypatch.setattr(division, "DIVISIONS", Known(size_bytes=1 << 20))
        monkeypatch.setattr(division, "DIVIDED", Known(size_bytes=1 << 20))
        monkeypatch.setattr(known, "PLANS", Known(size_bytes=8 << 20))
        price, layout, groups = cheapest(stage, System(ddr3, ModelOptions()), 40)
        return price, layout.chunks, layout.way, groups

    sooner, sizes = division.require_room, division.subarrays_of

    def told(stage: Stage, system: System, chunks: list[Chunk], way: Way, tree: Tree) -> None:
        """What has no room sooner has none later, either.

        The words may be about another part, but nobody reads them.
        """
        nonlocal refused, tried, homes
        tried += 1
        try:
            sooner(stage, system, chunks, way, tree)
        except OutOfRowsError as error:
            refused += 1
            homes += isinstance(error, group.NoRoomError)
            with pytest.raises(OutOfRowsError, match="rows"):
                Layout(stage, system, chunks, way).sample(tree)
            raise

    for stage in _divided_stages():
        with monkeypatch.context() as patched:
            patched.setattr(division, "require_room", told)
            found = chosen(stage)
        with monkeypatch.context() as patched:
            patched.setattr(division, "require_room", lambda *_: None)
            patched.setattr(division, "subarrays_of", lambda *_: 0)
            patched.setattr(division, "_fewest", lambda *_, **__: 0)
            patched.setattr(group.NoRoomError, "__init__", _every_block)
            assert chosen(stage) == found
    assert 0 < homes < refused < tried

    for tmr, way in product(("", "time", "banks"), (Way(False, 1), Way(True, 1))):
        system = System(ddr3, ModelOptions(), mitigation=Mitigation(tmr=tmr) if tmr else NONE)
        dense = Dense("d", np.ones((40, 4), np.float32), None, SIGN, SIGN)
        stage = _lowered(Network("n", (40,), (dense,)))
        chunks = [Chunk(slice(0, 20), slice(0, 1)), Chunk(slice(20, 40), slice(0, 1))]
        layout = Layout(stage, system, chunks, way)
        assert layout.subarrays == sizes(stage, system, len(chunks), way)


def test_a_home_that_is_refused_sooner_has_no_room_for_the_planner_either() -> None:
    rng, refused, planned = np.random.default_rng(5), 0, 0
    for outputs in (1, 2, 4, 8) * 12:
        sizes = rng.integers(8, 60, int(rng.integers(2, 9)))
        signs = [rng.choice(np.int8([-1, 1]), (size, outputs)) for size in sizes]
        ends = 2 + sizes + [int(rng.integers(3, 130)), *[400] * (len(sizes) - 1)]
        fan_in = [
            FanIn.over(some, range(2, 2 + len(some)), int(end))
            for some, end in zip(signs, ends, strict=True)
        ]

        def coming(leaf: tuple[int, ...], others: list[NDArray[np.int8]] = signs[1:]) -> int:
            alike = [int((some[:, leaf[0]] == some[:, leaf[-1]]).sum()) for some in others]
            unlike = [len(some) - same for some, same in zip(others, alike, strict=True)]
            return sum(count.bit_length() for count in (*alike, *unlike))

        tree, kappas = shaped(range(outputs)), np.full(outputs, 1 - sizes.sum() % 2)
        planning = tree, fan_in, kappas, np.arange(500, 500 + outputs), ambit()
        try:
            group.require_home(tree, set(), fan_in[0], coming, ambit())
        except OutOfRowsError as error:
            refused += 1
            with pytest.raises(OutOfRowsError, match=re.escape(str(error))):
                group.plan(*planning)
            continue
        with suppress(OutOfRowsError):  # of the home only a part is known sooner
            group.plan(*planning)
            planned += 1
    assert refused > 5
    assert planned > 5


def test_a_fan_in_is_divided_once_for_all_numbers_of_positions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(4)
    ddr3 = replace(load("ddr3-1600-8-8-8"), rows_per_subarray=160)
    divided = 0

    def counted(*fan_in: Any) -> Any:
        nonlocal divided
        divided += 1
        return fit(*fan_in)

    monkeypatch.setattr(division, "fit", counted)

    def chosen(stage: Stage, system: System) -> object:
        monkeypatch.setattr(division, "DIVISIONS", Known(size_bytes=1 << 20))
        price, layout, groups = cheapest(stage, system, 20)
        return price, layout.chunks, layout.way, groups

    for pooled, padding in product((1, 2), (-1.0, 0.0)):
        channels, outputs = (int(n) for n in rng.integers((30, 4), (70, 12)))
        weights = rng.choice(np.float32([-1, 1]), (3, 3, channels, outputs))
        system, stages = System(ddr3, ModelOptions()), []
        for sides in rng.integers(2, 5, (3, 2)):
            conv = Conv2D("c", weights, None, SIGN, SIGN, padding="same", pad_values=padding)
            pool = MaxPool2D("p", (pooled, pooled), (pooled, pooled))
            shape = tuple(int(pooled * side) for side in sides)
            layers = (conv, pool) if pooled > 1 else (conv,)
            stages.append(_lowered(Network("n", (*shape, channels), (*layers, Flatten("f")))))
        assert len({likeness(stage) for stage in stages}) == 1
        assert bool(likeness(stages[0])) == bool(padding)
        anew = []
        for stage in stages:
            monkeypatch.setattr(division, "DIVIDED", Known(size_bytes=1 << 20))
            anew.append(chosen(stage, system))
        often, divided = divided, 0
        monkeypatch.setattr(division, "DIVIDED", Known(size_bytes=1 << 20))
        assert [chosen(stage, system) for stage in stages] == anew
        assert divided < often if padding else divided == often
        divided = 0
        other = replace(stages[0], weights=-stages[0].weights)
        assert not padding or likeness(other) != likeness(stages[0])


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=6))
def test_rows_stand_for_others_one_for_one(pairs: list[tuple[int, int]]) -> None:
    rows, others = np.array(pairs, np.int64).reshape(-1, 2).T
    signs, weights = np.ones((len(pairs), 1), np.int8), np.zeros(len(pairs), np.int64)
    one, other = (Items(signs, each, weights) for each in (rows, others))
    alike = all(len({pair[n] for pair in pairs}) == len(set(pairs)) for n in (0, 1))
    assert one.alike(other) is alike
    assert other.alike(one) is alike
    assert not one.alike(Items(-signs, others, weights)) or not pairs


@given(st.integers(1, 40), st.integers(1, 300), st.integers(1, 200))
def test_tiles_are_counted_without_being_made(images: int, positions: int, columns: int) -> None:
    assert tiles_of(images, positions, columns) == len(tiling(images, positions, columns))
