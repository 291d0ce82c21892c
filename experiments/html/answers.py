"""Answers of a network beside the labels: which classes it confuses, and a few images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from experiments.html import pictures
from experiments.html.blocks import Block, Cell, Column, Gallery, Picture, Section, Table, Text
from experiments.output.words import counted
from experiments.report.witness import Witness

if TYPE_CHECKING:
    from numpy.typing import NDArray

MATRIX = 20
"""With more classes than this, answers are not shown class by class."""
SHOWN = 12
"""Images answered wrongly that are shown."""
PAIRS = 15
"""Mistakes that are listed where there are too many classes for a matrix."""


def section(witness: Witness) -> Section:
    """Return the section; an empty one if no answers can be compared with labels."""
    found = witness.wrong()
    if found is None:
        return Section("Right and wrong answers", ())
    answers, labels = found
    classes = _classes(witness, answers, labels)
    wrong = (answers != labels).nonzero()[0]
    right, of = len(labels) - len(wrong), counted(len(labels), "image")
    lead = f"{right:,} of {of} were classified as labelled."
    blocks: list[Block] = []
    if len(classes) <= MATRIX:
        blocks.append(matrix(answers, labels, classes))
    elif len(wrong):
        blocks.append(_pairs(answers, labels, classes))
    return Section(
        "Right and wrong answers", [*blocks, *_images(witness, wrong, found, classes)], lead
    )


def _classes(witness: Witness, answers: NDArray[Any], labels: NDArray[Any]) -> Sequence[str]:
    threshold = None if witness.scoring is None else witness.scoring.threshold
    if threshold is not None:
        return ("no", "yes")
    outputs = int(witness.logits.shape[-1])
    given = witness.classes if len(witness.classes) == outputs else ()
    return given or [str(number) for number in range(outputs)]


def matrix(answers: NDArray[Any], labels: NDArray[Any], classes: Sequence[str]) -> Table:
    """Return the confusion matrix: how often images of each label got each answer.

    >>> import numpy as np
    >>> table = matrix(np.array([0, 1, 1]), np.array([0, 0, 1]), ("no", "yes"))
    >>> [[cell.text for cell in row] for row in table.rows]
    [['no', '1', '1', '50.0 %'], ['yes', '·', '1', '100.0 %']]
    """
    import numpy as np

    size = len(classes)
    counts = np.bincount(labels * size + answers, minlength=size * size).reshape(size, size)
    rows = []
    for label, (name, row) in enumerate(zip(classes, counts.tolist(), strict=True)):
        total = sum(row)
        cells = [
            Cell(
                f"{count:,}" if count else "·",
                count,
                shade=_shade(count / total) if count else None,
                strong=answer == label,
            )
            for answer, count in enumerate(row)
        ]
        right = f"{row[label] / total:.1%}".replace("%", " %") if total else "none"
        rows.append([Cell(name), *cells, Cell(right, row[label] / total if total else -1.0)])
    columns = (
        Column("label"),
        *(Column(name, middle=True) for name in classes),
        Column("right", number=True),
    )
    return Table(
        "Images by their label (rows) and by what the network took them for (columns)",
        columns,
        rows,
        sortable=False,
    )


def _shade(share: float) -> int:
    return max(1, min(9, round(9 * share)))


def _pairs(answers: NDArray[Any], labels: NDArray[Any], classes: Sequence[str]) -> Table:
    """The mistakes that are made most often."""
    import numpy as np

    wrong = answers != labels
    pairs, counts = np.unique(np.stack([labels[wrong], answers[wrong]]), axis=1, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:PAIRS]
    rows = [
        [
            Cell(classes[int(pairs[0, place])]),
            Cell(classes[int(pairs[1, place])]),
            Cell(f"{int(counts[place]):,}", int(counts[place])),
        ]
        for place in order
    ]
    columns = Column("label"), Column("taken for"), Column("images", number=True)
    return Table(f"The mistakes made most often, of {len(counts):,} kinds", columns, rows)


def _images(
    witness: Witness, wrong: NDArray[Any], found: tuple[Any, Any], classes: Sequence[str]
) -> Iterator[Block]:
    """The first images that were answered wrongly."""
    if not len(wrong):
        yield Text("No image was answered wrongly.")
        return
    answers, labels = found
    few = wrong[:SHOWN]
    pixels = pictures.shown(witness.images[few])
    if pixels is None:
        yield Text("The inputs are no pictures, so that none of them is shown.")
        return
    more = "" if len(wrong) == len(few) else f" The first {len(few)} of {len(wrong):,} are shown."
    yield Text(f"Images that were taken for something else.{more}")
    yield Gallery(
        [
            Picture(
                pictures.uri(pictures.png(one)),
                f"image {number}, labelled {classes[labels[number]]}",
                f"image {number}: {classes[labels[number]]}, taken for {classes[answers[number]]}",
                pixels=True,
            )
            for number, one in zip(few.tolist(), pixels, strict=True)
        ]
    )
