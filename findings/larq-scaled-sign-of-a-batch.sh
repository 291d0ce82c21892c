#!/usr/bin/env bash
# Larq 0.14's magnitude_aware_sign as the input quantizer of a dense layer depends on the batch.
#
# One would think that a quantizer turns each image's values into signs times one number of that
# image. The quantizer averages magnitudes over every axis but the last, the batch among them: what is
# predicted for an image depends on its neighbours, and an image by itself is not quantized at all.
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
import tf_keras as keras

dense = larq.layers.QuantDense(
    2,
    input_quantizer="magnitude_aware_sign",
    kernel_quantizer="ste_sign",
    kernel_constraint="weight_clip",
    use_bias=False,
)
model = keras.Sequential([keras.Input((4,)), dense])
model.set_weights([np.float32([[1, -1], [1, 1], [-1, 1], [1, 1]])])
image = np.float32([[0.5, -0.25, 0.25, 1]])
neighbour = np.float32([[-5, 9, -7, 8]])

quantized = larq.quantizers.MagnitudeAwareSign()(image).numpy()
alone = model.predict(image, verbose=0)[0]
beside = model.predict(np.concatenate([image, neighbour]), verbose=0)[0]

print(f"larq {larq.__version__}, tf-keras {keras.__version__}")
print(f"image                        {image[0]}")
print(f"the same, quantized          {quantized[0]}")
print(f"logits, image by itself      {alone}: class {alone.argmax()}")
print(f"logits, beside another image {beside}: class {beside.argmax()}")
if not (np.array_equal(quantized, image) and alone.argmax() == 0 and beside.argmax() == 1):
    sys.exit("the behaviour has changed")
PYTHON
