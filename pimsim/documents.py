"""TOML files with sources: what DRAM standards, circuit presets and processes have in common.

A file has a ``name``, a ``description`` and a table ``[sources]`` of citations that its values
refer to by key. Bundled ones lie in a directory of the package that reads them.

>>> bundled("pimsim.circuit", "presets")
('crow22', 'ddr4-like', 'dramspec58', 'rambus55')
>>> require_known(["distributoin"], ("quantity", "distribution"), "mine.toml")
Traceback (most recent call last):
...
pimsim.errors.InputError: mine.toml has the unknown key `distributoin`; did you mean \
`distribution`?
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pimsim.errors import InputError

_TEXTS = ("name", "description")


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file."""

    file: str
    """Its name, for messages."""
    name: str
    description: str
    citations: Mapping[str, str]
    """The table ``[sources]``."""
    body: Mapping[str, Any]
    """Everything else."""

    def cited(self, source: object, where: str) -> str:
        """Return the citation that ``source`` is the key of.

        Raises :class:`~pimsim.errors.InputError`, naming ``where``, if it is none.
        """
        if not isinstance(source, str) or source not in self.citations:
            raise InputError(f"{where} must cite a key of [sources], not {source!r}")
        return self.citations[source]


def bundled(package: str, folder: str) -> tuple[str, ...]:
    """Names of the bundled files in a directory of a package, sorted."""
    entries = files(package).joinpath(folder).iterdir()
    return tuple(sorted(e.name.removesuffix(".toml") for e in entries if e.name.endswith(".toml")))


def read(
    what: str, wanted: str | Path, package: str, folder: str, known: Sequence[str]
) -> Document:
    """Return the bundled file of that name, or the ``.toml`` file at that path.

    ``what`` names the value in messages, ``package`` and ``folder`` where bundled files lie,
    ``known`` the top-level keys besides name, description and sources.

    Raises :class:`~pimsim.errors.InputError` for an unknown name (listing the known ones), a file
    that cannot be read or is not TOML, an unknown top-level key, and a missing text.
    """
    names = bundled(package, folder)
    if isinstance(wanted, str) and wanted in names:
        resource = files(package).joinpath(folder, f"{wanted}.toml")
        return _parse(resource.read_text("utf-8"), f"{wanted}.toml", known)
    path = Path(wanted)
    if path.suffix != ".toml":
        raise InputError(
            f"`{what}` must be one of {', '.join(names)} or the path of a .toml file, "
            f"not {str(wanted)!r}"
        )
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise InputError(f"`{what}` {str(path)!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"`{what}` {str(path)!r} is not a TOML file: not UTF-8") from error
    return _parse(text, path.name, known)


def require_known(keys: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raise :class:`~pimsim.errors.InputError` for an unknown key, with the nearest known one."""
    known = tuple(known)
    for key in keys:
        if key not in known:
            raise InputError(f"{where} has the unknown key `{key}`{nearest(key, known)}")


def nearest(key: str, known: Sequence[str]) -> str:
    """Return the end of a message about an unknown key: the nearest known one, or all."""
    near = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean `{near[0]}`?" if near else f" (known: {', '.join(known)})"


def _parse(text: str, file: str, known: Sequence[str]) -> Document:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file} is not a TOML file: {error}") from error
    require_known(document, (*_TEXTS, "sources", *known), file)
    for key in _TEXTS:
        if not isinstance(document.get(key), str) or not document[key]:
            raise InputError(f"{file}: `{key}` must be a text, not {document.get(key)!r}")
    citations = document.get("sources", {})
    if not isinstance(citations, dict) or not all(isinstance(c, str) for c in citations.values()):
        raise InputError(f"{file}: [sources] must be a table of texts, not {citations!r}")
    body = {key: value for key, value in document.items() if key in known}
    return Document(file, document["name"], document["description"], citations, body)
