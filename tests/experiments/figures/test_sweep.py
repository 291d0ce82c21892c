"""Figures of a sweep: what is drawn is what was found, and all of it is in the table beside."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Rectangle

from experiments.figures.style import style
from experiments.figures.sweep import bars, check, draw, heatmap, lines, tornado
from experiments.figures.sweep.settings import read
from experiments.sweep.results import Axis, Cell, Point, Quantity, Results, Value
from pimsim.errors import InputError

ACCURACY = Quantity("accuracy", "accuracy", "%", 100.0)
WRONG = Quantity("wrong", "bitlines wrong", "%", 100.0)
VARIATION = Axis("variation_percent", "process variation", "%", (0, 5, 10, 20))
NETWORK = Axis("network", "network", "", ("mlp", "cnn"))
CELSIUS = Axis("celsius", "temperature", "°C", (25, 85))
VDD = Axis("vdd_mv", "supply voltage", "mV", (1100, 1200, 1300))
KINDS = {
    "lines": lines.figure,
    "heatmap": heatmap.figure,
    "bars": bars.figure,
    "tornado": tornado.figure,
}


def _point(values: Mapping[str, Value], estimate: float | None) -> Point:
    """A point that has a share of counts, shown in percent."""
    if estimate is None:
        return Point(values, 0)
    low, high = max(0.0, estimate - 0.03), min(1.0, estimate + 0.02)
    return Point(values, 1000, *map(ACCURACY.shown, (estimate, low, high)))


def _product(
    axes: Sequence[Axis], estimate: Any, quantity: Quantity = ACCURACY, **stated: Any
) -> Results:
    """A sweep over all combinations; ``estimate`` is called with the values in order."""
    fields = [axis.field for axis in axes]
    points = tuple(
        _point(dict(zip(fields, values, strict=True)), estimate(*values))
        for values in itertools.product(*(axis.values for axis in axes))
    )
    return Results("demo", quantity, tuple(axes), {"banks": 8}, points, stated)


def _draw(results: Results, **figure: Any) -> tuple[Figure, list[dict[str, Cell]]]:
    chosen = read(figure, results)
    with style():
        return KINDS[chosen.kind](results, chosen)


def _panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]


def _texts(figure: Figure) -> list[str]:
    found = figure.findobj(lambda artist: hasattr(artist, "get_text"))
    return [str(one.get_text()).replace("\n", " ") for one in found if one.get_text()]


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _intervals(axes: Axes, *, upright: bool = True) -> set[tuple[float, float, float]]:
    """Place, lower and upper end of every interval that is drawn."""
    found = set()
    for collection in axes.collections:
        if isinstance(collection, LineCollection):
            for (x0, y0), (x1, y1) in collection.get_segments():
                ends = (x0, y0, y1) if upright else (y0, x0, x1)
                found.add(tuple(round(float(end), 6) for end in ends))
    return found  # type: ignore[return-value]


def _curves(axes: Axes) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Joined points, line by line."""
    return [
        (tuple(map(float, line.get_xdata())), tuple(map(float, line.get_ydata())))
        for line in axes.lines
        if line.get_linestyle() in ("-", ":", "-.")
        and len(line.get_xdata()) > 1
        and line.get_marker() == "None"
    ]


def _falling(variation: Value, *_: Value) -> float:
    return 0.97 - float(variation) / 40


def test_files_hold_the_picture_and_exactly_what_it_shows(tmp_path: Path) -> None:
    results = _product([VARIATION], lambda v: None if v == 5 else _falling(v))
    paths = draw(results, tmp_path)
    assert [path.name for path in paths] == ["lines.png", "lines.pdf", "lines.csv"]
    assert paths[1].read_bytes().startswith(b"%PDF")
    assert imread(paths[0]).std() > 0
    assert _table(paths[2]) == [
        {
            "variation_percent": str(variation),
            "accuracy_percent": estimate,
            "low_percent": low,
            "high_percent": high,
            "trials": "1000",
            "what": "sweep",
            "label": "",
            "source": "",
        }
        for variation, estimate, low, high in (
            (0, "97.0", "94.0", "99.0"),
            (10, "72.0", "69.0", "74.0"),
            (20, "47.0", "44.0", "49.0"),
        )
    ]


