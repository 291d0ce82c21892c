"""A sweep in its folder: opens the store, computes results from it, and writes them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from experiments.output import outdir
from experiments.sweep import report
from experiments.sweep.measures.measure import Counts, Estimator
from experiments.sweep.points import SweepPoint
from experiments.sweep.results import Point, Results
from experiments.sweep.spec import Spec
from experiments.sweep.workers.store import Owner, Store
from pimsim.errors import InputError

_STORE, _LOCK = "sweep.sqlite", "sweep.lock"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other sweeps out of the folder of ``path``, a file used only as a lock.

    The lock is an open SQLite transaction. The operating system releases it however the process
    ends. It does not block readers of the store.

    Raises :class:`~pimsim.errors.InputError` if another process has it.
    """
    with ExitStack() as stack:
        try:
            connection = sqlite3.connect(path, timeout=0.0, isolation_level=None)
            stack.enter_context(closing(connection)).execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            folder = str(path.parent)
            if "locked" in str(error) or "busy" in str(error):
                raise InputError(
                    f"{folder!r} must not be in use by another running sweep"
                ) from error
            raise InputError(
                f"`--out` must be a folder that can be written, not {folder!r}: {error}"
            ) from error
        yield


@contextmanager
def opened(spec: Spec, folder: Path, *, repair: bool = False) -> Iterator[Store]:
    """Open the store of a sweep in ``folder``; nobody else can write to it meanwhile.

    Raises :class:`~pimsim.errors.InputError` if that is impossible; see :meth:`Store.open`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise outdir.refused(folder, error) from error
    with (
        locked(folder / _LOCK),
        Store.open(folder / _STORE, _owner(spec), repair=repair) as store,
    ):
        yield store


def looked_at(spec: Spec, folder: Path) -> Store:
    """Return the store of a sweep, only for reading; it must exist."""
    return Store.open(folder / _STORE, _owner(spec), create=False)


def checked(spec: Spec, points: Sequence[SweepPoint]) -> None:
    """Check, before anything runs, that the figure of a sweep can be drawn.

    Raises :class:`~pimsim.errors.InputError`.
    """
    from experiments.figures import sweep as figures

    if spec.figure is not None and f"{spec.figure.get('name')}.csv" == report.CSV:
        name = spec.figure["name"]
        raise InputError(f"[figure]: `name` must not be {name!r}: {report.CSV} is the table")
    empty = collected(spec, points, lambda _: {})
    if report.is_drawn(empty, spec.figure):
        figures.check(empty, spec.figure)


def collected(
    spec: Spec, points: Sequence[SweepPoint], trials: Callable[[str], Mapping[int, Counts]]
) -> Results:
    """Return the estimate at every point, from its trials up to the first that is missing.

    ``trials`` returns the stored trials of a point, by its key.

    A trial is left out while one with a smaller number is missing. Otherwise estimates could be
    biased: quick trials may have other counts than slow ones.
    """
    quantity, found = spec.estimator.quantity, []
    others = [one for one in spec.measure.estimators if one != spec.estimator]
    for point in points:
        kept = trials(point.key)
        there = takewhile(lambda pair: pair[0] == pair[1], enumerate(sorted(kept)))
        counts = [kept[trial] for _, trial in there]
        sums = dict(counts[0]) if counts else {}
        for one in counts[1:]:
            for name, count in one.items():
                sums[name] = sums.get(name, 0) + count
        shares = spec.estimator(counts, spec.stop.level) if counts else ()
        numbers = map(quantity.shown, shares)
        also = tuple(_other(one, counts, sums, spec.stop.level) for one in others)
        found.append(
            Point(point.place, len(counts), *numbers, counts=sums, key=point.key, also=also)
        )
    varied = {axis.field for axis in spec.axes}
    # Defaults are assumptions, too; some follow from the varied fields.
    first = {name: value for name, value in points[0].values.items() if name not in varied}
    fixed = {
        name: value
        for name, value in first.items()
        if all(point.values.get(name) == value for point in points)
    }
    names = {name: None for point in points for name in point.values}
    following = [name for name in names if name not in varied and name not in fixed]
    if following:
        found = [
            replace(one, following={name: point.values.get(name) for name in following})
            for one, point in zip(found, points, strict=True)
        ]
    return Results(
        spec.name, quantity, spec.axes, fixed, tuple(found), _assumptions(spec, points, found),
        tuple(one.quantity for one in others),
    )  # fmt: skip


def _other(
    one: Estimator, counts: Sequence[Counts], sums: Mapping[str, int], level: float
) -> float | None:
    """The estimate of another quantity from the trials; None if they do not count it."""
    if one.part not in sums or not sums.get(one.whole):
        return None
    return one.quantity.shown(one(counts, level)[0])


def _assumptions(
    spec: Spec, points: Sequence[SweepPoint], found: Sequence[Point]
) -> dict[str, Any]:
    interval = spec.measure.interval(min((one.trials for one in found if one.trials), default=0))
    if not spec.measure.deterministic:
        interval = f"{100 * spec.stop.level:g} %, {interval}"
    apart = {tuple(one.following.items()): place for place, one in enumerate(found)}
    first, *others = [spec.measure.assumptions(points[place].values) for place in apart.values()]
    return {
        "measure": spec.measure.name,
        "seed": spec.seed,
        "interval": interval,
        **{
            name: value
            for name, value in first.items()
            if all(name in one and one[name] == value for one in others)
        },
    }


def written(spec: Spec, found: Results, folder: Path) -> tuple[list[str], str]:
    """Write tables and figure into ``folder``; return the names of the files, and the JSON."""
    with outdir.filled(folder) as staging:
        return report.write(found, spec.figure, staging)


def _owner(spec: Spec) -> Owner:
    return Owner(spec.name, spec.measure.name, spec.seed)
