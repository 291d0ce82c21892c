"""``--address-map``: what is listed, what runs on it, what reports say of it, what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pimsim as python
from experiments import cli
from pimsim.dram.array import address_map
from pimsim.errors import InputError

pytestmark = pytest.mark.usefixtures("undrawn")

MODELS = Path(__file__).parents[2] / "saved_models"

STAYING = ("--mapping", "output-stationary")
"""Counts with adders that all maps have; other mappings have shorter ones on some."""

Report = dict[str, Any]
Pimsim = Callable[..., Report]
Refusal = Callable[..., str]

AMBIT = address_map.text("ambit")
NO_NOT = "\n".join(line for line in AMBIT.splitlines() if '"!' not in line)
NO_MAJORITY = "\n".join(line for line in AMBIT.splitlines() if not line.startswith("B1"))
NO_ADDER = "\n".join(line for line in AMBIT.splitlines() if not line.startswith("B15"))
OTHER_B8 = AMBIT.replace('B8 = ["!DCC0", "T0"]', 'B8 = ["!DCC0", "T2"]')
LOST = {"xor", "xnor", "select", "full-adder", "full-adder-not-c", "add", "subtract", "equal",
        "min", "max", "if-then-else", "popcount", "popcount-simdram", "add-simdram",
        "subtract-simdram", "multiply", "multiply-simdram"}  # fmt: skip


def small(*argv: str | Path) -> tuple[str | Path, ...]:
    """A network of 100, 37, 50 and 10 values, and images without labels."""
    return (MODELS / "mlp.h5", "--data", MODELS / "mlp.npz", "--limit", "4", *argv)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write a map of one's own; its path."""
    monkeypatch.chdir(tmp_path)

    def written(text: str) -> str:
        Path("mine.toml").write_text(text, "utf-8")
        return "mine.toml"

    return written


# -- what there is -------------------------------------------------------------------------------


