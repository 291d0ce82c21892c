"""Circuit parameters: what the presets hold, and what a mistyped one is told."""

from __future__ import annotations

import dataclasses
import re
from importlib.resources import files
from pathlib import Path

import pytest

from pimsim.circuit.model import parameters
from pimsim.circuit.model.parameters import KEYS, load
from pimsim.errors import InputError

GOOD = files("pimsim.circuit").joinpath("presets", "rambus55.toml").read_text("utf-8")

# The published and assumed numbers of the reference circuit, typed in apart from the TOML file.
RAMBUS55 = {
    "supply.vdd_mv": 1200, "supply.vpp_mv": 2900, "supply.precharge_share": 0.5,
    "cell.capacitance_ff": 22, "cell.row": 256,
    "bitline.capacitance_ff": 85, "bitline.resistance_ohm": 40, "bitline.cells": 512,
    "bitline.segments": 4,
    "access.w_um": 0.055, "access.l_um": 0.085, "access.vt_mv": 850,
    "access.kp_ua_per_v2": 120, "access.lambda_per_v": 0.05,
    "latch_n.w_um": 1.9, "latch_n.l_um": 0.16, "latch_n.vt_mv": 400,
    "latch_n.kp_ua_per_v2": 300, "latch_n.lambda_per_v": 0.1,
    "latch_p.w_um": 1.33, "latch_p.l_um": 0.16, "latch_p.vt_mv": -400,
    "latch_p.kp_ua_per_v2": 100, "latch_p.lambda_per_v": 0.1,
    "set_n.w_um": 0.22, "set_n.l_um": 0.27, "set_p.w_um": 0.22, "set_p.l_um": 0.27,
    "equaliser.w_um": 0.9, "equaliser.l_um": 0.16,
    "sense_amplifier.set_load_ff": 10, "sense_amplifier.equaliser_gate_mv": 2200,
    "timeline.equaliser_off_ns": 1.0, "timeline.word_line_ns": 2.0,
    "timeline.word_line_ramp_ns": 1.0, "timeline.sense_ns": 6.0, "timeline.sense_ramp_ns": 0.2,
    "timeline.second_word_line_ns": 22, "timeline.close_ns": 38, "timeline.precharge_ns": 39.5,
    "timeline.end_ns": 53.5,
    "gate_charge.enabled": False, "gate_charge.overlap_ff_per_um": 0.3,
    "gate_charge.junction_ff_per_um": 0.8,
}  # fmt: skip


def _write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    return str(path)


def test_the_reference_circuit_is_what_was_published() -> None:
    circuit = load("rambus55")
    values = circuit.values()
    assert {key: values[key] for key in RAMBUS55} == RAMBUS55
    assert circuit.precharge_mv == circuit.plate_mv == 600.0
    assert (circuit.one_mv, circuit.zero_mv) == (1200.0, 0.0)
    assert circuit.bitline.cells * circuit.bitline.resistance_ohm == pytest.approx(20.5e3, rel=1e-2)


@pytest.mark.parametrize(
    ("preset", "cell_ff", "bitline_ff"),
    [("crow22", 16.7, 83.5), ("dramspec58", 20.0, 82.0), ("ddr4-like", 22.0, 3.9 * 22.0)],
)
def test_other_presets(preset: str, cell_ff: float, bitline_ff: float) -> None:
    circuit = load(preset)
    assert circuit.cell.capacitance_ff == cell_ff
    assert circuit.bitline.capacitance_ff == pytest.approx(bitline_ff)


