"""What docs/failures.md shows: its commands, its file, and its numbers."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from experiments import cli
from pimsim.circuit.failure_tables.from_circuit import of_circuit
from pimsim.circuit.failure_tables.table import FailureTable, Rate
from pimsim.circuit.model import parameters, variation

PAGE = (Path(__file__).parents[3] / "docs" / "failures.md").read_text("utf-8")
COMMANDS = [
    shlex.split(re.split(r"\s{3,}", line.strip())[0])
    for line in PAGE.splitlines()
    if line.startswith("    pimsim ")
]
CONVERSIONS = [words for words in COMMANDS if words[1:3] == ["circuit", "convert"]]


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 7
    assert len(CONVERSIONS) >= 4


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_are_understood(words: list[str]) -> None:
    cli.build_parser().parse_args(words[1:])


def test_the_file_is_a_table() -> None:
    text = PAGE[PAGE.index('    {"format"') :]
    table = FailureTable.from_json(text[: text.index("}]}") + 3])
    assert table.rate("sense", 3, 2) == Rate(0.04484, 0.0)
    assert table.rate("sense", 3, 1) == Rate(2e-9, 0.0)


def _row(text: str) -> list[float]:
    return [float(word) for word in text.strip("| \n").split("|")]


def test_the_numbers_are_those_of_the_circuit() -> None:
    after = PAGE[PAGE.index("| variation, % | TRA 110") :].splitlines()[2:9]
    circuit, ambit = parameters.load("rambus55"), variation.load("ambit-like")
    for percent, *stated in map(_row, after):
        table = of_circuit(circuit, ambit, percent)
        found = [
            table.probability(*key) for key in ((3, 2), (3, 1), (3, 3), (3, 0), (1, 1), (1, 0))
        ]
        assert found == pytest.approx(stated, rel=0.05, abs=0.0)


@pytest.mark.chips
def test_conversions_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real-chips").symlink_to(Path(os.environ["PIMSIM_DATA"]) / "real-chips")
    monkeypatch.chdir(tmp_path)
    for words in CONVERSIONS:
        assert cli.main(words[1:]) == 0
    assert FailureTable.read(Path("simra_not.json")).kinds == {"sense", "not"}
    assert FailureTable.read(Path("simra_copies.json")).kinds == {"sense", "copy"}
