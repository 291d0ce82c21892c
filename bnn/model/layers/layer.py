"""What every layer has, and what the reader of one is given: an entry of a model file.

A layer is a frozen dataclass in the module of its family. It says the shape of its output, computes
it on the host, and says for which integer inputs its outputs are integers. To add a layer, write
its class, and a reader for its entry in a model file; nothing else has to know it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model import quantizers
from bnn.model.activation_functions import FUNCTIONS
from bnn.model.geometry import Padding
from bnn.model.operand_encoding import OperandEncoding
from bnn.values.fields import Fields, known_class, shown
from pimsim.errors import InputError

Shape = tuple[int, ...]
Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Layer(ABC):
    """A layer of a network; shapes are those of one image, without the batch axis.

    Every class must define :meth:`shape_after` and :meth:`run`, or extend :class:`Unary` if there
    is one input; otherwise none of its layers can be made. The other members have defaults: those
    of a layer that gives real numbers, and that a sign cannot be moved across.
    """

    name: str
    """Unique in the network."""

    @abstractmethod
    def shape_after(self, *shapes: Shape) -> Shape:
        """Shape of the output, given those of the inputs; raises InputError if they do not fit."""

    @abstractmethod
    def run(self, *values: NDArray[Any]) -> NDArray[Any]:
        """Compute the layer on the host, in the precision of the values ``(n, ...)``."""

    def encoding_after(self, *encodings: OperandEncoding | None) -> OperandEncoding | None:
        """Return the encoding of its output from those of its inputs; None for real numbers."""
        return encodings[0] if self.selects and len(set(encodings)) == 1 else None

    @property
    def selects(self) -> bool:
        """Whether its outputs are all inputs, picked by their place or order."""
        return False

    @property
    def commutes(self) -> bool:
        """Whether a sign (or x > 0) may be taken before it instead: sign f(x) = sign f(sign x)."""
        return self.selects

    @property
    def monotone(self) -> bool:
        """Whether it applies a monotone function to every channel by itself."""
        return False

    @property
    def weights(self) -> int:
        """Number of weights that a processor fetches to carry it out."""
        return 0


@dataclass(frozen=True, slots=True, eq=False)
class Unary(Layer):
    """A layer with one input; its class computes the output in ``_run``.

    If the output has another shape than the input, ``_shape`` gives it.
    """

    def shape_after(self, *shapes: Shape) -> Shape:
        """Shape of the output, given that of the input."""
        (shape,) = shapes
        return self._shape(shape)

    def run(self, *values: NDArray[Any]) -> NDArray[Any]:
        """Compute the layer of its input ``(n, ...)``, in the precision of that."""
        (x,) = values
        return self._run(x)

    def _shape(self, shape: Shape) -> Shape:
        return shape

    @abstractmethod
    def _run(self, x: NDArray[Any]) -> NDArray[Any]:
        """Compute the output for values ``(n, ...)``."""


def misfit(name: str, wanted: str, shape: Shape) -> InputError:
    """Return the error for an input of a wrong shape."""
    return InputError(f"input of layer {name!r} must have shape {wanted}, not {shape}")


def misfits(name: str, shapes: Iterable[Shape], wanted: str = "") -> InputError:
    """Return the error for inputs whose shapes do not fit each other as ``wanted``."""
    return InputError(
        f"inputs of layer {name!r} must {wanted or 'have shapes that fit each other'}, not "
        + " and ".join(str(shape) for shape in shapes)
    )


_SPELLINGS = {"softmax_v2": "softmax", "silu": "swish"}
"""Other names; TensorFlow 2.2 wrote the name of its own softmax into files."""

ACTIVATION_LAYERS = frozenset(
    ("Activation", "ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU")
)
"""Layers that may be given to another as its activation."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One entry of a model file on its way to a layer."""

    kind: str
    """Class, without its package."""
    name: str
    """What the layer is called in the network."""
    fields: Fields
    """Its configuration; ``fields.where`` is how messages call it."""
    shapes: tuple[Shape, ...]
    """Shapes of its inputs, without the batch axis."""
    arrays: Callable[[Mapping[str, Shape]], dict[str, Weights]]
    """Reads weights of given names, in the order in which Keras stores them, and shapes."""
    arguments: Mapping[str, object] = field(default_factory=dict)
    """Arguments of an operator, see :class:`bnn.larq.graph.Use`."""
    output: int = 0
    """Which of its outputs is read, of an operator that has several."""

    @property
    def where(self) -> str:
        """How messages call the layer: position, name, class."""
        return self.fields.where

    @property
    def shape(self) -> Shape:
        """Shape of the only input."""
        (shape,) = self.shapes
        return shape

    @property
    def rank(self) -> int:
        """Spatial axes of the input: two, unless the name of the class says one (``Conv1D``)."""
        return 1 if "1D" in self.kind else 2

    def spatial(self) -> Shape:
        """Shape of the only input, which has :attr:`rank` spatial axes and then channels."""
        wanted = {1: "(length, channels)", 2: "(height, width, channels)"}[self.rank]
        if self.fields.get("data_format") not in (None, "channels_last"):
            self.fields.refuse("data_format", "'channels_last'")
        if len(self.shape) != self.rank + 1:
            raise InputError(f"{self.where} must be fed with {wanted}, not {self.shape}")
        return self.shape

    def product(
        self, kernel: Shape, bias: Shape | None = None, of: str | None = None
    ) -> dict[str, Any]:
        """Read what all layers with a kernel have: arguments of a ``Product``.

        Args:
            kernel: shape of the kernel.
            bias: shape of a bias; by default one value for each place of the kernel's last axis.
            of: what the kernel and its quantizer are called after, such as ``depthwise``.
        """
        name = f"{of}_kernel" if of else "kernel"
        arrays = self.with_bias({name: kernel}, kernel[-1:] if bias is None else bias)
        quantizer = self.quantizer(f"{of or 'kernel'}_quantizer")
        if quantizers.averages(quantizer):
            try:
                quantizers.named(str(quantizer)).weights(arrays[name])
            except InputError as error:
                raise InputError(f"{self.where}: {error}") from None
        return {
            "name": self.name,
            "kernel": arrays[name],
            "bias": arrays.get("bias"),
            "input_quantizer": self.operand_quantizer(),
            "kernel_quantizer": quantizer,
            "activation": self.activation(),
        }

    def with_bias(self, shapes: dict[str, Shape], bias: Shape) -> dict[str, Weights]:
        """Read weights, and behind them a bias if there is one."""
        if self.fields.flag("use_bias", True):
            shapes = {**shapes, "bias": bias}
        return self.arrays(shapes)

    def padding(self, *allowed: Padding) -> Padding:
        """Return how windows are padded, ``valid`` if nothing is said."""
        value = self.fields.get("padding")
        for one in allowed:
            if value == one or (value is None and one == "valid"):
                return one
        self.fields.refuse("padding", " or ".join(repr(one) for one in allowed))

    def quantizer(self, key: str, value: object = None) -> str | None:
        """Return the canonical name of a quantizer, parameters included, None for none.

        Args:
            key: of the field that says it.
            value: what it says, if not as it stands in the file.
        """
        value = self.fields.get(key) if value is None else value
        if value is None:
            return None
        spelled = named(self.fields, key, value)
        name = quantizers.canonical(spelled)
        if name is None:
            raise InputError(
                f"{self.where}: `{key}` must be a quantizer of Larq, not {shown(spelled)}"
            )
        config = value.get("config") if isinstance(value, dict) else None
        parameters = Fields(config if isinstance(config, dict) else {}, self.where)
        try:
            return quantizers.named(_with_parameters(name, parameters)).name
        except InputError as error:
            prefix = "" if str(error).startswith(self.where) else f"{self.where}: "
            raise InputError(f"{prefix}{error}") from None

    def operand_quantizer(self, key: str = "input_quantizer", value: object = None) -> str | None:
        """Return the name of a quantizer that looks at one value at a time, None for none."""
        name = self.quantizer(key, value)
        if name in (None, quantizers.NO_OP) or quantizers.named(str(name)).encoding is not None:
            return name
        raise InputError(
            f"{self.where}: `{key}` must look at one value at a time, not at a whole batch "
            f"as {name} does"
        )

    def quantizing_activation(self, key: str, value: object = None) -> str:
        """Return the name of the activation that a quantizer is."""
        name = self.operand_quantizer(key, value)
        return "linear" if name in (None, quantizers.NO_OP) else str(name)

    def activation(self) -> str:
        """Return the name of an activation function or quantizer, ``linear`` for none."""
        key = "activation"
        value = self.fields.get(key)
        if value is None or self.layer_as_activation() is not None:
            return "linear"
        spelled = named(self.fields, key, value)
        spelled = _SPELLINGS.get(spelled, spelled)
        if spelled in FUNCTIONS:
            return spelled
        if quantizers.canonical(spelled) is not None:
            return self.quantizing_activation(key)
        known = ", ".join(sorted(FUNCTIONS.keys() | quantizers.OF_OPERANDS))
        raise InputError(f"{self.where}: `{key}` must be one of {known}, not {shown(spelled)}")

    def layer_as_activation(self) -> Fields | None:
        """Return the layer that stands in the place of an activation; None where none does.

        As a layer it follows the one that it is given to; its name and class are fields of it.
        """
        value = self.fields.get("activation")
        if not isinstance(value, dict):
            return None
        inner = Fields(value, f"{self.where}: `activation`")
        if inner.get("class_name") is None or known_class(inner) not in ACTIVATION_LAYERS:
            return None
        return inner


Reader = Callable[[Reading], tuple[Layer, ...]]
"""Makes the layers that an entry stands for, each fed with what the one before it gives."""


def nothing(reading: Reading) -> tuple[()]:
    """Read a layer that does something in training only."""
    return ()


def named(fields: Fields, key: str, value: object) -> str:
    """Return the name of a function: spelled as text, as a class, or as a function of a module."""
    if isinstance(value, str) and value:
        return value
    inner = Fields.of(value, f"{fields.where}: `{key}`")
    kind = known_class(inner)
    return inner.text("config") if kind == "function" else kind


def _with_parameters(name: str, parameters: Fields) -> str:
    if name == "ste_tern":
        if parameters.flag("ternary_weight_networks", False):
            return "ste_tern(weight networks)"
        return f"ste_tern({parameters.number('threshold_value', 0.05)!r})"
    if name == "dorefa":
        bits = parameters.size("k_bit") if parameters.get("k_bit") is not None else 2
        mode = parameters.get("mode")
        if mode not in (None, "activations", "weights"):
            parameters.refuse("mode", "'activations' or 'weights'")
        return f"dorefa({bits}{', weights' if mode == 'weights' else ''})"
    return name
