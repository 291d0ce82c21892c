"""``pimsim reproduce ambit``: throughput and energy of bulk bitwise operations in DRAM.

Seshadri et al., "Ambit: In-Memory Accelerator for Bulk Bitwise Operations Using Commodity DRAM
Technology", MICRO 2017, section 7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from math import fsum
from statistics import fmean, geometric_mean

from experiments.reproduce.table import (
    Row,
    Table,
    cost,
    in_words,
    look_up,
    program,
    throughput_gb_per_s,
)
from pimsim.baselines.systems import SYSTEMS, PublishedSystem
from pimsim.dram.energy import command_energies, modes
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard, load

NAME = "ambit"

SEVEN = ("not", "and", "or", "nand", "nor", "xor", "xnor")
"""The operations of the paper's figure."""
PAIRED = (("not",), ("and", "or"), ("nand", "nor"), ("xor", "xnor"))
"""The operations, grouped as in the paper's energy table."""
_VAULTS, _VAULT_BANKS, _VAULT_ROW_BYTES = 32, 8, 1024
"""Ambit-3D: the 256 banks of a 4 GB HMC 2.0. The row is derived: 9.7x and 2.4x over the same
HMC make four times Ambit's 8 banks of 8 KB, which is 256 banks of 1 KB."""
PAIRS = (
    ("ambit", "skylake"),
    ("ambit", "gtx-745"),
    ("ambit", "hmc-2.0"),
    ("ambit-3d", "hmc-2.0"),
)
"""Averages that the paper prints."""
_SLOWER = {"ddr3-1600-8-8-8": "ddr3-1600-11-11-11"}
"""The next speed bin of the part that the paper assumes."""
_TITLES = {"ambit": "Ambit", "ambit-3d": "Ambit-3D"}

Rates = Mapping[str, float]
"""Throughput of each of the seven operations, in GB/s."""


def _over(ours: Rates, theirs: Rates) -> list[float]:
    return [ours[name] / theirs[name] for name in SEVEN]


MEANS: Mapping[str, Callable[[Rates, Rates], float]] = {
    "arithmetic": lambda ours, theirs: fmean(_over(ours, theirs)),
    "geometric": lambda ours, theirs: geometric_mean(_over(ours, theirs)),
    "harmonic": lambda ours, theirs: len(SEVEN) / fsum(_over(theirs, ours)),
    "mean rates": lambda ours, theirs: fsum(ours.values()) / fsum(theirs.values()),
    "total times": lambda ours, theirs: (
        fsum(1 / rate for rate in theirs.values()) / fsum(1 / rate for rate in ours.values())
    ),
}
"""Possible meanings of "on average"; the paper does not say which."""


def tables(standard: Standard, options: ModelOptions) -> tuple[Table, ...]:
    """Return tables of everything in the paper's section 7, and of what follows from it."""
    return (
        _throughput(standard, options),
        _averages(standard, options),
        _energy(standard, options),
        _faw(standard, options),
        _refresh(standard, options),
    )


def operands(name: str) -> int:
    """Number of vectors that an operation moves over a channel: its inputs and its result."""
    chosen = program(name)
    return len(chosen.inputs) + len(chosen.outputs)


def _ambit(standard: Standard, options: ModelOptions) -> Rates:
    return {name: throughput_gb_per_s(name, standard, options) for name in SEVEN}


def _cube(standard: Standard, options: ModelOptions) -> tuple[Standard, ModelOptions]:
    """Every vault is a channel, with its own limit of activations."""
    cube = replace(
        standard,
        channels=_VAULTS,
        ranks=1,
        banks=_VAULT_BANKS,
        bank_groups=1,
        row_bytes=_VAULT_ROW_BYTES,
    )
    return cube, replace(options, banks=_VAULTS * _VAULT_BANKS)


def _processor(system: PublishedSystem) -> Rates:
    return {name: system.throughput_gb_per_s(operands(name)) for name in SEVEN}


def _throughput(standard: Standard, options: ModelOptions) -> Table:
    systems = [
        (one.name, one.title, _processor(one),
         f"{one.efficiency:g} of {one.peak_gb_per_s:.1f} GB/s, over the operands")
        for one in SYSTEMS.values()
    ]  # fmt: skip
    stated, in_cube = in_words(standard, options), _cube(standard, options)
    systems += [
        ("ambit", _TITLES["ambit"], _ambit(standard, options), stated),
        ("ambit-3d", _TITLES["ambit-3d"], _ambit(*in_cube), f"{in_words(*in_cube)}; 1 KB rows"),
    ]
    rows = tuple(
        Row(
            (title, name), "throughput", rate, "GB/s", words, look_up(NAME, "throughput", key, name)
        )
        for key, title, rates, words in systems
        for name, rate in rates.items()
    )
    title = "Throughput of seven bulk operations"
    return Table("throughput", title, ("system", "operation"), rows)


