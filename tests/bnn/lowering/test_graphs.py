"""Networks with branches: structure, what is decided where, and runs against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnn import reference
from bnn.lowering.lower import lower
from bnn.lowering.operand_analysis import analyse
from bnn.lowering.stage import HostStage, Stage
from bnn.lowering.thresholds import questions
from bnn.mapping import MAPPINGS
from bnn.model.layers.activation import Rectifier
from bnn.model.layers.merge import Concatenate
from bnn.model.layers.pooling import AveragePool2D, Reduce
from bnn.model.layers.transposed import Conv2DTranspose
from bnn.model.network import (
    INPUT,
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    LocallyConnected,
    MaxPool2D,
    Merge,
    Network,
    Pad,
)
from bnn.run.execute import Execution, run
from bnn.system.system import System
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load
from pimsim.errors import InputError

SIGN = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
STANDARD = load("ddr3-1600-8-8-8")
OPERANDS = ("ste_sign", "ste_heaviside", "ste_tern(0.5)", "dorefa(2)", None)
WEIGHTS = ("ste_sign", "ste_tern(0.5)", "dorefa(2, weights)", "magnitude_aware_sign", None)


def latent(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.normal(size=shape).astype(np.float32)


class Builder:
    """Puts random layers behind what is there."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.layers: list[Layer] = []
        self.inputs: list[tuple[int, ...]] = []
        self.shapes: list[tuple[int, ...]] = []
        self.start = (4, 5, int(rng.integers(1, 4)))

    def shape(self, place: int) -> tuple[int, ...]:
        return self.start if place == INPUT else self.shapes[place]

    def add(self, layer: Layer, *sources: int) -> int:
        self.shapes.append(layer.shape_after(*(self.shape(i) for i in sources)))
        self.layers.append(layer)
        self.inputs.append(sources)
        return len(self.layers) - 1

    def step(self) -> None:
        """Add one random layer behind a random place."""
        rng, name = self.rng, f"l{len(self.layers)}"
        source = int(rng.integers(-1, len(self.layers)))
        if rng.random() < 0.6:  # rather a chain than a bush
            source = len(self.layers) - 1
        shape = self.shape(source)
        channels = shape[-1]
        kind = rng.choice([*"CCCNNNRMPAZDTGS"])
        quantizers = {
            "input_quantizer": rng.choice(np.array(OPERANDS, object), p=[0.4, 0.2, 0.1, 0.1, 0.2]),
            "kernel_quantizer": rng.choice(np.array(WEIGHTS, object)),
        }
        outputs = int(rng.choice([channels, int(rng.integers(1, 5))]))
        match kind:
            case "C":
                window = {"padding": "same", "pad_values": float(rng.integers(-1, 2))}
                kernel = latent(rng, 2, 3, channels, outputs)
                self.add(Conv2D(name, kernel, None, **quantizers, **window), source)
            case "D":
                kernel = latent(rng, 2, 2, channels, int(rng.integers(1, 3)))
                self.add(
                    Conv2D(name, kernel, None, **quantizers, padding="same", depthwise=True), source
                )
            case "T":
                kernel = latent(rng, 2, 2, outputs, channels)
                self.add(Conv2DTranspose(name, kernel, None, **quantizers, padding="same"), source)
            case "N":
                self.add(self.norm(name, channels), source)
            case "R":
                self.add(Rectifier(name, slope=float(rng.choice([0, 0.25]))), source)
            case "S":
                function = str(rng.choice(["ste_sign", "ste_heaviside", "dorefa(2)", "tanh"]))
                self.add(Activation(name, function), source)
            case "P":
                self.add(MaxPool2D(name, (2, 2), (1, 1), "same"), source)
            case "A":
                self.add(AveragePool2D(name, (2, 2), (1, 1), "same"), source)
            case "Z":
                self.add(Pad(name, ((0, 1), (0, 0))), source)
            case "G":
                self.add(Reduce(name, "max", (1, 2), keep=True), source)
            case "M":
                same = [i for i in range(-1, len(self.layers)) if self.shape(i) == shape]
                other = int(rng.choice(same))
                operation = str(rng.choice(["add", "maximum", "multiply", "subtract"]))
                self.add(Merge(name, operation), source, other)

    def norm(self, name: str, channels: int) -> BatchNorm:
        rng = self.rng
        mean = rng.integers(-3, 4, channels) * rng.choice([1.0, 0.37], channels)
        gamma = rng.choice([1.0, -1.0, 0.5, 0.0], channels)
        arrays = (a.astype(np.float32) for a in (mean, rng.uniform(0.5, 2, channels), gamma))
        return BatchNorm(name, *arrays, None, 1e-3)

    def network(self) -> Network:
        """Join all loose ends, and decide."""
        used = {i for sources in self.inputs for i in sources}
        ends = [i for i in range(len(self.layers)) if i not in used]
        flat = [self.add(Flatten(f"flat{i}"), i) for i in ends]
        last = flat[0] if len(flat) == 1 else self.add(Concatenate("all"), *flat)
        self.add(Dense("out", latent(self.rng, self.shapes[last][0], 3), None, **SIGN), last)
        return Network("random", self.start, tuple(self.layers), "", tuple(self.inputs))


