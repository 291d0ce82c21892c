#!/usr/bin/env bash
# In numba 0.68, a uint64 plus 1 is an int64 if it is one number, and a float64 if it is in an array.
#
# One would think that compiled code adds 1 to a word as NumPy adds it to an array of words, in uint64,
# and that a loop over an array and an expression on the whole array agree. Words with the top bit set
# come out negative from the loop, and without their last bits from the expression. It takes a
# `np.uint64(1)` to have uint64 in both.
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
  numba==0.68.1 llvmlite==0.50.0 numpy==1.26.4

"$folder/venv/bin/python" -I - <<'PYTHON'
import sys

import numba
import numpy as np


def whole(words):
    return words + 1


def one(words):
    return words[0] + 1


def whole_typed(words):
    return words + np.uint64(1)


def one_typed(words):
    return words[0] + np.uint64(1)


words = np.array([2**63 + 1], np.uint64)


def show(text, value):
    number = np.ravel(value)[0]
    kind = getattr(number, "dtype", type(number).__name__)
    print(f"{text:38} {int(number)} ({kind})")
    return int(number)


print(f"numba {numba.__version__}, numpy {np.__version__}")
print(f"words = uint64 array of {words[0]}, which is 2**63 + 1")
found = [
    show("NumPy, words + 1", whole(words)),
    show("numba, words + 1", numba.njit(whole)(words)),
    show("numba, words[0] + 1", numba.njit(one)(words)),
    show("numba, words + np.uint64(1)", numba.njit(whole_typed)(words)),
    show("numba, words[0] + np.uint64(1)", numba.njit(one_typed)(words)),
]
exact = 2**63 + 2
if found[0] != exact or found[3:] != [exact, exact]:
    sys.exit("the behaviour has changed: uint64 is no longer kept where it was")
if found[1:3] != [-(2**63), 2 - 2**63]:
    sys.exit("the behaviour has changed")
PYTHON
