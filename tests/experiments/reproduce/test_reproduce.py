"""``pimsim reproduce``: published numbers met, fresh pages, files, refusals, every experiment."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from experiments import cli
from experiments.commands.reproduce import EXPERIMENTS, Experiment
from experiments.pages.__main__ import texts
from experiments.reproduce.table import Table, measured_section, measured_table, published
from pimsim.baselines import measured as measuring
from pimsim.baselines.measured import OPERATIONS, Machine, MeasuredRate, Measurement

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
Found = dict[str, dict[str, Table]]

every_experiment = pytest.mark.parametrize("one", EXPERIMENTS, ids=lambda one: str(one.NAME))
every_whole_experiment = pytest.mark.parametrize(
    "one",
    [
        pytest.param(one, id=one.NAME, marks=[pytest.mark.chips] if one.draws else [])
        for one in EXPERIMENTS
    ],
)
"""With all its rows: those that draw row groups need what was measured."""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Measurement:
    """A measurement that took no time."""
    outputs = {"not": 1, "and": 1, "xnor": 1}
    rates = tuple(
        MeasuredRate(name, "numba", 2, 2, outputs.get(name, 0), 10**9, (0.3, 0.25))
        for name in OPERATIONS
    )
    made = Measurement(Machine("Some CPU @ 3 GHz", 2, 2**29, "the system", 2**34), 3 * 10**9, rates)
    monkeypatch.setattr(measuring, "measure", lambda total_bytes=None: made)
    return made


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# Laws that every experiment obeys


@every_experiment
def test_an_experiment_is_what_the_table_says(one: Experiment) -> None:
    assert one.part("tables").NAME == one.NAME
    assert len(one.HELP) > 20


@every_experiment
def test_rows_are_told_apart_and_ratios_are_ratios(one: Experiment, found: Found) -> None:
    for table in found[one.NAME].values():
        assert len({(row.quantity, row.of) for row in table.rows}) == len(table.rows)
        for row in table.rows:
            assert len(row.of) == len(table.keys)
            assert row.simulated > 0
            assert row.options
            if row.published is None:
                assert row.ratio is None
            else:
                assert row.ratio == pytest.approx(row.simulated / row.published.value)
                assert len(row.published.source) > 20


@every_whole_experiment
def test_every_published_number_is_shown(one: Experiment, found: Found) -> None:
    shown = {
        (row.published.value, row.published.source)
        for table in found[one.NAME].values()
        for row in table.rows
        if row.published
    }
    for place, at in published(one.NAME).items():
        number = at(8)
        assert (number.value, number.source) in shown, place


@every_experiment
def test_tables_have_the_promised_columns(one: Experiment, found: Found) -> None:
    for table in found[one.NAME].values():
        rows = _rows(table.csv_text())
        assert len(rows) == len(table.rows)
        assert {"quantity", "published", "simulated", "ratio", "switches", "source"} < set(rows[0])
        for row in rows:
            assert bool(row["published"]) == bool(row["ratio"]) == bool(row["source"])


@pytest.mark.parametrize("one", EXPERIMENTS[:2], ids=lambda one: str(one.NAME))
def test_publications_are_met(one: Experiment, found: Found) -> None:
    # All but Ambit's averages, which say what the processors were, and its rounded energies.
    # pLUTo's tables do not follow from its timing, and chips are held against models: both below.
    for table in found[one.NAME].values():
        for row in table.rows:
            if row.ratio is not None and table.name != "averages":
                tight = row.quantity != "in DRAM"
                assert row.ratio == pytest.approx(1, rel=0.006 if tight else 0.02), row


# What is written


def _of(one: Experiment, name: str) -> bool:
    return Path(name).name.startswith((f"{one.NAME}-", f"reproduce-{one.NAME}."))


@every_whole_experiment
def test_pages_and_tables_in_docs_are_fresh(one: Experiment, found: Found) -> None:
    fresh = {name: text for name, text in texts(found).items() if _of(one, name)}
    assert len(fresh) > 2
    for name, text in fresh.items():
        committed = (DOCS / name).read_text("utf-8")
        assert committed == text, f"run: python -m experiments.pages reproduce  ({name})"


@every_whole_experiment
def test_nothing_in_docs_is_left_over(one: Experiment, found: Found) -> None:
    committed = [*DOCS.glob("reproduce-*.md"), *(DOCS / "figures").glob("*.csv")]
    assert {path.name for path in committed if _of(one, path.name)} == {
        Path(name).name for name in texts(found) if _of(one, name)
    }


def test_every_page_in_docs_is_of_an_experiment(found: Found) -> None:
    pages = {name for name in texts(found) if name.endswith(".md")}
    assert {path.name for path in DOCS.glob("reproduce-*.md")} == pages


@every_experiment
def test_pages_show_every_figure_of_theirs(one: Experiment) -> None:
    page = (DOCS / f"reproduce-{one.NAME}.md").read_text("utf-8")
    linked = set(re.findall(r"!\[[^]]*\]\(([^)]+)\)", page))
    drawn = {f"figures/{p.name}" for p in (DOCS / "figures").glob(f"{one.NAME}-*.png")}
    assert linked == drawn
    assert len(drawn) >= 2
    for name in drawn:
        assert imread(DOCS / name).shape[1] > 800
    assert max(map(len, (line for line in page.splitlines() if line[:1] != "|"))) <= 118
    assert "This machine" not in page


@every_whole_experiment
def test_out_has_page_figures_and_tables(
    one: Experiment, machine: Measurement, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert cli.main(["reproduce", one.NAME, "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "Some CPU @ 3 GHz" in printed.out
    assert f"assumptions: standard {one.STANDARD}" in printed.out
    committed = {p.name for p in (DOCS / "figures").glob(f"{one.NAME}-*")}
    page = f"reproduce-{one.NAME}.md"
    written = {page, "report.html", f"{one.NAME}-machine.csv"}
    assert {p.name for p in out.iterdir()} == committed | written
    text = (out / page).read_text("utf-8")
    assert "## This machine" in text
    assert all((out / name).exists() for name in re.findall(r"\]\(([^)]+\.png)\)", text))
    rows = _rows((out / f"{one.NAME}-machine.csv").read_text("utf-8"))
    assert {"quantity", "published", "measured", "ratio"} < set(rows[0])
    (moved,) = (r for r in rows if (r["quantity"], r["operation"]) == ("bits a second", "xnor"))
    assert float(moved["measured"]) == pytest.approx(32)  # 8e9 bits in 0.25 s
    assert moved["spread %"] == "20"
    assert "This machine" not in (DOCS / page).read_text("utf-8")


@every_whole_experiment
def test_json(one: Experiment, machine: Measurement, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reproduce", one.NAME, "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    result: dict[str, Any] = json.loads(printed.out)
    assert result["experiment"] == one.NAME
    assert result["measured"]["model"] == "Some CPU @ 3 GHz"
    assert [rate["operation"] for rate in result["measured"]["rates"]] == list(OPERATIONS)
    assert result["assumptions"]["standard"] == one.STANDARD
    assert result["assumptions"]["faw"] is False
    assert set(result["tables"]) == {"machine"} | {
        name.removeprefix(f"{one.NAME}-").removesuffix(".csv")
        for name in (p.name for p in (DOCS / "figures").glob(f"{one.NAME}-*.csv"))
    }
    for rows in result["tables"].values():
        assert all("quantity" in row and "published" in row for row in rows)


@every_experiment
def test_without_the_machine(one: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reproduce", one.NAME, "--no-measure", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["measured"] is None
    assert "machine" not in result["tables"]


def test_dram_over_this_machine(found: Found, machine: Measurement) -> None:
    for one in EXPERIMENTS:
        rivals = one.part("tables").rivals(found[one.NAME])
        assert set(rivals) <= set(OPERATIONS)
        table = measured_table(machine, rivals)
        for name, rate in rivals.items():
            ratio = table.find("DRAM over this machine", name, "numba", "2", "20")
            assert ratio == pytest.approx(rate / 32e9)
    ambit = EXPERIMENTS[0].part("tables").rivals(found["ambit"])
    assert ambit["and"] == pytest.approx(334.4e9 * 8, rel=1e-3)


def test_arrays_that_a_cache_may_hold_are_said(found: Found, machine: Measurement) -> None:
    table = measured_table(machine, {})
    cache = machine.machine.cache_bytes
    large = replace(machine, total_bytes=4 * cache)
    assert "last-level cache," not in measured_section(table, large)
    short = replace(machine, total_bytes=cache // 2)
    said = "have 0.5 times the size of the last-level cache, so that some may be found in it: "
    said += f"`--measure-mib {4 * cache // 2**20}` measures memory alone."
    assert said in measured_section(table, short)


# Options


def _throughput(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, float]:
    assert cli.main(["reproduce", "ambit", "--no-measure", "--json", *words]) == 0
    rows = json.loads(capsys.readouterr().out)["tables"]["throughput"]
    return {row["operation"]: row["simulated"] for row in rows if row["system"] == "Ambit"}


def test_options_reach_the_simulation(capsys: pytest.CaptureFixture[str]) -> None:
    usual = _throughput(capsys)["and"]
    assert _throughput(capsys, "--faw")["and"] == pytest.approx(136.5, abs=0.1)
    assert _throughput(capsys, "--refresh")["and"] < usual
    assert _throughput(capsys, "--banks", "4")["and"] == pytest.approx(usual / 2, rel=1e-3)
    assert _throughput(capsys, "--no-split-decoder")["and"] == pytest.approx(usual * 49 / 80)
    assert _throughput(capsys, "--clocked")["and"] == pytest.approx(usual * 49 / 50)
    faster = _throughput(capsys, "--standard", "ddr4-2400", "--banks", "16")["and"]
    assert faster > 1.9 * usual


def test_the_measured_size_is_that_of_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int | None] = []

    def refuse(total_bytes: int | None = None) -> Measurement:
        asked.append(total_bytes)
        raise KeyboardInterrupt

    monkeypatch.setattr(measuring, "measure", refuse)
    assert cli.main(["reproduce", "ambit", "--measure-mib", "3"]) == 130
    assert cli.main(["reproduce", "ambit"]) == 130
    assert asked == [3 * 2**20, None]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ambit", "--measure-mib", "9", "--no-measure"],
         "`--measure-mib` must not be given with --no-measure"),
        (["ambit", "--no-measure", "--banks", "9"],
         "`banks` must be at most 8, the banks of ddr3-1600-8-8-8, not 9"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_code_2(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert cli.main(["reproduce", *words, "--out", str(out)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"pimsim: error: {message}\n"
    assert not out.exists()


@pytest.mark.parametrize("words", [["nobody"], ["ambit", "--energy", "datasheet"]])
def test_bad_usage_is_one_line_and_code_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["reproduce", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1


@every_experiment
def test_help_teaches(one: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reproduce", one.NAME, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"pimsim reproduce {one.NAME}" in shown.split("examples:")[1]
    assert cli.main(["reproduce", "--help"]) == 0
    assert one.HELP.split(":")[0] in " ".join(capsys.readouterr().out.split())
