"""Fields that follow from what is varied, and scripts that sweep without a guard."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import cli
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load

PARTS = ("ddr4-2400", "ddr3-1600-8-8-8", "hbm2")
SPEC = f"""
name = "parts"
measure = "cost"
quantity = "latency"
[fixed]
network = "digits-mlp"
faw = true
[axes]
standard = {list(PARTS)}
"""


def test_what_follows_from_a_part_is_told_point_by_point(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "parts.toml").write_text(SPEC, "utf-8")
    out = tmp_path / "out"
    assert cli.main(["sweep", str(tmp_path / "parts.toml"), "--out", str(out)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    own = {name: ModelOptions.of(load(name)) for name in PARTS}
    assert len({one.banks for one in own.values()}) > 1
    assert len({one.energy for one in own.values()}) > 1
    assert f"banks by point: {', '.join(str(one.banks) for one in own.values())}" in said
    with (out / "results.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["standard"]: (row["banks"], row["energy"]) for row in rows} == {
        name: (str(one.banks), one.energy) for name, one in own.items()
    }
    assert {row["network"] for row in rows} == {"digits-mlp"}
    found = json.loads((out / "results.json").read_text("utf-8"))
    fixed = {one["field"] for one in found["fixed"]}
    assert "network" in fixed
    assert not fixed & {"banks", "energy"}
    assert [point["following"]["banks"] for point in found["points"]] == [
        own[name].banks for name in PARTS
    ]


@pytest.mark.slow
def test_a_script_without_a_guard_is_run_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import pathlib, pimsim\n"
        f"with open({str(tmp_path / 'ran')!r}, 'a') as file:\n"
        "    print('ran', file=file)\n"
        f"found = pimsim.sweep(pathlib.Path({str(tmp_path / 'parts.toml')!r}), workers=2)\n"
        "print(len(found.points))\n",
        "utf-8",
    )
    (tmp_path / "parts.toml").write_text(SPEC, "utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(len(PARTS))]
    assert (tmp_path / "ran").read_text("utf-8") == "ran\n"
