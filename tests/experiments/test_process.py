"""The program as a process: what it imports, how it is interrupted, streams and memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import cli
from pimsim import __version__


def _python(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    before = os.environ.get("PYTHONPATH", "")
    if "PYTHONPATH" in environment:
        environment["PYTHONPATH"] += os.pathsep + before
    return subprocess.run(
        [sys.executable, *argv],
        capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_help_imports_nothing_but_this_and_what_python_has() -> None:
    """That is what lets it start at once."""
    code = """
import contextlib, io, sys
before = set(sys.modules)  # what the installation loads for every program
from experiments import cli
with contextlib.redirect_stdout(io.StringIO()):
    for words in [], *([command.NAME] for command in cli.COMMANDS), ["circuit", "failures"]:
        assert cli.main([*words, "--help"]) == 0
roots = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(roots - sys.stdlib_module_names))
"""
    done = _python("-c", code)
    assert done.stdout == "['experiments', 'pimsim']\n", done.stderr


def test_a_reader_that_leaves_early_is_no_error() -> None:
    pipe = subprocess.Popen(
        [sys.executable, "-m", "experiments", "primitives"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert pipe.stdout is not None
    assert pipe.stderr is not None
    pipe.stdout.close()
    assert pipe.stderr.read() == b""
    pipe.stderr.close()
    assert pipe.wait(60) == 0


def test_the_package_is_the_command() -> None:
    done = _python("-m", "pimsim", "-V")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"pimsim {__version__}\n", "")


@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        (">&-", 0, ""),
        ("2>&- >&- <&-", 0, ""),
        (">/dev/full", 2, "pimsim: error: No space left on device\n"),
    ],
)
def test_streams_that_are_closed_or_full(redirection: str, code: int, said: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m experiments standards {redirection}', sys.executable],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (code, "", said)


@pytest.mark.parametrize("module", ["experiments", "pimsim"])
def test_an_interruption_is_one_line_from_the_first_import_on(module: str, tmp_path: Path) -> None:
    """Ctrl-C while something is imported; a shell's background would ignore it."""
    (tmp_path / "sitecustomize.py").write_text(
        """
import os, signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "experiments.cli":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupted())
""",
        "utf-8",
    )
    done = _python("-m", module, "standards", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (
        130, "", "pimsim: error: interrupted\n",
    )  # fmt: skip


def test_a_second_interruption_does_not_disturb_the_end(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        """
import atexit, os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(os.kill, os.getpid(), signal.SIGINT)
from pimsim.dram.standard import standard as standards
standards.names = lambda: os.kill(os.getpid(), signal.SIGINT)
""",
        "utf-8",
    )
    done = _python("-m", "experiments", "standards", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (
        130, "", "pimsim: error: interrupted\n",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_whatever_ends_a_run_leaves_nothing_half_made(name: str, tmp_path: Path) -> None:
    """Ctrl-C, `kill` and a batch system, a terminal that is closed."""
    (tmp_path / "sitecustomize.py").write_text(
        f"""
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
for one in (signal.SIGTERM, signal.SIGHUP):  # the tests themselves may run under nohup
    signal.signal(one, signal.SIG_DFL)
from experiments.report import simulated
simulated.simulate = lambda *_: os.kill(os.getpid(), signal.{name})
""",
        "utf-8",
    )
    out = tmp_path / "new"
    done = _python(
        "-m", "experiments", "run", "digits-mlp", "--out", str(out), PYTHONPATH=str(tmp_path)
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        130, "", "pimsim: error: interrupted\n",
    )  # fmt: skip
    assert not out.exists()


def test_what_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        """
import atexit, os, signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
atexit.register(os.kill, os.getpid(), signal.SIGHUP)
""",
        "utf-8",
    )
    done = _python("-m", "experiments", "standards", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_imports_nothing_that_it_does_not_use() -> None:
    """Each run pays for what is imported, and for collecting where thresholds are lowered again."""
    code = """if True:
        import gc, sys
        from experiments import __main__ as program
        sys.argv = ["pimsim", "run", "digits-mlp", "--limit", "1", "--no-check"]
        assert program.main() == 0
        unused = (
            "pimsim.executors.faulty.program bnn.backends.faulty bnn.backends.noise "
            "pimsim.circuit pimsim.dram.array.injection bnn.system.activations "
            "pimsim.dram.traces bnn.tables.graph bnn.training.card bnn.run.audit "
            "bnn.run.estimate bnn.backends.reference importlib.metadata"
        ).split()
        print([name for name in unused if name in sys.modules], file=sys.stderr)
        print(gc.get_threshold() == program.COLLECTED_AFTER, file=sys.stderr)
    """
    for _ in range(2):  # the first may have to compile, which imports more
        done = _python("-c", code)
    assert (done.returncode, done.stderr.splitlines()[-2:]) == (0, ["[]", "True"])


@pytest.mark.parametrize("own", [None, "20"])
def test_idle_threads_of_products_sleep_unless_the_user_says_otherwise(own: str | None) -> None:
    """OpenBLAS reads how long they wait when numpy is imported: it must be said before."""
    code = """if True:
        import os, sys
        from experiments import __main__ as program
        before = "numpy" in sys.modules
        sys.argv = ["pimsim", "--version"]
        assert program.main() == 0
        print(before, os.environ["OPENBLAS_THREAD_TIMEOUT"])
    """
    environment = {name: each for name, each in os.environ.items() if "OPENBLAS" not in name}
    environment |= {} if own is None else {"OPENBLAS_THREAD_TIMEOUT": own}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == f"False {own or 4}"


# Memory


LITTLE = (
    "standards",
    "networks",
    "address-maps",
    "primitives",
    "circuit preset",
    "chips program maj3",
)
"""Commands that load NumPy alone."""
LOADED = """
import contextlib, io, sys
from experiments import cli
for command in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()):
        assert cli.main(command.split()) == 0, command
    print(sorted({"scipy", "llvmlite", "numba"} & {*sys.modules}))
"""


def test_commands_that_say_so_load_little() -> None:
    parser, limits = cli.build_parser(), set()
    for command in LITTLE:
        limits.add(parser.parse_args(command.split()).libraries)
    assert limits == {"numpy"}
    words = [sys.executable, "-c", LOADED, *LITTLE]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n" * len(LITTLE)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc")
@pytest.mark.parametrize(("limit_mib", "command"), [(60, "standards"), (400, "run digits-mlp")])
def test_an_address_space_that_is_too_small_is_refused_in_one_line(
    limit_mib: int, command: str
) -> None:
    """Where libraries would end the process, or wait for ever."""
    shell = f'ulimit -v {limit_mib << 10}; exec "$0" -m experiments {command}'
    done = subprocess.run(
        ["bash", "-c", shell, sys.executable],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    said = r"pimsim: error: the libraries of pimsim need \S+ .iB of address space, but .*\n"
    assert re.fullmatch(said, done.stderr)
