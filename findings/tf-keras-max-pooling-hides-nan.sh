#!/usr/bin/env bash
# tf-keras 2.21's MaxPooling2D takes NaN for the smallest of numbers, and makes -3.4e38 of nothing but NaN.
#
# One would think that a NaN in a network arrives at its end, so that it is noticed: maximum, reduce_max,
# relu, clipping and GlobalMaxPooling2D all hand it on. MaxPooling2D and MaxPooling1D leave it out: a
# window with a NaN and a number gives the number, and a window of NaN the most negative float32, which
# is finite. A sign behind it, as binarized networks have, makes -1 of it.
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
  tensorflow==2.21.0 tf-keras==2.21.0 keras==3.15.1 h5py==3.14.0 numpy==1.26.4

export TF_USE_LEGACY_KERAS=1 TF_CPP_MIN_LOG_LEVEL=3
"$folder/venv/bin/python" -I - <<'PYTHON'
import sys

import numpy as np
import tensorflow as tf
import tf_keras as keras

windows = {"NaN, 1": [np.nan, 1], "1, NaN": [1, np.nan], "NaN, NaN": [np.nan, np.nan]}
pooled = {}
print(f"tensorflow {tf.__version__}, tf-keras {keras.__version__}")
for name, window in windows.items():
    image = np.float32(window).reshape(1, 1, 2, 1)
    pooled[name] = float(keras.layers.MaxPooling2D((1, 2))(image))
    both = float(keras.layers.GlobalMaxPooling2D()(image))
    largest = float(tf.reduce_max(image))
    print(f"{name:9} MaxPooling2D {pooled[name]:.8g}, GlobalMaxPooling2D {both}, reduce_max {largest}")
    if not (np.isnan(both) and np.isnan(largest)):
        sys.exit("the behaviour has changed")
lowest = float(np.finfo(np.float32).min)
if pooled != {"NaN, 1": 1, "1, NaN": 1, "NaN, NaN": lowest}:
    sys.exit("the behaviour has changed")
PYTHON
