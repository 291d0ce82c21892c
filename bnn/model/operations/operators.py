"""Calls of TensorFlow functions in a functional model, by the names that Keras saves.

Keras keeps ``x[..., -8:]``, ``tf.reshape(x, [-1, 64])`` or ``x / 2 + y`` as layers of the classes
SlicingOpLambda and TFOpLambda, which hold the name of a function and its arguments. The functions
that are carried out stand in :data:`FUNCTIONS`; nothing that a file names is imported or called.
Most become layers that exist anyway.

>>> "reshape" in FUNCTIONS, "io.read_file" in FUNCTIONS
(True, False)
"""

from __future__ import annotations

import numpy as np

from bnn.model.layers.activation import Activation, Rectifier
from bnn.model.layers.layer import Layer, Reader, Reading
from bnn.model.layers.merge import OPERATIONS, Concatenate, Elementwise, Merge, Stack
from bnn.model.layers.pooling import Along, AveragePool2D, MatrixProduct, MaxPool2D, Reduce
from bnn.model.operations.moves import FUNCTIONS as MOVES
from bnn.model.operations.operation import Made, Maker, Operation, of_input
from pimsim.errors import InputError


def _elementwise(formula: str, *others: str) -> Maker:
    """A formula of the first argument and of ``others``."""

    def make(op: Operation) -> Made:
        operands = (op.operand(), *(op.operand(key) for key in others))
        op.in_order(operands)
        inputs = sum(one is None for one in operands)
        if inputs == len(operands) > 1 and formula in OPERATIONS:
            return (Merge(op.name, formula),)
        return (Elementwise(op.name, formula, operands),)

    return make


def _activation(function: str) -> Maker:
    return of_input(lambda op: Activation(op.name, function))


def _along(function: str) -> Maker:
    def make(op: Operation) -> Made:
        rank = len(op.only_input())
        axis = op.axis("axis", 0 if function == "cumulative_sum" else -1)
        if function == "softmax" and axis == rank:
            return (Activation(op.name, "softmax"),)
        return (Along(op.name, function, axis),)

    return make


def _reduce(kind: str) -> Maker:
    def make(op: Operation) -> Layer:
        if kind == "root_sum_square" and op.take("ord") not in (None, "euclidean", 2):
            op.refuse("ord", "'euclidean'")
        return Reduce(op.name, kind, op.axes("axis"), op.flag("keepdims"))

    return of_input(make)


def _same(op: Operation) -> Made:
    """What gives its input as it is, whatever else it is told."""
    op.only_input()
    op.ignore()
    return ()


def _cast(op: Operation) -> Made:
    op.only_input()
    wanted = op.take("dtype")
    bare = wanted.removeprefix("<dtype: '").removesuffix("'>") if isinstance(wanted, str) else None
    if bare == "float32":
        return ()
    if bare == "bool":
        return (Elementwise(op.name, "nonzero", (None,)),)
    op.refuse("dtype", "float32 or bool")


def _like(formula: str) -> Maker:
    def make(op: Operation) -> Layer:
        if op.take("dtype") not in (None, "float32", "<dtype: 'float32'>"):
            op.refuse("dtype", "float32")
        return Elementwise(op.name, formula, (None,))

    return of_input(make)


def _concat(op: Operation) -> Made:
    op.inputs_alone()
    return (Concatenate(op.name, op.axis("axis", 0) - len(op.shapes[0]) - 1),)


def _stack(op: Operation) -> Made:
    op.inputs_alone()
    return (Stack(op.name, op.axis("axis", 0, more=1)),)


def _sum(op: Operation) -> Made:
    op.inputs_alone()
    return (Merge(op.name, "add"),) if len(op.shapes) > 1 else ()


def _matmul(op: Operation) -> Made:
    first, second = op.operand(), op.operand("b")
    op.in_order((first, second))
    if first is not None:
        op.refuse("input", "an output of a layer")
    turned = op.flag("transpose_a"), op.flag("transpose_b")
    for key in ("adjoint_a", "adjoint_b", "a_is_sparse", "b_is_sparse"):
        if op.flag(key):
            op.refuse(key, "false")
    constant = None if second is None else np.atleast_1d(second)
    return (MatrixProduct(op.name, turned, constant),)


