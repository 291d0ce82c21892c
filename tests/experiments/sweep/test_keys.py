"""Keys of points: the same for what counts the same, another for anything that may not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

import pimsim
from experiments.sweep import points, spec
from experiments.sweep.measures import networks
from experiments.sweep.measures.field import INTEGER, NUMBER, SWITCH, Field
from experiments.sweep.measures.fields import table
from experiments.sweep.measures.measure import load_measure
from experiments.sweep.points import canonical, content_of, key_of
from experiments.sweep.results import Value
from pimsim.circuit.failure_tables.from_circuit import of_circuit
from pimsim.circuit.model import parameters, variation
from pimsim.dram.array import address_map, noise_stream
from pimsim.errors import InputError

BASE: dict[str, dict[str, Value]] = {
    "tra-failure": {"variation_percent": 10.0, "wait_ms": 1.0, "restore_ns": 10.0},
    "cost": {"network": "digits-mlp"},
    "accuracy": {"network": "digits-mlp", "variation_percent": 10.0, "images": 3, "wait_ms": 1.0},
    "errors": {
        "network": "digits-mlp",
        "variation_percent": 10.0,
        "images": 3,
        "wait_ms": 1.0,
        "faulty_layer": "dense1",
    },
}
OTHER: dict[str, Value] = {
    "preset": "crow22", "process": "ddr4-like", "criterion": "110", "path": "transient",
    "network": "mnist-mlp", "mapping": "weight-stationary", "standard": "ddr4-2400",
    "banks": 4, "data": "digits", "moves": "psm", "chain": "never", "energy": "datasheet",
    "rows": 9, "vdd_mv": 1300.0, "cb_cs_ratio": 6.0, "acts_per_aap": 1, "images": 2,
    "faulty_layer": "dense2", "activation_rows": 8, "input_scale": "standardised:0,1",
    "address_map": "three-dcc",
}  # fmt: skip

NOISE = """
[[vary]]
quantity = "sense.noise"
distribution = "gaussian"
amount = 3.0
per_access = true
fixed = true
"""


def _key(measure: str, given: dict[str, Value], seed: int = 1) -> str:
    loaded = load_measure(measure)
    values = points.complete(loaded, given, Path.cwd())
    return key_of(content_of(loaded, values, seed))


def _other(field: Field, value: Value | None) -> Value:
    """Another value of a field, which can be run."""
    if field.name in OTHER and OTHER[field.name] != value:
        return OTHER[field.name]
    if field.choices:
        return next(choice for choice in field.choices if choice != value)
    if field.kind == SWITCH:
        return not value
    if field.kind == INTEGER:
        return int(value or 0) + 2
    assert field.kind == NUMBER
    return float(value or 0.0) + 1.0


def _testable(measure: str) -> list[str]:
    """Fields of a measure whose value can be changed alone."""
    names = [field.name for field in load_measure(measure).fields]
    simple = [name for name in names if not name.startswith(("circuit.", "spread."))]
    some = ["circuit.cell.one_share", "spread.cell.capacitance_share"]
    return [
        name
        for name in (*simple, *(some if measure != "cost" else []))
        # What a file holds is looked at below; other networks would need other data.
        if name != "failures" and (measure == "cost" or name not in ("network", "data"))
    ]


@pytest.mark.parametrize(
    ("measure", "name"),
    [(measure, name) for measure in BASE for name in _testable(measure)],
)
def test_a_change_of_any_field_changes_the_key(measure: str, name: str) -> None:
    base = dict(BASE[measure])
    field = table()[name]
    changed = _other(field, base.get(name, field.default))
    if name == "circuit.cell.one_share":
        changed = 0.9
    if name == "inputs":
        base["criterion"] = "either"
    assert _key(measure, {**base, name: changed}) != _key(measure, base)


def test_a_default_that_is_stated_is_the_same_point() -> None:
    base = BASE["tra-failure"]
    assert _key("tra-failure", {**base, "inputs": 3, "preset": "rambus55"}) == _key(
        "tra-failure", base
    )


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({}, "bcfe5e4ddf80addc030402b5a4ef03e43fbb5b0e265eb58a201e769de67c99a9"),
        ({"restore_ns": 10.0}, "e122a7ec36239be2630784437c365ecb316830ef3b1414d88b93b1da62b00a7d"),
        ({"preset": "ddr4-like", "process": "ddr4-like"},
         "db2c297d9fef5012eb7998ef404720f98ccd463fb0c08148a52873b6177079f9"),
    ],
)  # fmt: skip
def test_points_without_a_wait_are_those_from_before_cells_differed(
    given: dict[str, Value], key: str
) -> None:
    """Keys as they were when every cell had the same retention."""
    assert _key("tra-failure", {"variation_percent": 10.0, **given}) == key


def test_a_circuit_of_alike_cells_has_the_key_from_before(tmp_path: Path) -> None:
    """A file as it was written then, so that its waiting points are read, too."""
    reference = parameters.load("rambus55").values()
    before = {
        **reference, "retention.time_constant_ms": 287, "retention.reference_celsius": 85,
        "retention.halving_celsius": 10,
    }  # fmt: skip
    del before["retention.log_scale"]
    lines = ['name = "before"', 'description = "x"']
    for section in parameters.SECTIONS:
        lines.append(f"[{section}]")
        lines += [
            f"{key.split('.')[1]} = {str(value).lower()}"
            for key, value in before.items()
            if key.startswith(f"{section}.")
        ]
    path = tmp_path / "before.toml"
    path.write_text("\n".join(lines), "utf-8")
    given = {"variation_percent": 10.0, "preset": str(path), "wait_ms": 64.0, "celsius": 85.0}
    assert _key("tra-failure", given) == (
        "dc2c7f1183dacb76fe3fb9eac010322edb1c24c0870b398b94785e35604a0782"
    )


def test_seed_versions_and_measure_are_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    base = BASE["tra-failure"]
    before = _key("tra-failure", base)
    assert _key("tra-failure", base, seed=2) != before
    monkeypatch.setattr(points, "RESULT_VERSION", pimsim.RESULT_VERSION + 1)
    assert _key("tra-failure", base) != before


@pytest.mark.parametrize("measure", ["accuracy", "errors"])
@pytest.mark.parametrize(
    ("given", "drawn"),
    [
        ({}, False),
        ({"effect": "static"}, False),
        ({"effect": "noise"}, True),
        ({"process": "noisy.toml"}, True),
        ({"process": "noisy.toml", "effect": "static"}, False),
        ({"failures": "table.json"}, True),
    ],
)
def test_other_noise_makes_other_points_where_noise_is_drawn(
    measure: str,
    given: dict[str, Value],
    drawn: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "noisy.toml").write_text(variation.text("ambit-like") + NOISE, "utf-8")
    circuit, process = parameters.load("rambus55"), variation.load("ambit-like")
    (tmp_path / "table.json").write_text(of_circuit(circuit, process, 10, samples=100).to_json())
    base = {**BASE[measure], **given}
    if "failures" in given:
        del base["variation_percent"], base["wait_ms"]
    before = _key(measure, base)
    monkeypatch.setattr(noise_stream, "VERSION", noise_stream.VERSION + 1)
    assert (_key(measure, base) != before) == drawn


@pytest.mark.parametrize("measure", ["cost", "accuracy"])
@pytest.mark.parametrize("changed", ["output-tree", "weight-stationary"])
@pytest.mark.parametrize(
    "mapping", ["output-stationary", "output-tree", "weight-stationary", "auto"]
)
def test_a_planner_that_changes_makes_other_points_of_its_mapping(
    measure: str, mapping: str, changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bnn.mapping import MAPPINGS, choice

    base = {**BASE[measure], "mapping": mapping}
    before = _key(measure, base)
    monkeypatch.setattr(MAPPINGS[changed], "version", choice.version(changed) + 1)
    assert (_key(measure, base) != before) == (mapping in (changed, "auto"))


@pytest.mark.parametrize("chain", ["auto", "always", "never"])
def test_chains_that_change_make_other_points_where_there_are_any(
    chain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bnn.mapping.chain import choice

    base = {**BASE["cost"], "chain": chain}
    before = _key("cost", base)
    monkeypatch.setattr(choice, "VERSION", choice.VERSION + 1)
    assert (_key("cost", base) != before) == (chain != "never")


@pytest.mark.parametrize("measure", ["cost", "accuracy"])
def test_a_file_counts_by_its_content(measure: str, tmp_path: Path) -> None:
    """Bundled or copied, it is the same network; with one byte more it is another."""
    from bnn import zoo

    copy = tmp_path / "copy.keras"
    shutil.copy(zoo.locate("digits-mlp"), copy)
    given = {**BASE[measure], "network": str(copy), "data": "digits"}
    loaded = load_measure(measure)

    def identity() -> object:
        return loaded.identity(points.complete(loaded, given, tmp_path))

    bundled = loaded.identity(points.complete(loaded, BASE[measure], tmp_path))
    assert identity() == bundled
    with copy.open("ab") as file:
        file.write(b"\0")
    assert identity() != bundled


@pytest.mark.parametrize("measure", ["cost", "accuracy"])
def test_an_address_map_in_a_file_counts_by_what_it_says(measure: str, tmp_path: Path) -> None:
    text = address_map.text("three-dcc")
    for name in ("mine.toml", "other.toml"):
        (tmp_path / name).write_text(text.replace("# ", "# read: "), "utf-8")

    def key(wanted: str) -> str:
        return _key(measure, {**BASE[measure], "address_map": wanted})

    mine, other = str(tmp_path / "mine.toml"), str(tmp_path / "other.toml")
    before = key(mine)
    assert before == key(other)
    (tmp_path / "mine.toml").write_text(text.replace("B16", "B17"), "utf-8")
    assert key(mine) != before
    with pytest.raises(InputError, match=r"^`address_map` must be one of ambit, .*, not 'fax'$"):
        key("fax")


@pytest.mark.parametrize("measure", ["tra-failure", "cost"])
def test_the_points_of_a_sweep_have_the_keys_of_their_contents(measure: str) -> None:
    """However much they have in common."""
    own = {
        "tra-failure": {"cb_cs_ratio": [2.0, 3.0], "spread.cell.capacitance_share": [0.1, 0.2]},
        "cost": {"standard": ["ddr3-1600-8-8-8", "ddr4-2400"], "images": [1, 2, 3]},
    }[measure]
    axes = {**own, "vdd_mv": [1200.0, 1300.0]} if measure == "tra-failure" else own
    chosen = spec.of(
        {"name": "x", "measure": measure, "fixed": BASE[measure], "axes": axes}, Path.cwd()
    )
    made, keys = points.points(chosen), points.Keys()
    assert len(made) == (6 if measure == "cost" else 8)
    assert [one.key for one in made] == [key_of(one.content) for one in made]
    assert [keys.text(one.content) for one in made] == [canonical(one.content) for one in made]


def test_texts_of_contents_outlive_what_they_begin_with() -> None:
    keys = points.Keys()
    for short in ({}, {"a": 1}):
        assert (keys.text(short), keys.of(short)) == (canonical(short), key_of(short))
    for number in range(1000):
        content = {"a": {"number": number}, "b": number}
        assert (keys.text(content), keys.of(content)) == (canonical(content), key_of(content))


def test_a_key_is_what_it_was() -> None:
    """The stores of users have it."""
    content = {"values": {"b": 1.0, "a": "Ω", "c": [True, None]}, "seed": 1}
    assert key_of(content) == GOLDEN


def test_points_that_leave_the_dram_out_are_those_of_older_stores() -> None:
    """What is derived from the part stands in the key as if it were stated."""
    stated: dict[str, Value] = {
        "standard": "ddr3-1600-8-8-8", "banks": 8, "energy": "ambit-paper",
        "mapping": "output-stationary",
    }  # fmt: skip
    assert _key("cost", BASE["cost"]) == _key("cost", {**BASE["cost"], **stated})
    del stated["energy"]
    assert _key("accuracy", BASE["accuracy"]) == _key("accuracy", {**BASE["accuracy"], **stated})


def test_another_part_computes_on_all_its_banks() -> None:
    given = {**BASE["cost"], "standard": "hbm2"}
    stated = {**given, "banks": 128, "energy": "datasheet"}
    assert _key("cost", given) == _key("cost", stated) != _key("cost", {**stated, "banks": 8})
    with pytest.raises(InputError, match=r"^`energy` must be datasheet for hbm2, not"):
        _key("cost", {**given, "energy": "ambit-paper"})


def test_a_key_does_not_depend_on_the_process() -> None:
    """Nor on the order of sets and the like in it."""
    code = (
        "from pathlib import Path\n"
        "from experiments.sweep import points, spec\n"
        "print(points.points(spec.load('tra-failure'))[7].key)"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[3],
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert made == {points.points(spec.load("tra-failure"))[7].key + "\n"}


def test_points_do_not_know_of_one_another() -> None:
    text = 'name = "s"\nmeasure = "tra-failure"\n[axes]\nvariation_percent = {}\n'
    few, more = (
        {point.key for point in points.points(spec.parse(text.format(v), "s", Path.cwd()))}
        for v in ("[5, 10]", "[0, 5, 7, 10]")
    )
    assert few < more


VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@hypothesis.given(VALUES, VALUES)
def test_canonical_text_is_as_different_as_the_values(one: object, other: object) -> None:
    assert (canonical(one) == canonical(other)) == (_typed(one) == _typed(other))


def _typed(value: object) -> object:
    """Values with types beside them: 1, 1.0 and True are three."""
    if isinstance(value, dict):
        return ("dict", {key: _typed(one) for key, one in value.items()})
    if isinstance(value, list):
        return ("list", [_typed(one) for one in value])
    return (type(value).__name__, repr(value))


GOLDEN = "a708411e37dba5cbed92ad101a7edaa5cefc3e710754c5769374d2e645ef2b1f"


def test_what_later_versions_know_of_parts_leaves_the_keys_of_older_stores_alone() -> None:
    added = {"transfers_per_clock", "t_rtw_clocks"}
    for part in ("ddr3-1600-8-8-8", "ddr5-4800", "hbm2"):
        found = networks.dram_identity({"standard": part})
        assert "command_bus" not in found  # of traces alone
        assert not added & set(found["timing"])
        assert found["timing"]["t_rtrs_clocks"] == 1
    assert set(networks.dram_identity({"standard": "hbm3-6400"})["timing"]) >= added
