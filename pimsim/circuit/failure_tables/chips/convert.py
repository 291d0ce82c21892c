"""From summaries of measurements to a failure table.

A publication is one entry of :data:`FORMS`: the columns by which its files are known, and what
makes entries of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from pimsim import __version__
from pimsim.circuit.failure_tables.chips import fcdram, simra
from pimsim.circuit.failure_tables.chips.summary import Summary, Wanted
from pimsim.circuit.failure_tables.entry import Estimate
from pimsim.circuit.failure_tables.table import FailureTable
from pimsim.errors import InputError

Maker = Callable[[Sequence[Summary], Wanted], list[Estimate]]


@dataclass(frozen=True, slots=True)
class Form:
    """Files of one publication."""

    columns: tuple[tuple[str, ...], ...]
    """A file that has all columns of one of these is such a file."""
    makers: tuple[Maker, ...]
    """What makes entries of all such files, of which there may be none."""
    check: Callable[[Summary], None] | None = None
    """What refuses a file that has the columns and nonsense in them."""

    def fits(self, summary: Summary) -> bool:
        """Whether a file is such a one."""
        return any(summary.has(*columns) for columns in self.columns)


FORMS = (
    Form((simra.COLUMNS,), (simra.majorities, simra.copies), simra.check),
    Form((fcdram.BY_DISTANCE, fcdram.REPORTED), (fcdram.inversions,)),
)
"""Every publication; no file is of two."""

MODEL = (
    "measured: SiMRA's share of bitlines that are wrong in some trial as static faults, divided "
    "over patterns by assumption; mean rates of copies and FCDRAM's NOT as faults of the access; "
    "reads of a single row and unanimous operands never fail"
)
"""What a converted table rests on, in words."""


def table(summaries: Sequence[Summary], wanted: Wanted) -> FailureTable:
    """Return the failure table of measurements: each kind that the summaries and ``wanted`` have.

    Raises :class:`~pimsim.errors.InputError` for a file of no known form, and for what was not
    measured.
    """
    if not summaries:
        raise InputError("`files` must be at least one file of measurements, not none")
    for one in summaries:
        if not any(form.fits(one) for form in FORMS):
            known = "; or ".join(", ".join(columns) for form in FORMS for columns in form.columns)
            raise InputError(f"{one.file} must have the columns {known}")
    entries = [
        Estimate(1, ones, 0, 0.0, 0.0, source="assumed: reading one row never fails")
        for ones in (0, 1)
    ]
    for form in FORMS:
        own = [one for one in summaries if form.fits(one)]
        for one in own:
            if form.check is not None:
                form.check(one)
        for make in form.makers:
            entries += make(own, wanted)
    provenance = {
        "pimsim": __version__,
        "model": MODEL,
        "files": [summary.file for summary in summaries],
        "wanted": {key: _json(value) for key, value in asdict(wanted).items()},
    }
    return FailureTable(tuple(entries), provenance)


def _json(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
