"""The failure table of a circuit under process variation: what `--variation` injects.

The table covers reading one row, and the majority of three on each number of rows. Patterns that
fail often are counted (:mod:`pimsim.circuit.statistics.monte_carlo`). Rarer ones are estimated by
importance sampling (:mod:`pimsim.circuit.statistics.importance_sampling`), one pattern at a time.
The probability is exactly 0 where every quantity is bounded and even the worst corner is right.

>>> from pimsim.circuit.model import parameters, variation
>>> circuit, ambit = parameters.load("rambus55"), variation.load("ambit-like")
>>> table = of_circuit(circuit, ambit, 10.0)
>>> [(entry.rows, entry.ones) for entry in table.entries]
[(1, 0), (1, 1), (3, 0), (3, 1), (3, 2), (3, 3)]
>>> 0.003 < table.probability(3, 2) < 0.005, table.rate("sense", 3, 2).access
(True, 0.0)
>>> of_circuit(circuit, ambit, 5.0).probability(3, 2)  # it cannot fail
0.0
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from pimsim import __version__
from pimsim.circuit.failure_tables.entry import Entry, Estimate
from pimsim.circuit.failure_tables.table import FailureTable
from pimsim.circuit.model import retention
from pimsim.circuit.model.parameters import Circuit
from pimsim.circuit.model.variation import Process
from pimsim.circuit.statistics import importance_sampling
from pimsim.circuit.statistics.charge_sharing import replication
from pimsim.circuit.statistics.importance_sampling import worst_margin_mv
from pimsim.circuit.statistics.intervals import LEVEL
from pimsim.circuit.statistics.monte_carlo import (
    PATHS,
    Counts,
    Sampling,
    count,
    require_variation,
)
from pimsim.circuit.statistics.sense_decision import DecisionPath, Majority, by_ones
from pimsim.errors import InputError

ACCESSES = 16
"""Accesses to each bitline where noise is drawn anew in each access. A bitline that is wrong in all
of them counts as weak for good. The number is a choice: with more accesses, some bitlines close to
the limit count as noisy instead of weak."""
SAMPLES = 100_000
"""Bitlines that are counted, unless said otherwise."""

_Place = tuple[int, int, int]
"""Rows, ones and halves of an entry."""

_FEW = 1000
"""With fewer wrong bitlines than this an estimate is made as well: the interval of a count of this
many is 6 % of the probability wide."""
_ESTIMATED = 20_000
"""Samples of an estimate: every second one fails, which gives an interval of a few percent."""
_LEAST_SAMPLES = 100


def of_circuit(
    circuit: Circuit,
    process: Process,
    variation_percent: float,
    *,
    rows: Sequence[int] = (3,),
    inputs: Sequence[int] = (),
    samples: int = SAMPLES,
    seed: int = 0,
) -> FailureTable:
    """Return how often sensing one row, and the majority of three on ``rows`` rows, is wrong.

    An entry ``(rows=N, ones=k * (N // 3))`` is for k of three operands true, each of them stored
    ``N // 3`` times and the left-over rows at vdd/2. All faults are static where the process
    draws nothing anew in an access; otherwise each bitline is accessed :data:`ACCESSES` times.

    Args:
        circuit: what the cells, bitlines and sense amplifiers nominally are.
        process: what varies.
        variation_percent: by how much, 0 to 100; 0 % gives probabilities of exactly 0.
        rows: numbers of rows that majorities of three are stored on, each at least 3.
        inputs: further majorities, of so many operands on a row each.
        samples: bitlines that are counted, at least 100.
        seed: of all draws.

    Raises:
        InputError: a value out of range, or more rows than a bitline has cells.
    """
    require_variation(variation_percent)
    drawn = Sampling(samples, seed, ACCESSES)
    if samples < _LEAST_SAMPLES:
        raise InputError(f"`samples` must be at least {_LEAST_SAMPLES}, not {samples}")
    if not rows or any(type(opened) is not int or opened < 3 for opened in rows):
        raise InputError(f"`rows` must be integers of at least 3, not {list(rows)!r}")
    entries: list[Entry | Estimate] = []
    further = ((one, one) for one in dict.fromkeys(inputs))
    for operands, opened in ((1, 1), *((3, one) for one in dict.fromkeys(rows)), *further):
        entries += _entries(circuit, process, operands, opened, variation_percent, drawn)
    stated = _provenance(circuit, process, variation_percent, "decision")
    return FailureTable(tuple(entries), {**stated, "samples": samples, "seed": seed})


def tabulate(
    circuit: Circuit,
    process: Process,
    operations: Sequence[tuple[int, int]],
    variation_percent: float,
    sampling: Sampling,
    path: str = "decision",
) -> FailureTable:
    """Return how often majorities of ``(inputs, rows)`` were wrong, counts alone.

    ``path`` is one of :data:`~pimsim.circuit.statistics.monte_carlo.PATHS`; ``inputs`` 1 is a read.

    >>> from pimsim.circuit.model import parameters, variation
    >>> circuit, ambit = parameters.load("rambus55"), variation.load("ambit-like")
    >>> table = tabulate(circuit, ambit, [(3, 3)], 20.0, Sampling(10_000, seed=1))
    >>> [(entry.rows, entry.ones) for entry in table.entries]
    [(3, 0), (3, 1), (3, 2), (3, 3)]
    >>> table.entry(3, 2).wrong > table.entry(3, 3).wrong
    True
    """
    entries: list[Entry] = []
    counter, _ = PATHS[path]
    for inputs, rows in operations:
        places, operation = _places(circuit, inputs, rows), by_ones(inputs, rows)
        counts = counter(circuit, process, operation, variation_percent, sampling, None)
        entries += [_counted(counts, ones, place) for ones, place in enumerate(places)]
    drawn = {"seed": sampling.seed, "accesses": sampling.accesses}
    stated = _provenance(circuit, process, variation_percent, path)
    return FailureTable(tuple(entries), {**stated, **drawn})


def _provenance(
    circuit: Circuit, process: Process, variation_percent: float, path: str
) -> dict[str, object]:
    """What a table says it was made from; seed and samples are not part of it."""
    return {
        "pimsim": __version__,
        "model": PATHS[path][1],
        "circuit": circuit.name,
        "parameters": circuit.values(),
        **({"leaked_time_constants": circuit.leaked} if circuit.leaked else {}),
        "process": retention.acting(circuit, process).as_json(),
        "variation_percent": variation_percent,
    }


def _places(circuit: Circuit, inputs: int, rows: int) -> list[_Place]:
    """The places of a majority, one for each number of true operands, whichever these are."""
    copies = replication(circuit, inputs, rows)
    return [(rows, ones * copies, rows - inputs * copies) for ones in range(inputs + 1)]


def _counted(counts: Counts, pattern: int, place: _Place) -> Entry:
    """The entry of the pattern of that number."""
    return Entry(
        *place,
        trials=counts.samples * counts.accesses,
        wrong=counts.wrong[pattern],
        bitlines=counts.samples,
        always_wrong=counts.always_wrong[pattern],
    )


def _entries(
    circuit: Circuit,
    process: Process,
    inputs: int,
    rows: int,
    variation_percent: float,
    drawn: Sampling,
) -> list[Entry | Estimate]:
    """Entries of a majority of ``inputs`` on ``rows`` rows, one a number of true operands."""
    operation = by_ones(inputs, rows)
    if not DecisionPath(circuit, process, operation).layout.per_access.any():
        drawn = replace(drawn, accesses=1)
    estimate = partial(
        importance_sampling.estimate, circuit, process, variation_percent=variation_percent
    )
    entries: list[Entry | Estimate] = []
    seen: Counts | None = None
    for ones, place in enumerate(_places(circuit, inputs, rows)):
        one = replace(operation, patterns=operation.patterns[ones : ones + 1])
        entry: Entry | Estimate | None = _certain(
            DecisionPath(circuit, process, one), variation_percent, place
        )
        if entry is None:
            seen = seen or count(circuit, process, operation, variation_percent, drawn)
            entry = _uncertain(estimate, one, place, seen, ones, drawn)
        entries.append(entry)
    return entries


def _uncertain(
    estimate: Callable[..., importance_sampling.Rare],
    operation: Majority,
    place: _Place,
    seen: Counts,
    pattern: int,
    drawn: Sampling,
) -> Entry | Estimate:
    """The entry of a pattern: its count, or an estimate if that is the more precise."""
    wrong, accesses = seen.wrong[pattern], seen.accesses
    if wrong < _FEW * accesses:
        tilted = replace(drawn, samples=_ESTIMATED)
        once = estimate(operation=operation, sampling=replace(tilted, accesses=1))
        if once.effective > wrong / accesses:  # it is worth more failures than were counted
            always = once if accesses == 1 else estimate(operation=operation, sampling=tilted)
            return _rare(once, always, place)
    return _counted(seen, pattern, place)


def _rare(
    once: importance_sampling.Rare, always: importance_sampling.Rare, place: _Place
) -> Estimate:
    """The entry of bitlines that are wrong ``once``, and ``always``."""
    # Both are estimates; bitlines that are always wrong are among those that are wrong once.
    static = min(always.probability, once.probability)
    return Estimate(
        *place,
        static=static,
        access=(once.probability - static) / (1.0 - static),
        low=once.low,
        high=once.high,
        level=LEVEL,
        source=f"importance sampling, {once.samples} samples, worth {once.effective:.0f} failures",
    )


def _certain(path: DecisionPath, variation_percent: float, place: _Place) -> Estimate | None:
    """The entry of a pattern that always has the same outcome; None if chance decides."""
    variation = variation_percent / 100.0
    varies, bounded = path.layout.varies(variation), not path.layout.gaussian.any()
    if varies and not bounded:
        return None
    least_mv = worst_margin_mv(path, variation)
    if least_mv > 0.0:
        why = f"cannot fail: the worst corner has a margin of {least_mv:.1f} mV"
        return Estimate(*place, static=0.0, access=0.0, low=0.0, high=0.0, source=why)
    if varies:
        return None
    why = f"nothing varies, and the margin is {least_mv:.1f} mV"
    return Estimate(*place, static=1.0, access=0.0, low=1.0, high=1.0, source=why)
