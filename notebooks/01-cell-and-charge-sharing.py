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
# # 1 A DRAM cell, and how it shares its charge
#
# A bit in DRAM is charge on a very small capacitor. To read it, the capacitor is joined to a long
# wire. The wire is a capacitor too, a larger one, and after a moment both have the same voltage.
# The bit has moved the wire a little, up or down. An amplifier makes that little into a full 0 or
# 1.
#
# In this notebook you compute how far the wire moves, see it happen, and learn the words for it.
#
# ## The parts
#
# | part | what it is |
# |---|---|
# | **cell** | a capacitor (22 fF) and a transistor that joins it to the wire: **1T1C** |
# | **word line** | switches the transistors of a whole row of cells |
# | **bitline** | the wire that the cells of a column share, 512 of them here: about 85 fF |
# | **sense amplifier** | compares bitline and partner, the *complement*, and pulls them apart |
# | **precharge** | before a row opens, both bitlines are brought to half of the supply, VDD/2 |
#
# All values come with their source: `pimsim circuit preset rambus55` prints them.

# %%
import matplotlib.pyplot as plt
import numpy as np

import pimsim
from experiments.figures.style import INK, RUST, style
from pimsim.circuit.model.parameters import load

circuit = load("rambus55")
cs_ff = circuit.cell.capacitance_ff
cb_ff = circuit.bitline.capacitance_ff
vdd_mv = circuit.supply.vdd_mv
print(f"Cs = {cs_ff} fF, Cb = {cb_ff} fF, VDD = {vdd_mv} mV")

# %% [markdown]
# ## The formula
#
# Charge is capacitance times voltage, and no charge is lost. Before the row opens there is `Cs·V`
# on the cell and `Cb·VDD/2` on the bitline. Afterwards both have the same voltage, on a
# capacitance of `Cs + Cb`:
#
# $$V_\mathrm{after} = \frac{C_s\,V + C_b\,V_\mathrm{DD}/2}{C_s + C_b}$$
#
# This is **charge sharing**. How far the bitline has moved from VDD/2 is its **swing**.


# %%
def swing_mv(cell_mv, cs_ff=cs_ff, cb_ff=cb_ff):
    """How far a cell moves the bitline, in mV."""
    shared_mv = (cs_ff * cell_mv + cb_ff * vdd_mv / 2) / (cs_ff + cb_ff)
    return shared_mv - vdd_mv / 2


for bit, cell_mv in ((1, vdd_mv), (0, 0.0)):
    print(f"a stored {bit} moves the bitline by {swing_mv(cell_mv):+.1f} mV")

# %% [markdown]
# A tenth of the supply: that is all there is to see. pimsim has the same formula, for any number
# of cells:

# %%
from pimsim.circuit.statistics.charge_sharing import level_mv

from_pimsim_mv = level_mv(circuit, [vdd_mv]) - circuit.precharge_mv
assert abs(from_pimsim_mv - swing_mv(vdd_mv)) < 1e-9
print(f"pimsim says {from_pimsim_mv:+.1f} mV")

# %% [markdown]
# ## How it happens
#
# The formula says where the voltages end, not how fast they get there. pimsim also integrates the
# whole circuit over time: bitlines with their resistance, transistors, the amplifier.

# %%
read = pimsim.transient("read", pattern="1")
waves = read.waveforms

with style(), plt.rc_context({"figure.dpi": 150}):
    figure, axes = plt.subplots(figsize=(6.4, 2.8))
    axes.plot(waves.time_ns, waves.nodes_mv["bl"][0], color=INK, label="bitline")
    axes.plot(
        waves.time_ns, waves.nodes_mv["blb"][0], color=RUST, dashes=(4, 2), label="complement"
    )
    axes.plot(waves.time_ns, waves.nodes_mv["cell0"][0], color="#009e73", lw=1, label="cell")
    marks = ((2, "word line", 1400), (6, "amplifier on", 1300), (38, "row closes", 1300))
    for at_ns, text, at_mv in marks:
        axes.axvline(at_ns, color="0.7", lw=0.8)
        axes.text(at_ns + 0.3, at_mv, text)
    axes.set(xlabel="ns", ylabel="mV", ylim=(-50, 1500), title="Reading a 1")
    axes.legend(loc="center")
    plt.show()

# %% [markdown]
# Read the figure from left to right. At 2 ns the word line opens. The cell falls and the bitline
# rises until they meet: charge sharing. The bit is no longer in the cell! At 6 ns the amplifier
# begins. It pulls the bitline to VDD and the complement to ground, and because the row is still
# open, the cell is filled again: a read **restores** the cell.
#
# ## What makes the swing small
#
# A longer bitline has more cells on it, and more capacitance. The ratio Cb/Cs says it all.

# %%
ratios = np.linspace(1, 12, 100)
with style(), plt.rc_context({"figure.dpi": 150}):
    figure, axes = plt.subplots(figsize=(5, 2.6))
    axes.plot(ratios, [swing_mv(vdd_mv, 1.0, ratio) for ratio in ratios], color=INK)
    axes.plot([cb_ff / cs_ff], [swing_mv(vdd_mv)], "o", color=RUST)
    axes.annotate("this circuit", (cb_ff / cs_ff, swing_mv(vdd_mv)), xytext=(8, 8),
                  textcoords="offset points")  # fmt: skip
    axes.set(
        xlabel="Cb / Cs", ylabel="swing, mV", ylim=(0, None), title="A longer bitline, less swing"
    )
    plt.show()

# %% [markdown]
# ## Exercises
#
# 1. A cell has leaked: its 1 is only at 900 mV. How far does it move the bitline?
# 2. At which level of the cell does the bitline not move at all?
# 3. How small may Cs be if the amplifier needs 60 mV?
#
# <details><summary>Solutions</summary>
#
# ```python
# print(f"1. {swing_mv(900.0):+.1f} mV")
# print("2. at VDD/2: then the cell adds what the bitline has already,", swing_mv(vdd_mv / 2), "mV")
# # 3. swing = VDD/2 * Cs / (Cs + Cb), so Cs = Cb * swing / (VDD/2 - swing)
# least_ff = cb_ff * 60 / (vdd_mv / 2 - 60)
# assert abs(swing_mv(vdd_mv, cs_ff=least_ff) - 60) < 1e-9
# print(f"3. {least_ff:.1f} fF")
# ```
#
# </details>
#
# Try it by hand: `pimsim playground` writes a page with sliders for all of these.
