"""Networks from Python: run one in simulated DRAM, or estimate time and energy."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from experiments.api.options import parsed
from experiments.api.records import Records
from experiments.api.wording import in_python
from experiments.commands import run as run_command
from pimsim.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


class KerasModel(Protocol):
    """A model of Keras, in memory."""

    name: str

    def save(self, path: str) -> None:
        """Write it into a file."""


Network = str | os.PathLike[str] | KerasModel
"""A bundled name, a path of a model file, or a Keras model in memory."""


@dataclass(frozen=True, eq=False)
class Run:
    """Result of a run: logits, time and energy of the DRAM."""

    report: Mapping[str, Any]
    """Everything, as in ``report.json``."""
    logits: NDArray[np.float32] | None
    """``(images, classes)``: outputs of the last layer, before a softmax. None for an estimate."""

    @property
    def accuracy(self) -> float | None:
        """Share of the images that were classified as their labels say; None without labels."""
        found: float | None = self.report["accuracy"]
        return found

    @property
    def bit_exact(self) -> bool | None:
        """Whether every sum that was compared equals the integer reference; None if none was."""
        found: bool | None = self.report["bit_exact"]
        return found

    @property
    def latency_ps(self) -> int:
        """Time that the DRAM takes for all images together, in ps."""
        return int(self.report["latency_ps"])

    @property
    def energy_pj(self) -> float:
        """Energy that the DRAM takes for all images together, in pJ; nan if none is stated."""
        total: float | None = self.report["energy_pj"]["total"]
        return math.nan if total is None else total

    @property
    def layers(self) -> Records:
        """A row for each layer. A value inside another has a dotted name, as ``commands.AAP``."""
        return Records(dict(_flat(layer)) for layer in self.report["layers"])

    @property
    def baselines(self) -> Records:
        """A row for each processor that the DRAM is compared with."""
        return Records(
            {"baseline": name, **dict(_flat(found))}
            for name, found in self.report["baselines"].items()
        )

    def __repr__(self) -> str:
        return f"<Run of {self.report['network']!r}: {', '.join(self._words())}>"

    def _repr_html_(self) -> str:
        name, words = (
            escape(str(one)) for one in (self.report["network"], ", ".join(self._words()))
        )
        head = f"<p><b>{name}</b>: {words}</p>"
        shown = ("name", "where", "mapping", "macs", "latency_ps", "energy_pj")
        rows = Records({name: row.get(name) for name in shown} for row in self.layers)
        return head + rows._repr_html_()

    def _words(self) -> Iterator[str]:
        from experiments.output.words import counted, quantity

        yield counted(self.report["images"], "image")
        if self.accuracy is not None:
            yield f"accuracy {self.accuracy:.2%}"
        if self.bit_exact is not None:
            checked, images = self.report["images_checked"], self.report["images"]
            sampled = "" if checked == images else f" (checked {checked:,} of {images:,} images)"
            yield ("bit exact" if self.bit_exact else "NOT bit exact") + sampled
        yield quantity(self.latency_ps, "ps")
        yield quantity(self.energy_pj, "pJ")


def run(
    network: Network,
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Run:
    """Run a network in simulated DRAM, as ``pimsim run`` does.

    Args:
        network: a bundled name, the path of a ``.keras`` or ``.h5`` file, or a Keras model in
            memory, which is saved into a temporary file and read from there.
        x: images, in the shape that the Keras model takes. Without them, the option ``data`` names
            some; a bundled network has those that it was trained for.
        y: their labels, if there are any.
        out: folder for ``report.json``, ``report.html``, logits and figures; without one, nothing
            is written.
        options: those of ``pimsim run --help``, such as ``limit=100``, ``mapping="auto"``,
            ``standard="hbm2"``, ``faw=False``, ``variation=10``, ``check=False``, ``check=100``.

    Raises:
        InputError: what the command line would refuse.

    >>> import pimsim
    >>> done = pimsim.run("digits-mlp", limit=20)
    >>> done.bit_exact, done.logits.shape, done.layers[0]["where"]
    (True, (20, 10), 'dram')
    """
    with in_python(), _file(network) as (path, name), _arrays(x, y, options) as told:
        named = {"network": name} if x is None else {"network": name, "data": "arrays"}
        return Run(*_simulated(path, {**told, "out": out}, named, typed=x is None))


def estimate(
    network: Network,
    images: int = 1,
    *,
    out: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Run:
    """Return the time and energy that a run would take, as ``pimsim run --cost-only`` does.

    Args:
        network: as for :func:`run`; or a network that is known by its shapes alone, such as
            ``"vgg16"``.
        images: how many are computed together.
        out: folder for ``report.json``, ``report.html`` and figures; without one, nothing is
            written.
        options: those of ``pimsim run --help``, except those that need images or answers.

    Raises:
        InputError: what the command line would refuse.

    >>> import pimsim
    >>> pimsim.estimate("lenet5", images=4).report["commands"]["AAP"] > 1000
    True
    """
    with in_python({"limit": "images"}), _file(network) as (path, name):
        told = {"limit": images, "cost_only": True, **options, "out": out}
        return Run(_simulated(path, told, {"network": name})[0], None)


def networks() -> Records:
    """Return the networks that come with pimsim, a row each.

    ``trained`` says which have weights. The others are known by their shapes alone.

    >>> import pimsim
    >>> {row["name"]: row["trained"] for row in pimsim.networks()}["vgg16"]
    False
    """
    from bnn import zoo
    from bnn.tables import catalog

    columns = ("name", "trained", "summary", "parameters", "data", "keras_accuracy")
    trained = [
        (one.name, True, one.card.summary, one.parameters, one.data, one.accuracy)
        for one in map(zoo.entry, zoo.names())
    ]
    known = [
        (one.name, False, one.summary, one.parameters, None, None)
        for one in map(catalog.entry, catalog.names())
    ]
    return Records(dict(zip(columns, row, strict=True)) for row in (*trained, *known))


def _simulated(
    path: str, options: Mapping[str, Any], named: dict[str, Any], *, typed: bool = True
) -> tuple[dict[str, Any], Any]:
    """Return the report, and the logits if there are any.

    ``typed``: whether a command line with the same options gives the same result.
    """
    args = parsed(run_command, [path], options, writes=True)
    return run_command.found(args, named, typed=typed and path == named["network"])


@contextmanager
def _file(network: Network) -> Iterator[tuple[str, str]]:
    """A name or path that the command line understands, and what reports call it."""
    if isinstance(network, str | os.PathLike):
        yield os.fspath(network), os.fspath(network)
        return
    if not hasattr(network, "save"):
        raise InputError(
            "`network` must be a name, a path or a Keras model, "
            f"not {type(network).__module__}.{type(network).__name__}"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.keras")
        network.save(path)
        with in_python(texts={repr(path): "`network`"}):
            yield path, network.name


@contextmanager
def _arrays(
    x: ArrayLike | None, y: ArrayLike | None, options: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """Options that name the files of the arrays, for the command line."""
    if x is None:
        if y is not None:
            raise InputError("`y` must be given with `x`, whose labels they are")
        yield options
        return
    for name in ("data", "labels"):
        if options.get(name) is not None:
            raise InputError(f"`{name}` must not be given with `x`")
    with tempfile.TemporaryDirectory() as folder:
        told, texts = dict(options), dict[str, str]()
        for option, name, values in (("data", "x", x), ("labels", "y", y)):
            if values is not None:
                path = told[option] = Path(folder) / f"{name}.npy"
                _save(path, name, values)
                texts |= {f"`{name}` in {str(path)!r}": f"`{name}`", repr(str(path)): f"`{name}`"}
                texts |= {f"{name}.npy": f"`{name}`"}
        with in_python({"data": "x", "labels": "y"}, texts):
            yield told


def _save(path: Path, name: str, values: ArrayLike) -> None:
    """Write numbers into a file; raises InputError if they are not numbers."""
    import numpy as np

    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise InputError(f"`{name}` must be an array of numbers: {error}") from error
    if array.dtype.hasobject:
        raise InputError(f"`{name}` must be an array of numbers, not of {array.dtype}")
    np.save(path, array, allow_pickle=False)


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
