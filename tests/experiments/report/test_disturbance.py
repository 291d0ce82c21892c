"""``pimsim run --disturbance``: one line, a part of the report, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pimsim
from experiments.cli import build_parser, main
from experiments.report.disturbance import text

RUN = ("run", "mnist-cnn", "--cost-only", "--images", "4")


def _report(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*RUN, *words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def _class(path: Path, double: int, single: int) -> str:
    path.write_text(f"name,hc_double_sided,hc_single_sided\nx,{double},{single}\n", "utf-8")
    return str(path)


def test_one_line_says_whether_a_named_class_is_disturbed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = _report(capsys, "--disturbance")["disturbance"]
    assert found["chip"]["name"] == "samsung-8gb-e"
    assert found["text"].startswith("no: ")
    assert "samsung-8gb-e" in found["text"]
    assert "nothing has to prevent it" in found["text"]
    assert "\n" not in found["text"]
    assert found["once"]["share"] <= found["again"]["share"] < 1.0
    assert len(found["classes"]) == 12
    assert found["window_ps"] == 8192 * 7_800_000
    assert any("order of the address map" in one for one in found["assumptions"])
    hottest = found["again"]["hottest"][0]
    assert hottest["row"] in ("T1", "T2")
    assert hottest["activations"] > 200_000  # a compute row, over a whole window
    other = _report(capsys, "--disturbance", "micron-8gb-e")["disturbance"]
    assert other["chip"]["hc_double_sided"] == 21_000
    assert other["again"]["share"] < found["again"]["share"]
    assert main([*RUN, "--disturbance"]) == 0
    assert " ".join(capsys.readouterr().out.split()).count(f"disturbance {found['text'][:20]}") == 1


@pytest.mark.parametrize(
    ("line", "chip"),
    [
        ("run mnist-cnn --disturbance", "samsung-8gb-e"),
        ("run --disturbance mnist-cnn", "samsung-8gb-e"),
        ("run --disturbance mnist-cnn --limit 4", "samsung-8gb-e"),
        ("run --limit 4 --disturbance mnist-cnn", "samsung-8gb-e"),
        ("run --disturbance -- mnist-cnn", "samsung-8gb-e"),
        ("run --disturbance=micron-8gb-e mnist-cnn", "micron-8gb-e"),
        ("run --disturbance micron-8gb-e mnist-cnn", "micron-8gb-e"),
        ("run mnist-cnn --disturbance micron-8gb-e", "micron-8gb-e"),
        ("run mnist-cnn --disturbance micron-8gb-f", "micron-8gb-f"),  # refused by its name
    ],
)
def test_the_option_leaves_the_network_alone_wherever_it_stands(line: str, chip: str) -> None:
    args = build_parser().parse_args(line.split())
    assert (args.network, args.disturbance) == ("mnist-cnn", chip)
    assert args.given["disturbance"] == "--disturbance"


def test_the_page_quotes_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "disturbance.md").read_text("utf-8")
    quoted = " ".join(line[2:] for line in page.splitlines() if line.startswith("> "))
    assert main([*RUN[:-1], "100", "--disturbance", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["disturbance"]["text"] == quoted


def test_a_constant_that_is_not_opened_for_long_is_in_danger(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As the page says; leaving rows empty is no help, as a constant is none."""
    words = ("digits-mlp", "--cost-only", "--images", "4", "--mapping", "output-stationary")
    assert main(["run", *words, "--disturbance", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["disturbance"]
    assert found["text"].startswith("yes: C0 of bank ")
    assert "13,938 activations beside it on one side" in found["text"]
    assert "left empty" not in found["text"]
    assert "prevented by refreshes of rows in danger (+0.00" in found["text"]
    assert found["once"]["disturbs"]
    assert 1.3 < found["once"]["share"] <= found["again"]["share"] < 1.45
    assert found["once"]["rows_disturbed"] >= 1


def test_what_is_disturbed_is_named_with_what_prevents_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worst = _report(capsys, "--disturbance")["disturbance"]["again"]["victims"][0]["one"]
    frail = _class(tmp_path / "mine.csv", worst // 2, worst // 2)
    found = _report(capsys, "--disturbance", frail)["disturbance"]
    assert found["text"].startswith("yes")
    assert found["again"]["disturbs"]
    assert found["again"]["victims"][0]["share"] >= 2.0
    assert "prevented by" in found["text"]
    assert "counters in the chips (+" in found["text"]
    ways = {one["name"]: one for one in found["preventions"]}
    assert ways["refreshes of rows in danger"]["latency_ps"] > 0
    assert ways["counters in the chips"]["energy_pj"] > 0
    assert found["classes"][0]["name"] == "x"
    assert len(found["classes"]) == 13


def test_only_repetition_disturbs_a_row_that_the_run_never_opens() -> None:
    victim = {"row": "D9", "bank": 0, "subarray": 1, "pair": 0, "one": 30_000, "share": 3.0}
    hot = {"row": "T1", "activations": 40_000}
    way = {"possible": False, "rows_left_empty": 1, "name": "rows left empty"}
    result = {
        "chip": {"name": "x", "hc_double_sided": 5_000, "hc_single_sided": 10_000},
        "window_ps": 64 * 10**9,
        "run_ps": 100,
        "once": {"disturbs": False},
        "again": {"disturbs": True, "victims": [victim], "hottest": [hot]},
        "preventions": [
            way,
            {"possible": True, "rows_left_empty": 0, "name": "refreshes", "latency_ps": 250,
             "energy_pj": 1.0},
        ],
    }  # fmt: skip
    assert text(result, 200.0) == (
        "yes, if repeated without a pause: D9 of bank 0, subarray 1, has 30,000 activations beside "
        "it on one side and 0 on both before it is restored, 3 times what x stands (HC_first 5,000 "
        "on both sides, 10,000 on one); prevented by refreshes (3.5 times the time, +0.5 % energy)."
        " T1 is activated 40,000 times in 64 ms: no row that nobody opens may lie beside it"
    )


def test_values_and_cost_do_not_depend_on_it(capsys: pytest.CaptureFixture[str]) -> None:
    plain, counted = _report(capsys), _report(capsys, "--disturbance")
    assert "disturbance" not in plain
    del counted["disturbance"]
    for report in (plain, counted):
        del report["wall_s"]
        for layer in report["layers"]:
            del layer["wall_s"]
    assert counted == plain


def test_a_run_that_executes_counts_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "digits-mlp", "--limit", "4", "--disturbance", "--json"]
    assert main(words) == 0
    executed = json.loads(capsys.readouterr().out)["disturbance"]
    assert main([*words[:4], "--cost-only", *words[4:]]) == 0
    booked = json.loads(capsys.readouterr().out)["disturbance"]
    assert executed == booked
    found = pimsim.run("digits-mlp", limit=4, disturbance=True)
    assert found.report["disturbance"] == booked


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,hc_double_sided\nx,1\n",
         "mine.csv line 1 must have the columns name, hc_double_sided, hc_single_sided once each, "
         "and has 0 of `hc_single_sided`"),
        ("name,hc_double_sided,hc_single_sided\nx,many,1\n",
         "mine.csv line 2: `hc_double_sided` must be an integer from 1 to 1,000,000,000, "
         "not 'many'"),
    ],
)  # fmt: skip
def test_bad_files_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(content, "utf-8")
    assert main([*RUN, "--disturbance", str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"pimsim: error: {message}\n"