def _pool(make: type[MaxPool2D] | type[AveragePool2D]) -> Maker:
    def pool(op: Operation) -> Made:
        if len(op.only_input()) != 3:
            op.refuse("input", "of the axes height, width and channels")
        size, strides = op.window("ksize"), op.window("strides")
        padding = op.take("padding")
        op.channels_last()
        if padding not in ("VALID", "SAME"):
            op.refuse("padding", "'VALID' or 'SAME'")
        return (make(op.name, size, strides, "valid" if padding == "VALID" else "same"),)

    return pool


_OF_TWO = {
    **{f"math.{one}": one for one in (
        "add", "divide", "divide_no_nan", "equal", "greater", "greater_equal", "less", "less_equal",
        "logical_and", "logical_or", "maximum", "minimum", "multiply", "not_equal",
        "squared_difference", "subtract",
    )},
    "__operators__.add": "add",
    "compat.v1.floor_div": "floor_divide",
    "math.floordiv": "floor_divide",
    "math.floormod": "floor_modulo",
    "math.pow": "power",
    "math.truediv": "divide",
}  # fmt: skip
_OF_ONE = {
    **{f"math.{one}": one for one in (
        "abs", "ceil", "cos", "erf", "expm1", "floor", "log", "log1p", "logical_not", "negative",
        "reciprocal", "round", "rsqrt", "sign", "sin", "sqrt", "square",
    )},
    "math.rint": "round",
}  # fmt: skip
_ACTIVATIONS = {
    "math.exp": "exponential",
    "math.sigmoid": "sigmoid",
    "math.softplus": "softplus",
    "math.tanh": "tanh",
    "nn.elu": "elu",
    "nn.selu": "selu",
    "nn.silu": "swish",
    "nn.softsign": "softsign",
}
_REDUCTIONS = {
    "compat.v1.norm": "root_sum_square",
    "math.reduce_max": "max",
    "math.reduce_mean": "mean",
    "math.reduce_min": "min",
    "math.reduce_prod": "product",
    "math.reduce_std": "standard_deviation",
    "math.reduce_sum": "sum",
    "math.reduce_variance": "variance",
}

FUNCTIONS: dict[str, Maker] = {
    **MOVES,
    **{name: _elementwise(formula, "y") for name, formula in _OF_TWO.items()},
    **{name: _elementwise(formula) for name, formula in _OF_ONE.items()},
    **{name: _activation(function) for name, function in _ACTIVATIONS.items()},
    **{name: _reduce(kind) for name, kind in _REDUCTIONS.items()},
    **dict.fromkeys(
        ("debugging.check_numerics", "ensure_shape", "identity", "stop_gradient"), _same
    ),
    "cast": _cast,
    "clip_by_value": _elementwise("clip", "clip_value_min", "clip_value_max"),
    "concat": _concat,
    "linalg.matmul": _matmul,
    "math.add_n": _sum,
    "math.cumsum": _along("cumulative_sum"),
    "math.l2_normalize": _along("l2_normalize"),
    "nn.avg_pool2d": _pool(AveragePool2D),
    "nn.bias_add": _elementwise("add", "bias"),
    "nn.gelu": of_input(
        lambda op: Activation(op.name, "gelu_tanh" if op.flag("approximate") else "gelu")
    ),
    "nn.leaky_relu": of_input(lambda op: Rectifier(op.name, op.number("alpha", 0.2))),
    "nn.log_softmax": _along("log_softmax"),
    "nn.max_pool2d": _pool(MaxPool2D),
    "nn.relu": of_input(lambda op: Rectifier(op.name)),
    "nn.relu6": of_input(lambda op: Rectifier(op.name, ceiling=6.0)),
    "nn.softmax": _along("softmax"),
    "ones_like": _like("ones"),
    "stack": _stack,
    "where": _elementwise("where", "x", "y"),
    "zeros_like": _like("zeros"),
}
"""By the name that Keras saves, with ``tf.`` before it that of a function of TensorFlow."""


def _operator(reading: Reading) -> Made:
    function = reading.fields.get("function")
    make = FUNCTIONS.get(function) if isinstance(function, str) else None
    if make is None:
        raise InputError(
            f"{reading.where} must be an operator that pimsim carries out (docs/layers.md lists "
            f"them), not tf.{function}"
        )
    op = Operation.of(reading)
    made = make(op)
    op.finish()
    return made


READERS: dict[str, Reader] = {"SlicingOpLambda": _operator, "TFOpLambda": _operator}
"""By class in a model file."""
