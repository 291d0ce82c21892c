"""Tests that need TensorFlow or MNIST are skipped with a reason, or insisted upon."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
NEEDY = """\
import pytest

@pytest.mark.mnist
def test_needs_mnist():
    raise AssertionError("ran")
"""


@pytest.fixture
def needy(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text("utf-8"), "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = mnist: m\n", "utf-8")
    (tmp_path / "test_needy.py").write_text(NEEDY, "utf-8")
    return tmp_path


def _pytest(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    cleared = {k: v for k, v in os.environ.items() if not k.startswith(("PIMSIM_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-q", "-p", "no:cacheprovider", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=cleared | variables,
        timeout=120,
    )


def test_missing_data_skip_with_a_reason(needy: Path) -> None:
    done = _pytest(needy)
    assert done.returncode == 0
    assert "1 skipped" in done.stdout
    assert "PIMSIM_DATA is not set" in done.stdout
    done = _pytest(needy, PIMSIM_DATA=str(needy))
    assert done.returncode == 0
    assert "no mnist/t10k-images-idx3-ubyte.gz in PIMSIM_DATA" in done.stdout


def test_required_data_that_are_missing_fail_the_run(needy: Path) -> None:
    done = _pytest(needy, PIMSIM_REQUIRE_DATA="1")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "PIMSIM_REQUIRE_DATA=1, but tests marked `mnist` cannot run" in done.stderr


def test_present_data_let_the_test_run(needy: Path) -> None:
    (needy / "mnist").mkdir()
    (needy / "mnist" / "t10k-images-idx3-ubyte.gz").touch()
    (needy / "cifar10").mkdir()
    (needy / "cifar10" / "cifar10_jpeg.npz").touch()
    (needy / "real-chips").mkdir()
    (needy / "real-chips" / "simra_success_boxstats.csv").touch()
    done = _pytest(needy, PIMSIM_REQUIRE_DATA="1", PIMSIM_DATA=str(needy))
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "AssertionError: ran" in done.stdout


def test_a_browser_that_is_missing_is_said_or_insisted_upon(tmp_path: Path) -> None:
    fixtures = "from tests.browser_fixtures import _browser, browser_page\n"
    (tmp_path / "conftest.py").write_text(fixtures, "utf-8")
    (tmp_path / "test_page.py").write_text("def test_page(browser_page): ...\n", "utf-8")
    nowhere = {"PATH": str(tmp_path), "PYTHONPATH": str(TESTS.parent)}
    done = _pytest(tmp_path, **nowhere)
    assert done.returncode == 0
    assert "chromium-browser, google-chrome is installed (apt-get install chromium)" in done.stdout
    done = _pytest(tmp_path, PIMSIM_REQUIRE_BROWSER="1", **nowhere)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "PIMSIM_REQUIRE_BROWSER=1, but there is no browser: none of chromium" in done.stdout
