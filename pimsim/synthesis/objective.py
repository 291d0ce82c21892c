"""What is minimised: a price for every command, in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from pimsim.documents import require_one_of
from pimsim.dram.energy import require_energy
from pimsim.dram.options import ModelOptions
from pimsim.dram.scheduler.constraints import effective_timing, second_act_ps
from pimsim.dram.standard.standard import Standard
from pimsim.microprogram.program import Command

NAMES = ("commands", "activations", "latency", "energy")
"""What can be minimised."""
_RANK = 1 << 8
"""Upper bounds on the wordlines and the activations of any program."""
_STEPS = 10_000


@dataclass(frozen=True, slots=True)
class Prices:
    """Cost of each command, in some unit."""

    aap: int
    ap: int
    extra_wordline: int = 0

    def of(self, command: Command, extra_wordlines: int) -> int:
        """Return the cost of a command with so many wordlines beyond one for each activation."""
        first = self.ap if command.destination is None else self.aap
        return first + extra_wordlines * self.extra_wordline


@dataclass(frozen=True, slots=True)
class Minimise:
    """A quantity that a search minimises."""

    name: str
    fewer: str
    """What a better program has less of, in words."""
    prices: Prices
    """Prices in which this quantity outweighs all others, which only decide between equal
    programs."""


COMMANDS = Minimise("commands", "fewer commands", Prices(_RANK**2 + 2 * _RANK, _RANK**2 + _RANK, 1))
"""Fewest commands; among these fewest activations, then wordlines."""
ACTIVATIONS = Minimise(
    "activations", "fewer activations", Prices(2 * _RANK**2 + _RANK, _RANK**2 + _RANK, 1)
)
"""Fewest activations; among these fewest commands, then wordlines."""
EACH_ONE = Prices(1, 1)
"""Every command costs one."""


def latency(standard: Standard, options: ModelOptions) -> Minimise:
    """Return the objective of least time of a program in one bank.

    >>> from pimsim.dram.standard.standard import load
    >>> latency(load("ddr3-1600-8-8-8"), ModelOptions()).prices
    Prices(aap=12544, ap=11520, extra_wordline=1)
    """
    timing = effective_timing(standard, options)
    ap_ps = timing.t_ras_ps + timing.t_rp_ps
    aap_ps = ap_ps + second_act_ps(standard, options)
    step = gcd(ap_ps, aap_ps)
    return Minimise(
        "latency", "less latency", Prices(aap_ps // step * _RANK, ap_ps // step * _RANK, 1)
    )


def energy(standard: Standard, options: ModelOptions) -> Minimise:
    """Return the objective of least energy of row commands, in steps of 0.01 % of an AAP.

    Raises InputError if no energy is stated.

    >>> from pimsim.dram.standard.standard import load
    >>> energy(load("ddr3-1600-8-8-8"), ModelOptions()).prices
    Prices(aap=10000, ap=10000, extra_wordline=0)
    """
    require_energy("minimise", "energy", options.energy)
    energies = options.energies(standard)
    aap, ap, wordline = (
        round(_STEPS * pj / energies.aap_pj)
        for pj in (energies.aap_pj, energies.ap_pj, energies.extra_wordline_pj)
    )
    return Minimise("energy", "less energy", Prices(aap, ap, wordline))


def minimise(name: str, standard: Standard, options: ModelOptions) -> Minimise:
    """Return the objective of that name; InputError for an unknown one."""
    require_one_of("minimise", name, NAMES)
    if name == "latency":
        return latency(standard, options)
    if name == "energy":
        return energy(standard, options)
    return COMMANDS if name == "commands" else ACTIVATIONS
