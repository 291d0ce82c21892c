"""Where latent weights start: initializers of Keras by name.

Adding one is one entry of :data:`INITIALIZERS`. With ``n`` inputs and ``m`` outputs of a unit:

- ``glorot`` (also called ``xavier``): variance ``2/(n + m)``; X. Glorot, Y. Bengio,
  "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010;
- ``he``: variance ``2/n``; K. He et al., "Delving deep into rectifiers", ICCV 2015;
- ``unit-uniform``: from -1 to 1, as M. Courbariaux et al., arXiv:1602.02830, 2016, start.

The size of a latent weight does not matter to the network, only to how long a training takes to
turn its sign.
"""

from __future__ import annotations

from typing import Any

_GLOROT_UNIFORM, _GLOROT_NORMAL = "glorot_uniform", "glorot_normal"

INITIALIZERS: dict[str, str | dict[str, Any]] = {
    "glorot-uniform": _GLOROT_UNIFORM,
    "glorot-normal": _GLOROT_NORMAL,
    "xavier-uniform": _GLOROT_UNIFORM,
    "xavier-normal": _GLOROT_NORMAL,
    "he-uniform": "he_uniform",
    "he-normal": "he_normal",
    "unit-uniform": {"class_name": "RandomUniform", "config": {"minval": -1.0, "maxval": 1.0}},
}
"""What Keras makes each initializer from."""
