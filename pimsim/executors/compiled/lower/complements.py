"""Complements that need no work: they pass through a function to its results.

Flags of outputs are sets as of :mod:`pimsim.microprogram.bitsets`.
"""

from __future__ import annotations

from collections.abc import Sequence

from pimsim.executors.compiled.lower.function import StepFunction


def settle(
    function: StepFunction, extra: Sequence[int], inside: int, every: int
) -> tuple[Sequence[int], list[int]]:
    """Complement inputs so that few complements of those at hand remain.

    Args:
        function: what is computed.
        extra: per input, outputs for which it is wanted complemented.
        inside: bit set of the inputs that are at hand.
        every: all outputs.

    Returns:
        The complements that remain per input, and those of each result that come of it.
    """
    results = [0] * len(function.results)
    at_hand = [i for i in range(len(extra)) if inside >> i & 1 and extra[i]]
    if not function.duals or not at_hand:
        return extra, results
    codes = {0: every}
    for i in at_hand:
        wanted = extra[i]
        parts = {code: some & ~wanted for code, some in codes.items()}
        parts |= {code | 1 << i: some & wanted for code, some in codes.items()}
        codes = {code: some for code, some in parts.items() if some}
    remaining = list(extra)
    for code, some in codes.items():
        inputs, outputs = _choice(function, inside, code)
        for i in range(len(remaining)):
            if inputs >> i & 1:
                remaining[i] ^= some
        for number in range(len(results)):
            if outputs >> number & 1:
                results[number] |= some
    return remaining, results


_CHOICES: dict[tuple[int, int, int], tuple[StepFunction, int, int]] = {}


def _choice(function: StepFunction, inside: int, code: int) -> tuple[int, int]:
    """Inputs to complement where those of ``code`` are wanted complemented; results that are."""
    found = _CHOICES.get((id(function), inside, code))
    if found is None:
        best = min(
            function.duals,
            key=lambda s: (((s ^ code) & inside).bit_count(), (s & ~inside).bit_count(), s),
        )
        found = _CHOICES[(id(function), inside, code)] = function, best, function.duals[best]
    return found[1], found[2]
