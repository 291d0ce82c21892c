#!/usr/bin/env bash
# TensorFlow 2.21's elu and selu give 0 for negative numbers nearer to 0 than 2**-25 (2.98e-8).
#
# One would think that elu, whose slope at 0 is 1, keeps the sign of every number, as tanh, gelu and
# swish do here: exp(x) - 1 has an exact function of its own. TensorFlow rounds exp(x) to float32 before
# it takes 1 off. A sign behind it, as binarized networks have, is +1 where it was -1 before.
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
  larq==0.14.0 tensorflow==2.21.0 tf-keras==2.21.0 keras==3.15.1 h5py==3.14.0 numpy==1.26.4

export TF_USE_LEGACY_KERAS=1 TF_CPP_MIN_LOG_LEVEL=3
"$folder/venv/bin/python" -I - <<'PYTHON'
import sys

import larq
import numpy as np
import tensorflow as tf
import tf_keras as keras

x = np.float32([-1e-3, -1e-7, -2e-8, -1e-8, -1e-20])


def signs(name):
    model = keras.Sequential([keras.Input(x.shape), keras.layers.Activation(name)])
    values = model.predict(x[None], verbose=0)[0]
    found = larq.quantizers.ste_sign(values).numpy().astype(int).tolist()
    print(f"{name:5} {values}, signs {found}")
    return found


print(f"tensorflow {tf.__version__}, tf-keras {keras.__version__}, larq {larq.__version__}")
print(f"x     {x}, signs {larq.quantizers.ste_sign(x).numpy().astype(int).tolist()}")
print(f"NumPy's expm1(x), which is what elu is below 0: {np.expm1(x)}")
lost, kept = [-1, -1, 1, 1, 1], [-1] * 5
found = {name: signs(name) for name in ("elu", "selu", "tanh", "gelu", "swish")}
if found != {"elu": lost, "selu": lost, "tanh": kept, "gelu": kept, "swish": kept}:
    sys.exit("the behaviour has changed")
PYTHON
