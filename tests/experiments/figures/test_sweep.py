"""Figures of a sweep: what is drawn is what was found, and all of it is in the table beside."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.image import imread

from experiments.figures.style import style
from experiments.figures.sweep import draw
from experiments.figures.sweep.settings import read
from experiments.sweep.results import Axis, Point, Results
from pimsim.errors import InputError

from .small_sweeps import (
    ACCURACY,
    CELSIUS,
    KINDS,
    NETWORK,
    VARIATION,
    WRONG,
    curves_of,
    drawn_of,
    falling,
    intervals_of,
    panels_of,
    point_of,
    product_of,
    table_of,
    texts_of,
)


def test_files_hold_the_picture_and_exactly_what_it_shows(tmp_path: Path) -> None:
    results = product_of([VARIATION], lambda v: None if v == 5 else falling(v))
    paths = draw(results, tmp_path)
    assert [path.name for path in paths] == ["lines.png", "lines.pdf", "lines.csv"]
    assert paths[1].read_bytes().startswith(b"%PDF")
    assert imread(paths[0]).std() > 0
    assert table_of(paths[2]) == [
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
    results = product_of([VARIATION, NETWORK], lambda v, n: falling(v) - 0.1 * (n == "cnn"))
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
    results = product_of([VARIATION, NETWORK], lambda v, n: falling(v) - 0.1 * (n == "cnn"))
    figure, rows = drawn_of(results)
    (axes,) = panels_of(figure)
    curves = curves_of(axes)
    assert [x for x, _ in curves] == [(0, 5, 10, 20)] * 2
    np.testing.assert_allclose([y for _, y in curves], [[97, 84.5, 72, 47], [87, 74.5, 62, 37]])
    drawn = {(row["variation_percent"], row["low_percent"], row["high_percent"]) for row in rows}
    assert intervals_of(axes) == drawn
    assert axes.get_xlabel() == "process variation (%)"
    assert axes.get_ylabel() == "accuracy (%)"
    assert {"mlp", "cnn", "network"} <= set(texts_of(figure))
    assert "Accuracy against process variation by network" in texts_of(figure)


def test_a_line_breaks_where_there_are_no_trials_yet() -> None:
    axis = Axis("p", "noise", "", (1, 2, 3, 4, 5))
    figure, _ = drawn_of(product_of([axis], lambda p: None if p == 3 else 0.9 - p / 100))
    assert [x for x, _ in curves_of(panels_of(figure)[0])] == [(1, 2), (4, 5)]


def test_values_over_decades_have_a_logarithmic_axis_with_a_place_for_zero() -> None:
    axis = Axis("p", "probability", "", (0.0, 1e-6, 1e-4, 1e-2))
    figure, _ = drawn_of(product_of([axis], lambda p: 0.9))
    (axes,) = panels_of(figure)
    assert axes.get_xscale() == "symlog"
    place = axes.transScale + axes.transLimits
    at = [place.transform((p, 90.0))[0] for p in axis.values]
    assert 0 < at[0] < at[1] - 0.05
    assert at[2] - at[1] == pytest.approx(at[3] - at[2])
    assert panels_of(drawn_of(product_of([axis], lambda p: 0.9), log_x=False)[0])[
        0
    ].get_xscale() == ("linear")


def test_powers_of_two_stand_equally_far_apart() -> None:
    figure, _ = drawn_of(product_of([Axis("rows", "rows", "", (4, 8, 16, 32))], lambda r: 0.9))
    assert panels_of(figure)[0].get_xscale() == "log"
    assert {"4", "8", "16", "32"} <= {t.get_text() for t in panels_of(figure)[0].get_xticklabels()}


def test_failures_over_decades_point_down_from_the_limit_of_what_was_never_seen() -> None:
    axis = Axis("variation_percent", "process variation", "%", (0, 5, 10, 20))
    rates = {0: 0.0, 5: 1e-5, 10: 3e-3, 20: 0.2}
    points = tuple(
        Point({"variation_percent": v}, 10**6, *map(WRONG.shown, (p, p / 2, p * 2 or 4e-6)))
        for v, p in rates.items()
    )
    figure, rows = drawn_of(Results("demo", WRONG, (axis,), {}, points, {}))
    (axes,) = panels_of(figure)
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
    assert [x for x, _ in curves_of(axes)] == [(5, 10, 20)]
    assert [row["wrong_percent"] for row in rows] == [0.0, 0.001, 0.3, 20.0]


def test_a_level_is_each_lines_own_point() -> None:
    results = product_of([VARIATION, NETWORK], lambda v, n: falling(v) - 0.1 * (n == "cnn"))
    figure, rows = drawn_of(results, level={"variation_percent": 5, "label": "some variation"})
    dashed = [line for line in panels_of(figure)[0].lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [84.5, 74.5]
    assert len({line.get_color() for line in dashed}) == 2
    levels = [row for row in rows if row["what"] == "level"]
    assert [(row["network"], row["accuracy_percent"]) for row in levels] == [
        ("mlp", 84.5),
        ("cnn", 74.5),
    ]
    assert "some variation" in texts_of(figure)


def test_a_level_can_be_a_number() -> None:
    figure, rows = drawn_of(product_of([VARIATION], falling), level=98.5)
    dashed = [line for line in panels_of(figure)[0].lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [98.5]
    assert panels_of(figure)[0].get_ylim()[1] > 98.5
    assert "98.5 %" in texts_of(figure)
    assert [row["accuracy_percent"] for row in rows if row["what"] == "level"] == [98.5]


def test_a_number_is_one_grey_level_for_all_lines() -> None:
    figure, rows = drawn_of(product_of([VARIATION, NETWORK], lambda v, _: falling(v)), level=98.5)
    dashed = [line for line in panels_of(figure)[0].lines if line.get_linestyle() == "--"]
    assert {(line.get_color(), line.get_ydata()[0]) for line in dashed} == {("#6b6b6b", 98.5)}
    assert [row["what"] for row in rows].count("level") == 1


def test_a_level_without_trials_is_not_drawn() -> None:
    results = product_of([VARIATION], lambda v: None if v == 0 else falling(v))
    figure, rows = drawn_of(results, level={"variation_percent": 0})
    assert {row["what"] for row in rows} == {"sweep"}
    assert "process variation 0 %" not in texts_of(figure)


def test_published_points_stand_in_figure_table_and_caption() -> None:
    reference = [
        {"x": 7.5, "y": 81.0, "label": "chip A", "source": "Someone 2017, table 2"},
        {"x": 30, "y": 7, "label": "chip A", "source": "Someone 2017, table 2"},
    ]
    figure, rows = drawn_of(product_of([VARIATION], falling), reference=reference)
    (marks,) = [line for line in panels_of(figure)[0].lines if len(line.get_xdata()) == 2
                and line.get_linestyle() == "None" and line.get_marker() == "s"]  # fmt: skip
    assert list(marks.get_xdata()) == [7.5, 30.0]
    assert panels_of(figure)[0].get_xlim()[1] > 30
    assert list(marks.get_ydata()) == [81.0, 7.0]
    assert panels_of(figure)[0].get_ylim()[0] < 7
    assert "chip A" in texts_of(figure)
    assert any("published: Someone 2017, table 2" in text for text in texts_of(figure))
    published = [row for row in rows if row["what"] == "published"]
    assert [(row["variation_percent"], row["accuracy_percent"]) for row in published] == [
        (7.5, 81.0),
        (30.0, 7.0),
    ]
    assert published[0]["source"] == "Someone 2017, table 2"


def test_many_lines_have_a_legend_and_looks_of_their_own() -> None:
    layer = Axis("layer", "layer", "", tuple(f"quant_conv2d_{index}" for index in range(30)))
    results = product_of([VARIATION, layer], lambda v, _: falling(v))
    figure, _ = drawn_of(results, lines="layer")
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(layer.values)
    looks = [
        (line.get_color(), line.get_marker(), line.get_linestyle()) for line in legend.get_lines()
    ]
    assert len(set(looks)) == 30
    assert legend._ncols > 1


def test_labels_beside_lines_do_not_touch(tmp_path: Path) -> None:
    networks = Axis("network", "network", "", ("a", "b", "c", "d"))
    results = product_of(
        [VARIATION, networks], lambda v, n: {"a": 0.1, "b": 0.1, "c": 0.5, "d": 0.52}[n]
    )
    figure, _ = drawn_of(results)
    assert not figure.legends
    figure.savefig(tmp_path / "figure.png")
    boxes = [t.get_window_extent() for t in panels_of(figure)[0].texts if t.get_text() in "abcd"]
    heights = sorted((box.y0, box.y1) for box in boxes)
    assert len(heights) == 4
    assert all(below[1] <= above[0] for below, above in itertools.pairwise(heights))


def test_values_that_are_no_numbers_stand_beside_each_other_unjoined() -> None:
    figure, _ = drawn_of(product_of([NETWORK], lambda n: 0.9), kind="lines")
    (axes,) = panels_of(figure)
    assert not curves_of(axes)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["mlp", "cnn"]
    assert {x for x, *_ in intervals_of(axes)} == {0.0, 1.0}


def test_a_zipped_axis_takes_no_place_of_its_own() -> None:
    preset = Axis("preset", "circuit", "", ("a", "b", "c"))
    ratio = Axis("ratio", "Cb/Cc", "", (2, 4, 6))
    points = tuple(
        point_of({"preset": p, "ratio": r}, 0.9)
        for p, r in zip(preset.values, ratio.values, strict=True)
    )
    results = Results("demo", ACCURACY, (preset, ratio), {}, points, {})
    figure, rows = drawn_of(results)
    assert len(curves_of(panels_of(figure)[0])) == 1
    assert [row["preset"] for row in rows] == ["a", "b", "c"]
    assert any("changing together with the others: circuit" in text for text in texts_of(figure))


def test_axes_that_change_together_name_a_line_once() -> None:
    preset = Axis("preset", "circuit", "", ("a", "b"))
    ratio = Axis("ratio", "Cb/Cc", "", (2, 4))
    points = tuple(
        point_of({"variation_percent": v, "preset": p, "ratio": r}, falling(v) - r / 50)
        for v in VARIATION.values
        for p, r in zip(preset.values, ratio.values, strict=True)
    )
    results = Results("demo", ACCURACY, (VARIATION, preset, ratio), {}, points, {})
    figure, rows = drawn_of(results)
    assert len(curves_of(panels_of(figure)[0])) == 2
    assert [row["label"] for row in rows] == ["2"] * 4 + ["4"] * 4
    assert {"2", "4", "Cb/Cc"} <= set(texts_of(figure))


def test_numbers_ascend_whatever_the_order_in_the_specification() -> None:
    axis = Axis("variation_percent", "process variation", "%", (20, 0, 10))
    figure, _ = drawn_of(product_of([axis], falling))
    assert [x for x, _ in curves_of(panels_of(figure)[0])] == [(0, 10, 20)]
    heat, _ = drawn_of(product_of([axis, NETWORK], lambda v, _: falling(v)), kind="heatmap")
    (axes,) = panels_of(heat)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "10", "20"]
    np.testing.assert_allclose(axes.collections[0].get_array()[0], [97, 72, 47])


def test_further_axes_are_panels_with_one_scale() -> None:
    results = product_of([VARIATION, NETWORK, CELSIUS], lambda v, n, c: falling(v) - float(c) / 500)
    figure, rows = drawn_of(results, panels="celsius")
    panels = panels_of(figure)
    assert [axes.get_title("left") for axes in panels] == ["temperature 25 °C", "temperature 85 °C"]
    assert len({axes.get_ylim() for axes in panels}) == 1
    assert [len(curves_of(axes)) for axes in panels] == [2, 2]
    assert len(rows) == 16
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["mlp", "cnn"]


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
        point_of({a.field: v for a, v in zip(axes, values, strict=True)},
               0.5 if same else draw_from(numbers))
        for values in kept
    )  # fmt: skip
    return Results("demo", draw_from(st.sampled_from([ACCURACY, WRONG])), axes, {}, points, {})


@given(_sweeps(), st.sampled_from([None, *KINDS]))
@settings(max_examples=12, deadline=None)
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
    for axes in panels_of(drawn):
        assert all(math.isfinite(end) for end in (*axes.get_xlim(), *axes.get_ylim()))
        for low, high in ((one.low, one.high) for one in results.points if one.trials):
            if chosen.kind == "lines" and axes.get_yscale() == "linear":
                bottom, top = axes.get_ylim()
                assert bottom <= low <= high <= top
