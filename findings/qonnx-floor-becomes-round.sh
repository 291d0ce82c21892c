#!/usr/bin/env bash
# QONNX 1.0's conversion to standard ONNX operators rounds what the network floors.
#
# One would think that `QuantToQCDQ` leaves a quantizer that rounds down or up as it is: QuantizeLinear
# can only round to the nearest integer, and the conversion's own description says that "the
# rounding_mode attribute must be ROUND". It converts it, as if it rounded to the nearest. About half of
# all numbers between two values become the other one. Nothing warns. What the description excludes
# besides, such as a zero point, is left as it is.
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
  qonnx==1.0.0 onnx==1.23.2 onnxruntime==1.32.0 onnxscript==0.7.2 numpy==2.4.6

"$folder/venv/bin/python" -I - <<'PYTHON'
import importlib.metadata
import sys

import numpy as np
import onnx
import qonnx.core.onnx_exec as onnx_exec
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.qonnx_to_qcdq import QuantToQCDQ

DOMAIN = "qonnx.custom_op.general"
NUMBERS = np.float32([[-2.6, -1.9, -0.2, 0.2, 1.9, 2.6]])


def network(mode, zero_point):
    """Signed integers of three bits, rounded so."""
    settings = {"scale": 1, "zero": zero_point, "bits": 3}
    node = helper.make_node(
        "Quant",
        ["numbers", *settings],
        ["integers"],
        domain=DOMAIN,
        signed=1,
        narrow=0,
        rounding_mode=mode,
    )
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, NUMBERS.shape)
        for name in ("numbers", "integers")
    ]
    constants = [numpy_helper.from_array(np.float32(n), name) for name, n in settings.items()]
    graph = helper.make_graph([node], "quantizer", ends[:1], ends[1:], constants)
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)]
    return ModelWrapper(helper.make_model(graph, opset_imports=opsets, ir_version=8))


def integers(model):
    """What they are, without a minus before 0."""
    model = model.transform(InferShapes())
    return onnx_exec.execute_onnx(model, {"numbers": NUMBERS})["integers"][0] + 0.0


print(f"qonnx {importlib.metadata.version('qonnx')}, onnx {onnx.__version__}; numbers {NUMBERS[0]}")
changed = {}
for mode, zero_point in (("ROUND", 0), ("FLOOR", 0), ("CEIL", 0), ("FLOOR", 1)):
    model = network(mode, zero_point)
    before = integers(model)
    converted = model.transform(QuantToQCDQ())
    after = integers(converted)
    operations = [node.op_type for node in converted.graph.node if node.op_type != "Constant"]
    changed[mode, zero_point] = int((before != after).sum())
    print(f"{mode:5}, zero point {zero_point}: {before}")
    print(f"{'converted':>19}: {after}  {', '.join(operations)}")
if changed != {("ROUND", 0): 0, ("FLOOR", 0): 3, ("CEIL", 0): 3, ("FLOOR", 1): 0}:
    sys.exit("the behaviour has changed")
PYTHON
