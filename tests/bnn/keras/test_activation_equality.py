"""Every activation that may stand before a quantizer is Keras's, in sign, level and value.

What is compared is ``model.predict``, on numbers of every exponent of float32 and both signs:
denormal, tiny, huge, and close to where a function ends. Keras disagrees with itself in some tails
(``Function.disputed``); outside them its eager mode has to give the same signs as well.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bnn.keras.model_file import functions_of_larq_zoo
from bnn.larq.model_file import read_model
from bnn.model import quantizers
from bnn.model.activation_functions import FUNCTIONS, disputed
from bnn.model.network import Activation, Dense, Network
from bnn.run.execute import run
from bnn.run.scoring import function_of
from bnn.system.system import System
from bnn.train import backend
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load

pytestmark = pytest.mark.larq

WIDTH = 16
TINY = float(np.finfo(np.float32).tiny)
ENDS = (0.0, TINY, 2 * TINY, 2.0**-25, 1.0, 2.5, 4.84017, 5.15785, 5.4858, 5.5426, 6.0, 7.90739,
        9.0109, 12.94995, 13.00306, 16.6355, 86.6434, 87.3366, 88.7228)  # fmt: skip
"""Magnitudes around which some function ends."""

ULPS = 100
"""Largest difference of a value, in units of its last place, where it is not near its end; numpy
and TensorFlow each have approximations of their own."""
ABSOLUTE = {"mish": 4e-6, "gelu behind dense": 2e-6, "gelu_tanh": 2e-6, "selu": 2.0**-22,
            "gelu_tanh behind dense": 2e-6}  # fmt: skip
"""Largest difference otherwise, by function; of functions not named here 2**-23. Some of Keras's
functions subtract numbers close to 1 in float32, and cannot be nearer to their own values."""

QUANTIZERS = ("ste_sign", "ste_heaviside", "ste_tern(0.05)", "dorefa(2)", "dorefa(3)", "dorefa(8)")


def _grid(largest: float) -> NDArray[np.float32]:
    rng = np.random.default_rng(25)
    mantissas = np.concatenate([np.linspace(0, 2**23 - 1, 8), rng.integers(0, 2**23, 8)])
    every = (np.arange(255, dtype=np.uint32)[:, None] << 23) | mantissas.astype(np.uint32)
    steps = np.arange(-300, 301)
    ends = np.float32(ENDS).view(np.int32)[:, None] + steps
    positive = np.concatenate([
        every.reshape(-1).view(np.float32),
        np.maximum(ends, 0).astype(np.int32).reshape(-1).view(np.float32),
        np.linspace(0, 130, 10_001).astype(np.float32),
    ])  # fmt: skip
    found = np.unique(positive[positive <= largest])
    both = np.concatenate([found, -found])
    return np.resize(both, (-(-len(both) // WIDTH), WIDTH))


def _activation(libraries: Any, name: str) -> Any:
    if name in ("hard_tanh", "leaky_tanh"):
        return getattr(libraries.larq.activations, name)
    of_larq_zoo = functions_of_larq_zoo(libraries.keras)
    if name in of_larq_zoo:
        return of_larq_zoo[name]
    return backend().tensorflow.nn.relu6 if name == "relu6" else name


def _layers(libraries: Any) -> dict[str, Any]:
    layers = libraries.keras.layers
    constant = libraries.keras.initializers.Constant
    return {
        "ELU": lambda: layers.ELU(0.3),
        "ELU of a negative": lambda: layers.ELU(-0.5),
        "LeakyReLU": layers.LeakyReLU,
        "LeakyReLU of a negative": lambda: layers.LeakyReLU(-0.2),
        "LeakyReLU of a denormal": lambda: layers.LeakyReLU(1e-40),
        "PReLU": lambda: layers.PReLU(alpha_initializer=constant(0.25)),
        "PReLU of a denormal": lambda: layers.PReLU(alpha_initializer=constant(1e-40)),
        "ReLU": lambda: layers.ReLU(max_value=6.0),
        "ReLU of a slope": lambda: layers.ReLU(negative_slope=0.1, threshold=0.5),
        "ReLU of all": lambda: layers.ReLU(max_value=4.0, negative_slope=0.1, threshold=0.25),
        "ThresholdedReLU": lambda: layers.ThresholdedReLU(0.5),
    }


def _saved(libraries: Any, kind: str, name: str, folder: Path) -> tuple[Any, Network]:
    """A network that gives what an activation makes of its inputs; a product before it copies."""
    keras, larq = libraries.keras, libraries.larq
    made = _layers(libraries).get(name)
    activation = None if made else _activation(libraries, name)
    if kind == "alone":
        shape: tuple[int, ...] = (WIDTH,)
        layers = [made() if made else keras.layers.Activation(activation)]
    elif kind == "dense":
        shape = (WIDTH,)
        layers = [larq.layers.QuantDense(WIDTH, activation=made() if made else activation)]
    else:
        shape = (1, 1, WIDTH)
        layers = [
            larq.layers.QuantConv2D(WIDTH, 1),
            made() if made else keras.layers.Activation(activation),
        ]
    model = keras.Sequential([keras.Input(shape), *layers])
    if kind != "alone":
        product = model.layers[0]
        eye = np.eye(WIDTH, dtype=np.float32)
        product.set_weights([eye.reshape(product.kernel.shape), np.zeros(WIDTH, np.float32)])
    path = folder / "net.h5"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras calls .h5 legacy
        model.save(path)
    return model, read_model(path)


def _sign(values: NDArray[Any]) -> NDArray[np.int8]:
    return quantizers.sign(values)


def _agrees(model: Any, network: Network, name: str, kind: str) -> None:
    x = _grid(3.4e38 if kind == "alone" else 1e37).reshape(-1, *network.input_shape)
    theirs = model.predict(x, batch_size=512, verbose=0).reshape(-1, WIDTH)
    eager = np.asarray(model(x, training=False)).reshape(-1, WIDTH)
    flat = x.reshape(-1, WIDTH)
    at = function_of(network.layers[-1])
    low, high = disputed(at) or (1.0, -1.0)
    elsewhere = (flat < low) | (flat > high)
    known = elsewhere | _follows(at, flat, theirs, eager)
    for precision in (np.float32, np.float64):  # that of logits, and that of decisions
        values = x.astype(precision)
        for layer in network.layers:
            values = layer.run(values)
        ours = values.reshape(-1, WIDTH)
        assert ours.dtype == precision
        wrong = (_sign(ours) != _sign(theirs)) & known
        assert not wrong.any(), (name, kind, precision, flat[wrong][:5], theirs[wrong][:5])
        wrong = (_sign(ours) != _sign(eager)) & elsewhere
        assert not wrong.any(), (name, kind, precision, flat[wrong][:5], eager[wrong][:5])
        finite = np.isfinite(theirs) & np.isfinite(ours)
        allowed = ULPS * np.spacing(np.abs(theirs)).astype(np.float64)
        allowed += ABSOLUTE.get(at, 2.0**-23)
        with np.errstate(invalid="ignore", over="ignore"):
            far = ~(np.abs(ours.astype(np.float64) - theirs) <= allowed) & finite
        assert not far.any(), (name, kind, precision, flat[far][:5], ours[far][:5], theirs[far][:5])
        for quantizer in QUANTIZERS[1:]:
            quantize = quantizers.named(quantizer).integers
            # Where half a step's border lies within what is allowed, either side is right.
            right, reach = theirs[finite], allowed[finite]
            ends = [quantize(np.float32(right + side * reach)) for side in (-1, 0, 1)]
            made = quantize(ours[finite])
            wrong = (made < np.minimum.reduce(ends)) | (made > np.maximum.reduce(ends))
            assert not wrong.any(), (name, kind, quantizer, flat[finite][wrong][:5])
        step = quantizers.heaviside
        assert np.array_equal(step(ours)[finite], step(theirs)[finite]), (name, kind)


def _follows(
    function: str, x: NDArray[Any], theirs: NDArray[Any], eager: NDArray[Any]
) -> NDArray[np.bool_]:
    """Where predict is followed among the disputed inputs: where it took the kernel measured."""
    if np.array_equal(_sign(theirs), _sign(eager)):
        return np.zeros(x.shape, np.bool_)  # no oneDNN on this processor
    wavers = function == "gelu behind dense"
    return (x < -5.5426) | (x > -5.4858) if wavers else np.ones(x.shape, np.bool_)


PRODUCTS = ("dense", "convolution")
"""Whose activations Keras may compute in the same kernel."""
NAMES = sorted(FUNCTIONS.keys() - {"softmax"})


@pytest.mark.parametrize(
    "kind", ["alone", *(pytest.param(kind, marks=pytest.mark.slow) for kind in PRODUCTS)]
)
def test_functions_are_kerass(kind: str, libraries: Any, tmp_path: Path) -> None:
    for name in [*NAMES, *_layers(libraries)]:
        if kind != "dense" or name not in _layers(libraries):
            _agrees(*_saved(libraries, kind, name, tmp_path), name, kind)


def test_the_other_gelu_is_kerass(libraries: Any) -> None:
    keras = libraries.keras

    def gelu(x: Any) -> Any:
        return keras.activations.gelu(x, approximate=True)

    model = keras.Sequential([keras.Input((WIDTH,)), keras.layers.Activation(gelu)])
    alone = Network("n", (WIDTH,), (Activation("a", "gelu_tanh"),))
    _agrees(model, alone, "gelu_tanh", "alone")
    model = keras.Sequential([keras.Input((WIDTH,)), keras.layers.Dense(WIDTH, gelu)])
    kernel, bias = np.eye(WIDTH, dtype=np.float32), np.zeros(WIDTH, np.float32)
    model.set_weights([kernel, bias])
    dense = Dense("d", kernel, bias, None, None, "gelu_tanh behind dense")
    _agrees(model, Network("n", (WIDTH,), (dense,)), "gelu_tanh", "dense")


def _network(libraries: Any, between: str, bias: bool) -> Any:
    """Two binary layers with a smooth function between them, and a head."""
    keras, layers = libraries.keras, libraries.larq.layers
    signs = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    head, _, what = between.partition(" ")
    first = keras.Input((48,))
    x = layers.QuantDense(32, use_bias=bias, **signs)(first)
    if what == "norm":
        x = keras.layers.BatchNormalization()(x)
    if what == "reshape":
        x = keras.layers.Reshape((8, 4))(x)
    x = values = keras.layers.Activation(head)(x)
    if what == "reshape":
        values = x = keras.layers.Flatten()(x)
    x = layers.QuantDense(20, **signs)(x)
    if what == "shortcut":
        x = keras.layers.Concatenate()([x, values])
    return keras.Model(first, x)


@pytest.mark.parametrize("bias", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "between",
    [*("gelu", "gelu norm", "gelu reshape", "gelu shortcut", "mish", "swish", "elu", "selu"),
     *("tanh", "softsign")],
)  # fmt: skip
def test_a_sign_behind_a_smooth_function_is_that_of_predict(
    between: str, bias: bool, libraries: Any, tmp_path: Path
) -> None:
    model = _network(libraries, between, bias)
    rng = np.random.default_rng(7)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    for layer in model.layers:
        if isinstance(layer, libraries.keras.layers.BatchNormalization):
            layer.set_weights([np.abs(w) for w in layer.get_weights()])
    x = rng.normal(size=(200, 48)).astype(np.float32)
    path = tmp_path / "net.h5"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    network = read_model(path)
    standard = load("ddr3-1600-8-8-8")
    done = run(network, x, None, System(standard, ModelOptions()), "output-stationary")
    theirs = model.predict(x, verbose=0)
    assert done.bit_exact
    assert np.array_equal(np.rint(done.logits[:, :20] - theirs[:, :20]), np.zeros((200, 20)))
    if between != "gelu norm":
        joined = bias and between in ("gelu", "gelu shortcut")
        assert (sum(done.disputed.values()) > 0) == (joined or between == "mish"), done.disputed
