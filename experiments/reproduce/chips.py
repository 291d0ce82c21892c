"""Shared by the reproductions of measured chips: drawn groups, costs, the fitted circuit.

>>> from pimsim.dram.standard.standard import load
>>> ddr4 = load("ddr4-2400")
>>> rows = cost_rows((("not", 1),), ddr4, ModelOptions.of(ddr4, faw=False, refresh=False))
>>> [(row.quantity, round(row.simulated, 2), row.unit) for row in rows][:2]
[('latency', 95.66, 'ns'), ('energy, datasheet', 1.72, 'nJ/KB')]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial

from experiments.reproduce.table import Row, Table, in_words
from pimsim.circuit.model import variation
from pimsim.circuit.model.parameters import load as load_circuit
from pimsim.circuit.statistics.logic_decision import LogicSuccess, LogicTrials, logic_success
from pimsim.circuit.statistics.monte_carlo import Sampling, count
from pimsim.circuit.statistics.sense_decision import majority
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.offtheshelf.boxes import NEEDED, BoxTable, location, read_boxes
from pimsim.offtheshelf.cost import program_cost
from pimsim.offtheshelf.groups import Measured, always_right
from pimsim.offtheshelf.primitives import PRIMITIVES

CIRCUIT = "circuit"
DRAWN = "drawn groups"
_GROUPS, _TRIALS, _COLUMNS, _SEED = 16, 12, 256, 1
CARRIED_OUT = (
    f"{_GROUPS} groups at even shares of what was measured, {_TRIALS} trials of {_COLUMNS} columns"
)
"""How groups are drawn."""
_BITLINES, _LOGIC_BITLINES = 20_000, 5_000
FITTED = "process ddr4-like on ddr4-like at 100 %"
"""The circuit: fitted to SiMRA's majorities with operands all 0 or all 1 along the row."""


def boxes() -> BoxTable | None:
    """Return the boxes that groups are drawn from; None, and so no such rows, if there is no file.

    Raises :class:`~pimsim.errors.InputError` for a file without boxes.
    """
    path = location()
    return None if path is None else read_boxes(path)


def left_out(found: Mapping[str, Table]) -> str:
    """Return a note on tables without drawn groups; '' if they have them."""
    if any(DRAWN in row.of for table in found.values() for row in table.rows):
        return ""
    return f"Rows of {DRAWN} are left out here: they need {NEEDED}."


@cache
def drawn(table: BoxTable, name: str, size: int) -> tuple[float, float]:
    """Return success of drawn groups in percent, with every step carried out.

    The first is the share of columns that were right in every trial, the second that of right
    results.
    """
    measured, found = Measured(table), []
    for group in range(_GROUPS):
        found.append(
            always_right(
                PRIMITIVES[name], size, measured, trials=_TRIALS, columns=_COLUMNS,
                seed=_SEED + group, share=(group + 0.5) / _GROUPS,
            )
        )  # fmt: skip
    columns, results = (100.0 * sum(each) / _GROUPS for each in zip(*found, strict=True))
    return columns, results


@cache
def by_circuit(inputs: int, rows: int) -> float:
    """Return the share of bitlines in percent that get every pattern of a majority right."""
    circuit, process = load_circuit("ddr4-like"), variation.load("ddr4-like")
    counts = count(circuit, process, majority(inputs, rows, "all"), 100.0,
                   Sampling(_BITLINES, _SEED))  # fmt: skip
    return 100.0 * (1.0 - counts.failed / counts.samples)


@cache
def logic_by_circuit(operation: str, inputs: int, operands: str = "random") -> LogicSuccess:
    """Return how often AND or OR is right on the same circuit, which was not fitted to them."""
    circuit, process = load_circuit("ddr4-like"), variation.load("ddr4-like")
    trials = LogicTrials(_LOGIC_BITLINES, 50, _SEED, operands)
    return logic_success(circuit, process, operation, inputs, trials)


def cost_rows(
    operations: Iterable[tuple[str, int]], standard: Standard, options: ModelOptions
) -> Iterator[Row]:
    """Return latency, energy and throughput of operations, copies of operands included."""
    options = replace(options, energy="datasheet")
    words = partial(in_words, standard, options)
    for name, size in operations:
        cost, of = (
            program_cost(PRIMITIVES[name].program(size), standard, options),
            (name, str(size)),
        )
        yield Row(of, "latency", cost.latency_ps / 1e3, "ns", words())
        energy = f"energy, {options.energy}"
        yield Row(of, energy, cost.energy_pj_per_kb / 1e3, "nJ/KB", words(energy=options.energy))
        yield Row(of, "throughput", cost.throughput_gb_per_s, "GB/s", words())