def test_the_same_results_are_the_same_bytes(tmp_path: Path) -> None:
    results = _product([VARIATION, NETWORK], lambda v, n: _falling(v) - 0.1 * (n == "cnn"))
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for kind in ("lines", "heatmap"):
            draw(results, tmp_path / folder, {"kind": kind})
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()}
        for folder in ("one", "two")
    )
    assert len(one) == 6
    assert one == two


def test_lines_show_estimates_and_intervals_of_every_line() -> None:
    results = _product([VARIATION, NETWORK], lambda v, n: _falling(v) - 0.1 * (n == "cnn"))
    figure, rows = _draw(results)
    (axes,) = _panels(figure)
    curves = _curves(axes)
    assert [x for x, _ in curves] == [(0, 5, 10, 20)] * 2
    np.testing.assert_allclose([y for _, y in curves], [[97, 84.5, 72, 47], [87, 74.5, 62, 37]])
    drawn = {(row["variation_percent"], row["low_percent"], row["high_percent"]) for row in rows}
    assert _intervals(axes) == drawn
    assert axes.get_xlabel() == "process variation (%)"
    assert axes.get_ylabel() == "accuracy (%)"
    assert {"mlp", "cnn", "network"} <= set(_texts(figure))
    assert "Accuracy against process variation by network" in _texts(figure)


def test_a_line_breaks_where_there_are_no_trials_yet() -> None:
    axis = Axis("p", "noise", "", (1, 2, 3, 4, 5))
    figure, _ = _draw(_product([axis], lambda p: None if p == 3 else 0.9 - p / 100))
    assert [x for x, _ in _curves(_panels(figure)[0])] == [(1, 2), (4, 5)]


def test_values_over_decades_have_a_logarithmic_axis_with_a_place_for_zero() -> None:
    axis = Axis("p", "probability", "", (0.0, 1e-6, 1e-4, 1e-2))
    figure, _ = _draw(_product([axis], lambda p: 0.9))
    (axes,) = _panels(figure)
    assert axes.get_xscale() == "symlog"
    place = axes.transScale + axes.transLimits
    at = [place.transform((p, 90.0))[0] for p in axis.values]
    assert 0 < at[0] < at[1] - 0.05
    assert at[2] - at[1] == pytest.approx(at[3] - at[2])
    assert _panels(_draw(_product([axis], lambda p: 0.9), log_x=False)[0])[0].get_xscale() == (
        "linear"
    )


def test_powers_of_two_stand_equally_far_apart() -> None:
    figure, _ = _draw(_product([Axis("rows", "rows", "", (4, 8, 16, 32))], lambda r: 0.9))
    assert _panels(figure)[0].get_xscale() == "log"
    assert {"4", "8", "16", "32"} <= {t.get_text() for t in _panels(figure)[0].get_xticklabels()}


def test_failures_over_decades_point_down_from_the_limit_of_what_was_never_seen() -> None:
    axis = Axis("variation_percent", "process variation", "%", (0, 5, 10, 20))
    rates = {0: 0.0, 5: 1e-5, 10: 3e-3, 20: 0.2}
    points = tuple(
        Point({"variation_percent": v}, 10**6, *map(WRONG.shown, (p, p / 2, p * 2 or 4e-6)))
        for v, p in rates.items()
    )
    figure, rows = _draw(Results("demo", WRONG, (axis,), {}, points, {}))
    (axes,) = _panels(figure)
    assert axes.get_yscale() == "log"
    arrows = [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axes.lines
        if not isinstance(line.get_marker(), str)
    ]
    assert arrows == [(0.0, pytest.approx(4e-4))]
    bottom, top = axes.get_ylim()
    assert 0 < bottom < 1e-4
    assert top > 40
    assert [x for x, _ in _curves(axes)] == [(5, 10, 20)]
    assert [row["wrong_percent"] for row in rows] == [0.0, 0.001, 0.3, 20.0]


