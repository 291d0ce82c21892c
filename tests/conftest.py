"""What tests need besides the package: TensorFlow and Larq, data files, ngspice; hypothesis.

Tests marked ``larq``, ``mnist``, ``cifar10``, ``chips`` or ``ngspice`` are skipped where that is
missing, unless ``PIMSIM_REQUIRE_LARQ=1``, ``PIMSIM_REQUIRE_DATA=1`` (for all data) or
``PIMSIM_REQUIRE_NGSPICE=1`` says that it must be there.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import hypothesis
import pytest

if "CI" not in os.environ:  # there, hypothesis loads a profile of its own without deadlines
    hypothesis.settings.register_profile("shared-machine", deadline=None)
    hypothesis.settings.load_profile("shared-machine")


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


def pytest_configure() -> None:
    for marker, (why_not, required) in _NEEDS.items():
        reason = why_not()
        if reason and os.environ.get(required) == "1":
            raise pytest.UsageError(
                f"{required}=1, but tests marked `{marker}` cannot run: {reason}"
            )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reasons = {marker: why_not() for marker, (why_not, _) in _NEEDS.items()}
    for item in items:
        for marker, reason in reasons.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))
