"""``pimsim run`` end to end: what its report, its files and its tables promise."""

from __future__ import annotations

import csv
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from numpy.typing import NDArray

from bnn import zoo
from bnn.data.datasets import load
from bnn.larq.model_file import read_model
from bnn.reference import forward
from bnn.reference.checker import SumChecker
from bnn.values.encoding import detect
from experiments import cli
from experiments.figures import run
from experiments.output.words import more_energy, quantity, slower
from experiments.report import tables
from experiments.report.tables import _short

MODELS = Path(__file__).parents[2] / "saved_models"
FILES = ("comparison.csv", "comparison.png", "layers.csv", "layers.png", "logits.npy")
KINDS = ("AAP", "AP", "ACT", "PRE", "RD", "WR", "REF", "TRANSFER")
SHOWN = ("AAP", "AP", "ACT", "RD", "WR", "REF")  # as many PREs as ACTs, and no TRANSFERs

Report = dict[str, Any]
Parse = Callable[[str], Report]
Pimsim = Callable[..., Report]


@dataclass(frozen=True)
class Run:
    """A run of digits-mlp that wrote its results."""

    folder: Path
    report: Report
    logits: NDArray[np.float32]
    wall_s: float


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory, parse: Parse) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "new" / "digits"
    started = time.perf_counter()
    assert cli.main(["run", "digits-mlp", "--out", str(folder)]) == 0
    wall_s = time.perf_counter() - started
    report = parse((folder / "report.json").read_text("utf-8"))
    return Run(folder, report, np.load(folder / "logits.npy"), wall_s)


def small(*argv: str) -> tuple[str | Path, ...]:
    """A network of 100, 37, 50 and 10 values, and 24 images without labels."""
    return (MODELS / "mlp.h5", "--data", MODELS / "mlp.npz", *argv)


def without_wall(report: Report) -> Report:
    """The report without what a clock on the wall says."""
    layers = [{k: v for k, v in layer.items() if k != "wall_s"} for layer in report["layers"]]
    return {**report, "wall_s": None, "layers": layers}


