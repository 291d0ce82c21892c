"""Which constraint holds a command back: the table of constraints against what was issued when."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from pimsim.dram.commands import Kind
from pimsim.dram.scheduler.bank_state import Bank
from pimsim.dram.scheduler.constraints import Constraint, Scope, TransferEnd, shared
from pimsim.dram.standard.timing import ACTS_PER_FAW


def binding(
    rows: Iterable[Constraint],
    kind: Kind,
    bank: Bank,
    ready_ps: int,
    second_ps: int,
    there: Bank | None = None,
) -> str:
    """Return the name of a row that ends when the command becomes legal, the first in the table.

    ``second_ps`` is how much later an AAP has a second ACT that counts, else 0; ``there`` is the
    destination of a TRANSFER. The name is "order" if no row ends there, and empty if the command is
    legal from time 0.
    """
    if not ready_ps:
        return ""
    rows = tuple(rows)
    after = Kind.ACT if kind.opens else kind
    for row in rows:
        if row.after is not after:
            continue
        if _ends(row, bank, ready_ps, own_acts=0):
            return row.name
        if there is not None and row.before is Kind.ACT and _ends(row, there, ready_ps, own_acts=0):
            return row.name
    if second_ps:
        for row in rows:
            among_acts = row.apart > 1 or row.scope is not Scope.BANK
            if row.before is row.after is Kind.ACT and among_acts:
                own_acts = int(second_ps < row.gap_ps)
                if _ends(row, bank, ready_ps + second_ps, own_acts=own_acts):
                    return row.name
    return "order"


def _ends(row: Constraint, bank: Bank, at_ps: int, own_acts: int) -> bool:
    """Whether the row holds the bank's next command back until exactly ``at_ps``.

    ``own_acts`` of the command itself lie within the row's gap before ``at_ps``.
    """
    since_ps = at_ps - row.gap_ps
    rank = bank.rank
    if row.apart > 1:
        first = bisect_left(rank.acts, (since_ps, -1))
        within = bisect_left(rank.acts, (at_ps, -1)) - first
        return (
            within + own_acts >= ACTS_PER_FAW
            and first < len(rank.acts)
            and rank.acts[first][0] == since_ps
        )
    if row.end is TransferEnd.DESTINATION:
        return bank.received_ps == since_ps
    if row.before is Kind.REF:
        return row.scope is Scope.BANK and rank.last_ref_ps == since_ps
    if row.before is row.after is Kind.ACT and row.scope is not Scope.BANK:
        places = {other.number: other.place for other in rank.banks}
        return any(
            act_ps == since_ps and shared(places[number], bank.place) is row.scope
            for act_ps, number in rank.acts
        )
    return any(
        other.last_ps.get(row.before) == since_ps and shared(other.place, bank.place) is row.scope
        for other_rank in rank.channel.ranks
        for other in other_rank.banks
    )
