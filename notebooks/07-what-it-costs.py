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
# # 7 What it costs: 32x, 35x, and why a network is different
#
# "Computing in DRAM is 32 times faster and takes 35 times less energy." These two numbers come
# from the paper that proposed Ambit (Seshadri et al., MICRO 2017), for seven bulk operations: NOT,
# AND, OR, NAND, NOR, XOR, XNOR. Both are right. They do not say what a network gains. In this
# notebook you find out why.
#
# ## One operation
#
# A row command costs 0.786 nJ for each KB of the row. Moving a KB over a DDR3 channel costs about
# 44 nJ to read and 49 to write.

# %%
import matplotlib.pyplot as plt
import numpy as np

import pimsim
from experiments.figures.style import INK, RUST, log_ticks, style
from pimsim.baselines.systems import SYSTEMS
from pimsim.cost import assumptions

part = pimsim.standard("ddr3-1600-8-8-8")
as_published = pimsim.ModelOptions(faw=False, refresh=False)  # as the paper counts
stated = assumptions(part, as_published)  # every result of pimsim says what it rests on
read_nj_per_kb, write_nj_per_kb = stated["read_nj_per_kb"], stated["write_nj_per_kb"]
gpu = SYSTEMS["gtx-745"]
print(f"{gpu.title}: {gpu.peak_gb_per_s:.1f} GB/s, {gpu.peak_source}")

inputs = {"not": 1, "and": 2, "or": 2, "nand": 2, "nor": 2, "xor": 2, "xnor": 2}
energy, speed = [], []
print("        in DRAM: nJ/KB  GB/s   moved: nJ/KB  GB/s")
for name, operands in inputs.items():
    cost = pimsim.primitive_cost(pimsim.PRIMITIVES[name].program(), part, as_published)
    in_dram = cost.energy_pj_per_kb / 1e3
    moved = operands * read_nj_per_kb + write_nj_per_kb
    rate = gpu.peak_gb_per_s / (operands + 1)
    energy.append(moved / in_dram)
    speed.append(cost.throughput_gb_per_s / rate)
    print(f"{name:5} {in_dram:15.2f} {cost.throughput_gb_per_s:6.0f} {moved:13.1f} {rate:6.1f}")

geometric = float(np.exp(np.log(speed).mean()))
harmonic = len(energy) / sum(1 / one for one in energy)
print(f"energy: {harmonic:.1f} times less (harmonic mean of seven)")
print(f"speed: {geometric:.1f} times the GPU at the peak of its memory (geometric mean)")

# %% [markdown]
# **35x** comes out exactly. **32x** is against a graphics card, the GTX 745; it comes out as about
# 29x here, since we give the card the full rate of its memory.
#
# In this comparison every bit crosses the channel for *one* operation. That is right for a bitmap
# index in a data base. A network uses its data many times over.
#
# ## One product
#
# A binary product is an XNOR, and it has to be counted.

# %%
real = pimsim.ModelOptions()  # with tFAW: a part may not open more than four rows in 30 ns
xnor, adder = (pimsim.primitive_cost(pimsim.PRIMITIVES[name].program(), part, real)
               for name in ("xnor", "full-adder"))  # fmt: skip
both_pj = (xnor.energy_pj_per_kb + adder.energy_pj_per_kb) / 8192  # a KB has 8,192 columns
channel_pj = 2 * read_nj_per_kb * 1e3 / 8192  # both bits fetched; the sum stays in a register
print(f"in DRAM {both_pj:.2f} pJ, moved {channel_pj:.1f} pJ: {channel_pj / both_pj:.1f} times")

# %% [markdown]
# From 35 we are down to 7.5: a product is more than one operation. Three more things change the
# answer.
#
# - **Columns.** A command works on 65,536 columns, used or not.
# - **tFAW.** The *four-activate window*: a rank may start four activations in 30 ns, and an AAP
#   has two. Published figures leave it out.
# - **Reuse.** A processor that has fetched a weight keeps it in its cache.
#
# ## A whole network

# %%
network = pimsim.estimate("mnist-cnn", images=1000)
print(network)
for row in network.baselines:
    speedup, saved = row["speedup"], row["energy_ratio"]
    print(f"against {row['baseline']}: {speedup:.2f} times as fast, {saved:.2f} times less energy")
    print("   ", row["assumptions.model"])

# %% [markdown]
# Against a processor that forgets everything (*streaming*), DRAM wins by more than ten. Against
# one with a cache (*reuse-aware*) it does not win. The same network, the same DRAM: what differs
# is whom it is compared with. `docs/thirty-five.md` walks through all of it.
#
# ## Dataflows
#
# Which numbers stay where they are, and which move? The names say what does *not* move:
#
# - **weight-stationary**: weights lie in rows, and inputs come to them. Each product is an AND or
#   an XNOR of two rows.
# - **output-stationary**: sums stay in their columns; weights lie nowhere. They are known
#   beforehand, so they are in the *command stream*: +1 adds a row, -1 adds its complement, at no
#   extra cost.
# - **output-tree**: the same, but outputs share adders (notebook 9).

# %%
batches = (1, 10, 100, 1_000, 10_000)
mappings = ("weight-stationary", "output-stationary", "output-tree")
us = {}
for name in mappings:
    runs = [pimsim.estimate("digits-mlp", images=n, mapping=name) for n in batches]
    us[name] = [run.latency_ps / 1e6 / n for run, n in zip(runs, batches, strict=True)]

with style(), plt.rc_context({"figure.dpi": 150}):
    figure, axes = plt.subplots(figsize=(5.6, 2.8))
    for (name, times), (colour, marker) in zip(
        us.items(), ((INK, "o"), (RUST, "s"), ("#009e73", "^")), strict=True
    ):
        axes.loglog(batches, times, color=colour, marker=marker, label=name)
    log_ticks(axes.xaxis)
    log_ticks(axes.yaxis)
    axes.set(
        xlabel="images in a batch", ylabel="us for an image", title="digits-mlp, three dataflows"
    )
    axes.legend()
    plt.show()

# %% [markdown]
# Where each column has an image of its own (output-stationary, output-tree), a batch of one wastes
# nearly all of a row, and time for an image falls as the batch grows. Weight-stationary spreads
# outputs over the columns, and is best for few images. The others catch up, and with 10,000 images
# the output tree takes least. There is no best dataflow: it depends on the layer and on the batch.
# That is why `mapping="auto"` compares.
#
# ## Exercises
#
# 1. How much of its speed does AND lose to tFAW?
# 2. Take the whole of `mnist-cnn` with `mapping="output-stationary"`, the published way. How much
#    longer does it take?
#
# <details><summary>Solutions</summary>
#
# ```python
# AND = pimsim.PRIMITIVES["and"].program()
# costs = (pimsim.primitive_cost(AND, part, one) for one in (as_published, real))
# free, held = (cost.throughput_gb_per_s for cost in costs)
# print(f"1. {free:.0f} GB/s without, {held:.0f} with: {free / held:.1f} times less")
# published = pimsim.estimate("mnist-cnn", images=1000, mapping="output-stationary")
# print(f"2. {published.latency_ps / network.latency_ps:.1f} times longer")
# ```
#
# </details>
