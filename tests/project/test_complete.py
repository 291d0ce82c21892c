"""Whatever there is has its row in the tables that the tests keep by hand.

Run before all others, and with every area: who adds a primitive, a standard, a layer, an axis or a
study is told at once which file wants which line, with the values that were measured. A measured
value is no source: a line says where its numbers are published.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bnn.mapping import MAPPINGS
from bnn.model.readers import READERS
from experiments.studies.study import STUDIES
from experiments.sweep.measures import fields
from experiments.sweep.measures.field import INTEGER, NUMBER, SWITCH
from pimsim.dram.array import address_map
from pimsim.dram.energy import command_energies
from pimsim.dram.standard import standard as standards
from pimsim.microprogram.primitives import PRIMITIVES

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
BY_OTHER_NAMES = {
    "DoReFaQuantizer": "DoReFa",
    "SyncBatchNormalization": "BatchNormalization",
    "TFOpLambda": "OPERATORS",
    "SlicingOpLambda": "OPERATORS",
}
"""What the matrix calls classes of model files that it does not name."""


def _column(table: str, column: str) -> set[str]:
    with (GOLDEN / table).open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row[column] for row in rows}


def _require(table: str, named: set[str], there: Iterator[tuple[str, str]]) -> None:
    """Hold the names in a table against what there is, each with the line that it should have."""
    lines = dict(there)
    where = f"tests/golden/{table}"
    missing = [line for name, line in lines.items() if name not in named]
    if missing:
        pytest.fail(f"to {where} add, if published so, with its source:\n" + "\n".join(missing))
    unknown = sorted(named - lines.keys())
    if unknown:
        pytest.fail(f"{where} has rows of {', '.join(unknown)}, which pimsim does not know")


def test_primitives_have_golden_command_counts() -> None:
    def lines() -> Iterator[tuple[str, str]]:
        for name, primitive in PRIMITIVES.items():
            width = max(8, primitive.narrowest) if primitive.sized else primitive.width
            program = primitive.program(width)
            yield name, f"{name},{width},{program.aap},{program.ap}"

    table = "command_counts.csv"
    _require(table, _column(table, "primitive"), lines())


def test_standards_have_golden_figures() -> None:
    def lines() -> Iterator[tuple[str, str]]:
        for name in standards.names():
            part = standards.load(name)
            timing = part.timing
            figures = (
                f"{part.peak_gb_per_s:.5g}",
                part.chip_bits // 2**30,
                part.row_bytes // part.chips_per_rank,
                -(-timing.t_rc_ps // timing.t_ck_ps),
                timing.t_rfc_ps // 1000,
                round(timing.t_refi_ps * 8192e-9),
            )
            yield name, f'{name},{",".join(map(str, figures))},"SOURCE"'

    _require("standards.csv", _column("standards.csv", "standard"), lines())


def test_standards_have_energies_worked_by_hand() -> None:
    def lines() -> Iterator[tuple[str, str]]:
        for name in standards.names():
            if standards.load(name).currents is None:
                continue
            energies = command_energies("datasheet", standards.load(name))
            worked = ((one, getattr(energies, one)) for one in ("act_pj", "rd_pj"))
            yield name, "\n".join(f'{name},{one},{pj:.8g},"HOW"' for one, pj in worked)

    table = "datasheet_energy.csv"
    _require(table, _column(table, "standard"), lines())


def test_layers_are_in_the_matrix() -> None:
    matrix = (ROOT / "tests" / "bnn" / "keras").glob("layer_*.py")
    words = {word for path in matrix for word in re.findall(r"\w+", path.read_text("utf-8"))}
    missing = [name for name in READERS if BY_OTHER_NAMES.get(name, name) not in words]
    assert not missing, (
        f"{', '.join(missing)}: read from model files, but no case of tests/bnn/keras/"
        "layer_matrix.py has it. A layer with a kernel is a `Kind` in KINDS, another one an entry "
        "of _plain_2d or _plain_1d; then `python -m tests.bnn.keras.layer_page docs`"
    )


def test_axes_can_be_given_another_value() -> None:
    tests = ROOT / "tests" / "experiments" / "sweep" / "test_keys.py"
    others = set(re.findall(r'"(\w+)": ', tests.read_text("utf-8")))
    for name, field in fields.table().items():
        told = field.choices or field.kind in (SWITCH, INTEGER, NUMBER) or name == "failures"
        assert told or name in others, (
            f'to OTHER of tests/experiments/sweep/test_keys.py add `"{name}": VALUE`, which is not '
            f"its default, {field.default!r}: the key of a point must change with it"
        )


def test_address_maps_are_in_their_page() -> None:
    page = (ROOT / "docs" / "address-maps.md").read_text("utf-8")
    for name in address_map.names():
        numbers = address_map.load(name).hardware
        line = (
            f"| `{name}` | {numbers['cells']} | {numbers['wordlines']} | {numbers['addresses']} |"
        )
        assert line in page, f"to the table of docs/address-maps.md add:\n{line} WHAT IT TAKES |"


def test_mappings_and_studies_have_their_pages() -> None:
    page = (ROOT / "docs" / "mappings.md").read_text("utf-8")
    for name in MAPPINGS:
        assert f"- `{name}`: " in page, (
            f"docs/mappings.md does not know {name!r}: python -m experiments.pages mappings"
        )
    modules = {path.stem for path in (ROOT / "experiments" / "studies").glob("*.py")
               if re.search(r"^STUDY\b", path.read_text("utf-8"), re.MULTILINE)}  # fmt: skip
    assert modules == set(STUDIES), (
        "STUDIES of experiments/studies/study.py names the modules beside it that have a STUDY: "
        f"{', '.join(sorted(modules))}"
    )
    for name in STUDIES:
        path = ROOT / "docs" / f"study-{name}.md"
        assert path.exists(), (
            f"docs has no page of the study {name!r}: pimsim study {name} --out out/study-{name}, "
            "then python -m experiments.pages studies"
        )


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"not"}, "to tests/golden/x.csv add, if published so, with its source:\nand,1,4,0"),
        ({"not", "and", "nad"}, "tests/golden/x.csv has rows of nad, which pimsim does not know"),
    ],
)
def test_what_is_missing_is_said(named: set[str], said: str) -> None:
    there = iter([("not", "not,1,2,0"), ("and", "and,1,4,0")])
    with pytest.raises(pytest.fail.Exception) as failed:
        _require("x.csv", named, there)
    assert str(failed.value) == said
