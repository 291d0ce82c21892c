#!/usr/bin/env bash
# QONNX 1.0's conversion to XNOR and popcount pads a binary convolution with -1 where it padded with 0.
#
# One would think that a conversion either keeps what a network computes or refuses. A convolution of
# signs with zero padding, as Brevitas and PyTorch have it by default, runs rightly as it stands, and
# refuses to run once it is a matrix product: a sign cannot be 0, it says. With
# ConvertBipolarMatMulToXnorPopcount it runs again: the padded 0 counts as the bit of -1, and every
# sum along the border may be wrong. Nothing warns. Without padding all three agree.
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
  qonnx==1.0.0 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6

"$folder/venv/bin/python" -I - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.bipolar_to_xnor import ConvertBipolarMatMulToXnorPopcount
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul

CHANNELS, FILTERS, SIZE = 8, 4, 5
rng = np.random.default_rng(0)
image = rng.normal(size=(1, CHANNELS, SIZE, SIZE)).astype("f")
kernel = rng.choice([-1, 1], (FILTERS, CHANNELS, 3, 3)).astype("f")


def network(pad):
    """Signs of numbers, and a binary convolution of them."""
    sign = helper.make_node(
        "MultiThreshold", ["x", "zero"], ["signs"], domain="qonnx.custom_op.general",
        out_dtype="BIPOLAR", out_scale=2.0, out_bias=-1.0,
    )
    convolution = helper.make_node(
        "Conv", ["signs", "kernel"], ["y"], kernel_shape=[3, 3], pads=[pad] * 4,
        strides=[1, 1], dilations=[1, 1], group=1,
    )
    shapes = {"x": [1, CHANNELS, SIZE, SIZE], "y": [1, FILTERS] + [SIZE - 2 + 2 * pad] * 2}
    x, y = (helper.make_tensor_value_info(k, TensorProto.FLOAT, s) for k, s in shapes.items())
    graph = helper.make_graph([sign, convolution], "network", [x], [y])
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]
    model = ModelWrapper(helper.make_model(graph, opset_imports=opsets))
    model.set_initializer("zero", np.zeros((CHANNELS, 1), "f"))
    model.set_initializer("kernel", kernel)
    for name in ("kernel", "signs"):
        model.set_tensor_datatype(name, DataType["BIPOLAR"])
    return model.transform(InferShapes()).transform(InferDataTypes())


def result(model):
    """What it computes; None where it refuses to."""
    try:
        return execute_onnx(model, {"x": image})["y"]
    except AssertionError as error:
        print(f"  refused: {error}")
        return None


print(" ".join(f"{name} {version(name)}" for name in ("qonnx", "onnx", "onnxruntime")))
seen = {}
for pad in (0, 1):
    print(f"padded with {pad} rows of zeros")
    model = network(pad)
    lowered = model.transform(LowerConvsToMatMul())
    lowered = lowered.transform(InferShapes()).transform(InferDataTypes())
    counted = lowered.transform(ConvertBipolarMatMulToXnorPopcount())
    right, product, count = result(model), result(lowered), result(counted)
    wrong = np.abs(count - right)[0].max(axis=0)
    print(f"  largest error of XNOR and popcount, by position:\n{wrong.astype(int)}")
    minus = np.pad(np.where(image >= 0, 1, -1), [(0, 0), (0, 0), (pad, pad), (pad, pad)],
                   constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(minus, (3, 3), axis=(2, 3))
    padded = np.einsum("ncyxij,fcij->nfyx", windows, kernel)
    seen[pad] = product is None, wrong[1:-1, 1:-1].max() > 0, wrong.max() > 0
    if not np.array_equal(count, padded):
        sys.exit("the behaviour has changed")
if seen != {0: (False, False, False), 1: (True, False, True)}:
    sys.exit("the behaviour has changed")
PYTHON
