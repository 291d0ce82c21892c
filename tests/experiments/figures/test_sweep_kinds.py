"""Heat maps, tornados and bars of a sweep: which there are, and what each shows."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.patches import Rectangle

from experiments.figures.sweep.settings import read
from experiments.sweep.results import Axis, Point, Results
from pimsim.errors import InputError

from .small_sweeps import (
    ACCURACY,
    CELSIUS,
    NETWORK,
    VARIATION,
    VDD,
    drawn_of,
    falling,
    intervals_of,
    panels_of,
    point_of,
    product_of,
    texts_of,
)


def test_a_heat_map_has_a_number_in_every_cell_and_hatches_what_is_unfinished() -> None:
    results = product_of(
        [VARIATION, VDD], lambda v, d: None if (v, d) == (20, 1300) else falling(v) - d / 1e5
    )
    figure, rows = drawn_of(results, kind="heatmap", x="variation_percent")
    (axes,) = panels_of(figure)
    (mesh,) = [one for one in axes.collections if isinstance(one, QuadMesh)]
    cells = np.ma.filled(mesh.get_array(), math.nan)
    expected = [[97 - 2.5 * v - d / 1e3 for v in VARIATION.values] for d in VDD.values]
    expected[2][3] = math.nan
    np.testing.assert_allclose(cells, expected)
    hatched = [p for p in axes.patches if isinstance(p, Rectangle) and p.get_hatch()]
    assert [(patch.get_x(), patch.get_y()) for patch in hatched] == [(2.5, 1.5)]
    notes = {text.get_text(): text.xy for text in axes.texts}  # type: ignore[attr-defined]
    assert notes["95.9"] == (0, 0)
    assert sum(text.get_text() == "±2.5" for text in axes.texts) == 11
    assert len(rows) == 12
    assert rows[-1]["accuracy_percent"] is None
    assert any("hatched: no trials yet" in text for text in texts_of(figure))


def test_heat_maps_beside_each_other_share_their_colours() -> None:
    results = product_of([VARIATION, VDD, NETWORK], lambda v, d, n: 0.9 if n == "mlp" else 0.3)
    figure, _ = drawn_of(results, kind="heatmap")
    meshes = [one for axes in panels_of(figure) for one in axes.collections]
    assert len(meshes) == 2
    assert {(mesh.norm.vmin, mesh.norm.vmax) for mesh in meshes} == {(30.0, 90.0)}
    assert len([a for a in figure.axes if a.get_label() == "<colorbar>"]) == 1


def test_what_is_no_point_of_the_sweep_stays_white_in_a_heat_map() -> None:
    points = tuple(point_of({"variation_percent": v, "vdd_mv": d}, 0.9) for v, d in
                   ((0, 1100), (5, 1100), (0, 1200)))  # fmt: skip
    figure, rows = drawn_of(
        Results("demo", ACCURACY, (VARIATION, VDD), {}, points, {}), kind="heatmap"
    )
    (axes,) = panels_of(figure)
    assert not axes.patches
    assert np.ma.getmaskarray(axes.collections[0].get_array()).sum() == 1
    assert len(rows) == 3


def _star(**changes: float | None) -> Results:
    """A sweep of one change at a time; keys are ``field_value``."""
    axes = (VDD, CELSIUS, Axis("process", "process", "", ("p", "q", "r")))
    base = {"vdd_mv": 1200, "celsius": 25, "process": "p"}
    points = [point_of(base, 0.9)]
    for key, estimate in changes.items():
        field, _, value = key.rpartition("_")
        points.append(point_of({**base, field: int(value) if value.isdigit() else value}, estimate))
    return Results("demo", ACCURACY, axes, {}, tuple(points), {})


def test_a_tornado_has_the_greatest_effect_on_top() -> None:
    results = _star(
        celsius_85=0.86, vdd_mv_1100=0.6, vdd_mv_1300=0.95, process_q=0.7, process_r=0.8
    )
    figure, rows = drawn_of(results, kind="tornado")
    (axes,) = panels_of(figure)
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == [
        "supply voltage (mV)\nbase: 1200",
        "process\nbase: p",
        "temperature (°C)\nbase: 25",
    ]
    top, bottom = axes.get_ylim()[::-1]
    assert top < bottom
    assert list(axes.get_yticks()) == sorted(axes.get_yticks())
    boxes = [p for p in axes.patches if isinstance(p, Rectangle) and p.get_zorder() == 2]
    ends = {round(p.get_x() + p.get_width(), 6) for p in boxes}
    assert ends == {60.0, 95.0, 70.0, 80.0, 86.0}
    assert {round(p.get_x(), 6) for p in boxes} == {90.0}
    assert {(low, high) for _, low, high in intervals_of(axes, upright=False)} == {
        (57.0, 62.0), (92.0, 97.0), (67.0, 72.0), (77.0, 82.0), (83.0, 88.0),
    }  # fmt: skip
    assert [(row["what"], row["label"]) for row in rows] == [
        ("base", ""),
        ("low", "vdd_mv"),
        ("high", "vdd_mv"),
        ("other", "process"),
        ("other", "process"),
        ("high", "celsius"),
    ]
    opposite = [p for p in boxes if round(p.get_x() + p.get_width(), 6) in (60.0, 95.0)]
    assert len({p.get_y() for p in opposite}) == 1
    one_sided = [p for p in boxes if round(p.get_x() + p.get_width(), 6) in (70.0, 80.0)]
    assert one_sided[0].get_y() + one_sided[0].get_height() <= one_sided[1].get_y() + 1e-9


def test_a_tornado_from_a_product_leaves_out_what_changes_several_fields() -> None:
    results = product_of([VDD, CELSIUS], lambda d, c: 0.9 - (1300 - d) / 1000 - c / 1000)
    figure, rows = drawn_of(results, kind="tornado", base={"vdd_mv": 1200, "celsius": 25})
    assert [row["what"] for row in rows] == ["base", "low", "high", "high"]
    assert any("2 points that change several fields" in text for text in texts_of(figure))
    with pytest.raises(InputError, match="`base` must give a value to vdd_mv, celsius"):
        drawn_of(results, kind="tornado")
    with pytest.raises(InputError, match=r"`base` must give a value to celsius$"):
        drawn_of(results, kind="tornado", base={"vdd_mv": 1200})


def test_a_tornado_shows_the_ends_of_many_values() -> None:
    axis = Axis("vdd_mv", "supply voltage", "mV", (1000, 1100, 1200, 1300, 1400))
    results = product_of([axis], lambda d: d / 2000)
    figure, rows = drawn_of(results, kind="tornado", base={"vdd_mv": 1200})
    assert [(row["what"], row["vdd_mv"]) for row in rows] == [
        ("base", 1200),
        ("low", 1000),
        ("high", 1400),
    ]
    assert any("2 points that change several fields, or lie between" in t for t in texts_of(figure))


def test_fields_that_only_change_together_are_one_bar_of_a_tornado() -> None:
    base = {"vdd_mv": 1200, "celsius": 25, "variation_percent": 0}
    points = (
        point_of(base, 0.9),
        point_of({**base, "vdd_mv": 1100, "celsius": 85}, 0.5),
        point_of({**base, "variation_percent": 5}, 0.8),
    )
    results = Results("demo", ACCURACY, (VDD, CELSIUS, VARIATION), {}, points, {})
    figure, rows = drawn_of(results, kind="tornado", base=base)
    assert [row["label"] for row in rows] == ["", "vdd_mv, celsius", "variation_percent"]
    assert {"1100, 85", "5"} <= {text.get_text() for text in panels_of(figure)[0].texts}


def test_a_tornado_without_trials_says_so() -> None:
    unfinished = _star(celsius_85=None, vdd_mv_1100=0.6)
    figure, _ = drawn_of(unfinished, kind="tornado")
    assert "85: no trials yet" in texts_of(figure)
    results = Results("demo", ACCURACY, unfinished.axes, {}, tuple(
        Point(point.values, 0) for point in unfinished.points), {})  # fmt: skip
    assert "the base has no trials yet" in texts_of(drawn_of(results, kind="tornado")[0])


def test_bars_begin_at_zero_and_have_intervals() -> None:
    results = product_of([NETWORK, CELSIUS], lambda n, c: 0.8 if n == "mlp" else c / 400)
    figure, rows = drawn_of(results, kind="bars")
    (axes,) = panels_of(figure)
    boxes = [p for p in axes.patches if isinstance(p, Rectangle)]
    assert sorted(round(p.get_height(), 6) for p in boxes) == [6.25, 21.25, 80.0, 80.0]
    assert {p.get_y() for p in boxes} == {0.0}
    assert axes.get_ylim()[0] == 0.0
    assert {(low, high) for _, low, high in intervals_of(axes)} == {
        (row["low_percent"], row["high_percent"]) for row in rows
    }
    spans = sorted((p.get_x(), p.get_x() + p.get_width()) for p in boxes)
    assert all(left[1] <= right[0] + 1e-9 for left, right in itertools.pairwise(spans))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["25 °C", "85 °C"]


def test_bars_that_would_look_alike_are_points() -> None:
    figure, _ = drawn_of(product_of([NETWORK], lambda n: 0.97 if n == "mlp" else 0.95))
    (axes,) = panels_of(figure)
    assert not axes.patches
    assert axes.get_ylim()[0] > 80
    assert {(x, low) for x, low, _ in intervals_of(axes)} == {(0.0, 94.0), (1.0, 92.0)}


def test_long_names_stand_beside_bars_that_lie() -> None:
    names = tuple(f"a mitigation with a long name {index}" for index in range(5))
    axis = Axis("mitigation", "mitigation", "", names)
    figure, _ = drawn_of(product_of([axis], lambda m: 0.1 * (names.index(m) + 1)), level=97.0)
    (axes,) = panels_of(figure)
    widths = [round(p.get_width(), 6) for p in axes.patches if isinstance(p, Rectangle)]
    assert widths == [10.0, 20.0, 30.0, 40.0, 50.0]
    assert axes.get_xlabel() == "accuracy (%)"
    assert axes.get_xlim()[0] == 0.0
    assert any(list(line.get_xdata()) == [97.0, 97.0] for line in axes.lines)


@pytest.mark.parametrize(
    ("axes", "kind"),
    [
        ((), "bars"),
        ((Axis("vdd_mv", "VDD", "mV", (1200,)),), "lines"),
        ((VARIATION, NETWORK), "lines"),
        ((VARIATION, VDD), "lines"),
        ((VARIATION, Axis("b", "b", "", (1, 2, 3, 4))), "heatmap"),
        ((NETWORK,), "bars"),
        ((NETWORK, Axis("on", "switch", "", (False, True))), "bars"),
    ],
)
def test_the_kind_follows_from_the_axes(axes: tuple[Axis, ...], kind: str) -> None:
    assert read(None, product_of(axes, lambda *_: 0.5)).kind == kind


def test_the_kind_follows_from_keys_that_only_one_has() -> None:
    results = product_of([VARIATION, Axis("b", "b", "", (1, 2, 3, 4))], lambda *_: 0.5)
    for key, value, kind in (
        ("y", "b", "heatmap"),
        ("lines", "b", "lines"),
        ("panels", "b", "lines"),
        ("base", {"b": 1, "variation_percent": 0}, "tornado"),
        ("bars", "b", "bars"),
    ):
        assert read({key: value}, results).kind == kind
