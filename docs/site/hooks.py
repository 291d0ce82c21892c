"""What `mkdocs.yml` cannot say: pages from files that lie elsewhere, and links that lead to them.

The pages of the site are those of `docs`, and more that are made here and written nowhere:
`README.md` and its neighbours, a page for each recipe of `CONTRIBUTING.md`, a page of reference for
each package, and one for each notebook. Links are written so that they work where the files are
read as they are; here they are turned to the pages.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
FLOORS = ("pimsim", "bnn", "experiments")

OUTSIDE = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "findings/README.md": "findings.md",
    "CITATION.cff": "CITATION.cff",
}
"""Pages and files of the site by the files of the repository that they are."""

RECIPES = "# Recipes"
"""The heading of `CONTRIBUTING.md` under which each heading is a page of its own."""

_FORMULA = re.compile(r"\$\$\s*(.+?)\s*\$\$", re.DOTALL)
_LETTER_PX, _MARGIN_PX = 22.0, 2.0

HIDDEN = {"solution", "hide", "hide-cell", "hide-input", "hide_input"}
"""Tags of cells of notebooks that are shown when somebody asks for them."""

_FENCE = re.compile(r"^(?:```|~~~).*?^(?:```|~~~)[ ]*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
_CODE = re.compile(
    r"(?<![`\w])(?:(?<!\[)|(?<=\\\[))`((?:pimsim|bnn|experiments)/[\w./-]+?)(?::([A-Za-z_][\w.]*))?`(?!`)"
)
_CITED = re.compile(r"\[(`[^\]\n]*`)\](?![(\[])")


def slug(title: str) -> str:
    """Return the name of a page: lower case, with dashes.

    >>> slug("A mapping (a dataflow)")
    'a-mapping-a-dataflow'
    """
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))


def recipes(text: str) -> dict[str, str]:
    r"""The recipes of `CONTRIBUTING.md` by title, in its order.

    >>> recipes("# Work\n\n# Recipes\n\n## A part\n\nDo it.\n\n## A bit\n\nSo.\n")
    {'A part': 'Do it.', 'A bit': 'So.'}
    """
    parts = re.split(r"^## ", text.partition(f"\n{RECIPES}\n")[2], flags=re.MULTILINE)[1:]
    found = (part.partition("\n") for part in parts)
    return {title.strip(): body.strip() for title, _, body in found}


def packages() -> Iterator[Path]:
    """The folders of code, relative to the repository, in the order of reading."""
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("__init__.py")):
            yield path.parent.relative_to(ROOT)


def reference(package: Path) -> str:
    """The page of a package: its docstring, then what its modules have."""
    name = ".".join(package.parts)
    modules = sorted(
        path.stem
        for path in (ROOT / package).glob("*.py")
        if not path.stem.startswith("_") and ast.get_docstring(ast.parse(path.read_text("utf-8")))
    )
    parts = [f"# `{name}`", f"::: {name}\n    options:\n      show_root_heading: false"]
    parts += [f"::: {name}.{module}" for module in modules]
    return "\n\n".join(parts) + "\n"


def notebook(path: Path) -> str:
    """A notebook as Markdown: its texts as they are, its code in blocks that say Python."""
    import jupytext

    parts = []
    for cell in jupytext.read(path).cells:
        text = cell.source.strip()
        text = f"```python\n{text}\n```" if cell.cell_type == "code" else text
        if HIDDEN & set(cell.metadata.get("tags", ())):
            text = f"<details>\n<summary>Solution</summary>\n\n{text}\n\n</details>"
        text = _FORMULA.sub(lambda found: drawn(found[1]), text)
        parts.append(text.replace("<details>", '<details markdown="1">'))
    if len(parts) > 1 and parts[0].startswith("```") and parts[1].startswith("# "):
        parts[:2] = parts[1::-1]  # the title first, then the cell that installs
    return "\n\n".join(part for part in parts if part) + "\n"


def drawn(formula: str) -> str:
    """A formula of LaTeX as a block of HTML, in the colour of the text; its text is read out.

    >>> drawn("a + b").count("<path"), 'aria-label="a + b"' in drawn("a + b")
    (1, True)
    """
    from matplotlib.path import Path as Outline
    from matplotlib.textpath import TextPath

    letters = {Outline.MOVETO: "M", Outline.LINETO: "L", Outline.CURVE3: "Q", Outline.CURVE4: "C"}
    outline = TextPath((0, 0), f"${formula}$", size=_LETTER_PX)
    box = outline.get_extents()
    parts = []
    for numbers, code in outline.iter_segments():
        if code == Outline.CLOSEPOLY:
            parts.append("Z")
            continue
        places = zip(
            numbers[::2] - box.x0 + _MARGIN_PX, box.y1 - numbers[1::2] + _MARGIN_PX, strict=True
        )
        parts.append(letters[code] + " ".join(f"{x:.2f} {y:.2f}" for x, y in places))
    width, height = box.width + 2 * _MARGIN_PX, box.height + 2 * _MARGIN_PX
    return (
        f'<div class="formula" style="overflow-x: auto; margin: 1em 0"><svg role="img" '
        f'aria-label="{escape(formula)}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.2f} {height:.2f}" fill="currentColor">'
        f'<path d="{"".join(parts)}"/></svg></div>'
    )


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Extend the navigation by what is found: recipes, notebooks, reference, pages not named."""
    nav = config.nav
    assert nav is not None, "mkdocs.yml has a nav"
    named = set(_paths(nav))
    docs = Path(config.docs_dir)
    others = [path.name for path in sorted(docs.glob("*.md")) if path.name not in named]
    if others:
        nav.append({"More": others})
    courses = [{_title(text): page} for page, text in _notebooks().items()]
    if courses:
        nav.insert(2, {"Course": courses})
    extend: list[Any] = ["contributing.md", "architecture.md"]
    extend += [{title: f"add/{slug(title)}.md"} for title in _recipes()]
    floors: list[Any] = [
        {floor: [_reference_page(each) for each in packages() if each.parts[0] == floor]}
        for floor in FLOORS
    ]
    nav += [{"Reference": floors}, {"Extend": extend}, {"Project": ["changelog.md", "findings.md"]}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made here."""
    made = {page: _text(name) for name, page in OUTSIDE.items()}
    made |= {f"add/{slug(title)}.md": f"# Add: {title[0].lower()}{title[1:]}\n\n{body}\n"
             for title, body in _recipes().items()}  # fmt: skip
    made |= {_reference_page(package): reference(package) for package in packages()}
    made |= _notebooks()
    for page, text in made.items():
        files.append(File.generated(config, page, content=text, inclusion=InclusionLevel.INCLUDED))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files of the repository into links to pages, and modules into reference."""
    here = page.file.src_uri
    if here.startswith("reference/"):
        return markdown
    listed = ""
    if here == "contributing.md":
        markdown = markdown.partition(f"\n{RECIPES}\n")[0]
        listed = "\n## Recipes\n\n" + "\n".join(
            f"- [{title}](add/{slug(title)}.md)" for title in _recipes()
        )
    source = _source(here)
    done, at = [], 0
    for fence in [*_FENCE.finditer(markdown), None]:
        text = markdown[at : fence.start() if fence else None]
        text = _LINK.sub(lambda found: found[1] + _target(found[2], source, here) + found[3], text)
        text = _CITED.sub(r"\\[\1\\]", text)
        text = _CODE.sub(_module, text)
        done += [text, fence[0] if fence else ""]
        at = fence.end() if fence else at
    return "".join(done) + listed


def _paths(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, dict):
            for value in entry.values():
                yield from _paths(value if isinstance(value, list) else [value])


def _text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def _title(text: str) -> str:
    found = re.search(r"^# (.*)", _FENCE.sub("", text), re.MULTILINE)
    if found is None:
        raise PluginError(f"a notebook must begin with a heading, not {text[:60]!r}")
    return found[1]


def _recipes() -> dict[str, str]:
    return recipes(_text("CONTRIBUTING.md"))


def _notebooks() -> dict[str, str]:
    return {
        f"notebooks/{path.stem}.md": notebook(path)
        for path in sorted((ROOT / "notebooks").glob("[0-9]*.py"))
    }


def _reference_page(package: Path) -> str:
    return f"reference/{'.'.join(package.parts)}.md"


def _source(page: str) -> str:
    """The file of the repository that a page is."""
    for name, of in OUTSIDE.items():
        if of == page:
            return name
    if page.startswith("add/"):
        return "CONTRIBUTING.md"
    return page if page.startswith("notebooks/") else f"docs/{page}"


def _target(link: str, source: str, here: str) -> str:
    """Where a link leads in the site, if it leads to a file of the repository."""
    path, mark, anchor = link.partition("#")
    if not path or re.match(r"[a-z]+:", path):
        return link
    name = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    if not (ROOT / name).exists():
        raise PluginError(f"{source} links to {link}, and there is no {name}")
    if name in OUTSIDE:
        to = OUTSIDE[name]
    elif name.startswith("docs/"):
        to = name.removeprefix("docs/")
    elif name.startswith("notebooks/") and name.endswith(".py"):
        to = f"{name.removesuffix('.py')}.md"
    else:
        raise PluginError(f"{source} links to {link}, which is no page: name it as `{name}`")
    return posixpath.relpath(to, posixpath.dirname(here) or ".") + mark + anchor


def _module(found: re.Match[str]) -> str:
    """A file of code as a link to its reference; what has no place there stays as it is."""
    path, name = found.groups()
    module = ROOT / path
    if path.endswith("/__init__.py"):
        module = module.parent
    if module.suffix != ".py" and not (module / "__init__.py").is_file():
        return found[0]
    if module.suffix == ".py" and not module.is_file():
        return found[0]
    dotted = ".".join(module.relative_to(ROOT).with_suffix("").parts)
    public = name and not any(part.startswith("_") for part in name.split("."))
    return f"[{found[0]}][{dotted}{f'.{name}' if public else ''}]"
