"""``pimsim run`` as a process: what it imports, where it writes, and how it is interrupted."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import cli

ROOT = Path(__file__).parents[3]
MODELS = ROOT / "tests" / "saved_models"
FILES = {
    *("comparison.csv", "comparison.png", "layers.csv", "layers.png"),
    *("logits.npy", "report.html", "report.json"),
}
HEAVY = ("tensorflow", "tf_keras", "keras", "larq")

Parse = Callable[[str], dict[str, Any]]


def environment(**more: str | Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)} | {key: str(value) for key, value in more.items()}


def pimsim(*argv: str | Path, cwd: Path, **more: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "experiments", "run", *map(str, argv)],
        cwd=cwd, env=environment(**more), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def small(*argv: str | Path) -> tuple[str | Path, ...]:
    """Two images of a network of 100, 37, 50 and 10 values."""
    return (MODELS / "mlp.h5", "--data", MODELS / "mlp.npz", "--limit", "2", *argv)


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


# What it needs and what it touches


def test_tensorflow_is_never_touched(tmp_path: Path, parse: Parse) -> None:
    """Importing it would fail here, and would leave a mark."""
    traps = tmp_path / "traps"
    traps.mkdir()
    for name in HEAVY:
        mark = f"open({str(tmp_path / 'touched')!r}, 'w').close()"
        (traps / f"{name}.py").write_text(f"{mark}\nraise RuntimeError('no {name} here')\n")
    done = pimsim(
        *(MODELS / "cnn.keras", "--data", MODELS / "cnn.npz", "--out", "out"),
        *("--limit", "3", "--json"),
        cwd=tmp_path,
        PYTHONPATH=os.pathsep.join([str(traps), str(ROOT)]),
    )
    assert done.returncode == 0, done.stderr
    assert parse(done.stdout)["bit_exact"] is True
    assert not (tmp_path / "touched").exists()
    assert tree(tmp_path / "out") == FILES


def test_figures_and_data_sets_are_imported_only_when_they_are_needed(tmp_path: Path) -> None:
    code = (
        "import json, sys\n"
        "from experiments.cli import main\n"
        "assert main(sys.argv[1:]) == 0\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    )
    # The mapping output-tree has a compiled planner; the digits are scikit-learn's.
    argv = ("run", "digits-mlp", "--limit", "2", "--mapping", "output-stationary")
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, argv)],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    imported = set(json.loads(done.stdout.splitlines()[-1]))
    assert "numpy" in imported
    assert not imported & {*HEAVY, "matplotlib", "sklearn", "scipy"}


def test_nothing_is_written_outside_the_given_folder(tmp_path: Path, parse: Parse) -> None:
    home, temporary, here = (tmp_path / name for name in ("home", "temporary", "here"))
    for folder in (home, temporary, here):
        folder.mkdir()

    def run(*argv: str) -> dict[str, Any]:
        caches = {"XDG_CACHE_HOME": home / ".cache", "XDG_CONFIG_HOME": home / ".config"}
        done = pimsim(
            *small("--json"), *argv,
            cwd=here, HOME=home, TMPDIR=temporary, **caches,
        )  # fmt: skip
        assert done.returncode == 0
        assert done.stderr == ""
        return parse(done.stdout)

    run()
    assert tree(tmp_path) == {"home", "temporary", "here"}
    report = run("--out", "new/out")
    assert tree(here) == {"new", "new/out", *(f"new/out/{name}" for name in FILES)}
    assert tree(temporary) == set()
    # Matplotlib, which draws the figures, remembers where fonts are.
    assert {path.parts[1] for path in map(Path, tree(home)) if len(path.parts) > 1} <= {
        "matplotlib"
    }
    written = parse((here / "new" / "out" / "report.json").read_text("utf-8"))
    assert report == written | {"html": "new/out/report.html"}


# Ctrl-C

# Started from a script, a process may ignore it; on a terminal it does not.
_ON_A_TERMINAL = (
    "import signal, sys\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from experiments.cli import main\n"
    "sys.exit(main(sys.argv[1:]))\n"
)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images that keep digits-mlp busy for several seconds."""
    path = tmp_path_factory.mktemp("images") / "many.npz"
    grey = np.random.default_rng(1).integers(0, 17, (60_000, 64))
    np.savez(path, x=(grey / 8 - 1).astype(np.float32))
    return path


def start(data: Path, out: Path, stderr: int) -> subprocess.Popen[str]:
    argv = ("run", "digits-mlp", "--data", str(data), "--out", str(out))
    return subprocess.Popen(
        [sys.executable, "-c", _ON_A_TERMINAL, *argv],
        env=environment(TERM="xterm"), stdout=subprocess.PIPE, stderr=stderr, text=True,
    )  # fmt: skip


def test_an_interrupted_run_leaves_an_earlier_report_as_it_was(many: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli.main(["run", *map(str, small("--out", out))]) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(before) == FILES
    with start(many, out, subprocess.PIPE) as running:
        deadline = time.monotonic() + 60
        while not list(out.glob(".unfinished-*")):
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.3)  # into the middle of it
        assert running.poll() is None
        running.send_signal(signal.SIGINT)
        printed, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert (printed, errors) == ("", "pimsim: error: interrupted\n")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_run_interrupted_in_the_rows_leaves_nothing(many: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    terminal, side = pty.openpty()
    with start(many, out, side) as running:
        os.close(side)
        shown = b""
        while b"dense1" not in shown:  # the bar of the first layer
            shown += os.read(terminal, 4096)
        assert list(out.glob(".unfinished-*"))
        running.send_signal(signal.SIGINT)
        shown = b""
        while chunk := _read(terminal):
            shown += chunk
        printed, _ = running.communicate(timeout=60)
    os.close(terminal)
    assert running.returncode == 130
    assert printed == ""
    assert shown.endswith(b"pimsim: error: interrupted\r\n")
    assert b"Traceback" not in shown
    assert tree(tmp_path) == set()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the other side is closed
        return b""
