"""Choosing a mapping for every layer by what it would cost.

A layer is laid out and booked under every mapping, for the number of images that will be run, on a
timeline of its own; nothing is executed. Mappings are chosen so that the latency, the energy, or
the product of both is least for all layers together. Weights are not counted, because they are
written once for any number of images. Mappings that leave counting to the host do not take part:
counting there has no price, so they would win. A layer that no other mapping has room for runs on
the host.

>>> names()[-3:]
('auto', 'auto-latency', 'auto-energy')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bnn.backends.prepare import Draft
from bnn.lowering.stage import Stage
from bnn.mapping import MAPPINGS
from bnn.mapping.frontier import OBJECTIVES, Offer
from bnn.system.ledger import CommandLedger, ledger_alone
from bnn.system.system import System
from pimsim.documents import require_one_of
from pimsim.dram.energy import stated_pj
from pimsim.errors import InputError, OutOfRowsError, OutOfSubarraysError, PimsimError

DEFAULT = "auto"
"""The default."""

TOO_LARGE = (OutOfRowsError, OutOfSubarraysError)
"""What a mapping raises that has no room for a stage."""

PER_PASS = ("inputs", "compute")
"""Phases that every pass over images goes through."""

IN_DRAM = "in DRAM"

COUNTING: tuple[str, ...] = tuple(name for name, one in MAPPINGS.items() if one.popcount == IN_DRAM)
"""Mappings that count in DRAM."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mapping, and what a layer would take under it."""

    mapping: str
    offer: Offer | None
    """Latency and energy of every pass, alone on a timeline; None if it was refused. What refresh
    adds is that of :meth:`pimsim.cost.Elapsed.with_refresh`."""
    bare_ps: int = 0
    """The latency, refresh aside."""
    refused: str = ""
    """Why."""
    too_large: bool = False
    """Whether it was refused because a subarray has too few rows, or a bank too few subarrays."""


def written(every: Sequence[Candidate]) -> list[list[Any]]:
    """Return candidates as a value of JSON.

    >>> some = (Candidate("a", Offer(5, 2.0), 4), Candidate("b", None, refused="no"))
    >>> read(written(some)) == some
    True
    """
    return [[one.mapping, one.offer, one.bare_ps, one.refused, one.too_large] for one in every]


def read(every: Sequence[Sequence[Any]]) -> tuple[Candidate, ...]:
    """Return the candidates that :func:`written` was given."""
    return tuple(
        Candidate(mapping, None if offer is None else Offer(*offer), *rest)
        for mapping, offer, *rest in every
    )


def candidates(system: System) -> list[str]:
    """Names of the mappings that are chosen among: those that count in DRAM.

    Where commands go wrong these are not all, see :class:`bnn.mapped.mapped_stage.Mapping`.
    """
    if system.faults is None:
        return list(COUNTING)
    return [name for name in COUNTING if getattr(MAPPINGS[name], "chosen_with_faults", True)]


def popcount(name: str, reading: Iterable[str] = ()) -> str:
    """Where ones are counted, for reports.

    Args:
        name: what was asked for, of :func:`names`.
        reading: mappings of layers whose sums are read.

    """
    where = MAPPINGS[name].popcount if name in MAPPINGS else IN_DRAM
    rest = (getattr(MAPPINGS[one], "sums", "") for one in reading)
    return "; ".join(filter(None, dict.fromkeys([where, *rest])))


def names() -> tuple[str, ...]:
    """What a mapping may be asked for as: the mappings, and the ways to choose among them."""
    return *MAPPINGS, *OBJECTIVES


def version(name: str) -> int:
    """Number of a mapping's planner; for a way to choose, how often any planner has changed, and 1.

    Results that were kept under another one are not used again.

    Args:
        name: what was asked for, of :func:`names`.

    >>> version("output-stationary")
    1
    """
    some = [name] if name in MAPPINGS else MAPPINGS
    return 1 + sum(getattr(MAPPINGS[one], "version", 1) - 1 for one in some)


