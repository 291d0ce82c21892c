"""A page as one file: style and script inside, nothing loaded, all text escaped.

Three things keep a name such as ``<img onerror=...>`` from doing harm. Jinja escapes every text.
The policy in the head allows only this page's own style and script (by their hashes) and embedded
pictures; other scripts, styles and event handlers do not run. And the policy names no source, so
nothing can be fetched or sent.

>>> made = render(Page("<b>", "run", "", ["fine"], []))
>>> "<b>" in made, "&lt;b&gt;" in made, "://" in made
(False, True, False)
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from experiments.html.blocks import Page, Section
from experiments.output.escaping import visible
from pimsim import __version__

NAME = "report.html"
"""Name of the page's file, for every command."""

FRAMES_STYLE, FRAMES = "frames.css", "frames.js"
"""Style and script of what scrolls sideways."""

_TEMPLATES = Path(__file__).parent / "templates"


def render(page: Page) -> str:
    """Return the page as the text of a file."""
    style, script = _text("style.css") + _text(FRAMES_STYLE), _text("page.js") + _text(FRAMES)
    return _template().render(
        page=page,
        sections=[*_numbered(page.sections)],
        style=style,
        script=script,
        policy=policy(style, script),
        version=__version__,
    )


def write(page: Page, folder: Path) -> Path:
    """Write the page into a folder; return its path."""
    path = folder / NAME
    path.write_text(render(page), encoding="utf-8")
    return path


def policy(style: str, script: str) -> str:
    """Return the content security policy of a page with this style and script.

    >>> policy("", "")[:19]
    "default-src 'none';"
    """
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _numbered(sections: Iterable[Section]) -> Iterable[tuple[str, Section]]:
    """Sections that have something to show, each with the name by which it is linked."""
    shown = (section for section in sections if section.blocks)
    return ((f"s{number}", section) for number, section in enumerate(shown, 1))


@cache
def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text("utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    return environment.get_template("page.html")
