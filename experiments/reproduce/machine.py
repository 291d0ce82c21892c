"""The machine that pimsim runs on, measured, as rows beside those of a reproduction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.reproduce.table import Row, Table
from pimsim.baselines.measured import Measurement


def table(measured: Measurement, rivals: Mapping[str, float]) -> Table:
    """Return the machine's best rates; ``rivals`` are rates of bits in DRAM to divide them by."""
    rows = []
    for operation, rate in measured.best().items():
        of = operation, rate.library, str(rate.threads), f"{rate.spread_percent:.0f}"
        words = f"best of {len(rate.seconds)}; arrays of {measured.caches:.1f} caches together"
        if rate.output_gb_per_s is not None:
            rows.append(Row(of, "result", rate.output_gb_per_s, "GB/s", words))
        rows.append(Row(of, "operands and result", rate.moved_gb_per_s, "GB/s", words))
        rows.append(Row(of, "bits a second", rate.binary_ops_per_s / 1e9, "G/s", words))
        if operation in rivals:
            ratio = rivals[operation] / rate.binary_ops_per_s
            rows.append(Row(of, "DRAM over this machine", ratio, "x", words))
    title = f"This machine, measured: {measured.machine.model}"
    keys = ("operation", "with", "threads", "spread %")
    return Table("machine", title, keys, tuple(rows), value="measured")


def record(measured: Measurement) -> dict[str, Any]:
    """Return everything that was measured, ready for JSON."""
    machine = measured.machine
    return {
        "model": machine.model,
        "threads": machine.threads,
        "cache_bytes": machine.cache_bytes,
        "cache_source": machine.cache_source,
        "total_bytes": measured.total_bytes,
        "caches": measured.caches,
        "rates": [
            {
                "operation": rate.operation,
                "library": rate.library,
                "threads": rate.threads,
                "output_gb_per_s": rate.output_gb_per_s,
                "moved_gb_per_s": rate.moved_gb_per_s,
                "binary_ops_per_s": rate.binary_ops_per_s,
                "best_s": rate.best_s,
                "spread_percent": rate.spread_percent,
                "repeats": len(rate.seconds),
            }
            for rate in measured.rates
        ],
    }


def section(found: Table, measured: Measurement) -> str:
    """Return what the page of an experiment says about the machine."""
    machine = measured.machine
    short = (
        ""
        if measured.caches >= 1
        else " **Memory is short: the arrays fit into the cache, and this measures the cache.**"
    )
    return f"""\

## This machine

{machine.model}, {machine.threads} hardware threads, last-level cache of
{machine.cache_bytes / 2**20:.0f} MiB ({machine.cache_source}); two operands and a result of
{measured.total_bytes / 2**20:,.0f} MiB together.{short} numpy on one thread or compiled loops on
all, whichever is faster; the best of several runs, and how much longer the longest took. Counting
the ones of an XNOR is a dot product of signs.

{found.markdown()}"""
