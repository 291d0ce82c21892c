"""``pimsim reproduce pluto``: what pLUTo publishes about itself and others that compute in DRAM.

Ferreira et al., "pLUTo: Enabling Massively Parallel Computation in DRAM via Lookup Tables", MICRO
2022, tables 6 and 7. Its table 3 names the DRAM: DDR4 at 2400 MHz, one channel of one rank, four
bank groups of four banks, rows of 8 KB, 17-17-17 (14.16 ns), and no tFAW.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

from experiments.reproduce.pluto.network import network
from experiments.reproduce.table import (
    Published,
    Row,
    Table,
    cost,
    in_words,
    look_up,
    program,
)
from pimsim.dram.energy import modes
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.microprogram.primitives import PRIMITIVES
from pimsim.microprogram.program import Program

NAME = "pluto"
PART = "ddr4-2400"
"""The bundled part that table 3 describes."""

OPERATIONS = (
    ("not", 1), ("and", 1), ("or", 1), ("xor", 1), ("xnor", 1),
    ("add", 4), ("multiply", 4), ("popcount", 4), ("popcount", 8),
)  # fmt: skip
"""Operations of table 6, and the bits of an operand, or those that are counted."""
SYSTEMS = {
    "ambit": "Ambit",
    "simdram": "SIMDRAM",
    "lacc": "LAcc",
    "drisa": "DRISA",
    "pluto": "pLUTo-BSA",
}
"""Columns of table 6."""
SUBARRAYS = 4
"""Subarrays of pLUTo in table 6: "4-subarray parallelism"."""
FITTED = (("not", 1), ("popcount", 4))
"""Operations from which the time of a row command in table 6 follows: one of its upper half, one of
its lower half."""
ENTRIES = {("add", 4): 2**8, ("multiply", 4): 2**8, ("popcount", 4): 2**4, ("popcount", 8): 2**8}
"""Entries of pLUTo's tables: one for each value of the bits that an operation reads."""


def tables(standard: Standard, options: ModelOptions) -> tuple[Table, ...]:
    """Return tables: programs, latencies beside published ones, possible explanations, LeNet-5."""
    return (
        _programs(standard, options),
        _operations(standard, options),
        _commands(standard, options),
        _conventions(standard, options),
        network(standard, options),
    )


def programs(operation: str) -> tuple[str, ...]:
    """Return the names of our programs for an operation: the published one, then a shorter one.

    >>> programs("add"), programs("xor")
    (('add-simdram', 'add'), ('xor',))
    """
    published = f"{operation}-simdram"
    return (published, operation) if published in PRIMITIVES else (operation,)


def label(operation: str, bits: int) -> str:
    """Return an operation with its width, if it has one.

    >>> label("add", 4), label("xor", 1)
    ('add 4', 'xor')
    """
    return f"{operation} {bits}" if PRIMITIVES[operation].sized else operation


def _chosen(name: str, bits: int) -> Program:
    return program(name, bits if PRIMITIVES[name].sized else None)


def _each() -> Iterator[tuple[str, int, str]]:
    for operation, bits in OPERATIONS:
        for name in programs(operation):
            yield operation, bits, name


def _programs(standard: Standard, options: ModelOptions) -> Table:
    rows: list[Row] = []
    words = in_words(standard, options)
    for operation, bits, name in _each():
        chosen, of = _chosen(name, bits), (label(operation, bits), name)
        published = None
        if name == programs(operation)[0]:
            published = look_up(NAME, "commands", operation, str(bits))
        rows.append(Row(of, "row commands", len(chosen), "", "Ambit's address map", published))
        taken = cost(chosen, standard, options)
        rows.append(Row(of, "latency", taken.latency_ps / 1e3, "ns", words))
        for mode in modes(standard):
            modelled = replace(options, energy=mode)
            pj = cost(chosen, standard, modelled).energy_pj_per_kb
            stated = in_words(standard, modelled, energy=mode)
            rows.append(Row(of, f"energy, {mode}", pj / 1e3, "nJ/KB", stated))
        rows.append(Row(of, "results a second", 8 * taken.throughput_gb_per_s, "G/s", words))
    return Table("programs", "What our programs take", ("operation", "program"), tuple(rows))


def _operations(standard: Standard, options: ModelOptions) -> Table:
    rows = []
    for operation, bits, name in _each():
        latency_ns = cost(_chosen(name, bits), standard, options).latency_ps / 1e3
        for key, title in SYSTEMS.items():
            published = look_up(NAME, "operations", operation, str(bits), key)
            if published is not None:
                of = label(operation, bits), name, title
                words = in_words(standard, options)
                rows.append(Row(of, "latency", latency_ns, "ns", words, published))
    rows += _by_formula(standard)
    keys = ("operation", "program", "system")
    return Table("operations", "Latency of a row of results", keys, tuple(rows))


