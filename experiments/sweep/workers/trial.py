"""Carrying out one trial, wherever that happens."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from experiments.sweep.results import Value
from pimsim.errors import InputError, PimsimError


@dataclass(frozen=True, slots=True)
class Task:
    """A trial that is to be made."""

    measure: str
    values: tuple[tuple[str, Value], ...]
    """Every field that is set, sorted."""
    trial: int
    seed: int
    key: str
    """Key of the point, as whoever asks computed it."""
    where: str
    """The point in words."""

    @classmethod
    def of(
        cls, measure: str, values: Mapping[str, Value], trial: int, seed: int, key: str, where: str
    ) -> Task:
        """Return the task of a trial."""
        return cls(measure, tuple(sorted(values.items())), trial, seed, key, where)


@dataclass(frozen=True, slots=True)
class Done:
    """A trial that has been made."""

    counts: Mapping[str, int]
    wall_s: float


def carry_out(task: Task) -> Done:
    """Make a trial.

    Raises :class:`~pimsim.errors.InputError` if it cannot be made, and if it would not be the
    trial that was asked for: on a machine with another version of pimsim, or where files hold
    something else.
    """
    from experiments.sweep import files
    from experiments.sweep.measures import catalog as measures
    from experiments.sweep.measures.fields import table

    known = table()
    stamps = tuple(
        files.stamp(Path(str(value))) for name, value in task.values if known[name].is_file(value)
    )
    if _key(task.measure, task.values, task.seed, stamps) != task.key:
        raise InputError(
            "workers must have the same pimsim and the same files as the sweep, and one has others"
        )
    started = time.perf_counter()
    try:
        counts = measures.load(task.measure).run(dict(task.values), task.trial, task.seed)
    except PimsimError as error:
        raise InputError(f"{error} (trial {task.trial} at {task.where})") from error
    return Done(dict(counts), time.perf_counter() - started)


@lru_cache(maxsize=1024)
def _key(
    measure: str,
    values: tuple[tuple[str, Value], ...],
    seed: int,
    stamps: tuple[tuple[int, int], ...],
) -> str:
    from experiments.sweep.measures import catalog as measures
    from experiments.sweep.workers import keys

    return keys.of(keys.content(measures.load(measure), dict(values), seed))
