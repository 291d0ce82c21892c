"""The page on mitigations.

What each option costs is booked for the whole test set of MNIST; what it gains is measured on its
first images, on several chips. ``docs/mitigations.md`` is written from the rows of the two tables
``docs/figures/mitigation-costs.csv`` and ``docs/figures/mitigation-gains.csv``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

from numpy.typing import NDArray

from bnn import zoo
from bnn.data import datasets
from bnn.larq.model_file import read_model
from bnn.mapping.work import Result
from bnn.model.network import Network
from bnn.run.estimate import of_network
from bnn.run.execute import NetworkRun, run
from bnn.run.scoring import Scoring, scoring_of
from bnn.system.ledger import CommandLedger
from bnn.system.mitigation import NONE, Mitigation
from bnn.values.encoding import Encoding
from experiments.options.data import open_data
from experiments.output.markdown import flowed, markdown
from experiments.pages.page import Page, Row, usual
from experiments.report.inputs import encoding_of
from pimsim.circuit.failure_tables.from_circuit import of_circuit
from pimsim.circuit.model import parameters, variation
from pimsim.dram.array.faults import Faults
from pimsim.dram.options import ModelOptions

NETWORK = "mnist-mlp"
COSTED, CLASSIFIED = 10_000, 1_000
"""Images."""
TRIALS = 3
"""Chips, each with noise of its own."""
SCENARIOS = (("static", 10.0), ("noise", 8.5))
"""What failures are put down to, and the process variation in percent that they come from."""
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


def costs(name: str = NETWORK, images: int = COSTED) -> list[Row]:
    """Book a network under every option; return a row for each."""
    network = read_model(zoo.locate(name))
    encoding = encoding_of(network, datasets.levels(zoo.entry(name).data))
    rows: list[Row] = []
    for option, mitigation in OPTIONS.items():
        of_factor = []
        for factor in (0.0, WORDLINE_FACTOR):
            options = ModelOptions(extra_wordline_factor=factor)
            system = replace(usual(), options=options, mitigation=mitigation)
            done = of_network(network, encoding, images, system, "output-stationary")
            of_factor.append([layer.machine for layer in done.layers])
        machines = of_factor[0]
        phases = [m.counts(phase) for m in machines for phase in ("inputs", "compute")]
        latency_ps = sum(m.cost(p).latency_ps for m in machines for p in ("inputs", "compute"))
        rows.append(
            {
                "option": option,
                "row_commands": str(sum(each.aap + each.ap for each in phases)),
                "rows_read": str(_rows(machines, "rd")),
                "rows_written": str(_rows(machines, "wr")),
                "test_commands": str(sum(m.counts("weights").aap for m in machines)),
                "data_rows": str(machines[0].data_rows),
                "us_an_image": str(round(latency_ps / images / 1e6, 3)),
                "uj_an_image": str(round(_uj(of_factor[0]) / images, 3)),
                "uj_an_image_with_wordlines": str(round(_uj(of_factor[1]) / images, 3)),
            }
        )
    return rows


def _rows(machines: Iterable[CommandLedger], kind: str) -> int:
    """Bursts read or written, in the phases of every pass."""
    return sum(getattr(m.counts(phase), kind) for m in machines for phase in ("inputs", "compute"))


def _uj(machines: Iterable[CommandLedger]) -> float:
    return sum(m.cost(p).total_pj for m in machines for p in ("inputs", "compute")) / 1e6


def gains(name: str = NETWORK, images: int = CLASSIFIED, trials: int = TRIALS) -> Iterator[Row]:
    """Classify images under every option and in every scenario; yield a row for each chip."""
    network = read_model(zoo.locate(name))
    dataset = datasets.reshape_for(open_data(zoo.entry(name).data, None), network.input_shape)
    encoding = encoding_of(network, dataset.x)
    x, scoring = dataset.x[:images], scoring_of(network, dataset.y).first(images)
    right = _run(network, x, encoding, NONE, None)
    for effect, percent in SCENARIOS:
        for option, mitigation in OPTIONS.items():
            for trial in range(trials):
                faults = _faults(percent, effect, mitigation, trial)
                done = _run(network, x, encoding, mitigation, faults)
                yield {
                    "effect": effect,
                    "variation_percent": str(percent),
                    "option": option,
                    "chip": str(trial),
                    "accuracy_percent": str(_accuracy(done, scoring)),
                    "logits_wrong_percent": str(100 * float((done.logits != right.logits).mean())),
                    "repeated": str(sum(result.repeated for result in _results(done))),
                    "capacity": str(min(result.capacity or 0 for result in _results(done))),
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
    mitigation: Mitigation,
    faults: Faults | None,
) -> NetworkRun:
    system = replace(usual(), mitigation=mitigation, faults=faults)
    return run(network, x, encoding, system, "output-stationary", check=False)


def _accuracy(done: NetworkRun, scoring: Scoring) -> float:
    accuracy = scoring.accuracy(done.logits)
    if accuracy is None:
        raise ValueError(f"accuracy must be known; it is {scoring.means}")
    return 100 * accuracy


def _results(done: NetworkRun) -> list[Result]:
    return [layer.result for layer in done.layers if isinstance(layer.result, Result)]


def page(costed: Sequence[Row], gained: Sequence[Row]) -> str:
    """Return the Markdown page."""
    text = flowed(
        _TEXT.format(
            images=f"{COSTED:,}",
            classified=f"{CLASSIFIED:,}",
            trials=TRIALS,
            network=NETWORK,
            static=f"{SCENARIOS[0][1]:g}",
            noise=f"{SCENARIOS[1][1]:g}",
            factor=f"{100 * WORDLINE_FACTOR:g}",
            costs=markdown(_cost_cells(costed)).strip(),
            gains=markdown(_gain_cells(gained)).strip(),
        )
    )
    return text.replace("@commands@", _COMMANDS)


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
    for option in OPTIONS:
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


_COMMANDS = """\
    pimsim run mnist-mlp --variation 10 --screening 1
    pimsim run mnist-mlp --variation 8.5 --effect noise --tmr time
    pimsim run mnist-mlp --cost-only --tmr banks --moves psm"""

_TEXT = """\
# What a system does about failures

