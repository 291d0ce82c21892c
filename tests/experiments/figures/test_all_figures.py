"""What holds of every figure: nothing is cut or written over, small print is short."""

from __future__ import annotations

import functools
import shutil
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colors
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from experiments import cli
from experiments.commands.reproduce import EXPERIMENTS
from experiments.figures import disturbance, run, style, wanted
from experiments.figures.style import NOTE_LINES
from experiments.pages.redraw import redraw

DOCS = Path(__file__).parents[3] / "docs"
MOST_ENTRIES = 8
"""Of a legend."""
LEAST_LIGHTNESS = 12
"""Between neighbouring fills and lines, of 100 (CIE L*)."""
NEAR = 1.0
"""Overlaps of so many points do not touch letters: boxes have room above and below them."""


def _report(layers: int) -> dict[str, object]:
    kinds = ("AAP", "AP", "ACT", "PRE", "RD", "WR", "REF", "TRANSFER")
    one = {
        "where": "dram", "mapping": "weight-stationary", "macs": 64, "column_utilisation": 0.5,
        "latency_ps": 500_000_000, "energy_pj": 3e6,
        "commands": {kind: 2_000 // 5**place for place, kind in enumerate(kinds)},
    }  # fmt: skip
    baseline = {"latency_ps": 3_000_000, "energy_pj": 4e7, "speedup": 0.2, "energy_ratio": 3.1}
    return {
        "network": "a-network-with-a-long-name", "images": 10, "throughput_images_per_s": 2e4,
        "energy_pj": {"total": 3e6}, "baselines": {"streaming": baseline, "reuse-aware": baseline},
        "assumptions": {"standard": "ddr3-1600-8-8-8", "mapping": "auto", "banks": 8, "faw": True,
                        "refresh": True, "energy": "ambit-paper"},
        "layers": [{"name": f"quant_conv2d_{number}", **one} for number in range(layers)],
    }  # fmt: skip


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """Every figure that is written meanwhile, by name."""
    found: dict[str, Figure] = {}

    def keep(figure: Figure, path: Path, **_: object) -> None:
        found[f"{Path(path).parent.name}/{Path(path).stem}"] = figure
        with style.style():
            FigureCanvasAgg(figure)
            figure.canvas.draw()
        Path(path).touch()

    monkeypatch.setattr(Figure, "savefig", keep)
    return found


def _texts(figure: Figure) -> list[tuple[str, Bbox]]:
    found = []
    for text in figure.findobj(Text):
        upright = isinstance(text, Text) and text.get_rotation() % 90 == 0
        if upright and text.get_text().strip() and text.get_visible():
            box = Text.get_window_extent(text)  # of the letters, without the line of a label
            axes = text.axes
            inside = axes is None or axes.get_visible()
            if inside and box.width > 0:
                found.append((text.get_text(), box))
    return found


def _ticks(figure: Figure) -> set[str]:
    """Texts of ticks that are out of the range of their axes: they are there, and not drawn."""
    return {
        tick.label1.get_text()
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
        if not (min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval()))
    }


def faults_of(figure: Figure) -> list[str]:
    """What is wrong with a figure, in words; one of a width that is wanted is its canvas."""
    hidden = _ticks(figure)
    texts = [(text, box) for text, box in _texts(figure) if text not in hidden]
    saved = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    saved = saved if wanted.current().width_in is None else figure.bbox
    faults = [
        f"{text!r} is cut"
        for text, box in texts
        if min(box.x0 - saved.x0, box.y0 - saved.y0, saved.x1 - box.x1, saved.y1 - box.y1) < -NEAR
    ]
    for (one, box), (other, its) in combinations(texts, 2):
        width = min(box.x1, its.x1) - max(box.x0, its.x0)
        height = min(box.y1, its.y1) - max(box.y0, its.y0)
        if width > 2 * NEAR and height > 2 * NEAR:
            faults.append(f"{one!r} is written over {other!r}")
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes)]
    for legend in legends:
        if legend is not None and len(legend.get_texts()) > MOST_ENTRIES:
            faults.append(f"a legend of {len(legend.get_texts())} entries")
    for note in (figure._suptitle, figure._supxlabel):
        if note is not None and note.get_text().count("\n") >= NOTE_LINES:
            faults.append(f"small print of more than {NOTE_LINES} lines")
    return faults


def _all_faults(drawn: dict[str, Figure]) -> dict[str, list[str]]:
    found = {name: faults_of(figure) for name, figure in drawn.items()}
    return {name: faults for name, faults in found.items() if faults}


def test_figures_of_docs_are_neither_cut_nor_written_over(
    drawn: dict[str, Figure], tmp_path: Path
) -> None:
    shutil.copytree(DOCS / "figures", tmp_path / "figures")
    names = {path.stem for path in redraw(tmp_path)}
    assert len(names) > 20
    assert len(drawn) == len(names)
    assert _all_faults(drawn) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", [one.NAME for one in EXPERIMENTS if not one.draws])
def test_figures_of_reproductions_are_neither_cut_nor_written_over(
    name: str, drawn: dict[str, Figure], tmp_path: Path
) -> None:
    (one,) = (each for each in EXPERIMENTS if name == each.NAME)
    one.part("figures").draw(one.reproduce(*one.assumed()), tmp_path)
    assert len(drawn) > 1
    assert _all_faults(drawn) == {}


