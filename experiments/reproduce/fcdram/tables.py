"""``pimsim reproduce fcdram``: NOT, AND, OR, NAND and NOR on unmodified DDR4 chips.

Yuksel et al., "Functionally-Complete Boolean Logic in Real DRAM Chips: Experimental
Characterization and Analysis", HPCA 2024.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from experiments.reproduce.chips import (
    CARRIED_OUT,
    CIRCUIT,
    DRAWN,
    FITTED,
    boxes,
    cost_rows,
    drawn,
    logic_by_circuit,
)
from experiments.reproduce.table import Row, Table, look_up
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.offtheshelf.boxes import BoxTable
from pimsim.offtheshelf.primitives import PRIMITIVES

NAME = "fcdram"

OF = {"and": "and", "or": "or", "nand": "and", "nor": "or"}
"""The comparison that decides an operation; NAND and NOR read its other side."""
_COSTED = (("not", 1), *((name, size) for name in OF for size in PRIMITIVES[name].sizes))
_RIGHT = "results right"


def tables(standard: Standard, options: ModelOptions) -> tuple[Table, ...]:
    """Return success of each operation, the effect of data, and costs.

    Groups are drawn only if there are boxes, for the copies that bring operands.
    """
    return (
        Table("success", "Results right, mean over trials and bitlines",
              ("operation", "size", "model"), tuple(_success(boxes()))),
        Table("bitlines", "The same circuit, counted as SiMRA counts", ("operation", "size"),
              tuple(_bitlines())),
        Table("pattern", "What operands all alike bring over random ones", ("operation", "model"),
              tuple(_pattern())),
        Table("cost", "What it takes", ("operation", "size"),
              tuple(cost_rows(_COSTED, standard, options))),
    )  # fmt: skip


def rivals(found: Mapping[str, Table]) -> dict[str, float]:
    """Return result bits per second in DRAM, by the operation that this machine is measured on."""
    cost = found["cost"]
    return {
        "not": 8e9 * cost.find("throughput", "not", "1"),
        "and": 8e9 * cost.find("throughput", "and", "2"),
    }


def _success(found: BoxTable | None) -> Iterator[Row]:
    for size in () if found is None else (1, 32):
        published = look_up(NAME, "success", f"not {size}")
        share = drawn(found, "not", size)[1]
        words = f"{CARRIED_OUT}; drawn with the published mean as the rate of every access"
        yield Row(("not", str(size), DRAWN), _RIGHT, share, "%", words, published)
    for name, decides in OF.items():
        for size in PRIMITIVES[name].sizes:
            published = look_up(NAME, "success", f"{name} {size}")
            right = 100.0 * logic_by_circuit(decides, size).right
            words = f"{FITTED}; no number of this publication enters"
            yield Row((name, str(size), CIRCUIT), _RIGHT, right, "%", words, published)
            if found is not None and published is not None:
                words = f"{CARRIED_OUT}; drawn with the published mean as the rate of every access"
                share = drawn(found, name, size)[1]
                yield Row((name, str(size), DRAWN), _RIGHT, share, "%", words, published)


def _bitlines() -> Iterator[Row]:
    for name in ("and", "or"):
        for size in PRIMITIVES[name].sizes:
            share = 100.0 * logic_by_circuit(name, size).always
            yield Row((name, str(size)), "bitlines right in 50 trials", share, "%", FITTED)


def _pattern() -> Iterator[Row]:
    for name, decides in OF.items():
        one, other = (logic_by_circuit(decides, 16, data).right for data in ("all", "random"))
        published = look_up(NAME, "pattern", name)
        words = f"{FITTED}; 16 operands; on the circuit they cost as much"
        effect = 100.0 * abs(one - other)
        yield Row((name, CIRCUIT), "effect of data, without its sign", effect, "pp", words,
                  published)  # fmt: skip
