"""Compiled weight-stationary stages give every sum and every bit of the integer reference."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import cycle, pairwise, product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn import reference
from bnn.backends import compiled
from bnn.backends.compiled import CompiledStage
from bnn.lowering.lower import lower
from bnn.lowering.stage import HostStage, Stage
from bnn.mapped.mapped_stage import Result
from bnn.mapping.dataflows import weight_stationary
from bnn.model.geometry import Padding
from bnn.model.network import Conv2D, Dense, Flatten, Layer, MaxPool2D, Network
from bnn.reference.checker import SumChecker
from bnn.run.flow import Flow
from bnn.system.system import Occupancy, System
from bnn.values.encoding import ENCODINGS, Encoding
from pimsim.dram.array.address_map import ambit
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load

from ..planned_once import planned_once
from ..random_layers import norm_of

SIGN = "ste_sign"
SLOW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _system(rows: int) -> System:
    """A part with so many data rows."""
    standard = replace(load("ddr3-1600-8-8-8"), rows_per_subarray=rows + ambit().first_data)
    return System(standard, ModelOptions())


def _dense(rng: np.random.Generator, name: str, inputs: int, outputs: int) -> Dense:
    return Dense(name, rng.normal(size=(inputs, outputs)).astype(np.float32), None, SIGN, SIGN)


def _conv(rng: np.random.Generator, name: str, channels: int, outputs: int, pad: float) -> Conv2D:
    kernel = rng.normal(size=(3, 3, channels, outputs)).astype(np.float32)
    return Conv2D(name, kernel, None, SIGN, SIGN, padding="same", pad_values=pad)


@st.composite
def _mlp(draw: st.DrawFn) -> Network:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    widths = draw(st.lists(st.integers(1, 20), min_size=2, max_size=4))
    layers: list[Layer] = []
    for number, (inputs, outputs) in enumerate(pairwise(widths)):
        layers += [_dense(rng, f"d{number}", inputs, outputs), norm_of(rng, f"n{number}", outputs)]
    return Network("mlp", (widths[0],), (*layers, _dense(rng, "last", widths[-1], 3)))


@st.composite
def _cnn(draw: st.DrawFn) -> Network:
    """Two convolutions, the second padded with anything, each perhaps pooled beyond its edge."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels, width = draw(st.integers(1, 3)), draw(st.integers(1, 9))
    shape: tuple[int, ...] = (draw(st.integers(5, 7)), 5, channels)
    layers: list[Layer] = []
    start = shape
    for number in range(2):
        pad = draw(st.sampled_from([0.0, 1.0, -1.0])) if number else 1.0
        after: list[Layer] = [_conv(rng, f"c{number}", shape[2], width, pad)]
        after.append(norm_of(rng, f"n{number}", width))
        size = draw(st.sampled_from([1, 2, 3]))
        if size > 1:
            pool = MaxPool2D(f"p{number}", (size, size), (2, 2), "same")
            after.insert(draw(st.integers(1, 2)), pool)
        layers += after
        for layer in after:
            shape = layer.shape_after(shape)
    layers += [Flatten("flat"), _dense(rng, "last", int(np.prod(shape)), 3)]
    return Network("cnn", start, tuple(layers))


