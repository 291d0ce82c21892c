from __future__ import annotations

import json

import pytest

from bnn import zoo
from bnn.tables import catalog
from experiments import cli


def test_every_network_is_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["networks"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    for name in zoo.names():
        one = zoo.entry(name)
        (line,) = (line for line in printed.out.splitlines() if line.strip().startswith(name))
        assert f"{one.parameters:,}" in line
        assert f"{100 * one.accuracy:.2f}" in line
        assert one.data in line


def test_json_says_the_same_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["networks", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["networks"]
    assert [row["name"] for row in rows] == list(zoo.names())
    for row in rows:
        one = zoo.entry(row["name"])
        assert row["parameters"] == one.parameters == sum(r["weights"] for r in row["layers"])
        assert row["keras_accuracy"] == one.accuracy
        assert row["file_bytes"] == one.path.stat().st_size
        assert row["data"] == one.data


def test_one_network_is_shown_by_its_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["networks", "mnist-mlp"]) == 0
    assert capsys.readouterr().out == zoo.entry("mnist-mlp").text
    assert cli.main(["networks", "mnist-mlp", "--json"]) == 0
    assert [r["name"] for r in json.loads(capsys.readouterr().out)["networks"]] == ["mnist-mlp"]


def test_an_unknown_network_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["networks", "lenet"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "pimsim: error: `network` must be one of cifar10-binarynet, digits-mlp, mnist-cnn, "
        f"mnist-lenet5, mnist-mlp, {', '.join(catalog.names())}, not 'lenet'; "
        "did you mean 'lenet5'?\n"
    )


# Tables


def test_every_table_is_listed_with_its_products(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["networks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert cli.main(["networks", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)["tables"]
    assert [record["name"] for record in records] == list(catalog.names())
    for record in records:
        table = catalog.entry(record["name"])
        (line,) = (line for line in lines if line.split()[:1] == [table.name])
        assert line.split()[-2:] == [f"{table.macs:,}", f"{table.weights:,}"]
        assert (record["macs"], record["weights"]) == (table.macs, table.weights)
        assert record["parameters"] == table.parameters
        assert sum(layer["macs"] for layer in record["layers"]) == table.macs
        assert sum(layer["weights"] for layer in record["layers"]) == table.weights


def test_the_layers_of_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["networks", "alexnet"]) == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["conv2", "5x5", "1", "2", "27x27x96", "27x27x256", "sign,", "max", "3x3",
            "223,948,800", "307,200"] in shown  # fmt: skip
    assert ["fc8", "1", "4096", "1000", "sums", "4,096,000", "4,096,000"] in shown
    assert cli.main(["networks", "alexnet", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["networks"] == []
    ((conv1, *_),) = (record["layers"] for record in found["tables"])
    assert conv1 == {
        "name": "conv1", "kind": "conv", "reads": ["input"], "input": [227, 227, 3],
        "output": [55, 55, 96], "kernel": 11, "stride": 4, "padding": "valid", "groups": 1,
        "macs": 105415200, "weights": 34848, "pool": [3, 2], "then": "sign, max 3x3",
    }  # fmt: skip
