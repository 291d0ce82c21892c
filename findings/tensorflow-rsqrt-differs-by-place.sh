#!/usr/bin/env bash
# TensorFlow 2.21's rsqrt of ten equal numbers gives eight of one value and two of another.
#
# One would think that a function of each number by itself gives equal numbers equal results, wherever
# they stand. Eight numbers at a time are computed in one way, the one to seven that are left over in
# another, which rounds otherwise. BatchNormalization multiplies by it: behind a dense layer with ten
# outputs, as fresh as it comes, ten equal scores are no longer equal, and the class that wins is
# number 8. Behind a convolution they stay equal. (On x86-64 with AVX.)
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

variance = np.float32(1.001)  # that of a fresh BatchNormalization, 1, and its epsilon
roots = tf.math.rsqrt(tf.fill([10], variance)).numpy()
score = np.float32(7)
dense = keras.Sequential(
    [keras.Input((10,)), keras.layers.BatchNormalization(), keras.layers.Activation("softmax")]
)
image = keras.Sequential([keras.Input((4, 4, 10)), keras.layers.BatchNormalization()])
shares = dense.predict(np.full((1, 10), score), verbose=0)[0]
pixel = image.predict(np.full((1, 4, 4, 10), score), verbose=0)[0, 0, 0]

exact = np.float32(1 / np.sqrt(np.float64(variance)))
print(f"tensorflow {tf.__version__}, tf-keras {keras.__version__}")
print(f"1/sqrt(1.001) in float32       {exact!r}")
print(f"rsqrt, the first and the last  {roots[0]!r} {roots[-1]!r}")
print(f"softmax of ten equal scores    {shares[:8]} {shares[8:]}: class {shares.argmax()}")
print(f"channels of an image           {np.unique(pixel)}")
apart = len(set(roots[:8])) == len(set(roots[8:])) == 1 and roots[0] != roots[8]
if not (apart and shares.argmax() == 8 and len(np.unique(pixel)) == 1):
    sys.exit("the behaviour has changed")
PYTHON
