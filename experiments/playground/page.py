"""The page, put together: style, scripts and data in one file that loads nothing.

>>> text = page()
>>> "http://" in text.replace("http://www.w3.org", ""), "https://" in text
(False, False)
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib.resources import files

from experiments.playground.bitline import circuit_data
from experiments.playground.programs import program_data
from pimsim import __version__

SCRIPTS = ("bitline.js", "variation.js", "draw.js", "failures.js", "lab.js", "steps.js", "start.js")
"""Scripts, each after those that it uses."""


def page() -> str:
    """Return the text of the page."""
    shared = files("experiments.html").joinpath("templates")
    script = "\n".join([*map(_text, SCRIPTS), shared.joinpath("frames.js").read_text("utf-8")])
    style = _text("style.css") + shared.joinpath("frames.css").read_text("utf-8")
    parts = {
        "POLICY": f"default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src {_digest(style)}; script-src {_digest(script)}",
        "STYLE": style,
        "SCRIPT": script,
        "DATA": embedded({"circuit": circuit_data(), "programs": program_data()}),
        "VERSION": __version__,
    }
    # All at once, so that inserted text is not searched for slots.
    return re.sub(r"@([A-Z]+)@", lambda found: parts[found.group(1)], _text("page.html"))


def embedded(value: object) -> str:
    r"""Return JSON that can stand inside a script element, whatever texts it holds.

    >>> embedded("</script>")
    '"\\u003c/script>"'
    """
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _text(name: str) -> str:
    return files(__package__).joinpath("web", name).read_text("utf-8")


def _digest(text: str) -> str:
    """The hash by which a page's policy lets this text in, and no other."""
    found = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{found}'"
