"""``pimsim sweep`` as people use it: lists, a dry run, results, drawing again."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments import cli
from experiments.sweep.measures import fields
from experiments.sweep.session import locked
from experiments.sweep.workers.store import Owner, Store

Trials = dict[tuple[str, int], str]


def _sweep(*argv: str | Path) -> int:
    return cli.main(["sweep", *map(str, argv)])


@pytest.fixture
def swept(finished: Path, tmp_path: Path) -> Path:
    """A folder with a finished sweep."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


@pytest.fixture
def counted(finished: Path, tmp_path: Path) -> Path:
    """A folder with nothing but the store of that sweep."""
    folder = tmp_path / "out" / "demo"
    folder.mkdir(parents=True)
    shutil.copy(finished / "sweep.sqlite", folder)
    return folder


def test_results_are_written_with_units_and_all_fields(swept: Path) -> None:
    with (swept / "results.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "variation_percent", "cb_cs_ratio", "preset", "process", "inputs", "criterion", "path",
        "samples", "trials", "failure_percent", "low_percent", "high_percent", "failed",
        "samples_in_all",
    ]  # fmt: skip
    assert [(row["variation_percent"], row["cb_cs_ratio"]) for row in rows] == [
        ("10.0", "3.0"), ("10.0", "5.0"), ("20.0", "3.0"), ("20.0", "5.0"),
    ]  # fmt: skip
    for row in rows:
        assert row["trials"] == "3"
        assert row["samples_in_all"] == "900"
        share = 100 * int(row["failed"]) / 900
        assert float(row["failure_percent"]) == pytest.approx(share)
        assert float(row["low_percent"]) < share < float(row["high_percent"])


