"""What layers say of themselves holds: picked values, encodings, signs, and what readers make."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bnn.model import quantizers
from bnn.model.layers.activation import BatchNorm
from bnn.model.layers.convolution import Windowed
from bnn.model.layers.layer import Layer, Unary
from bnn.model.layers.merge import Concatenate, Merge, Stack
from bnn.model.layers.pooling import AveragePool2D, MaxPool2D, Reduce
from bnn.model.layers.preprocessing import Resize
from bnn.model.layers.product import Product
from bnn.model.layers.shape import Crop, Flatten, Pad, Permute, Pick, Reshape, UpSample
from bnn.model.operand_encoding import BIPOLAR, TERNARY
from bnn.model.operations.operation import Given, Operation
from bnn.model.operations.operators import FUNCTIONS
from bnn.train import backend
from pimsim.errors import InputError

SHAPE = (4, 6, 3)
EVERY_OTHER = np.arange(4 * 6 * 3).reshape(SHAPE)[::2, ::-1]
SELECTING: list[Layer] = [
    Flatten("flatten"),
    Reshape("reshape", (12, -1)),
    Permute("permute", (3, 1, 2)),
    Pick("pick", EVERY_OTHER, SHAPE),
    Crop("crop", ((1, 0), (2, 1))),
    UpSample("repeat", (2, 3)),
    Resize("resize", 3, 5, bilinear=False),
    MaxPool2D("pool", (2, 2), (2, 2)),
    Reduce("global", "max", (1, 2), keep=False),
    Reduce("largest", "max", (1,), keep=False),
    Reduce("smallest", "min", (3,), keep=True),
    Merge("maximum", "maximum"),
    Merge("minimum", "minimum"),
    Concatenate("concatenate"),
    Stack("stack", 2),
]
COMPUTING: list[Layer] = [
    Pad("pad", ((1, 1), (0, 2)), 5.0),
    Resize("resize", 3, 5, bilinear=True),
    AveragePool2D("pool", (2, 2), (2, 2)),
    Reduce("global", "mean", (1, 2), keep=False),
    Reduce("sum", "sum", (1,), keep=False),
    Merge("add", "add"),
]
BASES: dict[type[Layer], tuple[str, ...]] = {
    Layer: ("run", "shape_after"),
    Unary: ("_run",),
    Product: ("_shape", "matrix", "multiply"),
    Windowed: ("matrix", "sides"),
}
"""What a class of layers must say, by the class that it extends."""


def inputs_of(layer: Layer) -> int:
    return 2 if isinstance(layer, Merge | Concatenate | Stack) else 1


LOWEST = float(np.finfo(np.float32).min)
POOLED = (
    # A row of pixels, and what Keras's max pooling of three with a stride of two makes of it.
    ([np.nan, 1.0, 2.0, np.nan, np.nan], [1.0, 2.0, LOWEST]),
    ([-np.inf, -np.inf, -np.inf, -5.0, np.nan], [LOWEST, -5.0, -5.0]),
    ([np.inf, np.nan, -1.0, -2.0, -3.0], [np.inf, -1.0, -2.0]),
    ([-1.0, -2.0, -3.0, -4.0, -5.0], [-1.0, -2.0, -4.0]),  # padding does not win
)


def test_max_pooling_leaves_nan_out_and_keeps_it_from_other_images() -> None:
    """Whatever stands in one image changes nothing in another, at padded borders neither."""
    rows = np.float32([row for row, _ in POOLED])[:, None, :, None]
    pooled = MaxPool2D("pool", (1, 3), (1, 2), "same").run(rows)
    assert pooled[:, 0, :, 0].tolist() == [expected for _, expected in POOLED]
    assert pooled.dtype == np.float32


@pytest.mark.larq
def test_max_pooling_of_nan_is_that_of_keras() -> None:
    rows = np.float32([row for row, _ in POOLED])[:, None, :, None]
    theirs = backend().keras.layers.MaxPooling2D((1, 3), (1, 2), "same")(rows).numpy()
    ours = MaxPool2D("pool", (1, 3), (1, 2), "same").run(rows)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("layer", SELECTING, ids=lambda layer: layer.name)
def test_what_selects_gives_values_that_it_is_fed_with(layer: Layer) -> None:
    fed = np.random.default_rng(1).normal(size=(inputs_of(layer), 2, *SHAPE)).astype(np.float32)
    given = layer.run(*fed)
    assert layer.selects
    assert np.isin(given, fed).all()
    assert given.shape[1:] == layer.shape_after(*(one.shape[1:] for one in fed))
    signs = quantizers.sign(fed).astype(np.float32)
    assert layer.commutes
    assert np.array_equal(quantizers.sign(given), quantizers.sign(layer.run(*signs)))
    same = (BIPOLAR,) * inputs_of(layer)
    assert layer.encoding_after(*same) == BIPOLAR
    assert layer.encoding_after(*(None,) * inputs_of(layer)) is None
    if inputs_of(layer) == 2:
        assert layer.encoding_after(BIPOLAR, TERNARY) is None


@pytest.mark.parametrize("layer", COMPUTING, ids=lambda layer: layer.name)
def test_what_computes_does_not_select(layer: Layer) -> None:
    fed = np.random.default_rng(1).normal(size=(inputs_of(layer), 2, *SHAPE)).astype(np.float32)
    assert not layer.selects
    assert not layer.commutes
    assert not np.isin(layer.run(*fed), fed).all()


@pytest.mark.parametrize(
    ("arguments", "function"), [({}, "gelu"), ({"approximate": True}, "gelu_tanh")]
)
def test_either_gelu_is_a_function_with_the_tails_of_predict(
    arguments: dict[str, object], function: str
) -> None:
    op = Operation("op", "layer 2", ((3,),), {"input": Given(0), **arguments})
    (made,) = FUNCTIONS["nn.gelu"](op)
    op.finish()
    assert made.function == function


@pytest.mark.parametrize(
    ("base", "lacking"), [(base, name) for base, names in BASES.items() for name in names]
)
def test_a_layer_without_what_all_must_have_cannot_be_made(base: type[Layer], lacking: str) -> None:
    kernel = np.ones((1, 1), np.float32)
    given = ("layer", kernel, None) if issubclass(base, Product) else ("layer",)
    said = {name: lambda *_: None for name in BASES[base]}
    assert type("Whole", (base,), said)(*given).name == "layer"
    del said[lacking]
    with pytest.raises(TypeError, match=rf"abstract.*\b{lacking}\b"):
        type("Partial", (base,), said)(*given)


@pytest.mark.parametrize(
    ("variance", "epsilon", "said"),
    [
        (0.0, 0.0, "not 0.0"), (-1.0, 0.5, "not -0.5"),
        (1e-40, 0.0, "which Keras takes as 0"), (0.0, 1e-39, "which Keras takes as 0"),
        (1.2e-38, 0.0, None), (1e-40, 1e-3, None), (0.0, 1e-38 + 1e-38, None),
    ],
)  # fmt: skip
def test_a_norm_never_divides_by_nothing(variance: float, epsilon: float, said: str | None) -> None:
    ones = np.ones(2, np.float32)
    variances = np.float32([1, variance])
    if said is not None:
        with pytest.raises(InputError, match=f"'n' must be positive, .*{re.escape(said)}"):
            BatchNorm("n", ones, variances, None, None, epsilon)
        return
    norm = BatchNorm("n", ones, variances, None, None, epsilon)
    assert np.isfinite(norm.run(np.float32([[0.5, 1.5]]))).all()
