"""Every measure by name. To add one: a module with ``MEASURE``, an entry here, fields that name it.

>>> load("tra-failure").estimators[0].quantity.text
'triple-row activations wrong (%)'
>>> load("accurracy")
Traceback (most recent call last):
...
pimsim.errors.InputError: `measure` must be one of tra-failure, accuracy, cost, not 'accurracy'; \
did you mean 'accuracy'?
"""

from __future__ import annotations

from importlib import import_module

from experiments.sweep.measures.field import ACCURACY, COST, TRA
from experiments.sweep.measures.measure import Measure
from pimsim.documents import require_one_of

_MODULES = {TRA: "tra_failure", ACCURACY: "accuracy", COST: "cost"}

NAMES = tuple(_MODULES)
"""What ``measure`` in a specification can be."""


def load(name: object) -> Measure:
    """Return the measure of that name.

    Raises :class:`~pimsim.errors.InputError` if there is none, naming the nearest.
    """
    module = _MODULES[require_one_of("measure", name, NAMES, hint=True)]
    measure: Measure = import_module(f"experiments.sweep.measures.{module}").MEASURE
    return measure
