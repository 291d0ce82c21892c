"""The page of a run in a browser, and odd reports that must look right on it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnn.run.scoring import LARGEST, Scoring
from experiments import cli
from experiments.html import page as pages
from experiments.html.run import page
from experiments.html.timeline import FirstCommands
from experiments.output.words import quantity
from experiments.report.witness import Witness
from tests.bnn.larq import model_files

Report = dict[str, Any]
Open = Callable[..., Any]

EVIL = '<img src="https://example.org/x" onerror="window.hit=1">'
SCRIPT = "</script><script>window.hit=1</script>"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of digits-mlp."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    assert cli.main(["run", "digits-mlp", "--limit", "60", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def report(digits: Path) -> Report:
    loaded: Report = json.loads((digits / "report.json").read_text("utf-8"))
    return loaded


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_a_page_fits_says_nothing_and_asks_for_nothing(
    digits: Path, browser_page: Open, dark: bool, width: int
) -> None:
    visit = browser_page(digits / "report.html", width=width, dark=dark)
    assert visit.overflow() == 0
    paper = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(re.findall(r"\d+", paper)[0])
    assert red < 60 if dark else red > 200
    visit.require_quiet()


def test_tables_sort_by_click_and_by_keyboard(digits: Path, browser_page: Open) -> None:
    visit = browser_page(digits / "report.html")
    table = visit.page.locator("table", has_text="Every layer").first

    def column(number: int) -> list[str]:
        found: list[str] = table.locator(f"tbody tr > :nth-child({number})").all_text_contents()
        return [text.strip() for text in found]

    layers = column(1)
    products = [int(text.replace(",", "")) for text in column(3)]
    assert products != sorted(products)
    heading = table.get_by_role("button", name="products")
    heading.click()
    assert [int(text.replace(",", "")) for text in column(3)] == sorted(products, reverse=True)
    assert table.locator("th[aria-sort=descending]").count() == 1
    heading.focus()
    visit.page.keyboard.press("Enter")
    assert [int(text.replace(",", "")) for text in column(3)] == sorted(products)
    table.get_by_role("button", name="layer").press(" ")
    assert column(1) == sorted(layers)
    visit.require_quiet()


def test_everything_is_named_for_those_who_do_not_see_it(digits: Path, browser_page: Open) -> None:
    visit = browser_page(digits / "report.html")
    nameless = visit.page.evaluate(
        """() => [...document.querySelectorAll("img, svg[role=img], table, [role=region]")]
        .filter((one) => !(one.alt || one.getAttribute("aria-label") || one.caption?.textContent))
        .map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert nameless == []
    levels = visit.page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    reached = visit.page.evaluate(
        "[...document.querySelectorAll('.scroll, pre')].every((one) => one.tabIndex === 0)"
    )
    assert reached


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_texts_stand_out_from_the_paper(digits: Path, browser_page: Open, dark: bool) -> None:
    """At least 4.5 to 1, as WCAG 2.2 (1.4.3) asks of small text."""
    visit = browser_page(digits / "report.html", dark=dark)
    worst = visit.page.evaluate(
        """() => {
          const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
          const seen = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour;
            canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
          const light = (colour) => { const [r, g, b] = seen(colour).map((v) => v / 255)
            .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
          const behind = (one) => { while (one) {
            const colour = getComputedStyle(one).backgroundColor;
            if (seen(colour)[3] === 255) return colour; one = one.parentElement; }
            return "white"; };
          let worst = [99, ""];
          for (const one of document.querySelectorAll("p, th, td, dt, dd, a, button, figcaption, code, caption, h1, h2, li, .facts span")) {
            if (!one.textContent.trim()) continue;
            const [x, y] = [light(getComputedStyle(one).color), light(behind(one))];
            const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
            if (ratio < worst[0]) worst = [ratio, one.outerHTML.slice(0, 80)];
          }
          return worst; }"""  # noqa: E501
    )
    assert worst[0] >= 4.5, worst


def test_the_answer_is_first_and_in_words(digits: Path, report: Report, browser_page: Open) -> None:
    visit = browser_page(digits / "report.html")
    text = visit.page.locator("main").inner_text()
    first = text[: text.index("Layer by layer")]
    assert f"{100 * report['accuracy']:.2f} % of the answers to 60 images are right." in first
    assert f"All {report['sums_checked']:,} sums that stood in DRAM rows equal the integer" in first
    assert "the run is bit exact" in first
    assert "streaming" in first
    assert "reuse-aware" in first
    code = visit.page.locator("figure.code code").last.inner_text()
    assert code.startswith("pimsim run digits-mlp --limit 60 --out ")
    images = visit.page.locator(".gallery img")
    wrong = round((1 - report["accuracy"]) * 60)
    assert images.count() == min(12, wrong)
    for place in range(images.count()):
        assert images.nth(place).evaluate("one => one.naturalWidth") == 8


