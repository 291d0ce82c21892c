"""Fuzzing finds what fails, and says how to see it again."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
PROPERTIES = """\
from hypothesis import given, strategies as st

@given(st.integers(0, 10**6))
def test_wrong(number):
    assert number < 10

@given(st.integers())
def test_right(number):
    assert number == number
"""


@pytest.fixture
def properties(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text("utf-8"), "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")
    (tmp_path / "test_properties.py").write_text(PROPERTIES, "utf-8")
    return tmp_path


def fuzz(area: Path, *how: str, **process: Any) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own."""
    run = [sys.executable, TESTS / "fuzz.py", *how, "--area", area]
    return subprocess.run(run, capture_output=True, text=True, check=False, timeout=300, **process)


def test_what_fails_is_found_once_and_can_be_repeated(properties: Path) -> None:
    done = fuzz(properties, "--rounds", "2", "--seed", "1")
    assert done.returncode == 1, done.stdout
    assert "reproduce_failure" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if "repeat with:" in line]
    said = shlex.split(line.partition("repeat with: ")[2])
    assert said[-1].endswith("::test_wrong")
    again = subprocess.run(said, capture_output=True, text=True, check=False, cwd=properties)
    assert again.returncode == pytest.ExitCode.TESTS_FAILED
    assert "number=10," in again.stdout.replace(" ", "")


def test_what_was_found_is_said_when_the_time_is_over_in_the_middle(properties: Path) -> None:
    with (properties / "test_properties.py").open("a", encoding="utf-8") as file:
        file.write("\n@given(st.integers())\ndef test_zzz(number): __import__('time').sleep(600)\n")
    done = fuzz(
        properties,
        "--minutes",
        "0.3",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert done.returncode == 1
    assert "1 rounds, 1 found" in done.stdout
    assert done.stdout.rstrip().endswith("::test_wrong")


def test_every_run_draws_the_same_examples(properties: Path) -> None:
    (properties / "test_properties.py").write_text(
        "from hypothesis import given, strategies as st\n"
        "@given(st.integers())\n"
        "def test_shown(number): print('drawn', number)\n",
        "utf-8",
    )
    run = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", str(properties)]
    first, second = (
        subprocess.run(run, capture_output=True, text=True, check=True, cwd=properties).stdout
        for _ in range(2)
    )
    drawn = [line for line in first.splitlines() if line.startswith("drawn")]
    assert len(drawn) >= 100
    assert drawn == [line for line in second.splitlines() if line.startswith("drawn")]