@pytest.mark.parametrize("mapping", MAPPINGS)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 14))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_random_graphs_run_as_the_reference_computes(mapping: str, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    builder = Builder(rng)
    for _ in range(count):
        builder.step()
    network = builder.network()
    x = (rng.integers(-12, 13, (2, *network.input_shape)) / 8).astype(np.float32)
    done = run(
        network,
        x,
        None,
        System(STANDARD, ModelOptions()),
        mapping,
        execution=Execution(compiled=False),
    )
    assert done.bit_exact
    analysis = analyse(network.before_softmax(), None)
    in_dram = {layer.name for layer in done.layers if layer.where == "dram"}
    assert in_dram == {network.layers[i].name for i in analysis.fed}


def test_the_reference_of_a_residual_network_is_the_definition() -> None:
    rng = np.random.default_rng(0)
    one, two = (latent(rng, 3, 3, 2, 2) for _ in range(2))
    norm = Builder(rng).norm("n", 2)
    network = Network(
        "residual",
        (5, 5, 2),
        (
            Conv2D("a", one, None, **SIGN, padding="same"),
            norm,
            Merge("add", "add"),
            Conv2D("b", two, None, **SIGN, padding="same"),
            Merge("again", "add"),
        ),
        inputs=((INPUT,), (0,), (1, INPUT), (2,), (3, 2)),
    )
    x = latent(rng, 3, 5, 5, 2)

    def conv(values: Any, kernel: Any) -> Any:
        signs = np.pad(np.where(values >= 0, 1.0, -1.0), ((0, 0), (1, 1), (1, 1), (0, 0)))
        weights = np.where(kernel >= 0, 1.0, -1.0)
        parts = (signs[:, i : i + 5, j : j + 5] @ weights[i, j] for i in range(3) for j in range(3))
        return sum(parts)

    scale = norm.gamma / np.sqrt(norm.variance.astype(float) + norm.epsilon)
    middle = (conv(x, one) - norm.mean) * scale + x
    wanted = conv(middle, two) + middle
    np.testing.assert_allclose(reference.forward(network, x, None).logits, wanted, rtol=1e-5)


@pytest.mark.parametrize("operation", ["add", "multiply", "subtract"])
def test_signs_behind_a_negative_gamma_meet_as_minus_one_and_plus_one(operation: str) -> None:
    """hls4ml 1.3 takes the bits of such signs, and inverts them.

    See findings/hls4ml-adds-bits-of-signs.sh and findings/hls4ml-negative-scale-before-sign.sh.
    """
    rng = np.random.default_rng(0)
    first, second, last = latent(rng, 8, 6), latent(rng, 8, 6), latent(rng, 6, 3)
    gamma = np.array([1, -1, 0.5, -2, -0.75, 3], np.float32)
    mean, variance = np.full(6, 0.5, np.float32), np.ones(6, np.float32)
    layers = (
        Dense("first", first, None, **SIGN),
        BatchNorm("norm", mean, variance, gamma, None, 1e-3),
        Activation("sign", "ste_sign"),
        Dense("second", second, None, **SIGN),
        BatchNorm("norm again", mean, variance, gamma, None, 1e-3),
        Activation("sign again", "ste_sign"),
        Merge("both", operation),
        Dense("out", last, None, **SIGN),
    )
    sources = ((INPUT,), (0,), (1,), (INPUT,), (3,), (4,), (2, 5), (6,))
    x = latent(rng, 20, 8)
    done = run(
        Network("signs", (8,), layers, inputs=sources),
        x,
        None,
        System(STANDARD, ModelOptions()),
        "output-stationary",
        execution=Execution(compiled=False),
    )

    def signs(values: Any) -> Any:
        return np.where(values >= 0, 1, -1)

    one, two = (signs((signs(x) @ signs(w) - mean) * gamma) for w in (first, second))
    assert {-1, 1} == set(one.flat) == set(two.flat)
    both = getattr(np, operation)(one, two)
    assert done.bit_exact
    np.testing.assert_array_equal(done.logits, signs(both) @ signs(last))


def fork(*ends: Layer) -> Network:
    """A binary layer and a BatchNorm whose values two layers are fed with."""
    first = Dense("first", np.ones((4, 4), np.float32), None, **SIGN)
    norm = BatchNorm("norm", *(np.ones(4, np.float32) for _ in range(3)), None, 1e-3)
    inputs = ((INPUT,), (0,), (1,), (1,), (2, 3))
    return Network("fork", (4,), (first, norm, *ends, Concatenate("all")), inputs=inputs)


def test_a_branch_is_decided_in_rows_only_if_all_ask_the_same() -> None:
    kernel = np.ones((4, 2), np.float32)

    def dense(name: str, quantizer: str | None) -> Dense:
        return Dense(name, kernel, None, quantizer, "ste_sign")

    def first(*ends: Layer) -> Stage:
        stage = lower(fork(*ends), None)[0]
        assert isinstance(stage, Stage)
        return stage

    both = first(dense("a", "ste_sign"), dense("b", "approx_sign"))
    assert both.thresholds is not None
    assert both.end == 2
    mixed = first(dense("a", "ste_sign"), dense("b", "ste_heaviside"))
    real = first(dense("a", "ste_sign"), dense("b", None))
    assert mixed.thresholds is real.thresholds is None
    steps = first(dense("a", "ste_heaviside"), dense("b", "ste_heaviside"))
    assert steps.thresholds is not None
    assert steps.gives.low == 0
    network = fork(dense("a", "ste_sign"), dense("b", "ste_sign"))
    assert questions(network) == (None, "ste_sign", None, None, None)


def test_what_was_put_aside_is_fetched_again() -> None:
    kernel = np.ones((3, 3, 2, 2), np.float32)
    layers: tuple[Layer, ...] = (
        Activation("start", "tanh"),
        Conv2D("conv", kernel, None, **SIGN, padding="same"),
        Merge("add", "add"),
    )
    network = Network("n", (4, 4, 2), layers, inputs=((INPUT,), (0,), (1, 0)))
    start, _, add = lower(network, None)
    assert isinstance(start, HostStage)
    assert isinstance(add, HostStage)
    assert (start.fetched, add.fetched) == (0, 4 * 4 * 2)
    direct = Network("n", (4, 4, 2), layers[1:], inputs=((INPUT,), (0, INPUT)))
    _, add = lower(direct, None)
    assert isinstance(add, HostStage)
    assert add.fetched == 4 * 4 * 2
    x = np.zeros((3, 4, 4, 2), np.float32)
    done = run(
        network,
        x,
        None,
        System(STANDARD, ModelOptions()),
        "output-stationary",
        execution=Execution(compiled=False),
    )
    reads = [layer.ledger.counts("inputs").rd for layer in done.layers]
    assert reads[0] == 0
    assert reads[2] == -(-3 * 32 * 32 // 512)


def test_a_locally_connected_layer_is_a_stage_for_each_position() -> None:
    rng = np.random.default_rng(1)
    kernel = latent(rng, 6, 8, 3)
    layer = LocallyConnected("l", kernel, None, **SIGN, size=(2, 2), strides=(1, 1))
    stages = lower(Network("n", (3, 4, 2), (layer,)), None)
    assert [stage.name for stage in stages] == [f"l[{place}]" for place in range(6)]
    assert all(isinstance(stage, Stage) and stage.windows.positions == 1 for stage in stages)
    assert sum(stage.macs for stage in stages) == layer.kernel.size


def test_a_layer_that_feeds_nothing_is_refused() -> None:
    layers = Activation("a", "relu"), Activation("b", "relu")
    with pytest.raises(InputError) as caught:
        Network("n", (2,), layers, inputs=((INPUT,), (INPUT,)))
    assert str(caught.value) == "layer 'a' must lie between the input and the output"


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (
            Merge("m", "add"),
            ((3, 2), (2, 3)),
            "inputs of layer 'm' must have shapes that fit each other, not (3, 2) and (2, 3)",
        ),
        (Merge("m", "add"), ((3,),), "layer 'm' must have two or more inputs, not 1"),
        (Merge("m", "subtract"), ((3,),) * 3, "layer 'm' must have two inputs, not 3"),
        (
            Concatenate("c", -2),
            ((3, 2), (3, 4)),
            "inputs of layer 'c' must have shapes that fit each other, not (3, 2) and (3, 4)",
        ),
    ],
)
def test_inputs_that_do_not_fit(
    layer: Layer, shapes: tuple[tuple[int, ...], ...], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        layer.shape_after(*shapes)
    assert str(caught.value) == message
