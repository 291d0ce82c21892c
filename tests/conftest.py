"""What tests need besides the package: TensorFlow and Larq, data files, ngspice; hypothesis.

Tests marked ``larq``, ``mnist``, ``cifar10``, ``chips`` or ``ngspice`` are skipped where that is
missing, unless ``PIMSIM_REQUIRE_LARQ=1``, ``PIMSIM_REQUIRE_DATA=1`` (for all data) or
``PIMSIM_REQUIRE_NGSPICE=1`` says that it must be there.
"""

from __future__ import annotations

import functools
import gc
import importlib.util
import multiprocessing
import os
import random
import shutil
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis
import pytest

from pimsim.dram.array import address_map as address_maps
from pimsim.dram.array.address_map import AddressMap, parse

# Nothing that was worked out by other code, or by code that a test changed, is taken.
os.environ["PIMSIM_CACHE"] = "off"

# What helpers assert says what differed, too, as what tests assert does.
_TESTS = Path(__file__).parent
_HELPERS = (
    path for path in _TESTS.rglob("*.py") if not path.name.startswith(("test_", "conftest"))
)
pytest.register_assert_rewrite(
    *(".".join(path.relative_to(_TESTS.parent).with_suffix("").parts) for path in _HELPERS)
)

# Every time and everywhere the same examples, so that no test passes or fails by luck. No failure
# is kept for the next time, and no example is too slow: the machine may be shared.
_ANY_MACHINE = hypothesis.settings(
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("fixed", _ANY_MACHINE, derandomize=True)
hypothesis.settings.register_profile("fuzz", _ANY_MACHINE, derandomize=False)  # see fuzz.py
hypothesis.settings.load_profile("fixed")


@pytest.fixture(scope="session")
def module_at() -> Callable[[Path], ModuleType]:
    """Import a module that lies among the tests, in no package."""

    def imported(path: Path) -> ModuleType:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module  # its dataclasses ask for it
        spec.loader.exec_module(module)
        return module

    return imported


@pytest.fixture
def killed_at_once() -> Callable[[], threading.Thread]:
    """Begin to wait for a process of this one, to kill it as soon as there is one."""

    def kill() -> None:
        while not multiprocessing.active_children():
            time.sleep(0.01)
        multiprocessing.active_children()[0].kill()

    def begin() -> threading.Thread:
        thread = threading.Thread(target=kill)
        thread.start()
        return thread

    return begin


@pytest.fixture(scope="session")
def reordered() -> AddressMap:
    """Ambit's addresses under other numbers, beside a compute cell and two addresses more."""
    table = tomllib.loads(address_maps.text("ambit"))
    addresses = {"E0": ["T4"], **dict(reversed(table["addresses"].items())), "E1": ["T4", "T0"]}
    constants = dict(reversed(table["constants"].items()))
    cells = ["T4", *reversed(table["cells"])]
    return parse({**table, "cells": cells, "addresses": addresses, "constants": constants}, "test")


@pytest.fixture(scope="session")
def renamed() -> AddressMap:
    """Ambit's structure, no address or cell under its own name, beside a cell and an address.

    The names of cells and of addresses go round, so that B8 raises what another one does, and
    the wordlines of DCC1 have changed places.
    """
    table = tomllib.loads(address_maps.text("ambit"))
    cells, labels = ["T4", *table["cells"]], ["E0", *table["addresses"]]
    table["addresses"] = {"E0": ["T4", "T0"], **table["addresses"]}
    named = dict(zip(cells, [*cells[1:], cells[0]], strict=True))

    def line(text: str) -> str:
        cell = text.removeprefix("!")
        return f"{'!' * (text.startswith('!') != (cell == 'DCC1'))}{named[cell]}"

    raised = [[line(one) for one in reversed(lines)] for lines in table["addresses"].values()]
    addresses = dict(zip([*labels[3:], *labels[:3]], raised, strict=True))
    constants = {"C1": 0, "C0": 1}
    body = {"cells": cells, "addresses": addresses, "constants": constants}
    return parse({**table, **body, "name": "renamed"}, "test")


@pytest.fixture(scope="session", params=[*address_maps.names(), "reordered", "renamed"])
def address_map(request: pytest.FixtureRequest) -> AddressMap:
    """Every map that microprograms and mappings run on."""
    if request.param in address_maps.names():
        return address_maps.load(request.param)
    found: AddressMap = request.getfixturevalue(request.param)
    return found


def _why_no_larq() -> str | None:
    missing = [n for n in ("tensorflow", "tf_keras", "larq") if not importlib.util.find_spec(n)]
    return f"not installed: {', '.join(missing)} (pip install '.[larq]')" if missing else None


def _why_no_mnist() -> str | None:
    folder = os.environ.get("PIMSIM_DATA")
    if not folder:
        return "PIMSIM_DATA is not set"
    if not any((Path(folder) / "mnist").glob("t10k-images-idx3-ubyte*")):
        return "no mnist/t10k-images-idx3-ubyte.gz in PIMSIM_DATA"
    return None


def _why_no_cifar10() -> str | None:
    folder = os.environ.get("PIMSIM_DATA")
    if not folder:
        return "PIMSIM_DATA is not set"
    if not (Path(folder) / "cifar10" / "cifar10_jpeg.npz").exists():
        return "no cifar10/cifar10_jpeg.npz in PIMSIM_DATA"
    return None if importlib.util.find_spec("PIL") else "Pillow is not installed"


def _why_no_chips() -> str | None:
    folder = os.environ.get("PIMSIM_DATA")
    if not folder:
        return "PIMSIM_DATA is not set"
    if not (Path(folder) / "real-chips" / "simra_success_boxstats.csv").exists():
        return "no real-chips/simra_success_boxstats.csv in PIMSIM_DATA"
    return None


def _why_no_ngspice() -> str | None:
    return None if shutil.which("ngspice") else "ngspice is not installed (apt-get install ngspice)"


_NEEDS = {
    "larq": (_why_no_larq, "PIMSIM_REQUIRE_LARQ"),
    "mnist": (_why_no_mnist, "PIMSIM_REQUIRE_DATA"),
    "cifar10": (_why_no_cifar10, "PIMSIM_REQUIRE_DATA"),
    "chips": (_why_no_chips, "PIMSIM_REQUIRE_DATA"),
    "ngspice": (_why_no_ngspice, "PIMSIM_REQUIRE_NGSPICE"),
}


def pytest_configure(config: pytest.Config) -> None:
    _keep_compiled_modules(config)
    for marker, (why_not, required) in _NEEDS.items():
        reason = why_not()
        if reason and os.environ.get(required) == "1":
            raise pytest.UsageError(
                f"{required}=1, but tests marked `{marker}` cannot run: {reason}"
            )


def _keep_compiled_modules(config: pytest.Config) -> None:
    """Compile a module once, not in each of the hundreds of processes that the tests start.

    Who wants no ``__pycache__`` beside the code gets none: they lie in pytest's own cache.
    """
    if sys.dont_write_bytecode and hasattr(config, "cache"):
        kept = str(config.cache.mkdir("pycache"))
        sys.dont_write_bytecode = False
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = kept
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Search less for garbage: what is collected stays until the end, and most else is counted."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(10_000, 10, 10)


_ORDER = ("complete", "keras", "circuit", None)
"""What runs first: a line that is missing somewhere, then what is long and shares what it makes."""


@functools.cache
def _shared(path: Path) -> str | None:
    """What the tests of a file share with those of others, and so run in the same process.

    TensorFlow takes ten seconds to be imported, and the transients of the circuit take twenty to
    be compiled, once, for all processes that come later.
    """
    if path.name == "test_complete.py":
        return "complete"
    if path.name.startswith("test_") and "mark.larq" in path.read_text("utf-8"):
        return "keras"
    return "circuit" if path.parent.name == "circuit" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal out files, those that share something together."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Shared(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return _shared(config.rootpath / file) or file

    config.option.loadscopereorder = False  # in our order
    return Shared(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--hypothesis-profile", None) == "fuzz":  # time may end before the files do
        order = random.Random(config.getoption("--hypothesis-seed"))
        ranks = {path: order.random() for path in sorted({item.path for item in items})}
        items.sort(key=lambda item: ranks[item.path])
    else:
        items.sort(key=lambda item: _ORDER.index(_shared(item.path)))
    reasons = {marker: why_not() for marker, (why_not, _) in _NEEDS.items()}
    for item in items:
        for marker, reason in reasons.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))
