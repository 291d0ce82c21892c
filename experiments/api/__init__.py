"""What :mod:`pimsim` offers to Python, each function as the subcommand of the same job does it.

Options are those of the command line, their dashes underscores: ``pimsim run --no-faw --banks 4``
is ``run(..., faw=False, banks=4)``. They are checked by the command line's own parser, so that both
know the same options and say the same of a wrong one.

Read :mod:`~experiments.api.options` (how keywords become options), then
:mod:`~experiments.api.runs`, :mod:`~experiments.api.circuits` and :mod:`~experiments.api.sweeps`;
rows come as :mod:`~experiments.api.records`. It knows no default and no range of its own.
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
