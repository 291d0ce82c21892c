"""``pimsim run --cost-only``: the report of a run without running, for tables and for models."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from bnn.mapping import MAPPINGS, choice
from bnn.tables import catalog
from experiments import cli
from experiments.pages import networks
from experiments.pages.page import digits

MODELS = Path(__file__).parents[2] / "saved_models"
DOCS = Path(__file__).parents[3] / "docs"

Report = dict[str, Any]
Pimsim = Callable[..., Report]
Refusal = Callable[..., str]
Parse = Callable[[str], Report]

LARGE = 5 * 10**8
"""Multiply-accumulates of an image from which on booking takes seconds."""
HEAVY = 5 * 10**7
"""Weights from which on it takes seconds to lay them out in rows."""

BY_HAND = ("commands", "latency_ps", "energy_pj", "energy_parts_pj", "phases", "weights_once",
           "macs", "weights", "where", "column_utilisation", "subarrays")  # fmt: skip


def _costs(report: Report) -> Report:
    """Everything in a report that does not rest on values or on the clock on the wall."""
    layers = [{key: layer[key] for key in BY_HAND} for layer in report["layers"]]
    kept = ("images", "commands", "latency_ps", "throughput_images_per_s", "energy_pj",
            "weights_once", "baselines", "break_even_reuse", "assumptions")  # fmt: skip
    return {**{key: report[key] for key in kept}, "layers": layers}


@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("options", [[], ["--banks", "3", "--energy", "datasheet", "--no-faw"]])
def test_a_report_is_that_of_the_run_but_for_values(
    mapping: str, options: list[str], pimsim: Pimsim
) -> None:
    given = ["digits-mlp", "--mapping", mapping, "--limit", "29", *options]
    done, booked = pimsim(*given, "--no-check"), pimsim(*given, "--cost-only")
    assert _costs(done) == _costs(booked)
    assert list(done) == list(booked)
    assert list(done["wall_s"]) == list(booked["wall_s"])
    assert (done["cost_only"], booked["cost_only"]) == (False, True)
    for key in ("data", "accuracy", "bit_exact", "keras_equal"):
        assert booked[key] is None
    assert booked["sums_checked"] == 0
    assert booked["wall_s"]["execute"] == 0


@pytest.mark.parametrize("model", ["mlp", "cnn", "same-zero"])
def test_a_models_own_images_say_how_inputs_are_integers(model: str, pimsim: Pimsim) -> None:
    given = [MODELS / f"{model}.keras", "--data", MODELS / f"{model}.npz", "--limit", "5"]
    done, booked = pimsim(*given, "--no-check"), pimsim(*given, "--cost-only")
    assert _costs(done) == _costs(booked)
    alone = pimsim(MODELS / f"{model}.keras", "--cost-only")
    assert alone["assumptions"]["input_encoding"] == "assumed: uint8"
    assert alone["images"] == 1


def _priced() -> list[tuple[str, str]]:
    """Small tables under all that are compared, larger ones under the quicker ones in turn."""
    large = [name for name in catalog.names() if catalog.entry(name).macs > LARGE]
    small = [name for name in catalog.names() if name not in large]
    heavy = [name for name in large if catalog.entry(name).weights > HEAVY]
    turns = itertools.cycle(("output-stationary", "weight-stationary"))
    return [
        *((name, "output-stationary") for name in heavy),
        *zip((name for name in large if name not in heavy), turns, strict=False),
        *itertools.product(small, networks.COMPARED),
        ("squeezenet", "auto"),
        ("lenet5", "no-local-reuse"),
    ]


@pytest.mark.parametrize(("name", "mapping"), _priced())
def test_every_table_has_a_cost_which_is_that_of_the_page(
    name: str, mapping: str, pimsim: Pimsim
) -> None:
    table = catalog.entry(name)
    report = pimsim(name, "--cost-only", "--mapping", mapping)
    assert (report["network"], report["images"]) == (name, 1)
    assert [layer["name"] for layer in report["layers"]] == [n.name for n in table.products]
    assert sum(layer["macs"] for layer in report["layers"]) == table.macs
    assert sum(layer["weights"] for layer in report["layers"]) == table.weights
    first, *others = report["layers"]
    assert first["operand_bits"] == 8
    assert {layer["operand_bits"] for layer in others} == {1}
    for layer in report["layers"]:
        assert layer["where"] == "dram"
        assert 0 < layer["column_utilisation"] <= 1
        assert layer["latency_ps"] > 0
        resident = layer["weights_once"]["commands"]["WR"] > 0
        assert mapping in (layer["mapping"], "auto")
        assert resident == (layer["mapping"] not in ("output-stationary", "output-tree"))
    # A full adder, eight commands, for nearly every operand bit of a product; with weights in rows
    # half a pair of ANDs and half an adder of its carries, or an XNOR of seven that the host
    # counts; shared by eight outputs an adder is more than a command for each.
    # Nothing computes on more columns than there are.
    row_commands = report["commands"]["AAP"] + report["commands"]["AP"]
    least = {"output-stationary": 8, "weight-stationary": 9, "no-local-reuse": 7}.get(mapping, 1)
    assert row_commands * 65536 > 0.9 * least * (table.macs + 7 * first["macs"])
    assert set(report["baselines"]) == {"streaming", "reuse-aware"}
    stated = report["assumptions"]
    assert "8 bits" in stated["input_encoding"]
    assert stated["padding"] == "+1"
    assert stated["mapping"] == mapping
    if name in ("alexnet", "zfnet"):
        assert stated["pooled_on_host"] == "pool1"
    if mapping in networks.COMPARED:
        (rows,) = networks.PAGE.read(DOCS)
        key = name, mapping, "1"
        (row,) = (row for row in rows if (row["network"], row["mapping"], row["images"]) == key)
        assert row["latency_ms_per_image"] == digits(report["latency_ps"] / 1e9)
        assert row["energy_mj_per_image"] == digits(report["energy_pj"]["total"] / 1e9)
        assert stated["pooled_on_host"] == (row["pooled_on_host"].replace(" ", ", ") or "none")
        for one, baseline in report["baselines"].items():
            assert row[f"{one}_ms_per_image"] == digits(baseline["latency_ps"] / 1e9)
            assert row[f"{one}_mj_per_image"] == digits(baseline["energy_pj"] / 1e9)


def test_more_images_share_rows(pimsim: Pimsim) -> None:
    one, many = (
        pimsim("lenet5", "--cost-only", "--images", n, "--mapping", "output-stationary")
        for n in ("1", "60")
    )
    assert many["images"] == 60
    assert many["latency_ps"] < 1.1 * one["latency_ps"]
    assert one["latency_ps"] < many["latency_ps"]


def test_files_without_logits(tmp_path: Path, pimsim: Pimsim, parse: Parse) -> None:
    argv = ("squeezenet", "--cost-only", "--mapping", "weight-stationary")
    report = pimsim(*argv, "--out", tmp_path)
    names = [
        "comparison.csv",
        "comparison.png",
        "layers.csv",
        "layers.png",
        "report.html",
        "report.json",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    written = parse((tmp_path / "report.json").read_text("utf-8"))
    assert report == written | {"html": str(tmp_path / "report.html")}
    with (tmp_path / "layers.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["layer"] for row in rows] == [layer["name"] for layer in report["layers"]]
    shown = min(len(rows), 24)  # at most
    assert shown * 50 < imread(tmp_path / "layers.png").shape[0] < shown * 100


def test_the_terminal_says_that_nothing_was_executed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "lenet5", "--cost-only", "--images", "2"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "lenet5, cost only: 2 images" in printed.out
    assert "bit exact   nothing executed" in printed.out
    words = " ".join(printed.out.split())
    assert "weights none: commands are those of any" in words
    assert "logits" not in words


def test_a_trace_of_what_would_be_executed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "run.trc", tmp_path / "cost.trc"]
    for file, option in zip(files, ("--no-check", "--cost-only"), strict=True):
        argv = ["run", "digits-mlp", "--limit", "1", "--trace-limit", "3000", option,
                "--mapping", "output-stationary"]  # fmt: skip
        assert cli.main([*argv, "--trace", f"dramsim3:{file}"]) == 0
        assert "stopped after 3,000 of 1,2" in capsys.readouterr().err
    executed, booked = (file.read_bytes() for file in files)
    assert executed == booked
    assert len(booked) > 10_000


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["vgg16"], "`network` 'vgg16' is a table of layers without weights: it must be run with "
                    "--cost-only"),
        (["vgg16", "--cost-only", "--data", "mnist"],
         "`--data` must not be given for 'vgg16', a table of layers"),
        (["digits-mlp", "--cost-only", "--check-keras"],
         "`--check-keras` must not be given with --cost-only: nothing is computed"),
        (["digits-mlp", "--cost-only", "--executor", "reference"],
         "`--executor` must not be given with --cost-only: nothing is computed"),
        (["vgg61", "--cost-only"],
         "`network` must be one of cifar10-binarynet, digits-mlp, mnist-cnn, mnist-lenet5, "
            "mnist-mlp or the "
         "path of a .keras or .h5 file, not 'vgg61'; did you mean 'vgg16'?"),
        (["lenet5", "--cost-only", "--mapping", "rows"],
         f"`mapping` must be one of {', '.join(choice.names())}, not 'rows'"),
        (["lenet5", "--cost-only", "--banks", "9"],
         "`banks` must be at most 8, the banks of ddr3-1600-8-8-8, not 9"),
        (["mnist-cnn", "--cost-only", "--data", "imagenet"],
         "`--data` must be one of digits, mnist, cifar10 or the path of a .npz or .npy file, not "
         "'imagenet'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(argv: list[str], message: str, refusal: Refusal) -> None:
    assert refusal(*argv) == f"pimsim: error: {message}"


# The page


def test_the_page_is_written_from_its_table() -> None:
    (rows,) = networks.PAGE.read(DOCS)
    assert networks.page(rows) == (DOCS / networks.PAGE.file).read_text("utf-8")
    assert imread(DOCS / networks.PICTURE).shape[1] > 1000


def test_rows_of_the_page_are_fresh() -> None:
    (rows,) = networks.PAGE.read(DOCS)
    assert {(row["network"], row["mapping"], row["images"]) for row in rows} == {
        (name, mapping, str(batch))
        for name in catalog.names()
        for mapping in networks.COMPARED
        for batch in networks.BATCHES
    }
    resident = networks.simulated(["nin"], ["weight-stationary"], [64])
    for row in [*networks.simulated(["lenet5"]), *resident]:
        assert row in rows


@pytest.mark.parametrize(
    "options",
    [
        ["--tmr", "time"],
        ["--tmr", "banks", "--moves", "psm"],
        ["--activation-rows", "16", "--extra-wordline-factor", "0.22"],
        ["--screening", "2"],
    ],
)
def test_what_is_done_about_failures_costs_the_same_executed_or_not(
    options: list[str], pimsim: Pimsim
) -> None:
    given = ["digits-mlp", "--limit", "29", *options]
    done, booked = pimsim(*given, "--check"), pimsim(*given, "--cost-only")
    assert _costs(done) == _costs(booked)
    assert done["bit_exact"] is True
    plain = pimsim("digits-mlp", "--limit", "29", "--cost-only")
    assert _costs(booked) != _costs(plain)


def test_retries_are_booked_as_if_none_were_needed(pimsim: Pimsim) -> None:
    given = ["digits-mlp", "--limit", "29", "--retries", "2"]
    done, booked = pimsim(*given), pimsim(*given, "--cost-only")
    assert done["commands"] == booked["commands"]
    assert not any(layer["outputs_repeated"] for layer in done["layers"])
    assert booked["assumptions"]["retries"].endswith("; booked as if none were needed")


def test_channels_of_a_table_are_rounded(pimsim: Pimsim, refusal: Callable[..., str]) -> None:
    report = pimsim("lenet5", "--cost-only", "--channels", "8")
    assert report["assumptions"]["channels"] == "those of hidden layers at multiples of 8"
    # (channels of c1, c3, c5 and f6) 8, 16, 120 and 88, of 5 x 5 taps where they convolve
    macs = {layer["name"]: layer["macs"] for layer in report["layers"]}
    assert macs["c1"] == 8 * 25 * 28 * 28
    assert macs["c3"] == 16 * 8 * 25 * 10 * 10
    assert macs["f6"] == 120 * 88
    assert "channels" not in pimsim("lenet5", "--cost-only")["assumptions"]
    said = refusal("digits-mlp", "--cost-only", "--channels", "8")
    assert said.startswith("pimsim: error: `--channels` must come with a table of layers: ")


def test_a_batch_that_nobody_chose_is_said(
    pimsim: Pimsim, capsys: pytest.CaptureFixture[str]
) -> None:
    unasked = pimsim("lenet5", "--cost-only")
    assert unasked["images"] == 1
    assert unasked["assumptions"]["batch"] == (
        "1 image, for none were asked for; --images N costs N together"
    )
    assert "batch" not in pimsim("lenet5", "--cost-only", "--images", "1")["assumptions"]
    assert cli.main(["run", "lenet5", "--cost-only"]) == 0
    printed = capsys.readouterr().out
    assert "1 image (--images N: more)" in printed
    parts = ["ddr3-1600-8-8-8", "ddr4-2400", "--network", "lenet5"]
    assert cli.main(["compare", *parts]) == 0
    assert "Costed is a batch of 1 image, for none" in " ".join(capsys.readouterr().out.split())
    assert cli.main(["compare", *parts, "--limit", "1"]) == 0
    assert "Costed is a batch" not in capsys.readouterr().out
