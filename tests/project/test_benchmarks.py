"""The rows of ``make bench``: each can be run, and one that fails costs none of the others."""

from __future__ import annotations

import inspect
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.cli import build_parser
from experiments.sweep import spec

from ..benchmarks import __main__ as bench
from ..benchmarks import history, inputs, probes, processes
from ..benchmarks.rows import MEMORY, PROCESSOR, ROWS, WALL, Row, Side

PLACES = processes.Places(Path("/work"), Path("/base"))
NOTHING = Side(("probe", "imports", "json"))


def _sides(row: Row) -> list[Side]:
    return [row.ours, *([row.against] if isinstance(row.against, Side) else [])]


def test_rows_have_names_of_their_own() -> None:
    assert [name for name, times in Counter(row.name for row in ROWS).items() if times > 1] == []
    assert all("|" not in row.name for row in ROWS)  # they stand in a table


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_a_row_runs_exists(row: Row) -> None:
    assert row.limit is None or row.limit > 0
    assert set(row.needs) <= {"data", "larq", "ngspice"}
    assert row.ours != row.against
    for side in _sides(row):
        for words in filter(None, (side.words, side.after)):
            found = processes.command(replace(side, words=words), PLACES, Path("/own"))
            assert not any("{" in word for word in found)
            if words[0] == "probe":
                name, *arguments = words[1:]
                inspect.signature(probes.PROBES[name]).bind(*arguments)
            else:
                build_parser().parse_args(found[3:])  # exits if it is not understood
        inside = side.quantity not in (PROCESSOR, WALL, MEMORY)
        assert not inside or side.words[0] == "probe" or "--json" in side.words
    if isinstance(row.against, Side) and row.against.before:
        assert replace(row.against, before=False) == row.ours


def test_every_input_of_a_row_can_be_made() -> None:
    asked = {
        word for row in ROWS for side in _sides(row) for word in side.words if "{work}" in word
    }
    assert asked == {
        *(f"{{work}}/dense-{layers}.h5" for layers in (5, 50, 300)),
        "{work}/dense.npz",
        "{work}/points.toml",
    }


def test_a_row_that_fails_is_said_and_the_others_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "ROWS", made := (
        Row("fails", Side(("run", "nothing-of-that-name")), 1.0),
        Row("prints nothing of that name", replace(NOTHING, quantity="rate"), 1.0),
        Row("another checkout", NOTHING, replace(NOTHING, before=True)),
        Row("numbers", Side(("probe", "imports", "json"), MEMORY), 1.0, 1e6),
        Row("rates", NOTHING, 1e9, 2.0, rate=True),
    ))  # fmt: skip
    monkeypatch.setattr(history, "ROWS", made)
    page, kept = tmp_path / "speed.md", tmp_path / "speed.csv"
    history.put(page, "Something else", "| a table |")
    words = ["--work", str(tmp_path), "--page", str(page), "--history", str(kept), "--turns", "1"]
    assert bench.main(words) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("1/5 fails ... exit code 2: ")
    assert "nothing-of-that-name" in said[0]
    assert said[1].startswith("2/5 prints nothing of that name ... it prints no rate: ")
    assert said[2].endswith("left out: there is no other checkout: say BASE=DIR")
    lines = {line.row: line for line in history.read(kept)}
    assert [*lines] == ["fails", "prints nothing of that name", "numbers", "rates"]
    assert float(lines["numbers"].ratio) == pytest.approx(float(lines["numbers"].ours), rel=0.01)
    text = page.read_text("utf-8")
    table, _, rest = text.removeprefix(history.INTRODUCTION).partition("## Something else\n")
    assert rest == "\n| a table |\n"
    assert "fails" not in table
    told = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    assert [(cells[0], cells[-2]) for cells in told[2:]] == [
        ("| numbers", "yes"), ("| rates", "no"),
    ]  # fmt: skip
    # Once more: what was measured is not measured again, what failed is.
    assert bench.main(words) == 1
    again = capsys.readouterr().out
    assert again.count("it is measured already") == 2
    assert [line.row for line in history.read(kept)][4:] == ["fails", "prints nothing of that name"]


def test_the_sweep_has_as_many_points_as_its_row_says(tmp_path: Path) -> None:
    path = tmp_path / "points.toml"
    path.write_text(inputs.sweep(), "utf-8")
    assert len(list(spec.load(str(path)).places())) == 10_000
    assert any("10,000 circuit points" in row.name for row in ROWS)
