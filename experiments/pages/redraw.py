"""Draw figures of docs again from the tables beside them; nothing is simulated.

This is for changes of style, which need not wait for sweeps that take hours. The look of figures is
in :mod:`experiments.figures`; the numbers are the stored ones.
"""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from experiments.figures import sweep
from experiments.pages import mappings, networks
from experiments.studies import chips
from experiments.studies.study import STUDIES, Found, study
from experiments.sweep import spec


def of_sweep(name: str) -> Mapping[str, object] | None:
    """Return the table ``[figure]`` of a study's sweep."""
    if name in spec.names():
        return spec.load(name).figure
    figure: Mapping[str, object] = tomllib.loads(chips.spec())["figure"]
    return figure


def redraw(folder: Path) -> Iterator[Path]:
    """Draw every figure again whose numbers are in ``folder``; return the paths as they come."""
    for page in (mappings.PAGE, networks.PAGE):
        for picture, draw in page.pictures.items():
            draw(*page.read(folder), folder / picture)
            yield folder / picture
    figures = folder / "figures"
    for each in map(study, STUDIES):
        found = {name: Found.read(figures / f"{name}.json") for name in each.sweeps}
        with tempfile.TemporaryDirectory() as made:
            own = each.draw(found, Path(made))
            drawn: dict[str, Path] = dict(own)
            for name, one in {} if own else found.items():
                (Path(made) / name).mkdir()
                drawn[name] = sweep.draw(one, Path(made) / name, of_sweep(name))[0]
            for name, path in drawn.items():
                shutil.copyfile(path, figures / f"{name}.png")
                yield figures / f"{name}.png"
