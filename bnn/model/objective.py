"""What a model file says about training: the loss, and the measure of accuracy.

>>> text = {"loss": "bce", "metrics": ["accuracy"]}
>>> read_objective(text)
Objective(loss='binary_crossentropy', from_logits=False, metric='accuracy', threshold=None)
>>> read_objective({"loss": "<lambda>"}).loss is None
True
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from bnn.values.fields import Fields
from pimsim.errors import InputError

_ALIASES = {
    "bce": "binary_crossentropy",
    "huber_loss": "huber",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
    "acc": "accuracy",
}

CROSS_ENTROPIES = frozenset({"binary_crossentropy", "binary_focal_crossentropy"})
"""Losses that take every output as the probability, or its logit, of a yes."""
HINGES = frozenset({"hinge", "squared_hinge"})
"""Losses that take the sign of every output as the answer."""
DISTANCES = frozenset({"mean_squared_error", "mean_absolute_error", "huber", "log_cosh"})
"""Losses that want every output near its label."""
_OTHERS = frozenset(
    {
        *("categorical_crossentropy", "sparse_categorical_crossentropy", "categorical_hinge"),
        *("categorical_focal_crossentropy", "cosine_similarity", "kl_divergence", "poisson"),
        *("mean_absolute_percentage_error", "mean_squared_logarithmic_error"),
    }
)
_LOSSES = CROSS_ENTROPIES | HINGES | DISTANCES | _OTHERS
_MOST = 100
"""Entries that are looked at in a file, which may hold anything."""


@dataclass(frozen=True, slots=True)
class Objective:
    """Loss and accuracy of a network, None where the file tells nothing that is known."""

    loss: str | None = None
    """Keras's name of the function, such as ``binary_crossentropy``."""
    from_logits: bool = False
    """Whether a cross-entropy takes outputs as logits instead of probabilities."""
    metric: str | None = None
    """``accuracy``, which Keras makes fit the outputs, or the name of a certain accuracy."""
    threshold: float | None = None
    """Above it an output says yes, where a ``BinaryAccuracy`` says so."""


UNKNOWN = Objective()
"""What a file without a loss tells."""


def read_objective(compiled: object) -> Objective:
    """Understand ``training_config`` of a ``.h5`` or ``compile_config`` of a ``.keras`` file.

    Args:
        compiled: the parsed JSON, which may hold anything; what cannot be understood is ignored,
            and no network is refused for it.
    """
    if not isinstance(compiled, dict):
        return UNKNOWN
    losses = [found for found in _entries(compiled.get("loss")) if found[0] in _LOSSES]
    loss, settings = losses[0] if len(losses) == 1 else (None, {})
    accuracies = [one for one in _entries(compiled.get("metrics")) if "accuracy" in one[0]]
    metric, given = accuracies[0] if accuracies else (None, {})
    threshold = None
    if metric == "binary_accuracy" and "threshold" in given:
        with suppress(InputError):
            threshold = Fields(given, "the metric").number("threshold", 0.5)
    return Objective(loss, settings.get("from_logits") is True, metric, threshold)


def _entries(value: object) -> Iterator[tuple[str, dict[str, object]]]:
    """Name and settings of every loss or metric in a structure of lists and dicts."""
    waiting = [value]
    for _ in range(_MOST):
        if not waiting:
            return
        one = waiting.pop(0)
        if isinstance(one, str):
            yield _name(one), {}
        elif isinstance(one, list):
            waiting += one[:_MOST]
        elif isinstance(one, dict) and isinstance(one.get("class_name"), str):
            settings = one.get("config")
            if isinstance(settings, str):  # a function, named
                yield _name(settings), {}
            elif isinstance(settings, dict):
                # A wrapper of a function goes by the name that it was given.
                wrapper = one["class_name"].rpartition(">")[2] == "MeanMetricWrapper"
                name = settings.get("name") if wrapper else one["class_name"]
                if isinstance(name, str):
                    yield _name(name), settings
        elif isinstance(one, dict):
            waiting += list(one.values())[:_MOST]


def _name(written: str) -> str:
    """Write a class, a function or an alias as Keras names the function.

    >>> _name("BinaryCrossentropy"), _name("MSE"), _name("LogCosh"), _name("KLDivergence")
    ('binary_crossentropy', 'mean_squared_error', 'log_cosh', 'kl_divergence')
    """
    plain = written.rpartition(">")[2]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", plain).lower()
    return _ALIASES.get(words, words)