@pytest.mark.parametrize(
    ("layers", "width_in"),
    [(1, None), (1, 3.5), (8, 6.5), (8, 3.5), (60, None), (60, 5.0), (60, 3.5)],
)
def test_figures_of_runs_are_neither_cut_nor_written_over(
    layers: int, width_in: float | None, drawn: dict[str, Figure], tmp_path: Path
) -> None:
    with wanted.wanted(wanted.Wanted(width_in=width_in)):
        run.draw(_report(layers), tmp_path)
        assert {name.rpartition("/")[2] for name in drawn} == {"comparison", "layers"}
        assert _all_faults(drawn) == {}
    assert max(figure.get_figheight() for figure in drawn.values()) < 12


def test_the_figure_of_disturbance_is_neither_cut_nor_written_over(
    drawn: dict[str, Figure], tmp_path: Path
) -> None:
    count = 500
    rows = [f"T{place}" for place in range(4)] + [f"D{place}" for place in range(count - 4)]
    numbers = np.random.default_rng(1).integers(1, 300_000, (3, count)).tolist()
    own = dict(zip(("activations", "pair", "one"), numbers, strict=True))
    chip = {"name": "x", "hc_double_sided": 5_000, "hc_single_sided": 10_000}
    found = {"chip": chip, "window_ps": 64e9,
             "subarray": {"bank": 0, "subarray": 1, "rows": rows, **own}}  # fmt: skip
    disturbance.draw("tiny", found, tmp_path)
    assert _all_faults(drawn) == {}


def test_what_is_wrong_is_found() -> None:
    figure = Figure()
    FigureCanvasAgg(figure)
    figure.text(0.5, 0.5, "one").set_fontsize(20)
    figure.text(0.5, 0.51, "other").set_fontsize(20)
    figure.text(0.99, 0.9, "outside of it").set_in_layout(False)
    figure.suptitle("a\nb\nc")
    axes = figure.subplots()
    for number in range(MOST_ENTRIES + 1):
        axes.plot([number], label=str(number))
    axes.legend(loc="lower left")
    figure.canvas.draw()
    faults = faults_of(figure)
    assert "'one' is written over 'other'" in faults
    assert "'outside of it' is cut" in faults
    assert "a legend of 9 entries" in faults
    assert "small print of more than 2 lines" in faults


def _lightness(colour: str) -> float:
    """CIE L* of a colour."""
    parts = colors.to_rgb(colour)
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y


def test_neighbours_differ_in_greyscale() -> None:
    fills = [colour for colour, _ in style.FILLS]
    lines = [look.colour for look in style.looks(7, ordered=False)]
    ramps = [[look.colour for look in style.looks(count, ordered=True)] for count in (3, 5, 7)]
    for row in (fills, lines, *ramps):
        for one, other in pairwise(row):
            apart = abs(_lightness(one) - _lightness(other))
            assert apart >= (LEAST_LIGHTNESS if row in (fills, lines) else 8), (one, other, apart)


@functools.cache
def _written(folder: Path, *formats: str) -> tuple[Path, ...]:
    """Figures of a run in such formats, written once; their paths."""
    folder.mkdir()
    with wanted.wanted(wanted.Wanted(formats, 4.0, "none")):
        return tuple(run.draw(_report(2), folder))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("figures")


@pytest.mark.parametrize("formats", [("svg",), ("pdf", "png"), wanted.FORMATS])
def test_files_are_those_that_are_wanted(formats: tuple[str, ...], folder: Path) -> None:
    own = folder / "-".join(formats)
    assert _written(own, *formats)[0] == own / f"comparison.{formats[0]}"
    made = {path.name for path in own.iterdir()}
    kinds = (*formats, "csv")
    assert made == {f"{name}.{kind}" for name in ("comparison", "layers") for kind in kinds}


COMMANDS = {
    "run": ("run digits-mlp --limit 2", {"comparison", "layers"}),
    "tra": ("circuit tra --pattern 110", {"tra-110"}),
    "margin": ("circuit margin", {"margin"}),
    "failures": ("circuit failures --variation 10 --samples 200", {"failures"}),
    "simdram": ("reproduce simdram --no-measure", {"simdram-width", "simdram-banks"}),
}
"""Commands that draw, and the names of their figures."""


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_commands_draw_what_is_wanted(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line, figures = COMMANDS[name]
    wanted_so = ["--format", "svg,pdf", "--width", "5", "--notes", "none"]
    assert cli.main([*line.split(), "--out", str(tmp_path), *wanted_so]) == 0
    made = {path.name for path in tmp_path.iterdir()}
    for figure in figures:
        assert {name for name in made if name.startswith(f"{figure}.") and "csv" not in name} - {
            f"{figure}.cir"
        } == {f"{figure}.svg", f"{figure}.pdf"}
        assert 'width="360pt"' in (tmp_path / f"{figure}.svg").read_text()[:900]  # 5 inches
    assert not list(tmp_path.glob("*.png"))


def test_another_format_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "digits-mlp", "--out", "x", "--format", "svg,jpg"]) == 2
    assert capsys.readouterr().err == (
        "pimsim: error: `--format` must be png, svg, pdf or several with commas, not 'svg,jpg'\n"
    )


def test_the_same_numbers_are_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    one, other = (each / "-".join(wanted.FORMATS) for each in (folder, tmp_path))
    for each in (one, other):
        _written(each, *wanted.FORMATS)
    made = sorted(path.name for path in one.iterdir())
    assert made == sorted(path.name for path in other.iterdir())
    assert len(made) == 2 * (len(wanted.FORMATS) + 1)
    for name in made:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
