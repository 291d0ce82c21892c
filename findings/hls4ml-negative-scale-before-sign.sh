#!/usr/bin/env bash
# hls4ml 1.3 inverts signs behind a batch normalization whose scale is negative.
#
# One would think that normalization and a binary or ternary activation are joined to thresholds as
# papers on binarized networks have it: where gamma is negative, +1 lies below the threshold. The
# three backends tried here compute the right threshold and then compare as if gamma were positive, so
# that each such channel gives -1 for +1 and +1 for -1, far from any tie. Normalization without the
# activation is right, and so is a positive gamma. Conversion says nothing.
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
SIGNS = {"none": None, "binary": "binary(alpha=1)", "ternary": "ternary(alpha=1,threshold=0.5)"}


def network(gamma, signs):
    """Four numbers, normalized with this gamma, then their signs, each multiplied by 1."""
    image = keras.Input((4,))
    normal = keras.layers.BatchNormalization(epsilon=0)
    last = normal(image)
    if signs:
        last = qkeras.QActivation(signs)(last)
    product = keras.layers.Dense(4, use_bias=False)
    model = keras.Model(image, product(last))
    normal.set_weights([np.full(4, number) for number in (gamma, 0, 0, 1)])
    product.set_weights([np.eye(4)])
    return model


print(f"hls4ml {hls4ml.__version__}, numbers {NUMBERS[0]}")
wrong = {}
for name, signs in SIGNS.items():
    for gamma in (0.75, -0.75):
        model = network(gamma, signs)
        by_keras = model.predict(NUMBERS, verbose=0)[0]
        print(f"gamma {gamma:5}, activation {name:8} Keras   {by_keras}")
        for backend in ("Vivado", "Vitis", "Quartus"):
            with contextlib.redirect_stdout(io.StringIO()):
                converted = hls4ml.converters.convert_from_keras_model(
                    model,
                    output_dir=f"{name}{gamma}{backend}",
                    backend=backend,
                    io_type="io_parallel",
                    part="none",
                )
                converted.compile()
                numbers = converted.predict(NUMBERS)
            print(f"{'':33} {backend:7} {numbers}")
            wrong[gamma, name, backend] = int((numbers != by_keras).sum())
for (gamma, name, backend), count in wrong.items():
    if count != (4 if gamma < 0 and name != "none" else 0):
        sys.exit("the behaviour has changed")
PYTHON
