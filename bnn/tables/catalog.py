"""Networks that pimsim knows by their shapes alone, for what they would cost.

>>> entry("vgg16").macs
15470264320
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from bnn.tables import branches, chains, residual
from bnn.tables.graph import Table
from pimsim.documents import require_one_of

_DRAWN: dict[str, Callable[[], Table]] = {
    "alexnet": chains.alexnet,
    "densenet121": branches.densenet121,
    "googlenet": branches.googlenet,
    "lenet5": chains.lenet5,
    "mobilenet": chains.mobilenet,
    "nin": chains.nin,
    "resnet50": residual.resnet50,
    "resnext50": residual.resnext50,
    "squeezenet": branches.squeezenet,
    "vgg16": chains.vgg16,
    "wrn28-10": residual.wrn28_10,
    "zfnet": chains.zfnet,
}


def names() -> tuple[str, ...]:
    """Return the names of all tables, in alphabetical order."""
    return tuple(sorted(_DRAWN))


@cache
def entry(name: str) -> Table:
    """Return one table.

    Raises:
        InputError: there is none of this name.
    """
    require_one_of("network", name, names(), hint=True)
    return _DRAWN[name]()
