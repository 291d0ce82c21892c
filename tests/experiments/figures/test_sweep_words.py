"""Captions, titles and limits of the figures of a sweep, and what is refused."""

from __future__ import annotations

import math

import pytest

from experiments.figures.sweep import check
from experiments.figures.wanted import Wanted, wanted
from experiments.sweep.results import Axis, Point, Quantity, Results
from pimsim.errors import InputError

from .small_sweeps import (
    ACCURACY,
    CELSIUS,
    NETWORK,
    VARIATION,
    VDD,
    drawn_of,
    falling,
    panels_of,
    product_of,
    texts_of,
)


def test_the_caption_says_what_the_numbers_rest_on() -> None:
    results = product_of(
        [VARIATION], lambda v: None if v == 5 else falling(v),
        interval="95 %, Clopper-Pearson", standard="ddr3-1600-8-8-8", faults=["static", "access"],
        faw=True,
    )  # fmt: skip
    (caption,) = [text for text in texts_of(drawn_of(results)[0]) if "trials a point" in text]
    for words in (
        "1,000 trials a point, 1 of 4 points without any yet",
        "interval 95 %, Clopper-Pearson",
        "banks 8",
        "standard ddr3-1600-8-8-8",
        "faults static, access",
        "faw on",
    ):
        assert words in caption.replace("\n", " ").replace("\xa0", " ")


def test_a_long_caption_ends_after_its_lines_and_keeps_what_matters() -> None:
    fixed = {f"field_{index}": "a long value of some field" for index in range(60)}
    results = product_of([VARIATION], falling, model="m" * 200, interval="95 %")
    results = Results("demo", ACCURACY, results.axes, fixed, results.points, results.assumptions)
    figure, _ = drawn_of(results)
    shown = figure._supxlabel.get_text()
    assert shown.count("\n") == 1
    assert shown.startswith("1,000 trials a point\u00a0· interval 95 %\u00a0· field 0")
    assert shown.endswith("all settings: results.json")
    with wanted(Wanted(notes="all")):
        whole = drawn_of(results)[0]._supxlabel.get_text()
        assert whole.replace("\n", "").endswith("m" * 200)
    with wanted(Wanted(notes="none")):
        assert drawn_of(results)[0]._supxlabel is None


def test_numbers_without_intervals_have_none_beside_them() -> None:
    points = tuple(
        Point({"vdd_mv": d, "celsius": c}, 1, d * c / 7, d * c / 7, d * c / 7)
        for d in VDD.values
        for c in CELSIUS.values
    )
    exact = Results("demo", Quantity("latency", "latency", "us", 1.0), (VDD, CELSIUS), {}, points,
                    {"interval": "none: nothing is random"})  # fmt: skip
    figure, _ = drawn_of(exact, kind="heatmap")
    texts = [text.get_text() for text in panels_of(figure)[0].texts]
    assert sorted(texts) == sorted(["3929", "4286", "4643", "13360", "14570", "15790"])


def test_limits_and_title_are_those_asked_for() -> None:
    results = product_of([VARIATION, NETWORK], lambda v, _: falling(v))
    figure, _ = drawn_of(results, limits=[0, 120], title="Mine")
    assert panels_of(figure)[0].get_ylim() == (0.0, 120.0)
    assert "Mine" in texts_of(figure)
    heat, _ = drawn_of(results, kind="heatmap", limits=[0, 120])
    assert (
        panels_of(heat)[0].collections[0].norm.vmin,
        panels_of(heat)[0].collections[0].norm.vmax,
    ) == (
        0.0,
        120.0,
    )


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
    results = product_of([VARIATION, NETWORK], lambda *_: None)
    check(results, {})
    with pytest.raises(InputError) as caught:
        check(results, figure)
    assert str(caught.value) == message


def test_kinds_that_need_more_axes_say_so() -> None:
    none = product_of([], lambda: 0.5)
    one = product_of([NETWORK], lambda n: 0.5)
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
    results = product_of([VARIATION, many], lambda *_: 0.5)
    with pytest.raises(InputError, match="at most 64 panels, not 65"):
        check(results, {"panels": "seed"})
