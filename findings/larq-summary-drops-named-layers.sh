#!/usr/bin/env bash
# Larq 0.14's model summary counts no multiply-accumulates for a layer with "bias" in its name.
#
# One would think that a layer's name is a label. The summary leaves out weights that are biases, and
# takes for one every weight whose full name, the layer's included, has "bias" in it: the kernel of a
# convolution that is called "bias_free" is one.
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
import contextlib
import io
import re
import sys

import larq
import tf_keras as keras


def macs(name):
    convolution = larq.layers.QuantConv2D(
        4,
        3,
        kernel_quantizer="ste_sign",
        kernel_constraint="weight_clip",
        use_bias=False,
        name=name,
    )
    model = keras.Sequential([keras.Input((8, 8, 2)), convolution])
    table = io.StringIO()
    larq.models.summary(model, print_fn=lambda line: print(line, file=table))
    (line,) = re.findall(r"Number of MACs +(\S+(?: [kMGTB])?) +", table.getvalue())
    return line


print(f"larq {larq.__version__}, tf-keras {keras.__version__}")
print("3x3 kernels, 2 channels in, 4 out, 6x6 positions: 3 * 3 * 2 * 4 * 36 = 2592")
found = {name: macs(name) for name in ("conv", "bias_free", "unbiased")}
for name, number in found.items():
    print(f"number of MACs in the summary, layer named {name!r}: {number}")
if found != {"conv": "2.59 k", "bias_free": "0", "unbiased": "0"}:
    sys.exit("the behaviour has changed")
PYTHON
