"""The functions that :mod:`pimsim` offers to Python; each does what a subcommand does.

Options are those of the command line, with underscores for dashes:
``pimsim run --no-faw --banks 4`` is ``run(..., faw=False, banks=4)``. The command line's own parser
checks them, so that both know the same options, defaults and ranges. Messages about a wrong one
name the keyword (:mod:`~experiments.api.wording`).

Read :mod:`~experiments.api.options` (how keywords become options), then
:mod:`~experiments.api.runs`, :mod:`~experiments.api.circuits` and :mod:`~experiments.api.sweeps`.
Rows of results are :mod:`~experiments.api.records`.
"""

from __future__ import annotations

from experiments.api.circuits import failures, transient
from experiments.api.records import Records
from experiments.api.runs import Run, estimate, networks, run
from experiments.api.sweeps import Sweep, sweep

__all__ = [
    "Records",
    "Run",
    "Sweep",
    "estimate",
    "failures",
    "networks",
    "run",
    "sweep",
    "transient",
]
