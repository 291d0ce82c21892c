"""Comparing a network with Keras in a separate process, so that its failure does not end this one.

TensorFlow takes gigabytes. It ends its process when one of its own checks fails, and the system
kills it first when memory is short. A finished run must not be lost with it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnn.values.encoding import Encoding
from pimsim.errors import PimsimError
from pimsim.processes import without_main

if TYPE_CHECKING:
    from bnn.keras.check import KerasCheck

_LONGEST = 200
"""Characters of TensorFlow's last message that are shown."""


def check_apart(
    path: Path,
    x: NDArray[np.float32] | NDArray[np.uint8],
    encoding: Encoding | None,
    logits: NDArray[np.float32],
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> KerasCheck | str:
    """Run :func:`bnn.keras.check.check` on a model file in another process.

    Args:
        path: the model file.
        x: images, as the Keras model is fed.
        encoding: how they stand for integers.
        logits: the results of the simulated DRAM.
        progress: called with the number of images done and their total.

    Returns:
        The result of the check; or, if it could not be made, the reason in words.
    """
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        receive, send = context.Pipe(duplex=False)
        process = context.Process(
            target=_check, args=(send, log, path, x, encoding, logits), daemon=True
        )
        with without_main():
            process.start()
        send.close()
        try:
            while True:
                kind, value = receive.recv()
                if kind != "progress":
                    return value  # type: ignore[no-any-return]
                progress(*value)
        except EOFError:
            process.join()
            return _why_it_ended(process.exitcode, log)
        finally:
            process.terminate()
            process.join()
            receive.close()


def _check(send: Connection, log: Path, path: Path, x: NDArray[Any], *given: Any) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):  # what TensorFlow logs; nobody is to read it if all goes well
        os.dup2(descriptor, stream)
    from bnn.keras.check import check
    from bnn.keras.model_file import in_one_line
    from bnn.larq.model_file import read_model

    def tell(done: int, total: int) -> None:
        send.send(("progress", (done, total)))

    try:
        send.send(("done", check(path, read_model(path, x.shape[1:]), x, *given, progress=tell)))
    except PimsimError as error:
        send.send(("why", str(error)))
    except Exception as error:  # whatever it is, the run is finished and right
        send.send(("why", f"the check failed: {in_one_line(error)}"))


def _why_it_ended(code: int | None, log: Path) -> str:
    r"""Say how a process ended that sent no result.

    >>> _why_it_ended(-9, Path("none"))
    'the process of TensorFlow was ended by SIGKILL'
    """
    how = f"ended with exit code {code}"
    if code is not None and code < 0:
        how = f"was ended by {signal.Signals(-code).name}"
    said = log.read_text("utf-8", "replace").split("\n") if log.exists() else []
    last = [line.strip() for line in said if line.strip()][-1:]
    return f"the process of TensorFlow {how}" + "".join(f": {line[:_LONGEST]}" for line in last)
