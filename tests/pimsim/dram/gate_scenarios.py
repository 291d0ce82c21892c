"""Every timing constraint as a gate: commands before which another may not come too early."""

from __future__ import annotations

from . import column_gates, row_gates, transfer_gates

SCENARIOS = {**row_gates.SCENARIOS, **column_gates.SCENARIOS, **transfer_gates.SCENARIOS}
