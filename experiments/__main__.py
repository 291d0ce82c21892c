"""``python -m experiments`` is ``pimsim``."""

from __future__ import annotations

import sys

from experiments.cli import main

sys.exit(main())