def test_a_level_is_each_lines_own_point() -> None:
    results = _product([VARIATION, NETWORK], lambda v, n: _falling(v) - 0.1 * (n == "cnn"))
    figure, rows = _draw(results, level={"variation_percent": 5, "label": "some variation"})
    dashed = [line for line in _panels(figure)[0].lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [84.5, 74.5]
    assert len({line.get_color() for line in dashed}) == 2
    levels = [row for row in rows if row["what"] == "level"]
    assert [(row["network"], row["accuracy_percent"]) for row in levels] == [
        ("mlp", 84.5),
        ("cnn", 74.5),
    ]
    assert "some variation" in _texts(figure)


def test_a_level_can_be_a_number() -> None:
    figure, rows = _draw(_product([VARIATION], _falling), level=98.5)
    dashed = [line for line in _panels(figure)[0].lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [98.5]
    assert _panels(figure)[0].get_ylim()[1] > 98.5
    assert "98.5 %" in _texts(figure)
    assert [row["accuracy_percent"] for row in rows if row["what"] == "level"] == [98.5]


def test_a_number_is_one_grey_level_for_all_lines() -> None:
    figure, rows = _draw(_product([VARIATION, NETWORK], lambda v, _: _falling(v)), level=98.5)
    dashed = [line for line in _panels(figure)[0].lines if line.get_linestyle() == "--"]
    assert {(line.get_color(), line.get_ydata()[0]) for line in dashed} == {("#6b6b6b", 98.5)}
    assert [row["what"] for row in rows].count("level") == 1


def test_a_level_without_trials_is_not_drawn() -> None:
    results = _product([VARIATION], lambda v: None if v == 0 else _falling(v))
    figure, rows = _draw(results, level={"variation_percent": 0})
    assert {row["what"] for row in rows} == {"sweep"}
    assert "process variation 0 %" not in _texts(figure)


def test_published_points_stand_in_figure_table_and_caption() -> None:
    reference = [
        {"x": 7.5, "y": 81.0, "label": "chip A", "source": "Someone 2017, table 2"},
        {"x": 30, "y": 7, "label": "chip A", "source": "Someone 2017, table 2"},
    ]
    figure, rows = _draw(_product([VARIATION], _falling), reference=reference)
    (marks,) = [line for line in _panels(figure)[0].lines if len(line.get_xdata()) == 2
                and line.get_linestyle() == "None" and line.get_marker() == "s"]  # fmt: skip
    assert list(marks.get_xdata()) == [7.5, 30.0]
    assert _panels(figure)[0].get_xlim()[1] > 30
    assert list(marks.get_ydata()) == [81.0, 7.0]
    assert _panels(figure)[0].get_ylim()[0] < 7
    assert "chip A" in _texts(figure)
    assert any("published: Someone 2017, table 2" in text for text in _texts(figure))
    published = [row for row in rows if row["what"] == "published"]
    assert [(row["variation_percent"], row["accuracy_percent"]) for row in published] == [
        (7.5, 81.0),
        (30.0, 7.0),
    ]
    assert published[0]["source"] == "Someone 2017, table 2"


def test_many_lines_have_a_legend_and_looks_of_their_own() -> None:
    layer = Axis("layer", "layer", "", tuple(f"quant_conv2d_{index}" for index in range(30)))
    results = _product([VARIATION, layer], lambda v, _: _falling(v))
    figure, _ = _draw(results, lines="layer")
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(layer.values)
    looks = [
        (line.get_color(), line.get_marker(), line.get_linestyle()) for line in legend.get_lines()
    ]
    assert len(set(looks)) == 30
    assert legend._ncols > 1


def test_labels_beside_lines_do_not_touch(tmp_path: Path) -> None:
    networks = Axis("network", "network", "", ("a", "b", "c", "d"))
    results = _product(
        [VARIATION, networks], lambda v, n: {"a": 0.1, "b": 0.1, "c": 0.5, "d": 0.52}[n]
    )
    figure, _ = _draw(results)
    assert not figure.legends
    figure.savefig(tmp_path / "figure.png")
    boxes = [t.get_window_extent() for t in _panels(figure)[0].texts if t.get_text() in "abcd"]
    heights = sorted((box.y0, box.y1) for box in boxes)
    assert len(heights) == 4
    assert all(below[1] <= above[0] for below, above in itertools.pairwise(heights))


def test_values_that_are_no_numbers_stand_beside_each_other_unjoined() -> None:
    figure, _ = _draw(_product([NETWORK], lambda n: 0.9), kind="lines")
    (axes,) = _panels(figure)
    assert not _curves(axes)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["mlp", "cnn"]
    assert {x for x, *_ in _intervals(axes)} == {0.0, 1.0}


def test_a_zipped_axis_takes_no_place_of_its_own() -> None:
    preset = Axis("preset", "circuit", "", ("a", "b", "c"))
    ratio = Axis("ratio", "Cb/Cc", "", (2, 4, 6))
    points = tuple(
        _point({"preset": p, "ratio": r}, 0.9)
        for p, r in zip(preset.values, ratio.values, strict=True)
    )
    results = Results("demo", ACCURACY, (preset, ratio), {}, points, {})
    figure, rows = _draw(results)
    assert len(_curves(_panels(figure)[0])) == 1
    assert [row["preset"] for row in rows] == ["a", "b", "c"]
    assert any("changing together with the others: circuit" in text for text in _texts(figure))


def test_axes_that_change_together_name_a_line_once() -> None:
    preset = Axis("preset", "circuit", "", ("a", "b"))
    ratio = Axis("ratio", "Cb/Cc", "", (2, 4))
    points = tuple(
        _point({"variation_percent": v, "preset": p, "ratio": r}, _falling(v) - r / 50)
        for v in VARIATION.values
        for p, r in zip(preset.values, ratio.values, strict=True)
    )
    results = Results("demo", ACCURACY, (VARIATION, preset, ratio), {}, points, {})
    figure, rows = _draw(results)
    assert len(_curves(_panels(figure)[0])) == 2
    assert [row["label"] for row in rows] == ["2"] * 4 + ["4"] * 4
    assert {"2", "4", "Cb/Cc"} <= set(_texts(figure))


def test_numbers_ascend_whatever_the_order_in_the_specification() -> None:
    axis = Axis("variation_percent", "process variation", "%", (20, 0, 10))
    figure, _ = _draw(_product([axis], _falling))
    assert [x for x, _ in _curves(_panels(figure)[0])] == [(0, 10, 20)]
    heat, _ = _draw(_product([axis, NETWORK], lambda v, _: _falling(v)), kind="heatmap")
    (axes,) = _panels(heat)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "10", "20"]
    np.testing.assert_allclose(axes.collections[0].get_array()[0], [97, 72, 47])


def test_further_axes_are_panels_with_one_scale() -> None:
    results = _product([VARIATION, NETWORK, CELSIUS], lambda v, n, c: _falling(v) - float(c) / 500)
    figure, rows = _draw(results, panels="celsius")
    panels = _panels(figure)
    assert [axes.get_title("left") for axes in panels] == ["temperature 25 °C", "temperature 85 °C"]
    assert len({axes.get_ylim() for axes in panels}) == 1
    assert [len(_curves(axes)) for axes in panels] == [2, 2]
    assert len(rows) == 16
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["mlp", "cnn"]


def test_a_heat_map_has_a_number_in_every_cell_and_hatches_what_is_unfinished() -> None:
    results = _product(
        [VARIATION, VDD], lambda v, d: None if (v, d) == (20, 1300) else _falling(v) - d / 1e5
    )
    figure, rows = _draw(results, kind="heatmap", x="variation_percent")
    (axes,) = _panels(figure)
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
    assert any("hatched: no trials yet" in text for text in _texts(figure))


def test_heat_maps_beside_each_other_share_their_colours() -> None:
    results = _product([VARIATION, VDD, NETWORK], lambda v, d, n: 0.9 if n == "mlp" else 0.3)
    figure, _ = _draw(results, kind="heatmap")
    meshes = [one for axes in _panels(figure) for one in axes.collections]
    assert len(meshes) == 2
    assert {(mesh.norm.vmin, mesh.norm.vmax) for mesh in meshes} == {(30.0, 90.0)}
    assert len([a for a in figure.axes if a.get_label() == "<colorbar>"]) == 1


def test_what_is_no_point_of_the_sweep_stays_white_in_a_heat_map() -> None:
    points = tuple(_point({"variation_percent": v, "vdd_mv": d}, 0.9) for v, d in
                   ((0, 1100), (5, 1100), (0, 1200)))  # fmt: skip
    figure, rows = _draw(
        Results("demo", ACCURACY, (VARIATION, VDD), {}, points, {}), kind="heatmap"
    )
    (axes,) = _panels(figure)
    assert not axes.patches
    assert np.ma.getmaskarray(axes.collections[0].get_array()).sum() == 1
    assert len(rows) == 3


def _star(**changes: float | None) -> Results:
    """A sweep of one change at a time; keys are ``field_value``."""
    axes = (VDD, CELSIUS, Axis("process", "process", "", ("p", "q", "r")))
    base = {"vdd_mv": 1200, "celsius": 25, "process": "p"}
    points = [_point(base, 0.9)]
    for key, estimate in changes.items():
        field, _, value = key.rpartition("_")
        points.append(_point({**base, field: int(value) if value.isdigit() else value}, estimate))
    return Results("demo", ACCURACY, axes, {}, tuple(points), {})


def test_a_tornado_has_the_greatest_effect_on_top() -> None:
    results = _star(
        celsius_85=0.86, vdd_mv_1100=0.6, vdd_mv_1300=0.95, process_q=0.7, process_r=0.8
    )
    figure, rows = _draw(results, kind="tornado")
    (axes,) = _panels(figure)
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
    assert {(low, high) for _, low, high in _intervals(axes, upright=False)} == {
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
    results = _product([VDD, CELSIUS], lambda d, c: 0.9 - (1300 - d) / 1000 - c / 1000)
    figure, rows = _draw(results, kind="tornado", base={"vdd_mv": 1200, "celsius": 25})
    assert [row["what"] for row in rows] == ["base", "low", "high", "high"]
    assert any("2 points that change several fields" in text for text in _texts(figure))
    with pytest.raises(InputError, match="`base` must give a value to vdd_mv, celsius"):
        _draw(results, kind="tornado")
    with pytest.raises(InputError, match=r"`base` must give a value to celsius$"):
        _draw(results, kind="tornado", base={"vdd_mv": 1200})


def test_a_tornado_shows_the_ends_of_many_values() -> None:
    axis = Axis("vdd_mv", "supply voltage", "mV", (1000, 1100, 1200, 1300, 1400))
    results = _product([axis], lambda d: d / 2000)
    figure, rows = _draw(results, kind="tornado", base={"vdd_mv": 1200})
    assert [(row["what"], row["vdd_mv"]) for row in rows] == [
        ("base", 1200),
        ("low", 1000),
        ("high", 1400),
    ]
    assert any("2 points that change several fields, or lie between" in t for t in _texts(figure))


def test_fields_that_only_change_together_are_one_bar_of_a_tornado() -> None:
    base = {"vdd_mv": 1200, "celsius": 25, "variation_percent": 0}
    points = (
        _point(base, 0.9),
        _point({**base, "vdd_mv": 1100, "celsius": 85}, 0.5),
        _point({**base, "variation_percent": 5}, 0.8),
    )
    results = Results("demo", ACCURACY, (VDD, CELSIUS, VARIATION), {}, points, {})
    figure, rows = _draw(results, kind="tornado", base=base)
    assert [row["label"] for row in rows] == ["", "vdd_mv, celsius", "variation_percent"]
    assert {"1100, 85", "5"} <= {text.get_text() for text in _panels(figure)[0].texts}


def test_a_tornado_without_trials_says_so() -> None:
    unfinished = _star(celsius_85=None, vdd_mv_1100=0.6)
    figure, _ = _draw(unfinished, kind="tornado")
    assert "85: no trials yet" in _texts(figure)
    results = Results("demo", ACCURACY, unfinished.axes, {}, tuple(
        Point(point.values, 0) for point in unfinished.points), {})  # fmt: skip
    assert "the base has no trials yet" in _texts(_draw(results, kind="tornado")[0])


def test_bars_begin_at_zero_and_have_intervals() -> None:
    results = _product([NETWORK, CELSIUS], lambda n, c: 0.8 if n == "mlp" else c / 400)
    figure, rows = _draw(results, kind="bars")
    (axes,) = _panels(figure)
    boxes = [p for p in axes.patches if isinstance(p, Rectangle)]
    assert sorted(round(p.get_height(), 6) for p in boxes) == [6.25, 21.25, 80.0, 80.0]
    assert {p.get_y() for p in boxes} == {0.0}
    assert axes.get_ylim()[0] == 0.0
    assert {(low, high) for _, low, high in _intervals(axes)} == {
        (row["low_percent"], row["high_percent"]) for row in rows
    }
    spans = sorted((p.get_x(), p.get_x() + p.get_width()) for p in boxes)
    assert all(left[1] <= right[0] + 1e-9 for left, right in itertools.pairwise(spans))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["25 °C", "85 °C"]


def test_bars_that_would_look_alike_are_points() -> None:
    figure, _ = _draw(_product([NETWORK], lambda n: 0.97 if n == "mlp" else 0.95))
    (axes,) = _panels(figure)
    assert not axes.patches
    assert axes.get_ylim()[0] > 80
    assert {(x, low) for x, low, _ in _intervals(axes)} == {(0.0, 94.0), (1.0, 92.0)}


def test_long_names_stand_beside_bars_that_lie() -> None:
    names = tuple(f"a mitigation with a long name {index}" for index in range(5))
    axis = Axis("mitigation", "mitigation", "", names)
    figure, _ = _draw(_product([axis], lambda m: 0.1 * (names.index(m) + 1)), level=97.0)
    (axes,) = _panels(figure)
    widths = [round(p.get_width(), 6) for p in axes.patches if isinstance(p, Rectangle)]
    assert widths == [10.0, 20.0, 30.0, 40.0, 50.0]
    assert axes.get_xlabel() == "accuracy (%)"
    assert axes.get_xlim()[0] == 0.0
    assert any(list(line.get_xdata()) == [97.0, 97.0] for line in axes.lines)


def test_the_caption_says_what_the_numbers_rest_on() -> None:
    results = _product(
        [VARIATION], lambda v: None if v == 5 else _falling(v),
        interval="95 %, Clopper-Pearson", standard="ddr3-1600-8-8-8", faults=["static", "access"],
        faw=True,
    )  # fmt: skip
    (caption,) = [text for text in _texts(_draw(results)[0]) if "trials a point" in text]
    for words in (
        "1,000 trials a point, 1 of 4 points without any yet",
        "interval: 95 %, Clopper-Pearson",
        "banks 8",
        "standard ddr3-1600-8-8-8",
        "faults static, access",
        "faw on",
    ):
        assert words in caption.replace("\n", " ").replace("\xa0", " ")


def test_a_long_caption_ends_after_its_lines_and_keeps_what_matters() -> None:
    fixed = {f"field_{index}": "a long value of some field" for index in range(60)}
    results = _product([VARIATION], _falling, model="m" * 200, interval="95 %")
    results = Results("demo", ACCURACY, results.axes, fixed, results.points, results.assumptions)
    figure, _ = _draw(results)
    (caption,) = figure.findobj(lambda artist: artist.get_gid() == "caption")
    shown = str(caption.get_text())
    assert shown.count("\n") == 7
    assert shown.startswith("1,000 trials a point\u00a0· interval: 95 %\u00a0· field 0")
    assert shown.endswith("…")


def test_numbers_without_intervals_have_none_beside_them() -> None:
    points = tuple(
        Point({"vdd_mv": d, "celsius": c}, 1, d * c / 7, d * c / 7, d * c / 7)
        for d in VDD.values
        for c in CELSIUS.values
    )
    exact = Results("demo", Quantity("latency", "latency", "us", 1.0), (VDD, CELSIUS), {}, points,
                    {"interval": "none: nothing is random"})  # fmt: skip
    figure, _ = _draw(exact, kind="heatmap")
    texts = [text.get_text() for text in _panels(figure)[0].texts]
    assert sorted(texts) == sorted(["3929", "4286", "4643", "13360", "14570", "15790"])


def test_limits_and_title_are_those_asked_for() -> None:
    results = _product([VARIATION, NETWORK], lambda v, _: _falling(v))
    figure, _ = _draw(results, limits=[0, 120], title="Mine")
    assert _panels(figure)[0].get_ylim() == (0.0, 120.0)
    assert "Mine" in _texts(figure)
    heat, _ = _draw(results, kind="heatmap", limits=[0, 120])
    assert (
        _panels(heat)[0].collections[0].norm.vmin,
        _panels(heat)[0].collections[0].norm.vmax,
    ) == (
        0.0,
        120.0,
    )


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
    assert read(None, _product(axes, lambda *_: 0.5)).kind == kind


def test_the_kind_follows_from_keys_that_only_one_has() -> None:
    results = _product([VARIATION, Axis("b", "b", "", (1, 2, 3, 4))], lambda *_: 0.5)
    for key, value, kind in (
        ("y", "b", "heatmap"),
        ("lines", "b", "lines"),
        ("panels", "b", "lines"),
        ("base", {"b": 1, "variation_percent": 0}, "tornado"),
        ("bars", "b", "bars"),
    ):
        assert read({key: value}, results).kind == kind


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ({"kid": "lines"}, "[figure] has the unknown key `kid`; did you mean `kind`?"),
        ({"kind": "pie"}, "[figure]: `kind` must be one of lines, heatmap, bars, tornado, not "
         "'pie'"),
        ({"kind": "lines", "base": {}}, "[figure]: `base` belongs to tornado, not to lines"),
        ({"kind": "heatmap", "log_y": True}, "[figure]: `log_y` belongs to lines and bars, not to "
         "heatmap"),
        ({"x": "netwrk"}, "[figure]: `x` names no axis: 'netwrk'; did you mean `network`?"),
        ({"lines": ["network", 3]}, "[figure]: `lines` must name an axis, not 3"),
        ({"x": "network", "lines": "network"}, "`lines` must be an axis that has no place yet, not "
         "`network`, which `x` names"),
        ({"title": 3}, "[figure]: `title` must be a text, not 3"),
        ({"name": "../x"}, "[figure]: `name` must be a file's name of letters, digits, '_', '-' "
         "and '.', not '../x'"),
        ({"log_x": "yes"}, "[figure]: `log_x` must be true or false, not 'yes'"),
        ({"x": "network", "log_x": True}, "[figure]: `log_x` needs numbers; `network` has others"),
        ({"limits": [1]}, "[figure]: `limits` must be two numbers, not [1]"),
        ({"limits": [2, 1]}, "[figure]: `limits` must ascend, not [2, 1]"),
        ({"limits": [0, math.nan]}, "[figure]: `limits` must be a finite number, not nan"),
        ({"level": "high"}, "[figure]: `level` must be a finite number, not 'high'"),
        ({"level": {"network": "mlp"}}, "[figure]: `level` must give a value to "
         "`variation_percent`"),
        ({"level": {"variation_percent": 3}}, "[figure]: `level.variation_percent` must be one of "
         "0, 5, 10, 20, not 3"),
        ({"level": {"variaton_percent": 0}}, "[figure]: `level` names no axis: 'variaton_percent'; "
         "did you mean `variation_percent`?"),
        ({"level": {"value": 1, "network": "mlp"}}, "[figure]: `level` must be a value or name a "
         "point, not both: `network`"),
        ({"level": {}}, "[figure]: `level` must give a value to some axis, not be empty"),
        ({"reference": {"x": 1}}, "[figure]: `reference` must be a list of tables, not {'x': 1}"),
        ({"reference": [{"x": 1, "y": 2, "label": "a"}]}, "[figure]: `reference.source` must be a "
         "text, not None"),
        ({"reference": [{"x": "1", "y": 2}]}, "[figure]: `reference.x` must be a finite number, "
         "not '1'"),
        ({"kind": "tornado", "base": {"network": "rnn"}}, "[figure]: `base.network` must be one of "
         "'mlp', 'cnn', not 'rnn'"),
    ],
)  # fmt: skip
def test_a_wrong_figure_is_told_before_the_sweep_runs(
    figure: dict[str, object], message: str
) -> None:
    results = _product([VARIATION, NETWORK], lambda *_: None)
    check(results, {})
    with pytest.raises(InputError) as caught:
        check(results, figure)
    assert str(caught.value) == message


