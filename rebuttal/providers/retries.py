"""How long to wait before a server that failed is asked once more."""

from __future__ import annotations

from rebuttal.errors import ModelError, RateLimited
from rebuttal.providers.base import Limits


def patience(problem: ModelError, tries: int, limits: Limits) -> float | None:
    """Seconds until the next try, behind ``tries`` in vain; None where there is to be none."""
    if not problem.worth_retrying or tries >= limits.retries:
        return None
    asked = problem.retry_after if isinstance(problem, RateLimited) else None
    if asked is None:
        return 2.0**tries
    return asked if asked <= limits.longest_wait else None
