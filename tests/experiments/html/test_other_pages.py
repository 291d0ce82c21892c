"""Pages of sweeps, studies, reproductions and comparisons, in a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments import cli
from experiments.html import document, pictures
from experiments.html import page as pages
from experiments.html.blocks import Bar, Cell, Column, Table
from experiments.html.run import page as run_page

Open = Callable[..., Any]

DOCS = Path(__file__).parents[3] / "docs"

SPEC = """\
name = "<b>tiny</b>"
measure = "cost"
[fixed]
network = "lenet5"
[axes]
images = [1, 20]
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs that differ in images and tFAW."""
    folder = tmp_path_factory.mktemp("runs")
    for name, more in (("one", ["--limit", "4"]), ("other", ["--limit", "8", "--no-faw"])):
        command = ["run", "digits-mlp", *more, "--no-html", "--out", str(folder / name)]
        assert cli.main(command) == 0
    return folder / "one", folder / "other"


def _json(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert cli.main([*argv, "--json"]) == 0
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    return loaded


def _text(visit: Any) -> str:
    found: str = visit.page.locator("body").inner_text()
    assert visit.overflow() == 0
    visit.require_quiet()
    return found


def test_a_sweep(tmp_path: Path, browser_page: Open, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "tiny.toml"
    spec.write_text(SPEC.replace("<b>tiny</b>", "tiny"), "utf-8")
    out = tmp_path / "<script>"
    found = _json(capsys, "sweep", str(spec), "--out", str(out), "--workers", "1")
    assert found["html"] == str(out / "report.html")
    text = _text(browser_page(out / "report.html", width=360))
    assert text.count("tiny") >= 2
    assert f"2 points of {found['quantity']['label']}: the highest" in text
    for point in found["points"]:
        assert f"{point['estimate']:.5g}" in text
    assert "pimsim sweep" in text


def test_a_sweep_of_costs_shows_time_and_energy(
    tmp_path: Path, browser_page: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "tiny.toml"
    spec.write_text(SPEC.replace("<b>tiny</b>", "tiny"), "utf-8")
    out = tmp_path / "out"
    assert cli.main(["sweep", str(spec), "--out", str(out), "--workers", "1"]) == 0
    printed = capsys.readouterr().out
    text = _text(browser_page(out / "report.html", width=1100))
    for point in json.loads((out / "results.json").read_text("utf-8"))["points"]:
        energy_uj = point["counts"]["energy_fj"] / point["counts"]["images"] * 1e-9
        for shown in (printed, text):
            assert "energy an image (uJ)" in shown
            assert f"{energy_uj:.5g}" in shown
            assert f"{point['estimate']:.5g}" in shown


def test_a_comparison_of_long_names_is_whole_on_a_screen(
    tmp_path: Path, browser_page: Open
) -> None:
    parts = ["ddr3-1600-11-11-11", "ddr3-1600-8-8-8", "ddr4-2400"]
    command = ["compare", *parts, "--network", "digits-mlp", "--limit", "4"]
    assert cli.main([*command, "--energy", "datasheet", "--out", str(tmp_path)]) == 0
    visit = browser_page(tmp_path / "compare.html", width=1100)
    _text(visit)
    hidden = "(all) => all.map((one) => one.scrollWidth - one.clientWidth)"
    assert set(visit.page.eval_on_selector_all(".scroll", hidden)) == {0}


def test_long_assumptions_are_read_from_the_left(
    runs: tuple[Path, Path], tmp_path: Path, browser_page: Open
) -> None:
    report = json.loads((runs[0] / "report.json").read_text("utf-8"))
    (tmp_path / "page.html").write_text(pages.render(run_page(report, "")), "utf-8")
    for width in (400, 1100):
        visit = browser_page(tmp_path / "page.html", width=width)
        _text(visit)
        style = "(one) => [getComputedStyle(one).textAlign, one.textContent.length]"
        values = visit.page.eval_on_selector_all(".terms dd", f"(all) => all.map({style})")
        assert max(length for _, length in values) > 100
        assert {align for align, length in values if length > 60} == {"left"}


def test_a_sweep_without_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "tiny.toml"
    spec.write_text(SPEC.replace("<b>tiny</b>", "tiny"), "utf-8")
    command = ["sweep", str(spec), "--out", str(tmp_path / "out"), "--workers", "1", "--no-html"]
    assert "html" not in _json(capsys, *command)
    assert not (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize(("form", "shown"), [("svg", True), ("pdf", False)])
def test_pages_have_figures_of_every_format(
    form: str, shown: bool, tmp_path: Path, browser_page: Open
) -> None:
    spec = tmp_path / "tiny.toml"
    spec.write_text(SPEC.replace("<b>tiny</b>", "tiny"), "utf-8")
    for command in (
        ["sweep", str(spec), "--workers", "1"], ["reproduce", "pluto", "--no-measure"]
    ):  # fmt: skip
        out = tmp_path / command[0]
        assert cli.main([*command, "--format", form, "--out", str(out)]) == 0
        drawn = [one.name for one in out.glob(f"*.{form}")]
        assert drawn
        visit = browser_page(out / "report.html", width=390)
        assert visit.page.locator("img").count() == (len(drawn) if shown else 0)
        text = _text(visit)
        if command[0] == "sweep":
            assert shown or all(f"beside this page: {name}" in text for name in drawn)
            continue
        page = (out / "reproduce-pluto.md").read_text("utf-8")
        assert ".png" not in page
        for name in drawn:
            assert f"]({name})" in page
            assert shown or visit.page.locator(f"a[href='{name}']").count() == 1


def test_a_reproduction(
    tmp_path: Path, browser_page: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    found = _json(capsys, "reproduce", "ambit", "--no-measure", "--out", str(tmp_path))
    assert found["html"] == str(tmp_path / "report.html")
    visit = browser_page(tmp_path / "report.html", width=360)
    text = _text(visit)
    ratios = [row["ratio"] for table in found["tables"].values() for row in table if row["ratio"]]
    close = sum(abs(ratio - 1) <= 0.05 for ratio in ratios)
    assert f"{close} of {len(ratios)} comparisons of a simulated number" in text
    pictures_shown = visit.page.locator("img").count()
    assert pictures_shown == len(list(tmp_path.glob("*.png")))
    assert visit.page.locator("table[data-sortable]").count() > 3


@pytest.mark.parametrize(
    "path", sorted(DOCS.glob("study-*.md")) + sorted(DOCS.glob("reproduce-*.md")),
    ids=lambda path: path.stem,
)  # fmt: skip
def test_the_pages_of_the_repository(path: Path, tmp_path: Path, browser_page: Open) -> None:
    text = path.read_text("utf-8")
    made = document.page(text, DOCS)
    (tmp_path / "page.html").write_text(pages.render(made), "utf-8")
    visit = browser_page(tmp_path / "page.html", width=360)
    shown = _text(visit)
    assert text.startswith(f"# {made.title}\n")
    for section in made.sections[1:]:
        assert section.title == "Figures" or f"## {section.title}" in text.replace("`", "")
    assert visit.page.locator("img").count() == text.count("![")
    assert ".png" not in shown
    assert visit.page.locator("table").count() == text.count("\n|---")


def test_a_comparison_says_first_what_differs(
    runs: tuple[Path, Path], tmp_path: Path, browser_page: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = map(str, runs)
    found = _json(capsys, "compare", one, other, "ddr3-1600-11-11-11", "--out", str(tmp_path))
    settings = {row["setting"]: row["values"] for row in found["settings"]}
    assert settings["images"] == [4, 8, 4]
    assert settings["faw"] == [True, False, True]
    assert settings["standard"][2] == "ddr3-1600-11-11-11"
    assert "row_bytes" not in settings
    first, second, part = found["compared"]
    assert first["speedup"] == first["energy_ratio"] == 1
    assert second["speedup"] == first["latency_ps_per_image"] / second["latency_ps_per_image"]
    assert part["command"].startswith("pimsim run digits-mlp --cost-only --limit 4")
    shown = _json(capsys, *part["command"].split()[1:])
    assert shown["latency_ps_per_image"] == part["latency_ps_per_image"]
    assert shown["energy_pj_per_image"] == part["energy_pj_per_image"]
    assert json.loads((tmp_path / "compare.json").read_text("utf-8")) == {
        name: value for name, value in found.items() if name != "html"
    }
    text = _text(browser_page(Path(found["html"]), width=360))
    assert text.index("What differs in the settings: data, images") < text.index("What came out")
    for name in ("one", "other", "ddr3-1600-11-11-11"):
        assert name in text

    found = _json(capsys, "compare", one, "ddr3-1600-11-11-11", "--energy", "datasheet")
    assert [row["energy"] for row in found["compared"]] == ["ambit-paper", "datasheet"]
    assert [row["energy_ratio"] for row in found["compared"]] == [1, None]  # never mixed

    assert cli.main(["compare", one, other]) == 0
    printed = capsys.readouterr().out
    assert printed.index("what differs in the settings") < printed.index("an image, its share")


def test_other_networks_are_not_ranked(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    found = _json(capsys, "compare", str(runs[0]), "ddr4-2400", "--network", "lenet5")
    assert [(row["speedup"], row["energy_ratio"]) for row in found["compared"]] == [
        (1, 1), (None, None)
    ]  # fmt: skip
    assert cli.main(["compare", str(runs[0]), "ddr4-2400", "--network", "lenet5"]) == 0
    printed = capsys.readouterr().out
    assert "Networks differ" in printed
    assert "another network" in printed
    assert "Fastest" not in printed
    assert cli.main(["compare", str(runs[0]), "nowhere/run"]) == 2
    assert "there is no 'nowhere/run'" in capsys.readouterr().err


def test_the_same_beside_itself(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", str(runs[0]), str(runs[0])]) == 0
    assert "All settings that reports state are the same" in capsys.readouterr().out


def test_what_cannot_be_compared_is_refused_in_a_line(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results.json").write_text("{}", "utf-8")
    (tmp_path / "torn.json").write_text("{", "utf-8")
    run = str(runs[0])
    for words, said in (
        ([run], "must be two or more runs or parts"),
        ([run, str(tmp_path)], "must be the folder of `pimsim run --out`"),
        ([run, str(tmp_path / "torn.json")], "it is no JSON"),
        ([run, str(tmp_path / "results.json")], "it is of something else"),
        ([run, "ddr9"], "ddr9"),
        (["hbm2", "ddr4-2400"], "`--network` must be given"),
    ):
        assert cli.main(["compare", *words]) == 2
        printed = capsys.readouterr()
        assert said in printed.err
        assert printed.err.count("\n") == 1


def test_markdown_becomes_blocks_and_its_markup_text(tmp_path: Path, browser_page: Open) -> None:
    import numpy as np

    (tmp_path / "a.png").write_bytes(pictures.png(np.zeros((2, 3), np.uint8)))
    text = """# What <b>?

