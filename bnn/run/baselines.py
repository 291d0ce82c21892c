"""What a processor behind the same DRAM channel would take for the same network.

There are two baselines, because the comparison depends on how often the processor reuses what it
has fetched. ``streaming`` fetches both operands of every multiply-accumulate over the channel, as
the processing-using-DRAM literature assumes for bulk operations. ``reuse-aware`` is a roofline:
data cross the channel once if the cache can hold them, and the processor computes at its peak. Time
is the longer of channel and computing; energy is both. The channel is that of the run: the same
standard, options and energy mode. Every simplification is in the processor's favour.

>>> from pimsim.dram.options import ModelOptions
>>> from pimsim.dram.standard.standard import load
>>> dense = LayerWork("dense", macs=2**20, operand_bits=1, weight_bits=2**20, input_bits=1024,
...                   output_bits=1024)
>>> system = System(load("ddr3-1600-8-8-8"), ModelOptions())
>>> baseline = streaming([dense], 1000, Processor(), system)
>>> channel_pj = baseline.total_pj - baseline.energy_pj["processor"]
>>> round(channel_pj / (1000 * dense.macs), 1)  # pJ to fetch the two bits of one MAC
10.8
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache

from bnn.run import kept
from bnn.system.system import System
from pimsim.cost import Cost, Elapsed, charge, price
from pimsim.dram.commands import CommandCounts, Kind
from pimsim.dram.energy import stated_pj
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard
from pimsim.dram.timeline.command_stream import streamed

BREAK_EVEN = (
    "how often a processor must use each bit that it fetches to need no more energy than the DRAM: "
    "energy of fetching both operands of a MAC, over what the DRAM takes for a MAC less what "
    "computing it takes the processor; the `reuse` of a baseline is how often it does"
)
"""What :func:`break_even_reuse` says, for a report."""


@dataclass(frozen=True, slots=True)
class LayerWork:
    """The work of one layer, per image where it depends on images."""

    name: str
    macs: int
    """Multiply-accumulates per image."""
    operand_bits: int
    """Bits of one activation operand: 1, 8 for a first layer that sees pixels, 32 if real."""
    weight_bits: int
    """Bits of all weights."""
    input_bits: int
    """Bits of all activations that come in, per image, each counted once."""
    output_bits: int
    """Bits of all activations (or sums) that go out, per image."""
    bits_of_weight: int = 1
    """Bits of one weight operand: 1 of a sign, k of a DoReFa quantizer, 32 if real."""
    real: bool = False
    """Whether operands and weights are real numbers."""

    @property
    def fetched_bits(self) -> int:
        """Bits of both operands of every MAC of an image."""
        return self.macs * (self.operand_bits + self.bits_of_weight)

    @property
    def vector_bits(self) -> int:
        """Bits of the vectors of products that an image takes.

        That is a binary product for each bit of an operand with each of a weight; of real numbers
        a lane as wide as one.

        >>> LayerWork("two by four bits", 10, 2, 40, 20, 10, bits_of_weight=4).vector_bits
        80
        """
        return self.macs * self.operand_bits * (1 if self.real else self.bits_of_weight)


@dataclass(frozen=True, slots=True)
class Processor:
    """The processor of the baselines: a present-day four-core with vector popcount.

    Its peak, 6.1e12 binary MACs a second, is far above what DDR3 systems had: the baseline is
    meant to be hard to beat.
    """

    cores: int = 4
    """Assumed: as many as the Skylake that Ambit (MICRO 2017) compares with."""
    clock_ghz: float = 3.0
    """Assumed: sustained clock under vector load."""
    vector_bits: int = 512
    """AVX-512 with VPOPCNTDQ (Intel, from Ice Lake on)."""
    vectors_per_cycle: float = 1.0
    """VPOPCNTQ on 512 bits: one a cycle and core (Ice Lake, published instruction tables)."""
    instructions_per_vector: int = 3
    """XNOR, popcount and add; loads, loops and packing are not counted, in the processor's
    favour."""
    instruction_pj: float = 70.0
    """Fetching, decoding and scheduling one instruction: Horowitz, ISSCC 2014, 45 nm, 0.9 V: about
    70 pJ, hardly any of it arithmetic. Charged per vector, not per word."""
    add_pj: float = 0.1
    """Arithmetic of one 32-bit lane: Horowitz, ISSCC 2014: 0.1 pJ for a 32-bit integer add."""
    cache_bytes: int = 8 * 2**20
    """Last-level cache; assumed, as a four-core desktop part has. Its energy is not charged."""

    @property
    def vector_pj(self) -> float:
        """Energy of one vector of products, in pJ."""
        lanes_pj = self.vector_bits / 32 * self.add_pj
        return self.instructions_per_vector * (self.instruction_pj + lanes_pj)

    def compute_ps(self, vectors: float) -> int:
        """Time for ``vectors`` vectors of products at peak, in ps."""
        return math.ceil(vectors * 1e3 / (self.cores * self.clock_ghz * self.vectors_per_cycle))


@dataclass(frozen=True, slots=True)
class Baseline:
    """Time and energy of a whole run on the processor."""

    name: str
    latency_ps: int
    energy_pj: Mapping[str, float]
    """Energy by part: those of the channel's energy mode, and ``processor``."""
    assumptions: Mapping[str, object]
    """Assumptions, and ``read_bits`` and ``written_bits``, which crossed the channel to the
    processor and back."""

    @property
    def total_pj(self) -> float:
        """Energy of all parts together, in pJ; nan where none is stated of the channel."""
        return math.fsum(self.energy_pj.values()) if self.energy_pj else math.nan

    def against(self, latency_ps: int, energy_pj: float) -> dict[str, object]:
        """Return how a run of that time and energy compares, ready for a report.

        ``speedup`` and ``energy_ratio`` above 1 say that the run beats the baseline. Energies are
        None where none is stated.
        """
        return {
            "latency_ps": self.latency_ps,
            "energy_pj": stated_pj(self.total_pj),
            "energy_parts_pj": dict(self.energy_pj),
            "speedup": self.latency_ps / latency_ps,
            "energy_ratio": stated_pj(self.total_pj / energy_pj),
            "assumptions": dict(self.assumptions),
        }