def _stated(operation: str, bits: int, key: str) -> float:
    """A latency of table 6 in ns; it must be there."""
    found = look_up(NAME, "operations", operation, str(bits), key)
    assert found is not None
    return found.value


def source_of(operation: str) -> str:
    """Return the system in table 6 whose commands for an operation are published.

    >>> source_of("xor"), source_of("multiply")
    ('ambit', 'simdram')
    """
    return "simdram" if f"{operation}-simdram" in PRIMITIVES else "ambit"


def _commands(standard: Standard, options: ModelOptions) -> Table:
    """Average time of a row command, in table 6 and here."""
    rows = []
    for operation, bits in OPERATIONS:
        key = source_of(operation)
        counted = look_up(NAME, "commands", operation, str(bits))
        assert counted is not None
        stated = _stated(operation, bits, key)
        published = Published(
            stated / counted.value,
            f"worked by hand: {stated:g} ns of table 6 / {counted.value:g} row commands, "
            f"{counted.source}",
        )
        chosen = _chosen(programs(operation)[0], bits)
        each_ns = cost(chosen, standard, options).latency_ps / 1e3 / len(chosen)
        of = label(operation, bits), SYSTEMS[key]
        words = in_words(standard, options)
        rows.append(Row(of, "time a row command", each_ns, "ns", words, published))
    keys = ("operation", "system")
    return Table("commands", "Time of a row command, on average", keys, tuple(rows))


_AAP, _AP = (
    Program.parse(name, text, inputs=(), outputs=()) for name, text in
    (("AAP", "(C0,B0)"), ("AP", "[B12]"))
)  # fmt: skip


def _conventions(standard: Standard, options: ModelOptions) -> Table:
    """Table 6 computed from the same commands, with several assumed times of AAP and AP."""
    rows = []
    for (title, aap_ns, ap_ns), (operation, bits) in product(
        conventions(standard, options), OPERATIONS
    ):
        chosen = _chosen(programs(operation)[0], bits)
        latency_ns = chosen.aap * aap_ns + chosen.ap * ap_ns
        key = source_of(operation)
        published = look_up(NAME, "operations", operation, str(bits), key)
        of = title, f"{aap_ns:.2f}", f"{ap_ns:.2f}", label(operation, bits)
        rows.append(Row(of, "latency", latency_ns, "ns", f"{SYSTEMS[key]}'s commands", published))
    keys = ("an AAP takes", "AAP, ns", "AP, ns", "operation")
    return Table("conventions", "What an AAP would have to take", keys, tuple(rows))


def conventions(standard: Standard, options: ModelOptions) -> tuple[tuple[str, float, float], ...]:
    """Return assumed times of AAP and AP in ns: ours first, then what others may have used.

    The third is that of pluto_sim/memory_models.py in CMU-SAFARI/pLUTo: an ACT or a PRE takes
    14.16 ns, and no cell waits for tRAS. The last two follow from table 6 itself.
    """
    timing = standard.timing
    split, shared = (
        [
            cost(one, standard, replace(options, split_decoder=decoder)).latency_ps / 1e3
            for one in (_AAP, _AP)
        ]
        for decoder in (True, False)
    )
    rcd_ns, rp_ns, rc_ns = (ps / 1e3 for ps in (timing.t_rcd_ps, timing.t_rp_ps, timing.t_rc_ps))
    fitted = [
        (_stated(operation, bits, source_of(operation)), len(_chosen(programs(operation)[0], bits)))
        for operation, bits in FITTED
    ]
    return (
        ("as scheduled, split decoder", split[0], split[1]),
        ("as scheduled, shared decoder", shared[0], shared[1]),
        ("2 tRCD + tRP (pLUTo's program)", 2 * rcd_ns + rp_ns, rcd_ns + rp_ns),
        ("tRC, and an AP, too", rc_ns, rc_ns),
        *(
            (f"{ns:g} ns / {commands} of {label(*one)}", ns / commands, ns / commands)
            for one, (ns, commands) in zip(FITTED, fitted, strict=True)
        ),
    )


def _by_formula(standard: Standard) -> Iterator[Row]:
    """Time of a row by the formula of pLUTo-BSA, divided by its number of subarrays."""
    timing = standard.timing
    for (operation, bits), entries in ENTRIES.items():
        each_ns = (timing.t_rcd_ps + timing.t_rp_ps) / 1e3 / SUBARRAYS
        of = label(operation, bits), f"a table of {entries}", SYSTEMS["pluto"]
        published = look_up(NAME, "operations", operation, str(bits), "pluto")
        words = f"{standard.name}; (tRCD + tRP) x {entries} / {SUBARRAYS} subarrays"
        yield Row(of, "by its formula", each_ns * entries, "ns", words, published)


def rivals(found: Mapping[str, Table]) -> dict[str, float]:
    """Return result bits per second in DRAM, by the operation that this machine is measured on."""
    table = found["programs"]
    return {
        name: 1e9 * table.find("results a second", name, name) for name in ("not", "and", "xnor")
    }
