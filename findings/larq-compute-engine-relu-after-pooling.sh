#!/usr/bin/env bash
# Larq Compute Engine 0.16 drops a ReLU between max pooling and a sign.
#
# One would think that pooling and ReLU may change places, as the largest of numbers that are cut off
# at 0 is the largest of the numbers, cut off at 0. In a model that the engine converted they may not:
# max pooling, ReLU and then a binary layer compute without the ReLU, so that negative numbers become
# -1, where Keras has +1 (the sign of 0). With ReLU every sign is +1, so that this is a network which
# somebody got wrong; Keras and the converted model are wrong in two ways. ReLU before the pooling is
# kept, and so is one behind average pooling or normalization. Conversion says nothing.
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
CHANNELS = 32
SIGNS = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "use_bias": False}
rng = np.random.default_rng(0)
image = rng.normal(size=(1, 8, 8, CHANNELS)).astype("f")


def differences(*between):
    """How many numbers of a binary convolution differ, with these layers before it."""
    layers = [keras.Input(image.shape[1:]), *between]
    model = keras.Sequential([*layers, larq.layers.QuantConv2D(CHANNELS, 1, **SIGNS)])
    kernel = rng.choice([-1.0, 1.0], (1, 1, CHANNELS, CHANNELS)).astype("f")
    model.layers[-1].set_weights([kernel])
    by_keras = model.predict(image, verbose=0)
    converted = engine.testing.Interpreter(engine.convert_keras_model(model))
    return int((np.abs(by_keras - converted.predict(image, verbose=0)) > 1e-3).sum()), by_keras.size


pool, average = keras.layers.MaxPool2D, keras.layers.AveragePooling2D
normal, relu = keras.layers.BatchNormalization, keras.layers.ReLU
convolution = larq.layers.QuantConv2D
print(f"larq {larq.__version__}, larq-compute-engine 0.16.0, tensorflow {tf.__version__}")
cases = {
    "max pooling, ReLU": [pool(), relu()],
    "max pooling, ReLU up to 6": [pool(), relu(6)],
    "binary convolution, max pooling, ReLU": [convolution(CHANNELS, 3, **SIGNS), pool(), relu()],
    "ReLU, max pooling": [relu(), pool()],
    "average pooling, ReLU": [average(), relu()],
    "normalization, ReLU": [normal(), relu()],
    "max pooling alone": [pool()],
}
wrong = {}
for name, between in cases.items():
    wrong[name], size = differences(*between)
    print(f"{name + ', binary convolution:':60} {wrong[name]:4} of {size} differ")
lost = {name for name, count in wrong.items() if count > 100}
if lost != set(list(cases)[:3]) or any(count for name, count in wrong.items() if name not in lost):
    sys.exit("the behaviour has changed")
PYTHON
