"""Sums that stand in rows are held against those of the plain reference, whatever holds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn import reference
from bnn.lowering.lower import lower
from bnn.lowering.operand_analysis import analyse
from bnn.lowering.stage import Stage
from bnn.model.network import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, Network, Product
from bnn.model.operand_encoding import BIPOLAR, HEAVISIDE, TERNARY, OperandEncoding
from bnn.reference import row_kernel
from bnn.reference.checker import SumChecker
from bnn.reference.in_rows import Decided, SumsInRows
from bnn.reference.packed import PackedSums
from bnn.values.bitstrings import BitStrings
from bnn.values.linear import LinearSums
from pimsim.bits import Words, pack
from pimsim.executors.compiled.codegen.emit import compiler

SIGN = "ste_sign"
ENCODED = (BIPOLAR, HEAVISIDE, TERNARY, OperandEncoding(256, 2, -255), OperandEncoding(1 << 12))
_Sums = NDArray[np.int64]


def _in_rows(sums: _Sums, rng: np.random.Generator) -> tuple[Words, LinearSums]:
    """Rows that hold sums (outputs, columns): digits, some complemented."""
    outputs, columns = sums.shape
    low = sums.min(axis=1)
    levels = int((sums - low[:, None]).max()).bit_length() + 1
    signs = rng.choice([-1, 1], (outputs, levels))
    weights = np.int64(1) << np.arange(levels)
    bits = (sums - low[:, None])[:, None] >> np.arange(levels)[:, None] & 1
    bits = np.where(signs[..., None] < 0, 1 - bits, bits)
    constants = low + np.where(signs < 0, weights, 0).sum(axis=1)
    order = rng.permutation(outputs * levels)
    held = np.zeros((outputs * levels, columns), np.uint8)
    held[order] = bits.reshape(-1, columns)
    linear = LinearSums.alone(order.reshape(outputs, levels), signs * weights, constants)
    if rng.random() < 0.5:  # two outputs look at the same two numbers
        linear = _shared(linear)
    assert (linear.of(held) == sums).all()
    return pack(held), linear


def _shared(sums: LinearSums) -> LinearSums:
    """The same where every output looks at its own number and, for nothing, at another's."""
    numbers = sums.numbers.copy()
    numbers[:, 1] = numbers[::-1, 0]
    swapped = np.arange(len(numbers)) >= len(numbers) // 2
    multiples = sums.multiples.copy()
    numbers[swapped], multiples[swapped] = numbers[swapped, ::-1], multiples[swapped, ::-1]
    return sums._replace(numbers=numbers, multiples=multiples)


def _all_in_rows(
    laid: Sequence[NDArray[np.integer[Any]]], rng: np.random.Generator
) -> tuple[Words, list[LinearSums]]:
    """Rows that hold the sums (outputs, images, positions) of one place after the other."""
    found = [_in_rows(sums.reshape(len(sums), -1).astype(np.int64), rng) for sums in laid]
    words = np.concatenate([one for one, _ in found])
    first = np.cumsum([0, *(len(one) for one, _ in found)]).tolist()
    return words, [
        one._replace(rows=one.rows + at) for (_, one), at in zip(found, first[:-1], strict=True)
    ]


