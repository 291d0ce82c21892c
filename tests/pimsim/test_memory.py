"""What does not fit into memory is refused before it is taken, in one line that says how much."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bnn.data import datasets
from bnn.data.array_file import ArrayFile
from bnn.values.bitstrings import BitStrings
from pimsim import memory, object_code
from pimsim.circuit.model.parameters import load
from pimsim.circuit.transient.instances import nominal
from pimsim.circuit.transient.scenarios import tra
from pimsim.circuit.transient.simulation import simulate
from pimsim.errors import InputError, lacks_memory
from pimsim.executors.compiled.codegen import kept_text
from pimsim.executors.compiled.run.tiles import Tiles

FREE = 20 << 20


def _file(folder: Path) -> object:
    path = folder / "x.npy"
    np.save(path, np.zeros((6 << 20, 1), np.uint16))
    with ArrayFile(path, "`--data`") as file:
        return file.read("", np.float32)


def _waveforms(_: Path) -> object:
    circuit, scenario = load("rambus55"), tra("110")
    return simulate(circuit, scenario, nominal(circuit, scenario, 5_000), waveform_step_ps=50.0)


TAKES: dict[str, Callable[[Path], object]] = {
    "the numbers of the array in": _file,
    "waveforms": _waveforms,
    "values of 5,000 images": lambda _: BitStrings.empty(5_000, 5_000, 8),
    "values of 5,001 images": lambda _: BitStrings.unset(5_001, 5_000, 8),
    "10,000 images": lambda _: datasets._scaled(np.zeros((10_000, 28, 28), np.uint8)),
    "1 x 1048576 columns": lambda _: Tiles(1 << 20, 1024, tile_words=16),
}


@pytest.mark.parametrize("name", TAKES)
def test_what_does_not_fit_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: FREE)
    with pytest.raises(InputError) as refusal:
        TAKES[name](tmp_path)
    said = str(refusal.value)
    assert said.startswith(name)
    assert said.endswith("iB of memory, but 20.0 MiB are free")
    assert "\n" not in said


def _written(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMINFO = "MemTotal:  90000 kB\nMemAvailable:    40960 kB\n"


def test_free_memory_is_what_the_system_says(tmp_path: Path) -> None:
    assert memory.available_bytes(_written(tmp_path, proc__meminfo=MEMINFO)) == 40 << 20


@pytest.mark.parametrize(
    ("limit", "used", "files", "free"),
    [
        (str(30 << 20), 10 << 20, 0, 20 << 20),
        (str(30 << 20), 29 << 20, 5 << 20, 11 << 20),
        (str(30 << 20), 31 << 20, 0, 0),
        ("max", 1, 0, 40 << 20),
    ],
)
def test_a_container_has_what_its_limit_leaves(
    limit: str, used: int, files: int, free: int, tmp_path: Path
) -> None:
    root = _written(
        tmp_path,
        proc__meminfo=MEMINFO,
        sys__fs__cgroup__memory_dot_max=f"{limit}\n",
        sys__fs__cgroup__memory_dot_current=f"{used}\n",
        sys__fs__cgroup__memory_dot_stat=f"anon 7\nactive_file {files}\ninactive_file {files}\n",
    )
    assert memory.available_bytes(root) == free


LIMITED = """
import resource
import sys

from pimsim import memory

pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + (100 << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
memory.require(50 << 20, "few")
memory.require(200 << 20, "many")
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc")
def test_a_limit_of_the_address_space_counts() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "InputError: many need 200.0 MiB of memory, but " in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("which", "processors", "left_mib", "refused"),
    [
        ("none", 2, 0, None),
        ("numpy", 1, 127, "128.0 MiB of address space, but `ulimit -v` leaves 127.0 MiB"),
        ("numpy", 1, 128, None),
        ("numpy", 3, 207, "208.0 MiB of address space, but `ulimit -v` leaves 207.0 MiB"),
        ("all", 2, 607, "608.0 MiB of address space, but `ulimit -v` leaves 607.0 MiB"),
        ("all", 2, 608, None),
        ("all", 2, None, None),
    ],
)
def test_libraries_are_loaded_only_where_there_is_room(
    which: str, processors: int, left_mib: int | None, refused: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    left = None if left_mib is None else left_mib << 20
    monkeypatch.setattr(memory, "_of_address_space_bytes", lambda _: left)
    monkeypatch.setattr(memory, "_processors", lambda: processors)
    if refused is None:
        memory.require_libraries(which)
        return
    with pytest.raises(InputError, match=f"^the libraries of pimsim need {refused}$"):
        memory.require_libraries(which)


ASKS: dict[str, tuple[float, Callable[[], object]]] = {
    "functions that are compiled": (512.0, lambda: object_code._compiled(len, ())),
    "functions of machine code": (32.0, lambda: object_code._loaded(b"")),
    "functions of machine code, of text": (
        32.0, lambda: kept_text.address("never made", "f", Path(__file__))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKS)
def test_the_compiler_is_called_only_where_there_is_room(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends the process where it gets no memory."""
    need_mib, call = ASKS[name]
    monkeypatch.setattr(memory, "_of_address_space_bytes", lambda _: int(need_mib - 1) << 20)
    said = f"^{name.partition(',')[0]} need {need_mib} MiB of address space, but `ulimit -v` leaves"
    with pytest.raises(InputError, match=said):
        call()


def test_a_library_that_is_not_loaded_lacks_memory_where_there_is_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import resource

    error = OSError("Could not find/load shared object file 'some.so'")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 30, 1 << 30))
    assert lacks_memory(error)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert not lacks_memory(error)
