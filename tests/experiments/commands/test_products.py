"""``pimsim products``: the table, the object, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from experiments import cli
from pimsim.dram.array import address_map

SMALL = ("products", "--fan-in", "40", "--outputs", "8")


def _json(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, object]:
    assert cli.main([*argv, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_one_object_with_the_best_way_and_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, *SMALL)
    assert found["way"] == "output tree"
    ways = found["ways"]
    assert isinstance(ways, list)
    assert [way["way"] for way in ways] == ["full adders", "chains", "output tree"]
    keys = ("commands_per_product", "acts_per_product", "latency_ps_per_product",
            "energy_pj_per_product", "data_rows")  # fmt: skip
    for key in keys:
        assert found[key] == ways[-1][key]
    for key in keys[:-1]:
        assert ways[-1][key] < ways[0][key]
    assert {way["products"] for way in ways} == {320}
    assumptions = found["assumptions"]
    assert isinstance(assumptions, dict)
    assert assumptions["operands"] == "40 operands, 8 outputs, random weights, seed 0"


def test_a_map_of_ones_own_is_stated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.toml").write_text(address_map.text("three-dcc"), "utf-8")
    found = _json(capsys, *SMALL, "--address-map", str(tmp_path / "mine.toml"))
    assert isinstance(found["assumptions"], dict)
    assert "(mine.toml, SHA-256 " in found["assumptions"]["address_map"]
    assert (
        found["commands_per_product"]
        == _json(capsys, *SMALL, "--address-map", "three-dcc")["commands_per_product"]
    )


def test_a_table_of_every_map(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*SMALL, "--address-map", "all"]) == 0
    printed = capsys.readouterr().out
    for name in address_map.names():
        assert name in printed
    assert "rows moved between subarrays read and written over the channel" in " ".join(
        printed.split()
    )


def test_weights_of_a_file_and_of_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = np.random.default_rng(1).choice([-1, 0, 1], (5, 30))
    np.save(tmp_path / "w.npy", weights)
    np.savez(tmp_path / "w.npz", other=np.ones(3), mine=weights)
    for given in (["w.npy"], ["w.npz", "--layer", "mine"]):
        found = _json(capsys, "products", "--weights", str(tmp_path / given[0]), *given[1:])
        assert found["products"] == np.count_nonzero(weights)
    found = _json(capsys, "products", "--weights", "mnist-cnn", "--layer", "conv1", "--bits", "8")
    assert found["products"] == 9 * 32 * 8
    assert isinstance(found["commands_per_product"], float)
    assert found["commands_per_product"] < 2.4


def test_exchanging_outputs_helps_and_is_seeded(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ("products", "--fan-in", "30", "--outputs", "18", "--climb")
    plain, better, again = (_json(capsys, *argv, tries) for tries in ("0", "25", "25"))
    assert isinstance(plain["commands_per_product"], float)
    assert isinstance(better["commands_per_product"], float)
    assert better["commands_per_product"] < plain["commands_per_product"]
    assert better == again


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (("--fan-in", "1"), "`--fan-in` must be an integer from 2 to 65,536, not 1"),
        (("--operands", "cells"), "`--operands` must be one of folded, rows, not 'cells'"),
        (("--operands", "rows", "--bits", "8"), "`--bits` must not come with --operands rows"),
        (("--layer", "conv1"), "`--layer` needs --weights"),
        (("--weights", "mnist-cnn"), "`--layer` must be given with a network, one of conv1, conv2"),
        (("--weights", "mnist-cnn", "--layer", "conv9"), "did you mean 'conv"),
        (("--weights", "mnist-cnn", "--layer", "conv2", "--fan-in", "9"),
         "`--fan-in` must be 288, as --weights has it, not 9"),
        (("--weights", "none.npy"), "`--weights` must be an existing file, not 'none.npy'"),
        (("--weights", "mnist-cnn", "--layer", "conv2", "--seed", "3"), "`--seed` needs random"),
        (("--address-map", "none"), "`address_map` must be one of"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(
    argv: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["products", *argv]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert text in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("content", ["text", "objects", "floats"])
def test_other_files_of_weights_are_refused(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.npy"
    if content == "text":
        path.write_text("no numbers", "utf-8")
    elif content == "objects":
        np.save(path, np.array([[{}]], dtype=object), allow_pickle=True)
    else:
        np.save(path, np.array([[0.5, 1.0]]))
    assert cli.main(["products", "--weights", str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("pimsim: error: `--weights` must")
    assert printed.err.count("\n") == 1