@st.composite
def _layers(draw: st.DrawFn) -> tuple[Product, tuple[int, ...]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    inputs, outputs = draw(st.sampled_from([1, 3, 8, 70])), draw(st.integers(1, 9))
    quantizer = draw(st.sampled_from([SIGN, "ste_tern(0.5)"]))
    if draw(st.booleans()):
        kernel = rng.normal(size=(inputs, outputs)).astype(np.float32)
        return Dense("d", kernel, None, None, quantizer), (6, inputs)
    kernel = rng.normal(size=(3, 2, inputs, outputs)).astype(np.float32)
    pad = float(draw(st.sampled_from([-1, 0, 1])))
    layer = Conv2D("c", kernel, None, None, quantizer, padding="same", pad_values=pad)
    return layer, (6, 5, inputs)


@given(_layers(), st.sampled_from(ENCODED), st.integers(1, 40), st.integers(0, 2**32))
@settings(max_examples=120, deadline=None)
def test_exactly_those_that_differ_are_counted(
    made: tuple[Product, tuple[int, ...]], encoding: OperandEncoding, images: int, seed: int
) -> None:
    _hold_against_the_plain_reference(*made, encoding, images, seed)


@pytest.mark.parametrize("lacking", ["gfni", "avx512bw"])
def test_a_processor_that_lacks_instructions_finds_the_same(
    lacking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel is made anew, with other instructions in their place, and run on this one."""
    monkeypatch.setitem(compiler().features, lacking, False)
    row_kernel.compared.cache_clear()
    rng = np.random.default_rng(5)
    kernel = rng.normal(size=(3, 3, 2, 6)).astype(np.float32)
    layer = Conv2D("c", kernel, None, None, SIGN, padding="same", pad_values=1.0)
    for encoding in (BIPOLAR, OperandEncoding(256, 2, -255), OperandEncoding(100)):
        _hold_against_the_plain_reference(layer, (6, 5, 2), encoding, 30, 1)
    row_kernel.compared.cache_clear()


def _hold_against_the_plain_reference(
    layer: Product, shape: tuple[int, ...], encoding: OperandEncoding, images: int, seed: int
) -> None:
    rng, pad = np.random.default_rng(seed), int(layer.pad_values)
    stored = rng.integers(0, encoding.count, (images, int(np.prod(shape[:-1])), shape[-1]))
    operands = (encoding.step * stored + encoding.low).reshape(images, *shape)
    right = reference.sums(layer, operands, pad).reshape(images, -1, layer.outputs)
    first = int(rng.integers(layer.outputs))
    places = rng.permutation(right.shape[1])[: int(rng.integers(1, right.shape[1] + 1))]
    own = right[:, places, first:].transpose(2, 0, 1).astype(np.int64)
    places[rng.random(len(places)) < 0.2] = -1
    flat = own.reshape(len(own), -1)
    limits = rng.choice(own.reshape(-1), len(own)) + rng.choice([0, 1, 1 << 20], len(own))

    changed = flat + np.where(rng.random(flat.shape) < 0.1, rng.choice([-2, 1, 40000]), 0)
    inside = np.tile(places >= 0, images)
    packed = PackedSums(layer, shape, encoding, pad)
    compared = SumsInRows(packed, layer, encoding, pad)
    strings = BitStrings.of(stored.astype(np.uint16), encoding.planes)
    ways = rng.integers(0, 2, (len(own), 2)).astype(np.bool_)
    for sums in (flat, changed):
        words, held = _in_rows(sums, rng)
        asked = compared.asked(slice(first, layer.outputs), places[None], limits, [held])
        bits = BitStrings.empty(images, len(places), layer.outputs)
        decided = Decided(bits, np.arange(len(places)), ways)
        wrong = compared.compare(strings, asked, words, np.arange(images), decided)
        assert wrong == np.count_nonzero((sums != flat)[:, inside])
        found = bits.integers().reshape(-1, layer.outputs).T
        reached = ((flat >= limits[:, None]) ^ ways[:, 1:]) & inside
        np.testing.assert_array_equal(found[first:], reached)
        assert not found[:first].any()


def _network(rng: np.random.Generator, *behind: Layer) -> Network:
    kernel = rng.normal(size=(3, 3, 2, 11)).astype(np.float32)
    layer = Conv2D("c", kernel, None, SIGN, SIGN, padding="same", pad_values=1.0)
    layers: list[Layer] = [layer, *behind, Flatten("f")]
    shape: tuple[int, ...] = (7, 5, 2)
    for one in layers:
        shape = one.shape_after(shape)
    last = Dense("d", rng.normal(size=(shape[0], 3)).astype(np.float32), None, SIGN, SIGN)
    return Network("n", (7, 5, 2), (*layers, last))


def _norm(rng: np.random.Generator) -> BatchNorm:
    signs = rng.choice([-1, 1], 11).astype(np.float32)
    mean = (4 * rng.normal(size=11)).astype(np.float32)
    return BatchNorm("b", mean, np.ones(11, np.float32), signs, None, 0.0)


BEHIND: dict[str, Callable[[np.random.Generator], tuple[Layer, ...]]] = {
    "nothing": lambda _: (),
    "a norm": lambda rng: (_norm(rng),),
    "a pooling": lambda _: (MaxPool2D("p", (2, 2), (2, 2)),),
    "a pooling beyond the edge, and a norm": lambda rng: (
        MaxPool2D("p", (2, 2), (2, 2), "same"), _norm(rng),
    ),
    "a norm, and a pooling": lambda rng: (_norm(rng), MaxPool2D("p", (3, 2), (3, 2), "same")),
    "windows that overlap": lambda rng: (_norm(rng), MaxPool2D("p", (3, 3), (2, 2))),
}  # fmt: skip


@pytest.mark.parametrize("checked", [None, [0, 1, 4, 6]])
@pytest.mark.parametrize("name", BEHIND)
def test_bits_are_those_that_the_sums_decide(name: str, checked: list[int] | None) -> None:
    rng, images = np.random.default_rng(3), 7
    network = _network(rng, *BEHIND[name](rng))
    x = rng.choice(np.float32([-1, 1]), (images, *network.input_shape))
    stage, fed = lower(network, None)[0], analyse(network, None).fed[0]
    assert isinstance(stage, Stage)
    assert stage.thresholds is not None
    run = reference.forward(network, x, None, keep_sums=True)
    sums = run.sums["c"].reshape(images, -1, 11).transpose(2, 0, 1).astype(np.int64)
    value = np.float64(run.sums["c"])
    for layer in network.layers[1 : stage.end]:
        value = layer.run(value)
    bits = (value >= 0).reshape(images, -1, 11).astype(np.uint8)
    own = list(range(images)) if checked is None else checked
    stored = ((x + 1) / 2).reshape(images, -1, 2)[own].astype(np.uint8)
    made = partial(
        SumChecker, stage, fed, BitStrings.of(stored), None,
        None if checked is None else np.array(checked), network,
    )  # fmt: skip
    for batches in ([slice(0, 7)], [slice(0, 5), slice(5, 7)]):
        checker = made()
        for batch in batches:
            laid = [sums[:, batch][:, :, windows] for windows in stage.windows.outputs]
            checker.compare_rows(batch, slice(0, 11), *_all_in_rows(laid, rng))
        assert checker.wrong == 0
        assert checker.compared == 11 * len(own) * int((stage.windows.outputs >= 0).sum())
        checker.decide(network, bits[own])
        assert checker.wrong == 0
        struck = bits[own].copy()
        struck[2, -1, 10] ^= 1
        checker.decide(network, struck)
        assert checker.wrong == 1


def test_windows_that_are_another_poolings_are_seen() -> None:
    rng = np.random.default_rng(4)
    network = _network(rng, MaxPool2D("p", (2, 2), (2, 2)))
    stage, fed = lower(network, None)[0], analyse(network, None).fed[0]
    assert isinstance(stage, Stage)
    outputs = stage.windows.outputs.copy()
    outputs[0, 0], outputs[0, 1] = outputs[0, 1], outputs[0, 0]
    bent = replace(stage, windows=replace(stage.windows, outputs=outputs))
    stored = rng.integers(0, 2, (3, 35, 2)).astype(np.uint8)
    checkers = [
        SumChecker(one, fed, BitStrings.of(stored), network=network) for one in (stage, bent)
    ]
    for one, checker in zip((stage, bent), checkers, strict=True):
        every = [checker.expected(slice(0, 3), slice(0, 11), own) for own in one.windows.outputs]
        checker.compare_rows(slice(0, 3), slice(0, 11), *_all_in_rows(every, rng))
        assert checker.wrong == 0
        bits = (np.max(every, axis=0) >= 0).transpose(1, 2, 0).astype(np.uint8)
        checker.decide(network, bits)
    assert checkers[0].wrong == 0
    assert checkers[1].wrong > 0