Why, <script>window.hit=1</script> and [here](https://example.org) or [there](gone.md)?

## Finding

So `it` is, <img src=x onerror=alert(1)>.

## More

![a](a.png)

![b](../b.png)

| name | time |
|---|---|
| <i>x</i> | 1,200 ns |
| y | 3 |

- [bad](javascript:alert(1))
"""
    made = document.page(text, tmp_path)
    assert made.title == "What <b>?"
    assert made.answer == ["So it is, <img src=x onerror=alert(1)>."]
    path = pages.write(made, tmp_path)
    visit = browser_page(path)
    shown = _text(visit)
    assert "window.hit=1" in shown
    assert visit.page.evaluate("window.hit") is None
    assert visit.page.locator("img").count() == 1
    assert visit.page.locator("a[href^=http]").count() == 1
    assert visit.page.locator("a[href^=javascript]").count() == 0
    visit.page.get_by_role("button", name="time").click()
    assert visit.page.locator("tbody th").all_text_contents() == ["<i>x</i>", "y"]
    visit.page.get_by_role("button", name="time").click()
    assert visit.page.locator("tbody th").all_text_contents() == ["y", "<i>x</i>"]


def test_a_network_is_no_run_to_compare(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", "digits-mlp", "vgg16"]) == 2
    said = capsys.readouterr().err
    assert "'digits-mlp' is a network: give folders of `pimsim run digits-mlp --out DIR`" in said


def test_cells_look_as_they_say() -> None:
    columns = (Column("<c>"), Column("n", number=True), Column("m", middle=True))
    bars = (Bar(0.25, 3), Bar(0.5))
    row = [Cell("<a>", "\x1b<s>"), Cell("1", 0.5, bars, shade=2, strong=True), Cell("<a>", 1)]
    assert pages.rows(Table("t", columns, [row])).splitlines() == [
        "    <tr>",
        '      <th scope=row class="" data-sort="\\x1b&lt;s&gt;">&lt;a&gt;</th>',
        '      <td class="n shade h2 strong" data-sort="0.5">1'
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">',
        '<rect class="f3" x="0.00" width="25.00" height="6"/>',
        '<rect class="f0" x="25.00" width="50.00" height="6"/>',
        "</svg>",
        "</td>",
        '      <td class="c" data-sort="1">&lt;a&gt;</td>',
        "    </tr>",
    ]
