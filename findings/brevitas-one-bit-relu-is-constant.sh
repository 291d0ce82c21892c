#!/usr/bin/env bash
# Brevitas 0.13 exports a ReLU of one bit to QONNX as a constant.
#
# One would think that `QuantReLU(bit_width=1)`, which gives 0 or a positive number, is exported as
# that, as it is with two bits and more, or refused. The export takes every quantizer of one bit for a
# sign, which gives a negative number or a positive one. Behind the ReLU, which the export keeps, nothing
# is negative: what the exported network computes no longer depends on its input. Other unsigned bits
# become signs. Nothing warns.
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
  brevitas==0.13.4 torch==2.14.1 qonnx==1.0.0 onnx==1.23.2 onnxruntime==1.32.0 onnxscript==0.7.2 \
  onnxoptimizer==0.4.2 numpy==2.4.6

cd "$folder"
"$folder/venv/bin/python" -I - <<'PYTHON'
import contextlib
import io
import logging
import sys
import warnings

import brevitas
import brevitas.nn as quantized
import numpy as np
import qonnx.core.onnx_exec as onnx_exec
import torch
from brevitas.export import export_qonnx
from brevitas.quant import SignedBinaryActPerTensorConst, Uint8ActPerTensorFloat
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.cleanup import cleanup_model

logging.disable(logging.WARNING)
warnings.simplefilter("ignore")
NUMBERS = torch.linspace(-2, 2, 8)[None]


def values(layer):
    """What a quantizer gives for the numbers: in PyTorch, and exported."""
    network = torch.nn.Sequential(layer).train()
    network(NUMBERS)  # it finds its scale
    with torch.no_grad():
        here = network.eval()(NUMBERS)[0].numpy()
    with contextlib.redirect_stdout(io.StringIO()):
        export_qonnx(network, NUMBERS, "exported.onnx")
    exported = cleanup_model(ModelWrapper("exported.onnx"))
    fed = {exported.graph.input[0].name: NUMBERS.numpy()}
    there = onnx_exec.execute_onnx(exported, fed)[exported.graph.output[0].name][0]
    return here, there, [node.op_type for node in exported.graph.node]


print(f"brevitas {brevitas.__version__}, qonnx 1.0.0; numbers {NUMBERS[0].numpy().round(2)}")
unsigned = {"act_quant": Uint8ActPerTensorFloat}
cases = {
    "ReLU of 1 bit": quantized.QuantReLU(bit_width=1),
    "ReLU of 2 bits": quantized.QuantReLU(bit_width=2),
    "1 unsigned bit": quantized.QuantIdentity(bit_width=1, **unsigned),
    "2 unsigned bits": quantized.QuantIdentity(bit_width=2, **unsigned),
    "sign": quantized.QuantIdentity(act_quant=SignedBinaryActPerTensorConst),
}
results = {}
for name, layer in cases.items():
    here, there, operations = results[name] = values(layer)
    print(f"{name:15} in PyTorch {here.round(2)}")
    print(f"{'':15} exported   {there.round(2)}, {', '.join(operations)}")
for name, (here, there, _) in results.items():
    lost = name in ("ReLU of 1 bit", "1 unsigned bit")
    if np.allclose(here, there) is lost:
        sys.exit("the behaviour has changed")
relu = results["ReLU of 1 bit"]
if len(set(relu[0])) != 2 or len(set(relu[1])) != 1:
    sys.exit("the behaviour has changed")
PYTHON
