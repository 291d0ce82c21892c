"""Sweeps from Python."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.api.records import Records
from experiments.api.wording import in_python
from experiments.output.words import counted
from pimsim.errors import require_positive

_NUMBERS = ("trials", "estimate", "low", "high")


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a sweep found."""

    document: Mapping[str, Any]
    """Everything, as in ``results.json``."""
    out: Path | None
    """The folder with store, tables and figures; None if nothing was kept."""

    @property
    def points(self) -> Records:
        """A row for each point: its axes, ``trials``, ``estimate``, ``low`` and ``high``.

        Estimates are in the unit of ``document["quantity"]``.
        """
        return Records(
            {**point["values"], **{name: point[name] for name in _NUMBERS}}
            for point in self.document["points"]
        )

    def __repr__(self) -> str:
        quantity = self.document["quantity"]
        axes = ", ".join(axis["field"] for axis in self.document["axes"]) or "nothing"
        return (
            f"<Sweep {self.document['name']!r}: {quantity['label']} ({quantity['unit']}) over "
            f"{axes}, {counted(len(self.document['points']), 'point')}>"
        )

    def _repr_html_(self) -> str:
        return self.points._repr_html_()


def sweep(
    spec: str | os.PathLike[str] | Mapping[str, Any],
    out: str | os.PathLike[str] | None = None,
    *,
    workers: int = 1,
) -> Sweep:
    """Measure something at every point of some axes, as ``pimsim sweep`` does.

    Args:
        spec: the name of a bundled specification, the path of a file, or its content as a dict.
        out: folder for trials, tables and figures. Trials that are in it already are not run again.
            Without a folder, nothing is kept.
        workers: how many processes run trials; with 1, this process does.

    Raises:
        InputError: a mistake in the specification.

    >>> import pimsim
    >>> found = pimsim.sweep({
    ...     "name": "demo", "measure": "tra-failure",
    ...     "fixed": {"samples": 2000}, "axes": {"variation_percent": [0, 20]},
    ...     "stop": {"trials": 1},
    ... })
    >>> [(row["variation_percent"], row["estimate"] > 5) for row in found.points]
    [(0.0, False), (20.0, True)]
    """
    require_positive(workers=workers)
    with in_python(texts={"`SPEC`": "`spec`"}):
        return _swept(spec, None if out is None else Path(out), workers)


def _swept(
    spec: str | os.PathLike[str] | Mapping[str, Any], out: Path | None, workers: int
) -> Sweep:
    from experiments.sweep import points, report, session
    from experiments.sweep import spec as specs
    from experiments.sweep.workers import runner
    from experiments.sweep.workers.pool import InProcess, LocalPool, Pool
    from experiments.sweep.workers.runner import Done, Task, carry_out

    if isinstance(spec, Mapping):
        chosen = specs.of(spec, Path.cwd())
    else:
        chosen = specs.load(os.fspath(spec))
    made = points.points(chosen)
    session.checked(chosen, made)
    pool: Pool[Task, Done] = InProcess(carry_out) if workers == 1 else LocalPool(carry_out, workers)
    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(pool)
        store = stack.enter_context(session.opened(chosen, folder))
        runner.run(chosen, made, store, pool)
        found = session.collected(chosen, made, store.trials)
        if out is not None:
            session.written(chosen, found, folder)
    return Sweep(report.document(found), None if out is None else folder)
