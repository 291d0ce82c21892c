"""What a hand does on the page, and what an eye reads there."""

from __future__ import annotations

import re
from typing import Any


def choose(page: Any, group: str, name: str) -> None:
    page.locator(f"#{group} button", has_text=re.compile(f"^{name}$")).click()


def move(page: Any, moved: dict[str, float]) -> None:
    """Move sliders as a hand does."""
    for key, value in moved.items():
        page.locator(f'input[data-key="{key}"]').fill(str(value))


def said(page: Any, name: str) -> float:
    text = page.locator(f'[data-number="{name}"] dd').inner_text()
    return float(re.sub(r"[^\d.-]", "", text.replace("\N{MINUS SIGN}", "-").split(",")[0]))


def settled(page: Any) -> None:
    """Wait until what was moved is drawn, and failures are counted."""
    page.evaluate("() => new Promise((r) => requestAnimationFrame(() => setTimeout(r, 50)))")
    page.wait_for_function("document.querySelectorAll('#patterns tbody tr').length > 0")
