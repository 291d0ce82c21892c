"""Run the notebooks of this folder from top to bottom; write each as HTML and as .ipynb.

python notebooks/build.py --out out/notebooks                       # all of them
python notebooks/build.py --out out/notebooks --solutions 01-*.py   # one, with its solutions

Needs the extra `notebooks`. The pages load nothing: formulas are drawn here. Jupyter opens the
.ipynb files, and Colab takes them as uploads.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import re
import sys
import time
from html import escape
from pathlib import Path
from typing import Any

import jupytext
import nbclient
import nbformat
from nbconvert import HTMLExporter
from traitlets.config import Config

HERE = Path(__file__).resolve().parent
_HIDDEN = re.compile(r"<details>.*?</details>", re.DOTALL)
_CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
_FORMULA = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
_SUMMARY = re.compile(r"<details><summary>(.*?)</summary>")
_OPEN, _CLOSE = "hidden-from-here:", "hidden-to-here"
LONGEST_S = 300
"""Time that a cell may take."""
_STYLE = "main{max-width:56rem;margin:0 auto}details{margin:1rem 0}summary{cursor:pointer}"


def notebooks() -> list[Path]:
    """Return the notebooks of this folder, in order."""
    return sorted(HERE.glob("[0-9][0-9]-*.py"))


def solutions(notebook: Any) -> list[str]:
    """Return the code of the solutions, which stand hidden in the text."""
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return [code for text in texts for hidden in _HIDDEN.findall(text)
            for code in _CODE.findall(hidden)]  # fmt: skip


def run(path: Path, *, with_solutions: bool = False) -> Any:
    """Return a notebook with what its cells say; solutions are run behind them, and not kept.

    Raises nbclient's CellExecutionError for a cell that fails.
    """
    notebook = jupytext.read(path)
    shown = len(notebook.cells)
    if with_solutions:
        notebook.cells += map(nbformat.v4.new_code_cell, solutions(notebook))
    client = nbclient.NotebookClient(
        notebook, timeout=LONGEST_S, kernel_name="python3", resources={"metadata": {"path": HERE}},
        extra_arguments=["--IPKernelApp.log_level=40"],
    )  # fmt: skip
    client.execute()
    del notebook.cells[shown:]
    return notebook


def title(notebook: Any) -> str:
    """Return what a notebook is called: its first heading."""
    texts = (cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return next(line[2:] for text in texts for line in text.splitlines() if line.startswith("# "))


def page(notebook: Any) -> str:
    """Return a notebook as HTML that loads nothing, its install cell left out."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = _FORMULA.sub(lambda found: _drawn(found.group(1)), cell.source)
            # Put back below: nbconvert would close the one before what it hides.
            cell.source = _SUMMARY.sub(rf"{_OPEN}\1", text).replace("</details>", _CLOSE)
    name = title(notebook)
    exporter = HTMLExporter(
        config=Config(
            TagRemovePreprocessor={"enabled": True, "remove_cell_tags": ["install"]}
        ),
        embed_images=True, exclude_input_prompt=True, exclude_output_prompt=True,
        mathjax_url="", require_js_url="", mermaid_js_url="", jquery_url="",
    )  # fmt: skip
    text, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": name}})
    # What is left of scripts would only load more.
    text = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    text = re.sub(rf"<p>{_OPEN}(.*?)</p>", r"<details><summary>\1</summary>", text)
    text = text.replace(f"<p>{_CLOSE}</p>", "</details>")
    return str(text).replace("</head>", f"<style>{_STYLE}</style></head>", 1)


def index(titles: dict[str, str]) -> str:
    """Return a page that leads to the others, titles by file."""
    links = "".join(
        f'<li><a href="{file}">{escape(name)}</a></li>' for file, name in titles.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>Computing in DRAM: a course</title>"
        "<style>:root{color-scheme:light dark}body{font:18px/1.7 system-ui,sans-serif;"
        "max-width:40rem;margin:2rem auto;padding:0 1rem}ul{list-style:none;padding:0}</style>"
        f"<h1>Computing in DRAM: a course</h1><ul>{links}</ul>"
        "<p>A page with sliders: <code>pimsim playground</code>.</p></html>"
    )


def _drawn(formula: str) -> str:
    """A formula as an image; its text stands in for it where images cannot be seen."""
    from matplotlib import mathtext
    from matplotlib.font_manager import FontProperties

    svg = io.BytesIO()
    mathtext.math_to_image(f"${formula}$", svg, prop=FontProperties(size=17), format="svg")
    data = base64.b64encode(svg.getvalue()).decode()
    return f'<img alt="{escape(formula)}" src="data:image/svg+xml;base64,{data}">'


def main() -> int:
    """Run notebooks and write their pages."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("notebooks", type=Path, nargs="*", default=notebooks())
    parser.add_argument("--out", type=Path, required=True, help="folder of the pages")
    parser.add_argument("--solutions", action="store_true", help="run the solutions too")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    os.environ.pop("MPLBACKEND", None)  # figures go into the notebook
    titles = {}
    for path in args.notebooks:
        start = time.perf_counter()
        try:
            notebook = run(path, with_solutions=args.solutions)
        except nbclient.exceptions.CellExecutionError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            return 1
        file = f"{path.stem}.html"
        nbformat.write(notebook, args.out / f"{path.stem}.ipynb")
        (args.out / file).write_text(page(notebook), encoding="utf-8")
        titles[file] = title(notebook)
        print(f"{path.name}: {time.perf_counter() - start:.1f} s", flush=True)
    if len(titles) > 1:
        (args.out / "index.html").write_text(index(titles), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
