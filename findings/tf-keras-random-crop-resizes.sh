#!/usr/bin/env bash
# tf-keras 2.21's RandomCrop shrinks images where it does not train.
#
# One would think that a layer which cuts 24x24 pixels out of 32x32 ones at random while it trains cuts
# them out of the middle for inference, as CenterCrop does. It shrinks the image to 24x24 instead (the
# largest part of it with that aspect ratio, here all of it), so that the network is tested on another
# scale than it was trained on, and on values between those of the pixels. The other layers that are
# random in training leave images as they are.
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

SIDE, CUT = 32, 24
image = np.arange(SIDE * SIDE, dtype=np.float32).reshape(1, SIDE, SIDE, 1)


def row(x):
    first = np.asarray(x)[0, 0, :, 0]
    return f"{first[:4]} ... {first[-1]}"


def is_a_window(x):
    """Tell whether the pixels of x stand in the image in that order, somewhere."""
    places = range(SIDE - CUT + 1)
    windows = (image[:, i : i + CUT, j : j + CUT] for i in places for j in places)
    return any(np.array_equal(x, window) for window in windows)


random_crop = keras.layers.RandomCrop(CUT, CUT, seed=1)
model = keras.Sequential([keras.Input((SIDE, SIDE, 1)), random_crop])
trained = random_crop(image, training=True).numpy()
predicted = model.predict(image, verbose=0)
centre = keras.layers.CenterCrop(CUT, CUT)(image).numpy()
shrunk = keras.layers.Resizing(CUT, CUT)(image).numpy()
turned = keras.layers.RandomRotation(0.5)(image, training=False).numpy()

print(f"tf-keras {keras.__version__}; first row of 24x24 pixels out of 32x32:")
print(f"RandomCrop, training   {row(trained)}")
print(f"RandomCrop, predicting {row(predicted)}")
print(f"CenterCrop             {row(centre)}")
print(f"Resizing               {row(shrunk)}")
print(f"RandomRotation leaves an image as it is: {np.array_equal(turned, image)}")
as_described = (
    is_a_window(trained)
    and not is_a_window(predicted)
    and np.array_equal(predicted, shrunk)
    and np.array_equal(turned, image)
)
if not as_described:
    sys.exit("the behaviour has changed")
PYTHON