def test_maps_are_listed_shown_and_printed_to_be_edited(
    capsys: pytest.CaptureFixture[str], mine: Callable[[str], str]
) -> None:
    assert cli.main(["address-maps", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["address_maps"]
    assert [one["name"] for one in listed] == [*address_map.names()]
    (ambit,) = (one for one in listed if one["name"] == "ambit")
    assert (ambit["cells"], ambit["wordlines"], ambit["addresses"]) == (6, 8, 16)
    assert ambit["addresses_raise"]["B8"] == ["!DCC0", "T0"]
    assert cli.main(["address-maps"]) == 0
    table = capsys.readouterr().out
    assert all(f" {name} " in table for name in address_map.names())
    assert cli.main(["address-maps", "ambit"]) == 0
    rows = [line.split()[:4] for line in capsys.readouterr().out.splitlines()]
    assert ["B14", "DCC0", "T1", "T2"] in rows
    assert cli.main(["address-maps", "three-dcc", "--toml"]) == 0
    text = capsys.readouterr().out
    assert address_map.load(Path(mine(text))) == address_map.load("three-dcc")


# -- running on it -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", address_map.names())
def test_a_network_computes_the_same_in_the_same_commands(name: str, pimsim: Pimsim) -> None:
    counted = small(*STAYING)
    plain, own = pimsim(*counted), pimsim(*counted, "--address-map", name)
    assert own["bit_exact"] is True
    for key in ("commands", "latency_ps", "energy_pj", "sums_checked"):
        assert own[key] == plain[key]
    assert "address_map" not in plain["assumptions"]
    stated = own["assumptions"].pop("address_map")
    assert stated == f"{name}: {address_map.load(name).source}"
    assert own["assumptions"] == plain["assumptions"]


def test_a_map_of_ones_own_under_other_names_runs_and_is_stated_with_its_digest(
    mine: Callable[[str], str], pimsim: Pimsim
) -> None:
    renamed = AMBIT.replace('name = "ambit"', 'name = "mine"').replace("T1", "DCCX")
    for old, new in (("B8 =", "B =X"), ("B9 =", "B8 ="), ("B =X", "B9 ="), ("B12", "TRIPLE")):
        renamed = renamed.replace(old, new)
    file = mine(renamed)
    for executor in ("compiled", "reference"):
        done = pimsim(*small("--address-map", file, "--executor", executor))
        assert done["bit_exact"] is True
        held = hashlib.sha256(renamed.encode()).hexdigest()
        assert done["assumptions"]["address_map"] == (
            f"mine: Seshadri et al., MICRO 2017, Table 1 (mine.toml, SHA-256 {held})"
        )
    estimated = pimsim(*small("--address-map", file, "--cost-only"))
    assert estimated["commands"] == done["commands"]
    assert estimated["assumptions"]["address_map"] == done["assumptions"]["address_map"]


def test_python_takes_it_by_name_and_by_path(mine: Callable[[str], str]) -> None:
    assert python.address_maps() == address_map.names()
    assert python.address_map("ambit") is address_map.ambit()
    path = Path(mine(address_map.text("three-dcc")))
    for given in ("three-dcc", path):
        done = python.estimate("digits-mlp", address_map=given)
        assert done.report["assumptions"]["address_map"].startswith("three-dcc: derived here")
    with pytest.raises(InputError, match=r"^`address_map` must be one of ambit, .*, not 'fax'$"):
        python.run("digits-mlp", address_map="fax")


def test_primitives_are_those_that_the_map_has_addresses_for(
    mine: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    def found(*argv: str) -> Report:
        assert cli.main(["primitives", "--json", *argv]) == 0
        shown: Report = json.loads(capsys.readouterr().out)
        return shown

    every, own = found(), found("--address-map", mine(NO_ADDER))
    assert "refused" not in every
    assert own["assumptions"].pop("address_map").startswith("ambit: Seshadri et al.")
    assert own["assumptions"] == every["assumptions"]
    assert own["primitives"] == [one for one in every["primitives"]
                                 if one["name"] not in own["refused"]]  # fmt: skip
    assert own["refused"].keys() == LOST - {"select"}
    assert own["refused"]["xor"] == (
        "program 'xor' cannot run on the address map 'ambit': no address raises DCC1, T0 and T3 "
        'together, as B15 of \'ambit\' does: add `B15 = ["DCC1", "T0", "T3"]` under [addresses]'
    )
    assert cli.main(["primitives", "--address-map", "mine.toml"]) == 0
    assert "program 'equal' cannot run on the address map" in " ".join(
        capsys.readouterr().out.split()
    )


def test_majorities_on_both_bitlines_are_named_where_commands_fail(
    mine: Callable[[str], str], pimsim: Pimsim
) -> None:
    more = 'MIXED = ["!DCC0", "T1", "T2"]\n'
    file = mine(AMBIT + more)
    failing = ("--variation", "8", "--address-map")
    found = [pimsim(*small(*failing, name))["assumptions"] for name in (file, "ambit")]
    assert found[0]["majorities_on_both_bitlines"] == (
        "MIXED: as often wrong as if all cells were on one, which is too good"
    )
    assert "majorities_on_both_bitlines" not in found[1]
    assert "majorities_on_both_bitlines" not in pimsim(*small("--address-map", file))["assumptions"]


@pytest.mark.slow
def test_a_failing_run_has_the_same_faults_on_a_map_that_opens_five(pimsim: Pimsim) -> None:
    plain, five = (
        pimsim(*small("--variation", "12", "--noise-mv", "6", "--chip", "2", *STAYING, *more))
        for more in ((), ("--address-map", "five-row"))
    )
    assert five["faults"] == plain["faults"]
    assert five["commands"] == plain["commands"]


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            NO_NOT,
            "address map 'ambit' must have a NOT: a cell that one address opens to the bitline, "
            "and another one to its complement; add such as `N0 = [\"!T0\"]` under [addresses]",
        ),
        (
            NO_MAJORITY,
            "address map 'ambit' must have a majority: an address that raises three wordlines; "
            'add one such as `M0 = ["T0", "T1", "T2"]` under [addresses]',
        ),
        (
            AMBIT.replace("C0 = 0\n", ""),
            "address map 'ambit' must have a row of the constant 0: add `C0 = 0` under [constants]",
        ),
        (
            NO_ADDER,
            "no address raises DCC1, T0 and T3 together, as B15 of 'ambit' does: "
            'add `B15 = ["DCC1", "T0", "T3"]` under [addresses]',
        ),
        (
            OTHER_B8,
            "no address raises !DCC0 and T0 together, as B8 of 'ambit' does: "
            'add `B8_ = ["!DCC0", "T0"]` under [addresses]',
        ),
        (
            AMBIT + "".join(f'X{i} = ["T0"]\n' for i in range(1006)),
            "1025 rows, one more than addresses and constants of the address map 'ambit', not ",
        ),
        ("cells = [", "mine.toml is not a TOML file: "),
        (AMBIT.replace('"T3"]', '"T9"]'), "mine.toml: B3: a wordline must be a cell, or ! and a "),
        ("a" * (1 << 21), "`address_map` 'mine.toml' must be at most 1 MiB, which it exceeds"),
        (f"cells = {'[' * 5000}", "mine.toml must not be nested as deeply as it is"),
        (
            AMBIT.replace('["T0"]', f'["{"T" * 9999}"]'),
            "mine.toml: B0: a wordline must be a cell, or ! and a cell, not 'TTTTTTTTTTTTTTTTTTT",
        ),
    ],
)  # fmt: skip
def test_a_map_that_will_not_do_is_one_line(
    text: str, message: str, mine: Callable[[str], str], refusal: Refusal
) -> None:
    line = refusal(*small("--address-map", mine(text)))
    assert line.startswith("pimsim: error: ")
    assert message in line
    assert len(line) < 300
    assert tuple(Path().iterdir()) == (Path("mine.toml"),)


def test_an_unknown_name_is_refused_with_the_known_ones(refusal: Refusal) -> None:
    known = ", ".join(address_map.names())
    assert refusal(*small("--address-map", "three-dc")) == (
        f"pimsim: error: `address_map` must be one of {known} or the path of a .toml file, "
        "not 'three-dc'; did you mean 'three-dcc'?"
    )


@pytest.mark.parametrize("text", [NO_NOT, NO_MAJORITY], ids=["no-not", "no-majority"])
def test_primitives_need_a_map_that_computes(
    text: str, mine: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["primitives", "--address-map", mine(text)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("pimsim: error: address map 'ambit' must have a ")
    assert printed.err.count("\n") == 1
