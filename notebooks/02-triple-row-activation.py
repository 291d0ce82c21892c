# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% tags=["install"]
# Where pimsim is installed, this does nothing. Elsewhere, on Colab for example, it installs pimsim
# from PIMSIM_SOURCE: the folder of a clone, or "git+https://..." with the address of one.
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("pimsim") is None:
    source = os.environ.get("PIMSIM_SOURCE", "..")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", source], check=True)

# %% [markdown]
# # 2 Three rows at once: a vote
#
# What if three cells are joined to one bitline at the same time? Each pulls it its own way, and
# two are stronger than one. So the bitline goes where most of them want it to. The memory has
# computed a **majority**.
#
# Opening three rows at once is called a **triple-row activation**, TRA for short. It was proposed
# with Ambit (Seshadri et al., MICRO 2017).
#
# ## The formula, with three cells
#
# With *k* ones among three cells, the bitline moves by
#
# $$\Delta V = \frac{(2k-3)\,C_s\,V_\mathrm{DD}}{6\,C_s + 2\,C_b}$$

# %%
import itertools

import matplotlib.pyplot as plt
import numpy as np

import pimsim
from experiments.figures.style import INK, RUST, style
from pimsim.circuit.model.parameters import load
from pimsim.circuit.statistics.charge_sharing import level_mv

circuit = load("rambus55")
cs_ff, cb_ff = circuit.cell.capacitance_ff, circuit.bitline.capacitance_ff
vdd_mv = circuit.supply.vdd_mv

for ones in range(4):
    by_formula_mv = (2 * ones - 3) * cs_ff * vdd_mv / (6 * cs_ff + 2 * cb_ff)
    cells_mv = [vdd_mv] * ones + [0.0] * (3 - ones)
    assert abs(level_mv(circuit, cells_mv) - vdd_mv / 2 - by_formula_mv) < 1e-9  # pimsim agrees
    print(f"{ones} ones: {by_formula_mv:+7.1f} mV")

# %% [markdown]
# A vote of two to one moves the bitline by 87 mV, less than the 123 mV of a single cell: three
# cells are on the wire, and two of them cancel. That is the price.
#
# ## All eight patterns

# %%
with style(), plt.rc_context({"figure.dpi": 150}):
    figure, axes = plt.subplots(figsize=(6.4, 3))
    for bits in itertools.product("01", repeat=3):
        tra = pimsim.transient("tra", pattern="".join(bits))
        value = int(tra.value[0])
        assert value == (bits.count("1") >= 2)
        waves = tra.waveforms
        shown = waves.time_ns < 20
        axes.plot(waves.time_ns[shown], waves.nodes_mv["bl"][0][shown], lw=1,
                  color=INK if value else RUST, dashes=(1, 0) if value else (4, 2))  # fmt: skip
        print("".join(bits), "->", value, f"({tra.dv_at_sense_mv[0]:+.0f} mV)")
    axes.text(14, 1060, "two or three ones", color=INK)
    axes.text(14, 120, "none or one", color=RUST)
    axes.set(xlabel="ns", ylabel="bitline, mV", title="Eight patterns, two answers")
    plt.show()

# %% [markdown]
# The patterns with the same number of ones fall on one line: cells are alike, and only their
# number counts.
#
# ## AND and OR are votes with a fixed third cell
#
# - The third cell holds **0**. Now both others must be 1 to win: **AND**.
# - The third cell holds **1**. One more 1 is enough: **OR**.
#
# One number decides which of the two it is. In DRAM two rows hold nothing but zeros and nothing
# but ones for that, C0 and C1.

# %%
print(" a b   AND OR")
for a, b in itertools.product((0, 1), repeat=2):
    both = [int(pimsim.transient("tra", pattern=f"{a}{b}{third}").value[0]) for third in (0, 1)]
    print(f" {a} {b}    {both[0]}   {both[1]}")
    assert both == [a & b, a | b]

# %% [markdown]
# ## A whole row at once
#
# A row has 65,536 cells on one DRAM module, each on a bitline of its own. One command makes all of
# them vote. Let us do it on a small subarray. A TRA overwrites its three cells, so operands are
# copied first:
#
# - **AAP(x, y)**: ACTIVATE x, ACTIVATE y, PRECHARGE. What x holds is copied into y.
# - `B0`, `B1` and `B2` are the addresses of the cells T0, T1 and T2, which are there to compute
#   in. `B12` opens all three.

# %%
a = np.array([[0, 0, 1, 1]])
b = np.array([[0, 1, 0, 1]])
AND = pimsim.PRIMITIVES["and"].program()
print("AND is", AND)

subarray = pimsim.Subarray(columns=4)
subarray.write_bits(0, a)
subarray.write_bits(1, b)
pimsim.execute(AND, subarray, a=0, b=1, out=2)
print(subarray.read_bits(2)[0])
assert (subarray.read_bits(2) == (a & b)).all()

# %% [markdown]
# `(a,B0)` copies a into T0, `(b,B1)` copies b into T1, `(C0,B2)` puts zeros into T2. `(B12,out)`
# opens the three together, which is the vote, and copies the result out. Four commands, whatever
# the length of the row.
#
# ## Exercises
#
# 1. Write OR, by changing one word of AND.
# 2. What does a TRA give if all three cells hold the same row?
# 3. Five cells can vote, too. What swing has a vote of three to two? (pimsim:
#    `pimsim.transient("majority", pattern="11100")`.)
#
# <details><summary>Solutions</summary>
#
# ```python
# OR = pimsim.Program.parse("or", str(AND).replace("C0", "C1"), inputs=("a", "b"), outputs=("out",))
# pimsim.execute(OR, subarray, a=0, b=1, out=3)
# assert (subarray.read_bits(3) == (a | b)).all()
# # 2. That row: three equal votes. It is how a row is refreshed.
# five = pimsim.transient("majority", pattern="11100")
# print(f"3. {five.dv_at_sense_mv[0]:+.1f} mV: more cells on the wire, less for each vote")
# ```
#
# </details>
