"""The choices that change headline numbers of time and energy, in one place.

>>> ModelOptions().faw, ModelOptions(banks=0)
Traceback (most recent call last):
...
pimsim.errors.InputError: `banks` must be a positive integer, not 0
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import Any

from pimsim.documents import require_one_of
from pimsim.dram.energy import (
    ENERGY_MODES,
    CommandEnergies,
    command_energies,
    default_mode,
    require_mode,
    require_share,
)
from pimsim.dram.standard.standard import Standard
from pimsim.errors import InputError, require_positive


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """The choices that change headline numbers; every result prints them.

    The defaults are those of a DDR3 module; :meth:`of` has those of any standard.

    Raises :class:`~pimsim.errors.InputError` for a value out of range.
    """

    banks: int = 8
    """Banks that compute at the same time."""
    faw: bool = True
    """Obey tFAW and tRRD, the limits on the rate of activations (the Ambit paper does not)."""
    refresh: bool = True
    """Refresh the DRAM: tRFC is lost out of every tREFI."""
    split_decoder: bool = True
    """The row decoder is split, as Ambit proposes: the two activations of an AAP overlap."""
    acts_per_aap: int = 2
    """How many activations an AAP counts as, 1 or 2: for tFAW, and for the energy in the mode
    ``datasheet``."""
    energy: str = ENERGY_MODES[0]
    """Energy mode: ``ambit-paper``, ``datasheet``, or ``none``, without energies."""
    clocked: bool = False
    """Start every command on a clock edge: each timing constraint is rounded up to whole clocks.
    Off, as in the papers' arithmetic, an AAP takes 49 ns; on, it takes 40 clocks of 1.25 ns. With
    clocks, the two ACTs of an AAP are 5 ns apart instead of 4. Streams in which AAPs and APs take
    turns may then be faster under tFAW, by less than 1 %."""
    extra_wordline_factor: float = 0.0
    """Energy of each wordline beyond the first, as a share of that of an activation. The text of
    the Ambit paper states 0.22, but its energy table is computed without it."""
    open_bank_share: float | None = None
    """Open banks add to the standby power. This share (0 to 1) of what all of them add together
    comes with the first one (mode ``datasheet`` only). None: the share of the part."""
    idle_ranks: bool = False
    """Charge standby and refresh of every rank of the part until the last command of any rank, even
    for ranks without commands (mode ``datasheet`` only). Off, a rank is charged until its own last
    command."""

    @classmethod
    def of(
        cls, standard: Standard, *, banks: int | None = None, energy: str | None = None, **rest: Any
    ) -> ModelOptions:
        """Return the options of a run on a standard.

        Args:
            standard: the DRAM.
            banks: all banks of all ranks and channels if None.
            energy: if None, ``ambit-paper`` for DDR3, whose figures these are, else ``datasheet``,
                or ``none`` where the standard has no currents.
            rest: every other field.

        Raises InputError for more banks than there are, an energy mode that has no figures for the
        standard, and a value out of range.

        >>> from pimsim.dram.standard.standard import load
        >>> chosen = ModelOptions.of(load("hbm2"), refresh=False)
        >>> chosen.banks, chosen.energy, chosen.refresh
        (128, 'datasheet', False)
        """
        if energy is None:
            energy = default_mode(standard)
        banks = standard.all_banks if banks is None else banks
        chosen = cls(banks=banks, energy=energy, **rest)
        chosen.require(standard)
        return chosen

    def require(self, standard: Standard) -> None:
        """Raise InputError unless a standard has so many banks, and the energy mode its figures."""
        self._require_banks(standard)
        require_mode(self.energy, standard)
        if self.open_bank_share is not None and standard.currents is not None:
            require_share(self.open_bank_share, standard)

    def energies(self, standard: Standard) -> CommandEnergies:
        """Return the energy of every command; InputError for more banks than there are.

        Where commands start on clock edges (``clocked``), energies count whole clocks of tRAS, tRP
        and tRFC, too.
        """
        self._require_banks(standard)
        if self.clocked:
            standard = replace(standard, timing=standard.timing.on_clock())
        return command_energies(
            self.energy,
            standard,
            acts_per_aap=self.acts_per_aap,
            extra_wordline_factor=self.extra_wordline_factor,
            open_bank_share=self.open_bank_share,
        )

    def _require_banks(self, standard: Standard) -> None:
        if self.banks > standard.all_banks:
            raise InputError(
                f"`banks` must be at most {standard.all_banks}, the banks of {standard.name}, "
                f"not {self.banks}"
            )

    def __repr__(self) -> str:
        """Return what differs from the defaults: ``ModelOptions(faw=False)``."""
        usual = {one.name: one.default for one in fields(self)}
        told = [
            f"{name}={getattr(self, name)!r}"
            for name, default in usual.items()
            if getattr(self, name) != default
        ]
        return f"ModelOptions({', '.join(told)})"

    def __post_init__(self) -> None:
        for one in fields(self):
            if one.type == "bool" and not isinstance(getattr(self, one.name), bool):
                raise InputError(
                    f"`{one.name}` must be True or False, not {getattr(self, one.name)!r}"
                )
        require_positive(banks=self.banks)
        if self.acts_per_aap not in (1, 2) or isinstance(self.acts_per_aap, bool):
            raise InputError(f"`acts_per_aap` must be 1 or 2, not {self.acts_per_aap!r}")
        require_one_of("energy", self.energy, ENERGY_MODES)
        if not (_is_number(self.extra_wordline_factor) and self.extra_wordline_factor >= 0):
            raise InputError(
                "`extra_wordline_factor` must be a number of at least 0, "
                f"not {self.extra_wordline_factor!r}"
            )
        share = self.open_bank_share
        if share is not None and not (_is_number(share) and 0 <= share <= 1):
            raise InputError(
                f"`open_bank_share` must be a number from 0 to 1, not {self.open_bank_share!r}"
            )
