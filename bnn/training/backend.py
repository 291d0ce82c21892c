"""The modules that training needs, which only :mod:`bnn.train` imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Backend:
    """TensorFlow, the Keras 2 that Larq works with, and Larq."""

    tensorflow: Any
    keras: Any
    larq: Any