def test_kinds_that_need_more_axes_say_so() -> None:
    none = _product([], lambda: 0.5)
    one = _product([NETWORK], lambda n: 0.5)
    for results, kind, message in (
        (none, "lines", "a figure of lines needs an axis; the sweep has none"),
        (one, "heatmap", "a heat map needs two axes; the sweep has 1"),
        (none, "tornado", "a tornado needs an axis with several values; the sweep has none"),
    ):
        with pytest.raises(InputError, match=message):
            check(results, {"kind": kind})
    with pytest.raises(InputError, match="a figure needs a sweep with points; this one has none"):
        check(Results("demo", ACCURACY, (), {}, (), {}))


def test_too_many_panels_are_refused() -> None:
    many = Axis("seed", "seed", "", tuple(range(65)))
    results = _product([VARIATION, many], lambda *_: 0.5)
    with pytest.raises(InputError, match="at most 64 panels, not 65"):
        check(results, {"panels": "seed"})


_VALUES = st.one_of(
    st.lists(st.integers(-5, 10**5), min_size=1, max_size=5, unique=True),
    st.lists(st.floats(1e-9, 1e6), min_size=1, max_size=5, unique=True),
    st.lists(st.text("abc_ é$%{}", min_size=1, max_size=50), min_size=1, max_size=4, unique=True),
    st.just([False, True]),
)


