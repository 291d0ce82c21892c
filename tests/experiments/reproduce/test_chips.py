"""``pimsim reproduce simra`` and ``fcdram``: chips, with what was measured and without."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from experiments import cli
from experiments.commands.reproduce import EXPERIMENTS, Experiment
from experiments.pages.__main__ import main as write_pages
from experiments.reproduce.table import Table

Found = dict[str, dict[str, Table]]


DRAWING = [one for one in EXPERIMENTS if one.draws]


def _ratios(found: Found, name: str, table: str, model: str) -> dict[tuple[str, ...], float]:
    rows = found[name][table].rows
    return {row.of[:-1]: row.ratio for row in rows if row.of[-1] == model and row.ratio}


@pytest.mark.chips
def test_groups_carried_out_meet_the_means_of_the_boxes_that_they_are_drawn_from(
    found: Found,
) -> None:
    ratios = _ratios(found, "simra", "majority", "drawn groups")
    assert len(ratios) == 8
    for (operands, rows, data), ratio in ratios.items():
        assert data == "random"
        # of a percent or two, a tenth of a point is much
        points = 0.02 if operands in "35" else 0.1 if rows != "16" else 0.4
        assert ratio == pytest.approx(1, abs=points), (operands, rows)
    copies = _ratios(found, "simra", "copies", "drawn groups")
    assert len(copies) == 6
    assert all(ratio == pytest.approx(1, abs=1e-3) for ratio in copies.values())
    published = _ratios(found, "fcdram", "success", "drawn groups")
    assert len(published) == 6
    assert all(ratio == pytest.approx(1, abs=0.02) for ratio in published.values())


def test_the_circuit_says_what_it_was_fitted_to_and_is_too_good_for_random_data(
    found: Found,
) -> None:
    ratios = _ratios(found, "simra", "majority", "circuit")
    assert len(ratios) == 24
    for (operands, rows, data), ratio in ratios.items():
        if data == "all0/1" and operands != "9":
            assert ratio == pytest.approx(1, abs=0.17), (operands, rows)
        if data == "random":
            assert ratio > 1, (operands, rows)
    table = found["simra"]["majority"]
    fitted = {row.options for row in table.rows if row.of[2:] == ("all0/1", "circuit")}
    assert all("fitted to these" in words for words in fitted)


def test_the_circuit_foretells_logic_that_it_was_not_fitted_to(found: Found) -> None:
    ratios = _ratios(found, "fcdram", "success", "circuit")
    assert set(ratios) == {(name, "16") for name in ("and", "or", "nand", "nor")}
    assert all(1.0 < ratio < 1.03 for ratio in ratios.values())
    rows = found["fcdram"]["success"].rows
    assert all("no number of this publication enters" in row.options
               for row in rows if row.of[2] == "circuit")  # fmt: skip


@pytest.mark.chips
def test_screening_by_the_table(found: Found) -> None:
    table = found["simra"]["groups"]
    quick = "MAJ3", "4", "1.5 and 1.5 ns"
    shares = [table.find("bitlines always right", *quick, f"{best} %") for best in (100, 50)]
    assert shares[0] == pytest.approx(56.63)
    assert shares[1] > 99.5
    for key in {row.of[:3] for row in table.rows}:
        values = [row.simulated for row in table.rows if row.of[:3] == key]
        assert values == sorted(values)


@pytest.mark.parametrize("one", DRAWING, ids=lambda one: str(one.NAME))
def test_without_boxes_drawn_groups_are_left_out_and_that_is_said(
    one: Experiment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.delenv("PIMSIM_DATA", raising=False)
    words = ["reproduce", one.NAME, "--no-measure"]
    assert cli.main([*words, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    rows = [row for table in result["tables"].values() for row in table]
    assert "circuit" in {row.get("model") for row in rows}
    assert "drawn groups" not in {row.get("model") for row in rows}
    assert not any("best" in row for row in rows)
    said = result["left_out"]
    assert said.startswith("Rows of drawn groups are left out here: they need a CSV file of boxes")
    out = tmp_path / "out"
    assert cli.main([*words, "--out", str(out)]) == 0
    assert said in " ".join(capsys.readouterr().out.split())
    text = (out / f"reproduce-{one.NAME}.md").read_text("utf-8")
    assert said in " ".join(text.split())
    assert "groups.png" not in text
    assert all((out / name).exists() for name in re.findall(r"\]\(([^)]+\.png)\)", text))
    tables = {path.name for path in out.glob("*.csv")}
    assert tables == {f"{one.NAME}-{name}.csv" for name in result["tables"]}


def test_pages_of_docs_are_not_written_without_drawn_groups(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("PIMSIM_DATA", raising=False)
    with pytest.raises(SystemExit):
        write_pages(["reproduce"], tmp_path)
    assert "pages of reproductions need a CSV file of boxes" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.chips
@pytest.mark.parametrize("one", DRAWING, ids=lambda one: str(one.NAME))
def test_with_boxes_nothing_is_said_of_them(
    one: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["reproduce", one.NAME, "--no-measure", "--json"]) == 0
    assert "left_out" not in json.loads(capsys.readouterr().out)


def test_a_swing_by_hand(found: Found) -> None:
    # 22 fF cells on 85.8 fF: (10 of 32) over (1 of 4), by charge sharing.
    more = 10 / (32 * 22 + 85.8) / (1 / (4 * 22 + 85.8)) - 1
    table = found["simra"]["spice"]
    ours = table.find("swing on 32 rows over 4", "MAJ3", "ddr4-like")
    assert ours == pytest.approx(100 * more)
