"""What a chain takes at least is never more than it takes, and passing it over changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from bnn import zoo
from bnn.larq.model_file import read_model
from bnn.lowering.lower import lower
from bnn.lowering.stage import Stage
from bnn.mapping import choice, selection
from bnn.mapping.chain import choice as chain
from bnn.mapping.chain.bound import at_least
from bnn.mapping.dataflows import output_stationary
from bnn.model.network import Network
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard, load

from .chained import DDR3, NARROW, SHALLOW, mlp

NETWORKS = {
    "digits-mlp": lambda: read_model(zoo.locate("digits-mlp")),
    "wide": lambda: mlp(64, 40, 24, 5),
    "deep": lambda: mlp(9, 8, 12, 8, 7, 4),
}
CASES = [
    ("digits-mlp", DDR3, 40, {}),
    ("digits-mlp", DDR3, 700, {"refresh": False}),
    ("digits-mlp", NARROW, 700, {"faw": False, "banks": 3}),
    ("wide", load("ddr4-2400"), 3000, {"energy": "datasheet"}),
    ("wide", load("hbm2"), 300, {"banks": 64}),
    ("wide", replace(DDR3, ranks=2), 70_000, {"banks": 16}),
    ("wide", NARROW, 1500, {"split_decoder": False}),
    ("wide", DDR3, 70_000, {"clocked": True}),
    ("wide", load("lpddr4-3200"), 9000, {"acts_per_aap": 1}),
    ("deep", SHALLOW, 600, {}),
    ("deep", NARROW, 5000, {"banks": 2, "energy": "datasheet"}),
    ("deep", load("ddr5-4800"), 20, {}),
]


def _case(name: str, standard: Standard, options: dict[str, Any]) -> tuple[Network, Any, System]:
    encoding = ENCODINGS["symmetric"] if name == "digits-mlp" else None
    return NETWORKS[name](), encoding, System(standard, ModelOptions.of(standard, **options))


@pytest.mark.parametrize(("name", "standard", "images", "options"), CASES)
def test_no_chain_takes_less(
    name: str, standard: Standard, images: int, options: dict[str, Any]
) -> None:
    network, encoding, system = _case(name, standard, options)
    stages = [stage for stage in lower(network, encoding) if isinstance(stage, Stage)]
    mapped = [output_stationary.map_stage(stage, system, images) for stage in stages]
    least = at_least([some for (some,) in mapped], system, images)
    found = chain.choose(output_stationary.name, stages, system, images, 0, "auto")
    assert found.books is not None, found.refused
    assert found.chained_ps is not None
    assert 0 < least.bare_ps <= found.chained_ps
    offered = choice.offer(found.books, system)
    assert least.latency_ps <= offered.latency_ps
    assert least.energy_pj <= offered.energy_pj


@pytest.mark.parametrize(
    ("name", "standard", "images", "options", "way"),
    [
        (*case, way)
        for case in CASES
        for way in ("auto", *(["auto-latency"] if case[2] < 60 else []))
    ],
)
def test_what_is_passed_over_would_not_be_chosen(
    name: str, standard: Standard, images: int, options: dict[str, Any], way: str
) -> None:
    network, encoding, system = _case(name, standard, options)

    def found() -> dict[str, Any]:
        return selection.select(way, network, encoding, system, images, "auto").found

    ours = found()
    with patch.object(selection._Choosing, "_is_below", return_value=False):
        assert found() == ours


def test_chains_that_lose_by_far_are_not_laid_out() -> None:
    network, encoding, system = _case("wide", DDR3, {})
    with patch.object(chain, "choose", wraps=chain.choose) as choose:
        selection.select("auto", network, encoding, system, 70_000, "auto")
    assert [call.args[0] for call in choose.call_args_list] == ["output-tree"]
