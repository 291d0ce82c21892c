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
# # 3 NOT: a cell with two contacts
#
# From votes come AND and OR, but never NOT: more ones in never give fewer ones out. Something must
# turn a bit round.
#
# It is there already. A sense amplifier works on two wires, the bitline and its **complement**,
# and when it has decided, one is at VDD and the other at ground. The complement *is* the NOT. It
# only has to be caught in a cell.
#
# ## The dual-contact cell
#
# A normal cell has one transistor and one capacitor (1T1C), and reaches one wire. A **dual-contact
# cell** (DCC) has a second transistor to the complement: two transistors and one capacitor,
# **2T1C**. It has two word lines:
#
# - the **d-wordline** (d as in data) joins it to the bitline,
# - the **n-wordline** (n as in negation) joins it to the complement.
#
# NOT is two copies:
#
# 1. open *a*. The amplifier decides. Then open the n-wordline: the DCC takes the complement.
# 2. open the d-wordline: the bitline takes what the DCC holds. Then open the result.

# %%
import matplotlib.pyplot as plt
import numpy as np

import pimsim
from experiments.figures.style import INK, RUST, style

inverted = pimsim.transient("not", pattern="1")
waves = inverted.waveforms

with style(), plt.rc_context({"figure.dpi": 150}):
    figure, (upper, lower) = plt.subplots(2, 1, figsize=(6.4, 3.8), sharex=True)
    upper.plot(waves.time_ns, waves.nodes_mv["bl"][0], color=INK, label="bitline")
    upper.plot(
        waves.time_ns, waves.nodes_mv["blb"][0], color=RUST, dashes=(4, 2), label="complement"
    )
    upper.set(ylabel="mV", title="NOT of a stored 1, in two cycles")
    upper.legend(loc=(0.17, 0.35))
    for name, look in (("cell0", INK), ("dcc", RUST), ("result", "#009e73")):
        lower.plot(waves.time_ns, waves.nodes_mv[name][0], color=look, label=name)
    lower.set(xlabel="ns", ylabel="cells, mV")
    lower.legend(loc="center right")
    plt.show()

print("result:", int(inverted.value[0]))
assert int(inverted.value[0]) == 0

# %% [markdown]
# Follow the lower half. `cell0` dips while it shares its charge, and is restored: it still holds
# its 1. The DCC stays at 0, because the complement was at 0 when its n-wordline opened at 22 ns.
# In the second cycle the DCC is read like any other cell, and its 0 goes into the result.
#
# To see it move, start from a 0. The DCC goes up:

# %%
for bit in "01":
    done = pimsim.transient("not", pattern=bit)
    names = [cell.name for cell in done.scenario.cells]
    levels = zip(names, done.cells_mv[0], strict=True)
    held = {name: f"{level_mv:.0f} mV" for name, level_mv in levels}
    print(f"NOT {bit} = {int(done.value[0])}:", held)
    assert int(done.value[0]) == 1 - int(bit)

# %% [markdown]
# ## As commands
#
# `B4` is the d-wordline of DCC0 and `B5` its n-wordline. So NOT is two AAPs:

# %%
NOT = pimsim.PRIMITIVES["not"].program()
print("NOT is", NOT)

subarray = pimsim.Subarray(columns=6)
bits = np.array([[1, 0, 1, 1, 0, 0]])
subarray.write_bits(0, bits)
pimsim.execute(NOT, subarray, a=0, out=1)
print(bits[0], "->", subarray.read_bits(1)[0])
assert (subarray.read_bits(1) == 1 - bits).all()

# %% [markdown]
# Some addresses open two word lines at once. `B8` opens the n-wordline of DCC0 *and* T0: one copy,
# and both a bit and its complement are in place. The next notebook uses that.
#
# ## What it costs in hardware
#
# A dual-contact cell has a transistor and a word line more than others. Ambit has two of them in
# each column. The row decoder of the cells that compute is small and stands apart from the other
# one: a **split** (or separated) **decoder**. With it, both ACTIVATEs of an AAP can overlap, which
# makes it 49 ns instead of 80 (Ambit, section 5.3).

# %%
part = pimsim.standard("ddr3-1600-8-8-8")
for split in (True, False):
    options = pimsim.ModelOptions(faw=False, refresh=False, split_decoder=split)
    cost = pimsim.primitive_cost(NOT, part, options)
    print("split decoder " if split else "shared decoder", cost.latency_ps / 1e3, "ns for a NOT")

# %% [markdown]
# ## Exercises
#
# 1. Write NAND with the cells that you know: AND leaves its result in T0, T1 and T2.
# 2. Why may the two word lines of one DCC never be open together?
#
# <details><summary>Solutions</summary>
#
# ```python
# # 1. The vote's result is driven into the n-wordline of DCC0 instead of a row, and read from B4.
# NAND = pimsim.Program.parse(
#     "nand", "(a,B0)(b,B1)(C0,B2)(B12,B5)(B4,out)", inputs=("a", "b"), outputs=("out",)
# )
# array = pimsim.Subarray(columns=4)
# array.write_bits(0, np.array([[0, 0, 1, 1]]))
# array.write_bits(1, np.array([[0, 1, 0, 1]]))
# pimsim.execute(NAND, array, a=0, b=1, out=2)
# assert array.read_bits(2)[0].tolist() == [1, 1, 1, 0]
# # 2. The cell would join the bitline and its complement: a short circuit. pimsim refuses it.
# try:
#     pimsim.Program.parse("short", "(B4,B5)", inputs=(), outputs=())
# except pimsim.InputError as error:
#     print(error)
# ```
#
# </details>
