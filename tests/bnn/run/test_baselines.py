"""Host baselines: figures worked by hand, and what more reuse may and may not do."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bnn.run.baselines import (
    Baseline,
    LayerWork,
    Processor,
    break_even_reuse,
    reuse_aware,
    streaming,
)
from bnn.system.system import System
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard import standard

G888 = standard.load("ddr3-1600-8-8-8")
K111 = standard.load("ddr3-1600-11-11-11")
PAPER = ModelOptions(refresh=False)
PART = ModelOptions(energy="datasheet")
HOST = Processor()


def _dense(inputs: int, outputs: int, operand_bits: int = 1, out_bits: int = 1) -> LayerWork:
    return LayerWork(
        f"dense {inputs}x{outputs}",
        macs=inputs * outputs,
        operand_bits=operand_bits,
        weight_bits=inputs * outputs,
        input_bits=inputs * operand_bits,
        output_bits=outputs * out_bits,
    )


def _channel_pj(baseline: Baseline) -> float:
    return baseline.total_pj - baseline.energy_pj["processor"]


def _bits(baseline: Baseline, way: str) -> int:
    found = baseline.assumptions[f"{way}_bits"]
    assert isinstance(found, int)
    return found


# Worked by hand


@pytest.mark.parametrize(("operand_bits", "pj_per_mac"), [(1, 10.79), (8, 48.56)])
def test_streaming_fetches_both_operands_of_every_mac(operand_bits: int, pj_per_mac: float) -> None:
    # 44.2 nJ/KB is 5.3955 pJ a bit: 2 bits of a binary MAC, 9 of one with an 8-bit operand.
    layer = _dense(1024, 1024, operand_bits)
    baseline = streaming([layer], 100, HOST, System(G888, PAPER))
    assert _bits(baseline, "read") == 100 * layer.macs * (operand_bits + 1)
    assert _bits(baseline, "written") == 100 * 1024
    write_pj = _bits(baseline, "written") * 49_500 / 8192
    read_pj = _channel_pj(baseline) - write_pj
    assert read_pj / (100 * layer.macs) == pytest.approx(pj_per_mac, abs=0.01)


def test_streaming_runs_at_the_speed_of_the_channel() -> None:
    # 12.8 GB/s: 64 bytes every 5 ns. 1000 images x 2^20 MACs x 2 bits = 4,096,000 bursts,
    # and 1000 x 1024 bits of results = 2,000 bursts.
    baseline = streaming([_dense(1024, 1024)], 1000, HOST, System(G888, PAPER))
    peak_ps = (4_096_000 + 2_000) * 5_000
    assert peak_ps <= baseline.latency_ps <= 1.015 * peak_ps  # all banks change rows together
    assert baseline.assumptions["bound"] == "channel"


def test_reuse_aware_is_bound_by_its_peak() -> None:
    # 2^30 MACs at 4 cores x 3 GHz x 512: 174.76 us; 128 KB of weights and 128 KB of images
    # cross the channel in 20 us.
    baseline = reuse_aware([_dense(1024, 1024)], 1024, HOST, System(G888, PAPER))
    assert baseline.assumptions["bound"] == "compute"
    assert baseline.assumptions["peak_binary_macs_per_s"] == 6.144e12
    assert baseline.latency_ps == math.ceil(2**30 / 6.144e12 * 1e12)
    assert _bits(baseline, "read") == 2 * 2**20
    assert _bits(baseline, "written") == 2**20
    # 3 instructions of 70 pJ and 16 lanes of 0.1 pJ for 512 products
    assert baseline.energy_pj["processor"] == pytest.approx(2**30 / 512 * 3 * 71.6)


def test_multi_bit_operands_are_computed_bit_by_bit() -> None:
    one = reuse_aware([_dense(512, 64)], 10, HOST, System(G888, PAPER))
    eight = reuse_aware([_dense(512, 64, operand_bits=8)], 10, HOST, System(G888, PAPER))
    assert eight.energy_pj["processor"] == pytest.approx(8 * one.energy_pj["processor"])


def test_waiting_for_the_processor_costs_standby_and_refresh() -> None:
    slow = replace(HOST, cores=1, clock_ghz=0.001)
    layers = [_dense(512, 512)]
    fast, waiting = (reuse_aware(layers, 8, host, System(K111, PART)) for host in (HOST, slow))
    idle_ps = waiting.latency_ps - fast.latency_ps
    standby_pj = waiting.energy_pj["background"] - fast.energy_pj["background"]
    assert standby_pj == pytest.approx(idle_ps * 8 * 1.5 * 50 * 1e-3, rel=1e-2)
    refresh_pj = waiting.energy_pj["refresh"] - fast.energy_pj["refresh"]
    assert refresh_pj == pytest.approx(idle_ps / 7.8e6 * 508_560, rel=1e-2)
    assert waiting.energy_pj["read_write"] == fast.energy_pj["read_write"]


# The schedule that moves less


def test_weights_beyond_the_cache_are_read_once_layer_by_layer() -> None:
    tiny = replace(HOST, cache_bytes=1024)  # 8192 bits
    layers = [_dense(512, 512), _dense(512, 10)]
    baseline = reuse_aware(layers, 100, tiny, System(G888, PAPER))
    weights = 512 * 512 + 512 * 10
    between = 100 * 512  # does not fit either: written and read
    assert _bits(baseline, "read") == weights + 100 * 512 + between
    assert _bits(baseline, "written") == 100 * 10 + between


def test_activations_beside_resident_weights_stay() -> None:
    layers = [_dense(512, 512), _dense(512, 10)]
    baseline = reuse_aware(layers, 10**6, HOST, System(G888, PAPER))
    assert _bits(baseline, "read") == 512 * 512 + 512 * 10 + 10**6 * 512
    assert _bits(baseline, "written") == 10**6 * 10


def test_activations_too_large_for_the_cache_spill() -> None:
    tiny = replace(HOST, cache_bytes=1024)
    wide = LayerWork("conv", 10**6, 1, weight_bits=9, input_bits=784, output_bits=10_000)
    baseline = reuse_aware([wide, _dense(10_000, 10)], 1, tiny, System(G888, PAPER))
    assert _bits(baseline, "written") == 10 + 10_000


# Laws

shapes = st.lists(st.integers(2, 600), min_size=2, max_size=5)


def _layers(widths: list[int]) -> list[LayerWork]:
    return [_dense(a, b) for a, b in pairwise(widths)]


@given(shapes, st.integers(1, 1000), st.sampled_from([PAPER, PART]), st.integers(1, 10**6))
def test_reuse_never_moves_more_than_streaming(
    widths: list[int], images: int, options: ModelOptions, cache_bytes: int
) -> None:
    host = replace(HOST, cache_bytes=cache_bytes)
    layers = _layers(widths)
    stream = streaming(layers, images, host, System(K111, options))
    reuse = reuse_aware(layers, images, host, System(K111, options))
    assert _bits(reuse, "read") <= _bits(stream, "read")
    assert _bits(reuse, "written") <= _bits(stream, "written")
    assert reuse.latency_ps <= stream.latency_ps
    assert reuse.energy_pj["processor"] == stream.energy_pj["processor"]
    bigger = reuse_aware(
        layers, images, replace(host, cache_bytes=2 * cache_bytes), System(K111, options)
    )
    moved = [_bits(one, "read") + _bits(one, "written") for one in (bigger, reuse)]
    assert moved[0] <= moved[1]


@given(shapes, st.integers(1, 1000), st.sampled_from([PAPER, PART]))
@example([53, 318, 114], 151, PART)
def test_parts_add_up_and_more_images_cost_more(
    widths: list[int], images: int, options: ModelOptions
) -> None:
    for model in (streaming, reuse_aware):
        once = model(_layers(widths), images, HOST, System(K111, options))
        twice = model(_layers(widths), 2 * images, HOST, System(K111, options))
        assert once.total_pj == pytest.approx(sum(once.energy_pj.values()))
        timing = K111.timing  # a refresh waits for the banks to be closed, too
        once_more_ps = timing.t_rfc_ps + timing.t_ras_ps + timing.t_rp_ps
        refresh_ps = 2 * once_more_ps if options.refresh else 0
        assert once.latency_ps <= twice.latency_ps <= 2 * once.latency_ps + 1 + refresh_ps
        assert once.total_pj <= twice.total_pj


@given(st.floats(0.5, 100), st.sampled_from([1, 8]), st.sampled_from([PAPER, PART]))
def test_at_the_break_even_both_take_the_same_energy(
    dram_pj: float, operand_bits: int, options: ModelOptions
) -> None:
    compute_pj = 3 * 71.6 / 512 * operand_bits
    layer = _dense(4096, 4096, operand_bits)
    reuse = break_even_reuse(dram_pj * layer.macs, [layer], HOST, System(G888, options))
    if reuse is None:
        assert dram_pj <= compute_pj
        return
    stream = streaming([layer], 1, HOST, System(G888, options))
    channel_pj = _channel_pj(stream) / layer.macs  # a few results among many operands
    host_pj = channel_pj / reuse + compute_pj
    if reuse > 1:
        assert host_pj == pytest.approx(dram_pj, rel=5e-3)
    else:
        assert host_pj <= dram_pj * (1 + 5e-3)


@pytest.mark.parametrize(
    ("operand_bits", "bits_of_weight", "real", "fetched", "lanes"),
    [
        (1, 1, False, 2, 1), (8, 1, False, 9, 8),
        (1, 4, False, 5, 4), (2, 3, False, 5, 6),  # a product for each bit with each
        (32, 32, True, 64, 32),  # a lane of 32 bits for each
    ],
)  # fmt: skip
def test_a_processor_fetches_and_multiplies_every_bit(
    operand_bits: int, bits_of_weight: int, real: bool, fetched: int, lanes: int
) -> None:
    layer = replace(_dense(512, 512, operand_bits), bits_of_weight=bits_of_weight, real=real)
    stream = streaming([layer], 3, HOST, System(G888, PAPER))
    assert _bits(stream, "read") == 3 * 512**2 * fetched
    assert stream.energy_pj["processor"] == pytest.approx(3 * 512 * lanes * 3 * 71.6)
    assert stream.assumptions["reuse"] == 1


def test_the_break_even_of_layers_is_that_of_their_products() -> None:
    """Few products of eight bits and many of one: nothing is rounded to the bits of a mean one."""
    layers = [_dense(64, 64, 8), _dense(256, 64)]
    fetched, lanes = 64 * 64 * 9 + 256 * 64 * 2, 64 * 64 * 8 + 256 * 64
    dram_pj, system = 2e5, System(G888, PAPER)
    expected = fetched * 44_200 / 8192 / (dram_pj - lanes / 512 * 3 * 71.6)
    assert expected > 1
    assert break_even_reuse(dram_pj, layers, HOST, system) == pytest.approx(expected)
    assert break_even_reuse(10 * dram_pj, layers, HOST, system) == 1


def test_comparison_for_the_report() -> None:
    baseline = streaming([_dense(64, 64)], 10, HOST, System(G888, PAPER))
    record = baseline.against(baseline.latency_ps // 2, baseline.total_pj / 4)
    assert record["speedup"] == pytest.approx(2, rel=1e-3)
    assert record["energy_ratio"] == pytest.approx(4)
    assert record["latency_ps"] == baseline.latency_ps
    assert record["energy_pj"] == baseline.total_pj
    stated = record["assumptions"]
    assert isinstance(stated, dict)
    assert all(f"processor_{field.name}" in stated for field in fields(Processor))
    assert stated["bin"] == "8-8-8"


def test_reuse_is_stated() -> None:
    layers, images = [_dense(1024, 1024)], 64
    assert streaming(layers, images, HOST, System(G888, PAPER)).assumptions["reuse"] == 1
    # 64 x 2^20 MACs of two bits; 2^20 bits of weights and 64 x 2^10 of images are read once.
    kept = reuse_aware(layers, images, HOST, System(G888, PAPER))
    assert kept.assumptions["reuse"] == 64 * 2**21 / (2**20 + 64 * 2**10)
    wide = reuse_aware([_dense(1024, 1024, 8)], images, HOST, System(G888, PAPER))
    assert wide.assumptions["reuse"] == 64 * 9 * 2**20 / (2**20 + 64 * 8 * 2**10)
