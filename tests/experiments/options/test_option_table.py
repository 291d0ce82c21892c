"""The table of options: each is what a dataclass has, reaches it, and is stated in reports."""

from __future__ import annotations

import argparse
import re
from dataclasses import fields
from typing import Any

import pytest

from bnn.mapping.choice import names
from bnn.system.mitigation import NONE, Mitigation
from experiments.options import dram, table
from experiments.options.option import Option
from experiments.options.parser import Parser
from experiments.sweep.measures import fields as swept
from experiments.sweep.measures import networks
from pimsim.cost import assumptions
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load

OF_THE_PART = ("banks", "energy")
"""Defaults that depend on the standard."""


def _parser() -> argparse.ArgumentParser:
    parser = Parser()
    dram.add_dram(parser)
    dram.add_mitigation(parser)
    return parser


def _another(option: Option) -> Any:
    """A value that is not the default."""
    if option.kind is bool:
        return not option.default
    if option.choices:
        return option.choices[-1 if option.default == option.choices[0] else 0]
    assert option.range is not None
    return option.range.least if option.default is None else option.range.least + 1


def _words(option: Option, value: Any) -> list[str]:
    flag = f"--{option.name.replace('_', '-')}"
    if option.kind is bool:
        return [flag if value else flag.replace("--", "--no-", 1)]
    return [flag, str(value)]


def test_every_field_of_the_model_is_an_option_with_the_same_default() -> None:
    known = {field.name: field.default for field in fields(ModelOptions)}
    assert {option.name for option in table.MODEL} == set(known)
    for option in table.MODEL:
        if option.name not in OF_THE_PART:
            assert option.default == known[option.name], option.name


def test_every_field_of_a_mitigation_is_an_option_with_the_same_default() -> None:
    stated = {option.name: option.default for option in table.MITIGATION}
    assert stated == {field.name: getattr(NONE, field.name) for field in fields(Mitigation)}


@pytest.mark.parametrize("option", table.MODEL, ids=lambda option: option.name)
def test_an_option_of_the_model_reaches_command_line_sweep_and_report(option: Option) -> None:
    standard = load("ddr4-2400" if option.name == "energy" else "ddr3-1600-8-8-8")
    value = "datasheet" if option.name == "energy" else _another(option)
    _, options = dram.chosen_dram(
        _parser().parse_args(["--standard", standard.name, *_words(option, value)])
    )
    assert getattr(options, option.name) == value
    _, of_sweep = networks.dram({"standard": standard.name, option.name: value})
    assert of_sweep == options
    usual = assumptions(standard, ModelOptions.of(standard, banks=2))
    stated = assumptions(standard, options)
    name = "decoder" if option.name == "split_decoder" else option.name
    assert name in stated
    assert stated[name] != usual[name] or option.name == "energy"
    assert swept.named(option.name).help


@pytest.mark.parametrize("option", table.MITIGATION, ids=lambda option: option.name)
def test_a_mitigation_reaches_command_line_and_sweep(option: Option) -> None:
    value = _another(option)
    chosen = dram.chosen_mitigation(_parser().parse_args(_words(option, value)))
    assert getattr(chosen, option.name) == value
    assert networks.mitigation({option.name: value}) == chosen


def test_every_option_of_a_sweep_is_a_field_that_takes_the_default_of_its_own() -> None:
    known = swept.table()
    for option in table.SWEPT:
        assert option.swept is not None
        field = known[option.swept.name or option.name]
        if field.default is not None:
            assert field.value(field.default) == field.default
        assert field.label
        assert field.help


@pytest.mark.parametrize("name", names())
def test_help_names_every_mapping_and_every_way_to_choose(name: str) -> None:
    assert re.search(rf"\b{name}\b(?!-)", table.MAPPING.help), "say in MAPPING.help what it is"
