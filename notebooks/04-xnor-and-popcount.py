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
# # 4 From votes to XNOR and popcount
#
# A **binarized neural network** has weights and activations of -1 and +1. Its work is to multiply
# such numbers and to add up the products. With a bit 1 for +1 and 0 for -1:
#
# - the **product** of two of them is 1 where they are equal: **XNOR**,
# - the **sum** of n products is *2 × ones - n*: one has to count ones, which is called
#   **popcount**.
#
# Both can be made of votes and complements.
#
# ## XNOR
#
# a XNOR b is (a OR NOT b) AND (NOT a OR b). Two ORs and an AND are three votes, and the
# complements come for nothing with the copies (`B8` is T0 and the n-wordline of DCC0, `B9` is T1
# and the n-wordline of DCC1).

# %%
import numpy as np

import pimsim

XNOR = pimsim.PRIMITIVES["xnor"].program()
print(f"XNOR is {XNOR}: {XNOR.aap} AAPs and {XNOR.ap} APs")

# %% [markdown]
# `(x,y)` is an AAP, a copy. `[x]` is an **AP**, ACTIVATE and PRECHARGE: three rows vote and keep
# the result. Step by step:
#
# | command | what it does |
# |---|---|
# | `(a,B8)` | T0 = a, DCC0 = NOT a |
# | `(b,B9)` | T1 = b, DCC1 = NOT b |
# | `(C1,B10)` | T2 = T3 = 1 |
# | `[B14]` | DCC0, T1, T2 vote: NOT a OR b |
# | `[B15]` | DCC1, T0, T3 vote: a OR NOT b |
# | `(C0,B2)` | T2 = 0 |
# | `(B12,out)` | T0, T1, T2 vote: the AND of both, copied to out |
#
# `pimsim playground` shows every cell at each of these steps.

# %%
subarray = pimsim.Subarray(columns=4)
subarray.write_bits(0, np.array([[0, 0, 1, 1]]))
subarray.write_bits(1, np.array([[0, 1, 0, 1]]))
pimsim.execute(XNOR, subarray, a=0, b=1, out=2)
print("XNOR of all four pairs:", subarray.read_bits(2)[0])
assert subarray.read_bits(2)[0].tolist() == [1, 0, 0, 1]

# %% [markdown]
# ## Adding is voting, too
#
# A **full adder** takes three bits and gives a sum and a carry. The carry is 1 where at least two
# are 1: it *is* the majority. The sum needs two more votes. Eight commands in all.

# %%
adder = pimsim.PRIMITIVES["full-adder"].program()
columns = np.array([[int(bit) for bit in f"{number:03b}"] for number in range(8)]).T
subarray = pimsim.Subarray(columns=8)
for row, bits in enumerate(columns):
    subarray.write_bits(row, bits[np.newaxis])
pimsim.execute(adder, subarray, a=0, b=1, c=2, sum=3, carry=4)
print("a b c   carry sum")
for *abc, carry, total in zip(
    *columns, subarray.read_bits(4)[0], subarray.read_bits(3)[0], strict=True
):
    print(*abc, " ", carry, "   ", total)
    assert 2 * carry + total == sum(abc)

# %% [markdown]
# Numbers stand **vertically**: each column has a number of its own, a row for each of its bits.
# Nothing moves sideways. One command works on all columns, so 65,536 additions take as long as
# one.
#
# ## Popcount
#
# Counting seven rows: three ones become a sum of weight 1 and a carry of weight 2, and so on until
# one row is left for each weight.

# %%
count = pimsim.PRIMITIVES["popcount"].program(7)
random = np.random.default_rng(1)
bits = random.integers(0, 2, (7, 12))
subarray = pimsim.Subarray(columns=12)
places = {name: row for row, name in enumerate(count.symbols)}
for row in range(7):
    subarray.write_bits(places[f"x{row}"], bits[row : row + 1])
pimsim.execute(count, subarray, **places)


def number(rows):
    """The number that stands in each column, its lowest bit in the first row."""
    bits = [subarray.read_bits(places[name])[0].astype(int) for name in rows]
    return sum(bit << weight for weight, bit in enumerate(bits))


counted = number(count.outputs)
print("ones in each column:", counted)
assert (counted == bits.sum(axis=0)).all()

# %% [markdown]
# ## A neuron
#
# Put both together: multiply, then count. Here 7 inputs and 7 weights, for 12 columns at once. (In
# a network each column is another image, another position in an image, or another neuron.)

# %%
x = random.choice([-1, 1], (7, 12))
w = random.choice([-1, 1], (7, 12))
subarray = pimsim.Subarray(columns=12)
commands = 0
for i in range(7):
    subarray.write_bits(places["x0"] + 100, (x[i : i + 1] > 0).astype(int))
    subarray.write_bits(places["x0"] + 101, (w[i : i + 1] > 0).astype(int))
    pimsim.execute(XNOR, subarray, a=places["x0"] + 100, b=places["x0"] + 101, out=places[f"x{i}"])
    commands += len(XNOR)
pimsim.execute(count, subarray, **places)
commands += len(count)
ones = number(count.outputs)
print("dot products:", 2 * ones - 7)
assert (2 * ones - 7 == (x * w).sum(axis=0)).all()
print(f"{commands} commands, {commands / 7:.1f} for each product")

# %% [markdown]
# About eleven commands for a product. Real layers are larger, and there are better ways: Notebook
# 9 comes down to about 1.4.
#
# ## Exercises
#
# 1. How many full adders does a popcount of n rows take, if each turns three rows into two?
# 2. Two's complement: `subtract` computes a - b. Which of `a >= b` is its carry? Try it on all
#    pairs of 3-bit numbers.
#
# <details><summary>Solutions</summary>
#
# ```python
# # 1. Three rows become two. In the end one row is left for each 1 in the binary number n, so
# #    it takes n - popcount(n) adders. With eight commands each, for seven rows:
# plain = pimsim.PRIMITIVES["popcount-simdram"].program(7)
# assert len(plain) == 8 * (7 - 3)
# # 2. The carry is 1 where a >= b.
# minus = pimsim.PRIMITIVES["subtract"].program(3)
# pairs = np.array([(a, b) for a in range(8) for b in range(8)])
# array = pimsim.Subarray(columns=64)
# rows = {name: row for row, name in enumerate(minus.symbols)}
# for which, name in enumerate("ab"):
#     for bit in range(3):
#         array.write_bits(rows[f"{name}{bit}"], (pairs[np.newaxis, :, which] >> bit) & 1)
# pimsim.execute(minus, array, **rows)
# assert (array.read_bits(rows["carry"])[0] == (pairs[:, 0] >= pairs[:, 1])).all()
# ```
#
# </details>
