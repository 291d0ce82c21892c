"""Machine code is kept where there is a place for it, and functions are compiled in any case."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """\
from pimsim import machine_code

def one():
    return 1

print(machine_code.kept(one)())
"""


def _run(folder: Path, temporary: Path) -> None:
    (folder / "mine.py").write_text(MODULE)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "mine.py"],  # numba warns of nothing to do in parallel
        cwd=folder,
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), *sys.path]),
            "TMPDIR": str(temporary),
            # Neither beside the module nor in the home folder:
            "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr


def test_it_is_kept_among_temporary_files_where_nothing_else_can_be_written(tmp_path: Path) -> None:
    _run(tmp_path, tmp_path)
    (own,) = tmp_path.glob("pimsim-*")
    assert own.stat().st_mode & 0o777 == 0o700
    assert [*own.rglob("*.nbi")]


@pytest.mark.parametrize("kind", ["open to others", "a link", "a file"])
def test_code_that_others_could_have_written_is_not_taken(tmp_path: Path, kind: str) -> None:
    own = tmp_path / f"pimsim-{os.getuid()}"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if kind == "a link":
        own.symlink_to(elsewhere)
    elif kind == "a file":
        own.write_text("")
    else:
        own.mkdir()
        own.chmod(0o777)
    _run(tmp_path, tmp_path)
    assert not [*tmp_path.rglob("*.nbi")]
