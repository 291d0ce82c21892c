"""Baselines of bulk operations: bandwidth models by hand, and a measurement on a clock of ours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pimsim.baselines import measured
from pimsim.baselines.kernels import COMPILED, NUMPY
from pimsim.baselines.measured import (
    OPERATIONS,
    Machine,
    default_bytes,
    measure,
    this_machine,
)
from pimsim.baselines.systems import SYSTEMS, PublishedSystem
from pimsim.errors import InputError

# Bandwidth models


@pytest.mark.parametrize(
    ("name", "peak_gb_per_s", "and_gb_per_s"),
    [
        ("ddr3-1600", 12.8, 12.8 / 3),
        ("ddr3-2133", 17.07, 17.0667 / 3),
        ("skylake", 34.13, 0.549 * 34.1333 / 3),
        ("gtx-745", 28.8, 0.913 * 28.8 / 3),
        ("hmc-2.0", 320.0, 320 / 3),
    ],
)
def test_peaks_and_results_by_hand(name: str, peak_gb_per_s: float, and_gb_per_s: float) -> None:
    system = SYSTEMS[name]
    assert system.name == name
    assert system.peak_gb_per_s == pytest.approx(peak_gb_per_s, abs=0.005)
    assert system.throughput_gb_per_s(3) == pytest.approx(and_gb_per_s, rel=1e-4)
    assert system.throughput_gb_per_s(2) == pytest.approx(1.5 * and_gb_per_s, rel=1e-4)


def test_every_number_has_a_source() -> None:
    assert list(SYSTEMS) == ["ddr3-1600", "ddr3-2133", "skylake", "gtx-745", "hmc-2.0"]
    for system in SYSTEMS.values():
        assert system.channels >= 1
        assert system.channel_gb_per_s > 0
        assert 0 < system.efficiency <= 1
        assert len(system.peak_source) > 20
        assert system.efficiency_source.startswith(("bound: ", "derived: "))
        assert (system.efficiency == 1) == system.efficiency_source.startswith("bound: ")


def test_derived_efficiencies_follow_from_the_published_averages() -> None:
    # 8 banks x 8192 B over 2, 4, 4, 5, 5 AAPs of 49 ns, and 5 AAPs and 2 APs of 45 ns twice; an
    # operation moves 2 (NOT) or 3 operands.
    ambit = [65536 / ns for ns in (98, 196, 196, 245, 245, 335, 335)]
    moved = [2, 3, 3, 3, 3, 3, 3]
    mean = math.exp(math.fsum(math.log(a * n) for a, n in zip(ambit, moved, strict=True)) / 7)
    for name, published in (("skylake", 44.9), ("gtx-745", 32.0)):
        share = mean / SYSTEMS[name].peak_gb_per_s / published
        assert SYSTEMS[name].efficiency == pytest.approx(share, abs=5e-4)
    assert mean / SYSTEMS["hmc-2.0"].peak_gb_per_s / 2.4 == pytest.approx(1.10, abs=0.005)


@given(st.integers(2, 50), st.floats(0.01, 1.0), st.integers(1, 64), st.floats(0.1, 1e3))
def test_operands_and_result_never_exceed_the_peak(
    operands: int, efficiency: float, channels: int, each: float
) -> None:
    system = PublishedSystem("x", "X", channels, each, efficiency, "", "")
    moved = operands * system.throughput_gb_per_s(operands)
    assert moved == pytest.approx(efficiency * channels * each)


# The machine


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


_CACHE = "sys/devices/system/cpu/cpu0/cache"
_LINUX = {
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\nmodel name\t: Other\n",
    "proc/meminfo": "MemTotal:  9000 kB\nMemAvailable:    4096 kB\n",
    f"{_CACHE}/index0/size": "48K\n",
    f"{_CACHE}/index3/size": "8M\n",
    f"{_CACHE}/index4/size": "?\n",
}


def test_a_linux_machine(tmp_path: Path) -> None:
    found = this_machine(_write(tmp_path, _LINUX))
    assert found.model == "Some CPU @ 3 GHz"
    assert (found.cache_bytes, found.cache_source) == (8 * 2**20, "the system")
    assert found.free_bytes == 4096 * 1024
    assert found.threads >= 1


def test_a_control_group_limits_memory(tmp_path: Path) -> None:
    group = {"sys/fs/cgroup/memory.max": "3000000\n", "sys/fs/cgroup/memory.current": "1000000\n"}
    assert this_machine(_write(tmp_path, _LINUX | group)).free_bytes == 2_000_000
    free = {"sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.current": "1\n"}
    assert this_machine(_write(tmp_path, free)).free_bytes == 4096 * 1024


def test_a_machine_that_says_nothing(tmp_path: Path) -> None:
    found = this_machine(tmp_path)
    assert (found.cache_bytes, found.cache_source) == (measured.ASSUMED_CACHE_BYTES, "assumed")
    assert found.free_bytes == measured.ASSUMED_FREE_BYTES
    assert found.model


# The measurement

SMALL = Machine("Some CPU", 1, 2**20, "the system", 2**30)


@pytest.mark.parametrize("words", [1, 7, 1000, 3 * 32 * 2**10 + 5])
def test_loops_compute_what_they_say(words: int) -> None:
    a, b, result = (measured._filled(words, seed) for seed in range(3))
    ones = sum(int(word).bit_count() for word in ~(a ^ b))
    expected = {"not": ~a, "and": a & b, "xnor": ~(a ^ b)}
    for kernels in (NUMPY, COMPILED):
        for name in expected:
            result[:] = 0
            kernels[name](a, b, result)
            assert np.array_equal(result, expected[name])
    assert int(COMPILED["popcount"](a, b, result)) == sum(int(word).bit_count() for word in a)
    assert int(COMPILED["xnor-popcount"](a, b, result)) == ones
    assert list(COMPILED) == list(OPERATIONS)


def _ticks() -> Iterator[float]:
    """A clock on which the first runs of every loop take 9, 4, 2 and 3 s."""
    now = 0.0
    while True:
        for duration in (9.0, 4.0, 2.0, 3.0):
            yield now
            now += duration
            yield now


def test_rates_on_a_clock_of_ours() -> None:
    ticks = _ticks()
    done = measure(24_000, repeats=3, machine=SMALL, clock=lambda: next(ticks))
    assert done.total_bytes == 24_000
    assert done.caches == pytest.approx(24_000 / 2**20)
    assert {(rate.operation, rate.library) for rate in done.rates} == {
        *((name, "numpy") for name in NUMPY),
        *((name, "compiled") for name in OPERATIONS),
    }
    for rate in done.rates:
        assert rate.seconds == (4.0, 2.0, 3.0)  # the first run, 9 s, is not counted
        assert (rate.best_s, rate.spread_percent) == (2.0, 100.0)
        assert rate.array_bytes == 8000
        assert rate.binary_ops_per_s == 32_000
    best = done.best()
    assert list(best) == list(OPERATIONS)
    assert best["and"].output_gb_per_s == pytest.approx(4e-6)
    assert best["and"].moved_gb_per_s == pytest.approx(12e-6)
    assert best["not"].moved_gb_per_s == pytest.approx(8e-6)
    assert best["popcount"].output_gb_per_s is None
    assert best["popcount"].moved_gb_per_s == pytest.approx(4e-6)
    assert best["xnor-popcount"].moved_gb_per_s == pytest.approx(8e-6)


def test_the_faster_library_is_the_machine() -> None:
    ticks = _ticks()
    done = measure(2400, repeats=1, machine=SMALL, clock=lambda: next(ticks))
    slow, quick = (
        replace(done.rates[0], library=name, seconds=(s,)) for name, s in (("a", 2.0), ("b", 1.0))
    )
    assert replace(done, rates=(slow, quick)).best() == {"not": quick}
    assert replace(done, rates=(quick, slow)).best() == {"not": quick}


def test_arrays_are_as_large_as_is_told_but_within_memory() -> None:
    big = Machine("", 1, 64 * 2**20, "", 2**40)
    assert default_bytes(big) == measured.TOTAL_BYTES
    assert default_bytes(replace(big, cache_bytes=2**20)) == measured.TOTAL_BYTES
    assert default_bytes(replace(big, free_bytes=2**26)) == 2**25


def test_pages_are_written_and_random() -> None:
    words = measured._filled(2**18, 3)
    assert len(np.unique(words[: 2**17])) == 2**17
    assert np.array_equal(words[: 2**17], words[2**17 :])


@pytest.mark.parametrize(
    ("total_bytes", "message"),
    [
        (23, "`total_bytes` must be an integer of at least 24, not 23"),
        (-1, "`total_bytes` must be an integer of at least 24, not -1"),
        (2**31, "`total_bytes` must be at most the free memory, 1073741824, not 2147483648"),
    ],
)
def test_impossible_measurements_are_refused(total_bytes: int, message: str) -> None:
    with pytest.raises(InputError) as refusal:
        measure(total_bytes, machine=SMALL)
    assert str(refusal.value) == message