def _averages(standard: Standard, options: ModelOptions) -> Table:
    rows = []
    variants = {in_words(*one): one for one in _variants(standard, options)}
    for number, (words, (bin_, chosen)) in enumerate(variants.items()):
        ours = {"ambit": _ambit(bin_, chosen), "ambit-3d": _ambit(*_cube(bin_, chosen))}
        timing = f"{bin_.bin}, clocked" if chosen.clocked else bin_.bin
        for left, right in PAIRS:
            system = SYSTEMS[right]
            models = [(replace(system, efficiency=1.0), "peak", mean) for mean in MEANS]
            if number == 0:
                models.append((system, "stated", "geometric"))
            for model, bandwidth, mean in models:
                of = (pair(left, right), timing, bandwidth, mean)
                ratio = MEANS[mean](ours[left], _processor(model))
                found = look_up(NAME, "average", left, right)
                rows.append(Row(of, "throughput ratio", ratio, "x", words, found))
    keys = ("systems", "timing", "bandwidth", "average")
    return Table("averages", "On average over the seven operations", keys, tuple(rows))


def _variants(standard: Standard, options: ModelOptions) -> list[tuple[Standard, ModelOptions]]:
    """The chosen options, and others that may explain the published averages."""
    variants = [(standard, options), (standard, replace(options, clocked=True))]
    if standard.name in _SLOWER:
        variants.append((load(_SLOWER[standard.name]), options))
    return variants


def pair(left: str, right: str) -> str:
    """Return the name of the ratio of two systems in the table."""
    return f"{_TITLES[left]} / {SYSTEMS[right].title}"


def _energy(standard: Standard, options: ModelOptions) -> Table:
    rows = []
    for mode in modes(standard):
        chosen = replace(options, energy=mode)
        energies = command_energies(mode, standard)
        kb = standard.row_bytes / 1024
        opened = energies.act_pj + energies.pre_pj
        bursts = standard.bursts_per_row
        read = (opened + bursts * (energies.rd_pj + energies.rd_io_pj)) / kb / 1e3
        written = (opened + bursts * (energies.wr_pj + energies.wr_io_pj)) / kb / 1e3
        stated = in_words(standard, chosen, energy=mode)
        ratios = []
        for names in PAIRED:
            one, words = program(names[0]), " ".join(names)
            streamed = len(one.inputs) * read + len(one.outputs) * written
            in_dram = cost(one, standard, chosen).energy_pj_per_kb / 1e3
            ratios += [streamed / in_dram] * len(names)
            for key, quantity, value, unit in (
                ("ddr3", "over the channel", streamed, "nJ/KB"),
                ("ambit", "in DRAM", in_dram, "nJ/KB"),
                ("ratio", "energy ratio", streamed / in_dram, "x"),
            ):
                # Publications print what their own model says, not what a datasheet says.
                found = look_up(NAME, "energy", key, words) if mode == "ambit-paper" else None
                rows.append(Row((mode, words), quantity, value, unit, stated, found))
        mean = len(ratios) / fsum(1 / ratio for ratio in ratios)
        found = look_up(NAME, "energy", "ratio", "harmonic mean") if mode == "ambit-paper" else None
        rows.append(Row((mode, "harmonic mean"), "energy ratio", mean, "x", stated, found))
    return Table("energy", "Energy of bulk operations", ("model", "operation"), tuple(rows))


def _faw(standard: Standard, options: ModelOptions) -> Table:
    rows = []
    windows = ((None, 2), (30, 2), (30, 1), (40, 2), (40, 1))
    for name, (window_ns, acts), split in product(
        ("not", "and", "nand", "xor"), windows, (True, False)
    ):
        chosen = replace(options, faw=window_ns is not None, acts_per_aap=acts, split_decoder=split)
        limited = standard
        if window_ns:
            timing = replace(standard.timing, t_faw_ps=window_ns * 1000)
            limited = replace(standard, timing=timing)
        of = (name, str(window_ns or "off"), str(acts) if window_ns else "any",
              "split" if split else "shared")  # fmt: skip
        rate = throughput_gb_per_s(name, limited, chosen)
        words = in_words(limited, chosen)
        rows.append(Row(of, "throughput", rate, "GB/s", words, look_up(NAME, "faw", *of)))
    keys = ("operation", "tFAW ns", "ACTs an AAP", "decoder")
    return Table("faw", "What tFAW costs", keys, tuple(rows))


def _refresh(standard: Standard, options: ModelOptions) -> Table:
    rows = []
    for refresh in (False, True):
        chosen = replace(options, refresh=refresh)
        for name, rate in _ambit(standard, chosen).items():
            found = None if refresh else look_up(NAME, "throughput", "ambit", name)
            of = (name, "on" if refresh else "off")
            rows.append(Row(of, "throughput", rate, "GB/s", in_words(standard, chosen), found))
    return Table("refresh", "What refresh costs", ("operation", "refresh"), tuple(rows))


def rivals(found: Mapping[str, Table]) -> dict[str, float]:
    """Return result bits per second in DRAM, by the operation that this machine is measured on."""
    return {
        name: 8e9 * found["throughput"].find("throughput", "Ambit", name)
        for name in ("not", "and", "xnor")
    }
