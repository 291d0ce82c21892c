"""Studies: their sweeps exist, and their pages in the repository say what their results say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from experiments.cli import main
from experiments.commands import study
from experiments.studies.page import FIGURES, page, table
from experiments.studies.study import Found, Study, crossing
from experiments.sweep import spec
from experiments.sweep.results import Axis, Point, Quantity

DOCS = Path(__file__).parents[3] / "docs"
TINY = """\
name = "tiny"
measure = "tra-failure"
[fixed]
samples = 200
[axes]
variation_percent = [0, 20]
cb_cs_ratio = [3, 6]
[stop]
trials = 2
least_trials = 2
"""


@pytest.mark.parametrize("name", study.STUDIES)
def test_every_study_takes_sweeps_that_there_are(name: str, tmp_path: Path) -> None:
    one = study.study(name)
    assert name == one.name
    own = {sweep for sweep in one.sweeps if sweep not in spec.names()}
    if own:  # of measured chips, which are not part of pimsim
        summary = tmp_path / "simra_success_boxstats.csv"
        rows = [
            f"MAJ3,{rows},{pattern},1.5,3.0,pct_bitlines_always_correct,90"
            for rows in (4, 8, 16, 32)
            for pattern in ("random", "all0/1")
        ]
        head = "op,rows_activated,data_pattern,t1_ns,t2_ns,metric,mean"
        summary.write_text("\n".join([head, *rows, ""]), "utf-8")
        one.prepare(tmp_path, tmp_path)
    for sweep in own:
        assert spec.load(str(tmp_path / f"{sweep}.toml")).name == sweep


@pytest.mark.parametrize("name", study.STUDIES)
def test_the_page_of_the_repository_is_that_of_its_results(name: str) -> None:
    one = study.study(name)
    found = {sweep: Found.read(DOCS / FIGURES / f"{sweep}.json") for sweep in one.sweeps}
    text = (DOCS / f"study-{name}.md").read_text("utf-8")
    figures = {
        sweep: f"{FIGURES}/{sweep}.png"
        for sweep in one.sweeps
        if f"({FIGURES}/{sweep}.png)" in text
    }
    extra = [line[2:].split("]")[0] for line in text.splitlines() if line.startswith("![")]
    figures |= {each: f"{FIGURES}/{each}.png" for each in extra if each not in figures}
    assert text == page(one, found, figures)
    for path in figures.values():
        assert (DOCS / path).exists()
        assert (DOCS / path).with_suffix(".csv").exists()


def _tiny(folder: Path, chips: Path | None) -> None:
    (folder / "tiny.toml").write_text(TINY, "utf-8")


def _finding(found: Mapping[str, Found]) -> str:
    return f"{found['tiny'].text(variation_percent=20.0, cb_cs_ratio=3.0)} % are wrong."


def test_a_study_runs_its_sweeps_and_writes_its_page_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Study("variation", "Tiny", "How many?", {"tiny": "A little."}, _finding, _tiny)
    monkeypatch.setattr(study, "study", lambda name: one)
    argv = ["study", "variation", "--out", str(tmp_path), "--workers", "1"]
    assert main(argv) == 0
    text = (tmp_path / "study-variation.md").read_text("utf-8")
    found = Found.read(tmp_path / "tiny" / "results.json")
    assert f"{found.text(variation_percent=20.0, cb_cs_ratio=3.0)} % are wrong." in text
    assert (tmp_path / "figures" / "tiny.png").exists()
    kept = json.loads((tmp_path / "figures" / "tiny.json").read_text("utf-8"))
    assert kept == json.loads((tmp_path / "tiny" / "results.json").read_text("utf-8"))
    (tmp_path / "study-variation.md").unlink()
    assert main([*argv[:-2], "--page"]) == 0
    assert (tmp_path / "study-variation.md").read_text("utf-8") == text
    capsys.readouterr()
    assert main([*argv[:-2], "--page", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["page"] == str(tmp_path / "study-variation.md")
    assert printed["html"] == str(tmp_path / "report.html")
    assert "% are wrong.</p>" in (tmp_path / "report.html").read_text("utf-8")
    assert (tmp_path / "tiny" / "report.html").exists()
    assert printed["sweeps"] == {"tiny": kept}


def test_what_is_missing_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PIMSIM_DATA", raising=False)
    assert main(["study", "chips", "--out", str(tmp_path)]) == 2
    assert "`--chips` must be a folder with simra_success_boxstats.csv" in capsys.readouterr().err
    assert main(["study", "everything"]) == 2
    assert (
        f"`NAME` must be one of {', '.join(study.STUDIES)}, not 'everything'"
        in capsys.readouterr().err
    )


def _found(values: Mapping[tuple[float, float], float]) -> Found:
    axes = tuple(
        Axis(field, field, "", tuple(sorted({key[i] for key in values})))
        for i, field in enumerate("ab")
    )
    points = tuple(Point({"a": a, "b": b}, 2, v, v - 1, v + 1) for (a, b), v in values.items())
    return Found("n", Quantity("q", "q", "%", 1.0), axes, {}, points, {})


def test_a_table_of_two_axes_has_the_shorter_one_across() -> None:
    found = _found({(a, b): 10 * a + b for a in (1, 2, 3) for b in (5, 6)})
    lines = table(found).splitlines()
    assert lines[0] == "| q (%) by a and b | 5 | 6 |"
    assert lines[3] == "| 2 | 25.0 (24.0 to 26.0) | 26.0 (25.0 to 27.0) |"


@pytest.mark.parametrize(
    ("level", "where"), [(99.0, None), (97.0, 10.5), (78.0, 20.0), (5.0, None)]
)
def test_where_a_line_crosses_a_level(level: float, where: float | None) -> None:
    assert crossing([0, 10, 20, 30], [98, 98, 78, 70], level) == where
