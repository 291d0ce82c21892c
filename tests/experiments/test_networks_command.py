from __future__ import annotations

import json

import pytest

from bnn import zoo
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
        "pimsim: error: `network` must be one of digits-mlp, mnist-cnn, mnist-mlp, not 'lenet'\n"
    )
