#!/usr/bin/env bash
# hls4ml 1.3 adds 0 where a binary activation behind a normalization is -1.
#
# One would think that -1 may be stored as the bit 0, as hls4ml does behind a batch normalization, but
# is still -1 to every layer that takes it. It is to dense layers and convolutions. Add, Multiply and
# Concatenate compute with the bit, so that a residual connection of a binarized network, -1 + -1, gives
# 0 instead of -2, in all three backends tried here. Without the normalization, the same signs are -1
# and +1 everywhere. Conversion says nothing.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python=
for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3; do
  if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 12))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "this needs Python 3.11: install one, or set PYTHON to its path" >&2
  exit 2
fi

"$python" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  hls4ml==1.3.0 qkeras==0.9.0 tensorflow==2.14.1 numpy==1.26.4 pyparsing==3.2.5 "setuptools<81"

command -v g++ >/dev/null || { echo "this needs g++" >&2; exit 2; }
export TF_CPP_MIN_LOG_LEVEL=3
cd "$folder"
"$folder/venv/bin/python" -I - <<'PYTHON'
import contextlib
import io
import sys

import hls4ml
import numpy as np
import qkeras
from tensorflow import keras

NUMBERS = np.float32([[-2, -1, 1, 2]])
LAYERS = {
    "nothing": lambda signs, others: signs,
    "Add": lambda signs, others: keras.layers.Add()([signs, others]),
    "Multiply": lambda signs, others: keras.layers.Multiply()([signs, others]),
    "Concatenate": lambda signs, others: keras.layers.Concatenate()([signs, others]),
}


def network(name, normalized):
    """The signs of four numbers, twice, through the layer of this name, each multiplied by 1."""
    image = keras.Input((4,))
    signs = []
    for _ in range(2):
        last = image
        if normalized:
            normal = keras.layers.BatchNormalization(epsilon=0)
            last = normal(last)
            normal.set_weights([np.full(4, number) for number in (0.75, 0, 0, 1)])
        signs.append(qkeras.QActivation("binary(alpha=1)")(last))
    last = LAYERS[name](*signs)
    product = keras.layers.Dense(last.shape[-1], use_bias=False)
    model = keras.Model(image, product(last))
    product.set_weights([np.eye(last.shape[-1])])
    return model


print(f"hls4ml {hls4ml.__version__}, numbers {NUMBERS[0]}")
wrong = {}
for normalized in (False, True):
    print("normalization, sign, and then:" if normalized else "sign, and then:")
    for name in LAYERS:
        model = network(name, normalized)
        by_keras = model.predict(NUMBERS, verbose=0)[0]
        print(f"  {name:12} Keras   {by_keras}")
        for backend in ("Vivado", "Vitis", "Quartus"):
            with contextlib.redirect_stdout(io.StringIO()):
                converted = hls4ml.converters.convert_from_keras_model(
                    model,
                    output_dir=f"{name}{normalized}{backend}",
                    backend=backend,
                    io_type="io_parallel",
                    part="none",
                )
                converted.compile()
                numbers = converted.predict(NUMBERS)
            print(f"{'':14} {backend:7} {numbers}")
            wrong[normalized, name, backend] = bool((numbers != by_keras).any())
if any(was is not (normalized and name != "nothing") for (normalized, name, _), was in wrong.items()):
    sys.exit("the behaviour has changed")
PYTHON
