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


def test_guard_rows_are_priced_by_a_plan_and_keep_the_constants_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """D0 lies beside the constants, and is the first to lose bits; with a row in between, not."""
    frail = _class(tmp_path / "mine.csv", 300, 600)
    found = _report(capsys, "--disturbance", frail)["disturbance"]
    assert found["text"].startswith("no: D0 of bank ")
    assert found["again"]["in_danger"]
    way = found["preventions"][0]
    assert (way["name"], way["rows_left_empty"], way["possible"]) == ("guard rows", 2, True)
    report = _report(capsys, "--disturbance", frail, "--guard-rows", "1")
    guarded = report["disturbance"]
    assert guarded["run_ps"] - found["run_ps"] == way["latency_ps"]
    assert guarded["again"]["share"] < 0.5 <= found["again"]["share"]
    assert not guarded["again"]["in_danger"]
    assert "no data lie beside a compute row or a constant" in guarded["text"]
    rows = guarded["subarray"]["rows"]
    assert rows[rows.index("C0") - 1] == "guard 0"
    assert rows[rows.index("D0") - 1] == "guard 1"
    assert report["assumptions"]["guard_rows"].startswith("1 between compute rows and constants")


def test_bits_flip_where_a_row_has_had_too_much_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "digits-mlp", "--limit", "24", "--mapping", "output-stationary", "--json"]
    words += ["--disturbance", _class(tmp_path / "mine.csv", 4, 8), "--disturbance-flips"]
    found = []
    for more in ([], ["--chip", "5"]):
        assert main([*words, *more]) == 0
        found.append(json.loads(capsys.readouterr().out))
    one, other = (report["disturbance"]["flips"] for report in found)
    assert one["bits"] > 100
    assert one["bits"] == sum(one["layers"].values())
    assert "C0" in one["rows"]
    assert other["rows"] != one["rows"]
    assert f"{one['bits']:,} bits flipped in this run" in found[0]["disturbance"]["text"]
    assert found[0]["faults"]["predictions_changed"] > 0
    assert found[0]["faults"]["accuracy_error_free"] > found[0]["accuracy"]
    assert found[0]["assumptions"]["disturbance_flips"] == "x"


@pytest.mark.slow
def test_the_page_has_what_flips_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "disturbance.md").read_text("utf-8")
    table = page[page.index("| HC_first on both sides") :].split("\n\n")[0].splitlines()[2:]
    assert len(table) == 4
    words = ["run", "digits-mlp", "--limit", "200", "--mapping", "output-stationary", "--json"]
    for line, guards in zip(table, (0, 1, 1, 0), strict=True):
        hammers, *stated = (cell.strip() for cell in line.strip("|").split("|"))
        frail = _class(tmp_path / "mine.csv", int(hammers), 2 * int(hammers))
        more = ["--disturbance", frail, "--disturbance-flips", "--guard-rows", str(guards)]
        assert main([*words, *more]) == 0
        found = json.loads(capsys.readouterr().out)
        bits = found["disturbance"]["flips"]["bits"]
        accuracy = f"{100 * found['accuracy']:.3g} %"
        assert [f"{bits:,}", accuracy] == stated[2 * guards :][:2]


def test_too_many_guard_rows_end_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--guard-rows", "503"]) == 2
    assert capsys.readouterr().err == (
        "pimsim: error: `guard_rows` must leave a data row in a subarray of 1,024 rows: at most "
        "502, not 503\n"
    )


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
    victim["opened"] = False
    hot = {"row": "T1", "activations": 40_000}
    way = {"possible": False, "rows_left_empty": 1, "name": "rows left empty"}
    result = {
        "chip": {"name": "x", "hc_double_sided": 5_000, "hc_single_sided": 10_000},
        "window_ps": 64 * 10**9,
        "guard_rows": 0,
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
        "yes, if repeated without a pause: D9 of bank 0, subarray 1, which this run never opens, "
        "has 30,000 activations beside it on one side and 0 on both before it is restored, 3 times "
        "what x stands (HC_first 5,000 on both sides, 10,000 on one); prevented by refreshes (3.5 "
        "times the time, +0.5 % energy)."
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
         "mine.csv, line 1 must have the columns name, hc_double_sided, hc_single_sided once each, "
         "and has 0 of `hc_single_sided`"),
        ("name,hc_double_sided,hc_single_sided\nx,many,1\n",
         "mine.csv, line 2: `hc_double_sided` must be an integer from 1 to 1,000,000,000, "
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
