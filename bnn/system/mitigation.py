"""What a system does about commands that go wrong, each an option that costs commands.

- Triple modular redundancy (TMR) computes every output three times; one more triple-row activation
  votes.
- Many-row activation opens more than three rows for a majority, with every operand on several.
- A retry computes an output again if the row of its lowest bits is not what the host expects.
- Screening finds columns that fail test patterns, and the mapping leaves them out.
- Guard rows keep data away from rows that are activated all the time.

See ``docs/mitigations.md``.

>>> Mitigation(tmr="time", activation_rows=8).stated()["tmr"]
'time: thrice in the same subarray, one vote a row'
>>> Mitigation(activation_rows=8).operand_rows, Mitigation(activation_rows=32).operand_rows
(2, 10)
"""

from __future__ import annotations

from dataclasses import dataclass

from pimsim.dram.array.many_rows import ACTIVATION_ROWS, operand_rows
from pimsim.errors import InputError

TMR = ("off", "time", "banks")
"""Whether an output is computed three times, and where."""

_TMR_TEXT = {
    "off": "off",
    "time": "time: thrice in the same subarray, one vote a row",
    "banks": "banks: in three subarrays with operands of their own, one vote a row",
}


@dataclass(frozen=True, slots=True)
class Mitigation:
    """What is done about commands that go wrong; by default nothing.

    Raises:
        InputError: a value that is not one of those that there are.
    """

    tmr: str = TMR[0]
    """Of :data:`TMR`: every output once; three times one after the other in one subarray; or in
    three subarrays. What comes out is voted."""
    activation_rows: int = ACTIVATION_ROWS[0]
    """Rows that an activation for a majority opens, of
    :data:`~pimsim.dram.array.many_rows.ACTIVATION_ROWS`."""
    retries: int = 0
    """How often at most an output is computed again where its least bits are not as expected."""
    screening: int = 0
    """Rounds of test patterns by which columns are found that are left out; 0 tests nothing."""
    guard_rows: int = 0
    """Rows left empty between compute rows and constants, and as many between these and data."""

    def __post_init__(self) -> None:
        if self.tmr not in TMR:
            raise InputError(f"`tmr` must be one of {', '.join(TMR)}, not {self.tmr!r}")
        if self.activation_rows not in ACTIVATION_ROWS:
            numbers = ", ".join(map(str, ACTIVATION_ROWS))
            raise InputError(
                f"`activation_rows` must be one of {numbers}, not {self.activation_rows!r}"
            )
        for name in ("retries", "screening", "guard_rows"):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise InputError(f"`{name}` must be an integer of at least 0, not {value!r}")
        if self.retries and self.tmr != TMR[0]:
            raise InputError(f"`retries` must be 0 with `tmr` {self.tmr!r}, not {self.retries}")

    @property
    def operand_rows(self) -> int:
        """Rows of an activation that each of the three operands stands on."""
        return operand_rows(self.activation_rows)

    @property
    def lays_out(self) -> str | None:
        """The option that changes what a mapping lays out, if one does, as ``name value``.

        >>> Mitigation(retries=2).lays_out, Mitigation(activation_rows=32).lays_out
        ('`retries` 2', None)
        """
        options = (("tmr", self.tmr), ("retries", self.retries), ("screening", self.screening))
        chosen = (f"`{name}` {value}" for name, value in options if value not in (0, TMR[0]))
        return next(chosen, None)

    def refuse(self, mapping: str) -> None:
        """Raise InputError if an option asks a mapping for a layout that it cannot make."""
        if self.lays_out is not None:
            raise InputError(
                f"`mapping` must be output-stationary or output-tree with {self.lays_out}, "
                f"not {mapping!r}"
            )

    def stated(self) -> dict[str, object]:
        """What a report says of it."""
        many = f"{self.activation_rows} rows, {self.operand_rows} an operand"
        if self.activation_rows > ACTIVATION_ROWS[0]:
            left = self.activation_rows % 3
            many += f"; {left} left over, at vdd/2 before each majority (renewing is not costed)"
        retries = f"at most {self.retries}, where the row of least bits is not as the host expects"
        screening = f"{self.screening} rounds of test patterns; columns that fail one are left out"
        guards = {
            "guard_rows": f"{self.guard_rows} between compute rows and constants, and between "
            "constants and data: no row of data lies beside a compute row or a constant"
        }
        return {
            **(guards if self.guard_rows else {}),
            "tmr": _TMR_TEXT[self.tmr],
            "activation_rows": many,
            "retries": retries if self.retries else "none",
            "screening": screening if self.screening else "none",
        }


NONE = Mitigation()
"""Nothing is done."""
