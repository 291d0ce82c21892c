#!/usr/bin/env bash
# Larq Compute Engine 0.16 gets signs wrong at the borders of a binary convolution with zero padding.
#
# One would think that a positive scale of batch normalization changes no sign. Where a binary
# convolution pads with zeros (Larq's default), is scaled, and feeds another binary convolution, the
# converted model takes other signs along the border than Keras does, of sums far from 0. Without the
# second convolution the same sums are right, and with `pad_values=1` everything is. Conversion says
# nothing.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python=
for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3; do
  if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "this needs Python 3.11 or 3.12: install one, or set PYTHON to its path" >&2
  exit 2
fi

"$python" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  larq==0.13.3 larq-compute-engine==0.16.0 tensorflow==2.16.2 tf-keras==2.16.0 keras==3.15.1 \
  h5py==3.14.0 numpy==1.26.4

export TF_USE_LEGACY_KERAS=1 TF_CPP_MIN_LOG_LEVEL=3
"$folder/venv/bin/python" -I - <<'PYTHON'
import logging
import sys

import larq
import larq_compute_engine as engine
import numpy as np
import tensorflow as tf
import tf_keras as keras

logging.disable(logging.WARNING)
CHANNELS, SIZE = 64, 8
rng = np.random.default_rng(0)
kernel = rng.choice([-1.0, 1.0], (3, 3, CHANNELS, CHANNELS)).astype("f")
image = rng.choice([-1.0, 1.0], (1, SIZE, SIZE, CHANNELS)).astype("f")
copies = np.where(np.eye(CHANNELS), 1.0, -1.0).reshape(1, 1, CHANNELS, CHANNELS)


def convolution(size, **more):
    quantizers = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    return larq.layers.QuantConv2D(CHANNELS, size, use_bias=False, **quantizers, **more)


def differences(pad_value, scale, again):
    """Numbers that differ between Keras and the converted model: along the border, and inside."""
    first = convolution(3, padding="same", pad_values=pad_value)
    norm = keras.layers.BatchNormalization(center=False, epsilon=0)
    layers = [keras.Input((SIZE, SIZE, CHANNELS)), first, norm]
    second = convolution(1)
    model = keras.Sequential([*layers, second] if again else layers)
    first.set_weights([kernel])
    norm.set_weights([np.full(CHANNELS, one, "f") for one in (scale, 0, 1)])
    if again:
        second.set_weights([copies])
    by_keras = model.predict(image, verbose=0)
    file = engine.convert_keras_model(model)
    converted = engine.testing.Interpreter(file).predict(image, verbose=0)
    wrong = np.abs(by_keras - converted)[0] > 1e-3
    inside = int(wrong[1:-1, 1:-1].sum())
    return int(wrong.sum()) - inside, inside


print(f"larq {larq.__version__}, larq-compute-engine 0.16.0, tensorflow {tf.__version__}")
found = {}
for pad_value, scale, again in [(0, 1.7, True), (0, 1.7, False), (0, 1.0, True), (1, 1.7, True)]:
    border, inside = found[pad_value, scale, again] = differences(float(pad_value), scale, again)
    then = "then a binary convolution" if again else "nothing after it      "
    case = f"padded with {pad_value}, scaled by {scale}, {then}"
    print(f"{case}: {border:4} differ at the border, {inside} inside")
if found.pop((0, 1.7, True)) != (1328, 0) or any(any(each) for each in found.values()):
    sys.exit("the behaviour has changed")
PYTHON