def streaming(
    layers: Sequence[LayerWork],
    images: int,
    processor: Processor,
    system: System,
) -> Baseline:
    """Return the baseline that fetches both operands of every MAC and stores every output.

    A MAC moves ``operand_bits`` of activation and ``bits_of_weight``.
    """
    read_bits = images * _fetched_bits(layers)
    written_bits = images * sum(layer.output_bits for layer in layers)
    model = "no reuse: both operands of every MAC cross the channel, every output crosses it once"
    return _roofline("streaming", model, layers, images, read_bits, written_bits, processor, system)


def reuse_aware(
    layers: Sequence[LayerWork],
    images: int,
    processor: Processor,
    system: System,
) -> Baseline:
    """Return the roofline baseline, which moves as little as its cache allows.

    Of two schedules it takes the one that moves less. Image by image: images are read and results
    written once; weights are read once if all of them fit in the cache, else once per image;
    activations between two layers stay in the cache if they fit beside the weights, else they are
    written and read. Layer by layer, over all images: weights are read once; activations of all
    images between two layers stay if they fit.
    """
    cache_bits = processor.cache_bytes * 8
    weight_bits = sum(layer.weight_bits for layer in layers)
    images_bits = images * sum(layer.input_bits for layer in layers[:1])
    results_bits = images * sum(layer.output_bits for layer in layers[-1:])
    between_bits = [layer.output_bits for layer in layers[:-1]]

    resident = weight_bits <= cache_bits
    room_bits = cache_bits - weight_bits if resident else cache_bits
    spilled_bits = images * sum(bits for bits in between_bits if bits > room_bits)
    by_image = weight_bits if resident else images * weight_bits, spilled_bits
    spilled_bits = images * sum(bits for bits in between_bits if images * bits > cache_bits)
    by_layer = weight_bits, spilled_bits

    read_weight_bits, spilled_bits = min(by_image, by_layer, key=lambda s: s[0] + 2 * s[1])
    model = (
        "roofline: weights and images cross the channel once, activations stay in the cache, "
        "as far as the cache allows; computing at peak, overlapped with the channel"
    )
    return _roofline(
        "reuse-aware",
        model,
        layers,
        images,
        read_weight_bits + images_bits + spilled_bits,
        results_bits + spilled_bits,
        processor,
        system,
    )


