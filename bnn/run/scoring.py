"""Which answers a network's outputs stand for, and how many of them are right.

With several outputs, the largest is the answer. One output means yes or no. The threshold between
them follows from the loss in the model file, or from the last activation. If neither decides, there
are no answers, and :attr:`Scoring.means` says why.

>>> from bnn.model.network import Activation, Dense, Network
>>> from bnn.model.objective import Objective
>>> dense = Dense("out", np.float32([[1], [-1]]), None)
>>> plain = Network("n", (2,), (dense,))
>>> sigmoid = Network("n", (2,), (dense, Activation("p", "sigmoid")))
>>> hinge = Network("n", (2,), (dense,), objective=Objective("hinge"))
>>> scored = scoring_of(hinge, np.array([-1, 1, 1]))
>>> scored.accuracy(np.float32([[-3], [0.4], [0]])), scored.threshold, scored.of
(0.6666666666666666, 0.0, 3)
>>> scoring_of(sigmoid, np.array([0, 1])).means
'output above 0.5, as its sigmoid says'
>>> scoring_of(plain, np.array([0, 1])).means
'not known: the file names no loss that says which values of the one output mean yes'
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn.model.layers.layer import Layer
from bnn.model.layers.product import Product
from bnn.model.layers.shape import Flatten, Reshape
from bnn.model.network import Activation, Network
from bnn.model.objective import CROSS_ENTROPIES, DISTANCES, HINGES, Objective
from pimsim.errors import InputError

Labels = NDArray[np.integer[Any]]

LARGEST = "largest output"
"""What is right where a network has an output for every class."""

_PROBABLE = frozenset({"sigmoid", "hard_sigmoid", "ste_heaviside"})
"""Activations between 0 and 1."""
_SIGNED = frozenset(
    {"tanh", "hard_tanh", "softsign", "ste_sign", "approx_sign", "swish_sign", "ste_tern"}
)
"""Activations between -1 and 1."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of a network's outputs."""

    shape: tuple[int, ...]
    """``(..., k)`` of an image."""
    activation: str
    """Name of the function that they come out of."""
    objective: Objective
    """What the network was trained for."""


@dataclass(frozen=True, slots=True, eq=False)
class Scoring:
    """How outputs are read as answers, and which answers are right."""

    rule: str | None
    """What an answer is; None where outputs stand for none."""
    threshold: float | None = None
    """Outputs above it say yes, each on its own; None: the largest of the last axis is taken."""
    labels: NDArray[np.int64] | None = None
    """Right answers in the shape of the answers, from 0; None if they are not known."""
    why_unknown: str = ""
    """Why there is no accuracy."""

    @property
    def means(self) -> str:
        """What accuracy counts, or why it is not known."""
        if self.rule is None or self.labels is None:
            return f"not known: {self.why_unknown}"
        return self.rule

    def answers(self, outputs: NDArray[Any]) -> NDArray[np.int64] | None:
        """Return the class of every output vector, or 1 and 0 for yes and no.

        Args:
            outputs: ``(n, ..., outputs)``.

        Returns:
            ``(n, ...)``, or ``(n, ..., outputs)`` where each output is an answer of its own;
            None where outputs stand for no answers.
        """
        if self.rule is None:
            return None
        if self.threshold is None:
            return np.asarray(outputs.argmax(axis=-1), np.int64)
        return (outputs > np.float32(self.threshold)).astype(np.int64)

    @property
    def of(self) -> int | None:
        """How many answers there are to be right; None without labels."""
        return None if self.labels is None else self.labels.size

    def correct(self, outputs: NDArray[Any]) -> int | None:
        """Return how many answers are right; None without labels, or without answers."""
        answers = self.answers(outputs)
        if answers is None or self.labels is None:
            return None
        return int(np.count_nonzero(answers == self.labels))

    def accuracy(self, outputs: NDArray[Any]) -> float | None:
        """Return the fraction of the answers that is right; None where it is not known."""
        correct = self.correct(outputs)
        return None if correct is None or not self.of else correct / self.of

    def first(self, images: int | None) -> Scoring:
        """Return the same for the first images; for all of them if None."""
        return replace(self, labels=None if self.labels is None else self.labels[:images])


