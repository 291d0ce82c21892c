#!/usr/bin/env bash
# A .keras file of tf-keras 2.21 holds the weights of layers under the names of other layers.
#
# One would think that the weights of the layer `dense` lie under `dense` in the file. They lie under
# the name of the layer's class, counted from the first layer on. With the layers `dense_1` and
# `dense`, in this order (a model built second in a process, with one layer renamed), the file's
# `dense` is `dense_1` and its `dense_1` does not exist or is another layer. Shapes may well agree.
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
cd "$folder"
"$folder/venv/bin/python" -I - <<'PYTHON'
import io
import sys
import zipfile

import h5py
import numpy as np
import tf_keras as keras

model = keras.Sequential([keras.Input((2,))])
for number, name in enumerate(("dense_1", "dense")):
    layer = keras.layers.Dense(2, use_bias=False, name=name)
    model.add(layer)
    layer.set_weights([np.full((2, 2), 10.0 + number)])
model.save("model.keras")

with zipfile.ZipFile("model.keras") as archive:
    file = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
print(f"tf-keras {keras.__version__}, h5py {h5py.__version__}")
found = {}
for name in ("dense_1", "dense"):
    own = model.get_layer(name).get_weights()[0][0, 0]
    found[name] = own, file["layers"][name]["vars"]["0"][0, 0]
    print(f"{name:8} weighs {found[name][0]} in the model, {found[name][1]} in the file")
again = keras.models.load_model("model.keras").get_layer("dense").get_weights()[0][0, 0]
print(f"dense    weighs {again} in the model that is loaded from the file")
if found != {"dense_1": (10, 11), "dense": (11, 10)} or again != 11:
    sys.exit("the behaviour has changed")
PYTHON
