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
# # 9 The output tree: one adder for many outputs
#
# Counting is what a network in DRAM spends its time on. The published adder takes eight commands
# for a product. This notebook shows, in three ideas, how it comes down to about 1.4.
#
# ## Idea 1: digits of -1 and +1
#
# Let the bit *y* of a row stand for the digit *z = 2y - 1*. Then three digits are exactly one
# digit and twice another:
#
# $$z_a + z_b + z_c = 2\,z_\mathrm{carry} + z_\mathrm{sum}$$
#
# Try all eight:

# %%
import itertools

import matplotlib.pyplot as plt
import numpy as np

import pimsim
from experiments.figures.style import INK, RUST, style

for bits in itertools.product((0, 1), repeat=3):
    carry, total = int(sum(bits) >= 2), sum(bits) % 2
    digits = [2 * bit - 1 for bit in bits]
    assert sum(digits) == 2 * (2 * carry - 1) + (2 * total - 1)
print("all eight agree")

# %% [markdown]
# The complement of a row is minus its digit. And if all three rows are complemented, so are carry
# and sum. So a weight of -1 costs nothing: take the complement. And the sum *minus* something is
# the complement of a sum.
#
# ## Idea 2: a chain keeps its sum in the cells
#
# A full adder reads three rows and writes two. If the running sum stays in the cells where the
# next adder needs it, an adder reads only two rows and writes one: six commands instead of eight.

# %%
for count in (7, 63, 255, 1023):
    chained, published = (len(pimsim.PRIMITIVES[name].program(count)) / count
                          for name in ("popcount", "popcount-simdram"))  # fmt: skip
    print(f"{count:5} rows: {published:.2f} commands a row as published, {chained:.2f} in chains")

# %% [markdown]
# ## Idea 3: outputs share adders
#
# All outputs of a layer add up the *same* inputs, with different signs. Look at two outputs. For
# each input, they either agree (both + or both -) or disagree. Where they agree, both want the
# same partial sum S. Where they disagree, one wants D and the other -D:
#
# $$A = S + D \qquad B = S - D$$
#
# S and D are added up **once**, for both.

# %%
random = np.random.default_rng(3)
inputs = random.choice([-1, 1], 16)
a, b = random.choice([-1, 1], (2, 16))
agree = a == b
S, D = (a * inputs)[agree].sum(), (a * inputs)[~agree].sum()
print("A =", (a * inputs).sum(), "and S + D =", S + D)
print("B =", (b * inputs).sum(), "and S - D =", S - D)
assert (a * inputs).sum() == S + D
assert (b * inputs).sum() == S - D

# %% [markdown]
# With eight outputs every input has a pattern of eight signs. Inputs with the same pattern (or the
# opposite one) go into one **bucket**: an adder there serves all eight outputs. What is left goes
# to the two halves of the group, where patterns are shorter and buckets merge, and so on: a tree.


# %%
def buckets(weights):
    """How many different patterns of signs there are, a pattern and its opposite being one."""
    turned = weights * weights[0]  # so that the first sign is +
    return len(np.unique(turned, axis=1).T)


fan_in = 576
for outputs in (2, 4, 8):
    weights = random.choice([-1, 1], (outputs, fan_in))
    each = fan_in / buckets(weights)
    print(f"{outputs} outputs: {buckets(weights)} buckets, about {each:.0f} inputs in each")

# %% [markdown]
# ## Together
#
# `folded` builds the programs for a layer and counts their commands, thresholds included.

# %%
from pimsim.products import folded

weights = random.choice([-1, 1], (64, 576))
ways = list(folded(weights))
for way in ways:
    commands, activations = way.commands_per_product, way.acts_per_product
    print(f"{way.name:12} {commands:5.2f} commands a product, {activations:5.2f} activations")

with style(), plt.rc_context({"figure.dpi": 150}):
    figure, axes = plt.subplots(figsize=(5.4, 1.7))
    bars = axes.barh([way.name for way in ways], [way.commands_per_product for way in ways],
                     color=[RUST, "#8fb0cf", INK])  # fmt: skip
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.invert_yaxis()
    axes.set(xlabel="row commands for a product", xlim=(0, 9.5), title="64 outputs, fan-in 576")
    plt.show()

# %% [markdown]
# ## In a network

# %%
for name in ("output-stationary", "output-tree"):
    found = pimsim.estimate("mnist-cnn", images=1000, mapping=name)
    print(f"{name:18} {found.latency_ps / 1e9:6.2f} ms, {found.energy_pj / 1e9:6.2f} mJ")

# %% [markdown]
# ## Exercises
#
# 1. How many buckets are there at most for a group of g outputs? From which fan-in on does a group
#    of 8 pay?
# 2. Trained weights are not random. Do outputs of a trained layer agree more often than random
#    ones?
#
# <details><summary>Solutions</summary>
#
# ```python
# # 1. 2**(g - 1): 128 for eight outputs. With fewer inputs, hardly any two share a bucket.
# for inputs in (32, 128, 512, 2048):
#     some = random.choice([-1, 1], (8, inputs))
#     print(inputs, "inputs:", round(inputs / buckets(some), 1), "in a bucket")
# # 2. `pimsim products --weights mnist-cnn --layer conv2` counts with trained weights:
# from experiments.cli import main
#
# assert main(["products", "--weights", "mnist-cnn", "--layer", "conv2"]) == 0
# ```
#
# </details>
