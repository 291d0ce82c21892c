"""The page on mitigations.

The cost of each option is computed, without execution, for the whole test set of MNIST. Its gain is
measured on the first images, on several chips. ``docs/mitigations.md`` is written from the rows of
the tables ``docs/figures/mitigation-costs.csv`` and ``docs/figures/mitigation-gains.csv``, and of
two more for output trees.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from statistics import mean
from typing import Any

from numpy.typing import NDArray

from bnn import zoo
from bnn.data import datasets
from bnn.larq.model_file import read_model
from bnn.mapping.choice import PER_PASS
from bnn.model.network import Network
from bnn.run.estimate import of_network
from bnn.run.execute import Execution, NetworkRun, run
from bnn.run.scoring import Scoring, scoring_of
from bnn.system.ledger import CommandLedger
from bnn.system.mitigation import NONE, Mitigation
from bnn.system.system import System
from bnn.values.encoding import Encoding
from experiments.options.data import open_data
from experiments.output.markdown import markdown
from experiments.pages.page import Page, Row, usual, worded
from experiments.report.inputs import encoding_by_name, encoding_of
from pimsim.circuit.failure_tables.from_circuit import of_circuit
from pimsim.circuit.model import parameters, variation
from pimsim.cost import Cost
from pimsim.dram.array.faults import Faults
from pimsim.dram.options import ModelOptions

NETWORK, MAPPING = "mnist-mlp", "output-stationary"
COSTED, CLASSIFIED = 10_000, 1_000
"""Images."""
TRIALS = 3
"""Chips, each with noise of its own."""
SCENARIOS = (("static", 10.0), ("noise", 8.5))
"""Scenarios: the kind of failures, and the process variation in percent that they come from."""
WORDLINE_FACTOR = 0.22
"""Energy of a further wordline as a share of a row command, as Ambit states it."""

OPTIONS = {
    "nothing": NONE,
    "--tmr time": Mitigation("time"),
    "--tmr banks": Mitigation("banks"),
    "--activation-rows 4": Mitigation(activation_rows=4),
    "--activation-rows 8": Mitigation(activation_rows=8),
    "--activation-rows 16": Mitigation(activation_rows=16),
    "--activation-rows 32": Mitigation(activation_rows=32),
    "--retries 1": Mitigation(retries=1),
    "--retries 3": Mitigation(retries=3),
    "--screening 1": Mitigation(screening=1),
    "--screening 1 --tmr time": Mitigation("time", screening=1),
}
COSTS, GAINS = "figures/mitigation-costs.csv", "figures/mitigation-gains.csv"
TREE = "output-tree"
"""Mapping of the other two tables."""
TREE_OPTIONS = ("nothing", "--tmr time", "--tmr banks", "--retries 1")
TREE_COSTS, TREE_GAINS = "figures/mitigation-tree-costs.csv", "figures/mitigation-tree-gains.csv"


def costs(
    name: str = NETWORK,
    images: int = COSTED,
    mapping: str = MAPPING,
    options: Iterable[str] = tuple(OPTIONS),
) -> list[Row]:
    """Cost a network with each option; return a row for each."""
    network = read_model(zoo.locate(name))
    encoding = encoding_by_name(network, zoo.entry(name).data)
    rows: list[Row] = []
    for option in options:
        ledgers, with_wordlines = (
            _ledgers(network, encoding, images, mapping, OPTIONS[option], factor)
            for factor in (0.0, WORDLINE_FACTOR)
        )
        counts = [ledger.counts(phase) for ledger in ledgers for phase in PER_PASS]
        latency_ps = sum(cost.latency_ps for cost in _costs(ledgers))
        rows.append(
            {
                "option": option,
                "row_commands": str(sum(each.aap + each.ap for each in counts)),
                "rows_read": str(sum(each.rd for each in counts)),
                "rows_written": str(sum(each.wr for each in counts)),
                "test_commands": str(sum(each.counts("weights").aap for each in ledgers)),
                "data_rows": str(ledgers[0].system.data_rows),
                "us_an_image": str(round(latency_ps / images / 1e6, 3)),
                "uj_an_image": str(round(_uj(ledgers) / images, 3)),
                "uj_an_image_with_wordlines": str(round(_uj(with_wordlines) / images, 3)),
            }
        )
    return rows


def _ledgers(
    network: Network,
    encoding: Encoding | None,
    images: int,
    mapping: str,
    mitigation: Mitigation,
    factor: float,
) -> list[CommandLedger]:
    options = ModelOptions(extra_wordline_factor=factor)
    system = replace(usual(), options=options, mitigation=mitigation)
    done = of_network(network, encoding, images, system, mapping)
    return [layer.ledger for layer in done.layers]


def _costs(ledgers: Iterable[CommandLedger]) -> list[Cost]:
    return [ledger.cost(phase) for ledger in ledgers for phase in PER_PASS]


def _uj(ledgers: Iterable[CommandLedger]) -> float:
    return sum(cost.total_pj for cost in _costs(ledgers)) / 1e6


def gains(
    name: str = NETWORK,
    images: int = CLASSIFIED,
    trials: int = TRIALS,
    mapping: str = MAPPING,
    options: Sequence[str] = tuple(OPTIONS),
) -> Iterator[Row]:
    """Classify images with each option in each scenario; yield a row for each chip."""
    network = read_model(zoo.locate(name))
    dataset = datasets.reshape_for(open_data(zoo.entry(name).data, None), network.input_shape)
    encoding = encoding_of(network, dataset.x)
    x, scoring = dataset.x[:images], scoring_of(network, dataset.y).first(images)
    right = _run(network, x, encoding, usual(), mapping)
    for effect, percent in SCENARIOS:
        for option in options:
            mitigation = OPTIONS[option]
            for trial in range(trials):
                faults = _faults(percent, effect, mitigation, trial)
                system = replace(usual(), mitigation=mitigation, faults=faults)
                done = _run(network, x, encoding, system, mapping)
                results = [layer.result for layer in done.layers if layer.result]
                yield {
                    "effect": effect,
                    "variation_percent": str(percent),
                    "option": option,
                    "chip": str(trial),
                    "accuracy_percent": str(_accuracy(done, scoring)),
                    "logits_wrong_percent": str(100 * float((done.logits != right.logits).mean())),
                    "repeated": str(sum(result.repeated for result in results)),
                    "capacity": str(min(one.occupancy.capacity or 0 for one in results)),
                }


def _faults(percent: float, effect: str, mitigation: Mitigation, trial: int) -> Faults:
    circuit, process = parameters.load("rambus55"), variation.load("ambit-like")
    rows = mitigation.activation_rows
    found = of_circuit(circuit, process, percent, rows=(rows,))
    return Faults(found, chip=trial, noise=trial, rows=rows, effect=effect)


def _run(
    network: Network,
    x: NDArray[Any],
    encoding: Encoding | None,
    system: System,
    mapping: str,
) -> NetworkRun:
    return run(network, x, encoding, system, mapping, execution=Execution(check=False))


def _accuracy(done: NetworkRun, scoring: Scoring) -> float:
    accuracy = scoring.accuracy(done.logits)
    if accuracy is None:
        raise ValueError(f"accuracy must be known; it is {scoring.means}")
    return 100 * accuracy


def page(
    costed: Sequence[Row],
    gained: Sequence[Row],
    tree_costed: Sequence[Row],
    tree_gained: Sequence[Row],
) -> str:
    """Return the Markdown page."""
    return worded(
        "mitigations",
        images=f"{COSTED:,}",
        classified=f"{CLASSIFIED:,}",
        trials=TRIALS,
        network=NETWORK,
        static=f"{SCENARIOS[0][1]:g}",
        noise=f"{SCENARIOS[1][1]:g}",
        factor=f"{100 * WORDLINE_FACTOR:g}",
        costs=markdown(_cost_cells(costed)).strip(),
        gains=markdown(_gain_cells(gained)).strip(),
        tree_costs=markdown(_cost_cells(tree_costed)).strip(),
        tree_gains=markdown(_gain_cells(tree_gained)).strip(),
        **_compared(costed, tree_costed),
    )


def _compared(costed: Sequence[Row], tree_costed: Sequence[Row]) -> dict[str, str]:
    """Slots of the text: cost of output trees beside adders for one output."""
    own, tree = ({row["option"]: row for row in rows} for rows in (costed, tree_costed))

    def ratio(key: str) -> str:
        return f"{float(tree['--tmr time'][key]) / float(own['nothing'][key]):.2f}"

    slots = {"tree_commands": ratio("row_commands"), "tree_energy": ratio("uj_an_image")}
    for option in TREE_OPTIONS:
        word = option.lstrip("-").replace(" ", "_")
        for name, rows in (("before", own), ("now", tree)):
            slots[f"{word}_{name}"] = f"{int(rows[option]['row_commands']) / 1e6:.1f}"
    return slots


def _cost_cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    heads = ("option", "row commands", "bursts read", "bursts written", "commands of tests",
             "data rows", "us an image", "uJ an image", "uJ with wordlines")  # fmt: skip
    keys = ("row_commands", "rows_read", "rows_written", "test_commands", "data_rows")
    amounts = ("us_an_image", "uj_an_image", "uj_an_image_with_wordlines")
    return [heads] + [
        (
            _named(row),
            *(f"{int(row[key]):,}" for key in keys),
            *(f"{float(row[key]):.2f}" for key in amounts),
        )
        for row in rows
    ]


def _gain_cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    heads = ["option"]
    for effect, percent in SCENARIOS:
        heads += [f"{effect} {percent:g} %: accuracy", "logits wrong", "again", "columns"]
    cells = [tuple(heads)]
    for option in dict.fromkeys(row["option"] for row in rows):
        line = [_named({"option": option})]
        for effect, _ in SCENARIOS:
            own = [row for row in rows if (row["option"], row["effect"]) == (option, effect)]
            accuracies = [float(row["accuracy_percent"]) for row in own]
            line += [
                f"{mean(accuracies):.2f} % ({min(accuracies):.1f} to {max(accuracies):.1f})",
                f"{mean(float(row['logits_wrong_percent']) for row in own):.2f} %",
                f"{mean(int(row['repeated']) for row in own):,.0f}",
                f"{min(int(row['capacity']) for row in own):,}",
            ]
        cells.append(tuple(line))
    return cells


def _named(row: Row) -> str:
    option = str(row["option"])
    return f"`{option}`" if option.startswith("--") else option


PAGE = Page(
    "mitigations.md",
    {
        COSTS: costs,
        GAINS: gains,
        TREE_COSTS: partial(costs, mapping=TREE, options=TREE_OPTIONS),
        TREE_GAINS: partial(gains, mapping=TREE, options=TREE_OPTIONS),
    },
    page,
)
