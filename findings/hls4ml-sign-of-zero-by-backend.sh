#!/usr/bin/env bash
# hls4ml 1.3's backends disagree about the sign of zero.
#
# One would think that a binary activation is +1 at 0, as it is in QKeras, in Larq and in hls4ml's
# Vivado and Vitis backends, or at least the same in all backends of one release. Its Quartus backend
# makes -1 of it. Sums of an even number of signs are often exactly 0, so that a binarized network
# gives other answers after no change but that of the backend.
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

image = keras.Input((5,))
model = keras.Model(image, qkeras.QActivation("binary(alpha=1)")(image))
numbers = np.float32([[-1, -0.5, 0, 0.5, 1]])

found = {"QKeras": model.predict(numbers, verbose=0)[0]}
for backend in ("Vivado", "Vitis", "Quartus"):
    with contextlib.redirect_stdout(io.StringIO()):
        converted = hls4ml.converters.convert_from_keras_model(
            model, output_dir=backend, backend=backend, io_type="io_parallel", part="none"
        )
        converted.compile()
        found[backend] = converted.predict(numbers)

print(f"hls4ml {hls4ml.__version__}")
print(f"numbers  {numbers[0]}")
for name, signs in found.items():
    print(f"{name:8} {signs}")
expected = {"QKeras": 1, "Vivado": 1, "Vitis": 1, "Quartus": -1}
if any(list(found[name]) != [-1, -1, zero, 1, 1] for name, zero in expected.items()):
    sys.exit("the behaviour has changed")
PYTHON
