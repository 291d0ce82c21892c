"""Compiled stages give every sum and every bit that the integer reference gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn import reference
from bnn.backends import compiled
from bnn.backends.compiled import CompiledStage
from bnn.backends.prepare import prepare
from bnn.lowering.lower import lower
from bnn.lowering.stage import HostStage, Stage
from bnn.mapped.mapped_stage import Result, StageInputs
from bnn.mapping import MAPPINGS
from bnn.mapping.dataflows.output_stationary import map_stage
from bnn.model.network import Conv2D, Dense, Flatten, Layer, MaxPool2D, Network
from bnn.reference.checker import SumChecker
from bnn.run.execute import run
from bnn.run.flow import Flow
from bnn.system.ledger import CommandLedger
from bnn.system.system import Occupancy, System
from bnn.values.encoding import ENCODINGS
from pimsim.dram.array.address_map import ambit
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.executors.compiled.codegen.emit import Compiler
from pimsim.executors.compiled.run import read_rows
from pimsim.executors.compiled.run.driver import drive

from ..random_layers import norm_of

SIGN = "ste_sign"
STANDARD = load("ddr3-1600-8-8-8")
SLOW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _network(rng: np.random.Generator, *, first: int, width: int, classes: int) -> Network:
    """Two convolutions, padded with 0 or 1 and perhaps pooled, and two dense layers."""
    layers: list[Layer] = []
    side, channels = 6, first
    for number in range(2):
        kernel = rng.normal(size=(3, 3, channels, width)).astype(np.float32)
        layers.append(
            Conv2D(
                f"c{number}",
                kernel,
                None,
                SIGN if number else None,
                SIGN,
                padding="same" if side < 4 or rng.random() < 0.5 else "valid",
                pad_values=float(rng.choice([0.0, 1.0])) if number else 1.0,
            )
        )
        side, channels = layers[-1].shape_after((side, side, channels))[0], width
        if side > 2 and rng.random() < 0.6:
            layers.append(MaxPool2D(f"p{number}", (2, 2), (2, 2)))
            side //= 2
        layers.append(norm_of(rng, f"n{number}", width))
    layers.append(Flatten("flat"))
    fan_in = side * side * width
    layers.append(
        Dense("d", rng.normal(size=(fan_in, classes)).astype(np.float32), None, SIGN, SIGN)
    )
    return Network("random", (6, 6, first), tuple(layers))


@pytest.mark.slow
@SLOW
@given(
    seed=st.integers(0, 2**32 - 1),
    width=st.integers(1, 9),
    images=st.integers(1, 5),
    rows=st.sampled_from([1006, 500, 300]),
    at_a_time=st.sampled_from([1, 2, 100]),
    threads=st.integers(1, 2),
    look=st.booleans(),
)
def test_sums_bits_and_logits_are_those_of_the_reference(
    seed: int, width: int, images: int, rows: int, at_a_time: int, threads: int, look: bool
) -> None:
    rng = np.random.default_rng(seed)
    encoding = ENCODINGS["symmetric"]
    network = _network(rng, first=int(rng.integers(1, 3)), width=width, classes=3)
    grey = rng.integers(0, encoding.largest + 1, (images, *network.input_shape))
    x: NDArray[np.float32] = encoding.levels()[grey]
    expected = reference.forward(network, x, encoding)
    flow = Flow(network, x, encoding)
    for stage in lower(network, encoding):
        if isinstance(stage, HostStage):
            flow.run_on_host(stage)
            continue
        operands = flow.operands(stage)
        fed = expected.operands[stage.name]
        np.testing.assert_array_equal(
            operands.integers().reshape(fed.shape), fed if stage.encoded else fed > 0
        )
        audit = SumChecker(stage, flow.analysis.fed[stage.index], operands)

        with pytest.MonkeyPatch.context() as patched:
            per_image = stage.windows.positions * (rows + stage.outputs) // 8
            patched.setattr(compiled, "MEMORY_BYTES", at_a_time * per_image)
            standard = replace(STANDARD, rows_per_subarray=rows + ambit().first_data)
            (mapped,) = map_stage(stage, System(standard, ModelOptions()), images)
            done = CompiledStage(mapped, images, looking=look)
            values = done.run(operands, threads=threads, checker=audit)
        assert audit.wrong == 0
        if look or stage.thresholds is None:
            assert audit.compared == images * stage.outputs * int(
                (stage.windows.outputs >= 0).sum()
            )
        assert len(done.compiled.sorts) == 1
        flow.take(stage, Result(values, Occupancy()))
    np.testing.assert_array_equal(flow.logits(), expected.logits)


def test_pixels_that_no_window_reads_do_no_harm() -> None:
    rng = np.random.default_rng(3)
    kernel = rng.normal(size=(3, 3, 1, 2)).astype(np.float32)
    layers = (
        Conv2D("c", kernel, None, SIGN, SIGN),
        MaxPool2D("p", (2, 2), (2, 2)),  # of 5 x 5 places, the last of each side is left out
        norm_of(rng, "n", 2),
        Flatten("f"),
        Dense("d", rng.normal(size=(8, 3)).astype(np.float32), None, SIGN, SIGN),
    )
    network = Network("cropped", (7, 7, 1), layers)
    x = rng.normal(size=(9, 7, 7, 1)).astype(np.float32)
    done = run(
        network, x, None, System(load("ddr3-1600-8-8-8"), ModelOptions()), "output-stationary"
    )
    assert done.bit_exact


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("sums", [False, True])
def test_no_code_is_made_while_a_stage_runs(
    mapping: str, sums: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(4)
    layers: list[Layer] = [
        Dense("d", rng.normal(size=(40, 9)).astype(np.float32), None, SIGN, SIGN)
    ]
    if not sums:
        kernel = rng.normal(size=(9, 2)).astype(np.float32)
        layers += [norm_of(rng, "n", 9), Dense("e", kernel, None, SIGN, SIGN)]
    network, encoding = Network("dense", (40,), tuple(layers)), ENCODINGS["symmetric"]
    x = encoding.levels()[rng.integers(0, encoding.largest + 1, (700, 40))]
    for made in (*vars(read_rows).values(), drive):  # what other tests have had made
        if hasattr(made, "cache_clear"):
            made.cache_clear()
    stage = lower(network, encoding)[0]
    assert isinstance(stage, Stage)
    assert (stage.thresholds is None) == sums
    system = System(STANDARD, ModelOptions())
    execute = prepare(MAPPINGS[mapping].map_stage(stage, system, len(x)), len(x), compiled=True)
    flow = Flow(network, x, encoding)
    inputs = StageInputs(flow.operands(stage), CommandLedger(system), 2)
    monkeypatch.setattr(Compiler, "function", None)
    flow.take(stage, execute(inputs))
    monkeypatch.undo()
    expected = reference.forward(network, x, encoding)
    if sums:
        np.testing.assert_array_equal(flow.logits(), expected.logits)
