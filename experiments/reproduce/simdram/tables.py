"""``pimsim reproduce simdram``: commands, widths and banks of bit-serial computing in DRAM.

Hajinazar et al., "SIMDRAM: An End-to-End Framework for Bit-Serial SIMD Computing in DRAM", ASPLOS
2021, with the operations of Ambit (MICRO 2017) that it builds on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import product

from experiments.reproduce.table import (
    Published,
    Row,
    Table,
    cost,
    in_words,
    look_up,
    program,
    published,
    throughput_gb_per_s,
)
from pimsim.dram.energy import modes
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard, load
from pimsim.microprogram.arithmetic import rows
from pimsim.microprogram.primitives import PRIMITIVES
from pimsim.microprogram.program import Program

NAME = "simdram"

WIDTHS = (7, 15, 31, 63, 127, 255, 511, 1023)
"""Numbers of rows for a popcount: 2^k - 1, for which no adder has an unused input."""
BANKS = (1, 2, 4, 8, 16)
_SINGLE_ROWS = ("not", "and", "or", "nand", "nor", "xor", "xnor", "full-adder")
_SIZED = (
    "add", "subtract", "greater", "greater-equal", "equal", "min", "max", "if-then-else",
)  # fmt: skip
_BITS = (8, 16, 32, 64)
"""Operand widths at which formulas are compared with programs."""
_SIXTEEN = "ddr4-2400"
"""A standard with sixteen banks in a rank."""
_PUBLISHED = {name: f"{name}-simdram" for name in ("add", "subtract", "popcount")}
"""Names of published programs, for operations whose own name means a shorter one of ours."""

DOTS = ("xnor", "popcount", "xnor + popcount")
"""Parts of a binary dot product: the product of signs, the sum of signs, and both."""


def tables(standard: Standard, options: ModelOptions) -> tuple[Table, ...]:
    """Return tables: command counts, cost against width, and throughput against banks."""
    return _commands(), _width(standard, options), _banks(standard, options)


def _commands() -> Table:
    wanted = [(name, 1) for name in _SINGLE_ROWS]
    wanted += product(_SIZED, _BITS)
    found = [_count(*one, look_up(NAME, "commands", one[0], width=one[1])) for one in wanted]
    for width in WIDTHS:
        published = look_up(NAME, "commands", "popcount", str(width))
        found.append(_count("popcount", width, published))
    return Table("commands", "Row commands", ("operation", "width", "of them AP"), tuple(found))


def _count(name: str, width: int, found: Published | None) -> Row:
    chosen = program(_PUBLISHED.get(name, name), width if PRIMITIVES[name].sized else None)
    of = (name, str(width), str(chosen.ap))
    return Row(of, "row commands", chosen.aap + chosen.ap, "", "Ambit's address map", found)


@cache
def dot(name: str, width: int) -> tuple[Program, int]:
    """Return a program, and how often it runs, for one of :data:`DOTS` over ``width`` rows.

    >>> dot_product, once = dot("xnor + popcount", 7)
    >>> len(dot_product), dot_product.outputs, once
    (81, ('sum0', 'sum1', 'sum2'), 1)
    """
    xnor, count = program("xnor"), program(_PUBLISHED["popcount"], width)
    if name == "xnor":
        return xnor, width
    if name == "popcount":
        return count, 1
    products = count.inputs
    inputs = rows("a", width) + rows("b", width)
    commands = tuple(
        command
        for a, b, product in zip(inputs[:width], inputs[width:], products, strict=True)
        for command in xnor.placed(a=a, b=b, out=product)
    )
    scratch = products + count.scratch
    return Program(name, commands + count.commands, inputs, count.outputs, scratch), 1


def _width(standard: Standard, options: ModelOptions) -> Table:
    found = tuple(
        row
        for name, width in product(DOTS, WIDTHS)
        for row in _of_width(name, width, standard, options)
    )
    return Table("width", "XNOR and popcount against width", ("operation", "width"), found)


def _of_width(name: str, width: int, standard: Standard, options: ModelOptions) -> Iterator[Row]:
    of, (chosen, times) = (name, str(width)), dot(name, width)
    commands = len(chosen) * times
    latency_ps = cost(chosen, standard, options).latency_ps * times
    words = in_words(standard, options)
    yield Row(of, "row commands", commands, "", "Ambit's address map", _published(name, width))
    yield Row(of, "row commands a bit", commands / width, "", "Ambit's address map")
    yield Row(of, "latency", latency_ps / 1e6, "us", words)
    for mode in modes(standard):
        # The energy of row commands does not depend on when they issue: the quickest to schedule.
        modelled = replace(options, energy=mode, faw=False, refresh=False)
        pj = cost(chosen, standard, modelled).energy_pj_per_kb * times / 8192 / width
        with_mode = in_words(standard, replace(options, energy=mode), energy=mode)
        yield Row(of, f"energy a bit, {mode}", pj, "pJ", with_mode)
    for faw in (False, True):
        limited = replace(options, faw=faw)
        rate = cost(chosen, standard, limited).throughput_gb_per_s / times * 8 * width
        quantity = f"bits a second, tFAW {'on' if faw else 'off'}"
        yield Row(of, quantity, rate, "G/s", in_words(standard, limited))


def _published(name: str, width: int) -> Published:
    """Commands of a dot product, from those of its parts."""
    numbers = published(NAME)
    xnor = numbers["commands", "xnor"](1)
    popcount = numbers["commands", f"popcount {width}"](1)
    if name == "popcount":
        return popcount
    products = Published(xnor.value * width, f"{xnor.source}: 7 for each row")
    if name == "xnor":
        return products
    both = f"{products.source}; {popcount.source}"
    return Published(products.value + popcount.value, both)


def _banks(standard: Standard, options: ModelOptions) -> Table:
    """Throughput against the number of banks, with more ranks if one has too few."""
    found = []
    standards = {one.name: one for one in (standard, load(_SIXTEEN))}
    for one, (operation, width), faw in product(
        standards.values(), (("and", None), ("add", 32)), (False, True)
    ):
        alone = 0.0
        for banks in BANKS:
            chosen = replace(options, faw=faw, banks=banks)
            ranks = max(one.ranks, -(-banks // (one.banks * one.channels)))
            system = replace(one, ranks=ranks)
            published = _PUBLISHED.get(operation, operation)
            rate = 8 * throughput_gb_per_s(published, system, chosen, width)
            alone = alone or rate
            label = f"{operation} {width}" if width else operation
            of = (one.name, label, "on" if faw else "off", str(banks))
            words = in_words(system, chosen)
            found.append(Row(of, "results a second", rate, "G/s", words))
            found.append(Row(of, "times one bank", rate / alone, "x", words))
    keys = ("standard", "operation", "tFAW", "banks")
    return Table("banks", "What more banks bring", keys, tuple(found))


def rivals(found: Mapping[str, Table]) -> dict[str, float]:
    """Return result bits per second in DRAM, by the operation that this machine is measured on.

    This is the widest popcount, with tFAW.
    """
    quantity, width = "bits a second, tFAW on", str(WIDTHS[-1])
    return {
        measured: 1e9 * found["width"].find(quantity, name, width)
        for measured, name in (
            ("xnor", "xnor"), ("popcount", "popcount"), ("xnor-popcount", "xnor + popcount"),
        )
    }  # fmt: skip