Row commands go wrong ([failures](failures.md)). Each option below does something about it, and is
booked in commands like everything else: executed or `--cost-only`, the same to the last
picosecond. They are options of `pimsim run` and fields of sweeps (`tmr`, `activation_rows`,
`retries`, `screening`).

@commands@

All but `--activation-rows` change how a layer is laid out. They are for the output-stationary
mapping, others refuse them, and leave layers unchained. This page is written by `python -m
experiments.pages mitigations`.

## The options

**`--tmr time|banks`: triple modular redundancy.** Every output is computed three times, and each
row that comes out (the output bits, or every bit of a count that is read out) is voted by one
triple-row activation: (r0,B0)(r1,B1)(r2,B2)(B12,out), 4 AAP. Row commands are three times those
without, and 4 for every voted row. `time` computes thrice in the same subarray, one after the
other: against noise. `banks` has three subarrays with operands of their own (three times as much
is written), and a fourth, without operands, to which results are moved as partial counts are
(`--moves host|psm`), and in which they are voted. The fourth is needed: in a column that is weak,
a vote of two against one is as weak as the majorities that went wrong there, and goes wrong the
same way. With the vote in one of the three, `banks` gained nothing against weak columns; with a
fourth subarray, six times fewer logits of a small network were wrong. With `--moves psm`, the
four subarrays are in four banks of a rank.

**`--activation-rows 3|4|8|16|32`: a majority of more rows.** Every operand stands on N div 3
rows, left-over rows hold vdd/2. One activation of many rows copies a row into all of them, as
measured on real chips (SiMRA, DSN 2024), so that commands stay as many. What it takes: wordlines
(`--extra-wordline-factor`; a majority raises N - 1 beyond the first, a written cell N div 3 - 1,
the reading of a single cell none), and rows, for six compute rows become 6 (N div 3) and those
left over. Bringing left-over rows back to vdd/2 before each majority is not booked: there is no
command for it here. A failure table must have entries of N rows; `--variation` makes them. More
copies help as far as the swing grows: 4 rows are worse than 3, for the fourth adds a capacitor
and no charge.

**`--retries N`: checksums.** Where all weights are -1 or +1, the least bit of an output's count
is the parity of the operands and of the output's -1 weights. The host wrote the operands, so that
one exclusive or of them all tells what the row of least bits must be, for every output. It reads
that row of each count (one more row an output, or one for each place of a pooling window). When a
batch is done, subarrays in which some output failed in any column get their operands written anew
(what went wrong may have been left in them) and compute the failed outputs again, up to N times.
A column takes the first result whose checksum agrees, or the last. Constants C0 and C1 are taken
to be right then, as at the beginning of a batch. Only what changes the parity is seen: not an
error in a higher bit of the count (about half of the adders work there), not one in the
comparison behind it, not two in one column. A weak column fails again. `--cost-only` books it as
if nothing failed. Layers with weights of 0 are refused; zero padding is known to the host and is
not. Not together with `--tmr`.

**`--screening TESTS`: column screening.** Before a layer is laid out, its subarrays run test
patterns (a round: all eight patterns of three majorities, a read, complements, and copies into
several cells, of zeros and of ones: 142 AAP and 56 rows read), really executed with the faults of
the subarray; noise included. A column that fails in any round is left out, in every bank its own;
where subarrays share a fan-in, a column must be good in all of them. Every bank then uses as many
columns as the worst has (`columns_usable` of a layer in `report.json`). Tests are booked under
loading weights, once for each layer, however many images follow. More rounds find more of what
noise makes likely, and lose columns that merely had bad luck.

## What they cost

{network}, {images} images, 8 banks, DDR3-1600 8-8-8, `ambit-paper` energy; in the last column
with {factor} % for every further wordline.

{costs}

## What they gain

{network}, {classified} images, {trials} chips. `static`: the failures of {static} % process
variation, all put down to weak columns. `noise`: those of {noise} %, all put down to noise
(`--effect noise`). Accuracy is the mean (and range) of the chips; `logits wrong` the share that
differs from the error-free ones; `again` outputs of a tile that were computed again; `columns`
the fewest that a row has left.

{gains}

Against weak columns, other columns help. Screening restores every answer at hardly any commands;
it costs 3 % of the columns of the first layer, whose fan-in takes seven subarrays, and 0.4 %
where one holds it (the worst of eight banks counts). `--tmr banks` leaves a tenth of the wrong
logits at three times the commands. Repeating in the same subarray does not help at all, nor do
retries: the same columns fail again. Against noise it is the other way round. Repeating, in one
subarray or three, gives nearly all of the accuracy back (the last layer is wrong in most logits
all the same, at a failure rate at which every sum has several errors); screening leaves columns
out that were not to blame; retries gain little, for they see an odd number of errors in the
lowest bits and nothing else. Where noise is rare they do better: of the wrong logits of a small
network (60 inputs, 12 and 4 outputs, 1e-5 to 1e-4 failures a majority) retries left 71 to 75 %,
`--tmr time` 2 % at most. Majorities on 16 or 32 rows help against both, where chips allow them,
at no commands; if a further wordline costs what Ambit states, they cost as much energy as
repeating or more. 8 rows are no better than 3, and 4 are worse.
"""

PAGE = Page("mitigations.md", {COSTS: costs, GAINS: gains}, page)
write = PAGE.write