def numbers(value: object) -> Iterator[float]:
    """Every number in a report, however deep."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


# The report


def test_every_key_is_there_and_of_its_type(digits: Run) -> None:
    report = digits.report
    for key, kind in {
        "network": str, "data": str, "images": int, "accuracy": float, "bit_exact": bool,
        "sums_checked": int, "commands": dict, "latency_ps": int,
        "throughput_images_per_s": float, "energy_pj": dict, "assumptions": dict, "layers": list,
        "baselines": dict, "wall_s": dict,
    }.items():  # fmt: skip
        assert type(report[key]) is kind, key
    assert report["keras_equal"] is None
    assert (report["network"], report["data"], report["images"]) == ("digits-mlp", "digits", 364)
    assert report["bit_exact"] is True
    for layer in report["layers"]:
        for key, kind in {
            "name": str, "macs": int, "where": str, "commands": dict, "latency_ps": int,
            "energy_pj": float,
        }.items():  # fmt: skip
            assert type(layer[key]) is kind, key
        assert layer["where"] in ("dram", "host")
    for commands in (report["commands"], *(layer["commands"] for layer in report["layers"])):
        assert tuple(commands) == KINDS
        assert all(type(count) is int and count >= 0 for count in commands.values())
    assert set(report["baselines"]) == {"streaming", "reuse-aware"}
    for baseline in report["baselines"].values():
        assert {"latency_ps", "energy_pj", "speedup", "energy_ratio"} <= set(baseline)
    assert {
        "standard", "bin", "banks", "faw", "refresh", "energy", "decoder", "mapping", "seed",
    } <= set(report["assumptions"])  # fmt: skip
    assert min(numbers(report)) >= 0


def test_layers_and_parts_add_up_to_the_totals(digits: Run) -> None:
    report, layers = digits.report, digits.report["layers"]
    for kind in KINDS:
        assert report["commands"][kind] == sum(layer["commands"][kind] for layer in layers)
        for layer in layers:
            parts = [layer["phases"][phase]["commands"][kind] for phase in ("inputs", "compute")]
            assert layer["commands"][kind] == sum(parts)
    assert report["latency_ps"] == sum(layer["latency_ps"] for layer in layers)
    assert report["sums_checked"] == sum(layer["sums_checked"] or 0 for layer in layers)
    assert report["sums_checked"] == 364 * (256 + 256 + 10)
    parts_pj = dict(report["energy_pj"])
    total_pj = parts_pj.pop("total")
    assert total_pj == pytest.approx(sum(layer["energy_pj"] for layer in layers))
    assert total_pj == pytest.approx(sum(parts_pj.values()))


def test_ratios_are_those_of_the_numbers_beside_them(digits: Run) -> None:
    report = digits.report
    seconds = report["latency_ps"] * 1e-12
    assert report["throughput_images_per_s"] == pytest.approx(report["images"] / seconds)
    for baseline in report["baselines"].values():
        assert baseline["speedup"] == pytest.approx(baseline["latency_ps"] / report["latency_ps"])
        assert baseline["energy_ratio"] == pytest.approx(
            baseline["energy_pj"] / report["energy_pj"]["total"]
        )


def test_wall_times_are_parts_of_what_it_took(digits: Run) -> None:
    wall_s = digits.report["wall_s"]
    assert {"import", "load", "compile", "execute", "write"} <= set(wall_s)
    assert all(type(part) is float and part >= 0 for part in wall_s.values())
    assert wall_s["execute"] > 0
    assert wall_s["write"] > 0
    assert sum(wall_s.values()) <= digits.wall_s


def test_latency_and_energy_are_those_of_the_counted_commands(pimsim: Pimsim) -> None:
    """One bank, no tFAW, no refresh: then everything can be worked out by hand."""
    report = pimsim(*small("--banks", "1", "--no-faw", "--no-refresh"))
    for layer in report["layers"]:
        latency_ps = 0
        for phase in ("inputs", "compute"):
            count = layer["phases"][phase]["commands"]
            # AAP 49 ns, AP 45 ns
            latency_ps += 49_000 * count["AAP"] + 45_000 * count["AP"]
            # A row: tRCD 10 ns, 5 ns a burst; after a READ tRTP 7.5 ns, after a WRITE CWL 10 ns,
            # data 5 ns and tWR 15 ns; tRP 10 ns; and tRC 45 ns at least.
            for kind, last_ps in (("RD", 7_500), ("WR", 30_000)):
                rows = count["ACT"] if count[kind] else 0
                bursts = count[kind] // rows if rows else 0
                latency_ps += rows * max(45_000, 10_000 + 5_000 * (bursts - 1) + last_ps + 10_000)
            assert count["RD"] == 0 or count["WR"] == 0
        assert layer["latency_ps"] == latency_ps
    count = report["commands"]
    assert count["REF"] == 0
    # Ambit: 0.786 nJ/KB (6.29 nJ a row of 8 KB) an AAP or AP; 44.2 and 49.5 nJ/KB on the channel
    assert report["energy_pj"]["total"] == pytest.approx(
        6290 * (count["AAP"] + count["AP"]) + 44_200 / 16 * count["RD"] + 49_500 / 16 * count["WR"]
    )


@pytest.mark.usefixtures("undrawn")
def test_a_sum_that_is_not_the_references_is_told(
    tmp_path: Path,
    parse: Parse,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = SumChecker.expected

    def expected(self: SumChecker, images: slice, *rest: Any) -> NDArray[np.int32]:
        found = real(self, images, *rest)
        if self.layer == "quant_dense_1" and images.start <= 3 < images.stop:
            found[0, 3 - images.start] += 2
        return found

    monkeypatch.setattr(SumChecker, "expected", expected)
    argv = ["run", *map(str, small("--out", str(tmp_path), "--mapping", "weight-stationary"))]
    assert cli.main(argv) == 1
    printed = capsys.readouterr()
    assert printed.err == "pimsim: error: the rows differ from the integer reference\n"
    assert "bit exact   NO (" in printed.out
    assert parse((tmp_path / "report.json").read_text("utf-8"))["bit_exact"] is False


# The files


def test_all_files_are_written_and_nothing_else(digits: Run) -> None:
    written = sorted(path.name for path in digits.folder.iterdir())
    assert written == sorted((*FILES, "report.html", "report.json"))
    assert list(digits.folder.parent.iterdir()) == [digits.folder]


def test_logits_are_the_integer_references(digits: Run) -> None:
    images = load("digits")
    found = detect(images.x)
    assert found is not None
    expected = forward(read_model(zoo.entry("digits-mlp").path), images.x, found[0]).logits
    assert digits.logits.dtype == np.float32
    assert digits.logits.shape == (364, 10)
    assert np.array_equal(digits.logits, expected)
    right = int((digits.logits.argmax(1) == images.y).sum())
    assert digits.report["accuracy"] == right / 364
    assert right == zoo.entry("digits-mlp").card.correct


def test_figures_and_their_tables_show_the_report(digits: Run) -> None:
    for name in ("comparison", "layers"):
        assert imread(digits.folder / f"{name}.png").shape[1] > 1000
    with (digits.folder / "comparison.csv").open(newline="", encoding="utf-8") as file:
        dram, *processors = csv.DictReader(file)
    report = digits.report
    assert float(dram["throughput_images_per_s"]) == report["throughput_images_per_s"]
    assert [row["system"] for row in processors] == [
        f"processor, {name}" for name in report["baselines"]
    ]
    for row, baseline in zip(processors, report["baselines"].values(), strict=True):
        assert float(row["speedup_of_dram"]) == baseline["speedup"]
        assert float(row["energy_ratio"]) == baseline["energy_ratio"]
    with (digits.folder / "layers.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row, layer in zip(rows, report["layers"], strict=True):
        assert (row["layer"], row["where"]) == (layer["name"], layer["where"])
        assert row["mapping"] == (layer["mapping"] or "")
        assert float(row["columns_used"] or 0) == (layer["column_utilisation"] or 0)
        assert float(row["energy_uj_per_image"]) == pytest.approx(layer["energy_pj"] / 364e6)
        for kind in KINDS:
            assert float(row[kind]) == layer["commands"][kind] / 364


def test_the_same_command_gives_the_same_bytes(
    digits: Run, tmp_path: Path, parse: Parse, pimsim: Pimsim
) -> None:
    printed = pimsim("digits-mlp", "--out", tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (digits.folder / name).read_bytes(), name
    written = parse((tmp_path / "report.json").read_text("utf-8"))
    assert printed == written | {"html": str(tmp_path / "report.html")}
    pages = [(one / "report.html").read_text("utf-8") for one in (tmp_path, digits.folder)]
    assert pages[0].replace(str(tmp_path), str(digits.folder)) == pages[1]
    assert list(written) == list(digits.report)
    assert without_wall(written) == without_wall(digits.report)


def test_without_out_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pimsim: Pimsim
) -> None:
    monkeypatch.chdir(tmp_path)
    report = pimsim(*small())
    assert list(tmp_path.iterdir()) == []
    assert report["wall_s"]["write"] == 0.0


def test_results_of_an_earlier_run_are_replaced(
    digits: Run, tmp_path: Path, parse: Parse, pimsim: Pimsim
) -> None:
    shutil.copytree(digits.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "notes.txt").write_text("mine")
    pimsim(*small("--limit", "4", "--out", str(tmp_path)))
    for name in FILES:
        assert (tmp_path / name).read_bytes() != (digits.folder / name).read_bytes(), name
    assert parse((tmp_path / "report.json").read_text("utf-8"))["images"] == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        (*FILES, "notes.txt", "report.html", "report.json")
    )


# The table


@pytest.mark.usefixtures("undrawn")
def test_the_terminal_shows_the_answer_and_what_it_rests_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, parse: Parse
) -> None:
    options = ["--limit", "50", "--mapping", "weight-stationary", "--out", str(tmp_path)]
    assert cli.main(["run", "digits-mlp", *options]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    report = parse((tmp_path / "report.json").read_text("utf-8"))
    facts = {line[:12].strip(): line[12:] for line in lines}
    assert facts["accuracy"] == f"{report['accuracy']:.2%}"
    assert facts["bit exact"] == f"yes ({50 * 522:,} sums compared)"
    for kind, count in report["commands"].items():
        assert (f"{count:,} {kind}" in facts["commands"]) == (count > 0)
    assert facts["the batch"].endswith("for 50 together")
    assert f"{report['throughput_images_per_s']:,.0f} images/s" in facts["an image"]
    assert facts["an image"].startswith(quantity(report["latency_ps_per_image"], "ps"))
    assert facts["weights"].startswith("loaded once: ")
    for name, baseline in report["baselines"].items():
        told = slower(baseline["speedup"]), more_energy(baseline["energy_ratio"])
        assert any(name in line and all(text in line for text in told) for line in lines)
    for layer in report["layers"]:
        where = [layer["name"], layer["mapping"] or "host", f"{layer['macs']:,}"]
        counts = [layer["name"], *(_short(layer["commands"][k] / 50) for k in SHOWN)]
        assert any(line.split()[:3] == where for line in lines)
        assert any(line.split() == counts for line in lines)
    assert "bin 8-8-8" in printed.out
    assert "faw on" in printed.out
    assert "mapping weight-stationary" in " ".join(printed.out.split())
    assert lines[-1].startswith(f"written to {tmp_path}: report.json, logits.npy")


@pytest.mark.parametrize("columns", [80, 60, 40])
def test_no_digit_is_cut_however_narrow_the_terminal(
    columns: int, digits: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    report = {**digits.report, "layers": [dict(layer) for layer in digits.report["layers"]]}
    dense1, *_, tail = report["layers"]
    dense1["commands"] = dict.fromkeys(KINDS, 123_456_789 * report["images"])
    dense1["macs"] = 987_654_321_000
    tail["name"] = "batch_normalization_12+max_pooling2d_7+flatten+dense_3+batch_normalization_13"
    tables.show(report)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= columns
    assert "…" not in out
    assert "123.5 M" in out
    assert "987,654,321,000" in out
    for layer in report["layers"]:
        time = quantity(layer["latency_ps"] / report["images"], "ps")
        assert time in " ".join(out.split()) or not layer["latency_ps"]
    assert {"max_pooling2d_7", "flatten", "dense_3"} <= set(out.split())  # wrapped, not cut off


@pytest.mark.larq
@pytest.mark.usefixtures("undrawn")
def test_a_check_that_dies_costs_no_run(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    killed_at_once: Callable[[], threading.Thread],
) -> None:
    out = tmp_path / "out"
    command = ["run", "digits-mlp", "--limit", "20", "--check-keras", "--out", str(out)]
    thread = killed_at_once()
    assert cli.main(command) == 0
    thread.join()
    report = json.loads((out / "report.json").read_text("utf-8"))
    assert report["bit_exact"] is True
    assert report["keras_equal"] is None
    assert report["keras_why"] == "the process of TensorFlow was ended by SIGKILL"
    assert len(np.load(out / "logits.npy")) == 20
    assert sorted(path.name for path in out.iterdir() if path.suffix == ".json") == ["report.json"]
    said = " ".join(capsys.readouterr().out.split())
    assert "as Keras not known: the process of TensorFlow was ended by SIGKILL" in said

    thread = killed_at_once()
    assert cli.main([*command[:-2], "--json"]) == 0
    thread.join()
    assert json.loads(capsys.readouterr().out)["keras_equal"] is None


@pytest.mark.larq
@pytest.mark.usefixtures("undrawn")
def test_what_keras_says_is_added_to_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["run", "digits-mlp", "--limit", "20", "--check-keras", "--out", str(out)]
    assert cli.main(command) == 0
    report = json.loads((out / "report.json").read_text("utf-8"))
    assert (report["keras_equal"], report["keras_why"], report["keras_ties"]) == (True, None, 0)
    assert report["wall_s"]["keras"] > 0
    assert "as Keras" in capsys.readouterr().out
    page = (out / "report.html").read_text("utf-8")
    assert "Keras, asked for every accumulator and prediction, gives the same." in page


@pytest.mark.usefixtures("undrawn")
def test_a_run_that_is_interrupted_in_the_check_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        report = json.loads((tmp_path / "report.json").read_text("utf-8"))
        assert report["keras_why"] == "the check did not finish"
        raise KeyboardInterrupt

    monkeypatch.setattr("bnn.keras.apart.check_apart", interrupted)
    monkeypatch.setattr("bnn.train.check_extra", lambda *_: None)
    command = ["run", *map(str, small("--limit", "5", "--check-keras", "--json"))]
    assert cli.main([*command, "--out", str(tmp_path)]) == 130
    assert json.loads(capsys.readouterr().out)["bit_exact"] is True
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["keras_equal"] is None


def test_the_report_says_what_other_mappings_would_have_cost(
    digits: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    tables.show(digits.report)
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    for layer in digits.report["layers"]:
        names = [other["mapping"] for other in layer["alternatives"]]
        assert len({*names, layer["mapping"]}) == len(names) + 1 >= 1 + (layer["where"] == "dram")
        for other in layer["alternatives"]:
            if other["refused"]:
                assert other["mapping"] == "output-tree"
                assert any(line[:2] == [layer["name"], other["mapping"]] for line in shown)
                assert "would lose to weight-stationary even with 1/8" in other["refused"]
                continue
            told = slower(layer["latency_ps"] / other["latency_ps"]).split()
            assert any(line[:4] == [layer["name"], other["mapping"], *told[:1], f"{told[1]},"]
                       for line in shown)  # fmt: skip
    assert digits.report["assumptions"]["mapping"] == "auto"


EVIL = "a\x1b]0;evil\x07\x1b[2J\u202eb\r\n"
NAMES = (EVIL, "=cmd|x", "@SUM(A1)", "$\\frac{", "[red]x[/red]", "-2+3", "$\\x$")


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_obeyed_by_a_terminal(
    name: str, digits: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    report = {**digits.report, "network": name, "data": name}
    report["layers"] = [{**layer, "name": name} for layer in report["layers"]]
    report["assumptions"] = {**report["assumptions"], "standard": name}
    tables.show(report)
    out = capsys.readouterr().out
    assert all(char.isprintable() for line in out.split("\n") for char in line)
    assert repr(name)[1:-1].replace("\\\\", "\\") in out.replace("\n", "")


def test_no_name_is_obeyed_by_a_figure_or_by_a_spreadsheet(digits: Run, tmp_path: Path) -> None:
    layer, every = digits.report["layers"][0], " ".join(NAMES)
    report = {**digits.report, "network": every, "data": every}
    report["layers"] = [{**layer, "name": name} for name in NAMES]
    report["assumptions"] = {**report["assumptions"], "standard": every}
    run.draw(report, tmp_path)
    with (tmp_path / "layers.csv").open(newline="", encoding="utf-8") as file:
        assert len([*csv.DictReader(file)]) == len(NAMES)
    for path in tmp_path.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.reader(file):
                for cell in row:
                    assert all(map(str.isprintable, cell)), cell
                    assert not cell.startswith(("=", "+", "-", "@")), cell
