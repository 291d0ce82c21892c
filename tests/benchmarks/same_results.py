"""Whether two checkouts give the same reports and logits, byte for byte apart from wall times.

    python tests/benchmarks/same_results.py OTHER_CHECKOUT [--only WORD] [--list]

For changes that shall change nothing: every bundled network under every mapping, chain, move,
mitigation, fault setting, part and energy mode is run in both checkouts by the same interpreter.
Prints a line a case; the exit code is 1 if any differs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bnn.mapping import MAPPINGS
from bnn.mapping.choice import COUNTING

HERE = Path(__file__).resolve().parents[2]
NETWORKS = {"digits-mlp": 40, "mnist-mlp": 6, "mnist-cnn": 6, "cifar10-binarynet": 2}
"""Bundled networks, and images that are executed of each."""
FAULTS = ("--variation", "12", "--noise-mv", "6", "--chip", "2", "--seed", "5")

Case = tuple[str, ...]


def cases() -> list[Case]:
    """Return the words behind ``pimsim run`` of every case."""
    found: list[Case] = []

    def booked(network: str, mapping: str, *more: str, images: str = "300") -> None:
        found.append((network, "--cost-only", "--images", images, "--mapping", mapping, *more))

    def executed(network: str, mapping: str, *more: str, images: int | None = None) -> None:
        limit = str(images or NETWORKS[network])
        found.append((network, "--limit", limit, "--mapping", mapping, *more))

    for network in NETWORKS:
        for mapping in MAPPINGS:
            booked(network, mapping)
            executed(network, mapping)
        booked(network, "auto", images="4000")
    for mapping in COUNTING:
        booked("mnist-cnn", mapping, "--standard", "hbm2", "--banks", "64", "--energy", "datasheet")
        booked("mnist-mlp", mapping, "--clocked")
        booked("mnist-mlp", mapping, "--energy", "datasheet", "--standard", "ddr4-2400")
        booked("lenet5", mapping)
        booked("resnet50", mapping, images="2")
        executed("digits-mlp", mapping, "--executor", "reference")
        executed("mnist-cnn", mapping, "--executor", "reference", images=2)
        executed("digits-mlp", mapping, *FAULTS)
        executed("digits-mlp", mapping, "--executor", "reference", *FAULTS, images=8)
        executed("mnist-cnn", mapping, *FAULTS)
    for chain in ("always", "never"):
        booked("mnist-mlp", "output-stationary", "--chain", chain, images="70000")
        executed("mnist-mlp", "output-stationary", "--chain", chain, "--moves", "psm")
        executed("digits-mlp", "output-stationary", "--chain", chain, "--executor", "reference")
    for more in (
        ("--tmr", "time"),
        ("--tmr", "banks"),
        ("--moves", "psm"),
        ("--tmr", "banks", "--moves", "psm"),
        ("--retries", "2"),
        ("--screening", "2"),
        ("--activation-rows", "16"),
    ):
        booked("mnist-cnn", "output-stationary", *more)
        if "--screening" not in more:
            executed("mnist-cnn", "output-stationary", *more)
        executed("digits-mlp", "output-stationary", *more, *FAULTS)
    executed("digits-mlp", "output-stationary", "--tmr", "time", "--executor", "reference", *FAULTS)
    executed("digits-mlp", "output-stationary", "--no-split-decoder", "--no-refresh")
    executed("digits-mlp", "output-stationary", "--effect", "noise", *FAULTS)
    return list(dict.fromkeys(found))


def answers(checkout: Path, some: list[Case]) -> list[tuple[Any, str]]:
    """Return report without wall times, and the logits' bytes, of every case."""
    with tempfile.TemporaryDirectory() as folder:
        told = json.dumps([list(case) for case in some])
        environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"}
        command = [sys.executable, "-c", _INSIDE, folder, told]
        done = subprocess.run(command, cwd=checkout, env=environment, check=False)
        if done.returncode:
            raise SystemExit(f"{checkout}: exit code {done.returncode}")
        return [_read(Path(folder) / str(index)) for index in range(len(some))]


_INSIDE = """
import contextlib, io, json, sys
from experiments import cli
folder, told = sys.argv[1:]
for index, words in enumerate(json.loads(told)):
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet):
        code = cli.main(["run", *words, "--out", f"{folder}/{index}"])
    print(code, *words, file=sys.stderr, flush=True)
"""


def _read(folder: Path) -> tuple[Any, str]:
    report, logits = folder / "report.json", folder / "logits.npy"
    return (
        _timeless(json.loads(report.read_text("utf-8"))) if report.exists() else "refused",
        logits.read_bytes().hex() if logits.exists() else "",
    )


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(one) for key, one in value.items() if key != "wall_s"}
    return [_timeless(one) for one in value] if isinstance(value, list) else value


def differences(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """Return the places at which two JSON values differ.

    >>> differences({"a": [1, 2]}, {"a": [1, 3]})
    ['a.1: 2, not 3']
    """
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = dict.fromkeys((*ours, *theirs))
        pairs = [(str(key), ours.get(key, "-"), theirs.get(key, "-")) for key in keys]
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = [(str(i), *both) for i, both in enumerate(zip(ours, theirs, strict=True))]
    else:
        return [] if ours == theirs else [f"{where}: {ours!r}, not {theirs!r}"]
    return [
        one
        for key, mine, other in pairs
        for one in differences(mine, other, f"{where}.{key}" if where else key)
    ]


def main() -> int:
    """Compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path, help="the checkout to compare this one with")
    parser.add_argument("--only", default="", help="only cases with this word in them")
    parser.add_argument("--list", action="store_true", help="list the cases, and run nothing")
    args = parser.parse_args()
    some = [case for case in cases() if args.only in " ".join(case)]
    if args.list:
        print("\n".join("pimsim run " + " ".join(case) for case in some))
        return 0
    pairs = zip(answers(HERE, some), answers(args.other.resolve(), some), strict=True)
    wrong = 0
    for case, ((report, logits), (report_there, logits_there)) in zip(some, pairs, strict=True):
        found = differences(report, report_there)
        found += [] if logits == logits_there else ["logits.npy differs"]
        wrong += bool(found)
        verdict = (
            "; ".join(found[:4])
            if found
            else "refused by both"
            if report == "refused"
            else "the same"
        )
        print(f"{' '.join(case)}: {verdict}")
    print(f"{len(some)} cases, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
