"""Sentences of a run that must be right whatever their numbers are: one of a thing, or several."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from experiments import cli
from experiments.html.run import page
from experiments.report import break_even

Report = dict[str, Any]
_ONE_OF_SEVERAL = re.compile(r"(?<![\d.,/])1 (?!(?:is|us|ms|ns|ps|AAP)\b)[a-z]+s\b")


def test_one_image_in_one_bank_is_no_plural(
    capsys: pytest.CaptureFixture[str], pimsim: Callable[..., Report]
) -> None:
    told = ["digits-mlp", "--limit", "1", "--banks", "1"]
    assert cli.main(["run", *told]) == 0
    printed = capsys.readouterr().out
    before = printed.split("assumptions:")[0]
    assert "at most 1 bank (" in before
    assert "1 subarray of each" in before
    assert _ONE_OF_SEVERAL.findall(before) == []
    made = page(pimsim(*told), "")
    texts = [made.summary, *made.answer, *(fact.note for fact in made.facts)]
    assert _ONE_OF_SEVERAL.findall(" ".join(map(str, texts))) == []


@pytest.mark.parametrize(
    ("least", "words"),
    [
        (3.0, "takes less energy than the DRAM if it uses each bit that it fetches more than 3 t"),
        (1.001, "takes less energy than the DRAM if it uses each bit that it fetches more than on"),
        (1.0, "takes less energy than the DRAM even if it uses each bit that it fetches only once"),
        (None, "takes more energy than the DRAM however often"),
    ],
)
def test_the_break_even_is_a_sentence(least: float | None, words: str) -> None:
    report = {
        "break_even_reuse": least,
        "baselines": {"reuse-aware": {"assumptions": {"reuse": 12.5}}},
    }
    said = break_even.words(report)
    assert words in said
    assert ("uses it 12.5 times" in said) == (least is not None)
