"""Vector code is made for the processor at hand; others must come to the same results."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest

_RUN = """
import sys
from llvmlite import binding

class Nothing(dict):
    def flatten(self):
        return ""

binding.get_host_cpu_name = lambda: sys.argv[1]
binding.get_host_cpu_features = Nothing

from experiments.cli import main
from pimsim.executors.compiled.codegen import emit

assert not emit.compiler().ternary
sys.exit(main(["run", "digits-mlp", "--limit", "60", "--mapping", sys.argv[2], "--json"]))
"""


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="the processors are x86 ones"
)
@pytest.mark.parametrize(
    ("processor", "mapping"),
    [("x86-64", "output-stationary"), ("x86-64-v3", "weight-stationary")],
)
def test_a_run_is_exact_without_wide_vectors(processor: str, mapping: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", _RUN, processor, mapping],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["bit_exact"] is True
    assert report["images"] == 60
