"""Figures: drawn from a stored report, with the table behind each."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from experiments.figures import run


def _layer(name: str, where: str, latency_ps: int, **commands: int) -> dict[str, Any]:
    return {
        "name": name,
        "where": where,
        "mapping": "weight-stationary" if where == "dram" else None,
        "column_utilisation": 0.5 if where == "dram" else None,
        "macs": 1000,
        "commands": commands,
        "latency_ps": latency_ps,
        "energy_pj": 1.0,
    }


@pytest.fixture
def report() -> dict[str, Any]:
    return {
        "network": "mnist-mlp",
        "images": 1000,
        "throughput_images_per_s": 34_567.0,
        "energy_pj": {"total": 4.2e9, "activate_precharge": 3.0e9, "read_write": 1.2e9},
        "layers": [
            _layer("first", "dram", 12_000_000, AAP=980_000, AP=123_000, ACT=50, PRE=50, WR=6400),
            _layer("hidden", "dram", 8_000_000, AAP=640_000, AP=83_000),
            _layer("last", "dram", 3_000_000, AAP=13_000, AP=2_000, ACT=9, PRE=9, RD=1100),
            _layer("softmax", "host", 0),
        ],
        "baselines": {
            "streaming": {
                "latency_ps": 150_000_000_000,
                "energy_pj": 9.9e9,
                "speedup": 5.2,
                "energy_ratio": 2.36,
            },
            "reuse-aware": {
                "latency_ps": 200_000_000,
                "energy_pj": 4.4e8,
                "speedup": 0.00069,
                "energy_ratio": 0.105,
            },
        },
        "assumptions": {"standard": "ddr3-1600-8-8-8", "banks": 8, "faw": True, "refresh": False},
    }


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text of the figures that are saved."""
    found: list[str] = []
    save = Figure.savefig

    def saving(self: Figure, *args: Any, **kwargs: Any) -> None:
        save(self, *args, **kwargs)
        found.extend(t.get_text() for t in self.findobj(lambda a: hasattr(a, "get_text")))

    monkeypatch.setattr(Figure, "savefig", saving)
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_comparison_shows_the_run_and_both_baselines(
    report: dict[str, Any], tmp_path: Path, texts: list[str]
) -> None:
    picture, table = run.draw_comparison(report, tmp_path)
    dram, streaming, reuse = _rows(table)
    assert dram["system"] == "in DRAM"
    assert float(dram["throughput_images_per_s"]) == 34_567.0
    assert float(dram["energy_uj_per_image"]) == pytest.approx(4.2)
    assert streaming["system"] == "processor, streaming"
    assert float(streaming["throughput_images_per_s"]) == pytest.approx(1000 / 0.15)
    assert float(streaming["energy_uj_per_image"]) == pytest.approx(9.9)
    assert float(reuse["speedup_of_dram"]) == 0.00069
    for label in (
        "34.6 k", "6.67 k\nDRAM: 5.2x faster", "5 M\nDRAM: 1,449x slower",
        "4.2", "9.9\nDRAM: 2.36x less", "0.44\nDRAM: 9.52x more",
        "images / s", "uJ / image",
    ):  # fmt: skip
        assert label in texts
    assert any("tFAW on · refresh off" in text.replace("\xa0", " ") for text in texts)
    assert imread(picture).shape[1] > 1200


def test_layers_show_commands_per_image_and_share_of_time(
    report: dict[str, Any], tmp_path: Path, texts: list[str]
) -> None:
    picture, table = run.draw_layers(report, tmp_path)
    rows = _rows(table)
    assert [row["layer"] for row in rows] == ["first", "hidden", "last", "softmax"]
    assert float(rows[0]["AAP"]) == 980.0
    assert float(rows[0]["WR"]) == 6.4
    assert float(rows[2]["RD"]) == 1.1
    assert sum(float(row["latency_share"]) for row in rows) == pytest.approx(1.0)
    for label in ("AAP", "AP", "other", "1,110", "723", "none (on the host)",
                  "52.2%", "34.8%", "0.0%", "commands / image"):  # fmt: skip
        assert label in texts
    for kind in ("ACT", "PRE", "RD", "WR", "REF"):  # each less than 1 % of all, or none
        assert kind not in texts
    assert imread(picture).shape[1] > 1200


def test_pictures_grow_with_the_number_of_layers(report: dict[str, Any], tmp_path: Path) -> None:
    small = imread(run.draw_layers(report, tmp_path)[0]).shape[0]
    report["layers"] = report["layers"] * 5
    assert imread(run.draw_layers(report, tmp_path)[0]).shape[0] > 2 * small


def test_long_names_leave_room_for_the_bars(
    report: dict[str, Any], texts: list[str], tmp_path: Path
) -> None:
    """Layers that a host carries out together are named all; matplotlib would warn, an error."""
    names = ["+".join(f"layer_number_{i}" for i in range(40)), "x" * 300]
    for layer, name in zip(report["layers"], names, strict=False):
        layer["name"] = name
    _, table = run.draw_layers(report, tmp_path)
    assert [row["layer"] for row in _rows(table)][:2] == names
    assert not set(names) & set(texts)


def test_the_same_report_gives_the_same_bytes(report: dict[str, Any], tmp_path: Path) -> None:
    once, again = tmp_path / "once", tmp_path / "again"
    once.mkdir()
    again.mkdir()
    for one, other in zip(run.draw(report, once), run.draw(report, again), strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_run_without_commands_is_drawn(
    report: dict[str, Any], tmp_path: Path, texts: list[str]
) -> None:
    report["throughput_images_per_s"] = None
    report["energy_pj"] = {"total": 0.0}
    report["baselines"] = {}
    report["layers"] = [_layer("softmax", "host", 0)]
    assert all(path.stat().st_size > 0 for path in run.draw(report, tmp_path))
    assert texts.count("none") == 2
    (row,) = _rows(tmp_path / "comparison.csv")
    assert row["throughput_images_per_s"] == ""
