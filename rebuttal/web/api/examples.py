"""For each route what one may send, and what comes back: shown in the description, and tried."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[tuple[str, str], tuple[object, object]] = {}
