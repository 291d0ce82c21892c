"""The rank that a layer runs on: it hands out subarrays and books what their banks did.

>>> from pimsim.dram.switches import Switches
>>> from pimsim.dram.standards import load
>>> machine = Machine(load("ddr3-1600-8-8-8"), Switches())
>>> subarray = machine.subarrays(columns=64, lanes=2)
>>> subarray.aap(subarray.rows.address("C1"), subarray.rows.first_data)
>>> machine.book("compute", [subarray], [3, 3])
>>> machine.activities["compute"].banks[3].aap
2
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pimsim.cost import Cost, price
from pimsim.dram.activity import Activity, CommandCounts
from pimsim.dram.standards import Standard
from pimsim.dram.subarray import Subarray
from pimsim.dram.switches import Switches
from pimsim.errors import InputError

PHASES = ("weights", "inputs", "compute")
"""Loading weights (once, however many images follow), loading inputs, and the rest."""


class Machine:
    """One rank of a standard under given switches, and the activity of one layer on it."""

    def __init__(self, standard: Standard, switches: Switches) -> None:
        if switches.banks > standard.banks:
            raise InputError(
                f"`banks` must be at most the {standard.banks} of {standard.name}, "
                f"not {switches.banks}"
            )
        self.standard = standard
        self.switches = switches
        self.activities = {phase: Activity((CommandCounts(),) * switches.banks) for phase in PHASES}

    @property
    def banks(self) -> int:
        """Banks that compute."""
        return self.switches.banks

    @property
    def columns(self) -> int:
        """Columns of a rank's row."""
        return self.standard.columns

    @property
    def data_rows(self) -> int:
        """Data rows of a subarray."""
        return Subarray(1, rows=self.standard.rows_per_subarray).data_rows

    def subarrays(self, columns: int, lanes: int) -> Subarray:
        """``lanes`` subarrays in lock-step, of which ``columns`` columns are used."""
        return Subarray(
            columns,
            rows=self.standard.rows_per_subarray,
            lanes=lanes,
            burst_bits=self.standard.burst_bytes * 8,
        )

    def book(self, phase: str, subarrays: Iterable[Subarray], banks: Sequence[int]) -> None:
        """Add what ``subarrays`` did since they were last booked; lane i is in ``banks[i]``."""
        totals = dict.fromkeys(banks, CommandCounts())
        for subarray in subarrays:
            for bank, counts in zip(banks, subarray.counts(), strict=True):
                totals[bank] += counts
            subarray.clear_counts()
        self.activities[phase] += Activity.of(totals, self.banks)

    def stream(self, phase: str, bits: int) -> None:
        """Book the reading of ``bits`` over the channel, whole rows spread over the banks."""
        standard = self.standard
        bursts = -(-bits // (standard.burst_bytes * 8))
        rows = -(-bursts // standard.bursts_per_row)
        counts = {}
        for bank in range(self.banks):
            opened = rows // self.banks + (bank < rows % self.banks)
            moved = bursts // self.banks + (bank < bursts % self.banks)
            counts[bank] = CommandCounts(act=opened, pre=opened, rd=moved)
        self.activities[phase] += Activity.of(counts, self.banks)

    def cost(self, phase: str) -> Cost:
        """Time and energy of a phase."""
        return price(self.activities[phase], self.standard, self.switches)
