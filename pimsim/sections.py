"""TOML files of values with sources: values that a file states, and those from its base.

A file has a ``name``, a ``description`` and a table ``[sources]`` of citations that its values
refer to by key. Bundled files are in a directory of the package that reads them.

In a section an entry is ``{ value = ..., source = "key of [sources]" }``, or a bare value, which is
then the file's own claim. What a file does not state it has from its base, and the source says so.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from pimsim.documents import MOST_TOML_BYTES, meant, nearest, read_text, shown, toml
from pimsim.errors import InputError

_MOST_BASES = 8
_TEXTS = ("name", "description")

Check = Callable[[str, str, object], Any]
"""From section, key and stated value to the value to use; raises :class:`~pimsim.errors.InputError`
for a value that is not allowed."""

Values = dict[str, dict[str, Any]]
"""Values by section and key."""


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
    base: Document | None
    """The file that it builds on."""
    mistakes: list[str]
    """Mistakes found so far; each further step of reading adds its own."""

    def cited(self, source: object, where: str) -> str:
        """Return the citation with the key ``source``; note a mistake if there is none."""
        if isinstance(source, str) and source in self.citations:
            return self.citations[source]
        self.mistakes.append(f"{where} must cite a key of [sources], not {shown(source)}")
        return ""

    def lineage(self) -> list[Document]:
        """Return its bases and itself, the first base first."""
        return [*(self.base.lineage() if self.base else []), self]

    def settle(self) -> None:
        """Raise :class:`~pimsim.errors.InputError` if there are mistakes, naming all."""
        if self.mistakes:
            raise InputError.of(self.mistakes, self.file)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Files of a kind: those that are bundled, and any ``.toml`` file at a path.

    >>> Shelf("preset", "pimsim.circuit", "presets").names()
    ('crow22', 'ddr4-like', 'dramspec58', 'rambus55', 'worst-cell')
    """

    what: str
    """Names the value in messages."""
    package: str
    folder: str
    """Directory of the package with the bundled files."""

    def names(self) -> tuple[str, ...]:
        """Names of the bundled files, sorted."""
        entries = (entry.name for entry in files(self.package).joinpath(self.folder).iterdir())
        return tuple(sorted(e.removesuffix(".toml") for e in entries if e.endswith(".toml")))

    def read(
        self, wanted: str | Path, known: Sequence[str], above: tuple[str, ...] = ()
    ) -> Document:
        """Return the bundled file of that name, or the ``.toml`` file at that path.

        ``known`` are the top-level keys besides name, description, base and sources. A ``base`` is
        another file of the same kind, by name or by a path relative to the file; name and
        description may then be missing. Mistakes of the file are noted in the document; the caller
        calls :meth:`Document.settle`. ``above`` are the files that build on it.

        Raises :class:`~pimsim.errors.InputError` for an unknown name (listing the known ones), and
        a file, or a base, that cannot be read or is not TOML.
        """
        text, file, beside = self.text_of(wanted)
        table, base = toml(text, file), None
        if "base" in table:
            own = wanted if wanted in self.names() else str(Path(wanted).resolve())
            base = self._base(table["base"], file, beside, known, (*above, str(own)))
            table.setdefault("name", Path(file).stem)
            table.setdefault("description", f"{base.description}, changed by {file}")
        every = (*_TEXTS, "base", "sources", *known)
        unknown = (key for key in table if key not in every)
        mistakes = [f"unknown key `{key}`{nearest(key, every)}" for key in unknown]
        for key in _TEXTS:
            stated = table.get(key)
            if not isinstance(stated, str) or not stated.isprintable() or not stated:
                mistakes.append(f"`{key}` must be a text of one line, not {shown(stated)}")
        cited = table.get("sources", {})
        if not isinstance(cited, dict) or not all(isinstance(c, str) for c in cited.values()):
            mistakes.append(f"[sources] must be a table of texts, not {shown(cited)}")
            cited = {}
        body = {key: value for key, value in table.items() if key in known}
        name, description = (str(table.get(key)) for key in _TEXTS)
        return Document(file, name, description, cited, body, base, mistakes)

    def _base(
        self,
        wanted: object,
        file: str,
        beside: Path,
        known: Sequence[str],
        above: tuple[str, ...],
    ) -> Document:
        """The file that a file builds on."""
        names = self.names()
        named = isinstance(wanted, str) and (wanted in names or wanted.endswith(".toml"))
        if not isinstance(wanted, str) or not named or not wanted.isprintable():
            raise InputError(
                f"{file}: `base` must be one of {', '.join(names)} or the path of a .toml file, "
                f"not {shown(wanted)}{meant(wanted, names)}"
            )
        path = wanted if wanted in names else str((beside / wanted).resolve())
        if path in above or len(above) >= _MOST_BASES:
            raise InputError(
                f"{file}: `base` {shown(wanted)} must not lead back to a file above it"
            )
        try:
            return replace(self, what="base").read(path, known, above)
        except InputError as error:
            raise InputError(f"{file}: {error}") from error

    def text_of(self, wanted: str | Path) -> tuple[str, str, Path]:
        """Return text, name and folder of a bundled file, or of a file at a path.

        Raises :class:`~pimsim.errors.InputError` as :meth:`read` does before it parses.
        """
        names = self.names()
        if isinstance(wanted, str) and wanted in names:
            resource = files(self.package).joinpath(self.folder, f"{wanted}.toml")
            return resource.read_text("utf-8"), f"{wanted}.toml", Path.cwd()
        path = Path(wanted)
        if path.suffix != ".toml":
            raise InputError(
                f"`{self.what}` must be one of {', '.join(names)} or the path of a .toml file, "
                f"not {str(wanted)!r}{meant(wanted, names)}"
            )
        text = read_text(path, f"`{self.what}` {str(path)!r}", "TOML", MOST_TOML_BYTES)
        return text, path.name, path.parent


