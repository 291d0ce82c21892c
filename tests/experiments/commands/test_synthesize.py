"""``pimsim synthesize``: programs found by search, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.cli import main
from pimsim.dram.array.address_map import load
from pimsim.microprogram.program import Program
from pimsim.synthesis.check import require_right
from pimsim.synthesis.known import load as known
from pimsim.synthesis.task import task

NO_NOT = """\
name = "no-not"
source = "a test"
cells = ["T0", "T1", "T2"]
[constants]
C0 = 0
C1 = 1
[addresses]
B0 = ["T0"]
B1 = ["T1"]
B2 = ["T2"]
B12 = ["T0", "T1", "T2"]
"""


def _json(capsys: pytest.CaptureFixture[str], *argv: str) -> dict:
    assert main(["synthesize", *argv, "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return json.loads(printed.out)


def test_it_prints_the_program_its_costs_and_what_is_proven(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["synthesize", "out = ~(a & b)"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.startswith("(a,B0)(b,B3)(C0,B6)[B15](B7,out)\n")
    said = " ".join(printed.out.split())
    assert "5 4 1 9 11 241.00 3.93 120.92" in said
    assert "optimal: no program has fewer than 5 commands" in said
    assert "rules: row commands of the address map ambit; the inputs a, b in rows that" in said
    assert "assumptions: standard ddr3-1600-8-8-8" in said


def test_json_has_what_a_program_needs(capsys: pytest.CaptureFixture[str]) -> None:
    functions = "s = v ^ b ^ c; k = maj(b, c, ~v)"
    told = {"start": "T2 = ~v, T3 = v", "end": "T2 = s, T3 = ~s"}
    found = _json(
        capsys, functions, "--map", "three-dcc", "--either", "s,k",
        *(f"--{key}={value}" for key, value in told.items()),
    )  # fmt: skip
    assert (found["commands"], found["bound"], found["optimal"]) == (5, 5, True)
    assert found["assumptions"]["address_map"].startswith("three-dcc")
    rows = load("three-dcc")
    program = Program.parse(
        "found", found["program"], inputs=("b", "c"), outputs=("k",), address_map=rows
    )
    wanted = task(functions, rows, either=("s", "k"), **told)
    require_right(wanted, program, tuple(found["complemented"]), seed=5)


def test_an_output_takes_the_row_of_the_input_with_its_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = _json(capsys, "a = a & b")
    assert found["program"].endswith(",a)")
    assert "the input a in the row that then takes the output of this name" in found["rules"]


def test_of_assigned_names_only_some_may_be_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "t = a & b; out = ~t", "--outputs", "out")
    assert found["program"].count("(") == 4
    assert ",t)" not in found["program"]


@pytest.mark.parametrize("minimise", ["commands", "activations", "latency", "energy"])
def test_whatever_is_minimised_is_said(capsys: pytest.CaptureFixture[str], minimise: str) -> None:
    found = _json(capsys, "out = ~a", "--minimise", minimise)
    assert (found["minimised"], found["optimal"], found["commands"]) == (minimise, True, 2)


def test_known_programs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    listed = _json(capsys, "--known")["known"]
    assert [one["name"] for one in listed] == [*known()]
    assert all(one["optimal"] == (one["commands"] == one["bound"]) for one in listed)
    assert [one["name"] for one in listed if not one["optimal"]] == ["count-ands"]
    assert main(["synthesize", "--known"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in known())


def test_one_is_searched_for_anew(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = _json(capsys, "--recompute", "and-not")["known"]
    assert found["program"] == known()["and-not"].commands
    assert main(["synthesize", "--recompute", "not"]) == 0
    assert capsys.readouterr().out.startswith("not: (a,B4)(B5,out)\n  optimal: ")


def test_what_differs_from_the_file_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from pimsim.synthesis import known as module

    longer = {"not": replace(known()["not"], commands="(a,B4)(B4,B0)(B5,out)", bound=3)}
    monkeypatch.setattr(module, "load", lambda: longer)
    assert main(["synthesize", "--recompute", "all"]) == 1
    assert capsys.readouterr().err == "not what known.toml says: not\n"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "give either functions, such as"),
        (["out = a", "--known"], "give either functions"),
        (["out = a & "], "an expression must go on with a name, a constant or `(`, not end"),
        (["a & b"], "an expression must be `NAME = ...`"),
        (["out = a", "--either", "oot"], "`either` must be among the outputs out, not 'oot'; did"),
        (["out = a", "--start", "T0 = q"], "not 'q'"),
        (["out = a ^ b", "--max-commands", "4"], "no program of up to 4 commands"),
        (["out = a", "--map", "ambitt"], "did you mean 'ambit'?"),
        (["out = a", "--scratch", "9"], "0 to 4"),
        (["out = a", "--memory-mb", "1"], "16 to"),
        (["--known", "--minimise", "energy"], "must not come with --known or --recompute"),
        (["--known", "--memory-mb", "64"], "must not come with --known: nothing is searched for"),
        (["--recompute", "xorr"], "did you mean 'xor'?"),
    ],
)
def test_bad_input_is_one_line(
    capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    assert main(["synthesize", *argv]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert said in printed.err


def test_a_map_without_not_is_refused_where_not_is_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "no-not.toml"
    file.write_text(NO_NOT)
    assert main(["synthesize", "out = a ^ b", "--map", str(file)]) == 2
    assert "the address map 'no-not' cannot express NOT" in capsys.readouterr().err
    file.write_text(NO_NOT.replace('B12 = ["T0", "T1", "T2"]', ""))
    assert main(["synthesize", "out = a & b", "--map", str(file)]) == 2
    assert "the address map 'no-not' has no majority" in capsys.readouterr().err
    file.write_text(NO_NOT)
    assert _json(capsys, "out = a & b", "--map", str(file))["commands"] == 4
