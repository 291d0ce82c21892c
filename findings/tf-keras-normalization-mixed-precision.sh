#!/usr/bin/env bash
# tf-keras 2.21's Normalization keeps float16 statistics in mixed precision, and makes NaN of pixels.
#
# One would think that a mixed policy keeps what layers store in float32: that is what it is for,
# and the layer's own `variable_dtype` says so. `adapt` computes and stores mean and variance in
# float16 all the same. From a mean of 256 on, whose square is beyond float16's 65,504, the variance is
# NaN however near to each other the values are, and so is everything that the layer then gives, without
# a warning.
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
import tf_keras as keras

def adapted(policy, values):
    keras.mixed_precision.set_global_policy(policy)
    layer = keras.layers.Normalization()
    layer.adapt(np.float32(values)[:, None])
    of_another_kind = keras.layers.BatchNormalization()
    of_another_kind.build((None, 1))
    mean, variance, _ = layer.weights
    print(f"{policy}: variable_dtype of the layer {layer.variable_dtype}")
    print(f"{policy}: mean {mean.numpy()} {mean.dtype.name}")
    print(f"{policy}: variance {variance.numpy()} {variance.dtype.name}")
    print(f"{policy}: statistics of BatchNormalization {of_another_kind.moving_mean.dtype.name}")
    given = layer(np.float32(values)[:, None]).numpy().ravel()
    print(f"{policy}: {values} becomes {given}")
    return variance.dtype.name, layer.variable_dtype, bool(np.isnan(given).all())


print(f"tf-keras {keras.__version__}")
near, far = [254, 256], [256, 258]
found = {
    (policy, mean): adapted(policy, values)
    for policy in ("float32", "mixed_float16")
    for mean, values in ((255, near), (257, far))
}
expected = {
    ("float32", 255): ("float32", "float32", False),
    ("float32", 257): ("float32", "float32", False),
    ("mixed_float16", 255): ("float16", "float32", False),
    ("mixed_float16", 257): ("float16", "float32", True),
}
if found != expected:
    sys.exit("the behaviour has changed")
PYTHON
