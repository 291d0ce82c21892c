"""What every number on the command line may be: one table, by the destination of the option.

Ranges are wide: the most is what a strong machine does in days, or what a circuit or a part can
have; the least excludes what would do nothing. What depends on something else, such as the banks
of a part, is held where that is known. An option without an entry fails the tests.

>>> AMOUNTS["limit"].text()
'an integer from 1 to 10,000,000'
>>> AMOUNTS["wait_ms"].text(unit("wait_ms"))
'a number from 0 to 1,000,000,000,000 ms'
"""

from __future__ import annotations

from types import MappingProxyType

from pimsim import ranges
from pimsim.ranges import Range, whole

_SEED = whole(0, 2**63 - 1)
_SHARE = Range(0, 1)

AMOUNTS = MappingProxyType(
    {
        # what is run, and on how much
        "limit": whole(1, 10_000_000),
        "threads": whole(1, 1_024),
        "workers": whole(1, 1_024),
        "seed": _SEED,
        "chip": _SEED,
        "trace_limit": whole(1, 1_000_000_000),
        "measure_mib": whole(1, 1_048_576),
        # DRAM
        "banks": whole(1, 1_048_576),
        "extra_wordline_factor": Range(0, 100),
        # what is done about errors
        "retries": whole(0, 1_000),
        "screening": whole(0, 10_000),
        # circuit
        "variation": Range(0, 100),
        "noise_mv": Range(0, 100_000),
        "restore_ns": Range(0, 1_000_000),
        "wait_ms": Range(0, 1e12),
        "celsius": Range(-273.15, 1_000),
        "samples": whole(1, 1_000_000_000),
        "accesses": whole(1, 1_000_000),
        "inputs": whole(1, 65_535),
        "rows": whole(1, 65_536),
        "step": Range(0.01, 1_000_000),
        "t1": Range(0, 1_000_000),
        "t2": Range(0, 1_000_000),
        # training
        "epochs": whole(1, 100_000),
        "batch_size": whole(1, 1_000_000),
        "validation_split": _SHARE,
        "patience": whole(0, 100_000),
        "learning_rate": Range(0, 1_000),
        "final_learning_rate": Range(0, 1_000),
        "warmup_epochs": whole(0, 100_000),
        "bop_threshold": Range(0, 1_000),
        "bop_gamma": _SHARE,
        "batch_norm_momentum": _SHARE,
        "batch_norm_epsilon": Range(0, 1_000),
        "dropout": _SHARE,
        "weight_decay": Range(0, 1_000),
        "bipolar_pull": Range(0, 1_000),
        "shift_pixels": whole(0, 1_024),
    }
)
"""Ranges by destination, both ends allowed."""

_UNITS = MappingProxyType({"step": "ps", "t1": "ns", "t2": "ns", "variation": "%"})
"""Units that the name does not tell."""


def unit(destination: str) -> str:
    """Return the unit in which an option is given; empty if it has none."""
    return _UNITS.get(destination) or ranges.UNITS.get(ranges.end(destination), "")
