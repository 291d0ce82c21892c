"""What a sweep can vary: a field, and what values it takes.

>>> field = Field("vdd_mv", "array supply", "mV", NUMBER, ("tra-failure",), "as it says", least=0.0)
>>> field.value(1200)
1200.0
>>> field.value("high")
Traceback (most recent call last):
...
pimsim.errors.InputError: `vdd_mv` must be a number of at least 0, not 'high'
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.sweep.results import Value
from pimsim.errors import InputError

NUMBER, INTEGER, SWITCH, TEXT = "number", "integer", "switch", "text"
"""Kinds of values."""

TRA, ACCURACY, COST = "tra-failure", "accuracy", "cost"
"""Measures, by name."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a specification can fix or vary."""

    name: str
    """As in a specification, with its unit."""
    label: str
    """What it is, for people and figures."""
    unit: str
    """Empty if it has none."""
    kind: str
    """:data:`NUMBER`, :data:`INTEGER`, :data:`SWITCH` or :data:`TEXT`."""
    measures: tuple[str, ...]
    """Measures that it acts on."""
    help: str
    """One line."""
    default: Value | None = None
    """Where a specification does not say; None: not set."""
    derived: Callable[[Mapping[str, Value]], Value] | None = None
    """Gives the default from the values of the fields without such; they are all set by then."""
    derived_text: str = ""
    """What that is, in words."""
    required: bool = False
    """Whether a specification must say."""
    choices: tuple[str, ...] = ()
    """All texts that are allowed; any if empty."""
    least: float = -math.inf
    most: float = math.inf
    suffixes: tuple[str, ...] = ()
    """Endings by which a text is known to be the path of a file, such as ``.toml``."""

    @property
    def numeric(self) -> bool:
        """Whether values are numbers, so that an axis can be a range."""
        return self.kind in (NUMBER, INTEGER)

    @property
    def allowed(self) -> str:
        """What values are allowed, in words."""
        if self.kind == SWITCH:
            return "true or false"
        if self.kind == TEXT:
            if self.choices:
                return f"one of {', '.join(self.choices)}"
            return "a text, or the path of a file" if self.suffixes else "a text"
        noun = "an integer" if self.kind == INTEGER else "a number"
        if self.least > -math.inf and self.most < math.inf:
            return f"{noun} from {self.least:g} to {self.most:g}"
        return f"{noun} of at least {self.least:g}" if self.least > -math.inf else noun

    def value(self, given: object) -> Value:
        """Return ``given`` as the type of the field.

        Raises :class:`~pimsim.errors.InputError` if it is not allowed.
        """
        value = self._typed(given)
        if value is None:
            raise InputError(f"`{self.name}` must be {self.allowed}, not {given!r}")
        return value

    def is_file(self, value: Value) -> bool:
        """Whether a value is the path of a file, not a name."""
        return isinstance(value, str) and Path(value).suffix in self.suffixes

    def _typed(self, given: object) -> Value | None:
        if self.kind == SWITCH:
            return given if isinstance(given, bool) else None
        if self.kind == TEXT:
            known = isinstance(given, str) and bool(given)
            return str(given) if known and (not self.choices or given in self.choices) else None
        if isinstance(given, bool) or not isinstance(given, int | float):
            return None
        if self.kind == INTEGER and not isinstance(given, int):
            return None
        if not math.isfinite(given) or not self.least <= given <= self.most:
            return None
        return given if self.kind == INTEGER else float(given)
