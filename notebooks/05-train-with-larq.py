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
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", f"{source}[larq]"], check=True
    )

# %% [markdown]
# # 5 Train a binarized network with Larq
#
# [Larq](https://docs.larq.dev) trains networks whose weights and activations are -1 or +1. It
# extends Keras by layers that *quantize*: they put the sign of a number in its place.
#
# The difficulty is that a sign has no slope to learn from. The usual way out: keep **latent
# weights**, ordinary real numbers. Going forward, their signs are used. Going back, the slope is
# passed on as if the sign were not there, as long as the number is between -1 and 1: a
# **straight-through estimator**, `ste_sign` in Larq.
#
# This notebook needs the extra `larq` (`pip install "pimsim[larq]"`: TensorFlow and Larq).
# Training takes seconds.

# %%
import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # Larq is made for Keras 2
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import larq
import matplotlib.pyplot as plt
import numpy as np
import tf_keras as keras
from sklearn.datasets import load_digits

import pimsim
from experiments.figures.style import INK, RUST, style

keras.utils.set_random_seed(7)

# %% [markdown]
# ## Data
#
# Handwritten digits that come with scikit-learn: 1,797 images of 8 x 8 pixels, from 0 to 16.

# %%
digits = load_digits()
x, y = digits.data.astype(np.float32), digits.target
x_train, y_train, x_test, y_test = x[:1297], y[:1297], x[1297:], y[1297:]
print(x_train.shape, x_test.shape, "pixels from", x.min(), "to", x.max())

# %% [markdown]
# ## The network
#
# Three layers. All weights are binary. The first layer takes pixels, the others take signs. Behind
# each product a **batch normalization** shifts and scales the sums. Behind a sign that is only a
# threshold: later, in DRAM, it costs one comparison with an integer.


# %%
def dense(units, signs_in=True):
    """A layer with weights of -1 and +1, of signs or of pixels."""
    return larq.layers.QuantDense(
        units,
        input_quantizer="ste_sign" if signs_in else None,
        kernel_quantizer="ste_sign",
        kernel_constraint="weight_clip",
        use_bias=False,
    )


def norm():
    """A batch normalization, without a scale."""
    return keras.layers.BatchNormalization(scale=False, momentum=0.9)


model = keras.Sequential(
    [
        keras.layers.InputLayer((64,)),
        dense(128, signs_in=False), norm(),
        dense(128), norm(),
        dense(10), norm(),
        keras.layers.Activation("softmax"),
    ],
    name="my_digits",
)  # fmt: skip
model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", ["accuracy"])
history = model.fit(x_train, y_train, batch_size=64, epochs=15, verbose=0,
                    validation_data=(x_test, y_test)).history  # fmt: skip
print(f"right: {history['val_accuracy'][-1]:.1%} of {len(x_test)} images that it has not seen")

# %%
with style(), plt.rc_context({"figure.dpi": 150}):
    figure, axes = plt.subplots(figsize=(5, 2.5))
    axes.plot(np.array(history["accuracy"]) * 100, color=INK, label="learned from")
    axes.plot(np.array(history["val_accuracy"]) * 100, color=RUST, dashes=(4, 2), label="not seen")
    axes.set(xlabel="epoch", ylabel="right, %", title="Learning")
    axes.legend()
    plt.show()

# %% [markdown]
# ## What was learned
#
# The latent weights are real numbers; what counts is their sign. Here are the weights of four
# units of the first layer, as the network uses them.

# %%
latent = model.layers[0].get_weights()[0]
print("latent weights:", latent[:3, 0].round(2), "... used as", np.where(latent[:3, 0] >= 0, 1, -1))
with style(), plt.rc_context({"figure.dpi": 130}):
    figure, panels = plt.subplots(1, 4, figsize=(5.4, 1.5))
    for unit, axes in enumerate(panels):
        axes.imshow(latent[:, unit].reshape(8, 8) >= 0, cmap="cividis")
        axes.set(xticks=[], yticks=[], title=f"unit {unit}")
    plt.show()

# %% [markdown]
# ## The same network in DRAM
#
# pimsim takes the model as it is in memory. It reads weights and normalizations out of it, and
# lays them out in DRAM rows. Nothing of TensorFlow runs from here on.

# %%
done = pimsim.run(model, x_test[:100], y_test[:100])
done

# %%
predicted = model.predict(x_test[:100], verbose=0).argmax(axis=1)
same = done.logits.argmax(axis=1) == predicted
print(f"{same.sum()} of 100 answers are those of Keras; every sum exact: {done.bit_exact}")
assert same.all()
assert done.bit_exact

# %% [markdown]
# ## Exercises
#
# 1. Why is there no scale in the batch normalization? What would a negative one do to the sign
#    behind it?
# 2. Save the model and run it from the command line.
# 3. `pimsim train digits-mlp --out mine.keras` does the same with recipes. What does its model
#    card say?
#
# <details><summary>Solutions</summary>
#
# ```python
# # 1. In front of a sign a positive scale changes nothing, and a negative one turns it round.
# #    pimsim can do both: a falling threshold is the complement. Leaving it out is simpler.
# # 2. The file holds weights and layers:
# import tempfile
#
# with tempfile.TemporaryDirectory() as folder:
#     model.save(f"{folder}/my-digits.keras")
#     np.savez(f"{folder}/mine.npz", x=x_test, y=y_test)
#     # pimsim run my-digits.keras --data mine.npz --limit 50
#     again = pimsim.run(f"{folder}/my-digits.keras", data=f"{folder}/mine.npz", limit=50)
# print(again)
# # 3. Every setting: optimizer, learning rate, epochs, seed, and what came out.
# ```
#
# </details>
