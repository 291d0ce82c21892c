"""Bulk bitwise operations as command sequences.

NOT, AND, OR, XOR: Seshadri et al., "Ambit", MICRO 2017, section 5.2 and figure 20. NAND and NOR
write the majority to a dual-contact cell through its n-wordline; XNOR is XOR with the two constants
exchanged. The if-then-else uses out = MAJ(select AND a, NOT select OR a, b).

>>> print(AND)
(a,B0)(b,B1)(C0,B2)(B12,out)
"""

from __future__ import annotations

from pimsim.microprogram.program import Program


def _two(name: str, text: str) -> Program:
    return Program.parse(name, text, inputs=("a", "b"), outputs=("out",))


COPY = Program.parse("copy", "(a,out)", inputs=("a",), outputs=("out",))
NOT = Program.parse("not", "(a,B5)(B4,out)", inputs=("a",), outputs=("out",))
AND = _two("and", "(a,B0)(b,B1)(C0,B2)(B12,out)")
OR = _two("or", "(a,B0)(b,B1)(C1,B2)(B12,out)")
NAND = _two("nand", "(a,B0)(b,B1)(C0,B2)(B12,B5)(B4,out)")
NOR = _two("nor", "(a,B0)(b,B1)(C1,B2)(B12,B5)(B4,out)")
XOR = _two("xor", "(a,B8)(b,B9)(C0,B10)[B14][B15](C1,B2)(B12,out)")
XNOR = _two("xnor", "(a,B8)(b,B9)(C1,B10)[B14][B15](C0,B2)(B12,out)")
MAJ3 = Program.parse(
    "maj3", "(a,B0)(b,B1)(c,B2)(B12,out)", inputs=("a", "b", "c"), outputs=("out",)
)
SELECT = Program.parse(
    "select",
    "(select,B8)(a,B10)(C1,B9)[B14][B15](b,B2)(B12,out)",
    inputs=("select", "a", "b"),
    outputs=("out",),
)


def reduction(constant: str, inputs: int) -> Program:
    """AND (``constant`` "C0") or OR ("C1") of ``inputs`` >= 2 rows in 3 n - 2 commands.

    The running result stays in T0; max pooling of bits is such a reduction.

    >>> len(reduction("C1", 4))
    10
    """
    rows = tuple(f"x{i}" for i in range(inputs))
    text = f"({rows[0]},B0)"
    for row in rows[1:-1]:
        text += f"({row},B1)({constant},B2)[B12]"
    text += f"({rows[-1]},B1)({constant},B2)(B12,out)"
    name = {"C0": "and", "C1": "or"}[constant] + "-reduction"
    return Program.parse(name, text, inputs=rows, outputs=("out",))
