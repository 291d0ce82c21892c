"""Hold the property tests against new examples, for as long as one likes.

``make fuzz MINUTES=60 AREA=tests/bnn`` runs this file. All tests with hypothesis are run in rounds,
each with another seed, until the time is over; a test that fails is left out of the rounds that
follow. At the end stands the command that repeats each failure. The exit code is 1 if there are
any.
"""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
USAGE, NOTHING_RUN = 4, 5
"""Exit codes of pytest."""
_ENDS_S = 120
"""What a round that was told to stop may take to say what it has found."""


def command(seed: int, *more: str) -> list[str]:
    """The tests with the examples of a seed."""
    run = [sys.executable, "-m", "pytest", "--hypothesis-profile=fuzz", f"--hypothesis-seed={seed}"]
    return [*run, *more]


def one_round(seed: int, area: str, known: list[str], until: float) -> tuple[list[str], bool]:
    """Run every property test but the known failures once, or as many as there is time for.

    Returns:
        The tests that fail, and whether the round did not end as tests do: it crashed or hung.
    """
    with tempfile.TemporaryDirectory() as cache:
        chosen = ["-m", "hypothesis", "-q", "-o", f"cache_dir={cache}"]
        left_out = [f"--deselect={test}" for test in known]
        started = subprocess.Popen(command(seed, *chosen, *left_out, *shlex.split(area)), cwd=ROOT)
        stopped = False
        try:
            started.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            started.send_signal(signal.SIGINT)
            try:
                started.wait(_ENDS_S)
                stopped = True
            except subprocess.TimeoutExpired:  # what it has found goes with it
                started.kill()
                started.wait()
        failed = Path(cache, "v", "cache", "lastfailed")
        found = sorted(json.loads(failed.read_text())) if failed.exists() else []
    if started.returncode == USAGE or (started.returncode == NOTHING_RUN and not known):
        raise SystemExit(started.returncode)
    ended = stopped or started.returncode in (0, 1, NOTHING_RUN)
    return found, not ended


def main() -> int:
    """Fuzz, and say how to repeat what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument(
        "--rounds", type=int, help="at most so many (default: as many as there is time for)"
    )
    parser.add_argument("--area", default="tests", help="files or folders of tests")
    parser.add_argument("--seed", type=int, help="of the first round (default: the time)")
    said = parser.parse_args()
    # The background of a shell ignores it, and so would the tests, which are stopped by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    until = time.monotonic() + 60 * said.minutes
    seed = int(time.time()) if said.seed is None else said.seed
    known: list[str] = []
    repeat: list[str] = []
    rounds = 0
    while time.monotonic() < until and rounds != said.rounds:
        left = (until - time.monotonic()) / 60
        print(f"fuzz: round {rounds + 1}, seed {seed}, {left:.0f} minutes left", flush=True)
        try:
            found, crashed = one_round(seed, said.area, known, until)
        except KeyboardInterrupt:
            break
        repeat += [shlex.join(command(seed, test)) for test in found]
        known += found
        rounds += 1
        if crashed:
            repeat.append(shlex.join(command(seed, "-v", "-m", "hypothesis", said.area)))
            break
        seed += 1
    print(f"fuzz: {rounds} rounds, {len(repeat)} found", flush=True)
    for line in repeat:
        print(f"  repeat with: {line}")
    return 1 if repeat else 0


if __name__ == "__main__":
    sys.exit(main())
