"""``pimsim chips``: what is printed, what is written, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments import cli
from pimsim.errors import InputError
from pimsim.offtheshelf import bender_program
from pimsim.offtheshelf.bender_program import commands, read_words
from pimsim.offtheshelf.boxes import FILE, FOLDER
from pimsim.offtheshelf.primitives import PRIMITIVES

Captured = pytest.CaptureFixture[str]
FEW = ("--banks", "8")
"""So few that they are soon scheduled, and enough for tFAW to keep them back."""
MADE = Path(__file__).parents[2] / "made_boxes.csv"


@pytest.fixture(autouse=True)
def data(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Boxes that are made up, where measured ones are looked for."""
    folder = tmp_path_factory.mktemp("data")
    (folder / FOLDER).mkdir()
    (folder / FOLDER / FILE).write_bytes(MADE.read_bytes())
    monkeypatch.setenv("PIMSIM_DATA", str(folder))
    return folder


def _json(capsys: Captured, *words: str) -> dict[str, Any]:
    assert cli.main(["chips", *words, "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    found: dict[str, Any] = json.loads(printed.out)
    return found


def test_primitives_have_success_and_cost(capsys: Captured) -> None:
    found = _json(capsys, "primitives", *FEW, "--best", "0.5", "--t1", "1.5", "--t2", "3")
    rows = {(row["name"], row["size"]): row for row in found["primitives"]}
    assert set(rows) == {(name, n) for name, one in PRIMITIVES.items() for n in one.sizes}
    maj3 = rows["maj3", 32]
    assert maj3["latency_ns"] == pytest.approx(1272.72)
    assert (maj3["mean_percent"], maj3["p25_percent"]) == pytest.approx((97, 96.6))
    assert maj3["best_percent"] == pytest.approx(97.4, abs=0.01)
    assert rows["and", 16]["mean_percent"] == 94.94
    assert rows["and", 4]["success_is"] is None
    assert found["assumptions"]["standard"] == "ddr4-2400"
    assert found["assumptions"]["best_share_of_groups"] == 0.5
    assert cli.main(["chips", "primitives", *FEW]) == 0
    table = capsys.readouterr().out
    assert all(f" {name} " in table for name in PRIMITIVES)
    assert max(map(len, table.splitlines())) <= 120


def test_the_cost_is_that_of_the_part(capsys: Captured) -> None:
    usual, held, other = (
        _json(capsys, "primitives", *FEW, *words)["primitives"][0]
        for words in ((), ("--no-faw",), ("--standard", "ddr4-3200"))
    )
    assert held["throughput_gb_per_s"] > usual["throughput_gb_per_s"]
    assert other["energy_nj_per_kb"] != usual["energy_nj_per_kb"]


def test_a_program_is_printed_and_exported(capsys: Captured, tmp_path: Path) -> None:
    path = tmp_path / "maj3.hex"
    found = _json(capsys, "program", "maj3", "--size", "4", "--bank", "3", "--first-row", "2048",
                  "--export", f"drambender:{path}")  # fmt: skip
    assert found["steps"][6] == "ACT 0:0, 1.5 ns, PRE, 3 ns, ACT 0:7"
    issued = list(commands(read_words(path)))
    assert {one.bank for one in issued} == {3}
    assert min(one.row for one in issued if one.name == "ACT") == 2048
    assert found["export"]["commands"] == len(issued)
    assert [one.name for one in tmp_path.iterdir()] == ["maj3.hex"]
    assert cli.main(["chips", "program", "nor", "--size", "2"]) == 0
    printed = capsys.readouterr().out
    assert "columns   half" in printed
    assert "ACT 0:0, 1.5 ns, PRE, 1.5 ns, ACT 1:1   decides" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("program maj4", "`PRIMITIVE` must be one of copy, clone, maj3, maj5, maj7, maj9, not, "),
        ("program maj3 --size 12", "`rows` of maj3 must be one of 4, 8, 16, 32, not 12"),
        ("program maj9 --size 8", "`rows` of maj9 must be one of 16, 32, not 8"),
        ("program maj3 --export bender:x", "`--export` must be drambender:FILE, not 'bender:x'"),
        ("program maj3 --export drambender:", "`--export` must be drambender:FILE, not 'drambend"),
        ("program maj3 --export drambender:no/x", "`--export` must be a file that can be written"),
        (
            "program maj3 --export drambender:.",
            "`--export` must be a file that can be written, not",
        ),
        ("program maj3 --export drambender:/dev/null", "which is a device or a pipe"),
        ("program maj3 --export drambender:x --bank 99", "`bank` must be 0 to 15 for ddr4-2400"),
        (
            "primitives --t1 2",
            f"`delays` of MAJ3, 4 rows, random must be what {FILE} has: t1 1.5",
        ),
        ("primitives --best 0", "`best` must be a number above 0 and at most 1, not 0.0"),
        ("primitives --boxes short.csv", "short.csv, line 1 must have the columns rows_activated,"),
        ("primitives --boxes none.csv", "none.csv"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("short.csv").write_text("op,mean\nMAJ3,5\n", "utf-8")
    assert cli.main(["chips", *words.split()]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert message in printed.err
    assert not Path("x").exists()


RUN = ("run", "digits-mlp", "--limit", "60")


@pytest.mark.slow
def test_without_boxes_there_is_cost_and_what_was_published(
    data: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _json(capsys, "primitives", *FEW)["primitives"]
    for at in (None, data / "nothing"):
        if at is None:
            monkeypatch.delenv("PIMSIM_DATA")
        else:
            monkeypatch.setenv("PIMSIM_DATA", str(at))
        found = _json(capsys, "primitives", *FEW)
        assert found["assumptions"]["boxes"] == "none"
        for row, other in zip(found["primitives"], whole, strict=True):
            if row["name"].startswith(("maj", "c")):
                assert other["success_is"]
                success = [key for key in row if key.endswith("_percent")]
                assert len(success) == 4
                other = {**other, "success_is": None, **dict.fromkeys(success)}
            assert row == other
        assert cli.main(["chips", "primitives", *FEW]) == 0
        lines = capsys.readouterr().out.splitlines()
        (maj9,) = (line.split() for line in lines if line.split()[:2] == ["maj9", "32"])
        (nand,) = (line.split() for line in lines if line.split()[:2] == ["nand", "16"])
        assert maj9[-4:] == ["-"] * 4
        assert nand[-4:] == ["94.94", "-", "-", "-"]
        (told,) = (line for line in lines if "--boxes FILE.csv" in line)
        assert told.startswith("-: not known without --boxes FILE.csv, a CSV file of boxes with")


@pytest.mark.parametrize("words", ["groups", "groups --out x.json", "run digits-mlp"])
def test_without_boxes_no_group_is_drawn(
    words: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PIMSIM_DATA")
    assert cli.main(["chips", *words.split()]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "`--boxes` must be a CSV file of boxes with the columns op, rows_act" in printed.err
    assert f"(default: {FOLDER}/{FILE} in $PIMSIM_DATA)" in printed.err
    assert "CMU-SAFARI/SiMRA-DRAM (MIT licence)" in printed.err
    assert not list(tmp_path.iterdir())
    assert cli.main(["chips", *words.split(), "--boxes", "none.csv"]) == 2
    assert "none.csv" in capsys.readouterr().err


def test_a_program_that_is_not_whole_replaces_none(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "maj3.bin"
    path.write_bytes(b"before")

    def fail(words: object, to: Path) -> None:
        to.write_bytes(b"half")
        raise InputError("the disk is full")

    monkeypatch.setattr(bender_program, "save", fail)
    assert cli.main(["chips", "program", "maj3", "--export", f"drambender:{path}"]) == 2
    assert "the disk is full" in capsys.readouterr().err
    assert path.read_bytes() == b"before"
    assert [one.name for one in tmp_path.iterdir()] == ["maj3.bin"]


def test_a_program_needs_no_boxes(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIMSIM_DATA")
    assert cli.main(["chips", "program", "maj3"]) == 0
    assert "decides" in capsys.readouterr().out


def test_boxes_that_are_named_come_before_others(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usual = _json(capsys, "groups", "--rows", "4", "--t2", "1.5")
    monkeypatch.delenv("PIMSIM_DATA")
    named = _json(capsys, "groups", "--rows", "4", "--t2", "1.5", "--boxes", str(MADE))
    assert named["groups"] == usual["groups"]
    assert named["assumptions"]["boxes"] == MADE.name
    other = tmp_path / "other.csv"
    other.write_text(MADE.read_text("utf-8").replace("1.5,1.5,pct_bitlines_always_correct,62",
                                                     "1.5,1.5,pct_bitlines_always_correct,55"),
                     "utf-8")  # fmt: skip
    monkeypatch.setenv("PIMSIM_DATA", str(tmp_path))
    named = _json(capsys, "groups", "--rows", "4", "--t2", "1.5", "--boxes", str(other))
    assert named["groups"][0]["mean_percent"] == pytest.approx(55)


def test_a_network_on_chips_with_and_without_screening(capsys: Captured) -> None:
    found = _json(capsys, *RUN, "--rows", "4", "--t2", "1.5", "--best", "0.4", "--chips", "2")
    right = found["accuracy_error_free"]
    assert right > 0.9
    chips = {(one["best"], one["chip"]): one for one in found["chips"]}
    assert set(chips) == {(best, chip) for best in (1.0, 0.4) for chip in (0, 1)}
    for chip in (0, 1):
        bad, good = chips[1.0, chip], chips[0.4, chip]
        assert bad["success_least"] < 0.05  # a quarter of the groups never works
        assert bad["accuracy"] < right - 0.2
        assert good["success_least"] > 0.98
        assert good["accuracy"] > bad["accuracy"] + 0.2
    first = found["layers"][0]
    assert first["majorities"] > first["copies"] > 0
    assert first["majorities"] % 2 == 0  # in both polarities
    assert found["latency_ps"] == sum(
        one["compute_ps"] + one["channel_ps"] for one in found["layers"]
    )
    parts = found["energy_pj"]
    assert parts["total"] == pytest.approx(sum(v for k, v in parts.items() if k != "total"))
    assert found["latency_ps"] > found["ambit"]["latency_ps"]


def test_time_and_energy_of_a_network_by_hand(capsys: Captured) -> None:
    """One bank, no refresh: every majority and copy one after the other."""
    found = _json(capsys, *RUN, "--rows", "32", "--banks", "1", "--no-refresh", "--chips", "1",
                  "--best", "1")  # fmt: skip
    assert len(found["chips"]) == 1
    for one in found["layers"][:3]:
        # a majority on 32 rows, see test_chip_cost; 36 + 6 ns and tRAS + tRP a copy
        expected = one["majorities"] * 1_272_720 + one["copies"] * 88_161
        assert one["banks"] == 1
        assert one["compute_ps"] == pytest.approx(expected, rel=1e-4)


def test_the_screen_says_what_the_json_says(capsys: Captured) -> None:
    words = ["chips", *RUN, "--chips", "1"]
    assert cli.main(words) == 0
    shown = capsys.readouterr().out
    found = _json(capsys, *RUN, "--chips", "1")
    assert f"{100 * found['chips'][0]['accuracy']:.2f}" in shown
    assert f"{found['layers'][0]['majorities']:,}" in shown
    assert all(" ".join(text.split()) in " ".join(shown.split()) for text in found["assumed"])


@pytest.mark.parametrize(("width", "dark"), [(1100, False), (400, True)])
def test_a_network_on_chips_leaves_a_page(
    width: int, dark: bool, capsys: Captured, tmp_path: Path, browser_page: Callable[..., Any]
) -> None:
    words = [*RUN, "--chips", "2", "--best", "0.5"]
    found = _json(capsys, *words, "--out", str(tmp_path / "out"))
    assert found["html"] == str(tmp_path / "out" / "report.html")
    kept = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert kept == {name: value for name, value in found.items() if name != "html"}
    visit = browser_page(tmp_path / "out" / "report.html", width=width, dark=dark)
    text = visit.page.locator("body").inner_text()
    for one in kept["chips"]:
        assert f"{100 * one['accuracy']:.2f} %" in text
    for one in kept["layers"]:
        assert one["name"] in text
        assert f"{one['majorities']:,}" in text
    assert all(one[1:] in text for one in kept["assumed"])
    assert "pimsim chips run digits-mlp" in text
    assert visit.overflow() == 0
    visit.require_quiet()
    (tmp_path / "none").mkdir()
    assert cli.main(["chips", *words, "--out", str(tmp_path / "none"), "--no-html"]) == 0
    assert [path.name for path in (tmp_path / "none").iterdir()] == ["report.json"]


def test_a_table_of_groups_runs_a_network_and_a_sweep(
    capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = _json(capsys, "groups", "--rows", "4", "--t2", "1.5", "--best", "0.5",
                  "--out", "half.json")  # fmt: skip
    means = {one["best"]: one["mean_percent"] for one in found["groups"]}
    assert means[1.0] == pytest.approx(62)
    assert means[0.5] == pytest.approx(99.38, abs=0.01)
    words = ["run", "digits-mlp", "--limit", "60", "--failures", "half.json", "--json"]
    assert cli.main([*words, "--activation-rows", "4", "--standard", "ddr4-2400",
                     "--mapping", "output-stationary"]) == 0  # fmt: skip
    report = json.loads(capsys.readouterr().out)
    chips = _json(capsys, *RUN, "--rows", "4", "--t2", "1.5", "--best", "0.5", "--chips", "1")
    assert report["accuracy"] == chips["chips"][-1]["accuracy"]
    assert cli.main([*words, "--activation-rows", "8"]) == 2
    assert "half.json: " in capsys.readouterr().err
    Path("s.toml").write_text(
        'name = "s"\nmeasure = "accuracy"\n[fixed]\nnetwork = "digits-mlp"\nimages = 60\n'
        'activation_rows = 4\n[axes]\nfailures = ["half.json"]\n[stop]\ntrials = 2\n'
        "least_trials = 2\n",
        "utf-8",
    )
    assert cli.main(["sweep", "s.toml", "--out", "swept", "--workers", "1", "--json"]) == 0
    (point,) = json.loads(capsys.readouterr().out)["points"]
    assert point["estimate"] > 90
    assert point["counts"]["images"] == 120