def test_the_timeline_is_that_of_the_scheduler(digits: Path, browser_page: Open) -> None:
    visit = browser_page(digits / "report.html")
    titles = visit.page.locator(".lanes title").all_text_contents()
    assert titles[0].startswith("ACT, bank 0, row ")
    assert titles[0].endswith(", 0.00 to 10.00 ns")  # tRCD of DDR3-1600 8-8-8: 8 clocks of 1.25 ns
    aaps = [title for title in titles if title.startswith("AAP")]
    assert len(aaps) > 100
    from_ns, to_ns = (float(one.replace(",", "")) for one in re.findall(r"[\d,]+\.\d\d", aaps[0]))
    assert to_ns - from_ns == pytest.approx(49.0)  # Ambit, MICRO 2017: an AAP of the split decoder


def test_the_banks_stay_named_while_the_timeline_scrolls(digits: Path, browser_page: Open) -> None:
    visit = browser_page(digits / "report.html", width=390)
    frame = visit.page.locator("figure.time .frame").first
    scroll, name = frame.locator(".scroll"), frame.locator(".names")
    at = name.bounding_box()["x"]
    scroll.evaluate("(one) => { one.scrollLeft = 100; }")
    frame.and_(visit.page.locator(".less")).wait_for()
    assert name.bounding_box()["x"] == at
    assert frame.locator(".bands").bounding_box()["x"] < at
    assert visit.overflow() == 0
    visit.require_quiet()


def test_no_markup_of_a_model_runs(tmp_path: Path, browser_page: Open) -> None:
    """Names of layers, of the file and of the network, through the whole of a run."""
    layers = model_files.base_layers()
    for item, name in ((layers[1], EVIL), (layers[6], SCRIPT)):
        item["config"]["name"] = name
    arrays = model_files.base_arrays()
    arrays = {{"conv": EVIL, "fc": SCRIPT}.get(name, name): one for name, one in arrays.items()}
    folder = tmp_path / "<i onmouseover=alert(1)>"
    folder.mkdir()
    model = folder / "net'><script>window.hit=1<.keras"
    slots = {EVIL: "quant_conv2d", SCRIPT: "quant_dense"}
    try:
        model_files.SLOTS.update(slots)
        model_files.write_keras(model, model_files.sequential(layers), arrays)
    finally:
        for name in slots:
            del model_files.SLOTS[name]
    rng = np.random.default_rng(0)
    data = folder / "x'\"&<b>.npz"
    np.savez(data, x=rng.choice([-1.0, 1.0], (9, 4, 4, 1)), y=rng.integers(0, 2, 9))
    out = tmp_path / "out"
    assert cli.main(["run", str(model), "--data", str(data), "--out", str(out)]) == 0
    visit = browser_page(out / "report.html")
    text = visit.page.locator("body").inner_text()
    assert EVIL in text
    assert SCRIPT in text
    assert visit.page.evaluate("window.hit") is None
    assert visit.page.locator("script").count() == 1
    assert visit.page.locator("img[src^=http], [onerror], [onmouseover]").count() == 0
    visit.require_quiet()


def test_what_gets_in_all_the_same_does_not_run(
    report: Report, tmp_path: Path, browser_page: Open
) -> None:
    """The policy alone keeps markup from running, would a text not be escaped."""
    html = pages.render(page(report, "pimsim run"))
    path = tmp_path / "page.html"
    path.write_text(html.replace("</main>", f"{EVIL}{SCRIPT}</main>"), "utf-8")
    visit = browser_page(path)
    assert visit.page.evaluate("window.hit") is None
    assert visit.asked == []
    assert len(visit.said) >= 2  # that the policy keeps them from it


# Odd reports


def _no_layers(report: Report) -> None:
    report["layers"] = report["layers"][:1]


def _many_layers(report: Report) -> None:
    report["layers"] = [
        {**report["layers"][place % 3], "name": f"layer_{place}_" + "x" * (place % 60)}
        for place in range(300)
    ]


def _nothing_in_dram(report: Report) -> None:
    for layer in report["layers"]:
        layer.update(
            where="host", mapping=None, latency_ps=0, energy_pj=0.0, column_utilisation=None,
            subarrays=0, alternatives=[], no_room={layer["name"]: "no mapping has room for it"},
            commands=dict.fromkeys(layer["commands"], 0),
        )  # fmt: skip
    report.update(
        latency_ps=0, throughput_images_per_s=None, sums_checked=0, baselines={},
        break_even_reuse=None, commands=dict.fromkeys(report["commands"], 0),
    )  # fmt: skip
    report["energy_pj"]["total"] = 0.0


def _huge(report: Report) -> None:
    report["images"] = 10_000_000
    report["latency_ps"] = report["latency_ps"] * 10**12
    report["energy_pj"] = {name: pj * 1e15 for name, pj in report["energy_pj"].items()}
    report["commands"] = {kind: n * 10**15 for kind, n in report["commands"].items()}


def _unlabelled(report: Report) -> None:
    report.update(accuracy=None, accuracy_means="not known: no labels", bit_exact=None)


def _faulty(report: Report) -> None:
    report.update(
        bit_exact=None,
        faults={
            "accuracy_error_free": 0.97, "predictions": 60, "predictions_changed": 7,
            "logits_changed": 44, "noise_strikes": {"dense1": 3},
        },
        input_scale_hint="the pixels look as if they were 0 to 255",
    )  # fmt: skip


