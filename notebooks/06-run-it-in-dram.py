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
# # 6 Run a network in DRAM
#
# pimsim brings trained networks along. This one has three binary layers and knows handwritten
# digits. We run it in simulated DRAM: every multiplication and every addition is a command to rows
# of cells.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import pimsim
from experiments.figures.style import FILLS, style

done = pimsim.run("digits-mlp", limit=100)
done

# %% [markdown]
# - **accuracy**: how many images were right.
# - **bit exact**: every sum that came out of the simulated rows was compared with the same sum in
#   plain integers. All are equal.
# - **where**: what runs in DRAM rows, and what stays with the processor (the *host*).
# - **macs**: multiply-accumulates, products that are added up.
#
# ## From a layer to rows
#
# A layer becomes a **stage**: operands, weights, and a threshold in place of batch normalization
# and sign. Operands stand vertically, a row for each of their bits. A pixel of 5 bits takes five
# rows, a sign one. Who computes what in which column is called a **mapping**, or a **dataflow**.
# With `mapping="auto"` pimsim takes, for each layer, the one that takes least:

# %%
for layer in done.layers:
    if layer["where"] == "dram":
        print(f"{layer['name']:8} {layer['mapping']:18} {layer['weights']:6} weights, "
              f"{layer['column_utilisation']:.0%} of the columns used")  # fmt: skip

# %% [markdown]
# ## Where the commands go
#
# Three phases: weights are written once, inputs with every batch, and the rest is computing.

# %%
dram = [layer for layer in done.layers if layer["where"] == "dram"]
phases = ("weights", "inputs", "compute")
with style(), plt.rc_context({"figure.dpi": 150}):
    figure, axes = plt.subplots(figsize=(6.2, 2))
    left = np.zeros(len(dram))
    for phase, (colour, hatch) in zip(phases, FILLS, strict=False):
        us = np.array([layer[f"phases.{phase}.latency_ps"] / 1e6 for layer in dram])
        axes.barh(
            [layer["name"] for layer in dram], us, left=left, color=colour, hatch=hatch, label=phase
        )
        left += us
    axes.invert_yaxis()
    axes.set(xlabel="us", title=f"Time of {done.report['images']} images, by phase")
    figure.legend(loc="outside right center")
    plt.show()
print("commands:", {kind: count for kind, count in done.report["commands"].items() if count})

# %% [markdown]
# ## The answers
#
# The last layer leaves ten numbers for each image, the **logits**. The largest is the answer.

# %%
print("logits of the first image:", done.logits[0].round(2))
print("its answer:", done.logits[0].argmax())

# %% [markdown]
# ## A larger network
#
# With MNIST on this machine (`PIMSIM_DATA` names the folder), a convolutional network runs too.
# Without it, its cost is known all the same: booking every command needs no images.

# %%
data = Path(os.environ.get("PIMSIM_DATA", "nowhere"))
if (data / "mnist").is_dir():
    larger = pimsim.run("mnist-cnn", limit=100)
else:
    larger = pimsim.estimate("mnist-cnn", images=100)
larger

# %% [markdown]
# ## Literally, command by command
#
# So far rows were computed by fast compiled code that gives what the commands give. The
# **reference executor** carries out every AAP and AP as it is. It is slower, and comes to the
# same, bit by bit:

# %%
slow = pimsim.run("digits-mlp", limit=4, executor="reference")
fast = pimsim.run("digits-mlp", limit=4)
assert (slow.logits == fast.logits).all()
assert slow.report["commands"] == fast.report["commands"]
print("the same logits, and the same", sum(slow.report["commands"].values()), "commands")

# %% [markdown]
# ## Exercises
#
# 1. Run 10 images and 100 images. How does the time for one image change, and why?
# 2. Another DRAM: `standard="hbm2"`. (`pimsim.standards()` lists them.)
#
# <details><summary>Solutions</summary>
#
# ```python
# for count in (10, 100):
#     some = pimsim.estimate("digits-mlp", images=count)
#     print(count, "images:", some.latency_ps / count / 1e6, "us each")
# # 1. A command works on a whole row, however few columns are used. More images fill more of it.
# other = pimsim.run("digits-mlp", limit=100, standard="hbm2")
# print(other)
# assert other.accuracy == done.accuracy  # what is computed does not depend on the part
# ```
#
# </details>
