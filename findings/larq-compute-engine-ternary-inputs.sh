#!/usr/bin/env bash
# Larq Compute Engine 0.16 makes binary inputs of ternary ones.
#
# One would think that the converter of Larq's own project keeps what Larq's `SteTern` means: -1 or +1
# beyond a threshold, and 0 between. It makes a sign of it: whatever lies above the lower threshold,
# 0 included, becomes +1, and nothing becomes 0. Conversion says nothing. Ternary kernels, and inputs
# with each of the other quantizers of Larq that are tried here, are converted rightly.
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
VALUES = np.array([-1, -0.06, -0.04, 0, 0.04, 0.06, 1], "f")
ONES = np.ones((1, 1, len(VALUES), 1), "f")


def both(inputs, kernels, kernel=ONES):
    """What Keras makes of VALUES, a channel each, and what the converted model makes of them."""
    layer = larq.layers.QuantDepthwiseConv2D(
        1, use_bias=False, input_quantizer=inputs, depthwise_quantizer=kernels
    )
    model = keras.Sequential([keras.Input((1, 1, len(VALUES))), layer])
    layer.set_weights([kernel])
    image = VALUES.reshape(1, 1, 1, -1)
    converted = engine.testing.Interpreter(engine.convert_keras_model(model))
    return model.predict(image, verbose=0).ravel(), converted.predict(image, verbose=0).ravel()


print(f"larq {larq.__version__}, larq-compute-engine 0.16.0, tensorflow {tf.__version__}")
by_keras, converted = both("ste_tern", "ste_sign")
print(f"inputs           {VALUES}")
print(f"ste_tern, Keras  {by_keras}")
print(f"ste_tern, engine {converted}")
changed = by_keras.tolist() == [-1, -1, 0, 0, 0, 1, 1] and converted.tolist() == [-1, -1] + 5 * [1]
others = ["ste_sign", "approx_sign", "swish_sign", "ste_heaviside", "dorefa_quantizer"]
equal = {name: np.array_equal(*both(name, "ste_sign")) for name in others}
equal["ste_tern for kernels"] = np.array_equal(*both("ste_sign", "ste_tern", ONES * VALUES[:, None]))
for name, same in equal.items():
    print(f"{name:20} {'as in Keras' if same else 'another result'}")
if not (changed and all(equal.values())):
    sys.exit("the behaviour has changed")
PYTHON
