"""A sweep in its folder: the store that it goes on in, and what is written from that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from experiments.output import outdir
from experiments.sweep import outcome, report
from experiments.sweep.outcome import Outcome
from experiments.sweep.points import SweepPoint
from experiments.sweep.spec import Spec
from experiments.sweep.workers.lock import Lock
from experiments.sweep.workers.store import Owner, Store

_STORE, _LOCK = "sweep.sqlite", "sweep.lock"


@contextmanager
def opened(spec: Spec, folder: Path, *, repair: bool = False) -> Iterator[Store]:
    """Give the store of a sweep that goes on in ``folder``, which nobody else may write meanwhile.

    Raises :class:`~pimsim.errors.InputError` where that cannot be; see :meth:`Store.open`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise outdir.refused(folder, error) from error
    with (
        Lock(folder / _LOCK),
        Store.open(folder / _STORE, _owner(spec), repair=repair) as store,
    ):
        yield store


def looked_at(spec: Spec, folder: Path) -> Store:
    """Return the store of a sweep, which must be there, to be read alone."""
    return Store.open(folder / _STORE, _owner(spec), create=False)


def checked(spec: Spec, points: Sequence[SweepPoint]) -> None:
    """Make sure, before anything runs, that the figure of a sweep can be drawn.

    Raises :class:`~pimsim.errors.InputError`.
    """
    report.check(outcome.collected(spec, points, lambda _: {}), spec.figure)


def written(spec: Spec, found: Outcome, folder: Path) -> list[str]:
    """Write tables and figure into ``folder``; return the names of the files."""
    with outdir.filled(folder) as staging:
        return report.write(found, spec.figure, staging)


def _owner(spec: Spec) -> Owner:
    return Owner(spec.name, spec.measure.name, spec.seed)
