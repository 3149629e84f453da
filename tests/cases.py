"""How many random cases a test tries; docs/testing.md says how to ask for more."""

from __future__ import annotations

import os


def cases(usual: int) -> int:
    """``usual``, times what ``REBUTTAL_TEST_THOROUGH`` says."""
    return usual * int(os.environ.get("REBUTTAL_TEST_THOROUGH", "1"))
