"""TensorFlow functions that put values elsewhere: slices, splits, other axes, margins.

Where each value goes is found by carrying out the move on two images whose values are their own
places. A move must do the same to both, and must not mix values of one with the other.

>>> from bnn.model.operations.operation import Given, Operation
>>> every = {"start": None, "stop": None, "step": None}
>>> slices = [every, {**every, "start": -1}]
>>> op = Operation("op", "layer 2", ((3,),), {"input": Given(0), "slice_spec": slices})
>>> FUNCTIONS["__operators__.getitem"](op)[0].run(np.float32([[1, 2, 3]])).tolist()
[[3.0]]
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bnn.model.layers.layer import Shape
from bnn.model.layers.shape import Flatten, Pad, Permute, Pick, Reshape
from bnn.model.operations.operation import Made, Maker, Operation, of_input
from pimsim.errors import InputError

Places = NDArray[np.intp]

BATCH = "the number of images"
"""Stands for a size that ``tf.shape`` gives and that no file knows."""

_LARGEST = 1 << 26
"""Values that a move may make of one image."""


def _picked(op: Operation, shape: Shape, move: Callable[[Places], Places]) -> Made:
    """What a move of values makes of images of ``shape``."""
    size = prod(shape)
    try:
        moved = move(np.arange(2 * size, dtype=np.intp).reshape(2, *shape))
    except (IndexError, ValueError, TypeError, MemoryError):
        raise InputError(f"{op.where} must fit its input of shape {shape}") from None
    if moved.shape[:1] != (2,) or not moved.size or (moved[1] - moved[0] != size).any():
        raise InputError(f"{op.where} must leave the batch axis as it is")
    return (Pick(op.name, moved[0], shape),)


def _getitem(op: Operation) -> Made:
    shape = op.only_input()
    spec = op.take("slice_spec")
    items = spec if isinstance(spec, list) else [spec]
    index = [_item(op, one) for one in items]
    if index[0] != slice(None) and index[0] is not Ellipsis:
        op.refuse("slice_spec", "of all images, as in x[:, 1:]")
    axes = sum(one is not None and one is not Ellipsis for one in index)
    if index[0] is Ellipsis and axes > len(shape):
        op.refuse("slice_spec", "of all images, as in x[:, 1:]")
    return _picked(op, shape, lambda x: x[tuple(index)])


def _item(op: Operation, item: object) -> Any:
    """An element of a slice as Python has it."""
    match item:
        case None | int():
            return item
        case "Ellipsis" | {"class_name": "__ellipsis__"}:
            return Ellipsis
        case {"start": start, "stop": stop, "step": step}:
            if all(one is None or type(one) is int for one in (start, stop, step)):
                return slice(start, stop, step)
    op.refuse("slice_spec", "slices and integers")


def _reshape(op: Operation) -> Made:
    shape = op.only_input()
    wanted = op.take("shape")
    sizes = wanted if isinstance(wanted, list) else []
    first, rest = sizes[:1], [one for one in sizes[1:] if type(one) is int]
    total, open_ = prod(shape), rest.count(-1)
    if len(rest) != len(sizes) - 1 or min(rest, default=1) < -1 or open_ > 1 or 0 in rest:
        op.refuse("shape", "positive sizes, of which one may be -1, behind that of the batch")
    known = prod(one for one in rest if one != -1)
    whole = tuple(total // known if one == -1 else one for one in rest)
    # -1 in front is the batch where the other sizes are those of one image.
    if first not in ([-1], [BATCH]) or (first == [-1] and open_) or prod(whole) != total:
        op.refuse("shape", f"the batch (-1) and sizes that make up {shape}")
    return (Reshape(op.name, whole) if whole else Flatten(op.name),)


def _expand_dims(op: Operation) -> Made:
    shape, axis = op.only_input(), op.axis("axis", 0, more=1)
    return (Reshape(op.name, (*shape[: axis - 1], 1, *shape[axis - 1 :])),)


def _squeeze(op: Operation) -> Made:
    shape = op.only_input()
    if op.arguments.get("axis") in (None, []):
        op.refuse("axis", "axes without that of the batch")
    axes = op.axes("axis")
    if any(shape[axis - 1] != 1 for axis in axes):
        op.refuse("axis", f"axes of size 1 of {shape}")
    left = tuple(size for axis, size in enumerate(shape, 1) if axis not in axes)
    return (Reshape(op.name, left),)


def _transpose(op: Operation) -> Made:
    shape, perm = op.only_input(), op.integers("perm")
    if op.flag("conjugate"):
        op.refuse("conjugate", "false")
    op.ignore()  # its default for `name` is a name
    if sorted(perm) != list(range(len(shape) + 1)) or perm[0] != 0:
        op.refuse("perm", "the axes in another order, that of the batch first")
    return (Permute(op.name, tuple(perm[1:])),)


def _split(op: Operation) -> Made:
    shape, axis = op.only_input(), op.axis("axis", 0)
    size, parts = shape[axis - 1], op.integers("num_or_size_splits")
    if isinstance(op.arguments.get("num_or_size_splits"), int):
        count = parts[0]
        if count < 1 or size % count:
            op.refuse("num_or_size_splits", f"a divisor of {size}")
        parts = [size // count] * count
    if parts.count(-1) == 1:
        parts[parts.index(-1)] = size - sum(parts) - 1
    if sum(parts) != size or min(parts) < 1:
        op.refuse("num_or_size_splits", f"positive sizes that make up {size}")
    op.several(len(parts))
    start = sum(parts[: op.output])
    own = (slice(None),) * axis + (slice(start, start + parts[op.output]),)
    return _picked(op, shape, lambda x: x[own])


def _unstack(op: Operation) -> Made:
    shape, axis = op.only_input(), op.axis("axis", 0)
    size = shape[axis - 1]
    if op.take("num") not in (None, size):
        op.refuse("num", str(size))
    op.several(size)
    return _picked(op, shape, lambda x: np.asarray(x.take(op.output, axis)))


def _slice(op: Operation) -> Made:
    shape, begin, size = op.only_input(), op.integers("begin"), op.integers("size")
    if len(begin) != len(size) or begin[:1] != [0] or size[:1] != [-1] or min(begin) < 0:
        op.refuse("size", "-1 for the batch, behind a `begin` of 0")
    if any(one < -1 for one in size):
        op.refuse("size", "sizes, or -1 for all that is left")
    ends = list(zip(begin, size, (2, *shape), strict=False))
    if any(n != -1 and a + n > whole for a, n, whole in ends):
        op.refuse("size", f"within {shape}")
    own = tuple(slice(a, None if n == -1 else a + n) for a, n, _ in ends)
    return _picked(op, shape, lambda x: x[own])


def _strided_slice(op: Operation) -> Made:
    shape, begin, end = op.only_input(), op.integers("begin"), op.integers("end")
    strides = [1] * len(begin) if op.take("strides") is None else op.integers("strides")
    bits = {}
    for mask in ("begin", "end", "ellipsis", "new_axis", "shrink_axis"):
        value = op.take(f"{mask}_mask")
        if value is not None and type(value) is not int:
            op.refuse(f"{mask}_mask", "an integer")
        bits[mask] = value or 0
    if not len(begin) == len(end) == len(strides):
        op.refuse("end", f"of {len(begin)} sizes, as `begin`")
    index: list[Any] = []
    for place, (a, b, step) in enumerate(zip(begin, end, strides, strict=True)):
        bit = 1 << place
        if bits["ellipsis"] & bit:
            index.append(Ellipsis)
        elif bits["new_axis"] & bit:
            index.append(None)
        elif bits["shrink_axis"] & bit:
            index.append(a)
        else:
            first = None if bits["begin"] & bit else a
            index.append(slice(first, None if bits["end"] & bit else b, step))
    all_images = (slice(None), slice(None, None, 1), Ellipsis)
    if not index or index[0] not in all_images:
        op.refuse("begin_mask", "that of all images")
    return _picked(op, shape, lambda x: x[tuple(index)])


def _pad(op: Operation) -> Made:
    shape, margins, mode = op.only_input(), op.take("paddings"), op.take("mode")
    sides = margins if isinstance(margins, list) else []
    pairs = [
        (side[0], side[1])
        for side in sides
        if isinstance(side, list) and len(side) == 2 and all(type(one) is int for one in side)
    ]
    if len(pairs) != len(sides) or len(pairs) != len(shape) + 1 or pairs[0] != (0, 0):
        op.refuse("paddings", f"of {len(shape) + 1} axes, that of the batch without any")
    if min(min(pair) for pair in pairs) < 0:
        op.refuse("paddings", "0 or more")
    if prod(size + a + b for size, (a, b) in zip(shape, pairs[1:], strict=True)) > _LARGEST:
        op.refuse("paddings", f"such that an image has at most {_LARGEST} values")
    value = op.number("constant_values", 0.0)
    kind = str(mode).upper() if mode is not None else "CONSTANT"
    if kind == "CONSTANT":
        return (Pad(op.name, tuple(pairs[1:]), float(np.float32(value))),)
    if kind not in ("REFLECT", "SYMMETRIC"):
        op.refuse("mode", "'CONSTANT', 'REFLECT' or 'SYMMETRIC'")
    mirrored: Literal["reflect", "symmetric"] = "reflect" if kind == "REFLECT" else "symmetric"
    return _picked(op, shape, lambda x: np.pad(x, pairs, mirrored))


def _tile(op: Operation) -> Made:
    shape, times = op.only_input(), op.integers("multiples")
    if len(times) != len(shape) + 1 or times[0] != 1 or min(times) < 1:
        op.refuse("multiples", f"{len(shape) + 1} positive integers, 1 for the batch")
    if prod(times) * prod(shape) > _LARGEST:
        op.refuse("multiples", f"such that an image has at most {_LARGEST} values")
    return _picked(op, shape, lambda x: np.tile(x, times))


def _repeat(op: Operation) -> Made:
    shape, axis, times = op.only_input(), op.axis("axis", 0), op.integers("repeats")
    if len(times) not in (1, shape[axis - 1]) or min(times) < 0:
        op.refuse("repeats", "0 or more")
    if max(times) * prod(shape) > _LARGEST:
        op.refuse("repeats", f"such that an image has at most {_LARGEST} values")
    many: Any = times[0] if len(times) == 1 else times
    return _picked(op, shape, lambda x: x.repeat(many, axis))


def _reverse(op: Operation) -> Made:
    shape, axes = op.only_input(), op.axes("axis")
    return _picked(op, shape, lambda x: np.flip(x, axes))


def _roll(op: Operation) -> Made:
    shape, axes, shift = op.only_input(), op.axes("axis"), op.integers("shift")
    if len(shift) != len(axes):
        op.refuse("shift", f"{len(axes)} integers")
    return _picked(op, shape, lambda x: np.roll(x, shift, axes))


def _gather(op: Operation) -> Made:
    shape, axis = op.only_input(), op.axis("axis", 0)
    if op.take("batch_dims") not in (None, 0):
        op.refuse("batch_dims", "0")
    indices = np.asarray(op.integers("indices"))
    if indices.min() < 0 or indices.max() >= shape[axis - 1]:
        op.refuse("indices", f"0 to {shape[axis - 1] - 1}")
    alone = not isinstance(op.arguments.get("indices"), list)
    return _picked(op, shape, lambda x: x.take(indices[0] if alone else indices, axis))


def _flip(axis: int) -> Maker:
    return lambda op: _picked(op, op.only_input(), lambda x: np.flip(x, axis))


def _blocks(*, apart: bool) -> Maker:
    """Pixels of a block as channels of one pixel, or (``apart``) back again."""

    def make(op: Operation) -> Made:
        shape, sizes = op.only_input(), op.integers("block_size")
        op.channels_last()
        if len(shape) != 3 or len(sizes) != 1 or sizes[0] < 1:
            op.refuse("block_size", "a positive integer, over height, width and channels")
        (height, width, channels), (size,) = shape, sizes

        def move(x: Places) -> Places:
            if apart:
                parts = x.reshape(2, height, width, size, size, channels // (size * size))
                after = 2, height * size, width * size, -1
            else:
                parts = x.reshape(2, height // size, size, width // size, size, channels)
                after = 2, height // size, width // size, -1
            return parts.transpose(0, 1, 3, 2, 4, 5).reshape(after)

        return _picked(op, shape, move)

    return make


FUNCTIONS: dict[str, Maker] = {
    "__operators__.getitem": _getitem,
    "compat.v1.gather": _gather,
    "compat.v1.pad": _pad,
    "compat.v1.squeeze": _squeeze,
    "compat.v1.transpose": _transpose,
    "expand_dims": _expand_dims,
    "image.flip_left_right": _flip(-2),
    "image.flip_up_down": _flip(-3),
    "keras.backend.batch_flatten": of_input(lambda op: Flatten(op.name)),
    "nn.depth_to_space": _blocks(apart=True),
    "nn.space_to_depth": _blocks(apart=False),
    "repeat": _repeat,
    "reshape": _reshape,
    "reverse": _reverse,
    "roll": _roll,
    "slice": _slice,
    "split": _split,
    "squeeze": _squeeze,
    "strided_slice": _strided_slice,
    "tile": _tile,
    "transpose": _transpose,
    "unstack": _unstack,
}
"""By the name that Keras saves."""
