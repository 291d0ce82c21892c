"""What the reproductions ask of the simulator: primitives on banks, priced, and options in words.

>>> from pimsim.dram.standard.standard import load
>>> ddr3 = load("ddr3-1600-8-8-8")
>>> round(throughput_gb_per_s("and", ddr3, PAPER))
334
>>> in_words(ddr3, PAPER)
'ddr3-1600-8-8-8; 8 banks; tFAW off; refresh off; split decoder'
"""

from __future__ import annotations

from functools import cache

from pimsim.cost import PrimitiveCost, primitive_cost
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.microprogram.primitives import PRIMITIVES
from pimsim.microprogram.program import Program

PAPER = ModelOptions(faw=False, refresh=False)
"""What the papers assume: eight banks, and neither tFAW nor refresh."""


@cache
def program(name: str, width: int | None = None) -> Program:
    """Return the program of a primitive, at the width that tables show or at ``width``."""
    return PRIMITIVES[name].program(width)


@cache
def cost(chosen: Program, standard: Standard, options: ModelOptions) -> PrimitiveCost:
    """Return what a program costs on one row of columns, and on all banks in the long run."""
    return primitive_cost(chosen, standard, options)


def throughput_gb_per_s(
    name: str, standard: Standard, options: ModelOptions, width: int | None = None
) -> float:
    """Return rows of results of a primitive, of all banks, in 1e9 bytes a second."""
    return cost(program(name, width), standard, options).throughput_gb_per_s


def in_words(standard: Standard, options: ModelOptions, *, energy: str | None = None) -> str:
    """Return the options that a value rests on, for the column ``options``."""
    words = [standard.name]
    if standard.channels > 1:
        words.append(f"{standard.channels} channels")
    if standard.ranks > 1:
        words.append(f"{standard.ranks} ranks")
    words.append(f"{options.banks} bank{'s' if options.banks > 1 else ''}")
    if options.faw:
        words.append(f"tFAW {standard.timing.t_faw_ps / 1e3:g} ns")
        words.append(f"{options.acts_per_aap} ACT{'s'[: options.acts_per_aap - 1]} an AAP")
    else:
        words.append("tFAW off")
    words.append(f"refresh {'on' if options.refresh else 'off'}")
    words.append("split decoder" if options.split_decoder else "shared decoder")
    if options.clocked:
        words.append("clocked")
    if energy is not None:
        words.append(f"energy {energy}")
        if options.extra_wordline_factor:
            words.append(f"{options.extra_wordline_factor:g} an extra wordline")
    return "; ".join(words)