def stated(
    document: Document,
    keys: Mapping[str, tuple[str, ...]],
    check: Check,
    instead: Mapping[str, str] | None = None,
) -> tuple[Values, dict[str, str]]:
    """Return the values of a file and its bases, and their citations by ``"section.key"``.

    ``keys`` are the keys of every section. ``instead`` maps a section to the section of a base that
    it replaces. Mistakes are noted in the document; mistakes of a base are raised.
    """
    values: Values = {}
    sources: dict[str, str] = {}
    for one in document.lineage():
        for section in keys:
            replaced = (instead or {}).get(section, section)
            if section in one.body and replaced not in one.body:
                values.pop(replaced, None)
            for key, entry, where in _entries(one, section, keys[section]):
                cited = f"stated by {one.file}"
                if isinstance(entry, dict):
                    if entry.keys() != {"value", "source"}:
                        one.mistakes.append(_ill_formed(entry, where))
                        values.setdefault(section, {})[key] = None
                        continue
                    cited = one.cited(entry["source"], where)
                    entry = entry["value"]
                try:
                    values.setdefault(section, {})[key] = check(section, key, entry)
                except InputError as error:
                    one.mistakes.extend(error.mistakes or (str(error),))
                    values.setdefault(section, {})[key] = None
                if one is not document:
                    cited = f"assumed, as in {one.name} ({cited})"
                sources[f"{section}.{key}"] = cited
        if one is not document:
            one.settle()
    kept = {path: text for path, text in sources.items() if path.split(".")[0] in values}
    return values, kept


def require(document: Document, values: Values, keys: Mapping[str, tuple[str, ...]]) -> None:
    """Note every missing key of a section, or the whole section if all its keys are missing.

    A key that an unknown key stands for is not missing, but mistyped.
    """
    meant = " ".join(document.mistakes)
    for section, wanted in keys.items():
        given = values.get(section, {})
        missing = [key for key in wanted if key not in given and f"mean `{key}`?" not in meant]
        if missing and not given:
            if f"mean `{section}`?" not in meant and f"[{section}] must" not in meant:
                document.mistakes.append(f"there must be the table [{section}]")
        else:
            document.mistakes.extend(f"[{section}] must have the key `{key}`" for key in missing)


def _entries(
    document: Document, section: str, known: tuple[str, ...]
) -> Iterator[tuple[str, object, str]]:
    """Yield the keys that a section of a file states, with entry and place."""
    table = document.body.get(section, {})
    if not isinstance(table, dict):
        document.mistakes.append(f"[{section}] must be a table, not {shown(table)}")
        return
    for key, entry in table.items():
        if key in known:
            yield key, entry, f"[{section}] `{key}`"
        else:
            document.mistakes.append(
                f"[{section}] has the unknown key `{key}`{nearest(key, known)}"
            )


def _ill_formed(entry: dict[str, Any], where: str) -> str:
    for key in entry:
        if key not in ("value", "source"):
            return f"{where} has the unknown key `{key}`{nearest(key, ('value', 'source'))}"
    return f"{where} must have `value` and `source`, not {shown(entry)}"


def text(
    tops: Mapping[str, str],
    values: Mapping[str, Mapping[str, Any]],
    sources: Mapping[str, str],
    note: str,
) -> str:
    """Return a TOML text with these values and sources.

    Args:
        tops: texts at the top: name, description and others.
        values: values by section and key.
        sources: citations by ``"section.key"``.
        note: purpose of the file, for a comment at its top.
    """
    keys = _keys_of(dict.fromkeys(sources.values()))
    lines = [f"# {line}" for line in textwrap.wrap(note, 98)]
    lines += [f"{key} = {_string(value)}" for key, value in tops.items()]
    lines += ["", "[sources]", *(f"{key} = {_long(cited)}" for cited, key in keys.items())]
    for section, table in values.items():
        lines += ["", f"[{section}]"]
        for key, value in table.items():
            cited = keys[sources[f"{section}.{key}"]]
            lines.append(f'{key} = {{ value = {_scalar(value)}, source = "{cited}" }}')
    return "\n".join(lines) + "\n"


def _keys_of(citations: Mapping[str, None]) -> dict[str, str]:
    """A short key for every citation: its first word, with a number if that is taken."""
    keys: dict[str, str] = {}
    for cited in citations:
        letters = "".join(c if c.isascii() and c.isalnum() else " " for c in cited.lower())
        word = next(iter(letters.split()), "source")
        number = 1 + sum(key.rstrip("0123456789").rstrip("-") == word for key in keys.values())
        key = word if number == 1 else f"{word}-{number}"
        while key in keys.values():
            number += 1
            key = f"{word}-{number}"
        keys[cited] = key
    return keys


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:_}"
    return repr(value)


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _escaped(words: str) -> str:
    return "".join(
        _ESCAPES.get(c) or (c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}") for c in words
    )


def _string(words: str) -> str:
    return f'"{_escaped(words)}"'


def _long(words: str) -> str:
    """A string over several lines; TOML joins lines that end in a backslash."""
    lines, line = [], ""
    pieces = _escaped(words).split(" ")
    for number, piece in enumerate(pieces):
        # TOML drops leading blanks after such a break, so the next line must not need any.
        if line and piece and len(line) + len(piece) > 90:
            lines.append(line)
            line = ""
        line += piece if number == len(pieces) - 1 else f"{piece} "
    if not lines:
        return _string(words)
    return '"""\\\n' + "".join(f"{one}\\\n" for one in lines) + f'{line}"""'