def break_even_reuse(
    dram_pj: float,
    layers: Sequence[LayerWork],
    processor: Processor,
    system: System,
) -> float | None:
    """How often a processor must use each fetched bit to take no more energy than the DRAM.

    ``dram_pj`` is what these layers took in DRAM, an image; there are MACs in them. 1 if using it
    once is often enough. None if no reuse suffices, because computing alone takes the processor
    more.

    >>> from pimsim.dram.standard.standard import load
    >>> xnor_popcount_pj = 15 * 6290 / 65536  # 15 row commands over 65,536 columns
    >>> system = System(load("ddr3-1600-8-8-8"), ModelOptions())
    >>> million = LayerWork("a", 10**6, 1, weight_bits=10**6, input_bits=1000, output_bits=1000)
    >>> round(break_even_reuse(10**6 * xnor_popcount_pj, [million], Processor(), system), 1)
    10.6
    """
    bits = 2**30
    channel_pj = _channel(bits, 0, system).total_pj / bits * _fetched_bits(layers)
    vectors = sum(layer.vector_bits for layer in layers) / processor.vector_bits
    left_pj = dram_pj - vectors * processor.vector_pj
    return max(channel_pj / left_pj, 1.0) if left_pj > 0 else None


def _fetched_bits(layers: Sequence[LayerWork]) -> int:
    """Bits of both operands of every MAC of an image."""
    return sum(layer.fetched_bits for layer in layers)


def _roofline(
    name: str,
    model: str,
    layers: Sequence[LayerWork],
    images: int,
    read_bits: int,
    written_bits: int,
    processor: Processor,
    system: System,
) -> Baseline:
    fetched_bits = images * _fetched_bits(layers)
    vectors = images * sum(math.ceil(layer.vector_bits / processor.vector_bits) for layer in layers)
    channel = _channel(read_bits, written_bits, system)
    compute_ps = processor.compute_ps(vectors)
    whole = channel + _idle(max(compute_ps - channel.latency_ps, 0), system)
    energy_pj = dict(whole.energy_pj)
    if energy_pj:  # without that of the channel, it would be that of the processor alone
        energy_pj["processor"] = vectors * processor.vector_pj
    assumptions: dict[str, object] = {
        "model": model,
        "standard": system.standard.name,
        "bin": system.standard.bin,
        "energy": system.options.energy,
        "images": images,
        "read_bits": read_bits,
        "written_bits": written_bits,
        "reuse": fetched_bits / read_bits,
        "bound": "channel" if channel.latency_ps >= compute_ps else "compute",
        "peak_binary_macs_per_s": processor.cores
        * processor.clock_ghz
        * 1e9
        * processor.vectors_per_cycle
        * processor.vector_bits,
        **{f"processor_{key}": value for key, value in asdict(processor).items()},
    }
    return Baseline(name, whole.latency_ps, energy_pj, assumptions)


def _channel(read_bits: int, written_bits: int, system: System) -> Cost:
    """Streaming so many bits, whole rows after one another over all banks."""
    return _streaming(read_bits, written_bits, system.standard, _everyone(system))


@lru_cache(maxsize=256)
def _streaming(
    read_bits: int, written_bits: int, standard: Standard, options: ModelOptions
) -> Cost:
    """Remembered: every report asks for the same stream to say when a processor breaks even."""

    def work_out() -> Cost:
        return price(
            streamed(Kind.RD, read_bits, standard, options.banks)
            + streamed(Kind.WR, written_bits, standard, options.banks),
            standard,
            options,
        )

    return kept.cost((read_bits, written_bits, standard, options), work_out)


def _idle(latency_ps: int, system: System) -> Cost:
    """All banks closed, for as long as the channel waits for the processor."""
    standard, everyone = system.standard, _everyone(system)
    refreshes = 0
    if everyone.refresh:
        refreshes = standard.channels * standard.ranks * (latency_ps // standard.timing.t_refi_ps)
    refreshing_ps = refreshes * standard.timing.t_rfc_ps
    held_ps = standard.channels * standard.ranks * latency_ps
    elapsed = Elapsed(latency_ps, held_ps, refreshing_ps, refreshing_ps * standard.banks, refreshes)
    return charge(CommandCounts(), elapsed, standard, everyone)


def _everyone(system: System) -> ModelOptions:
    """The options of the system, all banks taking part."""
    return replace(system.options, banks=system.standard.all_banks)
