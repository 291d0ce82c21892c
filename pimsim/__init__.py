"""pimsim: processing-using-DRAM, simulated row command by row command.

:func:`~experiments.api.run` runs a binarized network, :func:`~experiments.api.estimate` says what
that would cost. An operation on rows can be run by hand, too, as the example below does.

Three packages share the work. :mod:`pimsim` has the DRAM, its commands, microprograms and their
cost. :mod:`bnn` reads networks trained with Larq and maps them to DRAM. :mod:`experiments` is the
command line, with reports and figures.

Of :mod:`pimsim`, read :mod:`pimsim.dram` (what a DRAM is and does), :mod:`pimsim.microprogram`
(lists of its commands), :mod:`pimsim.executors` (what carries them out) and :mod:`pimsim.cost` (the
time and energy that they take). :mod:`pimsim.circuit` says how often a command fails, and
:mod:`pimsim.baselines` what a processor would do instead. None of these imports :mod:`bnn`.
Importing ``pimsim`` loads none of this: a name is loaded when it is first used.

>>> from pimsim.dram.array.subarray import Subarray
>>> from pimsim.executors.reference import execute
>>> from pimsim.microprogram.primitives import PRIMITIVES
>>> subarray = Subarray(columns=4)
>>> subarray.write_bits(0, [0, 0, 1, 1])
>>> subarray.write_bits(1, [0, 1, 0, 1])
>>> execute(PRIMITIVES["xnor"], subarray, a=0, b=1, out=2)
>>> subarray.read_bits(2)
array([[1, 0, 0, 1]], dtype=uint8)
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.api import (
        Records,
        Run,
        Sweep,
        estimate,
        failures,
        networks,
        run,
        sweep,
        transient,
    )
    from pimsim.cost import primitive_cost
    from pimsim.dram.array.address_map import load as address_map
    from pimsim.dram.array.address_map import names as address_maps
    from pimsim.dram.array.subarray import Subarray
    from pimsim.dram.options import ModelOptions
    from pimsim.dram.standard.standard import load as standard
    from pimsim.dram.standard.standard import names as standards
    from pimsim.errors import InputError, PimsimError
    from pimsim.executors.reference import execute
    from pimsim.microprogram.primitives import PRIMITIVES
    from pimsim.microprogram.program import Program

__version__ = "0.1.0"

RESULT_VERSION = 1
"""Raised with every change after which any run gives other numbers. Results that were stored under
another version are not used again. Measures, mappings and noise have their own versions."""

_ELSEWHERE = {
    "Program": ("pimsim.microprogram.program", "Program"),
    "PRIMITIVES": ("pimsim.microprogram.primitives", "PRIMITIVES"),
    "Subarray": ("pimsim.dram.array.subarray", "Subarray"),
    "execute": ("pimsim.executors.reference", "execute"),
    "primitive_cost": ("pimsim.cost", "primitive_cost"),
    "address_map": ("pimsim.dram.array.address_map", "load"),
    "address_maps": ("pimsim.dram.array.address_map", "names"),
    "standard": ("pimsim.dram.standard.standard", "load"),
    "standards": ("pimsim.dram.standard.standard", "names"),
    "ModelOptions": ("pimsim.dram.options", "ModelOptions"),
    "InputError": ("pimsim.errors", "InputError"),
    "PimsimError": ("pimsim.errors", "PimsimError"),
}
"""The module of each public name that is not in :mod:`experiments.api`. A name is imported when it
is first used, so importing pimsim is quick."""

__all__ = [
    "PRIMITIVES",
    "RESULT_VERSION",
    "InputError",
    "ModelOptions",
    "PimsimError",
    "Program",
    "Records",
    "Run",
    "Subarray",
    "Sweep",
    "__version__",
    "address_map",
    "address_maps",
    "estimate",
    "execute",
    "failures",
    "networks",
    "primitive_cost",
    "run",
    "standard",
    "standards",
    "sweep",
    "transient",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        here = sys.modules[__name__]  # with it, Python names the nearest
        raise AttributeError(f"module 'pimsim' has no attribute {name!r}", name=name, obj=here)
    module, attribute = _ELSEWHERE.get(name, ("experiments.api", name))
    found = globals()[name] = getattr(import_module(module), attribute)
    return found


def __dir__() -> list[str]:
    return __all__
