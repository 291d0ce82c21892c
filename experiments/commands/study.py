"""``pimsim study``: run the sweeps that answer a question, and write a page with the answer."""

from __future__ import annotations

import argparse
import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

from experiments.options.option import Option, Rule, absent, add, flag, out_folder
from experiments.options.parser import Parser
from experiments.options.table import CLUSTER, HTML, JSON, WORKERS
from experiments.output import json_output
from experiments.studies.study import STUDIES, study

NAME = "study"
HELP = "what errors do to networks: sweeps, figures, and a page with the finding"

_DESCRIPTION = """\
Run the sweeps that answer a question, draw them, and write a page with the finding:

{studies}

A study may be stopped at any moment and goes on from there when it is run again; what its sweeps
have found is in DIR/SWEEP/sweep.sqlite. The pages in the folder docs of the repository are made so.
"""

_EPILOG = """\
examples:
  pimsim study variation                     into out/study-variation
  pimsim study layers --out out/layers --workers 2
  pimsim study variation --page              the page again, from what there is

DIR receives study-NAME.md, report.html, which is the same for a browser, figures and tables
(figures/), and a folder for each sweep.
"""


RULES = (
    Rule(("workers", "cluster"), absent("page"), "must not be given with --page: nothing is run"),
    Rule(
        ("chips",),
        lambda args: study(args.study).chips is not None,
        "needs a study of real chips",
    ),
)
"""Which options have no effect with which."""

WRITES = ("study-*.md", "report.html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim study``."""
    titles = "\n".join(f"  {name:12}{study(name).title}" for name in STUDIES)
    parser.description, parser.epilog = _DESCRIPTION.format(studies=titles), _EPILOG
    parser.add_argument("study", metavar="NAME", choices=STUDIES, help=", ".join(STUDIES))
    add(parser, flag("page", "write the page, and run nothing"))
    add(parser.add_mutually_exclusive_group(), WORKERS, CLUSTER)
    add(
        parser,
        Option(
            "chips",
            "folder with measurements of real chips (default: real-chips in $PIMSIM_DATA)",
            Path, "DIR",
        ),
        out_folder("folder (default: out/study-NAME)"),
        HTML.but(needs=None),
        JSON,
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Run the sweeps that are not finished, and write the page."""
    from experiments.commands import sweep
    from experiments.studies import page

    one = study(args.study)
    folder = Path("out") / f"study-{one.name}" if args.out is None else args.out
    folder.mkdir(parents=True, exist_ok=True)
    one.prepare(folder, args.chips)
    parser = Parser(prog="pimsim sweep")
    sweep.add_arguments(parser)
    for name in one.sweeps:
        own = folder / f"{name}.toml"
        words = [str(own) if own.exists() else name, "--out", str(folder / name)]
        words += ["--draw"] if args.page else []
        words += [] if args.html else ["--no-html"]
        for option in ("workers", "cluster"):
            if option in args.given:
                words += [f"--{option}", str(getattr(args, option))]
        with redirect_stdout(io.StringIO() if args.json else sys.stdout):
            code = sweep.run(parser.parse_args(words))
        if code:
            return code
    written = page.write(one, folder)
    shown = {"html": str(_html(args, written))} if args.html else {}
    if args.json:
        sweeps = {
            name: json.loads((folder / name / "results.json").read_text("utf-8"))
            for name in one.sweeps
        }
        json_output.show({"study": one.name, "page": str(written), **shown, "sweeps": sweeps})
    else:
        print(f"written: {', '.join([str(written), *shown.values()])}")
    return 0


def _html(args: argparse.Namespace, written: Path) -> Path:
    """Write the page for a browser beside that of Markdown; return its path."""
    from dataclasses import replace

    from experiments.html import command, document, page
    from experiments.html.run import reproduced

    folder = written.parent
    made = document.page(written.read_text("utf-8"), folder, "pimsim study")
    again = reproduced(
        command.typed(f"pimsim {NAME}", args, "study"),
        "The folder figures has every number of this page.",
    )
    return page.write(replace(made, sections=[*made.sections, again]), folder)