def _cost_only(report: Report) -> None:
    report.update(cost_only=True, accuracy=None, accuracy_means=None, bit_exact=None, data=None)


ODD = {
    "one layer": (_no_layers, "dense1"),
    "300 layers": (_many_layers, "layer_299_"),
    "nothing in DRAM": (_nothing_in_dram, "No layer runs in DRAM"),
    "huge numbers": (_huge, "10,000,000 images"),
    "no labels": (_unlabelled, "How many images were classified correctly is not known: no labels"),
    "faults": (_faulty, "Without faults 97.00 % would be right; 7 of 60 predictions changed."),
    "cost only": (_cost_only, "there are no answers, only costs"),
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_reports_look_right(
    odd: str, report: Report, tmp_path: Path, browser_page: Open
) -> None:
    change, said = ODD[odd]
    changed = copy.deepcopy(report)
    change(changed)
    (tmp_path / "page.html").write_text(pages.render(page(changed, "pimsim run x")), "utf-8")
    visit = browser_page(tmp_path / "page.html", width=360)
    text = visit.page.locator("body").inner_text()
    assert said in text
    assert not re.search(r"\b(nan|inf|None|Undefined)\b", text)
    assert visit.overflow() == 0
    if odd == "300 layers":
        assert (
            visit.page.locator("table", has_text="Every layer").locator("tbody tr").count() == 300
        )
    visit.require_quiet()


def _witness(labels: list[int], outputs: int, images: Any) -> Witness:
    answers = np.zeros((len(labels), outputs), np.float32)
    answers[:, 0] = 1
    scoring = Scoring(LARGEST, labels=np.array(labels))
    return Witness(FirstCommands(), images=images, scoring=scoring, logits=answers)


@pytest.mark.parametrize(
    ("witness", "said"),
    [
        (_witness([0, 0], 3, np.zeros((2, 4, 4))), "No image was answered wrongly."),
        (_witness([0, 1], 3, np.zeros((2, 5))), "The inputs are no pictures"),
        (_witness([0, *range(1, 30)], 30, np.zeros((30, 9))), "The mistakes made most often"),
        (_witness([1] * 40, 2, np.full((40, 3, 3, 3), np.nan)), "The first 12 of 40 are shown."),
    ],
    ids=["all right", "no pictures", "many classes", "not numbers"],
)
def test_odd_answers_look_right(
    witness: Witness, said: str, report: Report, tmp_path: Path, browser_page: Open
) -> None:
    (tmp_path / "page.html").write_text(pages.render(page(report, "", witness)), "utf-8")
    visit = browser_page(tmp_path / "page.html", width=360)
    assert said in visit.page.locator("body").inner_text()
    assert visit.overflow() == 0
    visit.require_quiet()


def test_other_parts_are_costed_if_asked(
    tmp_path: Path, browser_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("ddr3-1600-8-8-8", "ddr3-2133", "ddr4-2400")
    monkeypatch.setattr("pimsim.dram.standard.standard.names", lambda: names)
    base = ["run", "digits-mlp", "--limit", "8", "--banks", "8"]
    assert cli.main([*base, "--parts", "--out", str(tmp_path / "one")]) == 0
    visit = browser_page(tmp_path / "one" / "report.html", width=360)
    table = visit.page.locator("table", has_text="The same run on other parts")
    rows = [row.split("\t") for row in table.locator("tbody").inner_text().splitlines()]
    assert [row[0] for row in rows] == [*names]
    for name, row in zip(names, rows, strict=True):
        out = tmp_path / name
        assert cli.main([*base, "--standard", name, "--no-html", "--out", str(out)]) == 0
        found = json.loads((out / "report.json").read_text("utf-8"))
        assert row[1] == quantity(found["latency_ps_per_image"], "ps")
        assert row[2] == quantity(found["energy_pj_per_image"], "pJ")
        assert row[3] == found["assumptions"]["energy"]
    assert rows[0][4] == "this run"
    assert "energy" in rows[1][4]
    assert "energy" not in rows[2][4]  # of another model
    visit.require_quiet()


@pytest.mark.parametrize(
    "words",
    [
        ("digits-mlp", "--limit", "30", "--mapping", "output-stationary"),
        ("digits-mlp", "--limit", "3000", "--cost-only"),
        ("lenet5", "--limit", "300", "--cost-only", "--mapping", "output-tree"),
    ],
    ids=" ".join,
)
def test_looking_on_changes_no_number(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.figures.run.draw", lambda report, folder: ())
    reports = []
    for html in ("--html", "--no-html"):
        assert cli.main(["run", *words, html, "--out", str(tmp_path)]) == 0
        found = json.loads((tmp_path / "report.json").read_text("utf-8"))
        for one in (found, *found["layers"]):
            del one["wall_s"]
        reports.append(found)
    assert reports[0] == reports[1]


def test_a_page_is_left_out_if_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", "lenet5", "--cost-only", "--no-html", "--out", str(tmp_path)]
    assert cli.main(command) == 0
    assert not (tmp_path / "report.html").exists()
    assert "report.html" not in capsys.readouterr().out