@pytest.mark.parametrize("preset", parameters.names())
def test_every_value_of_a_preset_has_a_source(preset: str) -> None:
    circuit = load(preset)
    assert circuit.name == preset
    assert set(circuit.sources) == set(KEYS)
    assert all(len(source) >= len("assumed") for source in circuit.sources.values())
    assert "stated by" not in "".join(circuit.sources.values())
    assert circuit.warnings == ()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"cell.capacitance_ff": -22},
            "[cell] `capacitance_ff` must be a number from 0.001 to 1,000,000 fF, not -22.0",
        ),
        (
            {"bitline.capacitance_ff": "0"},
            "[bitline] `capacitance_ff` must be a number from 0.001 to 1,000,000 fF, not 0.0",
        ),
        (
            {"cell.capacitance_ff": "nan"},
            "[cell] `capacitance_ff` must be a number from 0.001 to 1,000,000 fF, not nan",
        ),
        (
            {"timeline.sense_ns": 1.5},
            "[timeline] `sense_ns` must be after `word_line_ns` (2), not 1.5",
        ),
        (
            {"cel.capacitance_ff": 1},
            "unknown circuit parameter `cel.capacitance_ff`; did you mean `cell.capacitance_ff`?",
        ),
        (
            {"vdd_mv": 1},
            "unknown circuit parameter `vdd_mv`; did you mean `supply.vdd_mv`?",
        ),
        ({"cell.capacitance_ff": "big"}, "`cell.capacitance_ff` must be a number, not 'big'"),
        ({"bitline.cells": 2.5}, "`bitline.cells` must be an integer, not 2.5"),
        ({"gate_charge.enabled": 1}, "`gate_charge.enabled` must be true or false, not 1"),
        ({"cell.row": 512}, "`cell.row` must be less than `bitline.cells` (512), not 512"),
        ({"latch_p.vt_mv": 400}, "`latch_p.vt_mv` must be at most 0, as of a pMOS, not 400.0"),
        (
            {"cell.one_share": 0.2, "cell.zero_share": 0.3},
            "[cell] `one_share` must be more than `zero_share` (0.3), not 0.2",
        ),
        (
            {"supply.vpp_mv": 800},
            "`supply.vpp_mv` must be more than `access.vt_mv` (850), not 800",
        ),
        (
            {"supply.precharge_share": 1.5},
            "[supply] `precharge_share` must be a number from 0 to 1 of vdd, not 1.5",
        ),
    ],
)
def test_bad_settings(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        load("rambus55").with_settings(settings)


def test_settings_that_only_fit_together_are_taken_together() -> None:
    moved = load("rambus55").with_settings(
        {"timeline.word_line_ns": 7.0, "timeline.sense_ns": 11.0}
    )
    assert (moved.timeline.word_line_ns, moved.timeline.sense_ns) == (7.0, 11.0)
    assert moved.sources["timeline.sense_ns"] == "set by the user"


def test_a_low_word_line_is_a_warning_and_weakens_ones() -> None:
    weak = load("rambus55").with_set("supply.vpp_mv", 1900)
    assert weak.one_mv == 1050.0
    assert weak.warnings == (
        "`supply.vpp_mv` 1900 is too low to pass vdd (1200 + access Vt 850): "
        "a one is stored at 1050 mV",
    )


def test_more_rows_than_the_bitline_has() -> None:
    message = "`rows` must be at most 512, the cells of a bitline, not 513"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        load("rambus55").require_rows(513)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[cell]\ncapacitance_ff", "[cell]\ncapacitance_pf",
         "mine.toml: [cell] has the unknown key `capacitance_pf`; did you mean `capacitance_ff`?"),
        ("[cell]", "[sell]",
         "mine.toml: unknown key `sell`; did you mean `cell`?"),
        ("vdd_mv = { value = 1200", "vdd_mv = { value = -1200",
         "mine.toml: [supply] `vdd_mv` must be a number from 1 to 100,000 mV, not -1200.0"),
        ('capacitance_ff = { value = 22, source = "ambit" }', "",
         "mine.toml: [cell] must have the key `capacitance_ff`"),
        ('capacitance_ff = { value = 22, source = "ambit" }',
         'capacitance_ff = { value = 22, source = "nobody" }',
         "mine.toml: [cell] `capacitance_ff` must cite a key of [sources], not 'nobody'"),
        ("row = { value = 256,", "row = { value = 600,",
         "mine.toml: `cell.row` must be less than `bitline.cells` (512), not 600"),
        ('name = "rambus55"\n', 'name = "rambus55"\nbase = "ddr9"\n',
         "mine.toml: `base` must be one of crow22, ddr4-like, dramspec58, rambus55, worst-cell or "
         "the path of a .toml file, not 'ddr9'"),
    ],
)  # fmt: skip
def test_bad_files(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        load(_write(tmp_path, GOOD.replace(old, new)))


def test_a_file_of_ones_own_needs_only_what_differs(tmp_path: Path) -> None:
    text = 'name = "mine"\ndescription = "x"\nbase = "crow22"\n[cell]\ncapacitance_ff = 30\n'
    circuit = load(_write(tmp_path, text))
    assert circuit.cell.capacitance_ff == 30.0
    assert circuit.bitline.capacitance_ff == 83.5
    assert circuit.sources["cell.capacitance_ff"] == "stated by mine.toml"
    assert circuit.sources["bitline.capacitance_ff"].startswith("assumed, as in crow22 (")


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ("rambus5", "`preset` must be one of crow22, ddr4-like, dramspec58, rambus55, worst-cell "
         "or the path of a .toml file, not 'rambus5'; did you mean 'rambus55'?"),
        ("none.toml", "`preset` 'none.toml' cannot be read: No such file or directory"),
    ],
)  # fmt: skip
def test_unknown_presets(preset: str, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        load(preset)


def test_sections_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load("rambus55").cell.capacitance_ff = 1.0  # type: ignore[misc]