def _run(
    network: Network,
    encoding: Encoding,
    images: int,
    rows: int,
    *,
    look: bool,
    threads: int = 1,
    memory_bytes: int | None = None,
) -> list[tuple[Stage, CompiledStage]]:
    """Run every stage, compare all that comes out with the reference, and give the stages."""
    rng = np.random.default_rng(images)
    pixels = rng.integers(0, encoding.largest + 1, (images, *network.input_shape)).astype(np.uint16)
    x: NDArray[np.float32] = encoding.levels()[pixels]
    expected = reference.forward(network, x, encoding)
    flow = Flow(network, x, encoding)
    done = []
    for stage in lower(network, encoding):
        if isinstance(stage, HostStage):
            flow.run_on_host(stage)
            continue
        operands, fed = flow.operands(stage), expected.operands[stage.name]
        right = fed if stage.encoded else fed > 0
        np.testing.assert_array_equal(operands.integers().reshape(fed.shape), right)
        audit = SumChecker(stage, flow.analysis.fed[stage.index], operands)

        with pytest.MonkeyPatch.context() as patched:
            if memory_bytes is not None:
                patched.setattr(compiled, "MEMORY_BYTES", memory_bytes)
            (mapped,) = weight_stationary.map_stage(stage, _system(rows), images)
            blocks = CompiledStage(mapped, images, looking=look)
        reports: list[int] = []

        def report(done: int, total: int, reports: list[int] = reports) -> None:
            assert total == images
            reports.append(done)

        values = blocks.run(operands, threads=threads, checker=audit, report=report)
        assert audit.wrong == 0
        if look or stage.thresholds is None:
            inside = int((stage.windows.outputs >= 0).sum())
            assert audit.compared == images * stage.outputs * inside
        else:
            assert audit.compared == 0
        assert reports[-1] == images
        assert len(reports) == -(-images // blocks.images)
        done.append((stage, blocks))
        flow.take(stage, Result(values, Occupancy()))
    np.testing.assert_array_equal(flow.logits(), expected.logits)
    return done


@pytest.mark.slow
@SLOW
@given(
    network=_mlp() | _cnn(),
    encoding=st.sampled_from(["symmetric", "unit", "binary"]),
    images=st.integers(1, 70),
    rows=st.sampled_from([1006, 500]),
    memory_bytes=st.sampled_from([1, 20_000, 200_000, 128 << 20]),
    threads=st.integers(1, 2),
    look=st.booleans(),
)
def test_sums_bits_and_logits_are_those_of_the_reference(
    network: Network,
    encoding: str,
    images: int,
    rows: int,
    memory_bytes: int,
    threads: int,
    look: bool,
) -> None:
    _run(
        network,
        ENCODINGS[encoding],
        min(images, 9) if network.name == "cnn" else images,
        rows,
        look=look,
        threads=threads,
        memory_bytes=memory_bytes,
    )


POOLINGS = [(None, False), *product([(2, "valid"), (2, "same"), (3, "same")], [False, True])]


@pytest.mark.parametrize(
    ("pad", "pool", "norm_first"),
    [(pad, *POOLINGS[n % 7]) for n, pad in zip(range(9), cycle([0.0, 1.0, -1.0]), strict=False)],
)
@pytest.mark.slow
def test_a_fan_in_over_several_subarrays_in_uneven_rounds_and_blocks(
    norm_first: bool,
    pad: float,
    pool: tuple[int, Padding] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(3)
    layers: list[Layer] = [_conv(rng, "first", 2, 7, 1.0), norm_of(rng, "n", 7)]
    after: list[Layer] = [norm_of(rng, "norm", 7)]
    if pool is not None:
        after.insert(norm_first, MaxPool2D("pool", (pool[0], pool[0]), (2, 2), pool[1]))
    layers += [_conv(rng, "conv", 7, 7, pad), *after, Flatten("flat")]
    fan_in = Network("n", (5, 7, 2), tuple(layers)).shapes()[-1][0]
    network = Network("n", (5, 7, 2), (*layers, _dense(rng, "last", fan_in, 1)))
    positions = 35 if pool is None else 6 if pool[1] == "valid" else 12
    sizes = []
    run_on = partial(_run, network, ENCODINGS["unit"], 11, 140, look=True, threads=2)
    with planned_once():
        for column, wasted in product((40, 180, 330, 500), (0.0, 1.5)):
            monkeypatch.setattr(compiled, "_MOST_WASTED", wasted)  # 0: no outputs take turns
            _, (stage, blocks), _ = run_on(memory_bytes=positions * 11 * column)
            assert stage.windows.positions == positions
            (mapped,) = weight_stationary.map_stage(stage, _system(140), 11)
            assert mapped.parts > 1
            sizes.append((blocks.images, blocks.outputs))
    assert any(1 < images < 11 for images, _ in sizes)
    assert any(1 < outputs < 7 for _, outputs in sizes)


def test_memory_does_not_grow_with_images() -> None:
    rng = np.random.default_rng(0)
    network = Network("n", (600,), (_dense(rng, "a", 600, 100),))
    (stage,) = lower(network, ENCODINGS["binary"])
    assert isinstance(stage, Stage)
    (mapped,) = weight_stationary.map_stage(stage, _system(1006), 1)
    few, many = (CompiledStage(mapped, images) for images in (10**5, 10**9))
    outputs = few.outputs
    assert few.images * outputs * 1200 / 8 <= compiled.MEMORY_BYTES
    assert 0.5 < few.images / many.images < 2