@st.composite
def _sweeps(draw_from: st.DrawFn) -> Results:
    count = draw_from(st.integers(0, 3))
    axes = tuple(
        Axis(f"field{index}", f"what {index} is", draw_from(st.sampled_from(["", "%", "mV"])),
             tuple(draw_from(_VALUES)))
        for index in range(count)
    )  # fmt: skip
    products = list(itertools.product(*(axis.values for axis in axes)))
    kept = [values for values in products if draw_from(st.integers(0, 9))] or products[:1]
    numbers = st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0]), st.floats(1e-9, 1.0))
    same = draw_from(st.booleans())
    points = tuple(
        _point({a.field: v for a, v in zip(axes, values, strict=True)},
               0.5 if same else draw_from(numbers))
        for values in kept
    )  # fmt: skip
    return Results("demo", draw_from(st.sampled_from([ACCURACY, WRONG])), axes, {}, points, {})


@given(_sweeps(), st.sampled_from([None, *KINDS]))
@settings(max_examples=30, deadline=None)
def test_every_shape_of_a_sweep_is_drawn_with_each_point_once(
    results: Results, kind: str | None
) -> None:
    figure: dict[str, object] = {} if kind is None else {"kind": kind}
    try:
        chosen = read(figure, results)
        with style():
            drawn, rows = KINDS[chosen.kind](results, chosen)
            drawn.draw_without_rendering()
    except InputError:
        # Too few axes for the kind, or no base that stands out.
        assert kind in ("lines", "heatmap", "tornado")
        return
    fields = [axis.field for axis in results.axes]
    headers = list(rows[0])[: len(fields)] if rows else []
    found = [tuple(row[header] for header in headers) for row in rows]
    every = [tuple(point.values[f] for f in fields) for point in results.points]
    done = [values for values, point in zip(every, results.points, strict=True) if point.trials]
    if chosen.kind in ("lines", "bars"):
        assert sorted(found, key=repr) == sorted(done, key=repr)
    elif chosen.kind == "heatmap":
        assert sorted(found, key=repr) == sorted(every, key=repr)
    else:
        assert len(set(found)) == len(found)
        assert set(found) <= set(every)
    numbers = [cell for row in rows for cell in row.values() if isinstance(cell, float)]
    assert all(math.isfinite(number) for number in numbers)
    for axes in _panels(drawn):
        assert all(math.isfinite(end) for end in (*axes.get_xlim(), *axes.get_ylim()))
        for low, high in ((one.low, one.high) for one in results.points if one.trials):
            if chosen.kind == "lines" and axes.get_yscale() == "linear":
                bottom, top = axes.get_ylim()
                assert bottom <= low <= high <= top