def check(name: str) -> None:
    """Raise InputError unless ``name`` is one of :func:`names`."""
    require_one_of("mapping", name, names(), hint=True)


def priced(lay_out: Callable[[str], Draft], stage: Stage, system: System) -> tuple[Candidate, ...]:
    """Return what a stage would take under every mapping that is chosen among.

    Args:
        lay_out: lays it out under the mapping of that name.
        stage: the stage.
        system: whose banks compute.

    Raises InputError, that of the first mapping, if all refuse, and none for want of room.
    """
    found: list[Candidate] = []
    refused: PimsimError | None = None
    ledgers: dict[str, CommandLedger] = {}
    for name in candidates(system):
        why = _passed_over(name, found, ledgers, stage, system)
        if why:
            found.append(Candidate(name, None, refused=why))
            continue
        try:
            books = ledgers[name] = _booked(lay_out(name), system)
        except (InputError, OutOfRowsError) as error:
            refused = refused or error
            too_large = isinstance(error, TOO_LARGE)
            found.append(Candidate(name, None, refused=str(error), too_large=too_large))
        else:
            bare_ps = books.cost_together(PER_PASS, refresh=False).latency_ps
            found.append(Candidate(name, offer(books, system), bare_ps))
    if refused is not None and not able(found) and not any(one.too_large for one in found):
        raise refused
    return tuple(found)


def _passed_over(
    name: str,
    found: Sequence[Candidate],
    ledgers: Mapping[str, CommandLedger],
    stage: Stage,
    system: System,
) -> str:
    """Why a mapping is not laid out at all; empty if it is."""
    mapping = MAPPINGS[name]
    at_best = getattr(mapping, "at_best", None)
    other, share, written = ("", 1, 1.0) if at_best is None else at_best(stage)
    if other not in ledgers:
        return ""
    writing, computing = (offer(ledgers[other], system, (phase,)) for phase in PER_PASS)
    latency_ps = written * writing.latency_ps + computing.latency_ps / share
    energy_pj = written * writing.energy_pj + computing.energy_pj / share
    for better, one in able(found):
        if one.latency_ps <= latency_ps and one.energy_pj <= energy_pj:
            return f"would lose to {better} even with 1/{share} of the commands of {other}"
    return ""


def why_none(found: Sequence[Candidate]) -> str:
    """Why no mapping has room for a stage, in a line; empty if one has.

    >>> why_none([Candidate("a", None, refused="100 rows are needed", too_large=True),
    ...           Candidate("b", None, refused="`moves` must be host", too_large=False)])
    'a: 100 rows are needed'
    """
    if able(found):
        return ""
    return "; ".join(f"{one.mapping}: {one.refused}" for one in found if one.too_large)


@contextmanager
def advised(mapping: str) -> Iterator[None]:
    """Have the error that a mapping has no room for a stage say what would do."""
    try:
        yield
    except TOO_LARGE as error:
        if mapping not in MAPPINGS:
            raise
        advice = f"--mapping {DEFAULT} takes another one, or leaves the layer to the host"
        raise type(error)(f"{error}; {advice}") from error


def able(found: Sequence[Candidate]) -> list[tuple[str, Offer]]:
    """Those that were not refused."""
    return [(one.mapping, one.offer) for one in found if one.offer is not None]


def offer(books: CommandLedger, system: System, phases: Sequence[str] = PER_PASS) -> Offer:
    """Latency and energy, on ``system``, of phases that were booked without refresh.

    Where energies are not stated all offers have 0, and latency alone decides.
    """
    cost = books.cost_together(tuple(phases), refresh=system.options.refresh)
    return Offer(cost.latency_ps, stated_pj(cost.total_pj) or 0.0)


def _booked(draft: Draft, system: System) -> CommandLedger:
    ledger = ledger_alone(system)
    draft(ledger)
    ledger.finish()
    return ledger
