"""Specifications: what they may say, and what is said of those that may not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import product
from pathlib import Path

import pytest

from experiments.sweep import points, session, spec
from experiments.sweep.measures import fields
from pimsim.errors import InputError

HEAD = 'name = "s"\nmeasure = "tra-failure"\n'
ONE = HEAD + "[fixed]\nvariation_percent = 10\n"

REFUSALS = [
    ("nonsense", "s.toml is not a TOML file: "),
    ("measure = 'tra-failure'", "s.toml: `name` must be letters, digits, dots, dashes, not None"),
    ("name = '../s'\nmeasure = 'tra-failure'", "not '../s'"),
    ("name = 's'", "`measure` must be one of tra-failure, accuracy, cost, errors, not None"),
    ("name = 's'\nmeasure = 'acuracy'", "not 'acuracy'; did you mean 'accuracy'?"),
    (HEAD + "sed = 1", "unknown key `sed`; did you mean `seed`?"),
    (HEAD + "seed = -1", "`seed` must be an integer of at least 0, not -1"),
    (HEAD + "seed = true", "`seed` must be an integer of at least 0, not True"),
    (HEAD + "quantity = 'energy'", "`quantity` must be one of failure, not 'energy'"),
    (HEAD + "axes = 3", "[axes] must be a table, not 3"),
    (HEAD + "zip = 3", "`zip` must be tables [[zip]], not 3"),
    (HEAD + "[[zip]]", "[[zip]] must have at least one axis"),
    (HEAD + "[axes]\nvariation_percnt = [1]", "did you mean `variation_percent`?"),
    (HEAD + "[axes]\ncapacitance_ff = [1]", "unknown field `capacitance_ff`; did you mean"),
    (HEAD + "[axes]\nqqq = [1]", "unknown field `qqq`; `pimsim sweep --fields` lists all"),
    (HEAD + "[axes]\nbanks = [8]", "`banks` does not act on tra-failure, only on accuracy, cost"),
    (HEAD + "[axes]\nvdd_mv = []", "axis `vdd_mv` must have at least one value, or there is no"),
    (HEAD + "[axes]\nvdd_mv = 1200", "axis `vdd_mv` must be a list or a range such as"),
    (HEAD + "[axes]\nvdd_mv = ['a']", "`vdd_mv` must be a number of at least 0, not 'a'"),
    (HEAD + "[axes]\nvdd_mv = [1200, 1200.0]", "axis `vdd_mv` must have 1200.0 once"),
    (HEAD + "[axes]\nvdd_mv = [nan]", "`axes.vdd_mv[0]` must be a finite number, not nan"),
    (HEAD + "[axes]\nsamples = [1.5]", "`samples` must be an integer of at least 1, not 1.5"),
    (HEAD + "[axes]\nsamples = [true]", "`samples` must be an integer of at least 1, not True"),
    (HEAD + "[axes]\npath = ['fast']", "`path` must be one of decision, transient, not 'fast'"),
    (HEAD + "[axes]\nvdd_mv = {from = 1}", "axis `vdd_mv` must have `to`"),
    (HEAD + "[axes]\nvdd_mv = {from = 1, to = 2}", "must have either `count` or `step`"),
    (HEAD + "[axes]\nvdd_mv = {from = 1, to = 2, count = 2, step = 1}", "either `count` or"),
    (HEAD + "[axes]\nvdd_mv = {from = 1, to = 2, count = 0}", "`count` must be from 2 to 100000"),
    (HEAD + "[axes]\nvdd_mv = {from = 1, to = 2, step = -1}", "`step` must lead from 1 to 2, not"),
    (HEAD + "[axes]\nvdd_mv = {from = 1, to = 2, step = 0}", "`step` must lead from 1 to 2, not"),
    (HEAD + "[axes]\nvdd_mv = {from = 1, to = 2, step = 1e-9}", "must give at most 100000 values"),
    (HEAD + "[axes]\nvdd_mv = {from = 0, to = 2, count = 3, log = true}", "`log` must go with"),
    (HEAD + "[axes]\nvdd_mv = {from = 1, to = 2, count = 3, lgo = 1}", "did you mean `log`?"),
    (HEAD + "[axes]\nvdd_mv = {from = '1', to = 2, count = 3}", "`from` must be a number, not '1'"),
    (HEAD + "[axes]\npreset = {from = 1, to = 2, count = 3}", "must be a list: a range is for"),
    (HEAD + "[axes]\nsamples = {from = 1, to = 2, count = 3}", "an integer of at least 1, not 1.5"),
    (ONE + "[axes]\nvariation_percent = [1]", "`variation_percent` must be set once"),
    (HEAD + "[[zip]]\nvdd_mv = [1, 2]\nwait_ms = [1]", "equally many values, not `vdd_mv` 2, `wai"),
    (ONE + "[stop]\ntrails = 3", "[stop] has the unknown key `trails`; did you mean `trials`?"),
    (ONE + "[stop]\ntrials = 0", "[stop] `trials` must be a positive integer, not 0"),
    (ONE + "[stop]\ntrials = 2\nleast_trials = 3", "`least_trials` must be at most `trials` (2)"),
    (ONE + "[stop]\nwidth = 0", "[stop] `width` must be a positive number, not 0"),
    (ONE + "[stop]\nlevel = 1", "[stop] `level` must be between 0 and 1, not 1"),
    (HEAD + "[axes]\nsamples = {from=1,to=50000,step=1}\nrows={from=1,to=300,step=1}",
     "there must be at most 1,000,000 points, not 15,000,000"),
    ("name='s'\nmeasure='cost'\n[fixed]\nnetwork='digits-mlp'\n[stop]\ntrials = 3",
     "[stop] must be left out: nothing is random"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSALS, ids=[m[-40:] for _, m in REFUSALS])
def test_what_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        spec.parse(text, "s.toml", Path.cwd())
    assert message in str(caught.value)
    assert str(caught.value).startswith("s.toml")
    assert "\n" not in str(caught.value)


AT_POINTS = [
    (HEAD, "`variation_percent` must be set for tra-failure"),
    (ONE + "celsius = 45", "`celsius` must come with `wait_ms`"),
    (ONE + "preset = 'rambus'", "`preset` must be one of crow22, ddr4-like"),
    (ONE + "preset = 'mine.toml'", "mine.toml' cannot be read: No such file"),
    (ONE + "rows = 2", "`rows` must be at least 3, the inputs, not 2"),
    (
        ONE + "criterion = '1100'",
        "`criterion` must be a pattern of 3 inputs, either or all, not '1100'",
    ),
    (ONE + "cb_cs_ratio = 3\ncircuit.bitline.capacitance_ff = 3", "must not be set together with"),
    (ONE + "vdd_mv = 3\ncircuit.supply.vdd_mv = 3", "must not be set together with"),
    (ONE + "circuit.cell.capacitance_ff = -1", "`capacitance_ff` must be a number from 0.001"),
    (ONE + "circuit.latch_n.w_um = 1", "charge sharing does not depend on it"),
    (ONE + "circuit.retention.time_constant_ms = 1", "charge sharing does not depend on it"),
    (ONE + "spread.access.w_share = 1", "charge sharing does not depend on it"),
    (ONE + "spread.latch.offset_mv = 1", "`spread.latch.offset_mv` cannot be set: `quantity`"),
    (HEAD + "[axes]\nvariation_percent = [1]\nvdd_mv = [0]", "(at variation_percent 1.0, vdd_mv 0"),
    (HEAD + "[[zip]]\nvariation_percent = [5, 5]", "points must differ, not be the same: variat"),
]


@pytest.mark.parametrize(("text", "message"), AT_POINTS, ids=[m[-40:] for _, m in AT_POINTS])
def test_what_cannot_be_run_is_refused_before_anything_is(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        points.points(spec.parse(text, "s.toml", Path.cwd()))
    assert message in str(caught.value)


def test_points_are_the_product_of_axes_and_of_groups_that_go_together() -> None:
    text = HEAD + (
        "[axes]\nvariation_percent = [5, 10]\ncircuit.cell.capacitance_ff = [20, 22]\n"
        "[[zip]]\nvdd_mv = [1100, 1200, 1300]\ncb_cs_ratio = [3, 4, 5]\n"
        '[[zip]]\npreset = ["rambus55"]\n'
    )
    chosen = spec.parse(text, "s.toml", Path.cwd())
    expected = [
        (variation, cell, vdd, ratio, "rambus55")
        for variation, cell, (vdd, ratio) in product(
            (5.0, 10.0), (20.0, 22.0), ((1100.0, 3.0), (1200.0, 4.0), (1300.0, 5.0))
        )
    ]
    names = (
        "variation_percent", "circuit.cell.capacitance_ff", "vdd_mv", "cb_cs_ratio", "preset",
    )  # fmt: skip
    assert [tuple(place[name] for name in names) for place in chosen.places()] == expected
    assert [axis.field for axis in chosen.axes] == list(names)
    assert [point.place for point in points.points(chosen)] == list(chosen.places())


def test_a_specification_without_axes_is_one_point() -> None:
    (point,) = points.points(spec.parse(ONE, "s.toml", Path.cwd()))
    assert point.place == {}
    assert point.values["variation_percent"] == 10.0


def test_values_that_recur_in_a_group_are_one_value_of_its_axis() -> None:
    text = HEAD + "[[zip]]\nvariation_percent = [5, 5, 10]\nvdd_mv = [1100, 1200, 1200]\n"
    chosen = spec.parse(text, "s.toml", Path.cwd())
    assert [axis.values for axis in chosen.axes] == [(5.0, 10.0), (1100.0, 1200.0)]
    assert len(points.points(chosen)) == 3


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ("{from = 0, to = 0.3, step = 0.1}", (0.0, 0.1, 0.2, 0.3)),
        ("{from = 25, to = 0, step = -10}", (25.0, 15.0, 5.0)),
        ("{from = 0, to = 25, count = 6}", (0.0, 5.0, 10.0, 15.0, 20.0, 25.0)),
        ("{from = 0.01, to = 10, count = 4, log = true}", (0.01, 0.1, 1.0, 10.0)),
        ("{from = 5, to = 5, count = 1}", (5.0,)),
    ],
)
def test_ranges(given: str, values: tuple[float, ...]) -> None:
    chosen = spec.parse(f"{HEAD}[axes]\nvariation_percent = {given}", "s.toml", Path.cwd())
    assert chosen.axes[0].values == values


def test_paths_are_relative_to_the_specification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "mine.toml").write_text(
        'name = "mine"\ndescription = "d"\nbase = "rambus55"\n[cell]\ncapacitance_ff = 30\n'
    )
    (folder / "s.toml").write_text(ONE + 'preset = "mine.toml"\n')
    monkeypatch.chdir(tmp_path)
    (point,) = points.points(spec.load("there/s.toml"))
    assert point.content["identity"]["circuit"]["cell.capacitance_ff"] == 30.0
    assert str(tmp_path) not in str(point.content)


def _bundled() -> Iterator[object]:
    for name in spec.names():
        text = (Path(str(files("experiments"))) / "specs" / f"{name}.toml").read_text("utf-8")
        needs = [mark for mark in ("mnist", "cifar10") if f'"{mark}-' in text]
        yield pytest.param(name, marks=[getattr(pytest.mark, mark) for mark in needs])


@pytest.mark.parametrize("name", list(_bundled()))
@pytest.mark.slow
def test_every_bundled_specification_can_be_run(name: str) -> None:
    chosen = spec.load(name)
    assert chosen.name == name
    made = points.points(chosen)
    session.checked(chosen, made)


def test_the_specification_of_the_manual_is_one() -> None:
    page = (Path(__file__).parents[3] / "docs" / "sweeps.md").read_text("utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    chosen = spec.parse(text, "sweeps.md", Path.cwd())
    made = points.points(chosen)
    assert len(made) == 5 * 3 * 3
    session.checked(chosen, made)


def test_there_is_a_bundled_specification_of_failures() -> None:
    assert "tra-failure" in spec.names()


def test_an_unknown_specification_is_refused(refused: Callable[..., str]) -> None:
    assert refused("tra-failur").startswith("`SPEC` must be one of ")
    assert refused("none.toml") == "`SPEC` 'none.toml' cannot be read: No such file or directory"
    assert refused().startswith("SPEC.toml must be given")


def test_fields_say_what_they_are() -> None:
    known = fields.table()
    assert len(known) > 100
    for name, field in known.items():
        assert name == field.name
        assert field.label
        assert field.help
        assert field.measures
        if field.default is not None:
            assert field.value(field.default) == field.default