def scoring_of(network: Network, y: Labels | None, why_none: str = "no labels") -> Scoring:
    """Return how a network's outputs are read, as :func:`read` does."""
    ending = Ending(network.shapes()[-1], _last_activation(network), network.objective)
    return read(ending, y, why_none)


def read(ending: Ending, y: Labels | None, why_none: str = "no labels") -> Scoring:
    """Return how outputs are read, beside labels if there are any.

    Args:
        ending: the outputs.
        y: integers: labels ``(n, ...)`` or ``(n, ..., 1)`` from 0, or one-hot or yes-and-no
            ``(n, ..., k)`` of 0 and 1 or -1 and 1; None if there are none.
        why_none: said where there are no labels.

    Raises:
        InputError: labels that are none of a network that gives a vector an image. Labels that
            do not fit a map are no error; then the accuracy is not known.
    """
    shape, line = ending.shape, None
    positions = f", of {prod(shape[:-1])} positions an image" if len(shape) > 1 else ""
    if shape[-1] == 1:
        line = _threshold(ending, y)
        if line is None:
            return Scoring(None, why_unknown=_why_no_threshold(ending))
        rule = f"output above {line[0]:g}, as {line[1]} says{positions}"
    elif _is_separate(ending, y):
        line = _threshold(ending, y)
        if line is None:
            why = (
                "its outputs exclude one another"
                if ending.activation == "softmax"
                else "the file names no loss that says which outputs mean yes"
            )
            return Scoring(None, why_unknown=f"`y` is not one label an image, and {why}")
        rule = f"each of {shape[-1]} outputs above {line[0]:g}, as {line[1]} says{positions}"
    else:
        rule = LARGEST + positions
    scoring = Scoring(rule, None if line is None else line[0], why_unknown=why_none)
    if y is None:
        return scoring
    try:
        return replace(scoring, labels=_labels(scoring, shape, y))
    except InputError as error:
        if len(shape) == 1:
            raise
        return replace(scoring, why_unknown=str(error))


def _why_no_threshold(ending: Ending) -> str:
    loss, activation = ending.objective.loss, ending.activation
    if activation == "softmax":
        return "a softmax over one output is 1 whatever comes in"
    if loss in DISTANCES:
        return f"{loss} of a {activation} output measures a number, not a class"
    return "the file names no loss that says which values of the one output mean yes"


def _threshold(ending: Ending, y: Labels | None) -> tuple[float, str] | None:
    """Where the line between no and yes lies, and what says so."""
    objective, activation = ending.objective, ending.activation
    if activation == "softmax":
        return None
    if objective.threshold is not None:
        return objective.threshold, "its BinaryAccuracy"
    if objective.loss in CROSS_ENTROPIES:
        if objective.from_logits:
            return 0.0, f"{objective.loss} from logits"
        return 0.5, objective.loss
    if objective.loss in HINGES:
        return 0.0, objective.loss
    bounded = activation in _PROBABLE | _SIGNED
    classifies = bounded or objective.metric in ("accuracy", "binary_accuracy")
    if objective.loss in DISTANCES and classifies:
        signed = activation in _SIGNED if y is None else bool((y == -1).any())
        return (0.0, f"{objective.loss} of -1 and 1") if signed else (0.5, objective.loss)
    if activation in _PROBABLE:
        return 0.5, f"its {activation}"
    return (0.0, f"its {activation}") if activation in _SIGNED else None


def function_of(layer: Layer) -> str:
    """Return the name of the activation that a layer is, or ends with."""
    if isinstance(layer, Activation):
        return layer.function
    return layer.activation if isinstance(layer, Product) else "linear"


