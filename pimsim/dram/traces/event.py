"""What a trace is made of: commands with their time and address."""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.dram.commands import Kind


@dataclass(frozen=True, slots=True)
class Event:
    """One command as the scheduler issued it; AAP and AP are one event.

    >>> Event(0, Kind.AP, bank=3, row=1006).row2 is None
    True
    """

    at_ps: int
    """Issue time; of an AAP or AP, that of its first ACTIVATE."""
    kind: Kind
    bank: int
    """System-wide number; a REF is of that bank's rank."""
    row: int | None = None
    """Row within the bank (subarray x rows_per_subarray + address): of an ACT, an AP or a column
    command, or the source of an AAP."""
    row2: int | None = None
    """Row within the bank that an AAP copies to; of a TRANSFER, row of the bank ``to``."""
    column: int | None = None
    """Burst within the row (of a TRANSFER, within both), of a column command."""
    extra_wordlines: int = 0
    """Wordlines raised beyond the first of each activation: they count in the energy."""
    to: int | None = None
    """Bank that a TRANSFER goes to, by its system-wide number."""
