"""``pimsim run`` end to end: what its report and its files promise."""

from __future__ import annotations

import csv
import pkgutil
import shutil
import time
from collections.abc import Iterator, Mapping
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
from experiments.report import simulated

from .one_run import FILES, KINDS, Parse, Pimsim, Run, small, without_wall

SLOWER_S = 0.3


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
    assert tuple(wall_s) == simulated.PHASES
    assert all(type(part) is float and part >= 0 for part in wall_s.values())
    assert wall_s["execute"] > 0
    assert wall_s["write"] > 0
    assert sum(wall_s.values()) <= digits.wall_s


@pytest.mark.parametrize(
    ("slow", "phase", "options"),
    [
        ("bnn.larq.model_file.read_model", "load", []),
        ("bnn.run.execute.plan", "compile", []),
        ("bnn.run.flow.Flow.logits", "execute", []),
        ("bnn.reference.forward", "check", []),
        ("bnn.run.doubts.scale_hint", "report", []),
        ("experiments.report.run.build", "report", []),
        ("experiments.html.page.render", "write", []),
        ("bnn.run.estimate.walk", "schedule", ["--cost-only"]),
        ("experiments.report.run.build", "report", ["--cost-only"]),
    ],
)
def test_every_second_is_in_a_phase(
    slow: str, phase: str, options: list[str], tmp_path: Path, parse: Parse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """What takes longer makes its own phase longer; sleeping is at least so long."""
    done = pkgutil.resolve_name(slow)

    def slower(*args: Any, **named: Any) -> Any:
        time.sleep(SLOWER_S)
        return done(*args, **named)

    monkeypatch.setattr(slow, slower)
    words = ["run", "digits-mlp", "--limit", "2", *options, "--out", str(tmp_path)]
    assert cli.main(words) == 0
    wall_s = parse((tmp_path / "report.json").read_text("utf-8"))["wall_s"]
    assert wall_s[phase] >= SLOWER_S


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
    monkeypatch.setattr(SumChecker, "reads_rows", False)  # which would not ask for them
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
