"""The page of unmodified chips: made of what runs came to, with boxes that lie beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.output import sheets
from experiments.pages import chips
from experiments.pages.page import Row
from pimsim.errors import InputError

DOCS = Path(__file__).parents[3] / "docs"
SHOWN = sheets.read(DOCS / chips.TABLE)


@pytest.mark.chips
@pytest.mark.slow
def test_what_is_shown_is_simulated_anew() -> None:
    found = chips.simulated([(4, 1.5)])
    again = [next((new for new in found if _of(new) == _of(row)), row) for row in SHOWN]
    assert found[0] in SHOWN
    assert chips.text(again) == (DOCS / "off-the-shelf.md").read_text("utf-8")


def _of(row: Row) -> tuple[str, str]:
    return row["rows"], row["t2_ns"]


def test_every_case_is_shown() -> None:
    assert [_of(row) for row in SHOWN] == [(str(rows), f"{t2:g}") for rows, t2 in chips.CASES]


def test_what_is_said_of_screening_follows_from_the_table() -> None:
    made_up = [
        {**row, "all_percent": "50", "better_percent": "40", "latency_ms": "10"} for row in SHOWN
    ]
    made_up[-2] |= {"all_percent": "90.4", "latency_ms": "200"}
    made_up[0] |= {"better_percent": "89.8", "latency_ms": "50"}
    said = " ".join(chips.text(made_up).split())
    assert "would take 32 rows at 1.5 and 3 ns. With half of the groups given up, 4 rows at" in said
    assert (
        "4 rows at 1.5 and 3 ns are as good as that without screening, in 25% of the time" in said
    )


def test_without_boxes_the_page_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chips, "location", lambda: None)
    with pytest.raises(InputError, match=r"the page of chips needs .*simra_success_boxstats\.csv"):
        chips.simulated()
