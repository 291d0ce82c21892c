"""What is promised of a change is what its command reports."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments import cli
from experiments.advice import told
from experiments.advice.ideas import IDEAS, Idea, Setup
from experiments.advice.ranking import advise
from tests.bnn.planned_once import planned_once

SHOWN = {"part": ("ddr3-1600-11-11-11", "ddr3-2133")}
"""Changes of an idea that are tried here, where others take seconds each."""


def _json(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert cli.main([*argv]) == 0
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    return loaded


@pytest.fixture(scope="module", autouse=True)
def _planned_once() -> Iterator[None]:
    """What is promised and what is run are planned in the same way."""
    with planned_once():
        yield


@pytest.mark.parametrize("idea", IDEAS, ids=lambda idea: idea.name)
def test_what_is_promised_is_what_the_command_reports(
    idea: Idea, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if idea.name in SHOWN:
        names = ("ddr3-1600-8-8-8", *SHOWN[idea.name])
        monkeypatch.setattr("pimsim.dram.standard.standard.names", lambda: names)
    options = ["--limit", "3", "--banks", "4", "--no-refresh"]
    network = "lenet5" if idea.name == "channels" else "digits-mlp"  # one without weights
    found = _json(capsys, "advise", network, *options, "--ideas", idea.name, "--json", "--top", "1")
    base = _json(capsys, *shlex.split(found["command"])[1:], "--json")
    assert base["latency_ps_per_image"] == found["latency_ps_per_image"]
    assert base["energy_pj_per_image"] == found["energy_pj_per_image"]
    assert base["assumptions"]["banks"] == 4
    assert base["assumptions"]["refresh"] is False
    assert found["advice"]
    gains = []
    for one in found["advice"]:
        assert one["idea"] == idea.name
        words = shlex.split(one["command"])[1:]
        assert words != shlex.split(found["command"])[1:]
        if one["refused"]:
            assert cli.main([*words, "--json"]) == 2
            assert one["refused"] in capsys.readouterr().err
            continue
        shown = _json(capsys, *words, "--json")
        assert shown["latency_ps_per_image"] == one["latency_ps_per_image"]
        assert shown["energy_pj_per_image"] == one["energy_pj_per_image"]
        assert shown["assumptions"]["energy"] == one["energy"]
        saved_ps = base["latency_ps_per_image"] - shown["latency_ps_per_image"]
        assert one["saved_ps_per_image"] == saved_ps
        ratio = base["latency_ps_per_image"] / shown["latency_ps_per_image"]
        assert one["speedup"] == ratio
        if one["energy"] == found["energy"]:
            saved_pj = base["energy_pj_per_image"] - shown["energy_pj_per_image"]
            assert one["saved_pj_per_image"] == saved_pj
            gains.append(ratio * base["energy_pj_per_image"] / shown["energy_pj_per_image"])
        else:
            assert one["energy_ratio"] is one["saved_pj_per_image"] is None
            gains.append(ratio)
    assert gains == sorted(gains, reverse=True)


def test_advice_is_shown_with_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["advise", "lenet5", "--limit", "1", "--ideas", "batch,mapping"]) == 0
    printed = capsys.readouterr().out
    assert "1. batches of " in printed
    assert "pimsim run lenet5 --cost-only --limit " in printed
    assert "as it is: " in printed
    assert " would not\nas it is: " in printed  # and none of which nothing can be made


def test_advice_leaves_a_page(
    tmp_path: Path, browser_page: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["advise", "digits-mlp", "--limit", "4", "--ideas", "batch,mapping,banks"]
    found = _json(capsys, *command, "--out", str(tmp_path / "out"), "--json")
    assert found["html"] == str(tmp_path / "out" / "report.html")
    kept = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert kept["advice"] == found["advice"]
    best = kept["advice"][0]
    for width, dark in ((1100, False), (400, True)):
        visit = browser_page(tmp_path / "out" / "report.html", width=width, dark=dark)
        text = visit.page.locator("body").inner_text()
        for one in kept["advice"]:
            assert one["change"] in text
        assert f"Most would be had by {best['change']}" in text
        assert best["command"] in text
        assert "pimsim advise digits-mlp" in text
        assert visit.overflow() == 0
        visit.require_quiet()
    assert cli.main([*command, "--out", str(tmp_path / "none"), "--no-html"]) == 0
    assert [path.name for path in (tmp_path / "none").iterdir()] == ["report.json"]
    assert "written to" in capsys.readouterr().out


def test_an_unknown_idea_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["advise", "lenet5", "--ideas", "batch,luck"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("pimsim: error: `--ideas` must be of batch, ")
    assert said.endswith("not 'luck'\n")


def test_nothing_helps_what_takes_nothing() -> None:
    """A change that is refused, or that brings nothing, is no advice."""
    found = advise(Setup("lenet5", {"--limit": "1", "--chain": "auto"}), only=("chain",))
    assert found.helpful == ()
    assert {one.setup.options["--chain"] for one in found.ranked} == {"always", "never"}
    assert told.looked_at(found).endswith("1 would not, 1 cannot be made")
    assert any(one.refused for one in found.ranked)  # a table of layers is never chained
