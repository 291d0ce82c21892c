"""The page that compares mappings is what the estimates of today say."""

from __future__ import annotations

from pathlib import Path

import pytest

from bnn import zoo
from bnn.mapping import MAPPINGS
from experiments.output import sheets
from experiments.pages import mappings as page

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_is_written_from_its_table() -> None:
    (rows,) = page.PAGE.read(DOCS)
    assert page.page(rows) == (DOCS / page.PAGE.file).read_text("utf-8")
    assert sheets.of_records(rows) == (DOCS / page.TABLE).read_text("utf-8")


def test_every_bundled_network_of_ten_thousand_images_is_compared() -> None:
    sizes = {"digits": 364, "mnist": page.IMAGES, "cifar10": page.IMAGES}
    bundled = {name for name in zoo.names() if sizes[zoo.entry(name).data] == page.IMAGES}
    assert set(page.NETWORKS) == bundled


def test_every_network_stands_in_the_table_under_every_mapping() -> None:
    (rows,) = page.PAGE.read(DOCS)
    totals = {(row["network"], row["way"]) for row in rows if row["layer"] == page.TOTAL}
    assert totals == {(name, way) for name in page.NETWORKS for way in (*MAPPINGS, "auto")}
    for name in page.NETWORKS:
        layers = [
            [row["layer"] for row in rows if (row["network"], row["way"]) == (name, way)]
            for way in page.WAYS
        ]
        assert all(each == layers[0] for each in layers)
        assert layers[0][-1] == page.TOTAL


@pytest.mark.parametrize(
    ("network", "ways"), [("mnist-cnn", page.WAYS), ("mnist-mlp", page.WAYS[:1])]
)
def test_the_table_is_what_is_booked_today(network: str, ways: tuple[str, ...]) -> None:
    found = page.simulated([network], ways)
    (rows,) = page.PAGE.read(DOCS)
    assert found == [row for row in rows if row["network"] == network and row["way"] in ways]


def test_the_figure_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "mappings.png"
    page.draw(*page.PAGE.read(DOCS), path)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
