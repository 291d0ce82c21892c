#!/usr/bin/env bash
# Larq 0.14 cannot read or save binary weights of a model in mixed precision.
#
# One would think that `larq.context.quantized_scope`, in which a model gives (and saves) its weights
# quantized, works under Keras's mixed_float16 policy, under which the same model trains and predicts.
# Every read of a quantized kernel in that scope raises a TypeError instead. Out of the scope, the
# latent weights can be read.
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
import tempfile
from pathlib import Path

import larq
import numpy as np
import tf_keras as keras


def quantized(policy):
    keras.mixed_precision.set_global_policy(policy)
    dense = larq.layers.QuantDense(
        2, kernel_quantizer="ste_sign", kernel_constraint="weight_clip", use_bias=False
    )
    model = keras.Sequential([keras.Input((2,)), dense])
    model.set_weights([np.float32([[0.5, -0.25], [0.125, -1]])])
    x = np.float32([[2, 1]])
    model.compile("sgd", "mse")
    model.fit(x, np.float32([[3, -3]]), verbose=0)
    print(f"{policy}: predicts {model.predict(x, verbose=0)[0]}")
    print(f"{policy}: latent weights {model.get_weights()[0].tolist()}")
    with tempfile.TemporaryDirectory() as folder, larq.context.quantized_scope(True):
        for name, read in {
            "get_weights": model.get_weights,
            "save_weights": lambda: model.save_weights(Path(folder) / "model.weights.h5"),
        }.items():
            try:
                read()
            except TypeError as error:
                words = " ".join(str(error).split())
                reason = words.partition("). ")[2].partition(":")[0] or words
                print(f"{policy}: {name} raises TypeError: {reason}")
                yield name
            else:
                print(f"{policy}: {name} works")


print(f"larq {larq.__version__}, tf-keras {keras.__version__}")
failing = {policy: list(quantized(policy)) for policy in ("float32", "mixed_float16")}
if failing != {"float32": [], "mixed_float16": ["get_weights", "save_weights"]}:
    sys.exit("the behaviour has changed")
PYTHON