@pytest.mark.usefixtures("undrawn")
def test_json_on_stdout_is_what_is_in_the_file(
    swept: Path, spec_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _sweep(spec_file, "--out", swept, "--json") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    document = json.loads(printed.out)
    written = json.loads((swept / "results.json").read_text("utf-8"))
    assert document == written | {"html": str(swept / "report.html")}
    assert document["quantity"]["unit"] == "%"
    assert [axis["unit"] for axis in document["axes"]] == ["%", ""]
    assert document["points"][0]["trials"] == 3
    assert document["assumptions"]["interval"].startswith("95 %, Clopper-Pearson")
    assert {"field": "samples", "label": "bitlines a trial", "unit": "", "value": 300} in (
        document["fixed"]
    )


@pytest.mark.usefixtures("undrawn")
def test_a_second_run_counts_nothing(
    swept: Path, spec_file: Path, kept: Callable[[Path], Trials], monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiments.sweep.workers.pool import LocalPool

    before = kept(swept / "sweep.sqlite")
    monkeypatch.setattr(LocalPool, "submit", lambda *_: pytest.fail("a trial was made again"))
    assert _sweep(spec_file, "--out", swept) == 0
    assert kept(swept / "sweep.sqlite") == before


@pytest.mark.usefixtures("undrawn")
def test_points_that_are_added_leave_the_others(
    swept: Path, spec_file: Path, kept: Callable[[Path], Trials]
) -> None:
    before = kept(swept / "sweep.sqlite")
    spec_file.write_text(spec_file.read_text("utf-8").replace("[3, 5]", "[3, 4, 5]"), "utf-8")
    assert _sweep(spec_file, "--out", swept, "--workers", "1") == 0
    after = kept(swept / "sweep.sqlite")
    assert len(before) == 12
    assert len(after) == 18
    assert before.items() <= after.items()


def test_drawing_again_writes_the_same_and_runs_nothing(
    swept: Path, spec_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in swept.iterdir()}
    drawn = [name for name in before if not name.startswith("sweep.")]
    assert sorted(drawn) == [
        "lines.csv", "lines.pdf", "lines.png", "report.html", "results.csv", "results.json",
    ]  # fmt: skip
    for name in drawn:
        (swept / name).unlink()
    monkeypatch.setattr("experiments.sweep.workers.runner.run", lambda *_: pytest.fail("it ran"))
    assert _sweep(spec_file, "--out", swept, "--draw") == 0
    after = {name: (swept / name).read_bytes() for name in drawn}
    page = "report.html"
    pages = [re.sub(rb"<pre.*?</pre>", b"", one[page]) for one in (before, after)]  # the command
    assert pages[0] == pages[1]
    del after[page]
    assert after == {name: before[name] for name in drawn if name != page}


@pytest.mark.usefixtures("unsaved")
def test_a_running_sweep_can_be_looked_at(swept: Path, spec_file: Path) -> None:
    with (
        locked(swept / "sweep.lock"),
        Store.open(swept / "sweep.sqlite", Owner("demo", "tra-failure", 1)) as store,
    ):
        store.add("x", {}, 0, {"failed": 0, "samples": 1}, 0.0)
        assert _sweep(spec_file, "--out", swept, "--draw") == 0


@pytest.mark.usefixtures("unsaved")
def test_drawing_shows_what_is_missing(
    swept: Path, spec_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec_file.write_text(spec_file.read_text("utf-8").replace("[3, 5]", "[3, 4]"), "utf-8")
    assert _sweep(spec_file, "--out", swept, "--draw", "--json") == 0
    points = json.loads(capsys.readouterr().out)["points"]
    assert [point["trials"] for point in points] == [3, 0, 3, 0]
    assert points[1]["estimate"] is None
    text = (swept / "results.csv").read_text("utf-8").splitlines()[2]
    assert text == "10.0,4.0,rambus55,ambit-like,3,either,decision,300,0,,,,,"


@pytest.mark.usefixtures("undrawn")
def test_a_trial_behind_a_gap_does_not_count(swept: Path, spec_file: Path) -> None:
    """Trial 2 came back, the sweep was stopped, trial 1 never did."""
    import sqlite3

    with sqlite3.connect(swept / "sweep.sqlite") as connection:
        connection.execute("DELETE FROM trial WHERE trial = 1")
    connection.close()
    assert _sweep(spec_file, "--out", swept, "--draw") == 0
    points = json.loads((swept / "results.json").read_text("utf-8"))["points"]
    assert [point["trials"] for point in points] == [1, 1, 1, 1]
    assert all(point["counts"]["samples"] == 300 for point in points)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('x = "variaton_percent"', "[figure]: `x` names no axis: 'variaton_percent'; did you mean"),
        (
            'kind = "pie"',
            "[figure]: `kind` must be one of lines, heatmap, bars, tornado",
        ),
        ('name = "results"', "[figure]: `name` must not be 'results': results.csv is the table"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_refused_before_anything_runs(
    table: str, message: str, spec_file: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    spec_file.write_text(f"{spec_file.read_text('utf-8')}[figure]\n{table}\n", "utf-8")
    assert message in refused(spec_file, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_figure_of_the_specification_is_drawn(
    spec_file: Path, counted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec_file.write_text(
        f'{spec_file.read_text("utf-8")}[figure]\nkind = "lines"\nx = "cb_cs_ratio"\n', "utf-8"
    )
    assert _sweep(spec_file, "--out", counted, "--workers", "1") == 0
    assert "results.json, lines.png, lines.pdf, lines.csv" in capsys.readouterr().out
    assert (counted / "lines.png").read_bytes().startswith(b"\x89PNG")


def test_a_single_point_is_a_table_without_a_figure(spec_file: Path, counted: Path) -> None:
    text = spec_file.read_text("utf-8").replace("[10, 20]", "[10]").replace("[3, 5]", "[3]")
    spec_file.write_text(text, "utf-8")
    assert _sweep(spec_file, "--out", counted, "--workers", "1") == 0
    assert {path.name for path in counted.iterdir()} == {
        "report.html", "results.csv", "results.json", "sweep.lock", "sweep.sqlite",
    }  # fmt: skip


def test_a_dry_run_lists_points_and_writes_nothing(
    spec_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    assert _sweep(spec_file, "--dry-run", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["points"]) == 4
    assert len({point["key"] for point in document["points"]}) == 4
    assert document["points"][0]["content"]["measure"] == "tra-failure"
    assert _sweep(spec_file, "--dry-run") == 0
    assert document["points"][3]["key"][:16] in capsys.readouterr().out
    assert set(tmp_path.iterdir()) == before


def test_fields_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert _sweep("--fields", "--json") == 0
    listed = json.loads(capsys.readouterr().out)["fields"]
    assert [field["name"] for field in listed] == list(fields.table())
    assert _sweep("--fields") == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in fields.table())


@pytest.mark.usefixtures("undrawn")
def test_the_folder_is_named_after_the_sweep(
    spec_file: Path, counted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(counted.parents[1])
    assert _sweep(spec_file, "--workers", "1") == 0
    assert (counted / "results.csv").exists()


@pytest.mark.parametrize("stated", ["", "mapping = 'auto'\n"])
@pytest.mark.slow
def test_cost_is_what_a_run_says(
    stated: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the mapping that is stated; where none is, that of older stores."""
    mapping = "auto" if stated else "output-stationary"
    expected = {}
    for network in ("digits-mlp", "lenet5"):
        argv = ["--cost-only", "--limit", "7", "--banks", "4", "--energy", "datasheet", "--json"]
        assert cli.main(["run", network, *argv, "--mapping", mapping]) == 0
        report = json.loads(capsys.readouterr().out)
        expected["latency", network] = report["latency_ps"] / 7e6
        expected["energy", network] = report["energy_pj"]["total"] / 7e6
    path = tmp_path / "cost.toml"
    for quantity in ("latency", "energy"):  # of the same trials
        path.write_text(
            f'name = "cost"\nmeasure = "cost"\nquantity = "{quantity}"\n[fixed]\nimages = 7\n'
            f'banks = 4\n{stated}[axes]\nnetwork = ["digits-mlp", "lenet5"]\n'
            'energy = ["datasheet"]\n'
        )
        assert _sweep(path, "--out", tmp_path / "out", "--workers", "1", "--json") == 0
        points = json.loads(capsys.readouterr().out)["points"]
        assert len(points) == 2
        for point in points:
            wanted = expected[quantity, point["values"]["network"]]
            assert point["estimate"] == pytest.approx(wanted)
            assert point["low"] == point["high"] == point["estimate"]


def test_bad_options_are_one_line(spec_file: Path, refused: Callable[..., str]) -> None:
    assert "`--workers` must be an integer from 1" in _usage(spec_file, "--workers", "0")
    assert "must not be given with" in _usage(spec_file, "--workers", "1", "--cluster", "a")
    assert "must not be given with" in _usage(spec_file, "--draw", "--dry-run")


def _usage(*argv: str | Path) -> str:
    import contextlib
    import io

    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        assert _sweep(*argv) == 2
    return said.getvalue()
