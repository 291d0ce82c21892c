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

import difflib
from importlib import import_module

from experiments.sweep.fields import ACCURACY, COST, TRA
from experiments.sweep.measure import Measure
from pimsim.errors import InputError

_MODULES = {TRA: "tra_failure", ACCURACY: "accuracy", COST: "cost"}

NAMES = tuple(_MODULES)
"""What ``measure`` in a specification can be."""


def load(name: object) -> Measure:
    """Return the measure of that name.

    Raises :class:`~pimsim.errors.InputError` if there is none, naming the nearest.
    """
    if not isinstance(name, str) or name not in _MODULES:
        near = difflib.get_close_matches(str(name), NAMES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"`measure` must be one of {', '.join(NAMES)}, not {name!r}{hint}")
    measure: Measure = import_module(f"experiments.sweep.{_MODULES[name]}").MEASURE
    return measure