def _last_activation(network: Network) -> str:
    """Name of the activation that outputs come out of."""
    place = len(network.layers) - 1
    while place > 0 and isinstance(network.layers[place], Flatten | Reshape):
        place = network.inputs[place][0]
    return function_of(network.layers[place])


def _is_separate(ending: Ending, y: Labels | None) -> bool:
    """Whether several outputs are an answer each, not one together."""
    objective, activation = ending.objective, ending.activation
    if y is None:
        alone = activation in _PROBABLE or objective.from_logits
        return objective.loss in CROSS_ENTROPIES and alone
    if y.shape[1:] != ending.shape or not _is_binary(y):
        return False
    return not _is_one_hot(y) or (objective.metric == "binary_accuracy" and activation != "softmax")


def _is_one_hot(y: Labels) -> bool:
    return bool(((y == 1).sum(axis=-1) == 1).all())


def _is_binary(y: Labels) -> bool:
    return bool(np.isin(y, (0, 1)).all() or np.isin(y, (-1, 1)).all())


def _labels(scoring: Scoring, shape: tuple[int, ...], y: Labels) -> NDArray[np.int64]:
    """Bring labels into the shape of the answers.

    Raises:
        InputError: they do not fit.
    """
    outputs, got = shape[-1], y.shape[1:]
    if scoring.threshold is not None:
        if got == shape or (outputs == 1 and got == shape[:-1]):
            _check_yes_or_no(y)
            return (y.reshape(len(y), *shape) > 0).astype(np.int64)
        raise InputError(_misshapen(shape, y))
    if got == shape and _is_binary(y) and _is_one_hot(y):
        return np.asarray(y.argmax(axis=-1), np.int64)
    if got not in (shape[:-1], (*shape[:-1], 1)):
        raise InputError(_misshapen(shape, y))
    _check_classes(y, outputs)
    return y.reshape(len(y), *shape[:-1]).astype(np.int64)


def _misshapen(shape: tuple[int, ...], y: Labels) -> str:
    inner = "".join(f", {size}" for size in shape[:-1])
    one, all_ = f"({len(y)}{inner or ','})", f"({len(y)}{inner}, {shape[-1]})"
    return (
        f"`y` must have the shape {one}, one label {'a position' if inner else 'an image'}, "
        f"or {all_}, one 0 or 1 an output, not {y.shape}"
    )


def _check_yes_or_no(y: Labels) -> None:
    if _is_binary(y):
        return
    low, high = int(y.min()), int(y.max())
    wrong = high if high > 1 else low
    if low < -1:
        wrong = low
    elif high <= 1:  # -1, 0 and 1 together
        wrong = -1
    repair = f"; `y - {low}` makes them so" if high - low == 1 else ""
    raise InputError(
        "`y` must hold the labels 0 and 1 (or -1 and 1) of a network that says yes or no, "
        f"not {wrong} ({_place(y, wrong)}){repair}"
    )


def _check_classes(y: Labels, classes: int) -> None:
    low, high = int(y.min()), int(y.max())
    if low >= 0 and high < classes:
        return
    wrong = low if low < 0 else high
    if low > 0 and high - low < classes:
        repair = f"; `y - {low}` makes them begin at 0" if low == 1 else ""
    elif classes == 2 and (low, high) == (-1, 1):
        repair = "; `(y + 1) // 2` makes them 0 and 1"
    else:
        repair = ""
    repair = repair or f"; leave out the images of other labels (`0 <= y < {classes}`)"
    raise InputError(
        f"`y` must hold labels from 0 to {classes - 1}, as the network tells {classes} classes "
        f"apart, not {wrong} ({_place(y, wrong)}){repair}"
    )


def _place(y: Labels, value: int) -> str:
    return f"image {int(np.argwhere(y == value)[0, 0])}"
