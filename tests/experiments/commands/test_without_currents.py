"""Parts whose currents nobody publishes: times are as of any part, energies are not stated."""

from __future__ import annotations

import itertools
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from experiments import api, cli
from experiments.sweep.points import points
from experiments.sweep.spec import parse
from pimsim.cost import price
from pimsim.dram.commands import Kind
from pimsim.dram.energy import NO_ENERGY, modes
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load, names
from pimsim.dram.timeline.command_stream import Run, Segment
from pimsim.errors import InputError

WITHOUT = [name for name in names() if not modes(load(name))]
SHOWN = {
    "run": ["run", "digits-mlp", "--cost-only"],
    "primitives": ["primitives"],
    "products": ["products", "--operands", "rows"],
    "synthesize": ["synthesize", "out = a & b"],
    "reproduce ambit": ["reproduce", "ambit"],
}


def test_there_are_such_parts() -> None:
    assert {"ddr5-6400", "lpddr5-6400", "hbm3-6400", "gddr6-14000"} <= set(WITHOUT)


def energies(found: Any, path: str = "") -> list[tuple[str, Any]]:
    """Values of a result that are energies, by their path."""
    if isinstance(found, dict):
        return [each for key, value in found.items() for each in energies(value, f"{path}.{key}")]
    if isinstance(found, list):
        return [each for value in found for each in energies(value, path)]
    return (
        [(path, found)] if re.search(r"energy_(pj|nj|ratio|uj)|nj_per_kb|pj\.total", path) else []
    )


@pytest.mark.parametrize(
    ("part", "command"),
    [
        *((part, "run") for part in WITHOUT),
        *zip(itertools.cycle(WITHOUT), ("primitives", "products", "synthesize"), strict=False),
    ],
)
def test_energies_are_null_in_json(
    part: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*SHOWN[command], "--standard", part, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["assumptions"]["energy"] == NO_ENERGY
    assert found["assumptions"]["energy_not_stated"].startswith(f"{part} has no currents")
    stated = energies(found)
    assert stated
    assert all(value is None for _, value in stated)


@pytest.mark.parametrize(
    ("part", "command"),
    [*zip(itertools.cycle(["lpddr5-6400", "gddr6-14000"]), SHOWN, strict=False)],
)
def test_tables_say_so(
    part: str, command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    more = ["--out", str(tmp_path / "out")] if command.startswith("reproduce") else []
    assert cli.main([*SHOWN[command], "--standard", part, *more]) == 0
    out = capsys.readouterr().out
    assert not re.search(r"\bnan\b", out)
    assert more or "not stated" in out


@pytest.mark.parametrize("part", ["gddr6-14000"])
@pytest.mark.slow
def test_pages_comparisons_and_advice_say_so(
    part: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A run on such a part, beside another one and beside a part with currents."""
    words = ["run", "digits-mlp", "--limit", "20", "--standard", part]
    assert cli.main([*words, "--out", str(tmp_path / "run")]) == 0
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert f"Energies are not stated: {part} has no currents" in page
    assert not re.search(
        r"\b(nan|None)\b", re.sub(r"<(style|script)[^>]*>.*?</\1>", "", page, flags=re.S)
    )
    beside = ["compare", str(tmp_path / "run"), "ddr4-2400", "hbm3-6400"]
    assert cli.main([*beside, "--out", str(tmp_path / "beside")]) == 0
    assert "not stated" in capsys.readouterr().out
    assert cli.main([*beside, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["compared"]
    assert [one["energy_pj_per_image"] is None for one in found] == [True, False, True]
    assert [one["energy_ratio"] for one in found] == [None, None, None]
    advice = ["advise", "digits-mlp", "--limit", "20", "--standard", part, "--ideas", "batch"]
    assert cli.main(advice) == 0
    assert "not stated" in capsys.readouterr().out


@pytest.mark.parametrize("part", WITHOUT)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "digits-mlp", "--cost-only", "--energy", "datasheet"], "must be none for"),
        (["run", "digits-mlp", "--cost-only", "--energy", "ambit-paper"], "those of DDR3"),
        (["run", "digits-mlp", "--cost-only", "--mapping", "auto-energy"], "energy is stated"),
        (["synthesize", "out = a & b", "--minimise", "energy"], "energy is stated"),
        (["chips", "primitives"], "`standard` must have currents"),
    ],
)
def test_what_needs_an_energy_is_refused_in_one_line(
    part: str, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*words, "--standard", part]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("part", WITHOUT)
def test_times_are_those_of_the_same_part_with_currents(part: str) -> None:
    standard = load(part)
    row_and = [Segment((Run(((Kind.AAP, 4),), 50),), (0, 1))]
    found = price(row_and, standard, ModelOptions.of(standard))
    assert found.latency_ps > 0
    assert math.isnan(found.total_pj)
    assert found.energy_pj == {}


def test_no_energy_may_be_asked_for_of_any_part() -> None:
    given = {"standard": "ddr4-2400", "mapping": "weight-stationary"}
    asked = api.estimate("digits-mlp", energy="none", **given)
    usual = api.estimate("digits-mlp", **given)
    assert asked.latency_ps == usual.latency_ps
    assert math.isnan(asked.energy_pj)
    assert usual.energy_pj > 0


def test_a_sweep_has_times_and_refuses_energies() -> None:
    text = (
        'name = "s"\nmeasure = "cost"\n{}[fixed]\nnetwork = "digits-mlp"\n'
        '[axes]\nstandard = ["lpddr5-6400", "ddr4-2400"]\n'
    )
    spec = parse(text.format(""), "s.toml", Path())
    first, second = points(spec)
    assert set(spec.measure.run(first.values, 0, 1)) == {"latency_ps", "images"}
    assert set(spec.measure.run(second.values, 0, 1)) == {"latency_ps", "energy_fj", "images"}
    assert spec.measure.fault({"latency_ps": 1, "images": 1}) is None
    assert spec.measure.fault({"energy_fj": 1, "images": 1}) is not None
    with pytest.raises(InputError, match="`quantity` must be another than energy: lpddr5-6400 has"):
        points(parse(text.format('quantity = "energy"\n'), "s.toml", Path()))
